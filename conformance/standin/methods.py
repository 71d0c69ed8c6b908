"""The methods of an array that are functions of the stand-in's `cupy` too."""

from typing import Any

from conformance.draw import Array
from conformance.standin.names import named


class Methods:
    """What `ndarray` inherits."""

    __slots__ = ()

    _host: Array

    def take(self, indices: Any, axis: Any = None, out: Any = None) -> Any:
        """Elements along a dimension."""
        return named("take")(self, indices, axis, out)

    def put(self, indices: Any, values: Any, mode: str = "wrap") -> None:
        """Set elements of the flattened array."""
        named("put")(self, indices, values, mode)

    def repeat(self, repeats: Any, axis: Any = None) -> Any:
        """Each element several times."""
        return named("repeat")(self, repeats, axis)

    def choose(self, choices: Any, out: Any = None, mode: str = "raise") -> Any:
        """Elements of several arrays, by number."""
        return named("choose")(self, choices, out, mode)

    def compress(self, condition: Any, axis: Any = None, out: Any = None) -> Any:
        """Slices where a condition holds."""
        return named("compress")(condition, self, axis, out)

    def nonzero(self) -> Any:
        """Where elements are not zero."""
        return named("nonzero")(self)

    def sort(self, axis: int = -1) -> None:
        """Sort in place."""
        named("_sort")(self, axis)

    def argsort(self, axis: Any = -1) -> Any:
        """What would sort it; stable."""
        return named("argsort")(self, axis)

    def partition(self, kth: Any, axis: int = -1) -> None:
        """Put some elements where sorting would, in place."""
        named("_setitem")(self, ..., named("partition")(self, kth, axis))

    def argpartition(self, kth: Any, axis: Any = -1) -> Any:
        """What would partition it."""
        return named("argpartition")(self, kth, axis)

    def searchsorted(self, v: Any, side: str = "left", sorter: Any = None) -> Any:
        """Where values belong in a sorted array."""
        return named("searchsorted")(self, v, side, sorter)

    def sum(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        """The sum."""
        return named("sum")(self, axis, dtype, out, keepdims)

    def prod(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        """The product."""
        return named("prod")(self, axis, dtype, out, keepdims)

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        """The mean."""
        return named("mean")(self, axis, dtype, out, keepdims)

    def var(self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
        """The variance."""
        return named("var")(self, axis, dtype, out, ddof, keepdims)

    def std(self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
        """The standard deviation."""
        return named("std")(self, axis, dtype, out, ddof, keepdims)

    def max(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        """The greatest."""
        return named("max")(self, axis, out, keepdims)

    def min(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        """The smallest."""
        return named("min")(self, axis, out, keepdims)

    def ptp(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        """Greatest minus smallest."""
        return named("ptp")(self, axis, out, keepdims)

    def argmax(self, axis: Any = None, out: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        """Where the greatest is."""
        return named("argmax")(self, axis, dtype, out, keepdims)

    def argmin(self, axis: Any = None, out: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        """Where the smallest is."""
        return named("argmin")(self, axis, dtype, out, keepdims)

    def all(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        """Whether all are true."""
        return named("all")(self, axis, out, keepdims)

    def any(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        """Whether one is true."""
        return named("any")(self, axis, out, keepdims)

    def cumsum(self, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        """Sums of all so far."""
        return named("cumsum")(self, axis, dtype, out)

    def cumprod(self, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        """Products of all so far."""
        return named("cumprod")(self, axis, dtype, out)

    def clip(self, min: Any = None, max: Any = None, out: Any = None) -> Any:  # cupy's names
        """Between two bounds."""
        return named("clip")(self, min, max, out)

    def round(self, decimals: int = 0, out: Any = None) -> Any:
        """To so many decimals."""
        return named("around")(self, decimals, out)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
        """The sum of a diagonal."""
        return named("trace")(self, offset, axis1, axis2, dtype, out)

    def dot(self, b: Any, out: Any = None) -> Any:
        """The matrix product."""
        return named("dot")(self, b, out)

    def conj(self) -> Any:
        """The conjugate; itself where it is real."""
        return named("conjugate")(self) if self._host.dtype.kind == "c" else self

    conjugate = conj
