"""What numpy computes in one call and cupy has no call for, or one that guarantees less.

Each function has two forms: numpy's call, and the same from what cupy has. `refnet._device` does that for memory (views,
addresses, copies between devices), this file for numbers; a kernel calls one of them and knows no array module by name.

No form waits for the GPU, except those that say so, and all give the same bits each time: where numpy combines
numbers one after the other, the GPU combines them in a tree whose shape depends on their places alone, and not in the
order in which its threads happen to arrive.
"""

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

import numpy

Array = Any


def as_array(xp: Any, x: Any, kind: Any) -> Array:
    """An array of this type, or a number as one of no dimensions: by a kernel of the GPU, not by a copy from the host."""
    return xp.asarray(x, dtype=kind) if xp is numpy or hasattr(x, "dtype") else xp.full((), x, kind)


def combine_at(xp: Any, ufunc: Any, out: Array, key: Any, values: Any) -> None:
    """out[key] = ufunc(out[key], values), once for every time that a place is named: ``ufunc.at``.

    On a GPU integers are added by atomic instructions, in any order, since that gives the same sum. All else is brought
    in the order of its places, and the values of a place are combined in a tree: n log n operations for n places.
    """
    if xp is numpy:
        ufunc.at(out, key, values)
        return
    values = values.astype(out.dtype, copy=False) if hasattr(values, "astype") else xp.full((), values, out.dtype)
    if ufunc is xp.add and out.dtype.kind == "i" and out.itemsize == 8:
        xp.add.at(out.view("uint64"), key, values.view("uint64"))  # in two's complement the same bits
    elif ufunc is xp.add and out.dtype == "int32":
        xp.add.at(out, key, values)
    else:
        _in_order(xp, ufunc, out, key, values)


def assign_at(xp: Any, out: Array, key: Any, values: Any) -> None:
    """out[key] = values, the last for a place that is named more than once; cupy leaves any of them there."""
    parts = key if isinstance(key, tuple) else (key,)
    positions = any(hasattr(part, "dtype") and part.dtype.kind in "iu" for part in parts)
    if xp is numpy or not positions or not getattr(values, "ndim", 0):
        out[key] = values
    else:
        _in_order(xp, None, out, key, values.astype(out.dtype, copy=False))


def _in_order(xp: Any, ufunc: Any, out: Array, key: Any, values: Array) -> None:
    """out[key] = ufunc(out[key], values); without a ufunc, the last of the values."""
    dim = _only_rows(key)
    if dim is not None:
        index = key[dim] if isinstance(key, tuple) else key
        values = xp.broadcast_to(values, out.shape[:dim] + index.shape + out.shape[dim + 1 :])
        for d in range(index.ndim):
            values = xp.moveaxis(values, dim + d, d)
        _by_rows(xp, ufunc, xp.moveaxis(out, dim, 0), index, values)
        return
    places = xp.arange(out.size).reshape(out.shape)[key]
    flat = out.ravel()  # `out` itself where that is row by row, else a copy
    _by_rows(xp, ufunc, flat, places, xp.broadcast_to(values, places.shape))
    if not out.flags.c_contiguous:
        out[...] = flat.reshape(out.shape)


def _only_rows(key: Any) -> int | None:
    """The dimension in which `key` picks whole slices by one array of positions; None where it is any other key."""
    parts = key if isinstance(key, tuple) else (key,)
    arrays = [d for d, part in enumerate(parts) if not isinstance(part, slice)]
    if len(arrays) != 1 or parts[arrays[0]].dtype.kind not in "iu":
        return None
    return arrays[0] if all(part == slice(None) for part in parts if isinstance(part, slice)) else None


def _by_rows(xp: Any, ufunc: Any, rows: Array, index: Array, values: Array) -> None:
    """rows[index[i]] = ufunc(rows[index[i]], values[i]), for every i; without a ufunc, the last of the values.

    rows (n, *), index of any shape, values (*index.shape, *). What is meant for one row is made to stand together. Then
    every value is combined with that 1, 2, 4, ... places before it, where that is meant for the same row: so the last
    of a run is the combination of the run, and it is written once for each in the run.
    """
    if not index.size or not values.size:
        return
    index = index.reshape(-1) % len(rows)  # positions from the end, too
    order = xp.argsort(index, kind="stable")
    index = index[order]
    values = values.reshape(-1, *rows.shape[1:])[order]
    last = xp.searchsorted(index, index, side="right") - 1
    if ufunc is None:
        rows[index] = values[last]
        return
    step = 1
    while step < len(index):
        same = (index[step:] == index[:-step]).reshape(-1, *(1,) * (rows.ndim - 1))
        combined = xp.where(same, ufunc(values[:-step], values[step:]), values[step:])
        values = xp.concatenate([values[:step], combined])
        step *= 2
    rows[index] = ufunc(rows[index], values[last])


