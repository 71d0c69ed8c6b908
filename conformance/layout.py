"""The same numbers with other strides."""

from dataclasses import dataclass

import ml_dtypes
import numpy

from conformance.case import CHANNELS_LAST, EXPANDED, GAPPED, TRANSPOSED
from conformance.draw import Array, is_floating

_LEAST_RANK = {TRANSPOSED: 2, GAPPED: 1, EXPANDED: 2, CHANNELS_LAST: 4}


@dataclass(frozen=True)
class Arranged:
    """An array, and the memory it looks into: gaps included, which nobody may write to."""

    array: Array
    storage: Array


def applies(array: Array, layout: str) -> bool:
    """Whether the array has this layout at all: `channels-last` needs 4 or 5 dimensions, for instance."""
    if layout == EXPANDED:  # a vector would become n equal numbers, whose rounding errors all have one sign
        return bool(array.ndim >= 2 and array.shape[0] > 1)
    return bool(array.ndim >= _LEAST_RANK[layout] and not (layout == CHANNELS_LAST and array.ndim > 5))


def first_row_repeated(array: Array) -> Array:
    """The numbers of an expanded array: its first row along dimension 0, everywhere."""
    return numpy.ascontiguousarray(numpy.broadcast_to(array[:1], array.shape))


def arrange(array: Array, layout: str = "") -> Arranged:
    """A copy with the layout; contiguous where the layout does not apply. `expanded` wants repeated rows already.

    Gaps hold NaN (the largest integer, True), so that a kernel that reads them gives itself away.
    """
    if not layout or not applies(array, layout):
        copy = numpy.array(array, order="C", copy=True)
        return Arranged(copy, copy)
    if layout == TRANSPOSED:
        copy = numpy.array(array.T, order="C", copy=True)
        return Arranged(copy.T, copy)
    if layout == CHANNELS_LAST:
        copy = numpy.array(numpy.moveaxis(array, 1, -1), order="C", copy=True)  # (N, C, ...) stored as (N, ..., C)
        return Arranged(numpy.moveaxis(copy, -1, 1), copy)
    if layout == EXPANDED:
        row = numpy.array(array[:1], order="C", copy=True)
        return Arranged(numpy.lib.stride_tricks.as_strided(row, array.shape, (0, *row.strides[1:])), row)
    storage = numpy.full((*array.shape[:-1], 2 * array.shape[-1]), _sentinel(array), dtype=array.dtype)
    storage[..., ::2] = array
    return Arranged(storage[..., ::2], storage)


def _sentinel(array: Array) -> Array:
    if is_floating(array):
        return array.dtype.type(numpy.nan)
    return True if array.dtype == bool else ml_dtypes.iinfo(array.dtype).max


def memory_of(array: Array) -> tuple[Array, tuple[int, ...], int]:
    """(the memory that an array looks into as a flat array, the strides and the offset in it, in elements).

    >>> memory, strides, offset = memory_of(numpy.arange(6).reshape(2, 3)[:, 1::2])
    >>> memory.size, strides, offset
    (6, (3, 2), 1)
    """
    owner = array
    while (below := _below(owner)) is not None and below.dtype == array.dtype:
        owner = below
    if not owner.flags.c_contiguous or any(stride % array.itemsize for stride in array.strides):
        owner = array = numpy.ascontiguousarray(array)
    start = array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    strides = tuple(stride // array.itemsize for stride in array.strides)
    return owner.reshape(-1), strides, start // array.itemsize


def _below(array: Array) -> Array | None:
    """The array that this one looks into; numpy's as_strided puts an object of its own between them."""
    base = array.base
    if not isinstance(base, numpy.ndarray):
        base = getattr(base, "base", None)
    return base if isinstance(base, numpy.ndarray) else None


def memory_format(shape: tuple[int, ...], strides: tuple[int, ...]) -> str:
    """contiguous, channels-last, both (where sizes of 1 leave it open), or other strides; strides in elements."""
    if 0 in shape:
        return "contiguous"
    formats = []
    if _dense(shape, strides, range(len(shape))):
        formats.append("contiguous")
    if len(shape) in (4, 5) and _dense(shape, strides, (0, *range(2, len(shape)), 1)):
        formats.append("channels-last")
    return " and ".join(formats) or "other strides"


def _dense(shape: tuple[int, ...], strides: tuple[int, ...], order: "range | tuple[int, ...]") -> bool:
    expected = 1
    for axis in reversed(order):
        if shape[axis] != 1 and strides[axis] != expected:
            return False
        expected *= shape[axis]
    return True
