"""Speed: did a row of the timing table become slower, relative to torch, than noise explains?

Only ratios of candidate to torch are compared, never times. With x = log ratio, the change of a row is d = x' - x. What
noise explains of it:

- Each side's deviation s is the larger of what its confidence interval says, log(high / low) / (2 * 1.96), and what its
  null test, torch against torch on that machine at that time, says in the same way. They are two measurements of one
  thing, so the larger counts, not their sum. A null interval that does not contain 1 shows a bias: what it lacks is added.
- A table has R rows, and one alarm among them is an alarm: the limit for a row is z_R s_d with s_d^2 = s^2 + s'^2, and z_R
  the normal quantile of ALARMS / R (Bonferroni's: rows of one run share a machine and its drift, and it holds whatever
  they share), or Student's where a deviation comes from the scatter of a handful of runs.
- Two runs of the same program differ by more than either's interval shows: addresses, page colours, which core, and how
  busy the neighbours keep the caches (repeated runs on a busy machine differed by 1% in small rows and by 10% in rows that
  stream megabytes, at intervals of 2%). Only repeated runs show it, so a baseline is pooled from several (`together`). One run
  alone is taken to have `ALONE` for it, and `PROCESS` where it is only screened. The luck of a baseline
  is in every later comparison.
- Both together may still be too little. If the rows scatter about their median change by more than they claim (the median
  of |d - median| / s is 0.67 when the claims are right), all deviations are stretched by that much: a machine that is
  restless today is seen to be. A slowdown of all rows moves the median, not the scatter, and is not hidden.

In two stages, because a limit for a hundred rows would need more pairs than anybody waits for:

1. Screening: rows with d > LEAST / 2 + s_d (one standard deviation) are suspicious. It lets a few percent of the rows
   through, and nearly everything that is really slower.
2. These alone are measured again, in `PROCESSES` fresh processes. Their mean replaces the run's ratio, so that what
   screening picked for having been unlucky is forgotten; and `slower` is what is still beyond max(LEAST, z_R s_d), R
   being all rows, because the baseline's own luck was not drawn again. A suspicious row that is not, is no change.

Without a way to measure again the first look has to do with a limit of max(ONE_LOOK, z_R s_d).

On another kind of processor ratios move for reasons that are nobody's fault. There, d is counted from the table's own
median change, and the rows' spread around it (the median absolute deviation, as a standard deviation) is added to
s_d: a row that stands out from all others is still seen, a shift of all of them is named and not judged.

The limits are measured, on synthetic noise and on repeated runs: `python benchmarks/gate.py speed`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, median, variance
from typing import Any

from conformance.gate.change import FASTER, NEW, SLOWER, SPEED, Change
from conformance.gate.snapshot import KEY

ALARMS = 0.005  # false alarms a table, by chance: half of what is allowed, for the tails that are heavier than normal
LEAST = math.log(1.05)  # a slowdown that is called at all, where it was measured again
ONE_LOOK = math.log(1.15)  # and where it was not
PROCESS = 0.01  # between processes, a ratio's logarithm has at least this deviation
ALONE = 0.04  # a baseline of a single run, and a run that is not measured again, this one
SHARED = 3.0  # degrees of freedom that the other rows' scatter between runs is worth to a row
PROCESSES = 5  # measure a suspicious row again
RUNS, FREEDOM = "runs", "freedom"  # columns of a table that was made of several: how many, and `Ratio.freedom`
POSSIBLE = 1.645  # standard deviations beyond a limit at which a change is seen in 95% of runs
ROBUST = 1.4826  # median absolute deviations in a standard deviation
FEW = 8  # rows are too few to judge their scatter
_95 = 1.96

Key = tuple[Any, ...]
Measure = Callable[[Sequence[Key]], Sequence[Any]]  # keys of rows -> frames of timings, a frame a process


@dataclass(frozen=True)
class Ratio:
    """The logarithm of candidate / torch, and its standard deviation."""

    log: float
    deviation: float
    freedom: float = math.inf  # degrees of freedom that the deviation was estimated with

    @property
    def times(self) -> str:
        """As a reader wants it."""
        return f"{math.exp(self.log):.3g}x torch's time"


@dataclass(frozen=True)
class Table:
    """What the comparison of two tables found."""

    changes: list[Change]
    compared: int
    missing: list[Key]  # rows of the baseline that were not timed
    visible: list[float]  # for each row, the slowdown (a factor) that would be seen in 95% of runs
    shift: float = 0.0  # of all rows, on another processor


def compare(then: Any, now: Any, measure: Measure | None = None, *, same_processor: bool = True) -> Table:
    """The rows that became slower and faster, those that are new and those that are missing."""
    before, after = ratios(then, ALONE), ratios(now, ALONE if measure is None else PROCESS)
    both = [key for key in before if key in after]
    change = {key: after[key].log - before[key].log for key in both}
    deviation = {key: math.hypot(before[key].deviation, after[key].deviation) for key in both}
    shift, spread = (0.0, 0.0) if same_processor else _typical(list(change.values()))
    stretch = _stretch(change, deviation) if same_processor else 1.0

    def noise(key: Key, seen: Ratio) -> float:
        return stretch * math.hypot(before[key].deviation, seen.deviation, spread)

    def beyond(key: Key, seen: Ratio, least: float) -> float:
        return max(least, quantile(len(both), _freedom(before[key], seen)) * noise(key, seen))

    suspects = [key for key in both if change[key] - shift > LEAST / 2 + noise(key, after[key])]
    again = pooled(suspects, measure(suspects)) if measure is not None and suspects else {}
    changes = []
    for key in suspects:
        seen, least = (again[key], LEAST) if key in again else (after[key], ONE_LOOK)
        limit = beyond(key, seen, least)
        if seen.log - before[key].log - shift > limit:
            changes.append(_change(SLOWER, key, before[key], seen, shift, limit))
    for key in both:
        limit = beyond(key, after[key], ONE_LOOK)
        if change[key] - shift < -limit:
            changes.append(_change(FASTER, key, before[key], after[key], shift, limit))
    changes += [Change(NEW, SPEED, label(key), "", after[key].times) for key in after if key not in before]
    visible = []
    for key in both:
        seen, least = (after[key], ONE_LOOK) if measure is None else (_after_all(after[key]), LEAST)
        visible.append(math.exp(beyond(key, seen, least) + POSSIBLE * noise(key, seen)))
    return Table(changes, len(both), [key for key in before if key not in after], visible, shift)


def ratios(frame: Any, alone: float = PROCESS) -> dict[Key, Ratio]:
    """Every row of a timing table; rows without a ratio are left out. `alone` is the deviation of a run from others."""
    columns = [*KEY, "ratio", "low", "high", "null_low", "null_high"]
    freedoms = frame[FREEDOM].tolist() if FREEDOM in frame.columns else [math.inf] * len(frame)
    one = alone if RUNS not in frame.columns else 0.0  # several runs have shown how much they differ
    found = {}
    lines = zip(*(frame[name].tolist() for name in columns), freedoms, strict=True)
    for *key, ratio, low, high, null_low, null_high, freedom in lines:
        if all(isinstance(value, float) and 0 < value < math.inf for value in (ratio, low, high, null_low, null_high)):
            noise = max(math.log(high / low), math.log(null_high / null_low)) / (2 * _95)
            bias = max(math.log(null_low), -math.log(null_high), 0.0)
            found[tuple(key)] = Ratio(math.log(ratio), math.hypot(noise, bias, one), freedom)
    return found


def together(frames: Sequence[Any]) -> Any:
    """One timing table of several runs of the same program: the mean ratio of each row, and the interval of that mean.

    Rows that not every run has are left out. The columns `RUNS` and `FREEDOM` are added.
    """
    tables = [ratios(frame) for frame in frames]
    keys = [key for key in tables[0] if all(key in table for table in tables)]
    means = pooled(keys, frames)
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


def pooled(keys: Sequence[Key], frames: Sequence[Any]) -> dict[Key, Ratio]:
    """Rows measured in several runs: the mean, whose deviation is what they say or what they differ by.

    The scatter between a handful of runs is a poor estimate of a row's variance; it is averaged with the typical row's,
    which counts for `SHARED` degrees of freedom.
    """
    tables = [ratios(frame) for frame in frames]
    drawn = {key: [table[key] for table in tables if key in table] for key in keys}
    drawn = {key: each for key, each in drawn.items() if each}
    variances = {key: variance([ratio.log for ratio in each]) for key, each in drawn.items() if len(each) > 1}
    typical = median(variances.values()) if variances else 0.0
    found = {}
    for key, each in drawn.items():
        count = len(each)
        within, freedom = sum(ratio.deviation**2 for ratio in each) / count, SHARED + count - 1
        own = (SHARED * typical + (count - 1) * variances.get(key, 0.0)) / freedom
        mean = fmean(ratio.log for ratio in each)
        found[key] = Ratio(mean, math.sqrt(max(within, own) / count), freedom if own > within else math.inf)
    return found


def quantile(rows: int, freedom: float = math.inf) -> float:
    """z_R: how many deviations one of so many rows may be off by chance; Student's, by its expansion in 1 / freedom."""
    z = NormalDist().inv_cdf(1 - ALARMS / max(rows, 1))
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def label(key: Key) -> str:
    """A row in words: the name, what was timed, threads, dtype."""
    name, what, threads, dtype = key
    return f"{name}, {what}, {threads} thread{'' if threads == 1 else 's'}, {dtype}"


