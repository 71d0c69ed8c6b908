"""Sums and products of many terms that lose no more than torch's do.

Adding n float32 numbers one after the other loses up to n ulp; adding in a tree loses log n. numpy adds in a tree
along the innermost dimension in memory only, so the other dimensions are folded here: an axis of n rows becomes
8 slabs of n / 8 rows, which are added slab by slab, and so on (torch's cascade adds in runs of 16 and more). On a GPU
float32 numbers are added in float64, in one launch and one for the rounding, where folding would take one for each slab.
"""

from typing import Any

import numpy

Array = Any

_SLABS = 8
_RUN = 16  # this many terms are added one after the other, as in torch's cascade


def tree_sum(xp: Any, x: Array, axes: tuple[int, ...]) -> Array:
    """The sum over `axes`, which stay with size 1."""
    if xp is not numpy and axes and x.dtype != "float64":
        return _sum_on_gpu(xp, x, axes)
    if axes == (x.ndim - 1,) and x.flags.c_contiguous:
        return xp.add.reduce(x, axis=-1, keepdims=True)
    if len(axes) == 1 and x.shape[axes[0]] <= _RUN and x.strides[axes[0]] >= x.itemsize:
        return xp.add.reduce(x, axis=axes[0], keepdims=True)
    innermost = _innermost(x, axes)
    total = xp.add.reduce(x, axis=innermost, keepdims=True) if innermost else x
    for axis in axes:
        if total.shape[axis] != 1:
            total = _fold(xp.add, total, axis)
    return x.copy() if total is x else total


def _sum_on_gpu(xp: Any, x: Array, axes: tuple[int, ...]) -> Array:
    if x.dtype != "float32":
        return xp.sum(x, axis=axes, keepdims=True)
    return xp.sum(x, axis=axes, keepdims=True, dtype="float64").astype("float32")


def row_products(xp: Any, x: Array, y: Array, out: Array = None) -> Array:
    """sum_p x[..,p] y[..,p]: a dot product for each row, in as many partial sums as BLAS keeps.

    With y = 1 it adds rows up twice as fast as numpy's sum does.
    """
    if hasattr(xp, "vecdot"):
        return xp.vecdot(x, y, out=out)
    return xp.sum(x * y, axis=-1, out=out)


def tree_product(xp: Any, x: Array, axes: tuple[int, ...]) -> Array:
    """The product over `axes`, which stay with size 1."""
    if xp is not numpy and axes:
        return xp.prod(x, axis=axes, keepdims=True)
    for axis in axes:
        x = _fold(xp.multiply, x, axis)
    return x


def _innermost(x: Array, axes: tuple[int, ...]) -> tuple[int, ...]:
    """Those of `axes` that are, together, one run of evenly spaced memory with nothing inside it."""
    run: list[int] = []
    for axis in sorted((d for d in range(x.ndim) if x.shape[d] != 1), key=lambda d: abs(x.strides[d])):
        if (
            axis not in axes
            or x.strides[axis] == 0
            or (run and x.strides[axis] != x.strides[run[-1]] * x.shape[run[-1]])
        ):
            break
        run.append(axis)
    return tuple(run)


def _fold(ufunc: Any, x: Array, axis: int) -> Array:
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    at = (slice(None),) * axis
    while (n := x.shape[axis]) > _RUN:
        rows = n // _SLABS
        whole = x[(*at, slice(rows * _SLABS))].reshape(*before, _SLABS, rows, *after)
        folded = ufunc.reduce(whole, axis=axis)
        if n > rows * _SLABS:
            rest = ufunc.reduce(x[(*at, slice(rows * _SLABS, n))], axis=axis, keepdims=True)
            first = (*at, slice(1))
            folded[first] = ufunc(folded[first], rest)
        x = folded
    return ufunc.reduce(x, axis=axis, keepdims=True)


def without(array: Array, dims: tuple[int, ...], keepdim: bool) -> Array:
    """A reduced array, whose `dims` have size 1, with or without them, in row-major memory as torch's results are."""
    if not keepdim:
        array = array.reshape(tuple(n for d, n in enumerate(array.shape) if d not in dims))
    return array if array.flags.c_contiguous else array.copy(order="C")
