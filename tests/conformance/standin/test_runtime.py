"""The stand-in for `cupy.cuda`: what a GPU would run, in what order, in which memory, and what it would refuse."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pytest

from conformance.standin.runtime import UnorderedAccess, capture, machine
from conformance.standin.runtime import cuda as gpu
from conformance.standin.runtime.errors import CUDARuntimeError, OutOfMemoryError


def values(pointer: Any, n: int = 4) -> Any:
    return pointer.bytes[: 4 * n].view(numpy.float32)


def store(pointer: Any, value: float) -> None:
    """A kernel that writes. It knows the address alone: what is captured keeps no memory alive."""
    host = values(pointer)
    capture.submit(lambda: host.fill(value), writes=[pointer.mem])


def add(pointer: Any, other: Any) -> None:
    """A kernel that reads one memory and writes another."""
    target, source = values(pointer), values(other)

    def kernel() -> None:
        target[:] += source

    capture.submit(kernel, reads=[other.mem], writes=[pointer.mem])


@pytest.fixture
def pool() -> Iterator[Any]:
    pool = gpu.MemoryPool()
    with gpu.using_allocator(pool.malloc):
        yield pool


# --- the machine ----------------------------------------------------------------------------------------------------


def test_machines_without_driver_or_gpu_fail_as_the_runtime_does() -> None:
    for options, status in (({"driver": False}, 35), ({"devices": 0}, 100)):
        with machine.pretend(**options), pytest.raises(CUDARuntimeError) as found:  # type: ignore[arg-type]
            gpu.runtime.getDeviceCount()
        assert found.value.status == status
        with machine.pretend(**options):  # type: ignore[arg-type]
            assert not gpu.is_available()
    assert gpu.runtime.getDeviceCount() == 1
    with pytest.raises(CUDARuntimeError, match="invalid device ordinal"):
        gpu.Device(3).use()


def test_a_device_is_current_inside_its_block() -> None:
    with machine.pretend(devices=2):
        with gpu.Device(1):
            assert (gpu.Device().id, gpu.runtime.getDevice(), gpu.alloc(8).device_id) == (1, 1, 1)
        assert gpu.Device().id == 0


# --- memory ---------------------------------------------------------------------------------------------------------


def test_memory_is_not_a_number_until_it_is_written(pool: Any) -> None:
    assert numpy.isnan(values(gpu.alloc(16))).all()
    first = gpu.alloc(16)
    store(first, 1.0)
    del first
    assert numpy.isnan(values(gpu.alloc(16))).all(), "what was freed is not what is handed out"


def test_the_pool_rounds_splits_and_merges(pool: Any) -> None:
    whole = gpu.alloc(2000)
    assert (whole.mem.size, pool.total_bytes(), pool.used_bytes()) == (2048, 2048, 2048)
    start = whole.ptr
    del whole
    first, second = gpu.alloc(1), gpu.alloc(513)
    assert (first.ptr, second.ptr, second.mem.size) == (start, start + 512, 1024)
    assert (pool.free_bytes(), pool.total_bytes(), pool.n_free_blocks()) == (512, 2048, 1)
    del first, second
    assert (pool.n_free_blocks(), pool.free_bytes()) == (1, 2048), "neighbours merge"
    pool.free_all_blocks()
    assert pool.total_bytes() == 0


def test_free_memory_belongs_to_the_stream_it_was_allocated_on(pool: Any) -> None:
    held = gpu.alloc(512)
    address = held.ptr
    del held
    with gpu.Stream(non_blocking=True):
        elsewhere = gpu.alloc(512)
        assert elsewhere.ptr != address
    assert gpu.alloc(512).ptr == address


def test_a_pool_that_may_not_grow_is_out_of_memory(pool: Any) -> None:
    pool.set_limit(1024)
    held = gpu.alloc(1024)
    with pytest.raises(OutOfMemoryError, match=r"Out of memory allocating 512 bytes \(allocated so far: 1,024 bytes"):
        gpu.alloc(1)
    assert held.mem.size == 1024


def test_what_a_pool_gave_out_dies_with_it() -> None:
    """In cupy the memory is somebody else's by then."""
    pool = gpu.MemoryPool()
    held = pool.malloc(16)
    store(held, 1.0)
    del pool
    assert numpy.isnan(values(held)).all()


