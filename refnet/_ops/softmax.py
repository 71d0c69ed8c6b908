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
from refnet._tape import Primitive
from refnet._workspace import empty

Array = Any


def shift_down(xp: Any, x: Array, dim: int) -> Array:
    """x minus its maximum along `dim`, in the type computed in: the exponentials then lie in (0, 1]."""
    x = x.astype(_dtype.opmath(x.dtype), copy=False)
    return x - x.max(axis=dim, keepdims=True) if x.size else x


_SMALL = 8.0  # |x| up to which e^x needs no shift: a sum of such is off by no more than one of shifted ones


def exponentials(xp: Any, x: Array, dim: int) -> tuple[Array, Array, Array]:
    """y = x - c in the type computed in, e^y, and its sum along `dim` with size 1, where c keeps e^y in range.

    c is the maximum along `dim`, or 0, for the price of two looks at x, where all of x is small.
    """
    x = x.astype(_dtype.opmath(x.dtype), copy=False)
    y = x if _all_small(xp, x) else shift_down(xp, x, dim)
    powers = _powers(xp, y)
    return y, powers, _sums(xp, powers, dim)


def _all_small(xp: Any, x: Array) -> bool:
    if xp is not numpy or x.size < _MANY:
        return False
    return bool(xp.maximum.reduce(x, axis=None) <= _SMALL and xp.minimum.reduce(x, axis=None) >= -_SMALL)


def _powers(xp: Any, x: Array) -> Array:
    """e^x"""
    return xp.exp(x, out=empty(xp, x.shape, x.dtype)) if x.size >= _MANY and x.flags.c_contiguous else xp.exp(x)


def _sums(xp: Any, x: Array, dim: int) -> Array:
    """The sums along `dim`, which stays with size 1."""
    if dim != x.ndim - 1 or not x.flags.c_contiguous:
        return tree_sum(xp, x, (dim,))
    if xp is numpy and _DOT <= x.shape[dim] <= 64 * _DOT:
        return row_products(xp, x, xp.ones(x.shape[dim], x.dtype))[..., None]
    return xp.add.reduce(x, axis=dim, keepdims=True)


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
    product -= out * _sums(xp, product, dim)
    return product


_softmax.direct(x=_softmax_gradient)
_softmax.on_gpu(kernels.softmax)
_softmax.directly_on_gpu(kernels.softmax_gradient)


@Primitive
def _log_softmax(xp: Any, x: Array, *, dim: int) -> Array:
    """out_i = x_i - max x - ln sum_j e^(x_j - max x)        dL/dx = g - e^out sum_j g_j"""
    shifted, powers, sums = exponentials(xp, x, dim)
    return _row_major(xp, xp.subtract(shifted, xp.log(sums), out=powers), x.dtype)


@_log_softmax.variant
def _log_softmax_composite(xp: Any, x: Array, *, dim: int) -> Array:
    """The logarithm of the softmax: loses small probabilities to underflow."""
    return xp.log(_softmax_composite(xp, x, dim=dim))


log_softmax_array = _log_softmax.forward
_log_softmax.vjp(x=lambda g, out, dim: g - out.exp() * g.sum(dim, keepdim=True))


def _log_softmax_gradient(xp: Any, g: Array, out: Array, dim: int) -> Array:
    share = _powers(xp, out)
    share *= _sums(xp, g, dim)
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
