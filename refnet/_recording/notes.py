"""The calls of a recording, and the recorder that notes them.

Every array belongs to an *owner*, the array that has the memory; views of it share the owner. Owners that come into being
during the recording are *fresh*: nobody else knows them, and the program may do with them what it likes. All others
(parameters, running statistics, the static inputs) are *lasting*.
"""

import operator
import os
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy
from numpy import asarray  # as it is outside a recording

from refnet._recording.array import Number, Recorded, Scalar, Unrecordable, bare, refuse

Array = Any


def owner_of(array: Array) -> Array:
    """The array that has the memory which `array` looks at; numpy's as_strided puts an object of its own between them."""
    while True:
        below = array.base
        if below is not None and not isinstance(below, numpy.ndarray):
            below = getattr(below, "base", None)
        if not isinstance(below, numpy.ndarray):
            return array
        array = below


def arrays_in(value: Any) -> Iterator[Array]:
    """The arrays in a value: in lists, tuples, dicts, slices, and what a function closes over."""
    if isinstance(value, numpy.ndarray):
        yield value
    elif isinstance(value, list | tuple):
        for x in value:
            yield from arrays_in(x)
    elif isinstance(value, dict):
        yield from arrays_in(list(value.values()))
    elif isinstance(value, slice):
        yield from arrays_in((value.start, value.stop, value.step))
    elif getattr(value, "__closure__", None):
        for cell in value.__closure__:
            yield from arrays_in(cell.cell_contents)


class Call:
    """One call: `function(*args, **kwargs)`, which writes to `writes`, and looks at `reads` first.

    - into: the call returns its results, which are copied to `writes`; else it writes there itself.
    - whole: every element that `writes` has is written.
    - kept: it must be made even if nobody reads what it writes: it draws, or looks whether a condition still holds.
    - literal: an operand that is a copy of a constant, made by the recording.
    """

    __slots__ = ("args", "function", "into", "kept", "kwargs", "literal", "reads", "where", "whole", "writes")

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        reads: Any,
        writes: tuple[Array, ...],
        *,
        into: bool = False,
        whole: bool = True,
        kept: bool = False,
        literal: Array = None,
    ) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.reads, self.writes = tuple(arrays_in(reads)), writes
        self.into, self.whole, self.kept, self.literal = into, whole, kept, literal
        self.where = _caller()

    def name(self) -> str:
        """The function's name, with that of its ufunc for a ufunc's method."""
        name = getattr(self.function, "__name__", None) or type(self.function).__name__
        owner = getattr(self.function, "__self__", None)
        return f"{owner.__name__}.{name}" if isinstance(owner, numpy.ufunc) else str(name)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{x.dtype}{list(x.shape)}" for x in self.writes)
        return f"{self.name()} -> {shapes or 'nothing'} ({self.where})"


class Shared:
    """Parts of one piece of work, each a list of calls, that several threads share."""

    def __init__(self, parts: "list[list[Call | Shared]]", worth: int, product: bool) -> None:
        self.parts, self.worth, self.product = parts, worth, product
        calls: list[Any] = [call for part in parts for call in part]
        self.reads = tuple(x for call in calls for x in call.reads)
        self.writes = tuple(x for call in calls for x in call.writes)
        self.whole = False
        self.kept = any(call.kept for call in calls)
        self.where = _caller()

    def __repr__(self) -> str:
        return f"{len(self.parts)} parts for several threads ({self.where})"


_HERE, _NUMPY = os.path.dirname(__file__), os.path.dirname(numpy.__file__)
_ROOT = os.path.dirname(os.path.dirname(_HERE))


def _caller() -> str:
    """The line of the kernel that made the call which is noted."""
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith((_HERE, _NUMPY)):
        frame = frame.f_back
    if frame is None:
        return "unknown"
    name = frame.f_code.co_filename
    return f"{os.path.relpath(name, _ROOT) if name.startswith(_ROOT) else name}:{frame.f_lineno}"


