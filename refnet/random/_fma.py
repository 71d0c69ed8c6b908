"""Fused multiply-add: a b + c with one rounding, as compiled code with contraction computes it.

numpy rounds the product and then the sum. Where the exact product can be had, the sum is first *rounded to odd* in a
wider format (if inexact, its last bit is set), which no later rounding can mistake for a tie or for an exact value.

Reference: S. Boldo and G. Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding
to odd", IEEE Trans. Computers 57(4), 2008.
"""

from typing import Any

import numpy

Array = Any

_CHUNK = 1 << 13  # elements per pass, so that the temporaries stay in cache
_BELOW_FLOAT32 = (1 << 29) - 1  # the bits of a float64 that a float32 has not
_HALFWAY = 1 << 28
_HUGE = 2.0**900
_SPLIT = 134217729.0  # 2^27 + 1 cuts a float64 into two halves of 26 bits


def fma32(x: Array, scale: Any, shift: Any) -> Array:
    """x scale + shift for a float32 array and two float32 values, rounded once to float32.

    >>> tie = numpy.array([2.0**-24 + 2.0**-46], numpy.float32)
    >>> float(fma32(tie, 1.0, 1.0)[0]) == 1 + 2.0**-23  # just above a tie that would round to even, to 1
    True
    """
    if shift == 0:
        return x * numpy.float32(scale) + numpy.float32(0)  # one rounding; the sum turns -0 into 0
    scale, shift = float(scale), float(shift)
    out = numpy.empty_like(x)
    for start in range(0, len(x), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        total = x[chunk].astype(numpy.float64)
        total *= scale  # exact: 24 + 24 bits fit in 53
        total += shift
        # A second rounding errs only where the first landed on a tie of float32, halfway between two of its values.
        tie = (total.view(numpy.int64) & _BELOW_FLOAT32) == _HALFWAY
        if tie.any():
            doubtful = numpy.flatnonzero(tie)
            total[doubtful] = _add_to_odd(x[chunk][doubtful] * numpy.float64(scale), shift)
        out[chunk] = total
    return out


def fma64(x: Array, scale: Any, shift: Any) -> Array:
    """x scale + shift for a float64 array and two numbers, rounded once; exact unless the result is below 1e-290 or so.

    >>> x = numpy.array([1 + 2.0**-52])
    >>> float(fma64(x, x[0], -1 - 2.0**-51)[0]) == 2.0**-104
    True
    """
    scale, shift = float(scale), float(shift)
    if shift == 0:
        return x * scale + 0.0  # one rounding; the sum turns -0 into 0
    if abs(scale) > _HUGE:  # whose halves would overflow: take out a power of two
        return fma64(x, scale / _HUGE, shift / _HUGE) * _HUGE
    high, low = _exact_product(x, scale)
    upper, lower = _exact_sum(shift, low)
    top, rest = _exact_sum(high, upper)
    return top + _add_to_odd(rest, lower)


def _exact_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """Knuth's two-sum: the rounded sum and what rounding lost."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _exact_product(a: Array, b: Array) -> tuple[Array, Array]:
    """Dekker's two-product: the rounded product and what rounding lost."""
    product = a * b
    a_high = _SPLIT * a - (_SPLIT * a - a)
    b_high = _SPLIT * b - (_SPLIT * b - b)
    a_low, b_low = a - a_high, b - b_high
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _add_to_odd(a: Array, b: Array) -> Array:
    """a + b; an inexact sum with an even last bit moves one step towards the exact one, where the bit is odd."""
    total, lost = _exact_sum(numpy.asarray(a, numpy.float64), numpy.asarray(b, numpy.float64))
    total = numpy.asarray(total)
    even = (total.view(numpy.int64) & 1) == 0
    towards = numpy.where(lost > 0, numpy.inf, -numpy.inf)
    return numpy.where(even & (lost != 0), numpy.nextafter(total, towards), total)
