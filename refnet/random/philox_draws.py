"""The distributions on a GPU: torch's CUDA draws, from the words that `philox_words` deals out.

The functions are those of `distributions`, with the same arguments, for a `Philox` engine and n > 0; they compute on its
device and move nothing to the host. What is arithmetic (`uniform`, `bits`, `integers`, `bernoulli`, `bernoulli_each`,
`fused_dropout_noise`, `permutation`) is torch's bit for bit, on a GPU and in arrays. What takes a logarithm, a sine, a
tangent or an exponential is torch's but for the last places in arrays; on a GPU the kernels use the same functions as
torch's, so that the same compiler gives the same bits. Where such a value is rounded to an integer (`geometric`), or
compared (`multinomial`), a rare one may be another.

The uniform values of a GPU lie in (0, 1]: (word + 1/2) / 2^32 in float32, (53 bits + 1/2) / 2^53 in float64.
"""

import math
from typing import Any

import numpy

from refnet import _dtype
from refnet._device import address
from refnet.random.distributions import DIGITS, outermost_first
from refnet.random.philox import Philox, words
from refnet.random.philox_counts import binomial as binomial
from refnet.random.philox_counts import poisson as poisson
from refnet.random.philox_fma import fma
from refnet.random.philox_permutation import permutation as permutation
from refnet.random.philox_values import (
    UNIT32,
    UNIT64,
    WORD32,
    WORD64,
    dropout_values,
    logarithm,
    normal_values,
    tangent,
    uniform_values,
    unit32,
)
from refnet.random.philox_values import exponential as exponential_function
from refnet.random.philox_words import in_fours, in_vectors, strided

Array = Any

_FLOAT32, _FLOAT64 = numpy.dtype(numpy.float32), numpy.dtype(numpy.float64)
_WIDE = 1 << 28  # integer ranges from here on take 64-bit words
_MULTINOMIAL_BLOCK = 128  # threads
_GRID_Y_MAX = 65535  # blocks in the second dimension of a launch


# --- continuous ---------------------------------------------------------------------------------------------------


def unit(engine: Philox, n: int, dtype: Any) -> Array:
    """Uniform on (0, 1] for a fill of the type: in float64 for itself, in float32 for all others, integers included."""
    return strided(engine, n, dtype.itemsize, UNIT64 if dtype == _FLOAT64 else UNIT32)


def uniform(engine: Philox, n: int, dtype: Any, low: float = 0.0, high: float = 1.0) -> Array:
    """Uniform on [low, high): u (high - low) + low with one rounding; where that gives `high`, `low` instead."""
    kind = _dtype.opmath(dtype).type
    first, last = dtype.type(low), dtype.type(high)
    span = dtype.type(kind(last) - kind(first))  # rounded to the tensor's type
    if dtype not in _dtype.HALF:
        return strided(engine, n, dtype.itemsize, uniform_values(first, span, last))
    values = fma(engine.xp, unit(engine, n, dtype), kind(span), kind(first)).astype(dtype)
    return engine.xp.where(values == last, first, values)


def normal(
    engine: Philox, n: int, dtype: Any, mean: float = 0.0, std: float = 1.0, *, contiguous: bool = True
) -> Array:
    """Normal values, for any layout of the tensor. Computed in arrays, their last places are not torch's."""
    kind = _dtype.opmath(dtype).type
    return strided(engine, n, dtype.itemsize, normal_values(kind(mean), kind(std))).astype(dtype, copy=False)


def exponential(engine: Philox, n: int, dtype: Any, rate: float = 1.0) -> Array:
    """-log(u) / rate; for the u next to 1, whose logarithm is 0, that of half a rounding unit less."""
    u, xp = unit(engine, n, dtype), engine.xp
    kind = u.dtype.type
    half_unit = kind(numpy.finfo(u.dtype).eps / 2)
    logs = xp.where(u >= kind(1) - half_unit, -half_unit, logarithm(xp, u))
    return (kind(-1) / kind(rate) * logs).astype(dtype, copy=False)


