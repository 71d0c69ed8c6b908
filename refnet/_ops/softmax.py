"""softmax, log_softmax and a softmax for masked rows: stable, the first two beside the composite they are tested against."""

import math
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops._accumulate import tree_sum
from refnet._ops._args import expect_tensor, into, type_name
from refnet._ops._dims import dim_of
from refnet._tape import Primitive

Array = Any


def shift_down(xp: Any, x: Array, dim: int) -> Array:
    """x minus its maximum along `dim`, in the type computed in: the exponentials then lie in (0, 1]."""
    x = x.astype(_dtype.opmath(x.dtype), copy=False)
    return x - x.max(axis=dim, keepdims=True) if x.size else x


def _row_major(xp: Any, out: Array, dtype: Any) -> Array:
    """The result in its own type, row-major whatever the input, as torch's is."""
    return xp.asarray(out, dtype=dtype, order="C")


@Primitive
def _softmax(xp: Any, x: Array, *, dim: int) -> Array:
    """out_i = e^(x_i - max x) / sum_j e^(x_j - max x)        dL/dx = out (g - sum_j g_j out_j)"""
    exponentials = xp.exp(shift_down(xp, x, dim))
    return _row_major(xp, exponentials / tree_sum(xp, exponentials, (dim,)), x.dtype)


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
    product -= out * tree_sum(xp, product, (dim,))
    return product


_softmax.direct(x=_softmax_gradient)


@Primitive
def _log_softmax(xp: Any, x: Array, *, dim: int) -> Array:
    """out_i = x_i - max x - ln sum_j e^(x_j - max x)        dL/dx = g - e^out sum_j g_j"""
    shifted = shift_down(xp, x, dim)
    return _row_major(xp, shifted - xp.log(tree_sum(xp, xp.exp(shifted), (dim,))), x.dtype)


@_log_softmax.variant
def _log_softmax_composite(xp: Any, x: Array, *, dim: int) -> Array:
    """The logarithm of the softmax: loses small probabilities to underflow."""
    return xp.log(_softmax_composite(xp, x, dim=dim))


log_softmax_array = _log_softmax.forward
_log_softmax.vjp(x=lambda g, out, dim: g - out.exp() * g.sum(dim, keepdim=True))


def _log_softmax_gradient(xp: Any, g: Array, out: Array, dim: int) -> Array:
    share = xp.exp(out)
    share *= tree_sum(xp, g, (dim,))
    return xp.subtract(g, share, out=share)


_log_softmax.direct(x=_log_softmax_gradient)


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
