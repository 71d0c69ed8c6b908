"""Activations that are primitives: rectifiers and their relatives, and the smooth ones.

At a kink each has the gradient of torch: that of the branch the comparison in its rule chooses.
"""

from typing import Any

from refnet._kernels.elementwise import elementwise, gradient, gradients
from refnet._ops._pointwise import Pointwise, constant, rectified, rounded_once, written, zeroed
from refnet._ops.exponential import exp, sigmoid, tanh
from refnet._ops.piecewise import where

Array = Any


@Pointwise
def relu(xp: Any, x: Array) -> Array:
    """out = max(x, 0), nan kept        dL/dx = 0 where out <= 0, else g (0 at exactly 0, also for g = inf)"""
    if x.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    return rectified(xp, x)


def _relu_share(xp: Any, share: Array, g: Array, out: Array) -> None:
    """share <- g, 0 where out <= 0"""
    zeroed(xp, share, g, xp.less_equal(out, constant(xp, 0, out.dtype)))


relu.vjp(x=lambda g, out: where(out <= 0, 0, g))
relu.direct(x=lambda xp, g, out: written(xp, _relu_share, g, out))
relu.on_gpu(lambda xp, x: elementwise(xp, "relu_forward", x))
relu.directly_on_gpu(lambda xp, g, wanted, out: gradient(xp, "relu_backward", g, out))


@Pointwise
def leaky_relu(xp: Any, x: Array, *, slope: float) -> Array:
    """out = x where x > 0, else slope x        dL/dx = g where x > 0, else slope g"""
    return xp.where(x > 0, x, x * x.dtype.type(slope))


leaky_relu.vjp(x=lambda g, x, slope: where(x > 0, g, g * slope))
leaky_relu.on_gpu(lambda xp, x, slope: elementwise(xp, "leaky_relu_forward", x, numbers=(slope,)))
leaky_relu.directly_on_gpu(lambda xp, g, wanted, x, slope: gradient(xp, "leaky_relu_backward", g, x, numbers=(slope,)))


@Pointwise
def hardtanh(xp: Any, x: Array, *, low: float, high: float) -> Array:
    """out = min(max(x, low), high)        dL/dx = g where low < x < high, else 0 (also for nan)"""
    return xp.minimum(x.dtype.type(high), xp.maximum(x.dtype.type(low), x))


hardtanh.vjp(x=lambda g, x, low, high: where((x > low) & (x < high), g, 0))
hardtanh.on_gpu(lambda xp, x, low, high: elementwise(xp, "hardtanh_forward", x, numbers=(low, high)))
hardtanh.directly_on_gpu(
    lambda xp, g, wanted, x, low, high: gradient(xp, "hardtanh_backward", g, x, numbers=(low, high))
)


@Pointwise
def threshold(xp: Any, x: Array, *, limit: float, value: float) -> Array:
    """out = value where x <= limit, else x        dL/dx = 0 where x <= limit, else g"""
    return xp.where(x <= limit, x.dtype.type(value), x)


threshold.vjp(x=lambda g, x, limit: where(x <= limit, 0, g))
threshold.on_gpu(lambda xp, x, limit, value: elementwise(xp, "threshold_forward", x, numbers=(limit, value)))
threshold.directly_on_gpu(lambda xp, g, wanted, x, limit: gradient(xp, "threshold_backward", g, x, numbers=(limit,)))


@Pointwise
def elu(xp: Any, x: Array, *, alpha: float, scale: float, input_scale: float) -> Array:
    """out = scale alpha (e^(input_scale x) - 1) where x < 0, else scale x

    dL/dx = g scale where x > 0, else g scale alpha input_scale e^(input_scale x)
    """
    kind = x.dtype.type
    return xp.where(x < 0, xp.expm1(x * kind(input_scale)) * kind(scale * alpha), x * kind(scale))


elu.vjp(
    x=rounded_once(
        lambda g, x, alpha, scale, input_scale: where(
            x > 0, g * scale, g * (exp(x * input_scale) * (scale * alpha * input_scale))
        )
    )
)
elu.on_gpu(
    lambda xp, x, alpha, scale, input_scale: elementwise(xp, "elu_forward", x, numbers=(alpha, scale, input_scale))
)
elu.directly_on_gpu(
    lambda xp, g, wanted, x, alpha, scale, input_scale: gradient(
        xp, "elu_backward", g, x, numbers=(alpha, scale, input_scale)
    )
)


@Pointwise
def logistic(xp: Any, x: Array) -> Array:
    """out = 1 / (1 + e^-x)        dL/dx = g out logistic(-x)

    `sigmoid` to the last place where that is 0 because e^-x overflows: what the gradients below need, as torch's do.
    """
    small = xp.exp(-xp.abs(x))
    return xp.where(x < 0, small, x.dtype.type(1)) / (small + 1)