def cauchy(engine: Philox, n: int, dtype: Any, median: float = 0.0, sigma: float = 1.0) -> Array:
    """median + sigma tan(pi (u - 1/2)); in float32 with u a rounding unit away from 0 and from 1."""
    u, xp = unit(engine, n, dtype), engine.xp
    kind = u.dtype.type
    if u.dtype == _FLOAT32:
        eps = numpy.finfo(numpy.float32).eps
        u = xp.clip(u, eps, kind(1) - eps)
    tangents = tangent(xp, kind(math.pi) * (u - kind(0.5)))
    return fma(xp, tangents, kind(sigma), kind(median)).astype(dtype, copy=False)


def log_normal(engine: Philox, n: int, dtype: Any, mean: float = 1.0, std: float = 2.0) -> Array:
    """exp(x) of normal values x."""
    kind = _dtype.opmath(dtype).type
    x = strided(engine, n, dtype.itemsize, normal_values(kind(mean), kind(std)))
    return exponential_function(engine.xp, x).astype(dtype, copy=False)


# --- discrete -----------------------------------------------------------------------------------------------------


def _whole(engine: Philox, n: int, dtype: Any, wide: bool) -> Array:
    """Words of 64 or 32 bits for a fill of the type, as uint64."""
    return strided(engine, n, dtype.itemsize, WORD64 if wide else WORD32).astype(numpy.uint64, copy=False)


def _from_int(values: Array, dtype: Any) -> Array:
    """From int64, to the half types by way of float32, as compiled code does it."""
    return values.astype(numpy.float32 if dtype in _dtype.HALF else dtype).astype(dtype, copy=False)


def bits(engine: Philox, n: int, dtype: Any) -> Array:
    """Uniform over all values from 0 that the type holds: up to its largest integer, or 2^digits for a floating type."""
    if dtype in DIGITS:
        count = (1 << DIGITS[dtype]) + 1
    else:
        count = 2 if dtype == numpy.bool_ else int(numpy.iinfo(dtype).max) + 1
    drawn = _whole(engine, n, dtype, wide=dtype in (numpy.float64, numpy.int64))
    return _from_int((drawn % numpy.uint64(count)).astype(numpy.int64), dtype)


def integers(engine: Philox, n: int, dtype: Any, low: int, count: int) -> Array:
    """Uniform over the `count` integers from `low`: a word modulo count, plus low; all words where count is 2^64."""
    drawn = _whole(engine, n, dtype, wide=count >= _WIDE)
    if count == 1 << 64:
        return _from_int(drawn.view(numpy.int64), dtype)
    return _from_int((drawn % numpy.uint64(count)).view(numpy.int64) + low, dtype)


def geometric(engine: Philox, n: int, dtype: Any, p: float) -> Array:
    """The number of trials until the first success, of probability p: ceil(log u / log(1 - p))."""
    u, xp = unit(engine, n, dtype), engine.xp
    if u.dtype == _FLOAT64:
        log_failure = numpy.log1p(-p)
    else:  # torch's log(1 - p) on a GPU, which rounds 1 - p first
        log_failure = logarithm(xp, xp.full(1, numpy.float32(1) - numpy.float32(p), numpy.float32))
    trials = xp.ceil(logarithm(xp, u) / log_failure)
    if dtype.kind in "iu":
        return trials.astype(numpy.int64).astype(dtype, copy=False)
    return trials.astype(dtype, copy=False)


def bernoulli(engine: Philox, n: int, p: float, dtype: Any = _FLOAT32) -> Array:
    """True with probability p: u < p, in the precision of a fill of the type."""
    u = unit(engine, n, dtype)
    return u < u.dtype.type(p)


def bernoulli_each(engine: Philox, p: Array, dtype: Any = _FLOAT32) -> Array:
    """True with the probability that each element of p gives: u <= p with u of float32.

    The probabilities are compared in float64 where the tensor to fill is of that type, otherwise in float32.
    """
    kind = _FLOAT64 if dtype == _FLOAT64 else _FLOAT32
    return (in_fours(engine, p.size) <= p.reshape(-1).astype(kind, copy=False)).reshape(p.shape)


