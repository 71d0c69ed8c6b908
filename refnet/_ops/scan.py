"""Running sums, products and extremes along one dimension; sums accumulated in a wider type, as torch's are."""

import math
from typing import Any

from refnet import _dtype
from refnet._ops import shape
from refnet._ops._args import Values, expect_tensor, into, values_into
from refnet._ops._arrays import accumulate
from refnet._ops._dims import dim_of
from refnet._ops.gather import gather
from refnet._ops.pointwise import exp, log, where
from refnet._tape import Primitive, wrap

Array = Any

_ACCUMULATE = {_dtype.float32: _dtype.float64, _dtype.float16: _dtype.float32, _dtype.bfloat16: _dtype.float32}


def _wider(x: Array) -> Any:
    kind = _dtype.from_numpy(x.dtype)
    return _ACCUMULATE.get(kind, kind).numpy


@Primitive
def _cumsum(xp: Any, x: Array, *, dim: int, reverse: bool) -> Array:
    """out_i = sum of x_j for j <= i (j >= i if reverse)        dL/dx = the same of g, from the other end"""
    if x.ndim == 0:
        return x.copy()
    x_in_order = xp.flip(x, dim) if reverse else x
    out = xp.cumsum(x_in_order.astype(_wider(x), copy=False), axis=dim)
    return xp.ascontiguousarray(xp.flip(out, dim) if reverse else out).astype(x.dtype, copy=False)


_cumsum.vjp(x=lambda g, dim, reverse: _cumsum(g, dim=dim, reverse=not reverse))


@Primitive
def _cumprod(xp: Any, x: Array, *, dim: int) -> Array:
    """out_i = product of x_j for j <= i        dL/dx_k = sum over i >= k of g_i out_i / x_k"""
    if x.ndim == 0:
        return x.copy()
    out = xp.cumprod(x.astype(_wider(x), copy=False), axis=dim)
    return xp.ascontiguousarray(out).astype(x.dtype, copy=False)


def _cumprod_rule(g: Any, x: Any, out: Any, dim: int) -> Any:
    if x.ndim == 0 or x.numel() == 0 or x.shape[dim] == 1:
        return g
    if x.device.type == "cpu" and not (x == 0).any().item():  # a GPU is not waited for
        return _cumsum(g * out, dim=dim, reverse=True) / x
    # out_i without the factor x_k, for every pair: the products of x with 1 in place of x_k, where i >= k.
    g, x = shape.movedim(g, dim, -1), shape.movedim(x, dim, -1)
    n = x.shape[-1]
    eye = x.new_ones((n, n)).tril().triu() != 0
    without = _cumprod(where(eye, 1.0, shape.unsqueeze(x, -2)), dim=x.ndim)  # (..., k, i)
    shares = (shape.unsqueeze(g, -2) * without).triu().sum(-1)
    return shape.movedim(shares, -1, dim)


_cumprod.vjp(x=_cumprod_rule)


def _scan(primitive: Primitive, input: Any, dim: int, dtype: Any, out: Any, **options: Any) -> Any:
    name = primitive.__name__[1:]
    expect_tensor(input, name)
    d = dim_of(dim, input.ndim)
    if dtype is not None:
        input = input.to(_dtype.check_dtype(dtype, name))
    elif out is not None:
        input = input.to(out.dtype)
    elif not input.dtype.is_floating_point:
        input = input.to(_dtype.int64)
    return into(out, primitive(input, dim=d, **options), name)


def cumsum(input: Any, dim: int, *, dtype: Any = None, out: Any = None) -> Any:
    """The running sum of input along `dim`; integers and bools as int64 unless `dtype` says otherwise.

    >>> import refnet
    >>> refnet.cumsum(refnet.tensor([1, 2, 3]), 0)
    tensor([1, 3, 6])
    """
    return _scan(_cumsum, input, dim, dtype, out, reverse=False)


def cumprod(input: Any, dim: int, *, dtype: Any = None, out: Any = None) -> Any:
    """The running product of input along `dim`; integers and bools as int64 unless `dtype` says otherwise.

    >>> import refnet
    >>> refnet.cumprod(refnet.tensor([1.0, 2.0, 3.0]), 0)
    tensor([1., 2., 6.])
    """
    return _scan(_cumprod, input, dim, dtype, out)


