"""The distributions on bare arrays: torch's CPU draws, word for word and bit for bit.

Every function takes an engine and a count n, and gives n values in the order in which a tensor's memory is to be
filled. w32 is the engine's next 32-bit word; w64 is two, the first of them the upper half. A draw of another
distribution goes here if it is a formula over those words, and into a file of its own if it needs an algorithm.
"""

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy

from refnet import _dtype
from refnet._recording.active import opaque
from refnet.random._counts import binomial as binomial
from refnet.random._counts import poisson as poisson
from refnet.random._fma import fma32, fma64
from refnet.random._normal import BLOCK, blocks32, blocks64, pairwise
from refnet.random._permutation import permutation as permutation
from refnet.random.generator import engine_of
from refnet.random.mt19937 import MT19937

Array = Any

DIGITS = {  # bits of a significand
    _dtype.float16.numpy: 11,
    _dtype.bfloat16.numpy: 8,
    _dtype.float32.numpy: 24,
    _dtype.float64.numpy: 53,
}
_LOW_24, _LOW_53 = numpy.uint32((1 << 24) - 1), numpy.uint64((1 << 53) - 1)
CHUNK = 1 << 14  # values drawn at a time, so that the temporaries stay in cache; a multiple of BLOCK
_FLOAT64 = numpy.dtype(numpy.float64)
_LOG_MAX = math.log(sys.float_info.max)  # beyond, the exponential is infinite
_INT64_MAX = (1 << 63) - 1
_WIDE = 1 << 28  # ranges from here on take 64-bit words


def outermost_first(array: Array) -> list[int]:
    """The dimensions of an array in the order of falling strides."""
    return sorted(range(array.ndim), key=lambda d: -array.strides[d])


def host_like(array: Array) -> Array:
    """An array in host memory with whatever it holds, in the shape, dtype and memory order of `array`, on any device."""
    if isinstance(array, numpy.ndarray):
        return numpy.empty_like(array, order="K")
    order = outermost_first(array)
    return numpy.empty([array.shape[d] for d in order], array.dtype).transpose(numpy.argsort(order))


# --- continuous ---------------------------------------------------------------------------------------------------


def unit(engine: MT19937, n: int, dtype: Any) -> Array:
    """Uniform on [0, 1): the lower 53 bits of w64 over 2^53 for float64, the lower 24 of w32 in float32 for the rest."""
    if dtype == numpy.float64:
        words = engine.words64(n)
        words &= _LOW_53
        return words.view(numpy.int64) * 2.0**-53
    words = engine.words32(n)
    words &= _LOW_24
    values = words.view(numpy.int32).astype(numpy.float32)
    values *= numpy.float32(2.0**-24)
    return values


def uniform(engine: MT19937, n: int, dtype: Any, low: float = 0.0, high: float = 1.0) -> Array:
    """Uniform on [low, high): u (high - low) + low with one rounding; where that gives `high`, `low` instead."""
    u = unit(engine, n, dtype)
    if low == 0 and high == 1 and u.dtype == dtype:
        return u
    a, b = u.dtype.type(low), u.dtype.type(high)
    if dtype == numpy.float64:
        u = fma64(u, b - a, a)
    elif (b - a) * 2.0**-24 <= abs(a) <= 8 * (b - a):
        # Exact in float64 until it is rounded: with 2^e the first bit of b - a, neither the product (24 digits times a
        # multiple of 2^-24) nor a has bits below 2^(e - 48), and their sum has none above 2^(e + 4): 53 in all.
        u = (u.astype(numpy.float64) * float(b - a) + float(a)).astype(numpy.float32)
    else:
        u = fma32(u, b - a, a)
    values = u.astype(dtype, copy=False)
    closed = values == dtype.type(b)
    if closed.any():
        values[closed] = dtype.type(a)
    return values


