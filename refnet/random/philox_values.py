"""What threads make of the four words of a call: uniform values, whole numbers, normal values.

Each has two forms, an array form from words (.., 4) of uint32 to values (.., k), four of 32 bits or two of 64, and a
kernel that also puts them where they belong. The uniform values of a GPU lie in (0, 1]: (word + 1/2) / 2^32 in float32,
(53 bits + 1/2) / 2^53 in float64.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy

from refnet._kernels.philox import Draw, function, has_kernels
from refnet.random.philox_fma import fma

Array = Any


class Value(NamedTuple):
    """A rule from a call's words to values.

    - each: how many values a call gives;
    - of_words: the array form, (xp, words) -> values;
    - by_kernel: the kernel, given what it draws.
    """

    each: int
    of_words: Callable[[Any, Array], Array]
    by_kernel: Callable[[Draw], Array]


# --- array forms ----------------------------------------------------------------------------------------------------


def unit32(drawn: Array) -> Array:
    """Words as float32 in (0, 1]: rounded to 24 bits, times 2^-32, plus 2^-33."""
    values = drawn.astype(numpy.float32)
    values *= numpy.float32(2.0**-32)  # exact, so that a fused multiply-add gives the same
    values += numpy.float32(2.0**-33)
    return values


def unit64(drawn: Array) -> Array:
    """Four words as two float64 in (0, 1]: of a pair, the second 21 bits up, xor the first, over 2^53, plus 2^-54."""
    return _bits53(drawn) * 2.0**-53 + 2.0**-54


def _bits53(drawn: Array) -> Array:
    wide = drawn.astype(numpy.uint64)
    return (wide[..., 0::2] ^ (wide[..., 1::2] << 21)).astype(numpy.float64)


def word64(drawn: Array) -> Array:
    """Four words as two of 64 bits: the first of a pair is the upper half."""
    wide = drawn.astype(numpy.uint64)
    return (wide[..., 0::2] << 32) | wide[..., 1::2]


def _normals(xp: Any, r: Array, sine: Array, cosine: Array) -> Array:
    """r sine and r cosine, in turn along the last dimension."""
    return xp.stack((r * sine, r * cosine), axis=-1).reshape(*r.shape[:-1], -1)


def normal32(xp: Any, drawn: Array) -> Array:
    """Four words as four normals: r sin t and r cos t with r = sqrt(-2 log u), t = 2 pi v, u and v from a pair of words."""
    u = unit32(drawn[..., 0::2])
    turn = numpy.float32(2.0**-32) * numpy.float32(2 * math.pi)
    t = fma(xp, drawn[..., 1::2].astype(numpy.float32), turn, turn / numpy.float32(2))
    return _normals(xp, xp.sqrt(numpy.float32(-2) * xp.log(u)), xp.sin(t), xp.cos(t))


def normal64(xp: Any, drawn: Array) -> Array:
    """Four words as two normals, in float64: the first pair gives u, the second v."""
    z = _bits53(drawn)
    u, v = z[..., :1] * 2.0**-53 + 2.0**-54, z[..., 1:] * 2.0**-52 + 2.0**-53
    return _normals(xp, xp.sqrt(-2.0 * xp.log(u)), xp.sin(v * math.pi), xp.cos(v * math.pi))


# --- both forms -----------------------------------------------------------------------------------------------------

UNIT32 = Value(4, lambda xp, drawn: unit32(drawn), lambda draw: draw.uniform("f"))
UNIT64 = Value(2, lambda xp, drawn: unit64(drawn), lambda draw: draw.uniform("d"))
WORD32 = Value(4, lambda xp, drawn: drawn, lambda draw: draw.words("f"))
WORD64 = Value(2, lambda xp, drawn: word64(drawn), lambda draw: draw.words("d"))


def uniform_values(first: Any, span: Any, last: Any) -> Value:
    """u span + first, and `first` for what is `last`; the type of the three numbers is that of the values."""

    def of_words(xp: Any, drawn: Array) -> Array:
        u = unit32(drawn) if first.itemsize == 4 else unit64(drawn)
        values = fma(xp, u, span, first)
        return xp.where(values == last, first, values)

    each = 16 // int(first.itemsize)
    return Value(each, of_words, lambda draw: draw.uniform(first.dtype.char, first, span, last))


def normal_values(mean: Any, std: Any) -> Value:
    """z std + mean; the type of the two numbers is that of the values."""

    def of_words(xp: Any, drawn: Array) -> Array:
        return fma(xp, normal32(xp, drawn) if mean.itemsize == 4 else normal64(xp, drawn), std, mean)

    each = 16 // int(mean.itemsize)
    return Value(each, of_words, lambda draw: draw.normal(mean.dtype.char, mean, std))


def dropout_values(kept: Any, scale: Any) -> Value:
    """`scale` where u < kept, else 0, with u of float32; the type of the two numbers is that of the values."""
    return Value(
        4,
        lambda xp, drawn: (unit32(drawn) < kept) * scale,
        lambda draw: draw.dropout(kept.dtype.char, kept, scale),
    )


# --- functions ------------------------------------------------------------------------------------------------------


def logarithm(xp: Any, x: Array) -> Array:
    """log x of float32 or float64; in float32 a GPU's fast one."""
    return function(xp, "logarithm", x) if has_kernels(xp) else xp.log(x)


def exponential(xp: Any, x: Array) -> Array:
    """exp x of float32 or float64; in float32 a GPU's fast one."""
    return function(xp, "exponential", x) if has_kernels(xp) else xp.exp(x)


def tangent(xp: Any, x: Array) -> Array:
    """tan x of float32 or float64; in float32 a GPU's fast one."""
    return function(xp, "tangent", x) if has_kernels(xp) else xp.tan(x)