def test_pinned_memory_is_known_by_its_address() -> None:
    array = gpu.pinned_memory.empty_pinned((2, 3), numpy.float32)
    attributes = gpu.runtime.pointerGetAttributes
    assert attributes(array.ctypes.data).type == gpu.runtime.memoryTypeHost
    assert attributes(array[1:].ctypes.data).type == gpu.runtime.memoryTypeHost
    assert attributes(numpy.zeros(3).ctypes.data).type == gpu.runtime.memoryTypeUnregistered


# --- order ----------------------------------------------------------------------------------------------------------


def by_nothing(first: Any, second: Any) -> None:
    """No order."""


def by_event(first: Any, second: Any) -> None:
    second.wait_event(first.record())


def by_stream_synchronize(first: Any, second: Any) -> None:
    first.synchronize()


def by_event_synchronize(first: Any, second: Any) -> None:
    first.record().synchronize()


def by_device_synchronize(first: Any, second: Any) -> None:
    gpu.Device().synchronize()


def by_event_of_the_wrong_side(first: Any, second: Any) -> None:
    first.wait_event(second.record())


Between = Callable[[Any, Any], None]
ORDERS: list[tuple[Between, bool]] = [
    (by_nothing, False),
    (by_event, True),
    (by_stream_synchronize, True),
    (by_event_synchronize, True),
    (by_device_synchronize, True),
    (by_event_of_the_wrong_side, False),
]
KERNELS: dict[str, tuple[Callable[[Any, Any], None], Callable[[Any, Any], None]]] = {
    "read after write": (lambda x, y: store(x, 1.0), lambda x, y: add(y, x)),
    "write after write": (lambda x, y: store(x, 1.0), lambda x, y: store(x, 2.0)),
    "write after read": (lambda x, y: add(y, x), lambda x, y: store(x, 2.0)),
}


@pytest.mark.parametrize(("between", "ordered"), ORDERS, ids=lambda x: getattr(x, "__name__", ""))
@pytest.mark.parametrize("hazard", KERNELS)
def test_streams_need_an_order(between: Between, ordered: bool, hazard: str, pool: Any) -> None:
    x, y = gpu.alloc(16), gpu.alloc(16)
    store(x, 0.0)
    store(y, 0.0)
    gpu.Device().synchronize()
    first, second = gpu.Stream(non_blocking=True), gpu.Stream(non_blocking=True)
    earlier, later = KERNELS[hazard]
    with first:
        earlier(x, y)
    between(first, second)
    with second:
        if ordered:
            later(x, y)
        else:
            with pytest.raises(UnorderedAccess, match="nothing orders the two"):
                later(x, y)


def test_two_readers_need_no_order(pool: Any) -> None:
    x = gpu.alloc(16)
    store(x, 1.0)
    gpu.Device().synchronize()
    for stream in (gpu.Stream(non_blocking=True), gpu.Stream(non_blocking=True)):
        with stream:
            y = gpu.alloc(16)
            store(y, 0.0)
            add(y, x)
            assert (values(y) == 1).all()


@pytest.mark.parametrize("non_blocking", [False, True])
def test_the_default_stream_waits_for_blocking_ones_only(non_blocking: bool, pool: Any) -> None:
    x = gpu.alloc(16)
    with gpu.Stream(non_blocking=non_blocking):
        store(x, 1.0)
    if non_blocking:
        with pytest.raises(UnorderedAccess):
            store(x, 2.0)
    else:
        store(x, 2.0)


def test_memory_that_another_stream_still_uses_is_a_race_when_it_is_used_again(pool: Any) -> None:
    side = gpu.Stream(non_blocking=True)
    x = gpu.alloc(512)
    store(x, 1.0)
    side.wait_event(gpu.Stream.null.record())
    with side:
        y = gpu.alloc(512)
        store(y, 0.0)
        add(y, x)
    del x  # goes back to the default stream, which does not wait for `side`
    with pytest.raises(UnorderedAccess):
        store(gpu.alloc(512), 2.0)