def normal(
    engine: MT19937, n: int, dtype: Any, mean: float = 0.0, std: float = 1.0, *, contiguous: bool = True
) -> Array:
    """Normal values. Sixteen or more for a contiguous tensor come in blocks; otherwise two at a time, in float64.

    In blocks, a remainder of less than 16 is made by drawing the last 16 values anew.
    """
    if n < BLOCK or not contiguous:
        return _narrow(fma64(pairwise(engine, n), std, mean), dtype)
    half = dtype in _dtype.HALF
    kind = numpy.dtype(numpy.float32) if half else dtype
    blocks = blocks64 if dtype == numpy.float64 else blocks32
    whole = n - n % BLOCK
    out = numpy.empty(n, dtype)
    for start in range(0, whole, CHUNK):
        stop = min(start + CHUNK, whole)
        u = unit(engine, stop - start, kind)
        if stop == whole < n:
            if not half:
                unit(engine, n - whole, kind)  # of float types, torch draws the remainder, and drops it
            u = numpy.concatenate((u, unit(engine, BLOCK, kind)))
        values = blocks(u, mean, std)
        out[start:stop] = values[: stop - start]
        if stop == whole < n:
            out[-BLOCK:] = values[-BLOCK:]
    return out


def exponential(engine: MT19937, n: int, dtype: Any, rate: float = 1.0) -> Array:
    """-log(1 - u) / rate, in float64 with the C library's log1p, rounded once."""
    u = unit(engine, n, _FLOAT64)
    scale = -1.0 / rate
    if dtype == numpy.float64:
        return scale * _each(math.log1p, -u)
    # numpy's log1p errs by a few float64 ulp. That shows only where rounding to the narrower type hangs by them.
    fast = scale * numpy.log1p(-u)
    slack = numpy.abs(fast) * 2.0**-48
    low, high = (fast - slack).astype(numpy.float32), (fast + slack).astype(numpy.float32)
    unsure = low != high
    if unsure.any():
        low[unsure] = scale * _each(math.log1p, -u[unsure])
    return low.astype(dtype, copy=False)


def cauchy(engine: MT19937, n: int, dtype: Any, median: float = 0.0, sigma: float = 1.0) -> Array:
    """median + sigma tan(pi (u - 1/2)), in float64 with the C library's tangent."""
    angles = math.pi * (unit(engine, n, _FLOAT64) - 0.5)
    return _narrow(fma64(_each(math.tan, angles), sigma, median), dtype)


def log_normal(engine: MT19937, n: int, dtype: Any, mean: float = 1.0, std: float = 2.0) -> Array:
    """exp(x) of normal values x, drawn two at a time whatever n, in float64 with the C library's exponential."""
    x = fma64(pairwise(engine, n), std, mean)
    values = numpy.where(x > _LOG_MAX, numpy.inf, _each(math.exp, numpy.minimum(x, _LOG_MAX)))
    return _narrow(values, dtype)


def _narrow(values: Array, dtype: Any) -> Array:
    """From float64 to another floating type, to the half types by way of float32, as compiled code does it."""
    return values.astype(_dtype.opmath(dtype)).astype(dtype, copy=False)


def _each(function: Callable[[float], float], x: Array) -> Array:
    """A function of the C library on every element, where numpy's own, faster one differs in the last place."""
    return numpy.fromiter(map(function, x.tolist()), numpy.float64, len(x))


# --- discrete -----------------------------------------------------------------------------------------------------


def bits(engine: MT19937, n: int, dtype: Any) -> Array:
    """Uniform over all values from 0 that the type holds: up to its largest integer, or 2^digits for a floating type."""
    if dtype in DIGITS:
        digits = DIGITS[dtype]
        words = engine.words64(n) if digits == 53 else engine.words32(n)
        return (words % ((1 << digits) + 1)).astype(dtype)
    if dtype == numpy.int64:
        return (engine.words64(n) & _INT64_MAX).astype(dtype)
    largest = 1 if dtype == numpy.bool_ else int(numpy.iinfo(dtype).max)
    return (engine.words32(n) % (largest + 1)).astype(dtype)


def integers(engine: MT19937, n: int, dtype: Any, low: int, count: int) -> Array:
    """Uniform over the `count` integers from `low`: a word modulo count, plus low; all words where count is 2^64."""
    words = engine.words32(n) if count < _WIDE else engine.words64(n)
    if count == 1 << 64:
        return words.view(numpy.int64).astype(dtype)
    words -= words // words.dtype.type(count) * words.dtype.type(count)  # numpy's division is faster than its remainder
    values = words.astype(numpy.int64)
    values += low
    return values.astype(dtype, copy=False)


