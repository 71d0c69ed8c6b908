"""A layout of images in memory that stays private: the batch last.

Images (N, C, H, W) of few channels are sooner convolved, pooled and normalized where they lie as rows (H, C, W, N): all
that is done along a row is done for the whole batch, in long runs of memory, and no element of a window is far from the
same element of the next image.

Strides are for the user to see, and torch shows those of (N, C, H, W). So a tensor may *hold* such images, in
`_batch_last`, an array of the tensor's shape over rows, and have no `_array`. Operations that know the layout take the
one and leave the other alone; whoever else asks for `_array` gets it then, a row-major copy (`row_major`), which is the
tensor's memory from that moment on, also for what the graph saved of it. So what does not know the layout never sees it.
"""

from typing import Any

import numpy

from refnet._threads import share
from refnet._workspace import empty

Array = Any

_AT_ONCE = 16  # images copied together: what a line of the cache holds of a row
_MANY = 1 << 18  # elements, of which a channel at a time stays in the cache


def rows(images: Array) -> Array:
    """(N, C, H, W) seen as (H, C, W, N)."""
    return images.transpose(2, 1, 3, 0)


def images(rows: Array) -> Array:
    """(H, C, W, N) seen as (N, C, H, W)."""
    if rows.shape[:3] == (1, 1, 1):  # which lies either way: with the strides that everybody knows
        return rows.reshape(-1, 1, 1, 1)
    return rows.transpose(3, 1, 0, 2)


def lies_batch_last(array: Array) -> bool:
    """Whether an array of images lies as rows in memory, and not also row by row.

    >>> lies_batch_last(images(numpy.zeros((5, 3, 5, 2)))), lies_batch_last(numpy.zeros((2, 3, 5, 5)))
    (True, False)
    """
    return array.ndim == 4 and not array.flags.c_contiguous and rows(array).flags.c_contiguous


def into_rows(array: Array) -> Array:
    """Images as rows in memory: a view where they lie so, else a copy."""
    seen = rows(array)
    if seen.flags.c_contiguous:
        return seen
    out = empty(numpy, seen.shape, seen.dtype)
    _turn(array, images(out))
    return out


def like_rows(shape: tuple[int, ...], dtype: Any) -> Array:
    """Uninitialized images (N, C, H, W) that lie batch last."""
    n, c, h, w = shape
    return images(empty(numpy, (h, c, w, n), dtype))


def row_major(array: Array) -> Array:
    """A copy of images that lie as rows, as everybody knows them."""
    out = empty(numpy, array.shape, array.dtype)
    _turn(array, out)
    return out


def _turn(array: Array, out: Array) -> None:
    """out <- array, of which one lies batch last: a few images at a time, by several threads."""

    def work(part: int) -> None:
        some = slice(part * _AT_ONCE, (part + 1) * _AT_ONCE)
        if array.size < _MANY:
            out[some] = array[some]
            return
        for channel in range(array.shape[1]):
            out[some, channel] = array[some, channel]

    share(work, -(-len(array) // _AT_ONCE), worth=max(2, (1 << 16) // max(1, array[0].size * _AT_ONCE)))
