"""log, sin and cos of float32 arrays as torch's vectorised `randn` computes them.

The polynomials are those of S. Moshier's Cephes library in single precision, in the arrangement of J. Pommier's
sse_mathfun and G. Garberoglio's avx_mathfun (zlib licence), compiled with multiply-adds contracted. A contracted pair
is computed here in float64, where the product of two float32 values is exact, and rounded to float32 at the end; for
every argument that `randn` can meet this equals the contracted result.

Reference: W. Cody and W. Waite, "Software Manual for the Elementary Functions", 1980, for the range reductions.
"""

from typing import Any

import numpy

Array = Any

_SQRT_HALF = numpy.float32(0.707106781186547524)
_LOG = numpy.array(
    [
        *(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1),
        *(-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
    ],
    numpy.float32,
).astype(numpy.float64)
_LN2_LOW, _LN2_HIGH = (float(numpy.float32(c)) for c in (-2.12194440e-4, 0.693359375))
_FOUR_BY_PI = numpy.float32(1.27323954473516)
_PI_BY_4 = tuple(float(numpy.float32(c)) for c in (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8))
_COS = tuple(float(numpy.float32(c)) for c in (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2))
_SIN = tuple(float(numpy.float32(c)) for c in (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1))


def _rounded(exact: Array) -> Array:
    """Round to float32, and hold the result as float64 for the next exact product."""
    return exact.astype(numpy.float32).astype(numpy.float64)


def log(u: Array) -> Array:
    """Natural logarithm of a float32 array of values in (0, 1].

    u = 2^e m with m in [sqrt(1/2), sqrt(2)); x = m - 1; log u = x - x^2/2 + x^3 P(x) + e log 2.
    """
    mantissa, exponent = numpy.frexp(u)  # in [0.5, 1)
    low = mantissa < _SQRT_HALF
    exponent = (exponent - low).astype(numpy.float64)
    x = (numpy.where(low, mantissa + mantissa, mantissa) - numpy.float32(1)).astype(numpy.float64)
    z = _rounded(x * x)
    y = numpy.full_like(x, _LOG[0])
    for coefficient in _LOG[1:]:
        y = _rounded(y * x + coefficient)
    y = _rounded(y * x)
    y = _rounded(y * z + _rounded(exponent * _LN2_LOW))
    y = _rounded(y - 0.5 * z)
    return (_rounded(x + y) + exponent * _LN2_HIGH).astype(numpy.float32)


def sincos(t: Array) -> tuple[Array, Array]:
    """Sine and cosine of a float32 array of angles in [0, 2 pi].

    t = j pi/4 + x with j even and |x| <= pi/4; j picks the polynomial (j & 2) and the signs (j & 4).
    """
    octant = (t * _FOUR_BY_PI).astype(numpy.int32) + 1 & ~1
    x, j = t.astype(numpy.float64), octant.astype(numpy.float64)
    for part in _PI_BY_4:
        x = _rounded(x + j * part)
    z = _rounded(x * x)
    cos = _rounded(z * _COS[0] + _COS[1])
    cos = _rounded(cos * z + _COS[2])
    cos = _rounded(cos * z)
    cos = _rounded(cos * z - 0.5 * z)
    cos = (cos + 1).astype(numpy.float32)
    sin = _rounded(z * _SIN[0] + _SIN[1])
    sin = _rounded(sin * z + _SIN[2])
    sin = _rounded(sin * z)
    sin = (sin * x + x).astype(numpy.float32)
    swap = octant & 2 != 0
    signed_sin: Array = numpy.where(swap, cos, sin)
    signed_cos: Array = numpy.where(swap, sin, cos)
    numpy.negative(signed_sin, out=signed_sin, where=octant & 4 != 0)
    numpy.negative(signed_cos, out=signed_cos, where=octant - 2 & 4 == 0)
    return signed_sin, signed_cos