def repeated(xp: Any, counts: Array, size: int | None = None) -> Array:
    """0, 1, ... each so many times in a row, `size` numbers in all: ``repeat``, which cupy 13 has for equal counts only.

    On a GPU the host waits for the sum of the counts, unless it is given as `size`.
    """
    if xp is numpy:
        return numpy.repeat(numpy.arange(len(counts)), counts)
    ends = xp.cumsum(counts)
    if size is None:
        size = int(ends[-1]) if len(counts) else 0
    return xp.searchsorted(ends, xp.arange(size), side="right")


def unraveled(xp: Any, positions: Array, shape: tuple[int, ...]) -> tuple[Array, ...]:
    """Positions counted row by row as a position in each dimension: ``unravel_index``, where cupy's looks for wrong ones."""
    if xp is numpy:
        return numpy.unravel_index(positions, shape)
    found = []
    for n in reversed(shape):
        found.append(positions % n)
        positions = positions // n
    return tuple(reversed(found))


def fill_where(xp: Any, out: Array, mask: Array, value: Any) -> None:
    """out[mask] = value, for a number: cupy would ask the mask how many there are, and wait for the answer."""
    if xp is numpy:
        out[mask] = value
    else:
        xp.copyto(out, value, where=mask.reshape(mask.shape + (1,) * (out.ndim - mask.ndim)))


def counts(xp: Any, positions: Array, n: int) -> Array:
    """How often each of 0, 1, ..., n - 1 is in the vector `positions`, which has no other: ``bincount``.

    cupy's asks for the highest, and waits for the answer.
    """
    if xp is numpy:
        return numpy.bincount(positions, minlength=n)
    found = xp.zeros(n, "int64")
    combine_at(xp, xp.add, found, positions, 1)
    return found


def accumulate(xp: Any, ufunc: Any, x: Array, axis: int) -> Array:
    """out_i = ufunc of x_0 ... x_i along `axis`, for a ufunc that is associative: ``ufunc.accumulate``.

    On a GPU each is combined with that 1, 2, 4, ... places before it: log n passes over x.
    """
    if xp is numpy:
        return ufunc.accumulate(x, axis=axis)
    out = x.copy()
    rows = (slice(None),) * (axis % x.ndim)
    step = 1
    while step < x.shape[axis]:
        before, after = out[(*rows, slice(-step))], out[(*rows, slice(step, None))]
        out = xp.concatenate([out[(*rows, slice(step))], ufunc(before, after)], axis=axis)
        step *= 2
    return out


def errors_raised(xp: Any) -> AbstractContextManager[Any]:
    """Where cupy's linear algebra raises LinAlgError, as numpy's does, for what has no result: its `info` is looked at.

    For that the host waits. Without it cupy goes on with numbers that mean nothing. torch looks at `info` on CUDA as well.
    """
    return nullcontext() if xp is numpy else import_module("cupyx").errstate(linalg="raise")


def solve(xp: Any, a: Array, b: Array, *, regular: bool = False) -> Array:
    """x with a x = b, for (..., n, n) and (..., n, k), batches broadcast; LinAlgError where a is singular.

    On a GPU cupy looks at no `info` of a stack of matrices; but what it divides by zero is not finite, and the host waits
    to see that. So numbers that are not finite raise it, too: not where a is known to be `regular`.
    """
    if xp is numpy:
        return xp.linalg.solve(a, b)
    batch = numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = (xp.broadcast_to(m, (*batch, *m.shape[-2:])) for m in (a, b))
    if regular:
        return xp.linalg.solve(a, b)
    with errors_raised(xp):
        x = xp.linalg.solve(a, b)
    if not bool(xp.isfinite(x).all()):
        raise numpy.linalg.LinAlgError("Singular matrix")
    return x


def determinant(xp: Any, x: Array) -> Array:
    """The determinants of (..., n, n). cupy's is e^log |det|, which loses digits: it is taken of float64 numbers."""
    return xp.linalg.det(x) if xp is numpy else xp.linalg.det(x.astype("float64", copy=False))
