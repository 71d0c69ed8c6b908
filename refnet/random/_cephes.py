"""log, sin and cos of float32 arrays as torch's vectorised `randn` computes them.

The polynomials are those of S. Moshier's Cephes library in single precision, in the arrangement of J. Pommier's
sse_mathfun and G. Garberoglio's avx_mathfun (zlib licence), compiled with multiply-adds contracted: R(y x + c) rounds
once, to float32. Three cases are told apart here:

- a product alone, or a sum with a product that is exact in float32 (powers of two, constants of few digits), is what
  numpy's float32 arithmetic gives;
- any other multiply-add is computed in float64, where the product of two float32 values is exact, and then rounded to
  float32. For every argument that `randn` can meet this equals the contracted result.

Values that take part in multiply-adds are held as float64 beside, or in place of, their float32 form.

Reference: W. Cody and W. Waite, "Software Manual for the Elementary Functions", 1980, for the range reductions.
"""

from typing import Any

import numpy

Array = Any


def _rounded(*constants: float) -> list[float]:
    """Constants as float32 has them."""
    return [float(numpy.float32(c)) for c in constants]


_MANTISSA_BITS = 23
_SQRT_HALF_BITS = 0x3F3504F3  # of sqrt(1/2), the least m below
_LOG = _rounded(
    *(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1),
    *(-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
)
_LN2_LOW, _LN2_HIGH = numpy.float32(-2.12194440e-4), numpy.float32(0.693359375)
_FOUR_BY_PI = numpy.float32(1.27323954473516)
_PI_BY_4_HIGH, _PI_BY_4_MIDDLE = numpy.float32(-0.78515625), numpy.float32(-2.4187564849853515625e-4)
(_PI_BY_4_LOW,) = _rounded(-3.77489497744594108e-8)
_COS = _rounded(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_SIN = _rounded(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_HALF, _ONE = numpy.float32(0.5), numpy.float32(1)


def _multiply_add(y: Array, x: Array, c: Any, out: Array) -> None:
    """y <- R(y x + c), in place, for float32 values held as float64; and out <- the same, as float32."""
    y *= x
    y += c
    _round(y, out)


def _round(y: Array, out: Array) -> None:
    numpy.copyto(out, y, casting="same_kind")
    numpy.copyto(y, out)


def log(u: Array) -> Array:
    """Natural logarithm of a float32 array of values in (0, 1].

    u = 2^e m with m in [sqrt(1/2), sqrt(2)); x = m - 1; log u = x - x^2/2 + x^3 P(x) + e log 2.
    """
    bits = u.view(numpy.int32)
    exponent = bits - _SQRT_HALF_BITS
    exponent >>= _MANTISSA_BITS
    x = (bits - (exponent << _MANTISSA_BITS)).view(numpy.float32)
    x -= _ONE
    e = exponent.astype(numpy.float32)
    z = x * x
    y, x64 = numpy.empty_like(x), x.astype(numpy.float64)
    y64 = x64 * _LOG[0]
    y64 += _LOG[1]
    _round(y64, y)
    for coefficient in _LOG[2:]:
        _multiply_add(y64, x64, coefficient, y)
    y64 *= x64
    _round(y64, y)
    _multiply_add(y64, z, e * _LN2_LOW, y)
    z *= _HALF
    y -= z
    x += y
    e *= _LN2_HIGH  # exact
    x += e
    return x


def sincos(t: Array) -> tuple[Array, Array]:
    """Sine and cosine of a float32 array of angles in [0, 2 pi].

    t = j pi/4 + x with j even and |x| <= pi/4; j picks the polynomial (j & 2) and the signs (j & 4).
    """
    octant = (t * _FOUR_BY_PI).astype(numpy.int32)
    octant += 1
    octant &= ~1
    j = octant.astype(numpy.float32)
    x = j * _PI_BY_4_HIGH  # exact
    x += t
    x64 = j.astype(numpy.float64)
    j *= _PI_BY_4_MIDDLE  # exact
    x += j
    _multiply_add(x64, _PI_BY_4_LOW, x, x)
    z = x * x
    z64 = z.astype(numpy.float64)

    cos, cos64 = numpy.empty_like(z), z64 * _COS[0]
    cos64 += _COS[1]
    _round(cos64, cos)
    _multiply_add(cos64, z64, _COS[2], cos)
    cos64 *= z64
    _round(cos64, cos)
    _multiply_add(cos64, z64, z * -_HALF, cos)
    cos += _ONE

    sin, sin64 = numpy.empty_like(z), z64 * _SIN[0]
    sin64 += _SIN[1]
    _round(sin64, sin)
    _multiply_add(sin64, z64, _SIN[2], sin)
    sin64 *= z64
    _round(sin64, sin)
    _multiply_add(sin64, x64, x, sin)

    swap = (octant & 2).astype(numpy.bool_)
    signed_sin: Array = numpy.where(swap, cos, sin)
    signed_cos: Array = numpy.where(swap, sin, cos)
    _flip(signed_sin, octant)
    octant -= 2
    numpy.invert(octant, out=octant)
    _flip(signed_cos, octant)
    return signed_sin, signed_cos


def _flip(values: Array, octant: Array) -> None:
    """Change the sign, the highest bit, where bit 2 of the octant is set."""
    bits = values.view(numpy.int32)
    bits ^= (octant & 4) << 29
