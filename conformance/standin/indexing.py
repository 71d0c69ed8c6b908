"""Elements of arrays by index, mask and index array, where cupy and numpy part.

An index array out of range wraps around in cupy (``a[[4]]`` of three elements is ``a[1]``) and raises in numpy; a
duplicate in ``a[indices] = values`` is written in any order, in numpy the last wins. Neither is noticed on a GPU, so
both are errors here. A mask waits for the device: its number of elements is the shape of the result.
"""

from typing import Any

import numpy

from conformance.draw import Array
from conformance.standin import transfers
from conformance.standin.casting import cast
from conformance.standin.names import StandInError
from conformance.standin.ndarray import change, host_of, launch, ndarray, view
from conformance.standin.runtime import capture

_ATOMIC = {  # the types with an atomic instruction that cupy uses
    "add": "iefdIQL",
    "subtract": "iI",
    "maximum": "ifdIQL",
    "minimum": "ifdIQL",
    "bitwise_and": "ilqIQL",
    "bitwise_or": "ilqIQL",
    "bitwise_xor": "ilqIQL",
}


def getitem(array: ndarray, index: Any) -> ndarray:
    """``array[index]``: a view for integers and slices, a copy for index arrays and masks."""
    parts, used = _parts(index)
    if not _advanced(parts):
        return view(array, _seen(array._host, parts))
    host = host_of(array)
    _check(host, parts, "an index")
    return launch(lambda: numpy.asarray(host[parts]), [array, *used])  # type: ignore[no-any-return]


def setitem(array: ndarray, index: Any, value: Any) -> None:
    """``array[index] = value``: value an array of the device, or a number."""
    host = host_of(array)
    parts, used = _parts(index)
    if type(value) is ndarray:
        source, used = host_of(value), [*used, value]
    elif isinstance(value, numpy.ndarray) and value.ndim:
        raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
    elif _advanced(parts) or isinstance(value, bool | int | float | complex | numpy.generic | numpy.ndarray):
        source = numpy.asarray(value)  # a scalar goes along with the launch; a list is copied to the device
        if source.ndim:
            transfers.write("ndarray[indices] = a list")
    else:
        raise TypeError(f"Unsupported type {type(value)}")
    if _advanced(parts):
        _check(host, parts, "an index", source)

    def put() -> None:
        host[parts] = cast(source, host.dtype)

    change(view(array, _seen(host, parts)) if not _advanced(parts) else array, put, used)


def scatter(array: ndarray, index: Any, value: Any, name: str) -> None:
    """Combine elements with values, duplicates included: `numpy.add.at` and the like."""
    host = host_of(array)
    parts, used = _parts(index)
    if host.dtype.char not in _ATOMIC[name] and _advanced(parts):
        kinds = sorted({str(numpy.dtype(c)) for c in _ATOMIC[name]})
        raise TypeError(f"cupy.{name}.at only supports {', '.join(kinds)} as data type, got {host.dtype}")
    if type(value) is ndarray:
        source, used = host_of(value), [*used, value]
    else:
        source = numpy.asarray(host_of(value))
    _check(host, parts, "an index")
    function = getattr(numpy, name)
    change(array, lambda: function.at(host, parts, cast(source, host.dtype)), used)


def take(a: Any, indices: Any, axis: Any = None, out: Any = None) -> ndarray:
    """Elements along a dimension, or of the flattened array."""
    host = _device(a)
    where, used = _index(indices)
    length = host.size if axis is None else host.shape[axis]
    _in_range(where, length, "take")
    made = launch(lambda: numpy.take(host, where, axis), [a, *used])
    if out is None:
        return made  # type: ignore[no-any-return]
    if out.dtype != made.dtype:
        raise TypeError("Output dtype mismatch")
    if out.shape != made.shape:
        raise ValueError("Output shape mismatch")
    out[...] = made
    return out  # type: ignore[no-any-return]


def take_along_axis(a: Any, indices: Any, axis: Any) -> ndarray:
    """An element for every index, along one dimension."""
    host, where = _device(a), _device(indices)
    if where.dtype.kind not in "iu":
        raise IndexError("`indices` must be an integer array")
    _in_range(where, host.size if axis is None else host.shape[axis], "take_along_axis")
    return launch(lambda: numpy.take_along_axis(host, where, axis), [a, indices])  # type: ignore[no-any-return]


