"""Device memory and cupy's pool over it, on host memory.

`Memory` is one call of cudaMalloc, filled with the bytes 0xFF (NaN in every floating type) when it is made and again
when it is freed, so that a read of what nobody wrote shows. `MemoryPool` does what cupy's does, in the same order:
sizes are rounded up to 512 bytes, the smallest free block that fits is split, a freed block merges with its
neighbours, each stream has free blocks of its own, and memory that is freed goes back to the stream it was allocated
on, whoever used it since. As in cupy the pool owns its blocks: arrays that outlive their pool look into freed memory.
"""

import ctypes
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy

from conformance.standin.runtime import capture, machine, order, under_way
from conformance.standin.runtime.devices import Device
from conformance.standin.runtime.errors import MEMORY_ALLOCATION, CUDARuntimeError, OutOfMemoryError

UNIT = 512  # cudaMalloc aligns to it, the pool rounds up to it
_POISON = 0xFF


def _host_bytes(address: Any, size: int) -> Any:
    """Host memory at an address, an int or a ctypes pointer, as bytes."""
    return numpy.frombuffer((ctypes.c_uint8 * size).from_address(int(getattr(address, "value", address))), "uint8")  # type: ignore[call-overload]


class BaseMemory:
    """A block of device memory: its address, size and GPU, the host bytes that play it, and who touched it last."""

    ptr: int = 0
    size: int = 0
    device_id: int = 0
    buffer: Any = None  # numpy uint8, of `size` bytes
    accesses: order.Accesses

    @property
    def device(self) -> Any:
        """The GPU the memory is on."""
        return Device(self.device_id)


class Memory(BaseMemory):
    """One allocation from the GPU. While a stream captures it is refused: a graph must not depend on it.

    The real runtime refuses it in the stricter modes of capture only; here always, so that a capture that would grow
    a pool is found.
    """

    def __init__(self, size: int) -> None:
        self.size, self.device_id, self.accesses = int(size), machine.current_device(), order.Accesses()
        machine.device_count()
        if self.size == 0:
            self.buffer = numpy.empty(0, numpy.uint8)
            return
        capture.refuse(f"cudaMalloc of {self.size} bytes: the pool grows while a stream captures")
        if not machine.take(self.device_id, self.size):
            raise CUDARuntimeError(MEMORY_ALLOCATION)
        room = numpy.full(self.size + UNIT, _POISON, numpy.uint8)
        start = -room.ctypes.data % UNIT
        self.buffer = room[start : start + self.size]
        self.ptr = int(self.buffer.ctypes.data)

    def __del__(self, over: Callable[[], bool] = sys.is_finalizing) -> None:  # modules are gone by then
        if self.ptr and not over():
            machine.take(self.device_id, -self.size)
            self.buffer[:] = _POISON
            self.ptr = 0


class UnownedMemory(BaseMemory):
    """Memory that belongs to `owner`, which it keeps alive."""

    def __init__(self, ptr: int, size: int, owner: object, device_id: int = -1) -> None:
        self.ptr, self.size, self._owner = int(ptr), int(size), owner
        self.device_id = machine.current_device() if device_id < 0 else device_id
        self.accesses = order.Accesses()
        source = getattr(owner, "memory", owner)
        if isinstance(source, BaseMemory):  # accesses to memory are those to its owner's
            self.accesses = source.accesses
        self.buffer = _host_bytes(self.ptr, self.size)


class MemoryPointer:
    """An address inside a block of memory."""

    def __init__(self, mem: Any, offset: int) -> None:
        self.mem, self.ptr = mem, int(mem.ptr + offset)

    @property
    def device_id(self) -> int:
        """The index of the GPU."""
        return int(self.mem.device_id)

    @property
    def device(self) -> Any:
        """The GPU."""
        return Device(self.mem.device_id)

    @property
    def bytes(self) -> Any:
        """The host bytes from here to the end of the block; the stand-in's own."""
        return self.mem.buffer[self.ptr - self.mem.ptr :]

    def __int__(self) -> int:
        return int(self.ptr)

    def __add__(self, offset: int) -> "MemoryPointer":
        return MemoryPointer(self.mem, self.ptr - self.mem.ptr + int(offset))

    __radd__ = __add__

    def __sub__(self, offset: int) -> "MemoryPointer":
        return self + -int(offset)

    def memset_async(self, value: int, size: int, stream: Any = None) -> None:
        """Fill `size` bytes."""

        def fill() -> None:
            self.bytes[:size] = value

        capture.submit(fill, writes=[self.mem], stream=stream)

    memset = memset_async

    def copy_from_device_async(self, src: "MemoryPointer", size: int, stream: Any = None) -> None:
        """Copy from other device memory, of the same or another GPU."""

        def copy() -> None:
            self.bytes[:size] = src.bytes[:size]

        capture.submit(copy, reads=[src.mem], writes=[self.mem], stream=stream, across=True)

    def copy_from_device(self, src: "MemoryPointer", size: int) -> None:
        """The same, and the host waits."""
        capture.refuse_sync("copy_from_device")
        self.copy_from_device_async(src, size)
        order.synchronize(machine.current_stream())

    def copy_from_host_async(self, mem: Any, size: int, stream: Any = None) -> None:
        """Copy from host memory at address `mem`, which must be pinned and stay as it is until the stream came by.

        A capture would read that memory anew at every replay, so it is refused here; cupy records it.
        """
        capture.refuse("a copy from host memory: a replay would read what that memory holds by then")
        source = _host_bytes(mem, size)

        def copy() -> None:
            self.bytes[:size] = source

        capture.submit(copy, writes=[self.mem], stream=stream)
        under_way.from_host(source, machine.current_stream() if stream is None else stream.ptr)

    def copy_from_host(self, mem: Any, size: int) -> None:
        """The same, and the host waits."""
        self.copy_from_host_async(mem, size)
        order.synchronize(machine.current_stream())

    def copy_to_host_async(self, mem: Any, size: int, stream: Any = None) -> None:
        """Copy to host memory at address `mem`; the stream must be synchronised before the host reads it."""
        capture.refuse("a copy to host memory")
        target = _host_bytes(mem, size)

        def copy() -> None:
            target[:] = self.bytes[:size]

        capture.submit(copy, reads=[self.mem], stream=stream)
        under_way.to_host(target, machine.current_stream() if stream is None else stream.ptr)

    def copy_to_host(self, mem: Any, size: int) -> None:
        """The same, and the host waits."""
        capture.refuse_sync("copy_to_host")
        self.copy_to_host_async(mem, size)
        order.synchronize(machine.current_stream())


