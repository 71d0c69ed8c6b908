"""softmax, log_softmax and a softmax for masked rows: stable, the first two beside the composite they are tested against."""

import math
from typing import Any

import numpy

from refnet import _dtype
from refnet._check import check
from refnet._kernels import softmax as kernels
from refnet._ops._accumulate import row_products, tree_sum
from refnet._ops._args import expect_tensor, into, type_name
from refnet._ops._dims import dim_of
from refnet._ops._pointwise import vectorized
from refnet._tape import Primitive
from refnet._workspace import empty

Array = Any


def shift_down(xp: Any, x: Array, dim: int) -> Array:
    """x minus its maximum along `dim`, in the type computed in: the exponentials then lie in (0, 1]."""
    x = x.astype(_dtype.opmath(x.dtype), copy=False)
    largest = numpy.maximum.reduce if xp is numpy else xp.max  # numpy's max calls it, by way of Python
    return x - largest(x, axis=dim, keepdims=True) if x.size else x


_SMALL = 8.0  # |x| up to which e^x needs no shift: a sum of such is off by no more than one of shifted ones


def exponentials(
    xp: Any, x: Array, dim: int, out: Array | None = None, *, for_sums: bool = False
) -> tuple[Array, Array, Array]:
    """y = x - c in the type computed in, e^y (in `out`, if given; rough, where it is only wanted `for_sums`), and its sum
    along `dim` with size 1.

    c, which keeps e^y in range, is the maximum along `dim`, or 0, for the price of two looks at x, where all of x is small.
    """
    x = x.astype(_dtype.opmath(x.dtype), copy=False)
    if _short_rows(xp, x, dim):
        y, powers, sums = exponentials(
            xp, xp.ascontiguousarray(x.T), 0, None if out is None else out.T, for_sums=for_sums
        )
        return y.T, powers.T, sums.T
    y = x if _all_small(xp, x) else shift_down(xp, x, dim)
    powers = _powers(xp, y, rough=for_sums) if out is None else xp.exp(y, out=out)
    return y, powers, sums_along(xp, powers, dim)


def room_for_powers(xp: Any, x: Array, dim: int) -> Array:
    """An array for the `out` of `exponentials`, in the layout that suits it."""
    return xp.empty(x.shape[::-1], x.dtype).T if _short_rows(xp, x, dim) else empty(xp, x.shape, x.dtype)


def _short_rows(xp: Any, x: Array, dim: int) -> bool:
    """Whether it is worth turning x round, because numpy goes from row to row slower than it adds one up."""
    return xp is numpy and x.ndim == 2 and dim == 1 and x.shape[1] <= _SHORT < len(x) and x.flags.c_contiguous


def _all_small(xp: Any, x: Array) -> bool:
    if xp is not numpy or x.size < _MANY:
        return False
    return bool(xp.maximum.reduce(x, axis=None) <= _SMALL and xp.minimum.reduce(x, axis=None) >= -_SMALL)


def _powers(xp: Any, x: Array, *, rough: bool = False) -> Array:
    """e^x; if it may be off by |x| / 2 ulp, which nearly cancel in a sum, as 2^(x log2 e), which takes less time."""
    if x.size < _MANY or not x.flags.c_contiguous:
        return xp.exp(x)
    out = empty(xp, x.shape, x.dtype)
    if rough and _EXP2 and xp is numpy and x.dtype == "float32":
        return xp.exp2(xp.multiply(x, x.dtype.type(1 / math.log(2)), out=out), out=out)
    return xp.exp(x, out=out)


def sums_along(xp: Any, x: Array, dim: int) -> Array:
    """The sums along `dim`, which stays with size 1."""
    if dim != x.ndim - 1 or not x.flags.c_contiguous:
        return tree_sum(xp, x, (dim,))
    if xp is numpy and _DOT <= x.shape[dim] <= 64 * _DOT:
        return row_products(xp, x, xp.ones(x.shape[dim], x.dtype))[..., None]
    return xp.add.reduce(x, axis=dim, keepdims=True)


_EXP2 = vectorized("exp2")
_SHORT = 16  # elements of a row, and `tree_sum` adds so many one after the other
_MANY = 1 << 14  # elements from which on two looks cost less than what they save
_DOT = 64  # elements from which on, and times 64 up to which, BLAS adds sooner and as well as a tree of sums


def _row_major(xp: Any, out: Array, dtype: Any) -> Array:
    """The result in its own type, row-major whatever the input, as torch's is."""
    return xp.asarray(out, dtype=dtype, order="C")


