"""Losses that are primitives: their gradient is not the derivative of their formula, or must be finite where it is."""

from typing import Any

from refnet import _dtype
from refnet._ops.activation import hardtanh, log_sigmoid
from refnet._ops.pointwise import Pointwise, sigmoid
from refnet._tape import Primitive

Array = Any
Ints = tuple[int, ...]


@Pointwise
def binary_cross_entropy(xp: Any, p: Array, y: Array) -> Array:
    """out = (y - 1) max(log(1 - p), -100) - y max(log p, -100)

    dL/dp = g `binary_cross_entropy_slope`
    dL/dy = g (log(1 - p) - log p)
    """
    floor = p.dtype.type(-100)
    return (y - 1) * xp.maximum(xp.log1p(-p), floor) - y * xp.maximum(xp.log(p), floor)


@Pointwise
def binary_cross_entropy_slope(xp: Any, p: Array, y: Array) -> Array:
    """out = (p - y) / max((1 - p) p, 1e-12): finite at p = 0 and p = 1

    dL/dp = g (p^2 - 2 p y + y) / q^2        dL/dy = -g / q        q = (p + 1e-12) (1 - p + 1e-12)
    """
    return (p - y) / xp.maximum((1 - p) * p, p.dtype.type(1e-12))


def _spread(p: Any) -> Any:
    return (p + 1e-12) * (1 - p + 1e-12)


binary_cross_entropy_slope.vjp(
    p=lambda g, p, y: g * ((p * p - (p * y) * 2 + y) / _spread(p).square()),
    y=lambda g, p: -g / _spread(p),
)
binary_cross_entropy.vjp(
    p=lambda g, p, y: g * binary_cross_entropy_slope(p, y),
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


@Pointwise
def smooth_l1(xp: Any, x: Array, y: Array, *, beta: float) -> Array:
    """out = d^2 / (2 beta) where |d| < beta, else |d| - beta / 2        d = x - y

    dL/dx = -dL/dy = g d / beta, d limited to +-beta
    """
    distance = xp.abs(x - y)
    kind = distance.dtype.type
    return xp.where(distance < beta, distance * distance * kind(0.5) / kind(beta), distance - kind(0.5 * beta))


smooth_l1.vjp(
    x=lambda g, x, y, beta: g * (_limited(x - y, beta) / beta),
    y=lambda g, x, y, beta: g * (_limited(y - x, beta) / beta),
)


@Pointwise
def huber(xp: Any, x: Array, y: Array, *, delta: float) -> Array:
    """out = d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2)        d = x - y

    dL/dx = -dL/dy = g d, d limited to +-delta
    """
    distance = xp.abs(x - y)
    kind = distance.dtype.type
    linear = (distance - kind(0.5 * delta)) * kind(delta)
    return xp.where(distance <= delta, distance * distance * kind(0.5), linear)


huber.vjp(
    x=lambda g, x, y, delta: g * _limited(x - y, delta),
    y=lambda g, x, y, delta: g * _limited(y - x, delta),
)


def _limited(d: Any, bound: float) -> Any:
    """d limited to +-bound, nan kept; its own gradient is 0 from the bounds on, where nothing more is gained."""
    return hardtanh(d, low=-bound, high=bound)


# --- negative log-likelihood ------------------------------------------------------------------------------------------


@Primitive
def picked(xp: Any, x: Array, *, index: Array, kept: Array, factor: Array | None, divisor: Array | None) -> Array:
    """out[n,*] = -factor[n,*] x[n,index[n,*],*] where kept, else 0        dL/dx = picked_share(g)

    x (N, C, *), the others (N, *); without a factor it is 1. With a divisor (of no dimensions) out is the sum of that
    divided by it.
    """
    found = -xp.take_along_axis(x, index[:, None], 1)[:, 0].astype(_dtype.opmath(x.dtype), copy=False)
    if factor is not None:
        found *= factor
    found = xp.where(kept, found, found.dtype.type(0))
    if divisor is not None:
        found = found.sum(dtype="float64").astype(x.dtype) / divisor  # float16 overflows here, as in torch
    return xp.asarray(found, dtype=x.dtype, order="C")


@Primitive
def picked_share(
    xp: Any, g: Array, *, shape: Ints, index: Array, kept: Array, factor: Array | None, divisor: Array | None
) -> Array:
    """The adjoint of `picked`: -g factor where an element was picked, else 0        dL/dg = picked(h)"""
    share = -g.astype(_dtype.opmath(g.dtype), copy=False)
    if divisor is not None:
        share = share / divisor
    if factor is not None:
        share = share * factor
    out = xp.zeros(shape, g.dtype)
    xp.put_along_axis(out, index[:, None], xp.where(kept, share, share.dtype.type(0)).astype(g.dtype)[:, None], 1)
    return out


picked.vjp(x=lambda g, x_shape, **p: picked_share(g, shape=x_shape, **p))
picked_share.vjp(g=lambda h, shape, **p: picked(h, **p))
