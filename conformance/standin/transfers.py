"""Transfers between host and device, counted.

A read of the device by the host (`get`, `item`, `bool`, a mask used as an index, `nonzero`, ...) waits for all that was
launched before: on a GPU that is what makes a training step slow, and it looks like nothing in the code. So each one is
counted, with its name; inside `forbidden()` one raises, unless it is announced:

    with standin.counted() as seen:
        step()
    seen.reads                      # {"ndarray.item": 1}

    with standin.forbidden():       # a step that must not wait
        step()
        with standin.announced():   # the loss is printed: that wait is meant
            print(loss.item())
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from conformance.standin.runtime import capture


class HiddenTransfer(RuntimeError):
    """The host read the device, or wrote to it, where that was forbidden."""


class Seen:
    """Transfers by name: `reads` from the device, which wait for it, and `writes` to it."""

    def __init__(self) -> None:
        self.reads: Counter[str] = Counter()
        self.writes: Counter[str] = Counter()

    @property
    def synchronisations(self) -> int:
        """How often the host waited."""
        return sum(self.reads.values())


total = Seen()  # since the process began
_listening: list[Seen] = [total]
_state = threading.local()


@contextmanager
def counted() -> Iterator[Seen]:
    """Count the transfers inside a ``with`` block."""
    seen = Seen()
    _listening.append(seen)
    try:
        yield seen
    finally:
        _listening.remove(seen)


@contextmanager
def forbidden(writes: bool = False) -> Iterator[None]:
    """Let a read of the device raise HiddenTransfer inside a ``with`` block; `writes`: a copy to it as well."""
    with _forbidding(("read", "write") if writes else ("read",)):
        yield


@contextmanager
def announced() -> Iterator[None]:
    """Allow transfers inside a ``with`` block."""
    with _forbidding(()):
        yield


@contextmanager
def _forbidding(what: tuple[str, ...]) -> Iterator[None]:
    before = getattr(_state, "forbidden", ())
    _state.forbidden = what
    try:
        yield
    finally:
        _state.forbidden = before


def read(what: str, *memories: Any) -> None:
    """The host is about to read `memories`, for `what`."""
    if "read" in getattr(_state, "forbidden", ()):
        raise HiddenTransfer(f"{what} reads the device: the host waits for all that was launched")
    for seen in _listening:
        seen.reads[what] += 1
    for memory in memories:
        capture.host_reads(memory, what)


def write(what: str) -> None:
    """The host is about to copy to the device, for `what`."""
    if "write" in getattr(_state, "forbidden", ()):
        raise HiddenTransfer(f"{what} copies from the host to the device")
    capture.refuse(f"{what} copies from host memory")
    for seen in _listening:
        seen.writes[what] += 1
