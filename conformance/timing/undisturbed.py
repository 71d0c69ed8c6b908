"""What makes a process's times repeatable: a clock that other programs do not move, and a settled heap.

On a shared machine a thread is often ready and has to wait for a processor. Time on the clock is then

    running + asleep + ready, but not running

and only the last is the others' doing. Linux counts it for each thread (the second number of `schedstat`), so it can be
taken off. What a library waits for by itself, a lock or a file, stays: unlike processor time, this clock counts sleep.

The heap makes two processes of one program differ for their whole lives. glibc takes blocks above a threshold straight
from the system, which gives them page by page, each with a fault, and gives a large free end of its heap back. Both
thresholds grow with the largest such block that was ever freed, up to 32 MiB. Whether a batch of images is a fault a page
in every call hangs on what was freed before: LeNet-5's step with 256 images had three modes, 15% and 30% apart, and
`relu` on 6 MB took 1.5 times as long in one process as in another. A long-lived process gets to the end of this by itself;
`settle_heap` goes there at once, for all libraries in the process.
"""

import os
import time
import weakref
from pathlib import Path

import numpy

SCHEDULED = Path("/proc/thread-self/schedstat")  # ns on a processor, ns waiting for one, number of times
LARGEST = 31 << 20  # bytes: below glibc's limit for its thresholds, DEFAULT_MMAP_THRESHOLD_MAX


class Undisturbed:
    """Seconds, without those in which this thread waited for a processor. For the thread that made it, on Linux."""

    def __init__(self, path: Path = SCHEDULED) -> None:
        """OSError where the system does not say."""
        self.file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self.file)
        self.waited()

    def __call__(self) -> float:
        return time.perf_counter() - self.waited()

    def waited(self) -> float:
        """Seconds that this thread was ready and did not run."""
        return int(os.pread(self.file, 64, 0).split()[1]) * 1e-9


def settle_heap() -> None:
    """Let the allocator keep what it is given back, as it does after a while."""
    block = numpy.empty(LARGEST, numpy.uint8)
    del block  # it is the freeing that moves the thresholds
