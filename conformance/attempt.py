"""One run of a candidate on arrays of its own, and what it did to them: wrote to them, or handed them back.

Everything here is bit for bit. Whether the numbers are right is for the verdict to say.
"""

import numpy

from conformance.candidates.protocol import Candidate, Result
from conformance.case import EXPANDED
from conformance.draw import Array
from conformance.layout import Arranged, arrange
from conformance.oracle import Truth, with_changed_inputs
from conformance.probing import Key


class Attempt:
    """One run of the candidate on arrays of its own, which can be looked at afterwards."""

    def __init__(self, candidate: Candidate, truth: Truth, layout: str, order: int) -> None:
        self.truth, sample = truth, truth.sample
        wanted = [
            layout if layout != EXPANDED or differentiable else ""  # what is written to cannot be expanded
            for differentiable in sample.differentiable
        ]
        self.inputs = [arrange(array, name) for array, name in zip(sample.arrays, wanted, strict=True)]
        seeds_layout = "" if layout == EXPANDED else layout  # cotangents differ from row to row
        self.seeds = [None if array is None else arrange(array, seeds_layout) for array in truth.cotangents]
        self.seeds_given = [None if arranged is None else bits_of(arranged.array) for arranged in self.seeds]
        self.gaps = [_gap_bits(arranged) for arranged in self.inputs]
        self.given = sample.with_arrays([arranged.array for arranged in self.inputs])
        cotangents = [None if arranged is None else arranged.array for arranged in self.seeds]
        directions = [array.copy() for array in truth.directions] if order > 1 else []
        self.result: Result = candidate.run(truth.case.operation, self.given, order, cotangents, directions)
        self.values: dict[Key, Array | None] = with_changed_inputs(self.result, sample)

    def overwritten(self) -> tuple[str, str] | None:
        """What was written to that torch leaves alone, and how: an input, the gaps between its elements, a cotangent."""
        sample, torch_left = self.truth.sample, self.truth.reference.after
        for i, (name, arranged) in enumerate(zip(sample.names, self.inputs, strict=True)):
            given = sample.arrays[i]
            torch_changed = bits_of(given) != bits_of(torch_left[i]) if torch_left else False
            after = [arranged.array, *self.result.after[i : i + 1]]
            if not torch_changed and any(bits_of(array) != bits_of(given) for array in after):
                return name, difference(given, after[-1])
            if _gap_bits(arranged) != self.gaps[i]:
                return name, "wrote between the elements of a strided input"
        for i, (seed, given_bits) in enumerate(zip(self.seeds, self.seeds_given, strict=True)):
            if seed is not None and bits_of(seed.array) != given_bits:
                return f"cotangent {i}", "the cotangent was overwritten"
        return None


def run_once(candidate: Candidate, truth: Truth) -> dict[Key, Array | None]:
    """What the candidate gives for every tensor of a truth."""
    return Attempt(candidate, truth, "", truth.order).values


def shared(result: Result, truth: Truth) -> set[tuple[str, str]]:
    """(result, input) for everything that was returned over an input's memory.

    An input that the candidate stores in another order than torch does is left out: where torch has to copy it, to
    have it in the order that is asked for, the candidate may not have to.
    """
    inputs = zip(truth.sample.names, result.after, truth.reference.after, strict=False)
    there = [(name, array) for name, array, theirs in inputs if array.strides == theirs.strides]
    return {
        (value.name, name)
        for value in result.outputs
        for name, array in there
        if value.array is not None and numpy.may_share_memory(value.array, array)
    }


def bits_of(array: Array) -> bytes:
    """The elements as bytes, in the order of the indices."""
    found: bytes = numpy.ascontiguousarray(array).tobytes()
    return found


def _gap_bits(arranged: Arranged) -> bytes:
    """What lies between the elements of a gapped array."""
    return bits_of(arranged.storage[..., 1::2]) if arranged.storage.size > arranged.array.size else b""


def same_bits(left: Array, right: Array) -> bool:
    """Whether two arrays are the same in type, shape and every bit, whatever their strides."""
    return left.dtype == right.dtype and left.shape == right.shape and bits_of(left) == bits_of(right)


def difference(before: Array, after: Array) -> str:
    """Where two arrays first differ, bit for bit."""
    if before.shape != after.shape or before.dtype != after.dtype:
        return f"{before.dtype}{list(before.shape)} became {after.dtype}{list(after.shape)}"
    width = before.dtype.itemsize
    rows = [numpy.frombuffer(bits_of(a), numpy.uint8).reshape(-1, width) for a in (before, after)]
    changed = (rows[0] != rows[1]).any(axis=1)
    place = int(changed.argmax())
    index = [int(i) for i in numpy.unravel_index(place, before.shape)]
    values = [numpy.ascontiguousarray(a).reshape(-1)[place] for a in (before, after)]
    return f"{int(changed.sum())} of {changed.size} elements changed, first at {index}: {values[0]} became {values[1]}"
