"""`cupy.cuda.Stream`, `Event` and `Graph`: queues of work, marks in them, and work that was recorded."""

import itertools
import time
from typing import Any, ClassVar, Self

from conformance.standin.runtime import capture, machine, order
from conformance.standin.runtime.errors import (
    CAPTURE_INVALIDATED,
    CAPTURED_EVENT,
    INVALID_HANDLE,
    CUDARuntimeError,
)

_pointers = itertools.count(0x1000, 0x10)


class Event:
    """A mark in a stream: the clock it was recorded at, and the time."""

    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
        if interprocess and not disable_timing:
            raise ValueError("Timing must be disabled for interprocess events")
        machine.device_count()
        self.ptr = next(_pointers)
        self.timing = not disable_timing
        self.clock: order.Clock | None = None
        self.captured: capture.Recording | None = None
        self.time = 0.0

    @property
    def done(self) -> bool:
        """Whether the host knows that the stream came by; True before it is recorded."""
        self._not_captured()
        if self.clock is None:
            return True
        return all(order.host.clock.get(ident, 0) >= time for ident, time in self.clock.items() if ident >= 0)

    def record(self, stream: Any = None) -> None:
        """Set the mark in a stream, the current one without."""
        (get_current_stream() if stream is None else stream).record(self)

    def synchronize(self) -> None:
        """Let the host wait until the stream came by."""
        capture.refuse_sync("Event.synchronize")
        self._not_captured()
        if self.clock is not None:
            order.host.join(self.clock)

    def _not_captured(self) -> None:
        if self.captured is not None:
            raise CUDARuntimeError(CAPTURED_EVENT)


def get_elapsed_time(start_event: Event, end_event: Event) -> float:
    """Milliseconds from one event to another; both must be recorded, with timing, and done."""
    for event in (start_event, end_event):
        if event.clock is None or not event.timing:
            raise CUDARuntimeError(INVALID_HANDLE, "an event that was not recorded, or has no timing")
        if not event.done:
            raise CUDARuntimeError(600, "an event that the host has not waited for")
    return (end_event.time - start_event.time) * 1000


class Graph:
    """Recorded work; made by `Stream.end_capture` only."""

    def __init__(self, *_: Any) -> None:
        raise NotImplementedError(
            "currently this class cannot be initiated by the user and must be created via stream capture"
        )

    _recording: capture.Recording

    def launch(self, stream: Any = None) -> None:
        """Run it on a stream, the current one without."""
        ident = machine.current_stream() if stream is None else stream.ptr
        if capture.recording(ident) is not None:
            raise NotImplementedError("the stand-in captures no launch of a graph into another")
        for operation, reads, writes in self._recording.operations:
            capture.replay(operation, reads, writes, ident)

    def upload(self, stream: Any = None) -> None:
        """Prepare for the first launch; nothing to do here."""

    def debug_dot_str(self, flags: int = 0) -> str:
        """The nodes in the language of graphviz."""
        nodes = "".join(f" n{i};" for i in range(len(self._recording.operations)))
        return f"digraph dot {{{nodes} }}"


class BaseStream:
    """What own, external and default streams have in common."""

    def __init__(self, ptr: int, device_id: int) -> None:
        self.ptr, self.device_id = ptr, device_id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BaseStream) and self.ptr == other.ptr

    def __hash__(self) -> int:
        return self.ptr

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.ptr} (device {self.device_id})>"

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.ptr

    def _check_device(self) -> int:
        current = machine.current_device()
        if self.device_id not in (-1, current):
            raise RuntimeError(
                f"The device that the stream is created on ({self.device_id}) does not match with the current device "
                f"({current})"
            )
        return current

    def __enter__(self) -> Self:
        device = self._check_device()
        own = machine.streams_of_thread()
        _entered.append((device, own.get(device)))
        own[device] = self
        return self

    def __exit__(self, *_: object) -> None:
        device, before = _entered.pop()
        machine.streams_of_thread()[device] = before

    def use(self) -> Self:
        """Make it current."""
        machine.streams_of_thread()[self._check_device()] = self
        return self

    @property
    def done(self) -> bool:
        """Whether the host knows that all work is done."""
        capture.refuse("a query of the stream")
        clock = order.timeline(self.ptr).clock
        return order.host.clock.get(self.ptr, 0) >= clock[self.ptr]

    def synchronize(self) -> None:
        """Let the host wait until all work is done."""
        capture.refuse_sync("Stream.synchronize")
        if capture.recording(self.ptr) is not None:
            raise CUDARuntimeError(900, "the stream captures")
        order.synchronize(self.ptr)

    def record(self, event: Event | None = None) -> Event:
        """Set a mark."""
        event = event or Event()
        event.captured = capture.recording(self.ptr)
        if event.captured is None:
            event.clock, event.time = dict(order.launch(self.ptr).clock), time.perf_counter()
        return event

    def wait_event(self, event: Event) -> None:
        """Let what is launched from now on wait for the event."""
        if event.captured is not None:
            capture.fork(self.ptr, event.captured)  # what waits for captured work is captured itself
        elif event.clock is not None:
            order.timeline(self.ptr).join(event.clock)

    def launch_host_func(self, callback: Any, arg: Any) -> None:
        """Call ``callback(arg)`` on the host when all work before is done."""
        capture.submit(lambda: callback(arg), stream=self)

    def begin_capture(self, mode: int | None = None) -> None:
        """Record work from now on, instead of running it. Not on a default stream."""
        if self.ptr in (0, 1):
            raise RuntimeError("cannot capture on the default (legacy) stream")
        capture.begin(self.ptr, 2 if mode is None else mode)

    def end_capture(self) -> Graph:
        """What was recorded; CUDARuntimeError if something was refused meanwhile."""
        found = capture.end(self.ptr)
        if found.spoiled:
            raise CUDARuntimeError(CAPTURE_INVALIDATED, found.spoiled)
        graph = object.__new__(Graph)
        graph._recording = found
        return graph

    def is_capturing(self) -> bool:
        """Whether it records."""
        return capture.recording(self.ptr) is not None

    @property
    def is_non_blocking(self) -> bool:
        """Whether it is not ordered with the default stream."""
        return not order.timeline(self.ptr).blocking


_entered: list[tuple[int, Any]] = []


class Stream(BaseStream):
    """A queue of work on the current GPU; `null` stands for the default one."""

    null: ClassVar["Stream"]
    ptds: ClassVar["Stream"]

    def __init__(self, null: bool = False, non_blocking: bool = False, ptds: bool = False) -> None:
        if null or ptds:
            super().__init__(0 if null else 2, -1)
            return
        machine.device_count()
        super().__init__(next(_pointers), machine.current_device())
        order.start(self.ptr, blocking=not non_blocking)


class ExternalStream(BaseStream):
    """A stream that another library made, by its pointer."""

    def __init__(self, ptr: int, device_id: int = -1) -> None:
        super().__init__(int(ptr), device_id)
        order.timeline(self.ptr)


Stream.null = Stream(null=True)
Stream.ptds = Stream(ptds=True)


def get_current_stream(device_id: int = -1) -> Any:
    """The current stream of a GPU, the current one without."""
    device = machine.current_device() if device_id == -1 else device_id
    return machine.streams_of_thread().get(device) or Stream.null
