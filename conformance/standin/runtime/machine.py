"""The machine that the stand-in pretends to be: how many GPUs, how large, and whether there is a driver at all."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from conformance.standin.runtime.errors import INSUFFICIENT_DRIVER, INVALID_DEVICE, NO_DEVICE, CUDARuntimeError

MEMORY = 1 << 32  # bytes of each GPU
CAPABILITY = (8, 0)
DRIVER_VERSION = RUNTIME_VERSION = 12090
NAME = b"Stand-in on numpy"


class _Machine:
    devices = 1
    driver = True


_machine = _Machine()
_thread = threading.local()


@contextmanager
def pretend(devices: int = 1, driver: bool = True) -> Iterator[None]:
    """Be a machine with that many GPUs, inside a ``with`` block; without a driver, every call of the runtime fails."""
    before = _machine.devices, _machine.driver, current_device()
    _machine.devices, _machine.driver = devices, driver
    try:
        yield
    finally:
        _machine.devices, _machine.driver, _thread.device = before


def device_count() -> int:
    """The number of GPUs; CUDARuntimeError without a driver or with none."""
    if not _machine.driver:
        raise CUDARuntimeError(INSUFFICIENT_DRIVER)
    if _machine.devices == 0:
        raise CUDARuntimeError(NO_DEVICE)
    return _machine.devices


def has_driver() -> bool:
    """Whether there is a driver."""
    return _machine.driver


def current_device() -> int:
    """The GPU that this thread's calls go to."""
    return int(getattr(_thread, "device", 0))


def set_current_device(index: int) -> None:
    """Send this thread's calls to another GPU; CUDARuntimeError for one that is not there."""
    if not 0 <= index < device_count():
        raise CUDARuntimeError(INVALID_DEVICE, f"device {index} of {device_count()}")
    _thread.device = index


def streams_of_thread() -> dict[int, Any]:
    """The current stream of each GPU in this thread; a GPU that is not in it uses the legacy default stream."""
    found: dict[int, Any] = _thread.__dict__.setdefault("streams", {})
    return found


def current_stream() -> int:
    """The pointer of the current stream of the current GPU; 0 is the legacy default stream."""
    stream = streams_of_thread().get(current_device())
    return 0 if stream is None else int(stream.ptr)


# --- memory -------------------------------------------------------------------------------------------------------

_taken: dict[int, int] = {}  # bytes of each GPU


def take(device: int, size: int) -> bool:
    """Take memory of a GPU, if there is as much; a negative size gives back."""
    if _taken.get(device, 0) + size > MEMORY:
        return False
    _taken[device] = _taken.get(device, 0) + size
    return True


def mem_info() -> tuple[int, int]:
    """Free and total bytes of the current GPU."""
    device_count()
    return MEMORY - _taken.get(current_device(), 0), MEMORY