# What says something of arrays without looking at their values.
_OF_FORM = {
    *(numpy.shape, numpy.ndim, numpy.size, numpy.result_type, numpy.can_cast, numpy.iscomplexobj, numpy.isrealobj),
    *(numpy.may_share_memory, numpy.shares_memory, numpy.min_scalar_type, numpy.common_type),
}
# What makes an array whose shape depends on values.
_OF_VALUES = {
    *(numpy.nonzero, numpy.flatnonzero, numpy.argwhere, numpy.unique, numpy.extract, numpy.compress, numpy.trim_zeros),
    *(numpy.union1d, numpy.intersect1d, numpy.setdiff1d, numpy.setxor1d, numpy.unique_values, numpy.unique_counts),
    *(numpy.unique_inverse, numpy.unique_all, numpy.bincount, numpy.repeat, numpy.delete, numpy.insert),
    *(numpy.ndarray.repeat, numpy.ndarray.compress, numpy.ndarray.resize),
}
_SHAPED_BY = {numpy.repeat, numpy.ndarray.repeat, numpy.bincount}  # only where the counts are an array
# The functions that a method of `Recorded` stands for.
_METHODS = {
    numpy.sum: "sum",
    numpy.prod: "prod",
    numpy.max: "max",
    numpy.amax: "max",
    numpy.min: "min",
    numpy.amin: "min",
    numpy.all: "all",
    numpy.any: "any",
    numpy.copy: "copy",
    numpy.reshape: "reshape",
    numpy.ravel: "ravel",
}
# What gives the same bits with `out=`, which saves the copy.
_WITH_OUT = {
    *(numpy.concatenate, numpy.stack, numpy.dot, numpy.take, numpy.cumsum, numpy.cumprod, numpy.argmax, numpy.argmin),
    *(numpy.clip, numpy.ndarray.clip, numpy.ndarray.dot, numpy.ndarray.take, numpy.ndarray.cumsum),
    *(numpy.ndarray.cumprod, numpy.ndarray.argmax, numpy.ndarray.argmin),
}
# Ufuncs whose result numpy wants by its keyword; by its place it takes less time.
_NOT_BY_PLACE = {numpy.maximum, numpy.minimum}
# Methods that write into the array they are called on.
_IN_PLACE = {numpy.ndarray.sort, numpy.ndarray.partition, numpy.ndarray.put, numpy.ndarray.setfield}


