"""What happens before what: streams, the host, and the memory they touch, kept as vector clocks.

Work on one stream runs in order; between streams, and between a stream and the host, nothing is ordered unless an
event, a synchronisation or the legacy default stream says so. Every stream s counts its operations, and knows of every
other stream the number up to which it has surely finished: clock_s[r] = t means that the first t operations of r come
before whatever is launched on s next. Waiting for an event takes the maximum with the clock the event was recorded at
(Lamport 1978, Mattern 1989).

Memory remembers the last write and, for each stream, the last read since. An access is ordered if the clock of the
stream that makes it covers what it must not overtake: a read the last write, a write the last write and all reads.
`UnorderedAccess` otherwise, with both streams named.

The numbers are computed at once, on the host: only the order is modelled, and that is enough to find the missing
wait, every time, where a GPU would mostly get away with it.
"""

import threading
from collections.abc import Callable, Iterable

from conformance.standin.runtime.errors import UnorderedAccess

Clock = dict[int, int]  # stream -> how many of its operations are surely done

lock = threading.RLock()


class Timeline:
    """The operations of one stream, or of the host."""

    def __init__(self, ident: int, blocking: bool = True) -> None:
        self.ident = ident
        self.blocking = blocking  # ordered with the legacy default stream
        self.clock: Clock = {ident: 0}

    def tick(self) -> int:
        """One more operation; its number."""
        self.clock[self.ident] += 1
        return self.clock[self.ident]

    def join(self, clock: Clock) -> None:
        """Come after everything that `clock` covers."""
        for ident, time in clock.items():
            if self.clock.get(ident, 0) < time:
                self.clock[ident] = time


class Host(Timeline):
    """The host; what waits for it to have waited is told."""

    def join(self, clock: Clock) -> None:
        super().join(clock)
        for tell in after_waiting:
            tell()


after_waiting: list[Callable[[], None]] = []
LEGACY = 0  # the stream with pointer 0
host = Host(-1)
_timelines: dict[int, Timeline] = {LEGACY: Timeline(LEGACY)}


def timeline(ident: int) -> Timeline:
    """The timeline of a stream, by its pointer."""
    with lock:
        return _timelines.setdefault(ident, Timeline(ident))


def start(ident: int, blocking: bool) -> None:
    """A stream comes into being."""
    with lock:
        _timelines[ident] = Timeline(ident, blocking)


def launch(ident: int) -> Timeline:
    """Begin an operation on a stream: after what the host waited for, and after what the default stream demands."""
    stream = timeline(ident)
    stream.join(host.clock)
    if ident == LEGACY:
        for other in _timelines.values():
            if other.blocking:
                stream.join(other.clock)
    elif stream.blocking:
        stream.join(_timelines[LEGACY].clock)
    stream.tick()
    return stream


def synchronize(ident: int | None = None) -> None:
    """The host waits for a stream, or for all."""
    with lock:
        for stream in [timeline(ident)] if ident is not None else list(_timelines.values()):
            if stream.ident == LEGACY:
                for other in _timelines.values():
                    if other.blocking:
                        stream.join(other.clock)
            host.join(stream.clock)


class Accesses:
    """Who touched a piece of memory last."""

    __slots__ = ("reads", "write")

    def __init__(self) -> None:
        self.write: tuple[int, int] | None = None  # stream, time
        self.reads: Clock = {}


def access(ident: int, reads: Iterable[Accesses], writes: Iterable[Accesses]) -> None:
    """An operation on stream `ident` reads and writes memories; UnorderedAccess for a race."""
    with lock:
        stream = launch(ident)
        time = stream.clock[ident]
        for memory in reads:
            _expect(stream, memory.write, "reads", "written")
            memory.reads[ident] = time
        for memory in writes:
            _expect(stream, memory.write, "writes", "written")
            for reader in memory.reads.items():
                _expect(stream, reader, "writes", "read")
            memory.write = ident, time
            memory.reads = {}


def _expect(stream: Timeline, before: tuple[int, int] | None, does: str, did: str) -> None:
    if before is None or stream.clock.get(before[0], 0) >= before[1] or before[0] == stream.ident:
        return
    raise UnorderedAccess(
        f"stream {stream.ident:#x} {does} memory that stream {before[0]:#x} has {did}, and nothing orders the two: "
        "expected an event that one records and the other waits for, or a synchronisation"
    )
