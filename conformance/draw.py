"""Recipes for the arrays of a sample: what to draw, not the numbers themselves.

A family file says `normal(2, 3, 8, 8)`; the array is drawn only when the case runs, by a generator seeded with the
case's name, so a case has the same numbers whatever else runs, in whatever order, on however many workers.

>>> rng = numpy.random.default_rng(0)
>>> normal(2, 3)
[2,3]
>>> normal(2, 3)(rng, "float32").dtype
dtype('float32')
>>> integers(4, high=10)(rng, "float32").dtype       # an integer recipe keeps its own dtype
dtype('int64')
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import ml_dtypes
import numpy

Array = Any  # numpy.ndarray of any dtype, ml_dtypes.bfloat16 included

FLOATS = ("float32", "float64", "float16", "bfloat16")
HALVES = ("float16", "bfloat16")
INTEGERS = ("int64", "int32", "int16", "int8", "uint8")

# Lengths on both sides of every vector width: a dropped or doubled tail shows at one of them.
SIZES = (1, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 1023, 1025)


def numpy_dtype(name: str) -> Any:
    """The numpy dtype called `name`; bfloat16 is ml_dtypes'."""
    return numpy.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else numpy.dtype(name)


def is_floating(array: Array) -> bool:
    """Whether the array holds floating numbers (bfloat16 included)."""
    return bool(array.dtype.kind == "f" or array.dtype == ml_dtypes.bfloat16)


@dataclass(frozen=True)
class Draw:
    """One array to be drawn. `make(rng, dtype name)` gives the numbers, which are then cast to the dtype."""

    label: str  # how the case's name shows it
    make: Callable[[numpy.random.Generator, str], Array]
    dtype: str | None = None  # None: the dtype of the case
    differentiable: bool | None = None  # None: floating arrays are

    def __repr__(self) -> str:
        text = self.label if self.dtype in (None, "int64", "bool") else f"{self.label}:{self.dtype}"
        return f"{text} fixed" if self.differentiable is False else text

    def __call__(self, rng: numpy.random.Generator, dtype: str) -> Array:
        name = self.dtype or dtype
        with numpy.errstate(all="ignore"):
            return numpy.asarray(self.make(rng, name)).astype(numpy_dtype(name))

    def to(self, dtype: str) -> "Draw":
        """The same recipe at a dtype of its own, whatever the case's dtype is."""
        return replace(self, dtype=dtype)

    def fixed(self) -> "Draw":
        """The same recipe, not differentiated: a buffer, a mask, a target that takes no gradient."""
        return replace(self, differentiable=False)


def _shaped(kind: str, shape: tuple[int, ...]) -> str:
    return f"{kind}[{','.join(map(str, shape))}]"


def normal(*shape: int, scale: float = 1.0, offset: float = 0.0) -> Draw:
    """Standard normal numbers, times `scale`, plus `offset`; at an integer dtype -9 to 9 (0 to 9 unsigned)."""

    def make(rng: numpy.random.Generator, dtype: str) -> Array:
        if dtype == "bool":
            return rng.integers(0, 2, shape)
        if dtype in INTEGERS:
            return rng.integers(0 if dtype == "uint8" else -9, 10, shape)
        return rng.standard_normal(shape) * scale + offset

    kind = "" if (scale, offset) == (1.0, 0.0) else f"normal({offset:g},{scale:g})"
    return Draw(_shaped(kind, shape), make)


def uniform(*shape: int, low: float = 0.0, high: float = 1.0) -> Draw:
    """Uniform numbers in [low, high)."""
    return Draw(_shaped(f"uniform({low:g},{high:g})", shape), lambda rng, _: rng.uniform(low, high, shape))


def positive(*shape: int) -> Draw:
    """Numbers in [0.5, 2): safe for log, sqrt, division, powers."""
    return Draw(_shaped("positive", shape), lambda rng, _: rng.uniform(0.5, 2.0, shape))


def away_from(*shape: int, points: tuple[float, ...] = (0.0,), by: float = 0.05) -> Draw:
    """Normal numbers (times 2) that keep `by` away from each of `points`: the kinks of the function."""

    def make(rng: numpy.random.Generator, _: str) -> Array:
        x = rng.standard_normal(shape) * 2
        for point in points:
            gap = x - point
            x = numpy.where(numpy.abs(gap) < by, point + numpy.where(gap < 0, -2 * by, 2 * by), x)
        return x

    return Draw(_shaped(f"away({','.join(f'{p:g}' for p in points)})", shape), make)


def distinct(*shape: int) -> Draw:
    """Shuffled, evenly spaced numbers in [-2, 2]: no ties, so that a maximum has one winner."""

    def make(rng: numpy.random.Generator, _: str) -> Array:
        count = math.prod(shape)
        return rng.permutation(numpy.linspace(-2.0, 2.0, count) if count > 1 else numpy.ones(count)).reshape(shape)

    return Draw(_shaped("distinct", shape), make)


def tied(*shape: int, levels: int = 3) -> Draw:
    """Numbers from few levels (-1, 0, 1, ...): ties everywhere, for the rule that picks a winner."""
    return Draw(_shaped(f"tied({levels})", shape), lambda rng, _: rng.integers(0, levels, shape) - 1.0)


def probabilities(*shape: int, dim: int = 1) -> Draw:
    """Positive numbers that sum to one along `dim`."""

    def make(rng: numpy.random.Generator, _: str) -> Array:
        weights = rng.uniform(0.1, 1.0, shape)
        return weights / weights.sum(axis=dim, keepdims=True)

    return Draw(_shaped(f"probabilities({dim})", shape), make)


def integers(*shape: int, low: int = 0, high: int) -> Draw:
    """int64 in [low, high): indices, class targets."""
    return Draw(_shaped(f"integers({low},{high})", shape), lambda rng, _: rng.integers(low, high, shape), "int64")


def booleans(*shape: int) -> Draw:
    """A random mask."""
    return Draw(_shaped("mask", shape), lambda rng, _: rng.integers(0, 2, shape), "bool")


def filled(*shape: int, value: float) -> Draw:
    """The same value everywhere."""
    return Draw(_shaped(f"filled({value:g})", shape), lambda *_: numpy.full(shape, value))


def values(data: Any, dtype: str | None = None) -> Draw:
    """The numbers as written; `dtype` None takes the case's."""
    return Draw(f"values({data!r})".replace(" ", ""), lambda *_: numpy.asarray(data), dtype)


def special(copies: int = 1) -> Draw:
    """NaN, infinities, both zeros, ones, the largest, the smallest normal and a subnormal number of the dtype.

    `copies` repeats them, so that the same value meets the vector loop and its scalar tail.
    """

    def make(_: numpy.random.Generator, dtype: str) -> Array:
        info = ml_dtypes.finfo(numpy_dtype(dtype))
        large, tiny, subnormal = float(info.max), float(info.smallest_normal), float(info.smallest_subnormal)
        finite = [0.0, 1.0, 0.5, 3.0, large, tiny, subnormal]
        both = [sign * value for value in [*finite, math.inf] for sign in (1.0, -1.0)]
        return numpy.tile(numpy.asarray([math.nan, *both]), copies)

    return Draw(f"special({copies})", make)


def drawn(label: str, make: Callable[[numpy.random.Generator, str], Array], dtype: str | None = None) -> Draw:
    """Any other array: `make(rng, dtype name)`, shown in the case's name as `label`."""
    return Draw(label, make, dtype)
