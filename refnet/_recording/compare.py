"""Whether two recordings of one function are the same program.

They must agree call by call: the same function on the same numbers, memory of the same form, lasting memory the very
same. What depends on something that is no array, and is not the same at every call, shows here: a learning rate, a
count of steps, a branch; memory that is replaced instead of written; a constant that a library computed from tensors
behind the recorder's back.
"""

import types
from typing import Any

import numpy

from refnet._device import address
from refnet._recording.notes import Call, Recorder, Shared, owner_of


class _Names:
    """The names of a recording's memory: fresh owners by the order in which they appear, lasting ones by themselves."""

    def __init__(self, recorder: Recorder) -> None:
        self.fresh = recorder.fresh
        self.numbers: dict[int, int] = {}

    def of(self, array: Any) -> tuple[Any, ...]:
        owner = owner_of(array)
        name = (
            ("fresh", self.numbers.setdefault(id(owner), len(self.numbers))) if id(owner) in self.fresh else id(owner)
        )
        return name, address(array) - address(owner), array.shape, array.strides, array.dtype


def difference(first: Recorder, second: Recorder) -> str | None:
    """What the second recording does differently from the first, in words; None where they are the same program."""
    return _lists(first.calls, second.calls, _Names(first), _Names(second))


def _lists(one: list[Any], two: list[Any], names: _Names, others: _Names) -> str | None:
    for a, b in zip(one, two, strict=False):
        if isinstance(a, Shared) and isinstance(b, Shared) and len(a.parts) == len(b.parts):
            for part, other in zip(a.parts, b.parts, strict=True):
                found = _lists(part, other, names, others)
                if found is not None:
                    return found
        elif not (isinstance(a, Call) and isinstance(b, Call)) or not _alike(a.function, b.function, names, others):
            return f"it went another way: {a} before, {b} now"
        elif a.literal is not None and b.literal is not None:
            if a.literal.tobytes() != b.literal.tobytes() or not _alike(a.writes, b.writes, names, others):
                return f"a number or constant was {_short(a.literal)} before and is {_short(b.literal)} now, in {b}"
        else:
            for x, y in zip((*a.args, *a.kwargs.values()), (*b.args, *b.kwargs.values()), strict=False):
                if not _alike(x, y, names, others):
                    return f"{_difference(x, y)}, in {b}"
            if (
                len(a.args) != len(b.args)
                or [*a.kwargs] != [*b.kwargs]
                or not _alike(a.writes, b.writes, names, others)
            ):
                return f"it was called otherwise: {a} before, {b} now"
    if len(one) != len(two):
        extra = (one if len(one) > len(two) else two)[min(len(one), len(two))]
        return f"it made {len(one)} calls before and {len(two)} now; the first without counterpart is {extra}"
    return None


def _difference(x: Any, y: Any) -> str:
    if isinstance(x, numpy.ndarray) and isinstance(y, numpy.ndarray):
        if x.shape != y.shape or x.dtype != y.dtype:
            return f"an operand was {x.dtype} of shape {list(x.shape)} before and is {y.dtype} of shape {list(y.shape)} now"
        return (
            f"it looks at other memory for the same operand, {x.dtype} of shape {list(x.shape)}: a tensor that is replaced at "
            "each call instead of written in place, or numbers that a library gave to Python"
        )
    return f"an operand was {_short(x)} before and is {_short(y)} now"


def _short(x: Any) -> str:
    text = repr(x)
    return text if len(text) < 80 else f"{text[:77]}..."


def _alike(x: Any, y: Any, names: _Names, others: _Names) -> bool:
    """Whether two operands are the same thing to a program."""
    if isinstance(x, numpy.ndarray) and isinstance(y, numpy.ndarray):
        return names.of(x) == others.of(y)
    if x is y:
        return True
    if type(x) is not type(y):
        return False
    if isinstance(x, list | tuple):
        return len(x) == len(y) and all(_alike(a, b, names, others) for a, b in zip(x, y, strict=True))
    if isinstance(x, dict):
        return [*x] == [*y] and _alike([*x.values()], [*y.values()], names, others)
    if isinstance(x, slice):
        return _alike((x.start, x.stop, x.step), (y.start, y.stop, y.step), names, others)
    if isinstance(x, types.FunctionType):
        one, two = ([cell.cell_contents for cell in f.__closure__ or ()] for f in (x, y))
        return x.__code__ is y.__code__ and _alike(one, two, names, others)
    if isinstance(x, float | numpy.floating):
        return (bool(x == y) and numpy.signbit(x) == numpy.signbit(y)) or bool(x != x and y != y)
    return bool(x == y)
