"""GELU, x times the normal distribution function of x, and its approximation by tanh.

    out = x P(x)        dL/dx = g (P(x) + x p(x)),    p(x) = e^(-x^2 / 2) / sqrt(2 pi)

float64 goes by the complementary error function. numpy has none, and a good one takes thirty passes over the array, so
float32 goes another way, which is `gelu`'s default: P is a logistic function of an odd one that is almost a polynomial,

    P(x) = 1 / (1 + e^-h(x)),    h(x) = ln(P(x) / P(-x)) = x A(x^2) / B(x^2),

with A and B of degree 4, each a product of two quadratics. The four quadratics of all elements are one matrix product,
of their coefficients and the rows x^4, x^2, 1: a pass for each, where Horner's rule takes four.

That is off by 3e-9 in P where P(-x) counts, and by a share of 6e-6, 6e-5 and 2e-4 of P at x = -3, -4 and -5 (the formula
1 + erf, of which nothing but rounding is left there, by 2e-4, 7e-3 and all of it).
"""

import functools
import math
from typing import Any

import numpy

from refnet._kernels.elementwise import elementwise, gradient
from refnet._ops._error_function import erfc
from refnet._ops._pointwise import Pointwise, by_blocks, constant, into_blocks, rounded_once, vectorized, written
from refnet._ops.activation import logistic
from refnet._ops.exponential import exp
from refnet._ops.special import ndtr
from refnet._workspace import empty

Array = Any

# Weighted least squares of x A / B against h on a grid of 0 < x < 13, weights raised where the error is largest until it
# is level (Lawson's method); weighed by what an error in h does to P, and beyond by its share of h.
_FARTHEST = 256.0  # x^2 is limited to it: there e^-h is 0, and far beyond x^4 would overflow
_QUADRATICS = numpy.array(  # rows: A's two, the first with its constant and the sign of -h, and B's; from x^4 to 1
    [
        [6.964509355440276e-3, 9.118077527411794e-2, 1.0],
        [2.4176458472753272e-4, 5.1690244851161395e-2, 1.0],
        [6.121991930644256e-3, 7.987765474286258e-2, 1.0],
        [1.7924290831263216e-5, 1.7453082176618298e-2, 1.0],
    ]
)
_QUADRATICS[0] *= -1.5957690454752005
_QUADRATICS[:, 2] /= _FARTHEST  # the row of ones is one of limits
_EXP = "exp2" if vectorized("exp2") else "exp"
if _EXP == "exp2":
    _QUADRATICS[0] /= math.log(2)
_HALF = 0.5 if _EXP == "exp" else 0.5 / math.log(2)  # e^(-x^2 / 2) by the same function
_QUADRATICS = _QUADRATICS.astype("float32")
_DENSITY_AT_0 = 1 / math.sqrt(2 * math.pi)


@Pointwise
def gelu(xp: Any, x: Array, *, slope: Array | None = None) -> Array:
    """out = x P(x)        dL/dx = g (P(x) + x p(x))

    The factor of g is left in `slope`, where that is given: backward would have to compute all of it again.
    """
    if x.dtype != "float32":
        return gelu_exact(xp, x, slope=slope)
    dense = x if x.flags.c_contiguous else x.copy(order="C")
    slopes = []
    if slope is not None:
        slopes.append(slope if slope.flags.c_contiguous else xp.empty(x.shape, x.dtype))
    out = into_blocks(xp, lambda out, x, *rest: _gelu(xp, out, x, *rest), dense, *slopes, rows=7)
    if slope is not None and slopes[0] is not slope:
        slope[...] = slopes[0]
    return out if x.flags.c_contiguous else _laid_out(xp, out, x)


@gelu.variant
def gelu_exact(xp: Any, x: Array, *, slope: Array | None = None) -> Array:
    """The definition, in float64."""
    wide = x.astype("float64", copy=False)
    below = by_blocks(xp, lambda x: 0.5 * erfc(xp, x * -math.sqrt(0.5)), wide)
    if slope is not None:
        slope[...] = below + wide * (xp.exp(wide * wide * -0.5) * _DENSITY_AT_0)
    return (wide * below).astype(x.dtype, copy=False)