@Primitive
def _softmax(xp: Any, x: Array, *, dim: int) -> Array:
    """out_i = e^(x_i - max x) / sum_j e^(x_j - max x)        dL/dx = out (g - sum_j g_j out_j)"""
    _, powers, sums = exponentials(xp, x, dim)
    powers /= sums
    return _row_major(xp, powers, x.dtype)


@_softmax.variant
def _softmax_composite(xp: Any, x: Array, *, dim: int) -> Array:
    """The definition, without the shift: overflows for large x."""
    exponentials = xp.exp(x.astype(_dtype.opmath(x.dtype), copy=False))
    return _row_major(xp, exponentials / exponentials.sum(axis=dim, keepdims=True), x.dtype)


def _softmax_rule(g: Any, out: Any, dim: int) -> Any:
    product = g * out
    return product - out * product.sum(dim, keepdim=True)


_softmax.vjp(x=_softmax_rule)


def _softmax_gradient(xp: Any, g: Array, out: Array, dim: int) -> Array:
    product = g * out
    product -= out * sums_along(xp, product, dim)
    return product


_softmax.direct(x=_softmax_gradient)
_softmax.on_gpu(kernels.softmax)
_softmax.directly_on_gpu(kernels.softmax_gradient)


@Primitive
def _log_softmax(xp: Any, x: Array, *, dim: int) -> Array:
    """out_i = x_i - max x - ln sum_j e^(x_j - max x)        dL/dx = g - e^out sum_j g_j"""
    shifted, powers, sums = exponentials(xp, x, dim, for_sums=True)
    return _row_major(xp, xp.subtract(shifted, xp.log(sums), out=powers), x.dtype)


@_log_softmax.variant
def _log_softmax_composite(xp: Any, x: Array, *, dim: int) -> Array:
    """The logarithm of the softmax: loses small probabilities to underflow."""
    return xp.log(_softmax_composite(xp, x, dim=dim))


log_softmax_array = _log_softmax.forward
_log_softmax.vjp(x=lambda g, out, dim: g - out.exp() * g.sum(dim, keepdim=True))


def _log_softmax_gradient(xp: Any, g: Array, out: Array, dim: int) -> Array:
    share = _powers(xp, out)
    share *= sums_along(xp, g, dim)
    return xp.subtract(g, share, out=share)


_log_softmax.direct(x=_log_softmax_gradient)
_log_softmax.on_gpu(kernels.log_softmax)
_log_softmax.directly_on_gpu(kernels.log_softmax_gradient)


def _along(primitive: Primitive, input: Any, dim: Any, dtype: Any, out: Any, name: str) -> Any:
    expect_tensor(input, name)
    check(
        hasattr(dim, "__index__"),
        lambda: f"{name}(): argument 'dim' (position 2) must be int, not {type(dim).__name__}",
        TypeError,
    )
    if dtype is not None:
        input = input.to(_dtype.check_dtype(dtype, name))
    d = dim_of(dim, input.ndim)
    last = d >= input.ndim - 1  # a number counts as one of one dimension
    check(
        input.dtype.is_floating_point,
        lambda: f"\"{name}_{'lastdim_' if last else ''}kernel_impl\" not implemented for '{type_name(input.dtype)}'",
        NotImplementedError,
    )
    result = primitive(input, dim=d) if input.ndim else primitive(input.reshape(1), dim=0).reshape(())
    return into(out, result, name)


def softmax(input: Any, dim: int, dtype: Any = None, *, out: Any = None) -> Any:
    """e^x_i / sum_j e^x_j along `dim`; input is first converted to `dtype` if given.

    >>> import refnet
    >>> refnet.softmax(refnet.tensor([0.0, 0.0, 1000.0]), dim=0)
    tensor([0., 0., 1.])
    """
    return _along(_softmax, input, dim, dtype, out, "softmax")


def log_softmax(input: Any, dim: int, dtype: Any = None, *, out: Any = None) -> Any:
    """ln softmax(x) along `dim`, without the underflow of small probabilities.

    >>> import refnet
    >>> refnet.log_softmax(refnet.tensor([0.0, 1000.0]), dim=0)
    tensor([-1000.,     0.])
    """
    return _along(_log_softmax, input, dim, dtype, out, "log_softmax")


@Primitive
def masked_softmax(xp: Any, x: Array, *, dim: int) -> Array:
    """`softmax`, but 0 along rows of nothing than -inf        dL/dx = out (g - sum_j g_j out_j)"""
    out = _softmax.forward(xp, x, dim=dim)
    nothing = (x == -math.inf).all(axis=dim, keepdims=True)
    return _row_major(xp, xp.where(nothing, out.dtype.type(0), out), x.dtype)


masked_softmax.vjp(x=_softmax_rule)
masked_softmax.direct(x=_softmax_gradient)
masked_softmax.directly_on_gpu(kernels.softmax_gradient)
