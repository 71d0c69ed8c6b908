"""How busy the machine is with other programs while rows are timed.

Interleaving cancels a busy neighbour for calls on one thread. It cannot for calls on several: their threads wait for each
other at every barrier, spinning, and when one is not running because somebody else is, the wait takes a time slice of
milliseconds where it should take microseconds. Libraries suffer from that unequally, and the null test does not show it. So
the processors that other programs used are counted, and a row that did not have its own is marked.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from conformance.timing.threads import processors

STATISTICS = Path("/proc/stat")
IDLE = (3, 4)  # columns of the first line: idle, and idle while waiting for a disk
ALLOWED = 0.25  # of a processor: what a system does anyway


@dataclass(frozen=True)
class Moment:
    """Seconds of processor time that all programs, and this one with its finished children, have used."""

    wall: float
    everybody: float | None
    own: float

    @classmethod
    def now(cls) -> "Moment":
        """Read the clocks."""
        own = os.times()
        return cls(time.monotonic(), _everybody(), own.user + own.system + own.children_user + own.children_system)

    def others_since(self) -> float | None:
        """Processors that other programs used on average since this moment; None where the system does not tell."""
        now = Moment.now()
        if self.everybody is None or now.everybody is None or now.wall <= self.wall:
            return None
        return max(0.0, ((now.everybody - self.everybody) - (now.own - self.own)) / (now.wall - self.wall))


def _everybody() -> float | None:
    try:
        columns = [int(word) for word in STATISTICS.read_text(encoding="ascii").splitlines()[0].split()[1:9]]
    except (OSError, ValueError, IndexError):
        return None
    busy = sum(value for k, value in enumerate(columns) if k not in IDLE)
    return busy / float(os.sysconf("SC_CLK_TCK"))


def crowded(others: float, threads: int) -> bool:
    """Whether so many threads did not have a processor each.

    >>> crowded(0.1, 1)
    False
    """
    return others + threads > processors() + ALLOWED
