"""A random permutation by the shuffle of R. Fisher and F. Yates (1938), without its loop.

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


def permutation(engine: MT19937, n: int) -> Array:
    """torch's random permutation of 0, ..., n-1 as int64; it takes max(n - 1, 0) words.

    >>> permutation(MT19937(0), 5)
    array([4, 0, 1, 3, 2])
    """
    steps = max(n - 1, 0)
    step = numpy.arange(n)
    target = step.copy()
    target[:steps] += engine.words32(steps) % numpy.arange(n, n - steps, -1, dtype=numpy.uint32)

    # writer[i]: the last step before i with i's target, or -1. Peel the groups of equal targets from the top: where an
    # index repeats, an assignment leaves the last value.
    writer = numpy.full(n, -1)
    latest = writer.copy()
    latest[target] = step
    last_aim = latest.copy()  # of each position: the last step that had it as its target, or -1
    rest, aim, top = step, target, latest[target]
    while len(rest):
        below = top != rest
        rest, aim, above = rest[below], aim[below], top[below]
        latest[aim] = rest
        top = latest[aim]
        writer[above] = top

    # held(p) before p's turn: follow "who wrote here last" to a position still untouched, in strides that double.
    source = numpy.where(last_aim == step, writer, last_aim)
    held = numpy.where(source < 0, step, source)
    while True:
        further = held[held]
        if numpy.array_equal(further, held):
            return numpy.where(writer < 0, target, held[writer])
        held = further
