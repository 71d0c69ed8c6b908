"""An ONNX graph being built: names of values, nodes, initializers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from refnet import _dtype
from refnet._device import to_numpy
from refnet.onnx._errors import UnsupportedOperatorError
from refnet.onnx._sizes import Counted, Filled, Size

Array = Any


@dataclass(frozen=True)
class Operand:
    """A value as a translation sees it."""

    name: str
    shape: tuple[Any, ...]  # ints, and `Size` for what is dynamic
    dtype: Any  # refnet's

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.shape)


@dataclass(frozen=True)
class Node:
    """One operator: its type, the names of its inputs ("" for one left out) and outputs, and its attributes."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    module: str


class Graph:
    """Nodes in order, and the constants they read."""

    def __init__(self, opset: int, sources: dict[str, tuple[str, int]]) -> None:
        self.opset = opset
        self.sources = sources  # a dynamic dimension's name: an input and the axis where it is read off
        self.nodes: list[Node] = []
        self.initializers: dict[str, Array] = {}
        self.module = ""  # whose call is being translated
        self.operation = ""  # the call's name
        self.where = ""  # the call and its place, for messages
        self._taken: set[str] = set()
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._sizes: dict[str, str] = {}

    # --- names ----------------------------------------------------------------------------------------------------

    def unique(self, name: str) -> str:
        """`name`, with a number where it is taken."""
        found, count = name, 0
        while found in self._taken:
            count += 1
            found = f"{name}_{count}"
        self._taken.add(found)
        return found

    # --- constants ------------------------------------------------------------------------------------------------

    def initializer(self, name: str, array: Array) -> str:
        """A named constant."""
        name = self.unique(name)
        self.initializers[name] = numpy.ascontiguousarray(to_numpy(array)).reshape(array.shape)
        return name

    def constant(self, value: Any, dtype: Any) -> str:
        """The name of a constant; equal ones are one."""
        array = numpy.asarray(value, dtype.numpy if isinstance(dtype, _dtype.dtype) else dtype)
        key = (array.dtype.name, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = self.initializer("constant", array)
        return self._constants[key]

    def integers(self, values: Iterable[int]) -> str:
        """A vector of int64."""
        return self.constant(list(values), numpy.int64)

    def static(self, value: Any, what: str) -> Any:
        """`value` itself; UnsupportedOperatorError where a part of it depends on a dynamic dimension."""
        parts = value if isinstance(value, tuple | list) else (value,)
        if any(isinstance(part, Size) for part in parts):
            shown = [str(part) for part in parts]
            raise UnsupportedOperatorError(
                f"{self.where}: {what} must not depend on a dynamic dimension, but is {shown}"
            )
        return value

    def sizes(self, values: Sequence[Any]) -> str:
        """A vector of int64, of ints and `Size`."""
        if not any(isinstance(value, Size) for value in values):
            return self.integers(values)
        parts: list[str] = []
        run: list[int] = []
        for value in (*values, None):
            if isinstance(value, int):
                run.append(value)
                continue
            if run:
                parts.append(self.integers(run))
                run = []
            if value is not None:
                parts.append(self._size(value))
        return parts[0] if len(parts) == 1 else self.node("Concat", parts, axis=0)

    def _size(self, size: Size) -> str:
        key = str(size)
        if key not in self._sizes:
            name = ""
            for dimension in size.names:
                source, axis = self.sources[dimension]
                read = self._dimension(dimension, source, axis)
                name = self.node("Mul", [name, read]) if name else read
            if size.factor != 1:
                name = self.node("Mul", [name, self.integers([size.factor])])
            if size.offset:
                name = self.node("Add", [name, self.integers([size.offset])])
            self._sizes[key] = name
        return self._sizes[key]

    def _dimension(self, dimension: str, source: str, axis: int) -> str:
        if dimension not in self._sizes:
            self._sizes[dimension] = self.node("Shape", [source], start=axis, end=axis + 1)
        return self._sizes[dimension]

    def made_constant(self, constant: Any, name: str) -> str:
        """A constant of a trace: as an initializer, or computed where its shape is dynamic."""
        if isinstance(constant, Filled):
            return self.node(
                "Expand", [self.constant(constant.value, constant.value.dtype), self.sizes(constant.shape)]
            )
        if isinstance(constant, Counted):
            kind = constant.start.dtype
            length = self.node("Squeeze", [self.sizes([constant.length]), self.integers([0])])
            steps = self.node("Range", [self.constant(0, "int64"), length, self.constant(1, "int64")])
            scaled = self.node("Mul", [self.cast_to(steps, kind), self.constant(constant.step, kind)])
            return self.node("Add", [scaled, self.constant(constant.start, kind)])
        return self.constant(constant, constant.dtype) if constant.size < 64 else self.initializer(name, constant)

    # --- nodes ----------------------------------------------------------------------------------------------------

    def node(self, op: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add an operator of one output; its name."""
        return self.nodes_of(op, inputs, 1, **attributes)[0]

    def nodes_of(self, op: str, inputs: Sequence[str], outputs: int, **attributes: Any) -> tuple[str, ...]:
        """Add an operator of several outputs; their names. Attributes that are None are left out."""
        given = list(inputs)
        while given and not given[-1]:
            given.pop()
        stem = f"{self.module}.{op}" if self.module else op
        names = tuple([self.unique(stem) for _ in range(outputs)])
        kept = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(Node(op, tuple(given), names, kept, self.module))
        return names

    def cast_to(self, name: str, dtype: Any) -> str:
        """`name` in a numpy dtype."""
        return self.node("Cast", [name], to=numpy.dtype(dtype))

    def operand(self, value: Any, dtype: Any) -> str:
        """The name of an operand or a number, in `dtype`."""
        if not isinstance(value, Operand):
            return self.constant(value, dtype)
        return value.name if value.dtype is dtype else self.cast_to(value.name, dtype.numpy)

    def reshape(self, name: str, shape: Sequence[Any]) -> str:
        """`name` in another shape."""
        dynamic = [d for d, size in enumerate(shape) if isinstance(size, Size)]
        if len(dynamic) == 1 and 0 not in shape and -1 not in shape:  # one unknown size follows from the others
            return self.node("Reshape", [name, self.integers([-1 if d in dynamic else n for d, n in enumerate(shape)])])
        return self.node("Reshape", [name, self.sizes(shape)], allowzero=1 if 0 in shape else None)

    def unsupported(self, why: str) -> UnsupportedOperatorError:
        """The error of a call with arguments that have no translation."""
        return UnsupportedOperatorError(f"{self.where}: {why}")
