"""Copies between pinned host memory and a GPU that are under way: neither side may touch the host memory yet.

The GPU copies while the host goes on, so what the host writes there meanwhile may arrive instead, and what it reads
there may not have arrived. Here numbers are copied at once, and the host memory is watched until the host has waited
for the stream: memory that is copied from keeps a checksum, and must still have it; memory that is copied to holds NaN
until then. Memory that is not pinned needs no watching: the driver copies it aside before the call returns.
"""

import zlib
from dataclasses import dataclass

from conformance.draw import Array
from conformance.standin.runtime import order, pinned


class ChangedWhileCopied(RuntimeError):
    """Host memory was changed while a copy from it to the GPU was under way."""


@dataclass
class _Copy:
    stream: int
    time: int  # the operation's number on its stream
    host: Array  # bytes of pinned memory
    checksum: int = 0
    arriving: Array | None = None  # what is copied to the host

    @property
    def done(self) -> bool:
        """Whether the host has waited for it."""
        return order.host.clock.get(self.stream, 0) >= self.time

    def finish(self) -> None:
        """Let it arrive, or see that nothing changed; memory that is gone is nobody's."""
        if not pinned.is_pinned(_address(self.host)):
            return
        if self.arriving is not None:
            self.host[:] = self.arriving
        elif zlib.crc32(self.host.data) != self.checksum:
            raise ChangedWhileCopied(
                f"{self.host.nbytes} bytes of pinned memory were changed before stream {self.stream:#x}, which copies "
                "them to the GPU, was synchronised"
            )


_copies: list[_Copy] = []


def from_host(host: Array, stream: int) -> None:
    """The last operation of a stream copies these bytes to the GPU."""
    if host.size and pinned.is_pinned(_address(host)):
        _copies.append(_Copy(stream, order.timeline(stream).clock[stream], host, zlib.crc32(host.data)))


def to_host(host: Array, stream: int) -> None:
    """The last operation of a stream copies to these bytes, where the numbers are already."""
    if host.size and pinned.is_pinned(_address(host)):
        _copies.append(_Copy(stream, order.timeline(stream).clock[stream], host, arriving=host.copy()))
        host[:] = 0xFF


def _host_waited() -> None:
    done = [copy for copy in _copies if copy.done]
    _copies[:] = [copy for copy in _copies if not copy.done]
    for copy in done:
        copy.finish()


def _address(host: Array) -> int:
    return int(host.__array_interface__["data"][0])


order.after_waiting.append(_host_waited)
