"""Time rows: the candidate, torch, and torch once more, interleaved; then look whether the results are right.

The second torch is the null test. Its ratio to the first is 1 in truth, so how far its interval reaches is how small a
difference can be seen on this machine at this time, for this very row.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy

from conformance.candidates.namespace import Namespace
from conformance.candidates.protocol import Candidate
from conformance.gpus import is_gpu
from conformance.timing import check
from conformance.timing.company import Moment, crowded
from conformance.timing.gpu import LEAST as GPU_LEAST
from conformance.timing.gpu import Clock as GpuClock
from conformance.timing.gpu import Flush, l2_bytes
from conformance.timing.machine import Rates, gpu_rates, rates
from conformance.timing.measure import FEWEST, LEAST, WARMING, Clock, Side, Times, interleaved, quiet, warm
from conformance.timing.row import Gpu, Row, ready, traffic
from conformance.timing.statistics import median_ratio
from conformance.timing.threads import limited
from conformance.timing.undisturbed import Undisturbed

CANDIDATE, TORCH, NULL = "candidate", "torch", "torch again"
DOMINATED = 0.5  # a call on next to nothing takes this share of the row's time: the row measures calls, not work


@dataclass
class Timing:
    """One row of the report."""

    name: str
    what: str  # forward, forward+backward, step, inference
    threads: int
    dtype: str
    ratio: float  # the median of candidate / torch, pair by pair
    low: float  # its 95% interval
    high: float
    null_low: float  # the same of torch / torch
    null_high: float
    candidate_s: float  # median seconds of a call
    torch_s: float
    overhead: bool  # whether a call on next to nothing takes half of either's time
    pairs: int
    group: str = ""
    stable: bool = True  # whether the warm-up ended by itself
    candidate_overhead: float = math.nan  # the share of the time that a call on next to nothing takes
    torch_overhead: float = math.nan
    candidate_gflops: float = math.nan
    torch_gflops: float = math.nan
    candidate_gbytes_s: float = math.nan
    torch_gbytes_s: float = math.nan
    candidate_of_gemm: float = math.nan  # shares of what the machine reached in this run
    torch_of_gemm: float = math.nan
    candidate_of_copy: float = math.nan
    torch_of_copy: float = math.nan
    candidate_mib: float = math.nan  # peak memory above import
    torch_mib: float = math.nan
    others_busy: float = math.nan  # processors that other programs used meanwhile
    crowded: bool = False  # whether a thread of this row had to share its processor
    wrong: str = ""  # what is wrong with the results; empty when nothing is


@dataclass
class Beside:
    """The candidate beside another library, on one row."""

    name: str
    what: str
    threads: int
    other: str
    ratio: float  # candidate / other
    low: float
    high: float
    candidate_s: float
    other_s: float


@dataclass
class Outcome:
    """All that was timed."""

    candidate: str
    timings: list[Timing] = field(default_factory=list)
    beside: list[Beside] = field(default_factory=list)
    untimed: list[tuple[str, str]] = field(default_factory=list)  # what, and why
    raised: list[tuple[str, str]] = field(default_factory=list)  # rows that a GPU did not come through, and the error
    rates: dict[int, Rates] = field(default_factory=dict)  # by number of threads
    axes: dict[tuple[str, str, int], dict[str, float]] = field(
        default_factory=dict
    )  # sizes along sweeps: name, what, threads
    load: list[float] = field(default_factory=list)  # of the system, before and after
    gpus: list[str] = field(default_factory=list)  # their clocks and temperatures, before and after
    seconds: float = 0.0
    complete: bool = True

    @property
    def wrong(self) -> list[Timing]:
        """The rows whose results are wrong."""
        return [timing for timing in self.timings if timing.wrong]

    @property
    def crowded(self) -> list[Timing]:
        """The rows that did not have the machine to themselves."""
        return [timing for timing in self.timings if timing.crowded]


COLUMNS = tuple(field.name for field in fields(Timing))


@dataclass
class Bench:
    """Two libraries, and how thoroughly they are timed."""

    candidate: Candidate
    torch: Namespace
    pairs: int
    seconds: float = math.inf  # for all rows
    seed: int = 0
    fewest: int = FEWEST
    least: float = LEAST
    limit: float = WARMING
    clock: Clock | None = None  # None: see `clock_for`
    check: Callable[[Row, Candidate], str] = check.wrong
    gpu: Gpu | None = None  # where the sides are on one

    def __post_init__(self) -> None:
        self.rng = numpy.random.default_rng(self.seed)
        self.smallest: dict[tuple[Any, ...], float] = {}
        self.alone = _alone()

    def clock_for(self, threads: int) -> Clock:
        """What tells the time while so many threads work."""
        if self.clock is not None:
            return self.clock
        return self.alone if threads == 1 else time.perf_counter

    @classmethod
    def on(
        cls, device: str, candidate: Candidate, torch: Namespace, pairs: int, seconds: float, **more: Any
    ) -> "Bench":
        """A bench on a device: a GPU brings its own clock, and a cache to be emptied."""
        if not is_gpu(device):
            return cls(candidate, torch, pairs, seconds, **more)
        gpu = Gpu(l2_bytes(torch.torch, device), Flush(torch.torch, device))
        least = max(more.pop("least", LEAST), GPU_LEAST)
        return cls(candidate, torch, pairs, seconds, **more, least=least, clock=GpuClock(torch.torch), gpu=gpu)

    @property
    def libraries(self) -> list[Any]:
        """The namespaces whose threads can be set."""
        return [getattr(side, "torch", None) for side in (self.candidate, self.torch)]

    def rates(self, threads: int) -> Rates:
        """The machine's own."""
        with limited(threads, self.libraries):
            if self.gpu is not None:
                return gpu_rates(self.torch.torch, self.torch.device, clock=self.clock_for(threads))
            return rates(self.torch.torch, threads, clock=self.clock_for(threads))

    def time(self, row: Row, threads: int, seconds: float = math.inf) -> Timing:
        """One row. Raises Untimed where one of the sides cannot run it."""
        with limited(threads, self.libraries):
            sides = [self._side(row, name) for name in (CANDIDATE, TORCH, NULL)]
            moment = Moment.now()
            times = self._interleaved(sides, seconds, threads)
            others = moment.others_since()
            timing = self._timing(row, threads, times)
            if others is not None:
                timing.others_busy, timing.crowded = others, crowded(others, threads)
            self._floor(timing, row, threads, times)
            self._achieved(timing, row)
            timing.wrong = self.check(row, self.candidate)
        return timing

    def beside(self, row: Row, threads: int, others: Sequence[Side], seconds: float) -> list[Beside]:
        """The candidate beside other libraries on a row, in rounds of their own."""
        with limited(threads, self.libraries):
            sides = [self._side(row, CANDIDATE), *others]
            times = self._interleaved(sides, seconds, threads)
        mine, found = times.of(CANDIDATE), []
        for other in others:
            ratio = median_ratio(mine, times.of(other.name), self.rng)
            medians = times.median(CANDIDATE), times.median(other.name)
            found.append(Beside(row.name, row.what, threads, other.name, ratio.value, ratio.low, ratio.high, *medians))
        return found

    def _side(self, row: Row, name: str) -> Side:
        """The candidate by the row's algorithm, or torch by its own."""
        if name == CANDIDATE:
            return ready(row, self.candidate, name, self.gpu)
        return ready(replace(row, variant=None, setup=row.baseline or row.setup), self.torch, name, self.gpu)

    def _interleaved(self, sides: Sequence[Side], seconds: float, threads: int) -> Times:
        return interleaved(
            sides,
            self.pairs,
            self.rng,
            seconds=seconds,
            fewest=self.fewest,
            least=self.least,
            limit=self.limit,
            clock=self.clock_for(threads),
            silence=quiet if threads > 1 else None,
        )

    def _timing(self, row: Row, threads: int, times: Times) -> Timing:
        ratio = median_ratio(times.of(CANDIDATE), times.of(TORCH), self.rng)
        null = median_ratio(times.of(NULL), times.of(TORCH), self.rng)
        return Timing(
            row.name,
            row.what,
            threads,
            row.dtype,
            ratio.value,
            ratio.low,
            ratio.high,
            null.low,
            null.high,
            times.median(CANDIDATE),
            times.median(TORCH),
            overhead=False,
            pairs=len(times.seconds),
            group=row.group,
            stable=times.stable,
        )

    def _floor(self, timing: Timing, row: Row, threads: int, times: Times) -> None:
        """What share of the time a call takes whatever it is given."""
        tiny = row.shrunk()
        if tiny is None:
            return
        shares, clock = [], self.clock_for(threads)
        for name in (CANDIDATE, TORCH):
            key = (row.operation.name, row.what, row.variant, threads, name)
            if key not in self.smallest:
                side = self._side(tiny, name)
                self.smallest[key] = warm(side, least=self.least, limit=self.limit / 4, clock=clock).seconds
            whole = times.warm[times.sides.index(name)].seconds
            shares.append(min(1.0, self.smallest[key] / whole) if whole else math.nan)
        timing.candidate_overhead, timing.torch_overhead = shares
        timing.overhead = max(shares) >= DOMINATED

    def _achieved(self, timing: Timing, row: Row) -> None:
        """Rates: what the row needs to compute and to move, by the time it took."""
        moved = traffic(row, self.torch)
        for name, seconds in (("candidate", timing.candidate_s), ("torch", timing.torch_s)):
            setattr(timing, f"{name}_gflops", row.flops / seconds * 1e-9)
            setattr(timing, f"{name}_gbytes_s", moved / seconds * 1e-9)


def _alone() -> Clock:
    """A clock that stands still while this thread waits for a processor, where the system tells of that."""
    try:
        return Undisturbed()
    except OSError:
        return time.perf_counter


def relate(timings: Sequence[Timing], limits: dict[int, Rates]) -> None:
    """Fill in the shares of what the machine reached."""
    for timing in timings:
        rate = limits.get(timing.threads)
        if rate is None:
            continue
        for name in ("candidate", "torch"):
            setattr(timing, f"{name}_of_gemm", getattr(timing, f"{name}_gflops") / rate.gflops)
            setattr(timing, f"{name}_of_copy", getattr(timing, f"{name}_gbytes_s") / rate.gbytes_s)
