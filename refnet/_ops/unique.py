"""Distinct elements, and distinct slices, with where they are and how often."""

import math
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops._args import expect_tensor
from refnet._ops._dims import dim_of
from refnet._tape import wrap

Array = Any


def _groups(xp: Any, rows: Array, order: Array | None) -> tuple[Array, Array, Array]:
    """Runs of equal rows (n, k), in the given order: (first of each run, run of each row, length of each run)."""
    ordered = rows if order is None else rows[order]
    n = ordered.shape[0]
    starts = xp.ones(n, bool)
    starts[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    firsts = xp.nonzero(starts)[0]
    runs = xp.cumsum(starts) - 1
    inverse = xp.empty(n, "int64")
    inverse[slice(None) if order is None else order] = runs
    counts = xp.diff(xp.append(firsts, n))
    return (firsts if order is None else order[firsts]), inverse, counts.astype("int64")


def _order(xp: Any, rows: Array) -> Array:
    """The lexicographic order of rows, stable."""
    return xp.argsort(rows[:, 0], kind="stable") if rows.shape[1] == 1 else xp.lexsort(rows.T[::-1])


def _distinct(input: Any, dim: int | None, consecutive: bool, with_inverse: bool, with_counts: bool, name: str) -> Any:
    expect_tensor(input, name)
    xp, x = input.device.xp, input._array
    if dim is None:
        rows, shape_of_inverse = x.reshape(-1, 1), x.shape
    else:
        check(x.ndim > 0, lambda: f"Dimension specified as {dim} but tensor has no dimensions", IndexError)
        d = dim_of(dim, x.ndim)
        check(
            x.size > 0 or (x.shape[d] == 0 and x.shape.count(0) == 1),
            lambda: (
                "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied"
                if x.shape[d]
                else "Number of zero sized dimensions is more than one, so unique cannot be applied "
            ),
        )
        moved = xp.moveaxis(x, d, 0)
        shape_of_inverse = (moved.shape[0],)
        rows = moved.reshape(moved.shape[0], math.prod(moved.shape[1:]))
    wide = rows.astype(_dtype.opmath(rows.dtype), copy=False)
    if not rows.shape[0]:
        first = inverse = counts = xp.zeros(0, "int64")
    else:
        order = None if consecutive else _order(xp, wide)
        first, inverse, counts = _groups(xp, wide, order)
    values = x.reshape(-1)[first] if dim is None else xp.moveaxis(xp.ascontiguousarray(moved[first]), 0, d)
    found = [wrap(values, input.device)]
    if with_inverse:
        found.append(wrap(inverse.reshape(shape_of_inverse), input.device))
    if with_counts:
        found.append(wrap(counts, input.device))
    return found[0] if len(found) == 1 else tuple(found)


def unique(
    input: Any,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements of input in rising order, or its distinct slices along `dim`, in lexicographic order.

    With `return_inverse` also where each element of input is among them, with `return_counts` how often it occurs.
    Always sorted; every nan is distinct.

    >>> import refnet
    >>> refnet.unique(refnet.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    return _distinct(input, dim, False, return_inverse, return_counts, "unique")


def unique_consecutive(
    input: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """input without elements (or slices along `dim`) that equal the one before them; the rest as `unique`.

    >>> import refnet
    >>> refnet.unique_consecutive(refnet.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    return _distinct(input, dim, True, return_inverse, return_counts, "unique_consecutive")
