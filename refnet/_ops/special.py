"""Special functions: the error function, its complement and its inverse, the normal distribution function, sinc.

Computed in float64 whatever the type, and rounded once.
"""

import math
from typing import Any

from refnet._ops import _error_function
from refnet._ops._limited import Full
from refnet._ops._pointwise import Floating, by_blocks
from refnet._ops._scipy import in_double, widened
from refnet._ops.exponential import cos, exp, sin
from refnet._ops.piecewise import where

Array = Any

_DENSITY_AT_0 = 1 / math.sqrt(2 * math.pi)  # of the normal distribution
_SLOPE_AT_0 = 2 / math.sqrt(math.pi)  # of erf
_STEPS = 3  # of Halley's method: from 1e-2 to beyond float64


@Floating
def erf(xp: Any, x: Array) -> Array:
    """out = 2 / sqrt(pi) integral of e^(-t^2) from 0 to x        dL/dx = g 2 / sqrt(pi) e^(-x^2)

    >>> import refnet
    >>> refnet.erf(refnet.tensor([0.0, 0.5, 3.0]))
    tensor([0.0000, 0.5205, 1.0000])
    """
    return by_blocks(xp, lambda x: _error_function.erf(xp, widened(xp, x)), x)


@Floating
def erfc(xp: Any, x: Array) -> Array:
    """out = 1 - erf x, without cancellation        dL/dx = -g 2 / sqrt(pi) e^(-x^2)"""
    return by_blocks(xp, lambda x: _error_function.erfc(xp, widened(xp, x)), x)


erf.vjp(x=lambda g, x: g * (exp(-(x * x)) * _SLOPE_AT_0))
erfc.vjp(x=lambda g, x: g * (exp(-(x * x)) * -_SLOPE_AT_0))


@Floating
def erfinv(xp: Any, x: Array) -> Array:
    """out = the y with erf y = x; +-inf at +-1, nan beyond        dL/dx = g sqrt(pi) / 2 e^(out^2)

    Halley's method, from a series near 0 and from S. Winitzki's approximation (2008) elsewhere. Beyond 1/2 the equation
    solved is erfc y = 1 - x, whose right side is exact.

    >>> import refnet
    >>> refnet.erfinv(refnet.tensor([0.0, 0.5, -1.0]))
    tensor([0.0000, 0.4769,   -inf])
    """
    wide = widened(xp, x)
    p = xp.abs(wide)
    inner = p <= 0.5
    low, high = xp.minimum(p, 0.5), xp.clip(p, 0.5, 1 - 2.0**-53)
    log = xp.log((1 - high) * (1 + high))
    a = 0.147
    half = 2 / (math.pi * a) + log / 2
    far = xp.sqrt(xp.sqrt(half * half - log / a) - half)
    y = xp.where(inner, low * (1 + math.pi / 12 * low * low) / _SLOPE_AT_0, far)
    for _ in range(_STEPS):
        excess = xp.where(inner, _error_function.erf(xp, y) - low, (1 - high) - _error_function.erfc(xp, y))
        step = excess / (_SLOPE_AT_0 * xp.exp(-y * y))
        y = y - step / (1 + y * step)
    y = xp.where(p < 1, y, xp.where(p == 1, xp.inf, xp.nan))
    return xp.copysign(y, wide).astype(x.dtype, copy=False)


erfinv.vjp(x=lambda g, out: g * (exp(out * out) / _SLOPE_AT_0))


@Floating
def ndtr(xp: Any, x: Array) -> Array:
    """out = the share of a normal distribution below x, erfc(-x / sqrt 2) / 2        dL/dx = g e^(-x^2 / 2) / sqrt(2 pi)

    >>> import refnet
    >>> refnet.special.ndtr(refnet.tensor([0.0, 1.0]))
    tensor([0.5000, 0.8413])
    """
    wide = widened(xp, x)
    return (0.5 * _error_function.erfc(xp, wide * -math.sqrt(0.5))).astype(x.dtype, copy=False)


ndtr.vjp(x=lambda g, x: g * (exp(x * x * -0.5) * _DENSITY_AT_0))


@Full
def erfcx(xp: Any, x: Array) -> Array:
    """out = e^(x^2) erfc x, without overflow        dL/dx = g (2 x out - 2 / sqrt(pi))

    >>> import refnet
    >>> refnet.special.erfcx(refnet.tensor([0.0, 1.0, 100.0]))
    tensor([1.0000, 0.4276, 0.0056])
    """
    return in_double(xp, "erfcx", x)


@Full
def log_ndtr(xp: Any, x: Array) -> Array:
    """out = ln ndtr x, without underflow        dL/dx = g sqrt(2 / pi) / erfcx(-x / sqrt 2)

    >>> import refnet
    >>> refnet.special.log_ndtr(refnet.tensor([-30.0, 0.0]))
    tensor([-454.3213,   -0.6931])
    """
    return in_double(xp, "log_ndtr", x)


@Full
def ndtri(xp: Any, x: Array) -> Array:
    """out = the y with ndtr y = x; +-inf at 1 and 0, nan beyond        dL/dx = g sqrt(2 pi) e^(out^2 / 2)

    >>> import refnet
    >>> refnet.special.ndtri(refnet.tensor([0.0, 0.5, 0.975]))
    tensor([  -inf, 0.0000, 1.9600])
    """
    return in_double(xp, "ndtri", x)


erfcx.vjp(x=lambda g, x, out: g * (x * 2 * out - _SLOPE_AT_0))
log_ndtr.vjp(x=lambda g, x: g / erfcx(x * -math.sqrt(0.5)) * math.sqrt(2 / math.pi))
ndtri.vjp(x=lambda g, out: g * (exp(out * out / 2) / _DENSITY_AT_0))


@Floating
def sinc(xp: Any, x: Array) -> Array:
    """out = sin(pi x) / (pi x), 1 at 0        dL/dx = g (cos(pi x) - sin(pi x) / (pi x)) / x, 0 at 0

    >>> import refnet
    >>> refnet.sinc(refnet.tensor([0.0, 0.5, 1.5]))
    tensor([ 1.0000,  0.6366, -0.2122])
    """
    angle = widened(xp, x) * math.pi
    return xp.where(angle == 0, 1, xp.sin(angle) / angle).astype(x.dtype, copy=False)


def _sinc_rule(g: Any, x: Any) -> Any:
    angle = x * math.pi
    squared = angle * x
    slope = (angle * cos(angle) - sin(angle)) / squared
    return where(squared == 0, 0.0, g * slope)


sinc.vjp(x=_sinc_rule)
