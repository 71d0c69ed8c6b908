"""The ratios of a timing table, how sure they are, and what several processes together say.

Only ratios of candidate to torch are compared, never times, and of a ratio its logarithm x. What moves x in a program
that stayed the same:

- *within* a process, the clock's jitter. Two measurements tell of it: the ratio's own confidence interval, and the null
  test, torch against torch in the same rounds. They measure one thing, so the larger counts, not their sum. A null
  interval that does not contain 1 shows a bias: what it lacks is added.
- *between* processes, what each draws once and keeps: addresses, page colours, the order of a hash, a neighbour who keeps
  the caches busy. No number of rounds in one process shows it or averages it. Repeated processes of one program differed
  by a deviation of 2% to 5% in LeNet-5's steps, with intervals of 1% to 2%, and by 15% in a row that streams megabytes.

So several processes are pooled: `pooled` takes their mean, whose deviation comes from how they differ.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, median, variance
from typing import Any

from conformance.gate.snapshot import KEY

PROCESS = 0.01  # between processes, a ratio's logarithm has at least this deviation
ALONE = 0.04  # a single process that nothing else is known of is taken to have this one
SHARED = 3.0  # degrees of freedom that is worth what else is known of a row's variance between processes
RUNS, FREEDOM = "runs", "freedom"  # columns of a table that was made of several: how many, and `Ratio.freedom`
_95 = 1.96

Key = tuple[Any, ...]  # `snapshot.KEY`


@dataclass(frozen=True)
class Ratio:
    """The logarithm of candidate / torch, and its standard deviation."""

    log: float
    deviation: float
    freedom: float = math.inf  # degrees of freedom that the deviation was estimated with
    processes: int = 1  # that it is the mean of

    @property
    def spread(self) -> float:
        """The deviation of a single process."""
        return self.deviation * math.sqrt(self.processes)

    @property
    def times(self) -> str:
        """As a reader wants it."""
        return f"{math.exp(self.log):.3g}x torch's time"


def ratios(frame: Any, alone: float = PROCESS) -> dict[Key, Ratio]:
    """Every row of a timing table; rows without a ratio are left out. `alone` is the deviation of one process from others."""
    columns = [*KEY, "ratio", "low", "high", "null_low", "null_high"]
    several = RUNS in frame.columns  # they have shown how much they differ
    runs = frame[RUNS].tolist() if several else [1] * len(frame)
    freedoms = frame[FREEDOM].tolist() if FREEDOM in frame.columns else [math.inf] * len(frame)
    found = {}
    lines = zip(*(frame[name].tolist() for name in columns), freedoms, runs, strict=True)
    for *key, ratio, low, high, null_low, null_high, freedom, number in lines:
        if all(isinstance(value, float) and 0 < value < math.inf for value in (ratio, low, high, null_low, null_high)):
            noise = max(math.log(high / low), math.log(null_high / null_low)) / (2 * _95)
            bias = max(math.log(null_low), -math.log(null_high), 0.0)
            deviation = math.hypot(noise, bias, 0.0 if several else alone)
            found[tuple(key)] = Ratio(math.log(ratio), deviation, freedom, number)
    return found


def together(frames: Sequence[Any]) -> Any:
    """One timing table of several runs of the same program: the mean ratio of each row, and the interval of that mean.

    Rows that not every run has are left out. The columns `RUNS` and `FREEDOM` are added.
    """
    tables = [ratios(frame) for frame in frames]
    keys = [key for key in tables[0] if all(key in table for table in tables)]
    means = pooled(keys, tables)
    first = frames[0]
    rows = list(zip(*(first[column].tolist() for column in KEY), strict=True))
    chosen = [key in means for key in rows]
    made = first[chosen].copy()
    kept = [means[key] for key, there in zip(rows, chosen, strict=True) if there]
    made["ratio"] = [math.exp(mean.log) for mean in kept]
    for column, side in (("low", -_95), ("high", _95)):
        made[column] = [math.exp(mean.log + side * mean.deviation) for mean in kept]
    made["null_low"], made["null_high"] = made["low"] / made["ratio"], made["high"] / made["ratio"]
    made[RUNS] = len(frames)
    made[FREEDOM] = [mean.freedom for mean in kept]
    return made


def pooled(
    keys: Sequence[Key], tables: Sequence[Mapping[Key, Ratio]], spreads: Mapping[Key, float] | None = None
) -> dict[Key, Ratio]:
    """Rows measured in several processes: their mean, whose deviation is what they say or what they differ by.

    The scatter of a handful of processes is a poor estimate of a row's variance. It is averaged with what else is known
    of it, its spread in the baseline (`spreads`) or else the typical row's, which counts for `SHARED` degrees of freedom.
    """
    drawn = {key: [table[key] for table in tables if key in table] for key in keys}
    drawn = {key: each for key, each in drawn.items() if each}
    variances = {key: variance([ratio.log for ratio in each]) for key, each in drawn.items() if len(each) > 1}
    typical = median(variances.values()) if variances else 0.0
    found = {}
    for key, each in drawn.items():
        known, own, free = typical if spreads is None else spreads[key] ** 2, variances.get(key, 0.0), len(each) - 1
        between, freedom = (SHARED * known + free * own) / (SHARED + free), SHARED + free
        within = fmean(ratio.deviation**2 for ratio in each)
        deviation = math.sqrt(max(within, between) / len(each))
        mean = fmean(ratio.log for ratio in each)
        found[key] = Ratio(mean, deviation, freedom if between > within else math.inf, len(each))
    return found


def quantile(chance: float, freedom: float = math.inf) -> float:
    """How many deviations are exceeded with so little chance: Student's quantile, by Wallace's formula (1959)."""
    z = NormalDist().inv_cdf(1 - chance)
    if math.isinf(freedom):
        return z
    return math.sqrt(freedom * math.expm1((z * (8 * freedom + 3) / (8 * freedom + 1)) ** 2 / freedom))


def freedom_of_difference(left: Ratio, right: Ratio) -> float:
    """Degrees of freedom of the deviation of a difference (Welch and Satterthwaite)."""
    each = left.deviation**4 / left.freedom + right.deviation**4 / right.freedom
    return (left.deviation**2 + right.deviation**2) ** 2 / each if each else math.inf
