"""Activations that are primitives: leaky_relu, elu, hardtanh, threshold, softplus, log_sigmoid, silu.

At a kink each has the gradient of torch: that of the branch the comparison in its rule chooses.
"""

from typing import Any

from refnet._ops.pointwise import Pointwise, exp, sigmoid, where

Array = Any


@Pointwise
def leaky_relu(xp: Any, x: Array, *, slope: float) -> Array:
    """out = x where x > 0, else slope x        dL/dx = g where x > 0, else slope g"""
    return xp.where(x > 0, x, x * x.dtype.type(slope))


leaky_relu.vjp(x=lambda g, x, slope: where(x > 0, g, g * slope))


@Pointwise
def hardtanh(xp: Any, x: Array, *, low: float, high: float) -> Array:
    """out = min(max(x, low), high)        dL/dx = g where low < x < high, else 0 (also for nan)"""
    return xp.minimum(x.dtype.type(high), xp.maximum(x.dtype.type(low), x))


hardtanh.vjp(x=lambda g, x, low, high: where((x > low) & (x < high), g, 0))


@Pointwise
def threshold(xp: Any, x: Array, *, limit: float, value: float) -> Array:
    """out = value where x <= limit, else x        dL/dx = 0 where x <= limit, else g"""
    return xp.where(x <= limit, x.dtype.type(value), x)


threshold.vjp(x=lambda g, x, limit: where(x <= limit, 0, g))


@Pointwise
def elu(xp: Any, x: Array, *, alpha: float, scale: float, input_scale: float) -> Array:
    """out = scale alpha (e^(input_scale x) - 1) where x < 0, else scale x

    dL/dx = g scale where x > 0, else g scale alpha input_scale e^(input_scale x)
    """
    kind = x.dtype.type
    return xp.where(x < 0, xp.expm1(x * kind(input_scale)) * kind(scale * alpha), x * kind(scale))


elu.vjp(
    x=lambda g, x, alpha, scale, input_scale: where(
        x > 0, g * scale, g * (exp(x * input_scale) * (scale * alpha * input_scale))
    )
)


@Pointwise
def logistic(xp: Any, x: Array) -> Array:
    """out = 1 / (1 + e^-x)        dL/dx = g out logistic(-x)

    `sigmoid` to the last place where that is 0 because e^-x overflows: what the gradients below need, as torch's do.
    """
    small = xp.exp(-xp.abs(x))
    return xp.where(x < 0, small, x.dtype.type(1)) / (small + 1)


logistic.vjp(x=lambda g, x, out: g * (out * logistic(-x)))


@Pointwise
def softplus(xp: Any, x: Array, *, beta: float, limit: float) -> Array:
    """out = ln(1 + e^(beta x)) / beta, and x where beta x > limit        dL/dx = g logistic(beta x), or g"""
    scaled = x * x.dtype.type(beta)
    return xp.where(scaled > limit, x, xp.log1p(xp.exp(scaled)) / x.dtype.type(beta))


softplus.vjp(x=lambda g, x, beta, limit: where(x * beta > limit, g, g * logistic(x * beta)))


@Pointwise
def log_sigmoid(xp: Any, x: Array) -> Array:
    """out = min(x, 0) - ln(1 + e^-|x|)        dL/dx = g logistic(-x)"""
    out = xp.minimum(x, x.dtype.type(0)) - xp.log1p(xp.exp(-xp.abs(x)))
    return xp.array(out, order="C")  # torch's is row-major whatever the input


log_sigmoid.vjp(x=lambda g, x: g * logistic(-x))


@Pointwise
def silu(xp: Any, x: Array) -> Array:
    """out = x / (1 + e^-x)        dL/dx = g s (1 + x (1 - s)), s = sigmoid(x)"""
    return x / (xp.exp(-x) + 1)


def _silu_rule(g: Any, x: Any) -> Any:
    s = sigmoid(x)
    return g * (s * (x * sigmoid(-x) + 1))


silu.vjp(x=_silu_rule)