def put(a: Any, ind: Any, v: Any, mode: str = "wrap") -> None:
    """Set elements of the flattened array."""
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError("clipmode not understood")
    host = _device(a)
    where, used = _index(ind)
    source = host_of(v) if type(v) is ndarray else numpy.asarray(v, host.dtype)
    if mode == "raise":
        transfers.read("put(mode='raise')", a.data.mem)
    elif mode == "wrap":
        _in_range(where, host.size, "put")
    _distinct(where, source, "put")
    values = [*used, *([v] if type(v) is ndarray else [])]
    change(a, lambda: numpy.put(host, where, cast(source, host.dtype), mode), values)  # type: ignore[arg-type]


# --- what an index is made of -------------------------------------------------------------------------------------


def _parts(index: Any) -> tuple[tuple[Any, ...], list[ndarray]]:
    """The index for numpy, and the device arrays in it."""
    parts, used = [], []
    for part in index if isinstance(index, tuple) else (index,):
        if type(part) is ndarray:
            used.append(part)
            if part.dtype.kind not in "biu":
                raise IndexError(
                    f"arrays used as indices must be of integer or boolean type. (actual: {part.dtype.type})"
                )
            if part.dtype.kind == "b":
                transfers.read("an index that is a mask", part.data.mem)
            parts.append(host_of(part))
        elif isinstance(part, numpy.ndarray | list):
            transfers.write(f"an index that is a {type(part).__name__}")
            host = numpy.asarray(part)
            parts.append(host if host.size or host.dtype.kind in "biu" else host.astype(numpy.int32))
        elif part is None or part is Ellipsis or isinstance(part, slice | int | numpy.integer | bool | numpy.bool_):
            parts.append(part)
        else:
            raise IndexError(
                "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or boolean arrays are "
                f"valid indices, got {type(part).__name__}"
            )
    return tuple(parts), used


def _seen(host: Array, parts: tuple[Any, ...]) -> Array:
    """A view; of one element too."""
    return host[parts if any(part is Ellipsis for part in parts) else (*parts, ...)]


def _advanced(parts: tuple[Any, ...]) -> bool:
    return any(isinstance(part, numpy.ndarray | bool | numpy.bool_) for part in parts)


def _device(a: Any) -> Array:
    if type(a) is not ndarray:
        raise TypeError(f"expected cupy.ndarray, got {type(a)}")
    return host_of(a)


def _index(indices: Any) -> tuple[Array, list[ndarray]]:
    if type(indices) is ndarray:
        return host_of(indices), [indices]
    if not numpy.isscalar(indices):
        transfers.write("indices that are a list or a numpy array")
    return numpy.asarray(indices), []


def _check(host: Array, parts: tuple[Any, ...], what: str, values: Array | None = None) -> None:
    """Index arrays are in range, and, where `values` are written, no element gets two different ones."""
    if capture.capturing():
        return
    dimension = 0
    slots = sum(
        p.ndim if isinstance(p, numpy.ndarray) and p.dtype.kind == "b" else 1
        for p in parts
        if p is not None and p is not Ellipsis
    )
    for part in parts:
        if part is Ellipsis:
            dimension += host.ndim - slots
        elif isinstance(part, numpy.ndarray) and part.dtype.kind != "b":
            if dimension < host.ndim:
                _in_range(part, host.shape[dimension], what)
            dimension += 1
        elif isinstance(part, numpy.ndarray):
            dimension += part.ndim
        elif part is not None:
            dimension += 1
    if values is not None and any(isinstance(p, numpy.ndarray) and p.dtype.kind != "b" for p in parts):
        _distinct(numpy.arange(host.size).reshape(host.shape)[parts], values, what)


def _in_range(where: Array, length: int, what: str) -> None:
    if capture.capturing() or not where.size:
        return
    low, high = where.min(), where.max()
    if low < -length or high >= length:
        raise StandInError(
            f"{what} of {int(low if low < -length else high)} into a dimension of {length}: cupy wraps it around silently, "
            "numpy raises"
        )


def _distinct(where: Array, values: Array, what: str) -> None:
    """No element gets two different values."""
    if values.size <= 1 or capture.capturing():
        return
    if values.ndim > where.ndim:  # leading dimensions of one are dropped
        values = values.reshape(values.shape[values.ndim - where.ndim :])
    flat, given = where.ravel(), numpy.broadcast_to(values, where.shape).ravel()
    order = numpy.argsort(flat, kind="stable")
    flat, given = flat[order], given[order]
    same = (flat[1:] == flat[:-1]) & (given[1:] != given[:-1]) & ((given[1:] == given[1:]) | (given[:-1] == given[:-1]))
    if same.any():
        raise StandInError(f"{what} names an element twice and gives it two values: which of them stays is undefined")
