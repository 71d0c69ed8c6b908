"""Times of several sides, taken so that they can be compared: interleaved, in random order, in one process.

1. Warm-up: every side is called until its time does not fall any more (caches, allocators, compilers, thread pools).
2. Calibration: a sample is as many calls as make `LEAST` seconds, so that reading the clock costs nothing.
3. Rounds: in each, one sample of every side in an order drawn anew, each after a call (unless it is long) that is not
   timed and takes back the caches from the side before. What a round's samples share (a busy neighbour, a hot processor) cancels in their ratio.

With several threads, each sample waits for the side before to fall silent (`quiet`): the threads of torch's OpenMP keep
spinning for some 6 ms after an operation and those of OpenBLAS for some 50 ms, on processors that the next side needs.

The garbage collector is off meanwhile: its pauses would fall on whoever allocates next. What else is done against other
programs and against the luck of a process is in `undisturbed.py`.
"""

import gc
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy

from conformance.draw import Array

Call = Callable[[], Any]
Clock = Callable[[], float]

LEAST = 5e-4  # seconds of a sample
FEWEST = 20  # rounds
WINDOW = 3  # samples that are looked at together
LONG = 5e-3  # seconds of a call that fills the caches by itself, on the clock, and hardly shows it
STABLE = 0.05  # the best of a window may be faster than the best before it by this much
SILENT = 0.1  # of a processor
WARMING = 1.0  # seconds of warm-up after which a side is timed as it is


@dataclass(frozen=True)
class Side:
    """What is timed: `call`, inside `context` (settings for the time of a sample, entered off the clock)."""

    name: str
    call: Call
    context: Callable[[], AbstractContextManager[Any]] = nullcontext


@dataclass(frozen=True)
class Warm:
    """A side after its warm-up."""

    seconds: float  # of a call, roughly
    loops: int  # calls a sample
    stable: bool


@dataclass(frozen=True)
class Times:
    """Seconds of a call: `seconds[round, side]`."""

    sides: tuple[str, ...]
    seconds: Array
    warm: tuple[Warm, ...]

    def of(self, name: str) -> Array:
        """All rounds of one side."""
        return self.seconds[:, self.sides.index(name)]

    def median(self, name: str) -> float:
        """Seconds of a call of one side."""
        return float(numpy.median(self.of(name)))

    @property
    def stable(self) -> bool:
        """Whether every side's warm-up ended by itself."""
        return all(warm.stable for warm in self.warm)


@contextmanager
def without_collector() -> Iterator[None]:
    """No garbage collection, after a thorough one."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def sample(side: Side, loops: int, clock: Clock = time.perf_counter) -> float:
    """Seconds of a call: the mean of `loops` calls in a row."""
    call = side.call
    with side.context():
        began = clock()
        for _ in repeat(None, loops):
            call()
        return (clock() - began) / loops


def quiet(
    limit: float = 0.1,
    step: float = 2e-3,
    clock: Clock = time.perf_counter,
    used: Clock = time.process_time,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until this process's threads use no processor any more, `limit` seconds at most."""
    began = clock()
    while clock() - began < limit:
        wall, cpu = clock(), used()
        sleep(step)
        if used() - cpu < SILENT * (clock() - wall):
            return


def warm(side: Side, *, least: float = LEAST, limit: float = WARMING, clock: Clock = time.perf_counter) -> Warm:
    """Call a side until its time is stable, or `limit` seconds have passed; two samples at least."""
    began, loops = clock(), 1
    best = sample(side, loops, clock)
    while best * loops < least and clock() - began < limit:
        needed = math.ceil(least / best) if best > 0 else 10 * loops
        loops = max(loops + 1, min(10 * loops, needed))  # step by step: first calls are slow and tell little
        best = sample(side, loops, clock)
    stable = False
    while not stable:
        window: list[float] = []
        while len(window) < WINDOW and (clock() - began < limit or not window):
            window.append(sample(side, loops, clock))
        stable = len(window) == WINDOW and min(window) > best * (1 - STABLE)
        best = min(best, *window)
        if clock() - began >= limit:
            break
    return Warm(best, max(1, math.ceil(least / best)) if best > 0 else loops, stable)


def interleaved(
    sides: Sequence[Side],
    rounds: int,
    rng: numpy.random.Generator,
    *,
    seconds: float = math.inf,
    fewest: int = FEWEST,
    least: float = LEAST,
    limit: float = WARMING,
    clock: Clock = time.perf_counter,
    silence: Callable[[], None] | None = None,
) -> Times:
    """Samples of all sides: `rounds` of them, or as many (`fewest` at least) as fit into `seconds`, warm-up included.

    `silence` is called before every sample.
    """
    began = clock()
    silence = silence or _nothing
    waits = 0.0
    with without_collector():
        warmed: tuple[Warm, ...] = ()
        for side in sides:
            warmed += (warm(side, least=least, limit=limit, clock=clock),)
            waiting = clock()
            silence()
            waits += clock() - waiting
        # A round also takes the calls off the clock; how many rounds there are does not depend on what they will say.
        cost = waits + sum(one.seconds * (one.loops + (one.seconds < LONG)) for one in warmed)
        if seconds < math.inf and cost > 0:
            rounds = max(fewest, min(rounds, int((seconds - (clock() - began)) / cost)))
        taken = numpy.empty((rounds, len(sides)))
        for times in taken:
            for k in rng.permutation(len(sides)):
                silence()
                if warmed[k].seconds < LONG:
                    sample(sides[k], 1, clock)
                times[k] = sample(sides[k], warmed[k].loops, clock)
    return Times(tuple(side.name for side in sides), taken, warmed)


def _nothing() -> None:
    """No silence is needed."""
