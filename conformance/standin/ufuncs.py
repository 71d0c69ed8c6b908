"""cupy's ufuncs: a table of loops, the first that fits, and few arguments.

The loop is the first in the table to whose types all operands can be cast safely. A Python number is weak: it takes the
type of the arrays, unless it is of a higher kind (bool < integer < floating), and then it is int64, float64 or
complex128. A numpy scalar is weak in cupy 13 (by its value) and strong in cupy 14; where the two give other types, the
stand-in refuses to choose.

There is no `where`; `reduce`, `accumulate` and `at` exist for the few ufuncs that cupy has them for.
"""

from typing import Any

import numpy

from conformance.draw import Array
from conformance.standin import casting, indexing
from conformance.standin.casting import cast, dtype_of
from conformance.standin.names import StandInError, named
from conformance.standin.ndarray import host_of, launch, ndarray, write
from conformance.standin.runtime import capture

_KINDS = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 2, "V": 2}
_WEAK = {
    bool: (0, numpy.dtype(bool)),
    int: (1, numpy.dtype(int)),
    float: (2, numpy.dtype(float)),
    complex: (2, numpy.dtype(complex)),
}
_SCATTERS = {
    "add": "add",
    "subtract": "subtract",
    "maximum": "maximum",
    "minimum": "minimum",
    "bitwise_and": "bitwise_and",
    "bitwise_or": "bitwise_or",
    "bitwise_xor": "bitwise_xor",
}

Loop = tuple[tuple[Any, ...], tuple[Any, ...]]


