"""GELU, x times the normal distribution function of x, and its approximation by tanh.

    out = x P(x)        dL/dx = g (P(x) + x p(x)),    p(x) = e^(-x^2 / 2) / sqrt(2 pi)

float64 goes by the complementary error function. numpy has none, and a good one takes thirty passes over the array, so
float32 goes another way, which is `gelu`'s default: P is a logistic function of an odd one that is almost a polynomial,

    P(x) = 1 / (1 + e^-h(x)),    h(x) = ln(P(x) / P(-x)) = x A(x^2) / B(x^2),

with A and B of degree 4. Both of all elements are one matrix product, of their coefficients and the rows x^8, x^6, ..., 1:
a pass for each power and one for the product, where Horner's rule takes sixteen.

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
from refnet._recording.active import active, lasting
from refnet._workspace import empty

Array = Any

# Weighted least squares of x A / B against h on a grid of 0 < x < 13, weights raised where the error is largest until it
# is level (Lawson's method); weighed by what an error in h does to P, and beyond by its share of h.
_FEW = 1 << 14  # elements for which memory comes sooner from numpy than from the workspace
_FARTHEST = 256.0  # x^2 is limited to it: there e^-h is 0, and far beyond x^4 would overflow
_POLYNOMIALS = numpy.array(  # rows: -A and B; from x^8 to 1
    [
        [
            -2.68691077789421e-06,
            -0.0006096499616802581,
            -0.019020658295113676,
            -0.22798915141138515,
            -1.5957690454752005,
        ],
        [1.0973236383151424e-07, 0.00010827937856465861, 0.007534027493778245, 0.09733073691948088, 1.0],
    ]
)
_EXP = "exp2" if vectorized("exp2") else "exp"
if _EXP == "exp2":
    _POLYNOMIALS[0] /= math.log(2)
_HALF = 0.5 if _EXP == "exp" else 0.5 / math.log(2)  # e^(-x^2 / 2) by the same function
_POLYNOMIALS = _POLYNOMIALS.astype("float32")
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
    out = into_blocks(xp, functools.partial(_gelu, xp), dense, *slopes, room=_spare)
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


@lasting
@functools.cache
def _coefficients(xp: Any) -> Array:
    return xp.asarray(_POLYNOMIALS)


def _spare(xp: Any, n: int, dtype: Any) -> Array:
    """Rows of n elements for `_gelu`: x^8, x^6, x^4, x^2 and 1, then -A and B."""
    spare = xp.empty((7, n), dtype) if n < _FEW else empty(xp, (7, n), dtype)
    spare[4] = 1
    return spare


def _gelu(xp: Any, out: Array, x: Array, *rest: Array) -> None:
    """out <- x P(x), and with rows (slope, spare) instead of (spare) slope <- P(x) + x p(x)."""
    spare = rest[-1]
    eighth, sixth, fourth, second, _, h, b = spare
    xp.multiply(x, x, out=second)
    # A look costs half of what it mostly saves; a step that is being captured must not depend on what it sees.
    if xp is not numpy or active.recorder is not None or not xp.maximum.reduce(second) <= _FARTHEST:
        xp.minimum(second, constant(xp, _FARTHEST, x.dtype), out=second)
    xp.multiply(second, second, out=fourth)
    xp.multiply(fourth, second, out=sixth)
    xp.multiply(fourth, fourth, out=eighth)
    xp.matmul(_coefficients(xp), spare[:5], out=spare[5:])
    xp.divide(h, b, out=h)
    xp.multiply(h, x, out=h)
    power = getattr(xp, _EXP)
    power(h, out=h)
    one = constant(xp, 1, x.dtype)
    xp.add(h, one, out=h)
    if len(rest) == 1:
        xp.divide(x, h, out=out)
        return
    below, slope = xp.divide(one, h, out=h), rest[0]
    density = xp.multiply(second, constant(xp, -_HALF, x.dtype), out=second)
    power(density, out=density)
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
