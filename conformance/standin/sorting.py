"""Sorting on a GPU: always stable, along the last dimension of contiguous memory, by a radix or merge sort.

Another dimension is moved last, copied and sorted there, so the indices that come back are a view with that dimension
moved, and not contiguous.
"""

from typing import Any

import numpy

from conformance.standin.casting import BFLOAT16, allowed
from conformance.standin.names import StandInError, named
from conformance.standin.ndarray import change, host_of, launch, ndarray, view
from conformance.standin.runtime import capture


def sort(a: ndarray, axis: int | None = -1, kind: Any = None) -> ndarray:
    """A sorted copy; flattened without an axis."""
    _check(a, kind)
    made: ndarray = a.flatten() if axis is None else a.copy()
    in_place(made, -1 if axis is None else axis)
    return made


def in_place(a: ndarray, axis: int = -1) -> None:
    """`ndarray.sort`: the array must be contiguous."""
    _check(a, None)
    host = host_of(a)
    if not host.ndim:
        raise numpy.exceptions.AxisError("Sorting arrays with the rank of zero is not supported")
    if not host.flags.c_contiguous:
        raise NotImplementedError("Sorting non-contiguous array is not supported.")
    if host.ndim > 1 and not host.shape[-1]:
        raise StandInError(f"cupy.sort divides by the length of the last dimension: the shape is {host.shape}")
    change(a, lambda: host.sort(axis=axis, kind="stable"), [a])


def argsort(a: ndarray, axis: int | None = -1, kind: Any = None) -> ndarray:
    """The indices that would sort it."""
    _check(a, kind)
    host = numpy.atleast_1d(host_of(a)) if axis is not None else host_of(a).reshape(-1)
    along = -1 if axis is None else numpy.lib.array_utils.normalize_axis_index(axis, host.ndim)
    moved = numpy.moveaxis(host, along, -1)
    indices: ndarray = launch(lambda: numpy.argsort(moved, axis=-1, kind="stable"), [a])
    if along in (-1, host.ndim - 1):
        return indices
    return view(indices, numpy.moveaxis(indices._host, -1, along))


def lexsort(keys: ndarray) -> ndarray:
    """The keys are the rows of one array; the last is the first to sort by."""
    if keys.ndim > 2:
        raise NotImplementedError("Keys with the rank of three or more is not supported in lexsort")
    if keys.ndim == 1:
        return named("array")(0)  # type: ignore[no-any-return]
    _wait_in_13()
    host = host_of(keys)
    return launch(lambda: numpy.lexsort(host), [keys])  # type: ignore[no-any-return]


def _wait_in_13() -> None:
    """cupy 13 waits for the end of every sort, which a capture refuses; cupy 14 does not."""
    if BFLOAT16 not in allowed:
        capture.refuse_sync("a sort of cupy 13")


def _check(a: ndarray, kind: Any) -> None:
    _wait_in_13()
    if kind is not None and kind != "stable":
        raise ValueError("kind can only be None or 'stable'")
    if a.dtype == BFLOAT16:
        raise TypeError("cupy does not sort bfloat16")
