"""Functions of cupy, computed by numpy's function of the same name, under cupy's signature.

`Function` checks the call against the recorded parameters (`surface.py`), takes the numpy arrays out of the device
arrays and hands the computation to `launch`. A result that looks into an operand's memory stays a view. A numpy array
among the arguments is refused.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy

from conformance.draw import Array
from conformance.standin import facts, numerics, transfers
from conformance.standin.casting import BFLOAT16
from conformance.standin.names import StandInError
from conformance.standin.ndarray import host_of, launch, ndarray, view, write
from conformance.standin.runtime import capture


class Parameters:
    """The parameters of a function, as recorded."""

    def __init__(self, name: str, recorded: list[str]) -> None:
        self.name = name
        plain = [p for p in recorded if not p.startswith("*")]
        self.positional = [p.partition("=")[0] for p in plain]
        self.required = [p for p in plain if "=" not in p]
        self.keyword_only = [p[2:].partition("=")[0] for p in recorded if p.startswith("*,")]
        self.any_positional = any(p.startswith("*") and p[1] not in ",*" for p in recorded)
        self.any_keyword = any(p.startswith("**") for p in recorded)
        self.keywords = frozenset(self.positional) | frozenset(self.keyword_only)

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """TypeError for a call that cupy would not take."""
        if len(args) > len(self.positional) and not self.any_positional:
            raise TypeError(
                f"{self.name}() takes {len(self.positional)} positional arguments but {len(args)} were given"
            )
        given = self.positional[: len(args)]
        for name in kwargs:
            if name not in self.keywords and not self.any_keyword:
                raise TypeError(f"{self.name}() got an unexpected keyword argument {name!r}")
            if name in given:
                raise TypeError(f"{self.name}() got multiple values for argument {name!r}")
        missing = [p for p in self.required if p not in given and p not in kwargs]
        if missing:
            raise TypeError(f"{self.name}() missing required arguments: {', '.join(missing)}")


class Function:
    """A function of cupy by the function of numpy or scipy."""

    def __init__(self, name: str, recorded: list[str], function: Callable[..., Any]) -> None:
        self.__name__ = name.rpartition(".")[2]
        self.__qualname__ = name
        self._parameters = Parameters(self.__name__, recorded)
        self._function = function
        self._common, self._taken = _agreement(self._parameters, function)
        self._solves = self.__name__ if name.startswith("cupy.linalg.") else ""
        self._waits = self.__name__ in facts.WAITING

    def __repr__(self) -> str:
        return f"<function {self.__qualname__} of the stand-in for cupy>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._parameters.check(args, kwargs)
        out = self._out(args, kwargs)
        if out is not None:
            args, kwargs = self._without_out(args, kwargs)
        args, kwargs = self._for_numpy(args, kwargs)
        arrays: list[ndarray] = []
        hosts = tuple(_unwrap(value, arrays) for value in args)
        named = {key: _unwrap(value, arrays) for key, value in kwargs.items()}
        self._expect_arrays(args, arrays)
        if self.__name__ in facts.WITHOUT_BFLOAT16 and any(a.dtype == BFLOAT16 for a in arrays):
            raise TypeError(f"{self.__qualname__}: cupy has nothing for bfloat16 here")
        if self._waits or (self._solves in facts.CHECKED and numerics.geterr()["linalg"] == "raise"):
            transfers.read(self.__qualname__, *[a.data.mem for a in arrays])
        function = self._function

        def computed() -> Any:
            return _arrays(function(*hosts, **named))

        if out is not None:
            return _into(out, computed, arrays)
        try:
            with numpy.errstate(all="ignore"):
                first = computed()
        except numpy.linalg.LinAlgError as error:
            if numerics.geterr()["linalg"] == "raise":
                raise
            if "ingular" in str(error) or "positive definite" in str(error) or "converge" in str(error):
                raise StandInError(
                    f"{self.__qualname__}: {error}; cupy gives garbage here and does not say so"
                ) from error
            raise
        seen = _views(first, arrays)
        if seen is not None:
            return seen
        for array in arrays:
            host_of(array)  # a view may be of another GPU's memory, a computation not
        return launch(_remembering(first, computed), arrays, order=self._order(first))

    def _expect_arrays(self, args: tuple[Any, ...], arrays: list[ndarray]) -> None:
        if not arrays and self.__name__ not in facts.MAKING:
            raise TypeError(
                f"{self.__qualname__}: expected a cupy.ndarray, got {', '.join(type(a).__name__ for a in args)}"
            )
        if self.__name__ in facts.OF_ARRAYS and args and isinstance(args[0], list | tuple):
            wrong = [type(a).__name__ for a in args[0] if type(a) is not ndarray]
            if wrong:
                raise TypeError(f"{self.__qualname__}: Only cupy arrays can be concatenated, got {', '.join(wrong)}")

    def _order(self, results: Any) -> str:
        """The memory order of results: C, but for `roll`, and for single matrices from LAPACK, which are column-major."""
        if self.__name__ == "roll":
            return "K"
        if self._solves not in facts.COLUMN_MAJOR:
            return "C"
        return "F" if all(r.ndim <= 2 for r in (results if isinstance(results, tuple) else (results,))) else "C"

    def _for_numpy(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The call as numpy's function takes it: by name where the orders differ, without what is None there anyway."""
        if len(args) <= self._common and (self._taken is None or kwargs.keys() <= self._taken):
            return args, kwargs
        if self._taken is None:
            return args, kwargs
        by_name = {
            **dict(zip(self._parameters.positional[self._common :], args[self._common :], strict=False)),
            **kwargs,
        }
        lost = [name for name, value in by_name.items() if name not in self._taken and value is not None]
        if lost:
            raise StandInError(
                f"{self.__qualname__}: cupy's argument {lost[0]!r} is not in the stand-in, numpy has none"
            )
        return args[: self._common], {name: value for name, value in by_name.items() if name in self._taken}

    def _out(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if "out" in kwargs:
            return kwargs["out"]
        if "out" in self._parameters.positional:
            position = self._parameters.positional.index("out")
            return args[position] if position < len(args) else None
        return None

    def _without_out(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        names = self._parameters.positional
        position = names.index("out") if "out" in names else len(args)
        after = dict(zip(names[position + 1 :], args[position + 1 :], strict=False))
        return args[:position], {**after, **{k: v for k, v in kwargs.items() if k != "out"}}


def _agreement(parameters: Parameters, function: Callable[..., Any]) -> tuple[int, frozenset[str] | None]:
    """How many leading arguments may be given by position to both, and the names that numpy's function takes.

    (any number, None) where numpy's function has no signature to read, or takes whatever it is given.
    """
    try:
        theirs = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return len(parameters.positional), None
    if any(p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in theirs):
        return len(parameters.positional), None
    names = [p.name for p in theirs if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    common = 0
    for mine, its in zip(parameters.positional, names, strict=False):
        if mine != its and (mine in names or its in parameters.positional):
            break
        common += 1
    return common, frozenset(p.name for p in theirs)


def _remembering(first: Any, compute: Callable[[], Any]) -> Callable[[], Any]:
    """`compute`, whose first result is known already."""
    found = [first]
    return lambda: found.pop() if found else compute()


def _unwrap(value: Any, arrays: list[ndarray]) -> Any:
    """Numpy arrays in place of device arrays, in lists and tuples too."""
    if type(value) is ndarray:
        arrays.append(value)
        return value._host
    if isinstance(value, list | tuple):
        return type(value)(_unwrap(v, arrays) for v in value) if not hasattr(value, "_fields") else value
    return host_of(value)


def _arrays(result: Any) -> Any:
    """Numpy's result as arrays: a tuple stays one, a scalar gets no dimensions."""
    if isinstance(result, tuple | list):
        return tuple(numpy.asarray(r) for r in result)
    return numpy.asarray(result)


def _views(result: Any, arrays: list[ndarray]) -> Any:
    """The results as views of operands, None if there is one that is not."""
    several = isinstance(result, tuple)
    found = [_view(value, arrays) for value in (result if several else (result,))]
    if not found or any(f is None for f in found):
        return None
    return list(found) if several else found[0]


def _view(value: Array, arrays: list[ndarray]) -> ndarray | None:
    for array in arrays:
        if value is array._host:
            return array
    if value.base is None or not value.size:
        return None
    for array in arrays:
        if numpy.may_share_memory(value, array.data.mem.buffer) and value.dtype == array.dtype:
            return view(array, value.view(numpy.ndarray))
    return None


def _into(out: Any, compute: Callable[[], Any], arrays: list[ndarray]) -> Any:
    if type(out) is not ndarray:
        raise TypeError(f"Output arguments type must be cupy.ndarray, got {type(out).__name__}")
    if not capture.capturing():
        with numpy.errstate(all="ignore"):
            found = compute()
        if found.shape != out.shape:
            raise ValueError(f"output array has shape {out.shape}, but should have {found.shape}")
        if not numpy.can_cast(found.dtype, out.dtype, "same_kind"):
            raise TypeError(f"output array has type {out.dtype}, but the result is {found.dtype}")
        compute = _remembering(found, compute)
    write(out, compute, arrays)
    return out