def _typical(changes: list[float]) -> tuple[float, float]:
    """The median of the changes and their robust standard deviation around it."""
    if not changes:
        return 0.0, 0.0
    middle = median(changes)
    return middle, ROBUST * median(abs(change - middle) for change in changes)


def _stretch(change: dict[Key, float], deviation: dict[Key, float]) -> float:
    """How many times more the changes scatter about their median than their deviations say; 1 where they do not."""
    if len(change) < FEW:
        return 1.0
    middle = median(change.values())
    return max(1.0, ROBUST * median(abs(change[key] - middle) / deviation[key] for key in change))


def _freedom(left: Ratio, right: Ratio) -> float:
    """Degrees of freedom of a difference (Welch and Satterthwaite)."""
    each = left.deviation**4 / left.freedom + right.deviation**4 / right.freedom
    return (left.deviation**2 + right.deviation**2) ** 2 / each if each else math.inf


def _after_all(once: Ratio) -> Ratio:
    """What a row would be if it were measured again."""
    return Ratio(once.log, once.deviation / math.sqrt(PROCESSES))


def _change(kind: str, key: Key, before: Ratio, after: Ratio, shift: float, beyond: float) -> Change:
    factor = math.exp(abs(after.log - before.log - shift))
    detail = f"{factor:.3g} times {kind}; up to {math.exp(beyond):.3g} is noise"
    return Change(kind, SPEED, label(key), before.times, after.times, detail)
