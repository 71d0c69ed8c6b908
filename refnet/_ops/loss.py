"""Losses that are primitives, because their gradient is not the derivative of their formula."""

from typing import Any

from refnet._ops.activation import log_sigmoid
from refnet._ops.pointwise import Pointwise, clamp_min, sigmoid

Array = Any


@Pointwise
def binary_cross_entropy(xp: Any, p: Array, y: Array) -> Array:
    """out = (y - 1) max(log(1 - p), -100) - y max(log p, -100)

    dL/dp = g (p - y) / max((1 - p) p, 1e-12): finite at p = 0 and p = 1
    dL/dy = g (log(1 - p) - log p)
    """
    floor = p.dtype.type(-100)
    return (y - 1) * xp.maximum(xp.log1p(-p), floor) - y * xp.maximum(xp.log(p), floor)


binary_cross_entropy.vjp(
    p=lambda g, p, y: g * (p - y) / clamp_min((1 - p) * p, 1e-12),
    y=lambda g, p: g * ((-p).log1p() - p.log()),
)


@Pointwise
def binary_cross_entropy_with_logits(xp: Any, x: Array, y: Array, q: Array) -> Array:
    """out = (1 - y) x + ((q - 1) y + 1) ln(1 + e^-x), without overflow

    dL/dx = g (((q - 1) y + 1) s(x) - q y), s the sigmoid: one cancellation where the formula's derivative has several
    dL/dy = g ((q - 1) ln(1 + e^-x) - x)        q, the weight of positives, is a constant
    """
    softplus = xp.log1p(xp.exp(-xp.abs(x))) + xp.maximum(-x, x.dtype.type(0))  # ln(1 + e^-x)
    return (1 - y) * x + ((q - 1) * y + 1) * softplus


binary_cross_entropy_with_logits.vjp(
    x=lambda g, x, y, q: g * (((q - 1) * y + 1) * sigmoid(x) - q * y),
    y=lambda g, x, q: g * ((1 - q) * log_sigmoid(x) - x),
)