def multinomial(engine: Philox, weights: Array, n: int, replacement: bool) -> Array:
    """n indices for each row of weights, with probability proportional to them.

    - one, or without replacement: the n largest of weights / q with q ~ Exp(1);
    - with replacement: the first place where the running sums of the normalized weights reach a uniform value. Sample s
      of row d takes the first word of thread (d mod Y) X + s, call d // Y, in a launch of Y <= 65535 rows of X threads.

    torch adds the weights up in another order, so that a uniform next to a sum may fall on its other side.
    """
    xp, (rows, categories) = engine.xp, weights.shape
    kind = _dtype.opmath(weights.dtype)
    if not replacement or n == 1:
        q = in_memory_order(exponential(engine, weights.size, weights.dtype), weights)
        scores = (weights.astype(kind) / q.astype(kind)).astype(weights.dtype)
        if n == 1:
            return scores.argmax(axis=1).reshape(rows, 1)
        return xp.argsort(-scores, axis=1, kind="stable")[:, :n]
    side_by_side = min(rows, _GRID_Y_MAX)
    across = -(-n // _MULTINOMIAL_BLOCK) * _MULTINOMIAL_BLOCK
    calls = -(-rows // side_by_side)
    drawn = words(xp, engine.key, engine.take(4 * calls), calls, side_by_side * across)[..., 0]
    u = unit32(drawn.reshape(calls * side_by_side, across)[:rows, :n]).astype(weights.dtype)
    shares = weights / weights.sum(axis=1, keepdims=True)
    sums = xp.cumsum(shares, axis=1)
    place = _first_reaching(xp, sums, u)
    last = categories - 1 - (shares[:, ::-1] > 0).argmax(axis=1)[:, None]  # where rounding left all sums below u
    return xp.where(place == categories, last, place)


def _first_reaching(xp: Any, sums: Array, u: Array) -> Array:
    """For u (rows, n), the first place in its row of rising sums (rows, categories) that is not below it, or `categories`."""
    categories = sums.shape[1]
    low, high = xp.zeros(u.shape, numpy.int64), xp.full(u.shape, categories, numpy.int64)
    for _ in range(categories.bit_length()):
        middle = (low + high) // 2
        below = (xp.take_along_axis(sums, xp.minimum(middle, categories - 1), axis=1) < u) & (low < high)
        low, high = xp.where(below, middle + 1, low), xp.where(below, high, middle)
    return low


# --- dropout ------------------------------------------------------------------------------------------------------


def in_memory_order(values: Array, like: Array) -> Array:
    """Flat values in the shape of `like`, and in the order in which its elements lie in memory."""
    order = outermost_first(like)
    return values.reshape([like.shape[d] for d in order]).transpose([int(d) for d in numpy.argsort(order)])


def dropout_noise(engine: Philox, like: Array, p: float) -> Array:
    """What dropout in place, and of channels, multiplies by: bernoulli(1 - p) / (1 - p), in the shape and dtype of `like`."""
    kind = _dtype.opmath(like.dtype)
    scale = (kind.type(1) / kind.type(1 - p)).astype(like.dtype)
    return in_memory_order(bernoulli(engine, like.size, 1 - p, like.dtype) * scale, like)


def fused_dropout_noise(engine: Philox, input: Array, p: float) -> Array:
    """What other dropout multiplies by: u < 1 - p, over 1 - p, with u of float32; in float32 for input of half precision.

    A thread takes as many neighbours in memory as fill 16 bytes, or fewer: where the input is not aligned to that, or
    their number does not divide its size. With one at a time, and for memory with gaps, elements count in logical order.
    """
    kind = _dtype.opmath(input.dtype)
    vector = _vector(input)
    kept = kind.type(1 - p)
    noise = in_vectors(engine, input.size, vector, dropout_values(kept, kind.type(1) / kept))
    return noise.reshape(input.shape) if vector == 1 else in_memory_order(noise, input)


def _vector(array: Array) -> int:
    """How many neighbours a thread of the fused dropout takes: 8, 4, 2 or 1."""
    if not array.transpose(outermost_first(array)).flags.c_contiguous:
        return 1
    vector = 16 // int(array.itemsize)
    while vector > 1 and (address(array) % (vector * int(array.itemsize)) or array.size % vector):
        vector //= 2
    return vector


def slopes(engine: Philox, n: int, dtype: Any, low: float, high: float) -> Array:
    """The slopes of a randomized leaky rectifier: u (high - low) + low with u rounded to the type, in float64."""
    u = unit(engine, n, dtype).astype(dtype, copy=False)
    return fma(engine.xp, u.astype(numpy.float64), high - low, low).astype(dtype, copy=False)