def geometric(engine: MT19937, n: int, dtype: Any, p: float) -> Array:
    """The number of trials until the first success, of probability p: ceil(log u / log(1 - p)), in float64."""
    u = unit(engine, n, _FLOAT64)
    logs = numpy.where(u > 0, _each(math.log, numpy.where(u > 0, u, 1.0)), -numpy.inf)
    with numpy.errstate(all="ignore"):
        trials = numpy.ceil(logs / math.log1p(-p))
        if dtype in DIGITS:
            return _narrow(trials, dtype)
        return trials.astype(numpy.int64 if dtype.itemsize == 8 else numpy.int32).astype(
            dtype
        )  # as compiled code casts


def bernoulli(engine: MT19937, n: int, p: float, dtype: Any = None) -> Array:
    """True with probability p, in steps of 2^-53, whatever the type to be filled; w64 modulo 2^53 against p 2^53."""
    words = engine.words64(n)
    words &= _LOW_53
    return words < numpy.uint64(math.ceil(p * 2.0**53))


def bernoulli_each(engine: MT19937, p: Array) -> Array:
    """True with the probability that each element of p gives, by a uniform of p's precision."""
    kind = numpy.dtype(numpy.float64 if p.dtype == numpy.float64 else numpy.float32)
    return unit(engine, p.size, kind).reshape(p.shape) < p


@opaque
def multinomial(engine: MT19937, weights: Array, n: int, replacement: bool) -> Array:
    """n indices for each row of weights, with probability proportional to them.

    - one, or without replacement: the n largest of weights / q with q ~ Exp(1), which orders them as repeated draws
      without replacement would (P. Efraimidis and P. Spirakis, 2006);
    - with replacement: the place of a uniform in the running sums.
    """
    rows = len(weights)
    kind = _dtype.opmath(weights.dtype)
    if not replacement or n == 1:
        q = numpy.empty_like(weights)  # drawn in the order of its memory, which is that of the weights
        by_stride = q.transpose(outermost_first(q))
        by_stride[...] = exponential(engine, q.size, q.dtype).reshape(by_stride.shape)
        scores = (weights.astype(kind) / q.astype(kind)).astype(weights.dtype)
        if n == 1:
            return scores.argmax(axis=1).reshape(rows, 1)
        return numpy.argsort(-scores, axis=1, kind="stable")[:, :n]
    out = numpy.empty((rows, n), numpy.int64)
    for row in range(rows):
        sums = numpy.cumsum(weights[row], dtype=kind)
        sums = sums / sums[-1]
        sums[-1] = 1
        out[row] = numpy.searchsorted(sums.astype(numpy.float64), unit(engine, n, _FLOAT64))
    return out


# --- dropout ------------------------------------------------------------------------------------------------------


def dropout_noise(generator: Any, like: Array, p: float) -> Array:
    """What dropout multiplies by: bernoulli(1 - p) / (1 - p), in the shape, dtype and memory order of the array `like`.

    Values are drawn as the memory of the result lies: that of `like` where it is dense. For feature dropout, `like` is
    an empty (N, C, 1, ...) array. The caller handles p = 0, p = 1, evaluation and empty inputs, which draw nothing.

    >>> from refnet.random.generator import Generator
    >>> dropout_noise(Generator().manual_seed(0), numpy.empty(5, numpy.float32), 0.5)
    array([0., 0., 2., 0., 0.], dtype=float32)
    """
    noise = host_like(like)
    engine: Any = engine_of(generator, "dropout")
    kind = _dtype.opmath(noise.dtype)
    scale = (kind.type(1) / kind.type(1 - p)).astype(noise.dtype)
    flat = noise.transpose(outermost_first(noise)).reshape(-1)  # a view: the array is dense
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK]
        numpy.multiply(bernoulli(engine, part.size, 1 - p), scale, out=part)
    return noise
