"""Tensors that change their size in place: resize_ and resize_as_."""

import math
from typing import Any

from refnet import _tape
from refnet._check import check
from refnet._device import address, storage, strided
from refnet._memory_format import contiguous_format, memory_format, preserve_format, suggested
from refnet._ops._dims import Shape, sizes_of


def resize_(self: Any, *sizes: Any, memory_format: memory_format = contiguous_format) -> Any:
    """Give self another shape, over the same memory from its first element on; memory is added where that ends.

    The numbers in new memory are zeros. RuntimeError for a tensor that requires a gradient.

    >>> import refnet
    >>> refnet.tensor([1, 2, 3, 4]).resize_(3)
    tensor([1, 2, 3])
    """
    size = sizes_of(sizes, "resize_")
    check(
        not (_tape.mode.grad and self.requires_grad),
        lambda: "cannot resize variables that require grad",
    )
    for n in size:
        check(n >= 0, lambda n=n: f"Trying to create tensor with negative dimension {n}: {list(size)}")  # type: ignore[misc]
    if size == tuple(self.shape):
        return self
    array, xp = self._array, self.device.xp
    flat = storage(array)
    start = (address(array) - address(flat)) // array.itemsize
    needed = start + math.prod(size)
    if needed > flat.size:
        flat = xp.concatenate([flat, xp.zeros(needed - flat.size, array.dtype)])
    self._array = strided(flat, size, _row_major(size, array.itemsize), start * array.itemsize)
    self._version_cell[0] += 1
    if memory_format not in (contiguous_format, preserve_format):
        channels_last = flat[start:needed].reshape(size[0], *size[2:], size[1])
        self._array = xp.moveaxis(channels_last, -1, 1)
    return self


def _row_major(size: Shape, itemsize: int) -> Shape:
    steps, step = [], itemsize
    for n in reversed(size):
        steps.append(step)
        step *= max(n, 1)
    return tuple(reversed(steps))


def span(size: Any, stride: Any) -> int:
    """How many elements of memory a tensor of that size and stride looks over."""
    size, stride = tuple(size), tuple(stride)
    check(
        len(size) == len(stride),
        lambda: f"mismatch in length of strides and shape: got {len(size)} sizes and {len(stride)} strides",
    )
    return 0 if 0 in size else 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True))


def resize_as_(self: Any, the_template: Any, *, memory_format: memory_format = contiguous_format) -> Any:
    """Give self the shape of another tensor, as `resize_` does; and its format with `preserve_format`."""
    layout = suggested(the_template) if memory_format is preserve_format else memory_format
    return resize_(self, tuple(the_template.shape), memory_format=layout)
