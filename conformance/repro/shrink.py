"""The smallest part of a case's arrays on which it still fails.

Axes of the same length are cut together first (the N of a batch stands in several arrays), then each alone: to one of
their halves, then by one element at an end, as long as the same check fails in the same way. What torch refuses does
not fail in that way, and so is not taken.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy

from conformance.case import (
    BITS,
    ERROR,
    GRADIENT,
    LAYOUTS,
    MEMORY_FORMAT,
    OUTPUT,
    REPEAT,
    SECOND,
    UNCHANGED,
    Case,
    Recipe,
    Sample,
)
from conformance.record import HANG, Record

Cut = tuple[slice, ...]  # of one array
Place = tuple[int, int]  # an array's number, an axis
FEW = 8  # elements along an axis that are taken away one by one


@dataclass(frozen=True)
class Part:
    """A recipe of which parts of the arrays are taken; it goes by the recipe's own name, on which the numbers hang."""

    recipe: Recipe
    cuts: tuple[Cut, ...]

    def __repr__(self) -> str:
        return repr(self.recipe)

    @property
    def keywords(self) -> tuple[str, ...]:
        return self.recipe.keywords

    def sample(self, rng: numpy.random.Generator, dtype: str, number: int = 0) -> Sample:
        """The part of what the recipe draws."""
        whole = self.recipe.sample(rng, dtype, number)
        return whole.with_arrays([array[cut] for array, cut in zip(whole.arrays, self.cuts, strict=True)])


def only(case: Case, record: Record) -> Case:
    """The case with no more checks than the record needs."""
    needed = {OUTPUT, GRADIENT, BITS, ERROR, MEMORY_FORMAT}
    if record.check in (SECOND, UNCHANGED, REPEAT, "run"):
        needed |= {SECOND}
    needed |= {check for check in (UNCHANGED, REPEAT) if check in record.check}
    layouts: tuple[str, ...] = ()
    if record.check.startswith("layout "):
        needed |= {LAYOUTS}
        layouts = (record.check.split()[1],)
    return replace(case, checks=case.checks & frozenset(needed), layouts=layouts)


def shrink(case: Case, record: Record, compare: Callable[[Case], list[Record]], seconds: float) -> tuple[Case, Record]:
    """The case over the smallest arrays that were found in that time, and its record. The case as it is when it hangs."""
    arrays = case.sample().arrays
    cuts: list[list[Any]] = [[slice(0, size) for size in array.shape] for array in arrays]
    best = case, record
    until = time.monotonic() + seconds

    def fails(places: Sequence[Place], low: int, high: int) -> bool:
        nonlocal best
        tried = [list(cut) for cut in cuts]
        for array, axis in places:
            tried[array][axis] = slice(low, high)
        part = replace(case, arguments=Part(case.arguments, tuple(map(tuple, tried))))
        found = next((r for r in compare(part) if _alike(r, record)), None)
        if found is None:
            return False
        cuts[:] = tried
        best = part, found
        return True

    def cut(places: Sequence[Place]) -> None:
        first = cuts[places[0][0]][places[0][1]]
        low, high = first.start, first.stop
        while high - low > 1 and time.monotonic() < until:
            middle = (low + high) // 2
            options = [(low, middle), (middle, high)]
            options += [(low, high - 1), (low + 1, high)] if high - low <= FEW else []
            found = next((option for option in options if fails(places, *option)), None)
            if found is None:
                return
            low, high = found

    if record.status != HANG:
        every = [(i, axis) for i, array in enumerate(arrays) for axis in range(array.ndim)]
        sizes = sorted({arrays[i].shape[axis] for i, axis in every} - {0, 1}, reverse=True)
        for size in sizes:
            cut([(i, axis) for i, axis in every if arrays[i].shape[axis] == size])
        for place in every:
            cut([place])
    return best


def _alike(found: Record, record: Record) -> bool:
    """Whether it fails in the same way."""
    fields = ("check", "tensor", "status", "category")
    return found.bad and all(getattr(found, name) == getattr(record, name) for name in fields)