class ufunc:  # cupy's name
    """One ufunc: `function` computes it on numpy arrays, `types` is cupy's table."""

    def __init__(self, name: str, function: Any, nin: int, nout: int, types: list[str]) -> None:
        self.__name__ = name
        self.name = f"cupy_{name}"
        self.nin, self.nout, self.nargs = nin, nout, nin + nout
        self.types = types
        self._function = function
        self._loops = [_loop(text) for text in types]
        self._found: dict[Any, Loop] = {}

    def __repr__(self) -> str:
        return f"<ufunc '{self.name}'>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        dtype = kwargs.pop("dtype", None)
        casting_rule = kwargs.pop("casting", "same_kind")
        if kwargs:
            raise TypeError(f"Wrong arguments {kwargs}")
        if not self.nin <= len(args) <= self.nargs:
            raise TypeError(
                f"Wrong number of arguments for {self.name!r}. It must be either {self.nin} or {self.nargs} "
                f"(with outputs), but given {len(args)}."
            )
        outs = self._outputs(args[self.nin :], out)
        operands = args[: self.nin]
        values = [_operand(value) for value in operands]
        arrays = [value for value in operands if type(value) is ndarray]
        in_types, out_types = self._loop(operands, values, None if dtype is None else dtype_of(dtype))
        capture.load(self.__name__, in_types, out_types, *[type(value) is ndarray for value in operands])
        function, nout = self._function, self.nout

        def compute() -> Any:
            with numpy.errstate(all="ignore"):
                found = function(*[_as(value, kind) for value, kind in zip(values, in_types, strict=True)])
            if nout == 1:
                return _result(found, out_types[0])
            return tuple(_result(f, kind) for f, kind in zip(found, out_types, strict=True))

        if all(o is None for o in outs):
            return launch(compute, arrays)
        return self._into(compute, arrays, outs, out_types, casting_rule)

    def _outputs(self, positional: tuple[Any, ...], out: Any) -> tuple[Any, ...]:
        if out is None:
            return positional + (None,) * (self.nout - len(positional))
        if positional:
            raise ValueError("Cannot specify 'out' as both a positional and keyword argument")
        if isinstance(out, tuple):
            if len(out) != self.nout:
                raise ValueError("The 'out' tuple must have exactly one entry per ufunc output")
            return out
        if self.nout != 1:
            raise ValueError("'out' must be a tuple of arrays")
        return (out,)

    def _into(
        self, compute: Any, arrays: list[ndarray], outs: tuple[Any, ...], types: tuple[Any, ...], rule: str
    ) -> Any:
        """Computed into given arrays: their shape must be that of the result, their type one it can be cast to."""
        shapes = [a.shape for a in (*arrays, *(o for o in outs if o is not None))]
        shape = numpy.broadcast_shapes(*shapes)
        for out, kind in zip(outs, types, strict=True):
            if out is None:
                continue
            if type(out) is not ndarray:
                raise TypeError("Output arguments type must be cupy.ndarray")
            if out.shape != shape:
                raise ValueError(f"Out shape is mismatched: {out.shape}, but expected {shape}")
            if not numpy.can_cast(kind, out.dtype, rule):  # type: ignore[arg-type]
                raise TypeError(f"output operand requires casting from {kind} to {out.dtype}, not allowed by {rule!r}")
        if self.nout == 1:
            write(outs[0], compute, arrays)
            return outs[0]
        results = launch(compute, arrays)
        for out, result in zip(outs, results, strict=True):
            if out is not None:
                write(out, lambda r=result: r._host, [result])  # type: ignore[misc]
        return tuple(result if out is None else out for out, result in zip(outs, results, strict=True))

    def _loop(self, operands: tuple[Any, ...], values: list[Any], dtype: Any) -> Loop:
        kinds = tuple(v.dtype if isinstance(v, numpy.ndarray | numpy.generic) else type(v) for v in values)
        strong = tuple(type(o) is ndarray for o in operands)
        key = kinds, strong, dtype, bool(casting.allowed)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._choose(kinds, strong, dtype)
        return found

    def _choose(self, kinds: tuple[Any, ...], arrays: tuple[bool, ...], dtype: Any) -> Loop:
        if dtype is not None:
            for loop in self._present():
                if all(kind == dtype for kind in loop[1]):
                    return loop
            raise TypeError(f"Wrong type ({dtype}) of arguments for {self.name}")
        found = self._first(kinds)
        scalars = [not a and k not in _WEAK for a, k in zip(arrays, kinds, strict=True)]
        highest = max((_KINDS[k.kind] for k, a in zip(kinds, arrays, strict=True) if a), default=-1)
        by_value = highest >= max((_KINDS[k.kind] for k, s in zip(kinds, scalars, strict=True) if s), default=9)
        if by_value and casting.BFLOAT16 not in kinds:  # cupy 13 takes the smallest type that holds the value
            weaker = tuple(_python_type(k) if s else k for k, s in zip(kinds, scalars, strict=True))
            older = self._first(weaker)
            if older != found:
                raise StandInError(
                    f"{self.name} of {', '.join(map(str, kinds))}, some of them numpy scalars: cupy 14 gives "
                    f"{found[1][0]}, cupy 13 {older[1][0]} where the value fits. Use a Python number"
                )
        return found

    def _first(self, kinds: tuple[Any, ...]) -> Loop:
        """The first loop that fits; `kinds` are dtypes, and Python types for weak numbers."""
        given = [k for k in kinds if k not in _WEAK]
        highest = max((_KINDS[k.kind] for k in given), default=-1)
        weak = bool(given) and highest >= max((_WEAK[k][0] for k in kinds if k in _WEAK), default=-1)
        types = [k if k not in _WEAK or weak else _WEAK[k][1] for k in kinds]
        for loop in self._present():
            if all(_fits(kind, wanted) for kind, wanted in zip(types, loop[0], strict=True)):
                return loop
        raise TypeError(f"Wrong type ({', '.join(map(str, types))}) of arguments for {self.name}")

    def _present(self) -> list[Loop]:
        """The loops of the release that the stand-in plays."""
        return [loop for loop in self._loops if casting.allowed or casting.BFLOAT16 not in loop[0]]

    # --- the other methods ----------------------------------------------------------------------------------------

    def reduce(self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        """The sum or the product; cupy has no other, and neither `initial` nor `where`."""
        if self.__name__ == "add":
            return array.sum(axis, dtype, out, keepdims)
        if self.__name__ == "multiply":
            return array.prod(axis, dtype, out, keepdims)
        raise NotImplementedError(f"`{self.name}.reduce` is not supported yet")

    def accumulate(self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        """Sums or products of all so far; cupy has no other."""
        if self.__name__ == "add":
            return array.cumsum(axis, dtype, out)
        if self.__name__ == "multiply":
            return array.cumprod(axis, dtype, out)
        raise NotImplementedError(f"`{self.name}.accumulate` is not supported yet")

    def reduceat(self, array: Any, indices: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        """Sums over ranges; cupy has no other."""
        if self.__name__ != "add" or out is not None:
            raise NotImplementedError(f"`{self.name}.reduceat` is not supported yet")
        rows, where = host_of(array), host_of(indices)
        kind = None if dtype is None else dtype_of(dtype)
        return launch(lambda: numpy.add.reduceat(rows, where, axis, kind), [array])

    def outer(self, a: Any, b: Any, **kwargs: Any) -> Any:
        """Every pair."""
        a, b = named("asarray")(a), named("asarray")(b)
        return self(a.reshape(a.shape + (1,) * b.ndim), b.reshape((1,) * a.ndim + b.shape), **kwargs)

    def at(self, a: Any, indices: Any, b: Any = None) -> None:
        """In place at some elements, duplicates included; for the few that have an atomic instruction."""
        if self.__name__ not in _SCATTERS:
            raise NotImplementedError(f"`{self.name}.at` is not supported yet")
        indexing.scatter(a, indices, b, _SCATTERS[self.__name__])


def _loop(text: str) -> Loop:
    inputs, _, outputs = text.partition("->")
    return _types(inputs), _types(outputs)


def _types(characters: str) -> tuple[Any, ...]:
    return tuple(casting.BFLOAT16 if c == "E" else numpy.dtype(c) for c in characters)


def _fits(kind: Any, wanted: Any) -> bool:
    if kind in _WEAK:
        if numpy.can_cast(_WEAK[kind][1], wanted):
            return True
        try:
            return bool(numpy.result_type(kind(0), wanted) == wanted)
        except TypeError:
            return False
    return bool(numpy.can_cast(kind, wanted))


def _python_type(kind: Any) -> Any:
    return {"b": bool, "i": int, "u": int, "f": float, "c": complex}.get(kind.kind, float)


def _operand(value: Any) -> Any:
    if isinstance(value, bool | int | float | complex | numpy.generic) or type(value) is ndarray:
        return host_of(value)
    raise TypeError(f"Unsupported type {type(value)}")


def _as(value: Any, kind: Any) -> Any:
    if isinstance(value, numpy.ndarray):
        return cast(value, kind)
    return numpy.asarray(value, kind) if not isinstance(value, numpy.generic) else cast(numpy.asarray(value), kind)


def _result(found: Any, kind: Any) -> Array:
    array = numpy.asarray(found)
    return array if array.dtype == kind else cast(array, kind)