def test_events_are_done_when_the_host_knows() -> None:
    start, end = gpu.Event(), gpu.Event()
    assert start.done
    start.record()
    end.record()
    assert not end.done
    with pytest.raises(CUDARuntimeError, match="not ready"):
        gpu.get_elapsed_time(start, end)
    end.synchronize()
    assert start.done and end.done and gpu.get_elapsed_time(start, end) >= 0


# --- capture --------------------------------------------------------------------------------------------------------


def test_what_is_captured_runs_when_it_is_launched(pool: Any) -> None:
    x, y = gpu.alloc(16), gpu.alloc(16)
    store(x, 1.0)
    store(y, 2.0)
    stream = gpu.Stream(non_blocking=True)
    stream.wait_event(gpu.Stream.null.record())
    with stream:
        stream.begin_capture()
        assert stream.is_capturing() and capture.capturing()
        add(x, y)
        graph = stream.end_capture()
        assert (values(x) == 1).all(), "a capture runs nothing"
        for expected in (3, 5):
            graph.launch()
            assert (values(x) == expected).all()
        store(y, 10.0)
        graph.launch(stream)
    assert (values(x) == 15).all()


REFUSED: dict[str, Callable[[Any], Any]] = {
    "growth of a pool": lambda x: gpu.alloc(1 << 20),
    "a read by the host": lambda x: capture.host_reads(x.mem, "get"),
    "a copy to the host": lambda x: x.copy_to_host_async(numpy.zeros(16, "u1").ctypes.data, 16),
    "a copy from the host": lambda x: x.copy_from_host_async(numpy.zeros(16, "u1").ctypes.data, 16),
    "a synchronisation of the device": lambda x: gpu.Device().synchronize(),
    "a synchronisation of the stream": lambda x: gpu.get_current_stream().synchronize(),
    "a query": lambda x: gpu.get_current_stream().done,
    "pinned memory": lambda x: gpu.PinnedMemory(16),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_capture_refuses_and_is_spoiled(what: str, pool: Any) -> None:
    stream = gpu.Stream(non_blocking=True)
    with stream:
        x = gpu.alloc(16)
        stream.begin_capture()
        with pytest.raises(CUDARuntimeError, match="not permitted when stream is capturing"):
            REFUSED[what](x)
        with pytest.raises(CUDARuntimeError, match="previous error during capture"):
            stream.end_capture()
        assert not stream.is_capturing()


def test_the_default_stream_does_not_capture() -> None:
    with pytest.raises(RuntimeError, match="cannot capture on the default"):
        gpu.Stream.null.begin_capture()


def test_captured_work_uses_freed_memory_again(pool: Any) -> None:
    """A graph keeps no memory alive: that is the pool's business."""
    stream = gpu.Stream(non_blocking=True)
    with stream:
        warm = gpu.alloc(512)
        address = warm.ptr
        del warm
        result = gpu.alloc(512)
        del result
        stream.begin_capture()
        for _ in range(3):
            temporary = gpu.alloc(512)
            store(temporary, 1.0)
            assert temporary.ptr == address
            del temporary
        stream.end_capture()


def test_a_capture_spreads_to_streams_that_wait_for_it(pool: Any) -> None:
    stream, side = gpu.Stream(non_blocking=True), gpu.Stream(non_blocking=True)
    x, y = gpu.alloc(16), gpu.alloc(16)
    for pointer in (x, y):
        store(pointer, 1.0)
    gpu.Device().synchronize()
    with stream:
        stream.begin_capture()
        store(x, 5.0)
        side.wait_event(stream.record())
        with side:
            add(y, x)
        stream.wait_event(side.record())
        graph = stream.end_capture()
        assert (values(y) == 1).all()
        graph.launch()
    assert (values(y) == 6).all()
    assert not side.is_capturing()
