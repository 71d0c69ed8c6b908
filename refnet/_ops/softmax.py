"""softmax and log_softmax: stable primitives, each beside the composite it is tested against."""

from typing import Any

from refnet import _dtype
from refnet._tape import Primitive

Array = Any


def _shifted(xp: Any, x: Array, dim: int) -> Array:
    """x minus its maximum along `dim`, in the type computed in: the exponentials then lie in (0, 1]."""
    x = x.astype(_dtype.opmath(x.dtype), copy=False)
    return x - x.max(axis=dim, keepdims=True) if x.size else x


def _row_major(xp: Any, out: Array, dtype: Any) -> Array:
    """The result in its own type, row-major whatever the input, as torch's is."""
    return xp.ascontiguousarray(out, dtype=dtype)


@Primitive
def softmax(xp: Any, x: Array, *, dim: int) -> Array:
    """out_i = e^(x_i - max x) / sum_j e^(x_j - max x)        dL/dx = out (g - sum_j g_j out_j)"""
    exponentials = xp.exp(_shifted(xp, x, dim))
    return _row_major(xp, exponentials / exponentials.sum(axis=dim, keepdims=True), x.dtype)


@softmax.variant
def softmax_composite(xp: Any, x: Array, *, dim: int) -> Array:
    """The definition, without the shift: overflows for large x."""
    exponentials = xp.exp(x.astype(_dtype.opmath(x.dtype), copy=False))
    return _row_major(xp, exponentials / exponentials.sum(axis=dim, keepdims=True), x.dtype)


def _softmax_rule(g: Any, out: Any, dim: int) -> Any:
    product = g * out
    return product - out * product.sum(dim, keepdim=True)


softmax.vjp(x=_softmax_rule)


@Primitive
def log_softmax(xp: Any, x: Array, *, dim: int) -> Array:
    """out_i = x_i - max x - ln sum_j e^(x_j - max x)        dL/dx = g - e^out sum_j g_j"""
    shifted = _shifted(xp, x, dim)
    return _row_major(xp, shifted - xp.log(xp.exp(shifted).sum(axis=dim, keepdims=True)), x.dtype)


@log_softmax.variant
def log_softmax_composite(xp: Any, x: Array, *, dim: int) -> Array:
    """The logarithm of the softmax: loses small probabilities to underflow."""
    return xp.log(softmax_composite(xp, x, dim=dim))


log_softmax.vjp(x=lambda g, out, dim: g - out.exp() * g.sum(dim, keepdim=True))
