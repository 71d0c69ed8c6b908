"""Losses that are primitives, because their gradient is not the derivative of their formula."""

from typing import Any

from refnet._ops.pointwise import Pointwise, clamp_min

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