# --- the pool -----------------------------------------------------------------------------------------------------


class _Block:
    """A part of an allocation; `before` and `after` are its neighbours there."""

    __slots__ = ("accesses", "after", "before", "memory", "offset", "size", "stream")

    def __init__(self, memory: Any, offset: int, size: int, stream: int) -> None:
        self.memory, self.offset, self.size, self.stream = memory, offset, size, stream
        self.before: _Block | None = None
        self.after: _Block | None = None
        self.accesses = order.Accesses()

    @property
    def ptr(self) -> int:
        """Its address."""
        return int(self.memory.ptr + self.offset)

    def split(self, size: int) -> "_Block | None":
        """Keep `size` bytes; the rest as a block, None if nothing is left."""
        if self.size == size:
            return None
        rest = _Block(self.memory, self.offset + size, self.size - size, self.stream)
        rest.before, rest.after, self.after, self.size = self, self.after, rest, size
        if rest.after is not None:
            rest.after.before = rest
        rest.accesses.write, rest.accesses.reads = self.accesses.write, dict(self.accesses.reads)
        return rest

    def merge(self, after: "_Block") -> None:
        """Take in the neighbour behind."""
        self.size += after.size
        self.after = after.after
        if self.after is not None:
            self.after.before = self
        # One write is remembered per block: the writes of both, read by one later access, are as two reads to order.
        for ident, time in after.accesses.reads.items():
            self.accesses.reads[ident] = max(time, self.accesses.reads.get(ident, 0))
        if after.accesses.write is not None:
            ident, time = after.accesses.write
            self.accesses.reads[ident] = max(time, self.accesses.reads.get(ident, 0))


class PooledMemory(BaseMemory):
    """A block that goes back to its pool when nothing refers to it."""

    def __init__(self, block: _Block, pool: "weakref.ref[SingleDeviceMemoryPool]") -> None:
        self.pool, self.ptr, self.size = pool, block.ptr, block.size
        self.device_id, self.accesses = block.memory.device_id, block.accesses
        self.buffer = block.memory.buffer[block.offset : block.offset + block.size]

    def free(self) -> None:
        """Give the block back."""
        pool, ptr = self.pool(), self.ptr
        self.ptr = 0
        if pool is not None and ptr:
            pool.free(ptr)

    def __del__(self, over: Callable[[], bool] = sys.is_finalizing) -> None:
        if not over():
            self.free()


