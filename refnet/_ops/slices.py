"""Whole slices by number along one dimension: index_select, index_add, index_copy, index_fill."""

import builtins
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._device import on_host
from refnet._ops._args import expect_one_device, expect_tensor, into, type_name
from refnet._ops._dims import dim_of
from refnet._ops.masks import filled_where
from refnet._ops.positions import check_bounds, fancy_index, fancy_set, fill_value, is_position, sizes

Array = Any


def _slices(dim: int, index: Array) -> tuple[Any, ...]:
    return (*(slice(None),) * dim, index)


def index_select(input: Any, dim: int, index: Any, *, out: Any = None) -> Any:
    """The slices of input along `dim` that the vector index names, a copy.

    >>> import refnet
    >>> refnet.index_select(refnet.tensor([[1, 2], [3, 4], [5, 6]]), 0, refnet.tensor([2, 0]))
    tensor([[5, 6],
            [1, 2]])
    """
    expect_tensor(input, "index_select")
    expect_tensor(index, "index_select", "index", 3)
    expect_one_device("index_select", input, index)
    d = dim_of(dim, input.ndim)
    check(index.ndim <= 1, lambda: "index_select(): Index is supposed to be a vector", IndexError)
    check(is_position(index), lambda: "index_select(): Expected dtype int32 or int64 for index")
    positions = index._array.reshape(-1)
    n = sizes(input)[d]
    check(
        not on_host(positions) or positions.size == 0 or (int(positions.min()) >= 0 and int(positions.max()) < n),
        lambda: "index out of range in self",
        IndexError,
    )
    if input.ndim == 0:
        check(
            positions.size == 1,
            lambda: f"index_select(): Index to scalar can have only 1 value, got {positions.size} value(s)",
        )
        return into(out, input.clone(), "index_select")
    return into(out, fancy_index(input, key=_slices(d, positions)), "index_select")


def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    """input with alpha source[k] added to slice index[k] along `dim`, for every k; slices may repeat.

    >>> import refnet
    >>> refnet.index_add(refnet.zeros(3), 0, refnet.tensor([1, 1]), refnet.tensor([1.0, 2.0]))
    tensor([0., 3., 0.])
    """
    name = "index_add_()"
    expect_tensor(input, "index_add")
    expect_tensor(index, "index_add", "index", 3)
    expect_tensor(source, "index_add", "source", 4)
    expect_one_device("index_add", input, index, source)
    d = dim_of(dim, input.ndim)
    check(
        index.ndim <= 1,
        lambda: (
            f"{name}: Index is supposed to be a vector, but got dim: {index.ndim} with type: {type_name(index.dtype)} and "
            f"size: {list(index.shape)}"
        ),
        IndexError,
    )
    check(
        is_position(index),
        lambda: f"{name}: Expected dtype int32/int64 for index but got: {type_name(index.dtype)}",
    )
    check(
        input.dtype is source.dtype,
        lambda: (
            f"{name}: self ({type_name(input.dtype)}) and source ({type_name(source.dtype)}) must have the same scalar "
            "type"
        ),
    )
    rows, have = index.numel(), sizes(source)
    check(
        d < len(have) and rows == have[d],
        lambda: (
            f"{name}: Number of indices ({rows}) should be equal to source.size(dim): ({have[d] if d < len(have) else 0}), "
            f"for dim: {d}"
        ),
    )
    want = sizes(input)
    check(
        len(have) == len(want)
        and builtins.all(n == m or e == d for e, (n, m) in enumerate(zip(have, want, strict=True))),
        lambda: (
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
            f"{list(input.shape)} source.shape = {list(source.shape)}"
        ),
    )
    check_bounds(index._array, want[d], d, RuntimeError)
    if alpha != 1:
        source = source * (alpha if source.dtype.is_floating_point else int(alpha))
    return into(out, _write_slices(input, d, index, source, True), "index_add")


def _write_slices(input: Any, d: int, index: Any, source: Any, accumulate: bool) -> Any:
    key = _slices(d, index._array.reshape(-1))
    if input.ndim:
        return fancy_set(input, source.reshape(source.shape or (1,)), key=key, accumulate=accumulate, order="C")
    return fancy_set(input.reshape(1), source.reshape(-1), key=key, accumulate=accumulate).reshape(())


def index_copy(input: Any, dim: int, index: Any, source: Any, *, out: Any = None) -> Any:
    """input with source[k] in place of slice index[k] along `dim`, for every k.

    >>> import refnet
    >>> refnet.index_copy(refnet.zeros(3), 0, refnet.tensor([2, 0]), refnet.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    name = "index_copy_()"
    expect_tensor(input, "index_copy")
    expect_tensor(index, "index_copy", "index", 3)
    expect_tensor(source, "index_copy", "source", 4)
    expect_one_device("index_copy", input, index, source)
    d = dim_of(dim, input.ndim)
    check(index.ndim < 2, lambda: f"{name}: Index should have dimension 1 or 0 (got {index.ndim})", IndexError)
    check(
        index.dtype is _dtype.int64,
        lambda: f"{name}: Expected a long tensor for index, but got {type_name(index.dtype)}",
    )
    check(
        input.dtype is source.dtype,
        lambda: (
            f"{name}: self and source expected to have the same dtype, but got (self) {type_name(input.dtype)} and "
            f"(source) {type_name(source.dtype)}"
        ),
    )
    have, want = tuple(source.shape), tuple(input.shape)
    check(
        (have[:d] + have[d + 1 :]) == (want[:d] + want[d + 1 :]),
        lambda: (
            f"{name}: Source/destination tensor must have same slice shapes. Destination slice shape: "
            f"{' '.join(map(str, want[:d] + want[d + 1 :]))} at dimension {d} and source slice shape: "
            f"{' '.join(map(str, have[:d] + have[d + 1 :]))} at dimension {d}."
        ),
    )
    rows = sizes(source)[d]
    check(
        index.numel() == rows,
        lambda: f"{name}: Number of indices ({index.numel()}) should be equal to source.size(dim) ({rows})",
        IndexError,
    )
    check_bounds(index._array, sizes(input)[d], d, IndexError, where_=f"{name}: ")
    return into(out, _write_slices(input, d, index, source, False), "index_copy")


def index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """input with `value`, a number or 0-d tensor, in all of slice index[k] along `dim`, for every k.

    >>> import refnet
    >>> refnet.index_fill(refnet.zeros(3), 0, refnet.tensor([0, -1]), 7)
    tensor([7., 0., 7.])
    """
    expect_tensor(input, "index_fill")
    expect_tensor(index, "index_fill", "index", 3)
    expect_one_device("index_fill", input, index)
    d = dim_of(dim, input.ndim)
    check(index.dtype is _dtype.int64, lambda: "index_fill_(): Expected dtype int64 for index.", IndexError)
    check(index.ndim <= 1, lambda: "Index has to be a vector/scalar")
    value = fill_value(value, input, "index_fill")
    n = sizes(input)[d]
    check_bounds(index._array, n, d, IndexError, negative=True)
    chosen = input.device.xp.zeros(n, bool)
    chosen[index._array.reshape(-1)] = True
    mask = chosen.reshape((n,) + (1,) * (input.ndim - d - 1)) if input.ndim else chosen.reshape(())
    return filled_where(input, value, mask=mask, order="K")
