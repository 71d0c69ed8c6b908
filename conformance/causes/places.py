"""Where the failing elements lie: a loop's tail, a border, one row. The place is named only where chance would not hit it.

k failing of n elements that all lie within m particular ones: the odds of that by chance are C(m, k) to C(n, k).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy

from conformance.causes.evidence import Evidence
from conformance.draw import Array

ENOUGH = 10.0  # bits
FILLED = 0.75  # of the place fails: an error may by chance be small in some elements
WIDTHS = (32, 16, 8, 4)


@dataclass(frozen=True)
class Place:
    """Some elements, and what they are."""

    sentence: str
    mask: Array


def place(evidence: Evidence, enough: float = ENOUGH) -> str:
    """Where exactly the failing elements lie, or "". Where they are explained already, no bits are needed."""
    failing = evidence.failing
    k, n = int(failing.sum()), failing.size
    if not evidence.comparable or k == 0 or k == n:
        return ""
    for found in _places(failing.shape):
        m = int(found.mask.sum())
        inside = k <= m < n and k >= FILLED * m and not (failing & ~found.mask).any()
        if inside and _log2_choose(n, k) - _log2_choose(m, k) >= ENOUGH:
            return found.sentence.format(n=n)
    return ""


def _log2_choose(n: int, k: int) -> float:
    return (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)) / math.log(2)


def _places(shape: tuple[int, ...]) -> Iterator[Place]:
    """From the smallest to the largest; the widths that leave the same tail are named together."""
    size = math.prod(shape)
    yield from _tails("of {n} elements", numpy.arange(size).reshape(shape), size)
    for dim in reversed(range(len(shape))):
        if len(shape) < 2 or shape[dim] < 2:
            continue
        along = numpy.arange(shape[dim]).reshape([-1 if i == dim else 1 for i in range(len(shape))])
        along = numpy.broadcast_to(along, shape)
        for index in range(shape[dim]) if shape[dim] <= 64 else (0, shape[dim] - 1):
            yield Place(f"index {index} of dimension {dim}", along == index)
        yield from _tails(f"along dimension {dim} (size {shape[dim]})", along, shape[dim])
    for spatial in range(1, min(3, len(shape)) + 1):
        yield from _rims(shape, spatial)


def _tails(where: str, index: Array, size: int) -> Iterator[Place]:
    tails: dict[int, list[int]] = {}
    for width in WIDTHS:
        if size % width and size > width:
            tails.setdefault(size % width, []).append(width)
    for count, widths in sorted(tails.items()):
        shown = " or ".join(map(str, sorted(widths)))
        sentence = f"the last {count} {where}, what a loop of width {shown} leaves over (a SIMD tail)"
        yield Place(sentence, index >= size - count)


def _rims(shape: tuple[int, ...], spatial: int) -> Iterator[Place]:
    inner = numpy.zeros(shape, dtype=bool)
    core = (slice(None),) * (len(shape) - spatial) + (slice(1, -1),) * spatial
    inner[core] = True
    dims = ", ".join(str(i) for i in range(len(shape) - spatial, len(shape)))
    yield Place(f"the border of dimension {dims}", ~inner)
