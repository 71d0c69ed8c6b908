"""One block of memory for all that a program computes on the way, as small as the times allow at which it is needed."""

from collections.abc import Sequence
from typing import Any

import numpy

from refnet._device import address
from refnet._recording.notes import Call, Shared, arrays_in, owner_of

Array = Any

_STEP = 64  # bytes: a line of the cache


class Plan:
    """Where owners lie in the block: `places`, by the owner's id, in bytes."""

    def __init__(self, places: dict[int, int], owners: dict[int, Array], size: int) -> None:
        memory = numpy.empty(size + _STEP, numpy.uint8)
        start = -address(memory) % _STEP
        self.block = memory[start : start + size]
        self.places, self._starts = places, {name: address(owners[name]) for name in places}

    def moved(self, value: Any) -> Any:
        """A value with its arrays in the block: in lists, tuples, dicts and slices, too."""
        if isinstance(value, numpy.ndarray):
            name = id(owner_of(value))
            if name not in self.places:
                return value
            offset = self.places[name] + address(value) - self._starts[name]
            return numpy.ndarray(value.shape, value.dtype, self.block, offset, value.strides)
        if type(value) in (list, tuple):
            return type(value)(self.moved(x) for x in value)
        if type(value) is dict:
            return {key: self.moved(x) for key, x in value.items()}
        if type(value) is slice:
            return slice(self.moved(value.start), self.moved(value.stop), self.moved(value.step))
        return value


def plan(calls: Sequence[Call | Shared], owners: dict[int, Array]) -> Plan:
    """Places for `owners`: those whose times overlap do not overlap. Each goes to the lowest place that is free.

    An owner's time is from the first call with it to the last. What a function closes over cannot be moved.
    """
    times: dict[int, list[int]] = {}
    fixed: set[int] = set()
    for now, call in enumerate(calls):
        for array in (*call.reads, *call.writes):
            times.setdefault(id(owner_of(array)), [now, now])[1] = now
        fixed |= _closed_over(call)
    movable = sorted((name for name in owners if name in times and name not in fixed), key=lambda name: times[name])
    places: dict[int, int] = {}
    taken: list[tuple[int, int, int]] = []  # start, end, time of the last use; by start
    top = 0
    for name in movable:
        first, last = times[name]
        size = -(-max(owners[name].nbytes, 1) // _STEP) * _STEP
        taken = [entry for entry in taken if entry[2] >= first]
        start = 0
        for begin, end, _ in taken:
            if begin - start >= size:
                break
            start = max(start, end)
        places[name] = start
        taken = sorted([*taken, (start, start + size, last)])
        top = max(top, start + size)
    return Plan(places, owners, top)


def _closed_over(call: Call | Shared) -> set[int]:
    if isinstance(call, Shared):
        return {name for part in call.parts for own in part for name in _closed_over(own)}
    functions = [x for x in (*call.args, *call.kwargs.values()) if getattr(x, "__closure__", None)]
    return {id(owner_of(array)) for array in arrays_in(functions)}
