"""Fused multiply-add, as a GPU computes a b + c: one rounding. On a GPU a kernel, elsewhere arithmetic of arrays.

The ideas are those of `_fma`: the exact product, and a sum rounded to odd in float64 before it is rounded for good.
"""

from typing import Any

import numpy

from refnet._kernels.philox import has_kernels, multiply_add

Array = Any

_SPLIT = 134217729.0  # 2^27 + 1 cuts a float64 into two halves of 26 bits
_FLOAT32 = numpy.dtype(numpy.float32)


def fma(xp: Any, x: Array, scale: Any, shift: Any) -> Array:
    """x scale + shift for an array of float32 or float64 and two numbers of its type, rounded once.

    In float64, right unless the result is below 1e-290 or the scale above 1e290 or so.

    >>> tie = numpy.array([2.0**-24 + 2.0**-46], numpy.float32)
    >>> float(fma(numpy, tie, 1.0, 1.0)[0]) == 1 + 2.0**-23  # just above a tie that would round to even, to 1
    True
    """
    if has_kernels(xp):
        return multiply_add(xp, x, float(scale), float(shift))
    scale, shift = float(scale), float(shift)
    if x.dtype == _FLOAT32:
        product = x.astype(numpy.float64) * scale  # exact: 24 + 24 bits fit in 53
        return _add_to_odd(xp, product, shift).astype(numpy.float32)
    product, rest = _exact_product(x, scale)
    upper, lower = _exact_sum(rest, shift)
    total, left = _exact_sum(product, upper)
    fused = total + _add_to_odd(xp, left, lower)
    return xp.where(xp.isfinite(fused), fused, x * scale + shift)


def _exact_sum(a: Array, b: Any) -> tuple[Array, Array]:
    """Knuth's two-sum: the rounded sum and what rounding lost."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _exact_product(a: Array, b: float) -> tuple[Array, Array]:
    """Dekker's two-product: the rounded product and what rounding lost."""
    product = a * b
    cut, b_cut = _SPLIT * a, _SPLIT * b
    a_high, b_high = cut - (cut - a), b_cut - (b_cut - b)
    a_low, b_low = a - a_high, b - b_high
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _add_to_odd(xp: Any, a: Array, b: Any) -> Array:
    """a + b; an inexact sum with an even last bit moves one step towards the exact one, where the bit is odd."""
    total, lost = _exact_sum(a, b)
    bits = total.view(numpy.int64)
    # One step away from 0 where the sum was rounded towards it, else one step towards 0: of the bits, that is +-1.
    step = xp.where((lost > 0) == (total > 0), 1, -1)
    inexact_even = (lost != 0) & ((bits & 1) == 0)
    return xp.where(inexact_even, bits + step, bits).view(numpy.float64)
