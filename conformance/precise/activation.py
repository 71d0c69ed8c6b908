"""Activations. At a kink the slope is torch's: that of the side the comparison gives it to."""

from typing import Any

import numpy

from conformance.precise import elementary as e
from conformance.precise.blocks import Blocks, operation, pointwise
from conformance.precise.jet import Jet, exactly, jet, mp
from conformance.precise.pointwise import absolute

ZERO = Jet(mp.zero)
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
GELU_CUBIC = 0.044715


@operation("relu")
def relu(input: Any, inplace: bool = False) -> Blocks:
    """max(x, 0)."""
    return pointwise(lambda x: x if x > 0 else ZERO, input)


@operation("relu6")
def relu6(input: Any, inplace: bool = False) -> Blocks:
    """min(max(x, 0), 6)."""
    return hardtanh(input, 0.0, 6.0)


@operation("hardtanh")
def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Blocks:
    """x held between the limits, flat at them."""

    def formula(x: Jet) -> Jet:
        return jet(min_val) if x <= min_val else jet(max_val) if x >= max_val else x

    return pointwise(formula, input)


@operation("hardsigmoid")
def hardsigmoid(input: Any, inplace: bool = False) -> Blocks:
    """x / 6 + 1/2 held between 0 and 1."""
    return pointwise(lambda x: ZERO if x <= -3 else Jet(mp.one) if x >= 3 else (x + 3) / 6, input)


@operation("hardswish")
def hardswish(input: Any, inplace: bool = False) -> Blocks:
    """x hardsigmoid(x)."""
    return pointwise(lambda x: ZERO if x <= -3 else x if x >= 3 else x * (x + 3) / 6, input)


@operation("hardshrink")
def hardshrink(input: Any, lambd: float = 0.5) -> Blocks:
    """x outside [-lambda, lambda], else 0."""
    return pointwise(lambda x: ZERO if -lambd <= x.x <= lambd else x, input)


@operation("softshrink")
def softshrink(input: Any, lambd: float = 0.5) -> Blocks:
    """x moved by lambda towards 0, and 0 within lambda of it."""
    return pointwise(lambda x: x - lambd if x > lambd else x + lambd if x < -lambd else ZERO, input)


@operation("threshold")
def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Blocks:
    """x above the threshold, else the value."""
    return pointwise(lambda x: x if x > threshold else jet(value), input)


@operation("leaky_relu")
def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Blocks:
    """x for x > 0, else slope x."""
    return pointwise(lambda x: x if x > 0 else negative_slope * x, input)


@operation("prelu")
def prelu(input: Any, weight: Any) -> Blocks:
    """x for x > 0, else w x, with a w for each channel."""
    places = weight.places
    if places.ndim == 1 and input.places.ndim > 1:
        places = places.reshape([-1] + [1] * (input.places.ndim - 2))
    wide = weight.with_places(numpy.broadcast_to(places, input.shape))

    def formula(x: Jet, w: Jet) -> Jet:
        if x.x == 0 and (x.b or w.b):
            raise ValueError("at 0 torch takes w x in its gradient, and x in the second order")
        return x if x > 0 else w * x

    return pointwise(formula, input, wide)


def _elu(x: Jet, alpha: float, rate: Any = 1) -> Jet:
    """At 0 torch takes the slope from the left, and no curvature."""
    if x.x == 0:
        return x * jet(rate) * alpha
    return x if x > 0 else alpha * e.expm1(x * rate)


@operation("elu")
def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Blocks:
    """x for x > 0, else alpha (e^x - 1)."""
    return pointwise(lambda x: _elu(x, alpha), input)


@operation("celu")
def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Blocks:
    """x for x > 0, else alpha (e^(x / alpha) - 1)."""
    return pointwise(lambda x: _elu(x, alpha, 1 / exactly(alpha)), input)


@operation("selu")
def selu(input: Any, inplace: bool = False) -> Blocks:
    """scale elu(x, alpha) with the constants that keep mean 0 and variance 1."""
    return pointwise(lambda x: SELU_SCALE * _elu(x, SELU_ALPHA), input)


@operation("softplus")
def softplus(input: Any, beta: float = 1, threshold: float = 20) -> Blocks:
    """log(1 + e^(beta x)) / beta, and x where beta x is above the threshold."""
    b, limit = exactly(beta), exactly(threshold)
    return pointwise(lambda x: x if x.x * b > limit else e.softplus(x * b) / b, input)


@operation("logsigmoid")
def logsigmoid(input: Any) -> Blocks:
    """log sigma(x) = -log(1 + e^-x)."""
    return pointwise(lambda x: -e.softplus(-x), input)


@operation("gelu")
def gelu(input: Any, approximate: str = "none") -> Blocks:
    """x Phi(x), or with tanh: x (1 + tanh(u)) / 2 = x sigma(2 u), where u = sqrt(2 / pi) (x + 0.044715 x^3)."""
    if approximate == "none":
        return pointwise(lambda x: x * e.normal_distribution(x), input)

    def formula(x: Jet) -> Jet:
        return x * e.sigmoid(jet(2 * mp.sqrt(2 / mp.pi)) * (x + GELU_CUBIC * (x * x * x)))

    return pointwise(formula, input)


@operation("silu")
def silu(input: Any, inplace: bool = False) -> Blocks:
    """x sigma(x)."""
    return pointwise(lambda x: x * e.sigmoid(x), input)


@operation("mish")
def mish(input: Any, inplace: bool = False) -> Blocks:
    """x tanh(log(1 + e^x))."""
    return pointwise(lambda x: x * e.tanh(e.softplus(x)), input)


@operation("softsign")
def softsign(input: Any) -> Blocks:
    """x / (1 + |x|); at 0 torch takes the curvature as 0."""
    return pointwise(lambda x: x / (1 + absolute(x)), input)


@operation("tanhshrink")
def tanhshrink(input: Any) -> Blocks:
    """x - tanh x."""
    return pointwise(lambda x: x - e.tanh(x), input)


@operation("glu")
def glu(input: Any, dim: int = -1) -> Blocks:
    """The first half along `dim` times sigma of the second."""
    first, second = numpy.split(input.places, 2, axis=dim)
    return pointwise(lambda a, b: a * e.sigmoid(b), input.with_places(first), input.with_places(second))