class SingleDeviceMemoryPool:
    """The pool of one GPU."""

    def __init__(self, allocator: Callable[[int], MemoryPointer]) -> None:
        self._allocator = allocator
        self._free: dict[int, list[_Block]] = {}  # stream -> free blocks
        self._used: dict[int, _Block] = {}  # by address
        self._total = self._limit = 0
        self._lock = threading.RLock()

    def malloc(self, size: int) -> MemoryPointer:
        """The smallest free block of the current stream that fits, else new memory."""
        if size == 0:
            return MemoryPointer(Memory(0), 0)
        size = -(-size // UNIT) * UNIT
        stream = machine.current_stream()
        with self._lock:
            free = self._free.setdefault(stream, [])
            block = min((b for b in free if b.size >= size), key=lambda b: b.size, default=None)
            if block is None:
                block = self._grow(size, stream)
            else:
                free.remove(block)
                rest = block.split(size)
                if rest is not None:
                    free.append(rest)
            self._used[block.ptr] = block
        memory = PooledMemory(block, weakref.ref(self))
        capture.poison(memory)
        return MemoryPointer(memory, 0)

    def _grow(self, size: int, stream: int) -> _Block:
        if self._limit and self._total + size > self._limit:
            raise OutOfMemoryError(size, self._total, self._limit)
        try:
            memory = self._allocator(size).mem
        except CUDARuntimeError as error:
            if error.status != MEMORY_ALLOCATION:
                raise
            self.free_all_blocks()
            try:
                memory = self._allocator(size).mem
            except CUDARuntimeError:
                raise OutOfMemoryError(size, self._total, self._limit) from None
        self._total += size
        return _Block(memory, 0, size, stream)

    def free(self, ptr: int) -> None:
        """Put the block at an address among the free ones of the stream it was allocated on, and merge it with its neighbours."""
        with self._lock:
            block = self._used.pop(ptr)
            free = self._free.setdefault(block.stream, [])
            if block.after is not None and block.after in free:
                free.remove(block.after)
                block.merge(block.after)
            before = block.before
            if before is not None and before in free:
                free.remove(before)
                before.merge(block)
                block = before
            free.append(block)

    def free_all_blocks(self, stream: Any = None) -> None:
        """Give allocations back to the GPU whose blocks are all free."""
        with self._lock:
            for ident in [stream.ptr] if stream is not None else list(self._free):
                free = self._free.get(ident, [])
                whole = [b for b in free if b.before is None and b.after is None]
                self._total -= sum(b.size for b in whole)
                self._free[ident] = [b for b in free if b not in whole]

    def n_free_blocks(self) -> int:
        """The number of free blocks."""
        return sum(len(blocks) for blocks in self._free.values())

    def used_bytes(self) -> int:
        """Bytes that arrays have."""
        return sum(block.size for block in list(self._used.values()))

    def free_bytes(self) -> int:
        """Bytes that the pool keeps for later."""
        return sum(block.size for blocks in self._free.values() for block in blocks)

    def total_bytes(self) -> int:
        """Bytes that the pool took from the GPU."""
        return self._total

    def get_limit(self) -> int:
        """The most it may take; 0 for no limit."""
        return self._limit

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        """Bound what it may take, in bytes or as a part of the GPU's memory."""
        self._limit = int(fraction * machine.MEMORY) if fraction is not None else size or 0


class MemoryPool:
    """A pool for every GPU; its methods are those of the current one's."""

    def __init__(self, allocator: Callable[[int], MemoryPointer] | None = None) -> None:
        self._allocator = allocator or _malloc
        self._pools: dict[int, SingleDeviceMemoryPool] = {}

    def _pool(self) -> SingleDeviceMemoryPool:
        return self._pools.setdefault(machine.current_device(), SingleDeviceMemoryPool(self._allocator))

    def malloc(self, size: int) -> MemoryPointer:
        """Memory from the pool."""
        return self._pool().malloc(int(size))

    def free_all_blocks(self, stream: Any = None) -> None:
        """Give free memory back to the GPU."""
        self._pool().free_all_blocks(stream)

    def n_free_blocks(self) -> int:
        """The number of free blocks."""
        return self._pool().n_free_blocks()

    def used_bytes(self) -> int:
        """Bytes that arrays have."""
        return self._pool().used_bytes()

    def free_bytes(self) -> int:
        """Bytes that the pool keeps for later."""
        return self._pool().free_bytes()

    def total_bytes(self) -> int:
        """Bytes that the pool took from the GPU."""
        return self._pool().total_bytes()

    def get_limit(self) -> int:
        """The most it may take; 0 for no limit."""
        return self._pool().get_limit()

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        """Bound what it may take."""
        self._pool().set_limit(size, fraction)


# --- which allocator arrays use -----------------------------------------------------------------------------------


def _malloc(size: int) -> MemoryPointer:
    return MemoryPointer(Memory(size), 0)


default_pool = MemoryPool()
_chosen: list[Callable[[int], MemoryPointer]] = [default_pool.malloc]
_thread = threading.local()


def get_allocator() -> Callable[[int], MemoryPointer]:
    """What arrays of this thread get their memory from."""
    return getattr(_thread, "allocator", None) or _chosen[0]


def set_allocator(allocator: Callable[[int], MemoryPointer] | None = None) -> None:
    """Let arrays get their memory from `allocator`; None: from the GPU, without a pool."""
    if getattr(_thread, "allocator", None) is not None:
        raise ValueError("Can't change the global allocator inside `using_allocator` context manager")
    _chosen[0] = allocator or _malloc


@contextmanager
def using_allocator(allocator: Callable[[int], MemoryPointer] | None = None) -> Iterator[None]:
    """Let this thread's arrays get their memory from `allocator` inside a ``with`` block."""
    before = getattr(_thread, "allocator", None)
    _thread.allocator = allocator or _malloc
    try:
        yield
    finally:
        _thread.allocator = before


def alloc(size: int) -> MemoryPointer:
    """Memory for an array."""
    return get_allocator()(int(size))
