"""Pinned host memory: what a GPU may copy from and to while the host goes on."""

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy

from conformance.standin.runtime import capture, machine

_pinned: dict[int, int] = {}  # address -> bytes


class PinnedMemory:
    """An allocation of pinned memory, at `ptr`."""

    def __init__(self, size: int, flags: int = 0) -> None:
        machine.device_count()
        if size:
            capture.refuse(f"cudaHostAlloc of {size} bytes")
        self.size, self.flags = int(size), flags
        self.buffer = numpy.zeros(max(self.size, 1), numpy.uint8)
        self.ptr = int(self.buffer.ctypes.data)
        _pinned[self.ptr] = self.size

    def __del__(self, over: Callable[[], bool] = sys.is_finalizing) -> None:  # modules are gone by then
        if not over():
            _pinned.pop(getattr(self, "ptr", 0), None)


def is_pinned(address: int) -> bool:
    """Whether an address is in pinned memory."""
    return any(start <= address < start + max(size, 1) for start, size in _pinned.items())


class PinnedMemoryPointer:
    """An address in pinned memory. cupy's is a buffer; here `numpy.asarray` looks into it."""

    def __init__(self, mem: PinnedMemory, offset: int) -> None:
        self.mem, self.ptr = mem, mem.ptr + int(offset)

    def size(self) -> int:
        """Bytes from here to the end."""
        return self.mem.size - (self.ptr - self.mem.ptr)

    def __int__(self) -> int:
        return self.ptr

    def __add__(self, offset: int) -> "PinnedMemoryPointer":
        return PinnedMemoryPointer(self.mem, self.ptr - self.mem.ptr + offset)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return {"shape": (self.size(),), "typestr": "|u1", "data": (self.ptr, False), "version": 3}


class PinnedMemoryPool:
    """Pinned memory that is used again."""

    def __init__(self, allocator: Any = None) -> None:
        self._allocator = allocator or (lambda size: PinnedMemoryPointer(PinnedMemory(size), 0))

    def malloc(self, size: int) -> PinnedMemoryPointer:
        """Pinned memory."""
        found: PinnedMemoryPointer = self._allocator(int(size))
        return found

    def n_free_blocks(self) -> int:
        """The number of free blocks; none are kept here."""
        return 0

    def free_all_blocks(self) -> None:
        """Give free memory back; none is kept here."""


default_pool = PinnedMemoryPool()
_chosen: list[Any] = [default_pool.malloc]


def set_pinned_memory_allocator(allocator: Any = None) -> None:
    """Let pinned memory come from `allocator`."""
    _chosen[0] = allocator or (lambda size: PinnedMemoryPointer(PinnedMemory(size), 0))


def alloc_pinned_memory(size: int) -> PinnedMemoryPointer:
    """Pinned memory."""
    found: PinnedMemoryPointer = _chosen[0](int(size))
    return found


def empty_pinned(shape: Any, dtype: Any = float, order: str = "C") -> Any:
    """A numpy array in pinned memory; its values are whatever was there."""
    kind, sizes = numpy.dtype(dtype), (shape,) if isinstance(shape, int) else tuple(shape)
    memory = alloc_pinned_memory(math.prod(sizes) * kind.itemsize)
    return numpy.ndarray(sizes, kind, _keeping(memory), order=order)  # type: ignore[arg-type]


def zeros_pinned(shape: Any, dtype: Any = float, order: str = "C") -> Any:
    """Zeros in pinned memory."""
    made = empty_pinned(shape, dtype, order)
    made[...] = 0
    return made


def _keeping(pointer: PinnedMemoryPointer) -> Any:
    """The bytes as an array that keeps the allocation."""
    return numpy.asarray(pointer)
