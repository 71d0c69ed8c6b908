"""Where every operation goes: to be run, or, while the current stream captures, into its graph.

As on a GPU, what is captured does not run: it runs at every replay, on the memory it was captured with. An operation
is therefore a function without arguments that reads and writes buffers that exist when it is submitted; its results'
memory is allocated before. Results that nothing has computed yet hold NaN.

What a graph cannot contain is refused with `CUDARuntimeError`, and the capture is spoiled: a read by the host, a
synchronisation, a copy from or to host memory, new memory for a pool.
"""

from collections.abc import Callable, Iterable
from typing import Any

from conformance.standin.runtime import machine, order
from conformance.standin.runtime.errors import CAPTURE_UNSUPPORTED, INVALID_VALUE, CUDARuntimeError

Operation = Callable[[], None]


class Recording:
    """The operations captured on one stream, in order, each with who touched the memory that it reads and writes.

    Only that is kept, not the memory: what captured work frees is used again later in the same capture.
    """

    def __init__(self, stream: int, mode: int) -> None:
        self.stream, self.mode = stream, mode
        self.operations: list[tuple[Operation, list[order.Accesses], list[order.Accesses]]] = []
        self.spoiled = ""  # by what
        self.ended = False


_recordings: dict[int, Recording] = {}


def recording(stream: int) -> Recording | None:
    """What the stream captures, None if it does not."""
    return _recordings.get(stream)


def begin(stream: int, mode: int) -> None:
    """Let operations of the stream be captured."""
    if stream in _recordings:
        raise CUDARuntimeError(CAPTURE_UNSUPPORTED, "the stream captures already")
    _recordings[stream] = Recording(stream, mode)


def fork(stream: int, found: Recording) -> None:
    """Let operations of another stream go into a recording too, in the order they come."""
    if not found.ended:
        _recordings[stream] = found


def end(stream: int) -> Recording:
    """Stop capturing, on all streams that joined."""
    found = _recordings.get(stream)
    if found is None or found.stream != stream:
        raise CUDARuntimeError(INVALID_VALUE, "the stream did not begin a capture")
    for ident in [ident for ident, other in _recordings.items() if other is found]:
        del _recordings[ident]
    found.ended = True
    return found


def submit(
    operation: Operation,
    reads: Iterable[Any] = (),
    writes: Iterable[Any] = (),
    stream: Any = None,
    across: bool = False,
) -> None:
    """Run an operation on a stream (None: the current one), or capture it.

    `reads` and `writes` are the memories it touches (`array.data.mem`), of the current GPU unless it is a copy `across`
    two; an order between streams that nothing guarantees is an error.
    """
    reads, writes = list(reads), list(writes)
    for memory in () if across else (*reads, *writes):
        if memory.size and memory.device_id != machine.current_device():
            raise ValueError(
                f"Array device must be same as the current device: array device = {memory.device_id} while current = "
                f"{machine.current_device()}"
            )
    ident = machine.current_stream() if stream is None else stream.ptr
    found = _recordings.get(ident) if _recordings else None
    read, written = [memory.accesses for memory in reads], [memory.accesses for memory in writes]
    if found is not None:
        found.operations.append((operation, read, written))
    else:
        replay(operation, read, written, ident)


def replay(operation: Operation, reads: list[order.Accesses], writes: list[order.Accesses], stream: int) -> None:
    """Run an operation on a stream, after a check of what it may overtake."""
    order.access(stream, reads, writes)
    operation()


_RELAXED = 2  # cudaStreamCaptureModeRelaxed
_loaded: set[tuple[Any, ...]] = set()


def load(*kernel: Any) -> None:
    """What the first launch of a kernel, given by whatever tells it from others, does on each GPU: load its code.

    A capture refuses that unless it is relaxed, so what is captured must have been run before.
    """
    key = (machine.current_device(), *kernel)
    if key in _loaded:
        return
    found = _recordings.get(machine.current_stream()) if _recordings else None
    if found is not None and found.mode != _RELAXED:
        refuse(f"a kernel that was not launched before the capture is loaded: {kernel[0]}")
    _loaded.add(key)


def forget_kernels() -> None:
    """Let no kernel be loaded, as in a new process."""
    _loaded.clear()


def capturing() -> bool:
    """Whether the current stream captures."""
    return bool(_recordings) and machine.current_stream() in _recordings


def refuse(what: str) -> None:
    """Raise, and spoil the capture, if the current stream captures."""
    found = _recordings.get(machine.current_stream()) if _recordings else None
    if found is not None:
        found.spoiled = found.spoiled or what
        raise CUDARuntimeError(CAPTURE_UNSUPPORTED, what)


def refuse_sync(what: str) -> None:
    """The same, for what makes the host wait."""
    refuse(f"{what} makes the host wait for the GPU")


def poison(memory: Any) -> None:
    """Fill memory that is handed out anew with NaN, the bytes 0xFF in every floating type."""
    memory.buffer[:] = 0xFF


def host_reads(memory: Any, what: str) -> None:
    """The host reads device memory through the current stream: it waits for the stream."""
    refuse_sync(what)
    ident = machine.current_stream()
    order.access(ident, [memory.accesses], [])
    order.synchronize(ident)
