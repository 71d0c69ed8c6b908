"""Moving the numbers of a sample: to other types, by representable steps, inside their rounding intervals.

Every move is a hash of the magnitude, so equal numbers move equally: ties, pairs of opposite sign and zeros stay what
they are.
"""

from collections.abc import Callable

import ml_dtypes
import numpy

from conformance.draw import Array, is_floating
from conformance.scale import smallest_normal

Move = Callable[[Array], Array]
STEPS = 4  # an input moves by up to this many representable numbers


def same(array: Array) -> Array:
    """The numbers as they are."""
    return array


def upcast(array: Array) -> Array:
    """Floating numbers to float64; the rest as it is."""
    return array.astype(numpy.float64) if is_floating(array) else array


def flush(array: Array) -> Array:
    """Subnormal numbers of the array's dtype as zeros of the same sign."""
    if not is_floating(array):
        return array
    tiny = numpy.abs(array.astype(numpy.float64)) < smallest_normal(array.dtype)
    return numpy.where(tiny, numpy.copysign(numpy.zeros_like(array), array), array).astype(array.dtype)


def to_float32(array: Array) -> Array:
    """float64 numbers at float32; the rest as it is."""
    if array.dtype != numpy.float64:
        return array
    with numpy.errstate(all="ignore"):
        return array.astype(numpy.float32)


def hashed(array: Array, seed: int) -> Array:
    """64 random bits per element, a function of the element's magnitude at float64 and the seed (splitmix64)."""
    z = numpy.asarray(numpy.abs(array.astype(numpy.float64))).view(numpy.uint64)
    z += numpy.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)
    z ^= z >> _30
    z *= _MIX[0]
    z ^= z >> _27
    z *= _MIX[1]
    z ^= z >> _31
    return z


_27, _30, _31 = numpy.uint64(27), numpy.uint64(30), numpy.uint64(31)
_MIX = (numpy.uint64(0xBF58476D1CE4E5B9), numpy.uint64(0x94D049BB133111EB))


def move_by_steps(array: Array, seed: int) -> Array:
    """Every finite, nonzero number moved by -4 to 4 representable numbers, its sign kept.

    >>> moved = move_by_steps(numpy.array([1.0, -1.0, 0.0], "float32"), 1)
    >>> bool(moved[0] == -moved[1]), float(moved[2])
    (True, 0.0)
    """
    if not is_floating(array) or array.size == 0:
        return array
    array = numpy.ascontiguousarray(array).reshape(array.shape)
    integer = numpy.dtype(f"int{8 * array.dtype.itemsize}")
    sign_bit = integer.type(numpy.iinfo(integer).min)
    bits = numpy.asarray(array.view(integer))
    magnitude = bits & ~sign_bit
    steps = (hashed(array, seed) % numpy.uint64(2 * STEPS + 1)).astype(integer) - integer.type(STEPS)
    top = numpy.asarray(ml_dtypes.finfo(array.dtype).max, dtype=array.dtype).view(integer)
    movable = (magnitude > STEPS) & (magnitude <= top - STEPS)
    moved = numpy.where(movable, magnitude + steps, magnitude) | (bits & sign_bit)
    return numpy.asarray(moved, dtype=integer).view(array.dtype)


def move_inside_rounding(array: Array, seed: int) -> Array:
    """Every number at float64, moved by less than half a step of its own dtype: it would round back."""
    if not is_floating(array):
        return array
    share = (hashed(array, seed) >> numpy.uint64(11)).astype(numpy.float64) / 2.0**53 - 0.5  # in [-1/2, 1/2)
    x = array.astype(numpy.float64)
    with numpy.errstate(all="ignore"):
        _, exponent = numpy.frexp(x)
        eps = float(ml_dtypes.finfo(array.dtype).eps)
        step = numpy.ldexp(eps, exponent - 1)  # the distance to the next number: x = m 2^e with 1/2 <= m < 1
        moved = x + numpy.where(numpy.isfinite(x) & (x != 0), 0.98 * share * step, 0.0) * numpy.sign(x)
    return numpy.where(numpy.isfinite(x), moved, x)
