"""Bool masks: masked_fill, masked_select, masked_scatter, nonzero and its like."""

import builtins
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._device import on_host
from refnet._ops._args import expect_one_device, expect_tensor, into, type_name
from refnet._ops.piecewise import where
from refnet._ops.positions import check_broadcast, fancy_index, fancy_set, fill_value, packed, take
from refnet._tape import Primitive, wrap

Array = Any


@Primitive
def filled_where(xp: Any, x: Array, v: Array, *, mask: Array, order: str = "C") -> Array:
    """out = v where mask, else x, broadcast        dL/dx = g, 0 at mask        dL/dv = g, 0 elsewhere, summed"""
    full = xp.broadcast_to(x, xp.broadcast_shapes(x.shape, mask.shape))
    out = xp.array(full, order=packed(full, order), copy=True)
    xp.copyto(out, v, where=mask)
    return out


filled_where.vjp(x=lambda g, mask: filled_where(g, 0.0, mask=mask), v=lambda g, mask: filled_where(g, 0.0, mask=~mask))


def _check_mask(mask: Any, name: str, spelled: str) -> None:
    expect_tensor(mask, name, "mask", 2)
    check(
        mask.dtype is _dtype.bool_,
        lambda: f"{name}_ only supports boolean masks, but got mask with dtype {spelled}",
    )


_C_NAMES = {"uint8": "unsigned char", "int8": "signed char", "int16": "short", "int32": "int", "int64": "long int"}


def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """input with `value`, a number or 0-d tensor, where the bool mask is true; the two broadcast.

    >>> import refnet
    >>> refnet.masked_fill(refnet.tensor([1.0, 2.0]), refnet.tensor([False, True]), 0)
    tensor([1., 0.])
    """
    expect_tensor(input, "masked_fill")
    spelled = getattr(getattr(mask, "dtype", None), "name", "")
    _check_mask(mask, "masked_fill", _C_NAMES.get(spelled, spelled))
    expect_one_device("masked_fill", input, mask)
    check_broadcast(mask.shape, input.shape)
    return filled_where(input, fill_value(value, input, "masked_fill"), mask=mask._array)


def masked_select(input: Any, mask: Any, *, out: Any = None) -> Any:
    """The elements of input where the bool mask is true, as a vector; the two broadcast.

    >>> import refnet
    >>> refnet.masked_select(refnet.tensor([1, 2, 3]), refnet.tensor([True, False, True]))
    tensor([1, 3])
    """
    expect_tensor(input, "masked_select")
    expect_tensor(mask, "masked_select", "mask", 2)
    expect_one_device("masked_select", input, mask)
    check(mask.dtype is _dtype.bool_, lambda: "masked_select: expected BoolTensor for mask")
    check_broadcast(mask.shape, input.shape)
    xp = input.device.xp
    common = xp.broadcast_shapes(tuple(input.shape), tuple(mask.shape))
    if input.shape != common:
        input = input.expand(common)
    if not common:
        return into(out, fancy_index(input.reshape(1), key=(mask._array.reshape(1),)), "masked_select")
    return into(out, fancy_index(input, key=(xp.broadcast_to(mask._array, common),)), "masked_select")


def masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    """input with the next element of source, in order, wherever the bool mask is true.

    >>> import refnet
    >>> refnet.masked_scatter(refnet.zeros(3), refnet.tensor([True, False, True]), refnet.tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    expect_tensor(input, "masked_scatter")
    expect_tensor(source, "masked_scatter", "source", 3)
    check(
        input.dtype is source.dtype,
        lambda: (
            f"masked_scatter: expected self and source to have same dtypes but got {type_name(input.dtype)} and "
            f"{type_name(source.dtype)}"
        ),
    )
    _check_mask(mask, "masked_scatter", type_name(mask.dtype))
    expect_one_device("masked_scatter", input, mask, source)
    check_broadcast(mask.shape, input.shape)
    xp = input.device.xp
    common = xp.broadcast_shapes(tuple(input.shape), tuple(mask.shape)) or (1,)
    places = xp.broadcast_to(mask._array, common)
    ndim = builtins.max(input.ndim, mask.ndim)
    if on_host(places):
        n = int(places.sum())
        check(source.numel() >= n, lambda: "Number of elements of source < number of ones in mask")
        result = fancy_set(input.expand(common), source.reshape(-1)[:n], key=(places,), accumulate=False, order="C")
    else:
        result = _scattered_on_gpu(input.expand(common), source, places)
    return result if ndim else result.reshape(())


def _scattered_on_gpu(input: Any, source: Any, mask: Array) -> Any:
    """`masked_scatter` without asking how many are true: each place takes the element of source that it would get."""
    xp = input.device.xp
    if not source.numel() or not mask.size:  # nothing is written, and both have a gradient
        nowhere = (xp.zeros(0, "int64"),) * mask.ndim
        return fancy_set(input, source.reshape(-1)[:0], key=nowhere, accumulate=False, order="C")
    order = xp.clip(xp.cumsum(mask.reshape(-1)) - 1, 0, source.numel() - 1)
    return where(wrap(mask, input.device), take(source, index=order.reshape(mask.shape)), input)


def nonzero(input: Any, *, as_tuple: bool = False, out: Any = None) -> Any:
    """Where input is not 0: one row of positions per element, or with `as_tuple` one vector per dimension.

    >>> import refnet
    >>> refnet.nonzero(refnet.tensor([[0, 1], [2, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    expect_tensor(input, "nonzero")
    xp = input.device.xp
    array = input._array
    found = xp.nonzero(array.reshape(1) if array.ndim == 0 else array)
    if as_tuple:
        return tuple(wrap(xp.asarray(row, dtype=xp.int64), input.device) for row in found)
    rows = found[:0] if array.ndim == 0 else found
    table = xp.empty((len(rows), found[0].size), xp.int64)
    for d, row in enumerate(rows):
        table[d] = row
    return into(out, wrap(table.T, input.device), "nonzero")


def argwhere(input: Any) -> Any:
    """Where input is not 0, one row of positions per element.

    >>> import refnet
    >>> refnet.argwhere(refnet.tensor([0, 3]))
    tensor([[1]])
    """
    return nonzero(input)


def nonzero_static(input: Any, *, size: int, fill_value: int = -1, out: Any = None) -> Any:
    """The first `size` rows of `nonzero`, rows of fill_value after them where there are fewer.

    >>> import refnet
    >>> refnet.nonzero_static(refnet.tensor([0, 3]), size=2)
    tensor([[ 1],
            [-1]])
    """
    expect_tensor(input, "nonzero_static")
    check(size >= 0, lambda: f"nonzero_static: 'size' must be an non-negative integer, got {size}")
    xp, found = input.device.xp, nonzero(input)._array
    table = xp.full((size, found.shape[1]), fill_value, "int64")
    table[: len(found)] = found[:size]
    return into(out, wrap(table, input.device), "nonzero_static")
