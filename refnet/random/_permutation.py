"""A random permutation by the shuffle of R. Fisher and F. Yates (1938), also without its loop.

Step i = 0, ..., n-2 of the shuffle exchanges positions i and t_i = i + w_i mod (n - i), where the array starts as
0, ..., n-1. Position i is never touched again, so its final value is what t_i held before the step. Two facts give
all of these at once:

- a position p is written, before it is its own turn, only by steps that had it as their target, and step j writes
  there what position j held: held(j);
- so p holds held(j) for the last such j, or still p if there is none.
"""

from typing import Any

import numpy

from refnet.random.mt19937 import MT19937

Array = Any

_CHUNK = 1 << 14  # words made at a time, so that they stay in cache
_LOOP = 400  # up to here the loop is the faster way


def permutation(engine: MT19937, n: int) -> Array:
    """torch's random permutation of 0, ..., n-1 as int64; it takes max(n - 1, 0) words.

    >>> permutation(MT19937(0), 5)
    array([4, 0, 1, 3, 2])
    """
    target = numpy.arange(n)
    for start in range(0, n - 1, _CHUNK):
        stop = min(start + _CHUNK, n - 1)
        words = engine.words32(stop - start)
        words %= numpy.arange(n - start, n - stop, -1, dtype=numpy.uint32)
        target[start:stop] += words
    return shuffled_by_loop(target) if n <= _LOOP else shuffled_at_once(target)


def shuffled_by_loop(target: Array) -> Array:
    """What 0, ..., n-1 become when step i exchanges positions i and target[i] >= i, for i = 0, 1, ..."""
    values = list(range(len(target)))
    for i, t in enumerate(target.tolist()):
        values[i], values[t] = values[t], values[i]
    return numpy.array(values, numpy.int64)


def shuffled_at_once(target: Array) -> Array:
    """`shuffled_by_loop` by one sort and a walk in strides that double.

    Index n + i stands for target[i] in what follows, so that one look-up ends the work, without a choice per element.
    """
    n = len(target)
    position = numpy.arange(n)
    # By target and then by step: each step comes right after the last one before it with the same target.
    step = _stable_order(target)
    aim = target.take(step)

    # writer: for a step, the last one before it with its target, or n + the step itself if there is none.
    writer = numpy.empty(n, numpy.int64)
    writer[step[0]] = n + step[0]
    writer[step[1:]] = numpy.where(aim[1:] == aim[:-1], step[:-1], n + step[1:])

    # held(p): what position p holds before its own turn. The last of the steps with target p wrote it (where an index
    # repeats, an assignment leaves the last value); if that is step p itself, then the one before.
    values = numpy.concatenate((position, target))
    held = values[:n]
    held[aim] = step
    own = numpy.flatnonzero(target == position)
    held[own] = numpy.where(writer[own] < n, writer[own], own)

    # Follow this to a position still untouched, in strides that double. Memory is used again: fresh pages cost more.
    further = position
    while True:
        held.take(held, out=further, mode="clip")
        if numpy.array_equal(further, held):
            return values.take(writer, out=further, mode="clip")
        held[...] = further


def _stable_order(keys: Array) -> Array:
    """The stable argsort of integers 0 <= key < n, digit by digit: numpy sorts 16 bits by counting, others by comparing."""
    digits = keys.astype("<i8", copy=False).view("<u2").reshape(-1, 4)
    order = numpy.argsort(digits[:, 0], kind="stable")
    for place in range(1, -(-len(keys).bit_length() // 16)):
        order = order.take(numpy.argsort(digits[:, place].take(order), kind="stable"))
    return order
