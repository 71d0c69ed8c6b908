"""`Recorded`: an array that notes every call made on it, in the recorder of its thread.

numpy hands calls with such an array to it (`__array_ufunc__`, NEP 13, and `__array_function__`, NEP 18). Here they are made
on the bare arrays, noted, and their results are Recorded again. Methods of an array are handed to nobody, so they
are overridden. A view needs no note: it is the same memory at every replay.

A value that leaves the arrays is lost to a recording: `item`, `float` and their like raise RuntimeError. A condition is
watched: every replay looks whether it is what it was. Shapes must not depend on values either.

Without a recorder (in another thread, or after the recording) it behaves as the array that it is, and gives bare ones.
"""

import operator
import weakref
from collections.abc import Iterator
from typing import Any

import numpy

from refnet._recording.active import active

Array = Any


def bare(value: Any) -> Any:
    """A value without Recorded arrays: in lists, tuples, dicts and slices, too."""
    kind = type(value)
    if issubclass(kind, Recorded):
        return value.view(numpy.ndarray)
    if kind is list or kind is tuple:
        return kind([bare(x) for x in value])
    if kind is dict:
        return {key: bare(x) for key, x in value.items()}
    if kind is slice:
        return slice(bare(value.start), bare(value.stop), bare(value.step))
    return value


class Unrecordable(RuntimeError):
    """What a function did that no list of calls of numpy can do again."""


def refuse(what: str, *arrays: Any) -> None:
    """Raise, while recording, for what a replay could not do; not where all `arrays` are the same at every replay."""
    recorder = active.recorder
    if recorder is not None and not recorder.paused and not (arrays and all(map(recorder.is_constant, arrays))):
        raise Unrecordable(
            f"a captured step cannot depend on the values of a tensor, which change from call to call: {what}. "
            "Compute with the tensor instead, or leave this part out of the step"
        )