logistic.vjp(x=rounded_once(lambda g, x, out: g * (out * logistic(-x))))
logistic.on_gpu(lambda xp, x: elementwise(xp, "logistic_forward", x))
logistic.directly_on_gpu(lambda xp, g, wanted, x: gradient(xp, "logistic_backward", g, x))


@Pointwise
def gated(xp: Any, x: Array, gate: Array) -> Array:
    """out = x logistic(gate)        dL/dx = g logistic(gate)        dL/dgate = g x logistic(gate) logistic(-gate)"""
    return x * logistic.forward(xp, gate)


gated.vjp(
    x=rounded_once(lambda g, gate: g * logistic(gate)),
    gate=rounded_once(lambda g, x, gate: g * x * (logistic(gate) * logistic(-gate))),
)
gated.on_gpu(lambda xp, x, gate: elementwise(xp, "gated_forward", x, gate))


@gated.directly_on_gpu
def _gated_gradients(xp: Any, g: Array, wanted: tuple[bool, ...], x: Array, gate: Array) -> Any:
    return gradients(
        xp,
        ("gated_backward_x", g, gate, ()) if wanted[0] else None,
        ("gated_backward_gate", g, x, gate, ()) if wanted[1] else None,
    )


@Pointwise
def softplus(xp: Any, x: Array, *, beta: float, limit: float) -> Array:
    """out = ln(1 + e^(beta x)) / beta, and x where beta x > limit        dL/dx = g logistic(beta x), or g"""
    scaled = x * x.dtype.type(beta)
    return xp.where(scaled > limit, x, xp.log1p(xp.exp(scaled)) / x.dtype.type(beta))


softplus.vjp(x=rounded_once(lambda g, x, beta, limit: where(x * beta > limit, g, g * logistic(x * beta))))
softplus.on_gpu(lambda xp, x, beta, limit: elementwise(xp, "softplus_forward", x, numbers=(beta, limit)))
softplus.directly_on_gpu(
    lambda xp, g, wanted, x, beta, limit: gradient(xp, "softplus_backward", g, x, numbers=(beta, limit))
)


@Pointwise
def log_sigmoid(xp: Any, x: Array) -> Array:
    """out = min(x, 0) - ln(1 + e^-|x|)        dL/dx = g logistic(-x)"""
    out = xp.minimum(x, x.dtype.type(0)) - xp.log1p(xp.exp(-xp.abs(x)))
    return xp.array(out, order="C")  # torch's is row-major whatever the input


log_sigmoid.vjp(x=rounded_once(lambda g, x: g * logistic(-x)))
log_sigmoid.on_gpu(lambda xp, x: elementwise(xp, "log_sigmoid_forward", x))
log_sigmoid.directly_on_gpu(lambda xp, g, wanted, x: gradient(xp, "log_sigmoid_backward", g, x))


@Pointwise
def silu(xp: Any, x: Array) -> Array:
    """out = x / (1 + e^-x)        dL/dx = g s (1 + x (1 - s)), s = sigmoid(x)"""
    return x / (xp.exp(-x) + 1)


@rounded_once
def _silu_rule(g: Any, x: Any) -> Any:
    s = sigmoid(x)
    return g * (s * (x * sigmoid(-x) + 1))


silu.vjp(x=_silu_rule)
silu.on_gpu(lambda xp, x: elementwise(xp, "silu_forward", x))
silu.directly_on_gpu(lambda xp, g, wanted, x: gradient(xp, "silu_backward", g, x))


@Pointwise
def prelu(xp: Any, x: Array, weight: Array) -> Array:
    """out = x where x > 0, else weight x        dL/dx = prelu_slope(g, x, weight)        dL/dweight = prelu_share(g, x)"""
    return xp.where(x > 0, x, x * weight)


@Pointwise
def prelu_slope(xp: Any, g: Array, x: Array, weight: Array) -> Array:
    """out = g where x > 0, else g weight        dL/dg = h where x >= 0, else h weight        dL/dweight = h g below 0

    At 0 torch's first derivative is that of the one side, its second that of the other.
    """
    return xp.where(x > 0, g, g * weight)


@Pointwise
def prelu_share(xp: Any, g: Array, x: Array) -> Array:
    """out = 0 where x > 0, else g x        dL/dg = 0 where x >= 0, else h x        dL/dx = 0 where x >= 0, else h g"""
    return xp.where(x > 0, g.dtype.type(0), g * x)


