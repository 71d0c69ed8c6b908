"""A view by strides: the storage of a tensor seen with any sizes and strides, and where a view lies in its base."""

from typing import Any

import numpy

from refnet._check import check
from refnet._device import address, storage, strided
from refnet._ops._dims import Shape
from refnet._ops.positions import put, take
from refnet._tape import View, wrap

Array = Any


@View
def _strided(xp: Any, x: Array, *, size: Shape, stride: Shape, offset: int, x_stride: Shape, x_offset: int) -> Array:
    """x's storage seen with another size and stride (in elements) from `offset`; x's own are x_stride, x_offset"""
    return strided(storage(x), size, tuple(s * x.itemsize for s in stride), offset * x.itemsize)


def as_strided(input: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """The storage of input seen with the given size and stride (in elements) from `storage_offset`, a view.

    Gradient: dL/dx[i] is the sum of g over every output that looks at the memory of x[i], shared equally where
    several elements of x are one in memory. RuntimeError when the view would leave the storage.

    >>> import refnet
    >>> refnet.arange(4.0).as_strided((3, 2), (1, 1))
    tensor([[0., 1.],
            [1., 2.],
            [2., 3.]])
    """
    size, stride = tuple(size), tuple(stride)
    check(
        len(size) == len(stride),
        lambda: f"mismatch in length of strides and shape: got {len(size)} sizes and {len(stride)} strides",
    )
    check(
        all(s >= 0 for s in stride),
        lambda: f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}",
    )
    offset = input.storage_offset() if storage_offset is None else storage_offset
    check(offset >= 0, lambda: f"Tensor: invalid storage offset {offset}")
    have = storage(input._array).size
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    check(
        0 in size or last < have,
        lambda: (
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize "
            f"{input.itemsize} requiring a storage "
            f"size of {(last + 1) * input.itemsize} are out of bounds for storage of size {have * input.itemsize}"
        ),
    )
    mine = {"x_stride": input.stride(), "x_offset": input.storage_offset()}
    return _strided(input, size=size, stride=stride, offset=offset, **mine)


def _strided_rule(
    g: Any, x_shape: Shape, size: Shape, stride: Shape, offset: int, x_stride: Shape, x_offset: int
) -> Any:
    xp = g.device.xp
    seen = memory_offsets(xp, size, stride) + offset
    mine = memory_offsets(numpy, x_shape, x_stride) + x_offset
    length = 1 + max(_last(size, stride, offset), _last(x_shape, x_stride, x_offset))
    back = take(put(g, index=seen, shape=(length,)), index=xp.asarray(mine))
    sharing = numpy.bincount(mine.ravel(), minlength=length)[mine]
    if (sharing == 1).all():
        return back
    return back / wrap(xp.asarray(sharing.astype(g.dtype.numpy)), g.device)


def _last(size: Shape, stride: Shape, offset: int) -> int:
    """The position in memory of the last element; 0 where there is none."""
    return 0 if 0 in size else offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))


_strided.vjp(x=_strided_rule)


def memory_offsets(xp: Any, size: Shape, stride: Shape) -> Array:
    """Where each element of a tensor lies in memory, in elements from its first."""
    offsets = xp.zeros((), "int64")
    for n, s in zip(size, stride, strict=True):
        offsets = offsets[..., None] + xp.arange(n) * s
    return offsets


def view_index(base: Any, of_base: Any) -> Array:
    """For each element of a view, the position of the same memory in its base, counted in the base's logical order."""
    xp = base.device.xp
    where_base = memory_offsets(xp, base.shape, base.stride()).ravel()
    gap = (address(of_base._array) - address(base._array)) // base.itemsize
    where_view = memory_offsets(xp, of_base.shape, of_base.stride()) + gap
    order = xp.argsort(where_base)
    return order[xp.searchsorted(where_base[order], where_view)]
