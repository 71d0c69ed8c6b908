"""A random permutation on a GPU: 0, ..., n-1 sorted by random keys, in which equal keys are shuffled.

The keys have so many bits that all n differ with a probability of nine in ten. After the sort, equal keys lie side by
side, as an island; the thread of an island's first place shuffles it by Fisher and Yates with words of its own.
"""

import math
from typing import Any

import numpy

from refnet._kernels.philox import Draw, has_kernels
from refnet.random.philox import Philox, words
from refnet.random.philox_values import WORD64
from refnet.random.philox_words import strided

Array = Any

# Longer islands do not occur: s of n keys are equal with probability below n^s / s! / (4.7 n^2)^(s-1), which is largest
# for n = s; for s = 9 it is 1e-18.
_LONGEST = 8


def key_bits(n: int) -> int:
    """How many bits of a key count: log2(n - (6 n^2 + 1) / (12 log 0.9)), rounded up, at most 64.

    >>> [key_bits(n) for n in (1, 10, 1000, 10**6)]
    [3, 9, 23, 43]
    """
    return min(64, math.ceil(math.log2(n - (6.0 * n * n + 1) / (12 * math.log(0.9)))))


def permutation(engine: Philox, n: int) -> Array:
    """torch's random permutation of 0, ..., n-1 as int64."""
    xp = engine.xp
    if n == 0:
        return xp.zeros(0, numpy.int64)
    keys = _keys(engine, n, key_bits(n))
    order = xp.argsort(keys, kind="stable")
    return _shuffle_islands(engine, keys[order], order.astype(numpy.int64, copy=False))


def _keys(engine: Philox, n: int, bits: int) -> Array:
    """The lower bits of random integers, of 32 bits where these are enough: a 64-bit word modulo 2^32 - 1, or 2^64 - 1."""
    size = 32 if bits <= 32 else 64
    drawn = strided(engine, n, size // 8, WORD64)
    return (drawn % numpy.uint64((1 << size) - 1)) & numpy.uint64((1 << bits) - 1)


def _shuffle_islands(engine: Philox, keys: Array, values: Array) -> Array:
    """`values`, with those of equal neighbouring keys exchanged: i = s-1, ..., 1 with w mod (i + 1) in an island of s.

    w are the words, one after the other, of the thread with the number of the island's first place.
    """
    xp, n = engine.xp, len(keys)
    offset = engine.take(n)
    if has_kernels(xp):
        Draw(xp, engine.key, offset, n, n).islands(keys, values)
        return values
    place = xp.arange(n)
    before, after = xp.zeros(n, numpy.int64), xp.zeros(n, numpy.int64)
    for distance in range(1, min(_LONGEST, n)):
        equal = (keys[distance:] == keys[:-distance]).astype(numpy.int64)
        before[distance:] += equal
        after[:-distance] += equal
    first = place - before
    drawn = words(xp, engine.key, offset, _LONGEST // 4, n).transpose(1, 0, 2).reshape(n, _LONGEST)
    own = drawn[first].astype(numpy.int64)
    for step in range(_LONGEST - 1):
        i = before + after - step
        r = own[:, step] % xp.maximum(i + 1, 1)
        partner = xp.where(before == i, first + r, xp.where(before == r, first + i, place))
        values = values[xp.where(i > 0, partner, place)]
    return values
