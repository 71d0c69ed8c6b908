"""Types of elements, and conversions between them as a GPU makes them."""

from typing import Any

import ml_dtypes
import numpy

from conformance.draw import Array

_CHARACTERS = frozenset("?bBhHiIlLqQefdFD")
BFLOAT16 = numpy.dtype(ml_dtypes.bfloat16)
allowed: set[Any] = {BFLOAT16}  # types beyond those that every release has


def dtype_of(dtype: Any) -> Any:
    """The numpy dtype of a type that device arrays can have; ValueError for another."""
    found = numpy.dtype(dtype)
    if found.char in _CHARACTERS and found.isnative and found.kind != "V":
        return found
    if found in allowed:
        return found
    raise ValueError(f"Unsupported dtype {found}")


def cast(host: Array, dtype: Any) -> Array:
    """The elements as another type.

    From floating to integer a GPU rounds toward zero and saturates. NaN becomes 0, or, where the source or the result
    has 64 bits, the number with only the highest bit set. An x86 gives the latter for everything out of range.
    """
    if host.dtype == dtype:
        return host
    with numpy.errstate(all="ignore"):
        if dtype.kind not in "iu" or host.dtype.kind not in "fV":
            return host.astype(dtype)
        limits = numpy.iinfo(dtype)
        wide = host.astype(numpy.float64)
        marks = host.dtype.itemsize == 8 or dtype.itemsize == 8
        lost = (limits.min if dtype.kind == "i" else 1 << (limits.bits - 1)) if marks else 0
        inside = numpy.clip(wide, float(limits.min), float(limits.max)).astype(dtype)
        inside = numpy.where(wide >= float(limits.max), dtype.type(limits.max), inside)
        return numpy.where(numpy.isnan(wide), dtype.type(lost), inside)