@functools.cache
def _coefficients(xp: Any) -> Array:
    return xp.asarray(_QUADRATICS)


def _gelu(xp: Any, out: Array, x: Array, *rest: Array) -> None:
    """out <- x P(x), and with rows (slope, spare) instead of (spare) slope <- P(x) + x p(x)."""
    spare = rest[-1]
    fourth, second, limits = rows = spare[:3]
    h, a, b, c = quadratics = spare[3:]
    limits[...] = _FARTHEST
    xp.multiply(x, x, out=second)
    if xp is not numpy or not xp.maximum.reduce(second) <= _FARTHEST:  # a look costs half of what it mostly saves
        xp.minimum(second, limits, out=second)
    xp.multiply(second, second, out=fourth)
    xp.matmul(_coefficients(xp), rows, out=quadratics)
    xp.multiply(h, a, out=h)
    xp.multiply(h, x, out=h)
    xp.multiply(b, c, out=b)
    xp.divide(h, b, out=h)
    power = getattr(xp, _EXP)
    power(h, out=h)
    one = constant(xp, 1, x.dtype)
    xp.add(h, one, out=h)
    if len(rest) == 1:
        xp.divide(x, h, out=out)
        return
    below, slope = xp.divide(one, h, out=h), rest[0]
    xp.multiply(second, constant(xp, -_HALF, x.dtype), out=second)
    density = power(second, out=second)
    xp.multiply(density, constant(xp, _DENSITY_AT_0, x.dtype), out=density)
    xp.multiply(density, x, out=density)
    xp.add(density, below, out=slope)
    xp.multiply(x, below, out=out)


def room(xp: Any, x: Array) -> Array:
    """An array for the slopes at x."""
    return empty(xp, x.shape, x.dtype) if x.flags.c_contiguous else xp.empty_like(x)


def _laid_out(xp: Any, out: Array, x: Array) -> Array:
    """`out` in the memory order of x."""
    found = xp.empty_like(x, order="C" if 0 in x.strides else "K")
    found[...] = out
    return found


def _share(xp: Any, g: Array, x: Array, slope: Array | None) -> Array:
    if slope is None:
        slope = room(xp, x)
        gelu.forward(xp, x, slope=slope)
    return written(xp, lambda xp, share, g, slope: xp.multiply(g, slope, out=share), g, slope)


gelu.vjp(x=rounded_once(lambda g, x: g * (ndtr(x) + x * (exp(x * x * -0.5) * _DENSITY_AT_0))))
gelu.direct(x=_share)
gelu.on_gpu(lambda xp, x, slope=None: elementwise(xp, "gelu_forward", x))
gelu.directly_on_gpu(lambda xp, g, wanted, x: gradient(xp, "gelu_backward", g, x))

# --- by tanh ----------------------------------------------------------------------------------------------------------

_TANH_SCALE, _CUBIC = math.sqrt(2 / math.pi), 0.044715  # of gelu_tanh


@Pointwise
def gelu_tanh(xp: Any, x: Array) -> Array:
    """out = x (1 + tanh u) / 2 = x logistic(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3)

    dL/dx = g (s + x s (1 - s) 2 u'), s = logistic(2 u)
    """
    kind = x.dtype.type
    double = kind(2 * _TANH_SCALE) * (x + kind(_CUBIC) * x * x * x)
    return x * logistic.forward(xp, double)


@rounded_once
def _gelu_tanh_rule(g: Any, x: Any) -> Any:
    square = x * x
    double = (x + x * square * _CUBIC) * (2 * _TANH_SCALE)
    s = logistic(double)
    slope = (square * (3 * _CUBIC) + 1) * (2 * _TANH_SCALE)
    return g * (s + x * (s * logistic(-double)) * slope)


gelu_tanh.vjp(x=_gelu_tanh_rule)
gelu_tanh.on_gpu(lambda xp, x: elementwise(xp, "gelu_tanh_forward", x))
gelu_tanh.directly_on_gpu(lambda xp, g, wanted, x: gradient(xp, "gelu_tanh_backward", g, x))
