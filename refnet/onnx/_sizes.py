"""Which integers of a traced run depend on the sizes of dynamic dimensions, and how.

A model is run several times, with other sizes for each dynamic dimension. An integer that stays the same in all runs is
a constant; one that changes with some dimensions must be ``factor * (the product of their sizes) + offset`` in all runs.
Anything else is refused: it cannot be written down from what was seen.

The runs also differ in the values of the inputs. A constant that differs with them is none: it was computed from an
input by something that leaves no trace (`.item()`, `.numpy()`), and the exported model would be wrong.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy

from refnet._device import to_numpy
from refnet.onnx._errors import OnnxExporterError, UnsupportedOperatorError
from refnet.onnx._trace import Call, Ref, Trace

Array = Any


class Dimension(NamedTuple):
    """A dynamic dimension of an input, or several of one name."""

    name: str
    size: int  # in the given arguments


@dataclass(frozen=True)
class Size:
    """factor * (the product of the named dimensions) + offset."""

    factor: int
    names: tuple[str, ...]
    offset: int = 0

    def __str__(self) -> str:
        product = "*".join((*([str(self.factor)] if self.factor != 1 else []), *self.names))
        return product + (f" + {self.offset}" if self.offset > 0 else f" - {-self.offset}" if self.offset else "")


@dataclass(frozen=True)
class Filled:
    """A constant of one value in a shape that depends on dynamic dimensions."""

    value: Any  # a 0-d array
    shape: tuple[Any, ...]


@dataclass(frozen=True)
class Counted:
    """start, start + step, ..., as many as `length` says: what `arange` made."""

    start: Any
    step: Any
    length: Any


class Runs:
    """The given run beside those with other values and sizes; `sizes[r]` are the dimensions' sizes in run r."""

    def __init__(
        self, traces: Sequence[Trace], dimensions: Sequence[Dimension], sizes: Sequence[dict[str, int]]
    ) -> None:
        self.base, *self.others = traces
        self.traces = traces
        self.dimensions = dimensions
        self.sizes = sizes
        self._check_paths()

    def _check_paths(self) -> None:
        names = [call.name for call in self.base.calls]
        for other in self.others:
            if names != [call.name for call in other.calls]:
                raise OnnxExporterError(
                    "the model runs other operations for other values or sizes of its inputs: it branches on them, "
                    f"and one run cannot stand for all. Run with the given arguments: {len(names)} operations, with "
                    f"others: {len(other.calls)}"
                )

    # --- integers -------------------------------------------------------------------------------------------------

    def size(self, values: Sequence[int], where: str) -> "int | Size":
        """One integer, as it was in each run."""
        first = values[0]
        if all(value == first for value in values):
            return first
        names = tuple([d.name for d in self.dimensions if self._follows(values, d)])
        products = [math.prod(sizes[name] for name in names) for sizes in self.sizes]
        other = next((r for r, product in enumerate(products) if product != products[0]), None)
        if other is not None:
            factor = (values[other] - first) // (products[other] - products[0])
            offset = first - factor * products[0]
            if all(value == factor * p + offset for value, p in zip(values, products, strict=True)):
                return Size(factor, names, offset)
        raise UnsupportedOperatorError(
            f"{where}: a size depends on the dynamic dimensions {[d.name for d in self.dimensions]} in a way that is not "
            f"factor * (their product) + offset: it is {list(values)} for the sizes {list(self.sizes)}"
        )

    def _follows(self, values: Sequence[int], dimension: Dimension) -> bool:
        runs = [r for r, sizes in enumerate(self.sizes) if sizes[dimension.name] != dimension.size]
        return any(values[r] != values[0] for r in runs)

    def shape(self, number: int) -> tuple[Any, ...]:
        """The shape of a value."""
        shapes = [trace.values[number].array.shape for trace in self.traces]
        if len({len(shape) for shape in shapes}) != 1:
            raise OnnxExporterError(f"a value has another number of dimensions for other sizes: {shapes}")
        return tuple([self.size(sizes, f"value {number}") for sizes in zip(*shapes, strict=True)])

    # --- calls and constants --------------------------------------------------------------------------------------

    def arguments(self, position: int) -> dict[str, Any]:
        """The arguments of a call, with `Size` where an integer depends on the dynamic dimensions."""
        calls = [trace.calls[position] for trace in self.traces]
        return {key: self._merge([call.arguments[key] for call in calls], calls[0], key) for key in calls[0].arguments}

    def output(self) -> Any:
        """What the model returned."""
        return self._merge([trace.output for trace in self.traces], Call("the result", "", {}, ()), "output")

    def _merge(self, values: list[Any], call: Call, key: str) -> Any:
        first = values[0]
        kinds = {type(value) for value in values}
        if kinds == {int}:
            return self.size(values, f"{call.where()}, argument {key!r}")
        if kinds == {Ref}:
            if len(set(values)) != 1:
                raise OnnxExporterError(f"{call.where()}: {key!r} comes from another operation for other inputs")
            return first
        if kinds == {slice}:
            parts = zip(*[(value.start, value.stop, value.step) for value in values], strict=True)
            return slice(*[self._merge(list(part), call, key) for part in parts])
        if kinds == {tuple} and len({len(value) for value in values}) == 1:
            return tuple([self._merge(list(part), call, key) for part in zip(*values, strict=True)])
        if kinds == {dict}:
            return {name: self._merge([value[name] for value in values], call, key) for name in first}
        if not all(value == first or value != value for value in values):
            raise UnsupportedOperatorError(
                f"{call.where()}: argument {key!r} depends on the values or sizes of the inputs: {values}"
            )
        return first

    def constant(self, number: int) -> Any:
        """A constant: an array, or `Filled`, or `Counted`."""
        arrays = [to_numpy(trace.values[number].array) for trace in self.traces]
        first = arrays[0]
        if all(_same(array, first) for array in arrays):
            return first
        if len({array.shape for array in arrays}) > 1:
            if all(_same(array, numpy.full_like(array, first.flat[0])) for array in arrays):
                return Filled(first.reshape(-1)[:1].reshape(()), self.shape(number))
            if first.ndim == 1 and first.size > 1:
                step = first[1] - first[0]
                if all(_same(a, (first[0] + step * numpy.arange(a.size)).astype(a.dtype)) for a in arrays):
                    return Counted(first[0], step, self.shape(number)[0])
        raise UnsupportedOperatorError(
            f"{self._reader(number).where()}: a constant of shape {list(first.shape)} depends on the values or sizes of "
            "the inputs. It was computed by an operation that leaves no trace; compute it outside the model"
        )

    def _reader(self, number: int) -> Call:
        """The first call that reads a value."""
        found = (call for call in self.base.calls if number in list(refs_in(call.arguments)))
        return next(found, Call("the result", "", {}, ()))


def refs_in(value: Any) -> Any:
    """The numbers of all values in the arguments of a call."""
    if isinstance(value, Ref):
        yield value.number
    elif isinstance(value, dict):
        for item in value.values():
            yield from refs_in(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from refs_in(item)


def _same(x: Array, y: Array) -> bool:
    return bool(x.shape == y.shape and ((x == y) | ((x != x) & (y != y))).all())
