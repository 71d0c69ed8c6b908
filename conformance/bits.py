"""Random draws compared with torch's: the same bits, and the same words taken from the generator.

There is no rounding to judge: a draw is a function of the generator's state, and so is the state that it leaves. What
differs first is what counts, since everything after it follows from other words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy

from conformance.candidates.protocol import Result, Value
from conformance.draw import Array
from conformance.layout import memory_format
from conformance.streams import is_state, parted

GENERATOR = "generator"  # the default generator's state after the call
GPU_GENERATOR = "generator of the GPU"


@dataclass(frozen=True)
class Difference:
    """The first result that differs."""

    tensor: str
    category: str  # words: other words were taken; bits: the same words, other values; shape, dtype, layout, value
    message: str
    index: str = ""
    candidate: float = numpy.nan
    torch: float = numpy.nan
    failing: int = 0

    @property
    def evidence(self) -> dict[str, Any]:
        """The fields of a record that say it; which tensor it is stands in the record already."""
        return {name: value for name, value in vars(self).items() if name != "tensor"}


def first_difference(
    mine: Result, torch: Result, inputs: Sequence[str], memory_formats: bool = True
) -> Difference | None:
    """The first of the results, the inputs as the call left them, and the generator's state that is not torch's."""
    ours, theirs = list(_values(mine, inputs)), list(_values(torch, inputs))
    for place, (a, b) in enumerate(zip(ours, theirs, strict=False)):
        if a.name != b.name:
            return Difference(a.name, "shape", f"the result {a.name} stands where torch has {b.name}")
        found = _compared(a, b, memory_formats)
        if found is not None:
            return _with_words(found, ours[place:], theirs[place:])
    if mine.device_stream is not None and torch.device_stream is not None:  # both are on a GPU
        sides = [Value(GPU_GENERATOR, side.device_stream) for side in (mine, torch)]
        found = _compared(sides[0], sides[1], memory_formats)
        if found is not None:
            return found
    if len(ours) != len(theirs):
        return Difference("out", "shape", f"there are {len(ours)} results, in torch {len(theirs)}")
    return None


def elements(result: Result) -> int:
    """How many numbers are compared."""
    return sum(1 if value.array is None else value.array.size for value in result.outputs)


def _values(result: Result, inputs: Sequence[str]) -> Iterator[Value]:
    yield from result.outputs
    yield from (Value(f"{name} after", array) for name, array in zip(inputs, result.after, strict=False))
    if result.stream is not None:
        yield Value(GENERATOR, result.stream)


def _compared(mine: Value, torch: Value, memory_formats: bool) -> Difference | None:
    a, b = mine.array, torch.array
    if a is None or b is None:
        if a is None and b is None and type(mine.plain) is type(torch.plain) and repr(mine.plain) == repr(torch.plain):
            return None
        shown = ["a tensor" if v.array is not None else repr(v.plain) for v in (mine, torch)]
        return Difference(mine.name, "value", f"{shown[0]}, but should be {shown[1]}")
    if a.shape != b.shape:
        return Difference(mine.name, "shape", f"shape {list(a.shape)}, but should be {list(b.shape)}")
    if a.dtype != b.dtype:
        return Difference(mine.name, "dtype", f"dtype {a.dtype}, but should be {b.dtype}")
    if a.tobytes() != b.tobytes():
        return _state(mine.name, a, b) if is_state(a) and is_state(b) else _elements(mine.name, a, b)
    if None not in (mine.requires_grad, torch.requires_grad) and mine.requires_grad != torch.requires_grad:
        message = f"requires_grad is {mine.requires_grad}, in torch {torch.requires_grad}"
        return Difference(mine.name, "value", message)
    if memory_formats and mine.strides is not None and torch.strides is not None:
        formats = [memory_format(a.shape, strides) for strides in (mine.strides, torch.strides)]
        if formats[0] != formats[1]:
            return Difference(mine.name, "layout", f"{formats[0]}, but should be {formats[1]}")
    return None


def _state(name: str, mine: Array, torch: Array) -> Difference:
    return Difference(name, "words", parted(mine, torch), failing=int((mine != torch).sum()))


def _elements(name: str, mine: Array, torch: Array) -> Difference:
    """The first element with other bits."""
    rows = [numpy.frombuffer(x.tobytes(), numpy.uint8).reshape(x.size, -1) for x in (mine, torch)]
    wrong = (rows[0] != rows[1]).any(axis=1)
    place = int(wrong.argmax())
    index = [int(i) for i in numpy.unravel_index(place, mine.shape)]
    pair = [x.reshape(-1)[place] for x in (mine, torch)]
    count = int(wrong.sum())
    message = f"{count} of {wrong.size} elements have other bits, first {index}: {pair[0]}, in torch {pair[1]}"
    numbers = [float(x) for x in pair]
    return Difference(name, "bits", message, str(index), numbers[0], numbers[1], count)


def _with_words(found: Difference, mine: Sequence[Value], torch: Sequence[Value]) -> Difference:
    """What the states after it say: were other words taken, or only other values made of them?"""
    if found.category != "bits":
        return found
    states = [
        (a.name, a.array, b.array)
        for a, b in zip(mine, torch, strict=False)
        if a.array is not None and b.array is not None and is_state(a.array) and is_state(b.array)
    ]
    for name, ours, theirs in [*states[:1], *states[-1:]]:  # the next one, and the default generator's at the end
        words = parted(ours, theirs)
        if words:
            return replace(found, category="words", message=f"{found.message}; by {name}, {words}")
    said = "; the same words were taken: only the values differ" if states else ""
    return replace(found, message=f"{found.message}{said}")
