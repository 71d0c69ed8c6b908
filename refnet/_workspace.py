"""Memory for large arrays that is used again.

A large array fresh from the operating system costs a page fault for every 4 KiB that is written, half the time of a
training step. Here the memory of arrays that have died is kept and given to the next of their size: `empty` is
`numpy.empty` but for where the memory comes from.

Nobody hands anything back. A buffer is idle when only the shelf refers to it: an array in it, every view of that array,
and whatever else looks at the memory through Python's buffer protocol hold a reference of their own, so that a result
can never come to lie in memory that somebody still sees. What lies idle is bounded; the buffers used longest ago go first.
"""

import math
import sys
import threading
from collections import deque
from typing import Any

import numpy

Array = Any

_LEAST = 1 << 17  # bytes: smaller arrays come from memory that the process already has
_STEP = 1 << 16  # bytes: sizes are rounded up to a multiple
_MOST = 1 << 28  # bytes that may lie idle


class _Shelf:
    """The buffers, those that were used last at the end."""

    def __init__(self) -> None:
        self.buffers: deque[Array] = deque()
        self.lock = threading.Lock()
        probe = numpy.empty(1, "V1")
        self.buffers.append(probe)
        del probe
        self.idle = sys.getrefcount(self.buffers[0])  # of a buffer that only the shelf refers to
        self.buffers.clear()

    def take(self, size: int) -> memoryview:
        """A buffer of `size` bytes that nobody looks at."""
        with self.lock:
            buffers = self.buffers
            unused = 0
            for place in range(len(buffers) - 1, -1, -1):
                if sys.getrefcount(buffers[place]) != self.idle:
                    continue
                if len(buffers[place]) == size:
                    found: Any = buffers[place]
                    del buffers[place]
                    buffers.append(found)
                    return memoryview(found)
                unused += len(buffers[place])
                if unused > _MOST:
                    unused -= len(buffers[place])
                    del buffers[place]
            found = numpy.empty(size, "V1")
            buffers.append(found)
            return memoryview(found)


_shelf = _Shelf()


def empty(xp: Any, shape: tuple[int, ...], dtype: Any) -> Array:
    """An array with whatever its memory holds, of numpy or cupy, which keeps memory of its own."""
    dtype = numpy.dtype(dtype)
    count = math.prod(shape)
    size = count * dtype.itemsize
    if size < _LEAST or xp is not numpy:
        return xp.empty(shape, dtype)
    buffer = _shelf.take(-(-size // _STEP) * _STEP)
    return numpy.frombuffer(buffer, dtype, count).reshape(
        shape
    )  # an owner of its own: the rest of the buffer stays unseen


def copy(xp: Any, x: Array) -> Array:
    """x, row by row in memory: itself where it lies so, else a copy, made in `empty`."""
    if x.flags.c_contiguous:
        return x
    out = empty(xp, x.shape, x.dtype)
    out[...] = x
    return out