class Recorder:
    """Notes the calls of one run of a function.

    - calls: what was noted, in order.
    - fresh, lasting, constants: owners by their id; constants are lasting ones that nobody writes.
    - settled, changing: ids of owners that a noted call wrote, and of those that something flowed into which is not
      the same at every replay.
    - depends: what the run depends on besides arrays, as a function of an object, by the two.
    - seen: weak references to all Recorded arrays: memory that somebody still looks at after the run is a result.
    """

    def __init__(self) -> None:
        self.calls: list[Call | Shared] = []
        self.fresh: dict[int, Array] = {}
        self.lasting: dict[int, Array] = {}
        self.constants: dict[int, Array] = {}
        self.settled: set[int] = set()
        self.changing: set[int] = set()
        self.depends: dict[tuple[int, Callable[[Any], Any]], weakref.ref[Any]] = {}
        self.seen: list[Any] = []
        self.paused = False

    # --- arrays ---------------------------------------------------------------------------------------------------

    def made(self, array: Array) -> Recorded:
        """A fresh array, Recorded."""
        owner = owner_of(array)
        if id(owner) not in self.lasting:
            self.fresh[id(owner)] = owner
        seen: Recorded = array.view(Recorded)
        return seen

    def known(self, array: Array) -> bool:
        """Whether the memory of an array was met before."""
        owner = id(owner_of(array))
        return owner in self.fresh or owner in self.lasting or owner in self.constants

    def is_constant(self, array: Array) -> bool:
        """Whether an array holds the same at every replay, at this place: it was made of constants only."""
        owner = id(owner_of(array))
        return owner in self.constants or (owner in self.settled and owner not in self.changing)

    def last(self, array: Array) -> None:
        """Take the memory of `array` as lasting, unless it was made here."""
        owner = owner_of(array)
        if id(owner) not in self.fresh:
            self.lasting[id(owner)] = owner

    def note(self, *args: Any, **kwargs: Any) -> None:
        """Note a call, given as `Call` takes it."""
        call = Call(*args, **kwargs)
        for array in call.writes:
            if not self.known(array):
                raise Unrecordable(
                    f"a captured step writes into memory that came from where its recording could not see it: {call}"
                )
        written = {id(owner_of(array)) for array in call.writes}
        if call.kept or not all(map(self.is_constant, call.reads)) or not written <= self.fresh.keys():
            self.changing |= written
        self.settled |= written
        self.calls.append(call)

    # --- ufuncs ---------------------------------------------------------------------------------------------------

    def ufunc(self, ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of a ufunc or of a method of one."""
        given = kwargs.pop("out", None)
        kind = Recorded
        if any(type(x) is Number for x in inputs):
            inputs, kind = _met(inputs)
        operands, options = bare(inputs), bare(kwargs)
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        if method == "at":
            function(*operands, **options)
            self.note(function, operands, options, operands, (operands[0],), whole=False)
            return None
        if given is not None and not any(x is None for x in given):
            targets = bare(given)
            function(*operands, out=targets if len(targets) > 1 else targets[0], **options)
        else:
            found = function(*operands, **options, **({} if given is None else {"out": bare(given)}))
            parts = found if isinstance(found, tuple) else (found,)
            targets = tuple([asarray(x) for x in parts])
            for target in targets:
                self.made(target)
            kinds = [Number if kind is Number else _kind(x) for x in parts]
            given = tuple([x.view(own) for x, own in zip(targets, kinds, strict=True)])
        reads, whole = (operands, options), "where" not in options
        if ufunc in _NOT_BY_PLACE and method == "__call__":
            self.note(function, operands, {**options, "out": targets[0]}, reads, targets, whole=whole)
        elif method == "__call__":
            self.note(function, (*operands, *targets), options, reads, targets, whole=whole)
        elif method == "reduce":
            axis, dtype, keepdims = options.pop("axis", 0), options.pop("dtype", None), options.pop("keepdims", False)
            operands = (*operands, axis, dtype, targets[0], keepdims)
            self.note(function, operands, options, reads, targets)
        else:
            self.note(function, operands, {**options, "out": targets[0]}, reads, targets)
        returned = tuple([x if isinstance(x, Recorded) else x.view(Recorded) for x in given])
        return returned if len(returned) > 1 else returned[0]

    def power(self, base: Any, exponent: Any) -> Any:
        """base ** exponent of Numbers, which are Python floats, or of scalars of numpy."""
        kind = Number if Number in (type(base), type(exponent)) else Scalar
        operands = (bare(base), bare(exponent))
        function = _power if kind is Number else _scalar_power
        result = asarray(function(*operands))
        self.made(result)
        self.note(function, operands, {}, operands, (result,), into=True)
        return result.view(kind)

    # --- functions ------------------------------------------------------------------------------------------------

    def function(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of a function of numpy, or of a method of an array, which is then its first argument."""
        if function is numpy.broadcast_arrays:
            shape = numpy.broadcast_shapes(*map(numpy.shape, args))
            return tuple([numpy.broadcast_to(numpy.asarray(x), shape) for x in args])
        if function in _METHODS and isinstance(args[0] if args else None, Recorded):
            return getattr(args[0], _METHODS[function])(*args[1:], **kwargs)
        operands, options = bare(args), bare(kwargs)
        if function in _OF_FORM:
            return function(*operands, **options)
        self._refuse_shapes_of_values(function, args, kwargs)
        target = options.get("out")
        found = function(*operands, **options)
        if found is None or function in _IN_PLACE:
            whole = function is numpy.copyto and "where" not in options
            reads = (operands[1:], options) if whole else (operands, options)
            self.note(function, operands, options, reads, (operands[0],), whole=whole)
            return found
        if target is not None:
            self.note(function, operands, options, (operands, options), tuple(arrays_in(target)))
            return kwargs["out"] if isinstance(kwargs["out"], Recorded) else target.view(Recorded)
        if isinstance(found, bool):
            self.watch_call(function, operands, options, found)
            return found
        return self._results(function, operands, options, found)

    def _refuse_shapes_of_values(self, function: Any, args: Any, kwargs: Any) -> None:
        if function is numpy.where and len(args) + len(kwargs) == 1:
            refuse("`where` of a condition alone finds as many places as there are", *arrays_in(bare((args, kwargs))))
        if function in _SHAPED_BY:
            counts = args[0] if function is numpy.bincount else args[1] if len(args) > 1 else kwargs["repeats"]
            if not isinstance(counts, Recorded):
                return
        if function in _OF_VALUES:
            refuse(f"the shape of what `{function.__name__}` finds depends on them", *arrays_in(bare((args, kwargs))))

    def _results(self, function: Any, operands: Any, options: Any, found: Any) -> Any:
        """What a function returned, Recorded; noted as far as it is new."""
        if isinstance(found, list | tuple):
            arrays = [asarray(x) for x in found]
        elif isinstance(found, numpy.ndarray | numpy.generic):
            arrays = [asarray(found)]
        else:
            refuse(f"`{function.__name__}` returns a {type(found).__name__}", *arrays_in((operands, options)))
            return found
        owners = {id(owner_of(x)) for x in arrays_in((operands, options))}
        new = [x for x in arrays if id(owner_of(x)) not in owners]
        if new:
            if len(new) < len(arrays):
                raise Unrecordable(
                    f"`{function.__name__}` gave views and copies at once, which no recording tells apart"
                )
            for array in arrays:
                self.made(array)
            if len(arrays) == 1 and function in _WITH_OUT:
                self.note(function, operands, {**options, "out": arrays[0]}, (operands, options), (arrays[0],))
            else:
                self.note(function, operands, options, (operands, options), tuple(arrays), into=True)
        if not isinstance(found, list | tuple):
            return arrays[0].view(_kind(found))
        seen = [array.view(_kind(x)) for array, x in zip(arrays, found, strict=True)]
        return type(found)(*seen) if hasattr(found, "_fields") else type(found)(seen)

    def copied(self, source: Recorded, result: Array) -> Any:
        """A copy of `source`, perhaps of another type; or a view of it, where none was needed."""
        if owner_of(result) is not owner_of(source):
            self.made(result)
            self.note(numpy.copyto, (result, bare(source)), {"casting": "unsafe"}, source, (result,))
        return result.view(Recorded)

    def reshaped(self, source: Recorded, result: Array, options: dict[str, Any]) -> Any:
        """`source` in another shape: a view, or else a copy, noted as one in the shape that it had."""
        if owner_of(result) is owner_of(source):
            return result.view(Recorded)
        self.made(result)
        if options.get("order", "C") == "C":
            as_before = result.reshape(source.shape)
            self.note(numpy.copyto, (as_before, bare(source)), {}, source, (as_before,))
        else:
            operands = (bare(source), result.shape)
            self.note(numpy.ndarray.reshape, operands, dict(options), source, (result,), into=True)
        return result.view(Recorded)

    # --- indexing -------------------------------------------------------------------------------------------------

    def _key(self, key: Any) -> Any:
        """A bare key. Its whole numbers are watched, and masks refused, whose number of elements is unknown."""
        parts = key if isinstance(key, tuple) else (key,)
        plain = []
        for part in parts:
            if isinstance(part, slice):
                ends = (part.start, part.stop, part.step)
                part = slice(*[x if x is None else operator.index(x) for x in ends])
            plain.append(bare(part))
        return tuple(plain) if isinstance(key, tuple) else plain[0]

    def item_of(self, array: Recorded, key: Any) -> Any:
        """array[key]: a view, or a copy by positions."""
        parts = key if isinstance(key, tuple) else (key,)
        masks = [part for part in parts if isinstance(part, Recorded) and part.dtype == bool]
        if masks:
            refuse("how many elements a mask picks depends on them", *masks)
        plain, own = self._key(key), bare(array)
        found = own[plain]
        if isinstance(found, numpy.ndarray) and owner_of(found) is owner_of(own):
            return found.view(Recorded)
        result = asarray(found)
        if any(isinstance(part, numpy.ndarray | list) for part in (plain if isinstance(plain, tuple) else (plain,))):
            self.made(result)
            self.note(operator.getitem, (own, plain), {}, (own, plain), (result,), into=True)
            return result.view(Recorded)
        place = own[(*plain, ...) if isinstance(plain, tuple) else (plain, ...)]  # one element
        return self.copied(place.view(Recorded), result).view(Scalar)

    def set_item(self, array: Recorded, key: Any, value: Any) -> None:
        """array[key] = value"""
        own, plain, given = bare(array), self._key(key), bare(value)
        own[plain] = given
        parts = plain if isinstance(plain, tuple) else (plain,)
        if any(isinstance(part, numpy.ndarray | list) for part in parts):
            self.note(operator.setitem, (own, plain, given), {}, (own, plain, given), (own,), whole=False)
            return
        place = own[(*parts, ...) if ... not in parts else parts]
        if isinstance(given, numpy.ndarray) and given.ndim <= place.ndim:
            self.note(numpy.copyto, (place, given), {"casting": "unsafe"}, given, (place,))
        elif isinstance(given, int | float | numpy.generic):
            self.fill(place, given)
        else:
            self.note(operator.setitem, (place, ..., given), {}, given, (place,))

    def fill(self, place: Array, number: Any) -> None:
        """place[...] = number, with the number in the type of the array once and for all."""
        literal = numpy.ndarray((), place.dtype)
        literal[()] = number
        self.note(numpy.copyto, (place, literal), {}, (), (place,), literal=literal)

    # --- values, draws, threads -----------------------------------------------------------------------------------

    def watch(self, array: Array, found: Any) -> None:
        """Note that the run went on as it did because `array`, of one element, was `found` as a Python value."""
        self.watch_call(type(found), (array,), {}, found)

    def watch_call(self, function: Any, operands: Any, options: Any, found: Any) -> None:
        """Note that the run went on as it did because a function returned `found`."""
        self.note(same, (function, operands, options, found), {}, (operands, options), (), kept=True)

    def opaque(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of the engine's own that draws: not seen into."""
        if self.paused:
            return function(*args, **kwargs)
        operands, options = bare(args), bare(kwargs)
        self.paused = True
        try:
            found = function(*operands, **options)
        finally:
            self.paused = False
        if not isinstance(found, numpy.ndarray):
            target = operands[:1] if isinstance(operands[0], numpy.ndarray) else ()
            self.note(function, operands, options, (operands[1:], options), target, kept=True)
            return found
        self.note(function, operands, options, (operands, options), (bare(self.made(found)),), into=True, kept=True)
        return found.view(Recorded)

    def constants_of(self, function: Any, args: Any, kwargs: Any) -> Any:
        """What a cached function returns: an array or a tuple of them, or no array."""
        before, self.paused = self.paused, True
        try:
            found = function(*args, **kwargs)
        finally:
            self.paused = before
        if before:
            return found
        for array in arrays_in(found):
            owner = owner_of(array)
            self.constants[id(owner)] = owner
        if isinstance(found, tuple):
            return tuple([x.view(Recorded) for x in found])
        return found.view(Recorded) if isinstance(found, numpy.ndarray) else found

    def share(self, work: Callable[[int], None], count: int, worth: int, product: bool) -> None:
        """The parts of `work` that threads share: one after the other, noted apart."""
        before, parts = self.calls, []
        try:
            for number in range(count):
                self.calls = []
                work(number)
                parts.append(self.calls)
        finally:
            self.calls = before
        self.calls.append(Shared(parts, worth, product))


def _met(inputs: tuple[Any, ...]) -> tuple[tuple[Any, ...], type[Recorded]]:
    """Operands with Numbers in the type of the arrays among them, and what their result is: a Number if they all are."""
    kinds = [x.dtype for x in inputs if isinstance(x, numpy.ndarray) and type(x) is not Number]
    if not kinds:
        return inputs, Number
    return tuple([x.astype(numpy.result_type(*kinds)) if type(x) is Number else x for x in inputs]), Recorded


def _kind(found: Any) -> type[Recorded]:
    return Recorded if isinstance(found, numpy.ndarray) else Scalar


def _power(base: Any, exponent: Any) -> Any:
    """base ** exponent, computed by Python."""
    value = float(base) ** float(exponent)
    return value if isinstance(value, float) else numpy.nan  # of a negative base, which no step goes on with


def _scalar_power(base: Any, exponent: Any) -> Any:
    """base ** exponent, computed as of scalars."""
    return (base[()] if isinstance(base, numpy.ndarray) else base) ** (
        exponent[()] if isinstance(exponent, numpy.ndarray) else exponent
    )


class Otherwise(RuntimeError):
    """A condition on values is not what it was when the step was recorded."""


def same(function: Any, operands: Any, options: Any, expected: Any) -> None:
    """Raise unless the function returns what it did when the step was recorded."""
    found = function(*operands, **options)
    if found != expected:
        raise Otherwise(
            f"a captured step went on as it did because a value of a tensor was {expected!r} when it was recorded; it is "
            f"now {found!r}"
        )
