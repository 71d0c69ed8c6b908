"""Running sums and products along one dimension, accumulated in a wider type as torch's are."""

from typing import Any

from refnet import _dtype
from refnet._ops import shape
from refnet._ops._args import expect_tensor, into
from refnet._ops._dims import dim_of
from refnet._ops.pointwise import where
from refnet._tape import Primitive

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
    if x.ndim == 0 or x.numel() == 0:
        return g
    if not (x == 0).any().item():
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