class Recorded(numpy.ndarray):
    """An array that notes what is done to it."""

    def __array_finalize__(self, made_from: Any) -> None:
        recorder = active.recorder
        if recorder is not None:
            recorder.seen.append(weakref.ref(self))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        recorder = active.recorder
        if recorder is None or recorder.paused:
            return _plainly(ufunc if method == "__call__" else getattr(ufunc, method), inputs, kwargs)
        return recorder.ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        recorder = active.recorder
        if recorder is None or recorder.paused:
            return function(*bare(args), **bare(kwargs))
        return recorder.function(function, args, kwargs)

    def __getitem__(self, key: Any) -> Any:
        recorder = active.recorder
        if recorder is None or recorder.paused:
            return bare(self)[bare(key)]
        return recorder.item_of(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        recorder = active.recorder
        if recorder is None or recorder.paused:
            bare(self)[bare(key)] = bare(value)
        else:
            recorder.set_item(self, key, value)

    def __iter__(self) -> Iterator[Any]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    # --- values that Python asks for ------------------------------------------------------------------------------

    def __bool__(self) -> bool:
        return bool(_watched(self, bool))

    def __int__(self) -> int:
        return int(_watched(self, int))

    def __index__(self) -> int:
        return int(_watched(self, numpy.ndarray.__index__))

    def item(self, *args: Any) -> Any:
        """The one element: watched where it is a truth value."""
        if self.dtype == bool and not args:
            return bool(self)
        refuse("`item` was asked of an array", self)
        return bare(self).item(*args)

    def astype(self, *args: Any, **kwargs: Any) -> Any:
        """The values in another type, noted as a copy between types."""
        recorder = active.recorder
        result = bare(self).astype(*args, **kwargs)
        return result if recorder is None or recorder.paused else recorder.copied(self, result)

    def copy(self, order: Any = "C") -> Any:
        """The values in other memory."""
        recorder = active.recorder
        result = bare(self).copy(order)
        return result if recorder is None or recorder.paused else recorder.copied(self, result)

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy("K")

    def reshape(self, *args: Any, **kwargs: Any) -> Any:
        """The values in another shape: a view where strides allow it."""
        recorder = active.recorder
        result = bare(self).reshape(*args, **kwargs)
        return result if recorder is None or recorder.paused else recorder.reshaped(self, result, kwargs)

    def ravel(self, order: Any = "C") -> Any:
        """The values in one dimension: a view where strides allow it."""
        recorder = active.recorder
        result = bare(self).ravel(order)
        return result if recorder is None or recorder.paused else recorder.reshaped(self, result, {"order": order})

    def fill(self, value: Any) -> None:
        """Write one number everywhere."""
        self[...] = value

    def __reduce__(self) -> Any:
        refuse("it is pickled", self)
        return bare(self).__reduce__()

    def __reduce_ex__(self, protocol: Any) -> Any:
        refuse("it is pickled", self)
        return bare(self).__reduce_ex__(protocol)

    def __repr__(self) -> str:
        return repr(bare(self))

    def __str__(self) -> str:
        return str(bare(self))

    def __contains__(self, value: Any) -> bool:
        refuse("`in` was asked of an array", self)
        return value in bare(self)

    @property
    def flat(self) -> Any:
        """The elements one by one, which no recording sees."""
        refuse("`flat` of an array gives out its elements")
        return bare(self).flat


class Scalar(Recorded):
    """What is a numpy scalar when a step is not recorded: an element, or the result of a call on arrays of no dimensions.

    A scalar cannot be written, so `+=` makes another; and its power among scalars is not the ufunc's, in the last bit.
    """

    def __pow__(self, exponent: Any, modulo: None = None) -> Any:
        return _power(self, exponent, lambda: super(Scalar, self).__pow__(exponent))

    def __rpow__(self, base: Any, modulo: None = None) -> Any:
        return _power(base, self, lambda: super(Scalar, self).__rpow__(base))


def _power(base: Any, exponent: Any, otherwise: Any) -> Any:
    recorder = active.recorder
    if recorder is None or recorder.paused:
        return bare(base)[()] ** bare(exponent) if isinstance(base, Scalar) else base ** bare(exponent)[()]
    if all(isinstance(x, Scalar | int | float | numpy.generic) for x in (base, exponent)):
        return recorder.power(base, exponent)
    return otherwise()


def _anew(name: str) -> Any:
    """The operator that an in-place one of a scalar stands for."""
    plain = getattr(operator, name)

    def method(self: Any, other: Any) -> Any:
        return plain(self, other)

    method.__name__ = f"__i{name.strip('_')}__"
    return method


for _name in (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and_",
    "or_",
    "xor",
    "lshift",
    "rshift",
):
    setattr(Scalar, f"__i{_name.strip('_')}__", _anew(_name))


class Number(Scalar):
    """What is a Python float when a step is not recorded, read from a tensor: a count of steps, a learning rate.

    As with a float, the type of a result is that of the arrays it meets (`Recorded` of no dimensions otherwise counts as
    float64); and a power is Python's, whose last bit need not be numpy's.
    """

    def __pow__(self, exponent: Any, modulo: None = None) -> Any:
        return active.recorder.power(self, exponent)

    def __rpow__(self, base: Any, modulo: None = None) -> Any:
        return active.recorder.power(base, self)


def number_of(array: Recorded) -> Number:
    """The one element of an array as a number to compute with, where `item` would give its value to Python."""
    number: Number = array.reshape(()).astype(numpy.float64).view(Number)
    return number


def _plainly(function: Any, inputs: Any, kwargs: Any) -> Any:
    """A call that nobody notes: as of bare arrays."""
    return function(*bare(inputs), **bare(kwargs))


def _watched(array: Recorded, look: Any) -> Any:
    """A truth value or a whole number, which replays compare with what it was."""
    found = look(bare(array))
    recorder = active.recorder
    if recorder is not None and not recorder.paused and not recorder.is_constant(array):
        recorder.watch(bare(array), found)
    return found


def _value(name: str) -> Any:
    """A method that gives values to Python."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        refuse(f"`{name}` was asked of an array", self)
        return getattr(bare(self), name)(*args, **kwargs)

    method.__name__ = name
    return method


def _method(name: str) -> Any:
    """A method that computes: noted as numpy's method of that name, called on the bare array."""
    own = getattr(numpy.ndarray, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = active.recorder
        if recorder is None or recorder.paused:
            return own(bare(self), *bare(args), **bare(kwargs))
        return recorder.function(own, (self, *args), kwargs)

    method.__name__ = name
    return method


def _reduction(name: str, ufunc: Any) -> Any:
    """A method that is a ufunc's `reduce`, so that replays go there directly."""

    def method(
        self: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **rest: Any
    ) -> Any:
        if dtype is not None:
            rest["dtype"] = dtype
        if out is not None:
            rest["out"] = out
        return ufunc.reduce(self, axis=axis, keepdims=keepdims, **rest)

    method.__name__ = name
    return method


def _reduction_without_type(name: str, ufunc: Any) -> Any:
    """The same for methods that take no dtype."""
    typed = _reduction(name, ufunc)

    def method(self: Any, axis: Any = None, out: Any = None, keepdims: bool = False, **rest: Any) -> Any:
        return typed(self, axis, None, out, keepdims, **rest)

    method.__name__ = name
    return method


for _name in (
    "tolist",
    "tobytes",
    "tofile",
    "dump",
    "dumps",
    "__float__",
    "__complex__",
    "__format__",
    "nonzero",
):
    setattr(Recorded, _name, _value(_name))
for _name in (
    *("argmax", "argmin", "argpartition", "argsort", "byteswap", "choose", "clip", "compress", "conj", "conjugate"),
    *("cumprod", "cumsum", "diagonal", "dot", "flatten", "getfield", "mean", "partition", "put", "repeat"),
    *("resize", "round", "searchsorted", "setfield", "sort", "squeeze", "std", "swapaxes", "take", "trace", "var"),
):
    setattr(Recorded, _name, _method(_name))
for _name, _ufunc in {"sum": numpy.add, "prod": numpy.multiply}.items():
    setattr(Recorded, _name, _reduction(_name, _ufunc))
_COMPARING: dict[str, Any] = {
    "max": numpy.maximum,
    "min": numpy.minimum,
    "all": numpy.logical_and,
    "any": numpy.logical_or,
}
for _name in _COMPARING:
    setattr(Recorded, _name, _reduction_without_type(_name, _COMPARING[_name]))
