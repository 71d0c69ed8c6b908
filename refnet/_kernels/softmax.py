"""Softmax, its logarithm and the cross entropy by kernels: a thread or a block for each row."""

import math
from typing import Any

from refnet._kernels.launch import THREADS, blocks, dense, each, find, packed, run

Array = Any

_SHORT = 64  # elements of a row that one thread goes through
_FEW = 2048  # rows that one block goes through


def _by_rows(xp: Any, name: str, arrays: tuple[Any, ...], rows: int, n: int, step: int, kind: str, *more: Any) -> None:
    """Launch the form of a kernel that suits the rows: `name`_threads or `name`_blocks."""
    if n <= _SHORT or step >= THREADS:
        each(find(xp, "softmax", f"{name}_threads", kind), rows, *arrays, rows, n, step, *more)
    else:
        blocks(find(xp, "softmax", f"{name}_blocks", kind), rows, *arrays, rows, n, step, *more)


def _along(xp: Any, name: str, dim: int, *arrays: Array) -> Array:
    """A function of rows along `dim` of arrays of one shape."""
    lying = dense(xp, *arrays)
    if lying is None:
        return NotImplemented
    first = lying[0]
    out = xp.empty(first.shape, first.dtype)
    if first.size:
        n = first.shape[dim]
        step = math.prod(first.shape[dim + 1 :])
        _by_rows(xp, name, (*lying, out), first.size // n, n, step, first.dtype.char)
    return out


def softmax(xp: Any, x: Array, *, dim: int) -> Array:
    """e^(x_i - max x) / sum_j e^(x_j - max x)"""
    return _along(xp, "softmax", dim, x)


def log_softmax(xp: Any, x: Array, *, dim: int) -> Array:
    """x_i - max x - ln sum_j e^(x_j - max x)"""
    return _along(xp, "log_softmax", dim, x)


def softmax_gradient(xp: Any, g: Array, wanted: tuple[bool, ...], out: Array, dim: int) -> Any:
    """out (g - sum_j g_j out_j)"""
    found = _along(xp, "softmax_slope", dim, g, out)
    return found if found is NotImplemented else [found]


def log_softmax_gradient(xp: Any, g: Array, wanted: tuple[bool, ...], out: Array, dim: int) -> Any:
    """g - e^out sum_j g_j"""
    found = _along(xp, "log_softmax_slope", dim, g, out)
    return found if found is NotImplemented else [found]


# --- cross entropy ------------------------------------------------------------------------------------------------------


def _rows_of(xp: Any, x: Array, index: Array, kept: Array, factor: Array | None) -> tuple[Any, ...] | None:
    """x (N, C, *) and the others (N, *) as the kernels read them; None for other types, and for rows of no element."""
    known = index.dtype == "int64" and kept.dtype == bool and x.ndim > 1 and x.shape[1] > 0
    lying = dense(xp, x, factor) if known else None
    return None if lying is None else (lying[0], packed(xp, index), packed(xp, kept), lying[1])


def _divisor(divisor: Any) -> tuple[Any, float]:
    """An array on the GPU and no number, or no array and a number."""
    if divisor is None:
        return None, 1.0
    if hasattr(divisor, "flags") and divisor.dtype == "float64" and not isinstance(divisor, float):
        return divisor, 0.0
    return None, float(divisor)


def cross_entropy(
    xp: Any, x: Array, *, index: Array, kept: Array, factor: Array | None, divisor: Array | None
) -> Array:
    """The cross entropy of each row, or their sum divided by `divisor`; nan for a class that there is not."""
    given = _rows_of(xp, x, index, kept, factor)
    if given is None:
        return NotImplemented
    kind, n, step = x.dtype.char, x.shape[1], math.prod(x.shape[2:])
    rows = index.size
    counted, number = _divisor(divisor)
    if divisor is not None and n <= _SHORT and 0 < rows <= _FEW:
        out = xp.empty((), x.dtype)
        kernel = find(xp, "softmax", "cross_entropy_total", kind)
        run(kernel, 1, *given, out, rows, n, step, counted, number)
        return out
    terms = xp.empty(index.shape, x.dtype)
    _by_rows(xp, "cross_entropy", (*given, terms), rows, n, step, kind)
    if divisor is None:
        return terms
    out = xp.empty((), x.dtype)
    run(find(xp, "softmax", "divided_total", kind), 1, terms, out, rows, counted, number)
    return out


def cross_entropy_gradient(
    xp: Any,
    g: Array,
    wanted: tuple[bool, ...],
    x: Array,
    index: Array,
    kept: Array,
    factor: Array | None,
    divisor: Array | None,
) -> Any:
    """(softmax(x) - [c = index]) g factor / divisor"""
    given = _rows_of(xp, x, index, kept, factor)
    if given is None or g.dtype != x.dtype:
        return NotImplemented
    dx = xp.empty(x.shape, x.dtype)
    arrays = (packed(xp, g), int(g.ndim > 0), *given, dx)
    counted, number = _divisor(divisor)
    rows, n, step = index.size, x.shape[1], math.prod(x.shape[2:])
    _by_rows(xp, "cross_entropy_slope", arrays, rows, n, step, x.dtype.char, counted, number)
    return [dx]
