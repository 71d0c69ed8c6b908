"""Functions of cupy that give other numbers than numpy's: by their formulas, on numpy arrays."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy

from conformance.draw import Array


def sign(x: Array) -> Array:
    """(x > 0) - (x < 0): the sign of NaN is 0."""
    if x.dtype.kind == "c":
        return numpy.sign(x)
    return (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype)


def floor_divide(x: Array, y: Array) -> Array:
    """floor(x / y) for floating types, where numpy corrects the quotient; 0 for an integer divided by zero."""
    if x.dtype.kind == "f":
        return numpy.floor(x / y)
    return numpy.where(y == 0, 0, numpy.floor_divide(x, numpy.where(y == 0, 1, y))).astype(x.dtype)


def remainder(x: Array, y: Array) -> Array:
    """x - floor(x / y) y for floating types: it loses the digits that numpy's keeps; 0 for an integer modulo zero."""
    if x.dtype.kind == "f":
        return x - numpy.floor(x / y) * y
    return numpy.where(y == 0, 0, numpy.remainder(x, numpy.where(y == 0, 1, y))).astype(x.dtype)


def fmod(x: Array, y: Array) -> Array:
    """Integers by way of float64, so that large ones lose digits; 0 for zero."""
    if x.dtype.kind == "f":
        return numpy.fmod(x, y)
    wide = numpy.fmod(x.astype(numpy.float64), numpy.where(y == 0, 1, y).astype(numpy.float64))
    return numpy.where(y == 0, 0, wide).astype(x.dtype)


def power(x: Array, y: Array) -> Array:
    """An integer to a negative power is 0, or what 1 and -1 give, where numpy raises."""
    if x.dtype.kind not in "iu" or not (y < 0).any():
        return numpy.power(x, y)
    inverse = numpy.where(x == 1, 1, numpy.where(x == -1, numpy.where(y % 2 == 0, 1, -1), 0))
    return numpy.where(y < 0, inverse, numpy.power(x, numpy.where(y < 0, 0, y))).astype(x.dtype)


def reciprocal(x: Array) -> Array:
    """0 for the integer 0."""
    if x.dtype.kind in "iu":
        return numpy.where(x == 0, 0, numpy.reciprocal(numpy.where(x == 0, 1, x))).astype(x.dtype)
    return numpy.reciprocal(x)


def clip(x: Array, low: Array, high: Array) -> Array:
    """The upper bound wins where the bounds cross; NaN stays, a NaN bound is no bound."""
    return numpy.where(low > high, high, numpy.where(x < low, low, numpy.where(x > high, high, x)))


def pinv(a: Array, rcond: Any = 1e-15) -> Array:
    """Its bound for what is zero does not depend on the type and the size."""
    return numpy.linalg.pinv(a, rcond)


def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "wrap", order: Any = "C") -> Array:
    """It wraps around without being asked."""
    return numpy.ravel_multi_index(multi_index, dims, mode, order)


def repeat(a: Array, repeats: Any, axis: Any = None) -> Array:
    """How often is a number of the host, or a list."""
    if isinstance(repeats, numpy.ndarray):
        raise ValueError("cupy.ndaray cannot be specified as `repeats` argument.")
    return numpy.repeat(a, repeats, axis)


def searchsorted(a: Array, v: Any, side: Any = "left", sorter: Any = None) -> Array:
    """Both are arrays."""
    for name, value in (("a", a), ("v", v)):
        if not isinstance(value, numpy.ndarray):
            raise NotImplementedError(f"Only int or ndarray are supported for {name}")
    return numpy.searchsorted(a, v, side, sorter)


def bincount(x: Array, weights: Any = None, minlength: Any = None) -> Array:
    """The least length may be None."""
    return numpy.bincount(x, weights, 0 if minlength is None else minlength)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sign": sign,
    "floor_divide": floor_divide,
    "remainder": remainder,
    "mod": remainder,
    "fmod": fmod,
    "power": power,
    "reciprocal": reciprocal,
    "pinv": pinv,
    "repeat": repeat,
    "searchsorted": searchsorted,
    "ravel_multi_index": ravel_multi_index,
    "bincount": bincount,
}

# --- cupyx.errstate -----------------------------------------------------------------------------------------------

_errors = threading.local()


def geterr() -> dict[str, Any]:
    """What happens when a linear algebra routine fails: "ignore", unless set otherwise."""
    nothing = dict.fromkeys(("divide", "over", "under", "invalid"))
    return {**nothing, "linalg": getattr(_errors, "linalg", "ignore")}


def seterr(
    *, divide: Any = None, over: Any = None, under: Any = None, invalid: Any = None, linalg: str | None = None
) -> dict[str, Any]:
    """Only `linalg` can be set: "ignore" or "raise"."""
    before = geterr()
    if any(value is not None for value in (divide, over, under, invalid)):
        raise NotImplementedError("divide, over, under and invalid cannot be set on a GPU")
    if linalg not in (None, "ignore", "raise"):
        raise NotImplementedError(f"linalg={linalg!r}: expected 'ignore' or 'raise'")
    if linalg is not None:
        _errors.linalg = linalg
    return before


@contextmanager
def errstate(*, linalg: str | None = None, **others: Any) -> Iterator[None]:
    """The same inside a ``with`` block."""
    before = seterr(linalg=linalg, **others)
    try:
        yield
    finally:
        _errors.linalg = before["linalg"]
