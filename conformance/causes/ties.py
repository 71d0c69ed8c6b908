"""Causes at ties and kinks: which of equal values wins, and which side of a kink gives the derivative.

The oracle is run on inputs moved by next to nothing, so that the other one of equal values wins.
"""

from collections.abc import Iterator
from typing import Any

import numpy

from conformance.causes.evidence import Evidence, Guess
from conformance.draw import Array, is_floating

SMALLEST_WINS = ("min", "kthvalue", "nonzero")
ORDERED = ("sort", "topk", "median")


def winners(evidence: Evidence) -> Iterator[Guess]:
    """The last or the first of equal values, or all of them evenly."""
    for place, array in enumerate(evidence.sample.arrays):
        if not is_floating(array) or not array.size:
            continue
        order = _rank_among_equals(array)
        if not order.any():
            continue
        for sign, by_place in ((1.0, "last"), (-1.0, "first")):
            value = evidence.with_array(place, _moved(array, sign * order))
            if value is None:
                continue
            yield Guess(_sentence(evidence, by_place), value, 1.0)
        yield from _evenly(evidence, array)


def _sentence(evidence: Evidence, larger: str) -> str:
    """`larger` says which of equal values was made a little larger."""
    short = evidence.operation.rpartition(".")[2]
    options = evidence.sample.kwargs
    smallest = any(word in short for word in SMALLEST_WINS) or options.get("largest") is False
    if any(word in short for word in ORDERED):
        descending = options.get("descending", short == "topk" and not smallest)
        first = larger if descending else _other(larger)
        return f"equals the result with the {first} of equal values in front"
    winner = _other(larger) if smallest else larger
    return f"equals the result with the {winner} of equal values as the winner of a tie"


def _other(which: str) -> str:
    return "first" if which == "last" else "last"


def _evenly(evidence: Evidence, array: Any) -> Iterator[Guess]:
    """A gradient shared among equal inputs, within the rows of a reduction."""
    own = evidence.own_input
    if own is None or own is not array or evidence.t.shape != array.shape:
        return
    dims = evidence.sample.kwargs.get("dim", evidence.sample.args[1] if len(evidence.sample.args) > 1 else None)
    if dims is not None and not (isinstance(dims, int) and -array.ndim <= dims < max(array.ndim, 1)):
        return  # what stands second may be no dimension at all
    x = array.astype(numpy.float64)
    rows_x, rows_t = (
        numpy.moveaxis(a, dims, -1) if dims is not None and a.ndim else a.reshape(-1) for a in (x, evidence.t)
    )
    shape = rows_x.shape
    flat_x, flat_t = (a.reshape(-1, shape[-1] if shape else 1) for a in (rows_x, rows_t))
    shared = numpy.empty_like(flat_t)
    for row, (values, gradients) in enumerate(zip(flat_x, flat_t, strict=True)):
        _, group = numpy.unique(values, return_inverse=True)
        count, total = numpy.bincount(group), numpy.bincount(group, weights=gradients)
        shared[row] = (total / count)[group]
    value = shared.reshape(shape)
    value = numpy.moveaxis(value, -1, dims) if dims is not None and array.ndim else value.reshape(array.shape)
    yield Guess("shares the gradient evenly among equal values", value)


def kinks(evidence: Evidence) -> Iterator[Guess]:
    """The derivative, or the value, from the other side: relu at 0, a clamp at its bound, rounding at a half."""
    for place, array in enumerate(evidence.sample.arrays[:3]):
        if not is_floating(array) or not array.size:
            continue
        name = evidence.sample.names[place]
        sides = []
        for direction, side in ((1.0, "above"), (-1.0, "below")):
            value = evidence.with_array(place, _moved(array, numpy.full(array.shape, direction)))
            if value is None:
                continue
            sides.append(value)
            yield Guess(
                f"equals the result with the input {name!r} a little {side} its value (a kink or a tie)", value, 2.0
            )
        if len(sides) == 2:
            mean = (sides[0] + sides[1]) / 2
            yield Guess(
                f"is the mean of the results with the input {name!r} a little above and below (a kink)", mean, 2.0
            )
        away = evidence.with_array(place, _moved(array, numpy.sign(array.astype(numpy.float64))))
        if away is not None:
            yield Guess(
                f"equals the result with the input {name!r} a little farther from zero (halves rounded away)", away, 2.0
            )


def _rank_among_equals(array: Array) -> Array:
    """0, 1, 2, ... for the first, second, third of equal values, in memory order; NaNs and unique values stay 0."""
    flat = array.astype(numpy.float64).reshape(-1)
    if not (numpy.diff(numpy.sort(flat)) == 0).any():
        return numpy.zeros(array.shape)
    _, group, count = numpy.unique(flat, return_inverse=True, return_counts=True, equal_nan=False)
    order = numpy.argsort(group, kind="stable")
    starts = numpy.cumsum(count) - count
    rank = numpy.empty(flat.size)
    rank[order] = numpy.arange(flat.size) - numpy.repeat(starts, count)
    return rank.reshape(array.shape)


def _moved(array: Array, steps: Array) -> Array:
    """The array at float64, moved by a part of its values that is far below the rounding of its own dtype."""
    x = array.astype(numpy.float64)
    magnitude = numpy.abs(x)
    usual = magnitude[(magnitude > 0) & numpy.isfinite(magnitude)]
    smallest = float(usual.min()) if usual.size else 1.0  # by a part of which zeros move
    part = 2.0**-51 if array.dtype == numpy.float64 else 2.0**-44
    with numpy.errstate(all="ignore"):
        return numpy.where(numpy.isfinite(x), x + steps * part * numpy.where(magnitude > 0, magnitude, smallest), x)