# --- running extremes ---------------------------------------------------------------------------------------------


def _running(input: Any, dim: int, out: Any, name: str) -> Values:
    """The extreme so far along `dim` and where it stood: of equals the latest; nan beats all, and later ones win."""
    expect_tensor(input, name)
    d = dim_of(dim, input.ndim)
    xp, x = input.device.xp, input._array
    wide = x.astype(_dtype.opmath(x.dtype), copy=False)
    if not x.ndim:
        place = xp.zeros((), "int64")
    else:
        extreme = accumulate(xp, xp.maximum if name == "cummax" else xp.minimum, wide, d)
        wins = (wide == extreme) | (wide != wide)
        numbers = xp.arange(x.shape[d]).reshape((-1,) + (1,) * (x.ndim - d - 1))
        place = accumulate(xp, xp.maximum, xp.where(wins, numbers, 0), d)
    position = wrap(xp.ascontiguousarray(place, dtype="int64") if x.ndim else place, input.device)
    return values_into(out, Values(gather(input, d, position), position), name)


def cummax(input: Any, dim: int, *, out: Any = None) -> Values:
    """(values, indices): the largest element so far along `dim`, and where the latest such stood.

    >>> import refnet
    >>> values, indices = refnet.cummax(refnet.tensor([1, 3, 2, 3]), 0)
    >>> values, indices
    (tensor([1, 3, 3, 3]), tensor([0, 1, 1, 3]))
    """
    return _running(input, dim, out, "cummax")


def cummin(input: Any, dim: int, *, out: Any = None) -> Values:
    """(values, indices): the smallest element so far along `dim`, and where the latest such stood.

    >>> import refnet
    >>> values, indices = refnet.cummin(refnet.tensor([2, 3, 1, 1]), 0)
    >>> values, indices
    (tensor([2, 2, 1, 1]), tensor([0, 0, 2, 3]))
    """
    return _running(input, dim, out, "cummin")


# --- logcumsumexp -------------------------------------------------------------------------------------------------


@Primitive
def _logcumsumexp(xp: Any, x: Array, *, dim: int) -> Array:
    """out_i = log of the sum of e^x_j for j <= i        dL/dx_j = sum over i >= j of g_i e^(x_j - out_i)"""
    if x.ndim == 0 or x.size == 0:
        return x.copy()
    out = accumulate(xp, xp.logaddexp, x.astype(_wider(x), copy=False), dim)
    return xp.ascontiguousarray(out).astype(x.dtype, copy=False)


def _logcumsumexp_rule(g: Any, x: Any, out: Any, dim: int) -> Any:
    """The sum in logarithms, since e^-out alone would overflow: positive and negative g apart."""
    if x.ndim == 0 or x.numel() == 0:
        return g
    return _weighted(g, x, out, dim) - _weighted(-g, x, out, dim)


def _weighted(g: Any, x: Any, out: Any, dim: int) -> Any:
    """sum over i >= j of max(g_i, 0) e^(x_j - out_i)"""
    positive = g > 0
    logarithms = where(positive, log(where(positive, g, 1.0)) - out, -math.inf)
    later = shape.flip(_logcumsumexp(shape.flip(logarithms, dim), dim=dim), dim)
    return exp(later + x)


_logcumsumexp.vjp(x=_logcumsumexp_rule)


def logcumsumexp(input: Any, dim: int, *, out: Any = None) -> Any:
    """The logarithm of the running sum of e^input along `dim`, without overflow.

    >>> import refnet
    >>> refnet.logcumsumexp(refnet.tensor([1000.0, 1000.0]), 0)
    tensor([1000.0000, 1000.6932])
    """
    expect_tensor(input, "logcumsumexp")
    if not input.dtype.is_floating_point:
        input = input.to(_dtype.get_default_dtype())
    return into(out, _logcumsumexp(input, dim=dim_of(dim, input.ndim)), "logcumsumexp")