prelu.vjp(x=lambda g, x, weight: prelu_slope(g, x, weight), weight=lambda g, x: prelu_share(g, x))
prelu_slope.vjp(
    g=lambda h, x, weight: where(x >= 0, h, h * weight),
    x=lambda h: h.new_zeros(h.shape),
    weight=lambda h, g, x: where(x >= 0, 0, h * g),
)
prelu_share.vjp(g=lambda h, x: where(x >= 0, 0, h * x), x=lambda h, g, x: where(x >= 0, 0, h * g))


@Pointwise
def noisy_relu(xp: Any, x: Array, noise: Array) -> Array:
    """out = x noise, the noise 1 where x > 0        dL/dx = g noise"""
    return x * noise


noisy_relu.vjp(x=lambda g, noise: g * noise)


_SIXTH = 0.1666666716337204  # 1 / 6 in float32, torch's factor for every type


@Pointwise
def hardsigmoid(xp: Any, x: Array) -> Array:
    """out = min(max(x + 3, 0), 6) / 6        dL/dx = g / 6 where -3 < x < 3, else 0"""
    return xp.minimum(xp.maximum(x + 3, x.dtype.type(0)), x.dtype.type(6)) / 6


hardsigmoid.vjp(x=rounded_once(lambda g, x: where((x > -3) & (x < 3), g * _SIXTH, 0)))
hardsigmoid.on_gpu(lambda xp, x: elementwise(xp, "hardsigmoid_forward", x))
hardsigmoid.directly_on_gpu(lambda xp, g, wanted, x: gradient(xp, "hardsigmoid_backward", g, x, numbers=(_SIXTH,)))


@Pointwise
def hardswish(xp: Any, x: Array) -> Array:
    """out = x min(max(x + 3, 0), 6) / 6        dL/dx = 0 where x <= -3, g (x / 3 + 1/2) where x < 3, else g"""
    return x * xp.minimum(xp.maximum(x + 3, x.dtype.type(0)), x.dtype.type(6)) / 6


hardswish.vjp(x=rounded_once(lambda g, x: where(x <= -3, 0, where(x >= 3, g, g * (x / 3 + 0.5)))))
hardswish.on_gpu(lambda xp, x: elementwise(xp, "hardswish_forward", x))
hardswish.directly_on_gpu(lambda xp, g, wanted, x: gradient(xp, "hardswish_backward", g, x))


@Pointwise
def hardshrink(xp: Any, x: Array, *, limit: float) -> Array:
    """out = 0 where -limit <= x <= limit, else x        dL/dx = g outside, else 0"""
    kind = x.dtype.type
    return xp.where((x >= kind(-limit)) & (x <= kind(limit)), kind(0), x)


hardshrink.vjp(x=lambda g, x, limit: where((x < -limit) | (x > limit), g, 0))
hardshrink.on_gpu(lambda xp, x, limit: elementwise(xp, "hardshrink_forward", x, numbers=(limit,)))
hardshrink.directly_on_gpu(lambda xp, g, wanted, x, limit: gradient(xp, "hardshrink_backward", g, x, numbers=(limit,)))


@Pointwise
def softshrink(xp: Any, x: Array, *, limit: float) -> Array:
    """out = x - limit where x > limit, x + limit where x < -limit, else 0; nan for nan        dL/dx = g outside, else 0"""
    high = x.dtype.type(limit)
    return xp.where(x > high, x - high, xp.where(x < -high, x + high, xp.where(xp.isnan(x), x, x.dtype.type(0))))


softshrink.vjp(x=lambda g, x, limit: where((x < -limit) | (x > limit), g, 0))
softshrink.on_gpu(lambda xp, x, limit: elementwise(xp, "softshrink_forward", x, numbers=(limit,)))
softshrink.directly_on_gpu(lambda xp, g, wanted, x, limit: gradient(xp, "softshrink_backward", g, x, numbers=(limit,)))


@Pointwise
def mish(xp: Any, x: Array) -> Array:
    """out = x t, t = tanh(ln(1 + e^x)) = n / (n + 2) with n = e^x (e^x + 2)        dL/dx = g (t + x (1 - t^2) s(x))"""
    e = xp.exp(xp.minimum(x, x.dtype.type(20)))  # beyond, t is 1
    n = e * (e + 2)
    return x * (n / (n + 2))


@rounded_once
def _mish_rule(g: Any, x: Any) -> Any:
    t = tanh(softplus(x, beta=1.0, limit=20.0))
    return g * (t + x * ((1 - t * t) * sigmoid(x)))


mish.vjp(x=_mish_rule)
mish.on_gpu(lambda xp, x: elementwise(xp, "mish_forward", x))
mish.directly_on_gpu(lambda xp, g, wanted, x: gradient(xp, "mish_backward", g, x))
