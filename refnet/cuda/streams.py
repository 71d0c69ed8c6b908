"""Streams, queues of work that run beside each other, and events, marks in them."""

import threading
import warnings
from typing import Any, Self

from refnet import _gpu
from refnet._check import check
from refnet._device import device as Device
from refnet.cuda.devices import present


class Stream:
    """A queue of work on one GPU: what is in it runs in order, and beside what is in others.

    Work goes to the current stream, see `stream`. Without another choice that is the default stream, with which no
    other created here is ordered. Two streams that touch the same memory need an order: `wait_stream`, or an `Event`;
    and memory that was allocated on one and is used on another, `Tensor.record_stream`.

    - device: the GPU; the current one for None.
    - priority: a lower number runs first; 0 is the usual one. cupy takes it since version 14; a warning before.

    >>> import refnet
    >>> x, side = refnet.ones(3, device="cuda"), Stream()
    >>> side.wait_stream(current_stream())  # which fills x
    >>> with stream(side):
    ...     y = x + 1
    >>> current_stream().wait_stream(side)  # before y is used here
    >>> y
    tensor([2., 2., 2.], device='cuda:0')
    """

    native: Any  # cupy's stream
    device: Device

    def __new__(cls, device: Any = None, priority: int = 0) -> Self:
        index = present(device)
        _gpu.enter(index)
        native = _gpu.cupy().cuda.Stream
        if priority and not hasattr(native, "priority"):
            warnings.warn(f"Stream(): cupy {_gpu.cupy().__version__} knows no priorities; got {priority}", stacklevel=2)
            priority = 0
        options = {"priority": priority} if priority else {}
        return cls.over(native(non_blocking=True, **options), index)

    @classmethod
    def over(cls, native: Any, index: int) -> Self:
        """The stream of this GPU that cupy has as `native`."""
        made = object.__new__(cls)
        made.native, made.device = native, Device("cuda", index)
        return made

    @property
    def cuda_stream(self) -> int:
        """The handle of the CUDA runtime."""
        return int(self.native.ptr)

    @property
    def device_index(self) -> int:
        """The number of the GPU."""
        return -1 if self.device.index is None else self.device.index

    @property
    def priority(self) -> int:
        """The priority it was made with."""
        return int(getattr(self.native, "priority", 0))

    def __enter__(self) -> Self:
        """As the current stream inside a ``with`` block: see `stream`."""
        entered = StreamContext(self)
        entered.__enter__()
        _entered.contexts.append(entered)
        return self

    def __exit__(self, *_: object) -> None:
        _entered.contexts.pop().__exit__()

    def query(self) -> bool:
        """Whether all its work is done."""
        _gpu.enter(self.device_index)  # every GPU has a default stream, all of the same handle
        return bool(self.native.done)

    def synchronize(self) -> None:
        """Wait until all its work is done."""
        _gpu.enter(self.device_index)
        self.native.synchronize()

    def record_event(self, event: "Event | None" = None) -> "Event":
        """Set a mark here; a new one without `event`. Returns it."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: "Event") -> None:
        """Let what is queued here from now on wait for the mark."""
        event.wait(self)

    def wait_stream(self, stream: "Stream") -> None:
        """Let what is queued here from now on wait for what is in another stream by now."""
        self.wait_event(stream.record_event())

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.cuda_stream

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Stream):
            return NotImplemented
        return self.device is other.device and self.cuda_stream == other.cuda_stream

    def __hash__(self) -> int:
        return hash((self.device_index, self.cuda_stream))

    def __repr__(self) -> str:
        return f"<refnet.cuda.Stream device={self.device} cuda_stream={self.cuda_stream:#x}>"


class ExternalStream(Stream):
    """A stream that another library made, by its handle; that library keeps it alive."""

    def __new__(cls, stream_ptr: int, device: Any = None) -> Self:
        index = present(device)
        _gpu.enter(index)
        return cls.over(_gpu.cupy().cuda.ExternalStream(stream_ptr, index), index)


class Event:
    """A mark in a stream: to wait for it, and to measure the time between two.

    - enable_timing: `elapsed_time` works. blocking: `synchronize` lets the processor rest instead of spinning.
    - interprocess, external: not offered; RuntimeError.

    The event is made when it is first recorded, on the GPU of that stream.

    >>> import refnet
    >>> begin, end = Event(enable_timing=True), Event(enable_timing=True)
    >>> begin.record()
    >>> y = refnet.ones(3, device="cuda") + 1
    >>> end.record()
    >>> end.synchronize()
    >>> begin.elapsed_time(end) >= 0
    True
    """

    def __init__(
        self,
        enable_timing: bool = False,
        blocking: bool = False,
        interprocess: bool = False,
        external: bool = False,
    ) -> None:
        check(not interprocess and not external, lambda: "Event(): interprocess and external events are not supported")
        self._timing, self._blocking = enable_timing, blocking
        self._native: Any = None
        self.device: Any = None

    @property
    def cuda_event(self) -> int:
        """The handle of the CUDA runtime; 0 before it is recorded."""
        return 0 if self._native is None else int(self._native.ptr)

    def record(self, stream: Stream | None = None) -> None:
        """Set the mark in a stream, the current one without."""
        stream = current_stream() if stream is None else stream
        _gpu.enter(stream.device_index)
        if self._native is None:
            self._native = _gpu.cupy().cuda.Event(block=self._blocking, disable_timing=not self._timing)
            self.device = stream.device
        check(
            self.device is stream.device,
            lambda: f"Event device {self.device} does not match recording stream's device {stream.device}.",
        )
        stream.native.record(self._native)

    def wait(self, stream: Stream | None = None) -> None:
        """Let what is queued in a stream from now on, the current one without, wait for the mark."""
        stream = current_stream() if stream is None else stream
        if self._native is not None:
            _gpu.enter(stream.device_index)
            stream.native.wait_event(self._native)

    def query(self) -> bool:
        """Whether everything before the mark is done; True before it is set."""
        return self._native is None or bool(self._native.done)

    def synchronize(self) -> None:
        """Wait until everything before the mark is done."""
        if self._native is not None:
            self._native.synchronize()

    def elapsed_time(self, end_event: "Event") -> float:
        """Milliseconds from this mark to a later one; both set, done, and with ``enable_timing=True``."""
        check(
            self._timing and end_event._timing,
            lambda: "Both events must be created with argument 'enable_timing=True'.",
            ValueError,
        )
        check(
            self._native is not None and end_event._native is not None,
            lambda: "Both events must be recorded before calculating elapsed time.",
            ValueError,
        )
        check(
            self.query() and end_event.query(),
            lambda: "Both events must be completed before calculating elapsed time.",
            ValueError,
        )
        return float(_gpu.cupy().cuda.get_elapsed_time(self._native, end_event._native))

    def __repr__(self) -> str:
        return f"<refnet.cuda.Event {self.cuda_event:#x}>" if self._native else "<refnet.cuda.Event uninitialized>"


def current_stream(device: Any = None) -> Stream:
    """The stream that work on a GPU goes to."""
    index = present(device)
    return Stream.over(_gpu.cupy().cuda.get_current_stream(index), index)


def default_stream(device: Any = None) -> Stream:
    """The stream that work goes to if no other is chosen."""
    return Stream.over(_gpu.cupy().cuda.Stream.null, present(device))


def set_stream(stream: Stream | None) -> None:
    """Let work go to a stream from now on, and make its GPU current; None changes nothing."""
    if stream is not None:
        _gpu.set_current(stream.device_index)
        stream.native.use()


class StreamContext:
    """What `stream` returns: the stream as the current one, and its GPU too, inside a ``with`` block."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream
        self._before: list[tuple[int, Stream]] = []

    def __enter__(self) -> None:
        if self.stream is not None:
            self._before.append((_gpu.current(), current_stream(self.stream.device)))
            set_stream(self.stream)

    def __exit__(self, *_: object) -> None:
        if self.stream is not None:
            index, before = self._before.pop()
            set_stream(before)
            _gpu.set_current(index)


class _Entered(threading.local):
    """The streams that a thread is in as ``with`` blocks of their own."""

    def __init__(self) -> None:
        self.contexts: list[StreamContext] = []


_entered = _Entered()


def stream(stream: Stream | None) -> StreamContext:
    """Let work go to a stream inside a ``with`` block; no change for None.

    The block orders nothing: before it, the stream may need to wait for the one that was current, and after it the
    other way round (`Stream.wait_stream`).
    """
    return StreamContext(stream)
