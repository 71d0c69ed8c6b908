"""Speed: did a row of the timing table become slower, relative to torch, than noise explains?

In two stages, because a table whose every row is known well enough would take longer than anybody waits:

1. The table that a run wrote is a first look, at one process a row. A row that may be slower by what is sought is
   suspicious: one whose change d exceeds sought - `SUSPICIOUS` s (99% of the rows that are slower by as much do) and a
   quarter of what is sought. That costs time, no alarms. Sought are `PROGRAM` in LeNet-5 and `OPERATION` in single
   operations, whose ratios also depend on how busy the neighbours keep the caches and the memory: some were slower by
   10% to 20% for half an hour, in every process. Half of what is sought (as a logarithm) is the least that is called.
2. Suspicious rows are timed again, in one fresh process after another, and only those that stay slower there are called
   so (`sequential.py`). What a ratio's noise consists of, and why processes are needed, is in `ratios.py`. The baseline
   is pooled from several runs for the same reason (`together`): its luck is in every later comparison.

Without a way to measure again the first look has to do, with a limit of `ONE_LOOK` at least. So is a row called *faster*.
There the deviations may still be too small, for a machine that is more restless today than the baseline's was: if the
rows scatter about their median change by more than they claim (the median of |d - median| / s is 0.67 when the claims
are right), all are stretched by that much. A slowdown of all rows moves the median, not the scatter, and is not hidden.

On another kind of processor ratios move for reasons that are nobody's fault. There, d is counted from the table's own
median change, and the rows' spread around it (the median absolute deviation, as a standard deviation) is added to s: a
row that stands out from all others is still seen, a shift of all of them is named and not judged.

What this finds and how often it is wrong is measured, on synthetic noise, on repeated runs and on a program that was made
slower: `python benchmarks/gate.py`. The numbers are in `docs/gate.md`.
"""

import math
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from conformance.gate.change import FASTER, NEW, SLOWER, SPEED, Change
from conformance.gate.ratios import ALONE, PROCESS, Key, Ratio, ratios
from conformance.gate.sequential import LOOKS, PROCESSES, Decisions, Measure, Row, decide
from conformance.timing.row import LENET

PROGRAM, OPERATION = math.log(1.1), math.log(1.5)  # slowdowns that must not be missed
SUSPICIOUS = 2.33  # deviations below what is sought
ONE_LOOK = math.log(1.15)  # a change that is called at all where it was not measured again
POSSIBLE = 1.645  # standard deviations beyond a limit at which a change is seen in 95% of runs
ROBUST = 1.4826  # median absolute deviations in a standard deviation
FEW = 8  # rows are too few to judge their scatter


@dataclass(frozen=True)
class Table:
    """What the comparison of two tables found."""

    changes: list[Change]
    compared: int
    missing: list[Key]  # rows of the baseline that were not timed
    visible: list[float]  # for each row, the slowdown (a factor) that would be seen in 95% of runs
    shift: float = 0.0  # of all rows, on another processor
    again: Decisions = field(default_factory=Decisions)  # what became of suspicious rows


def compare(then: Any, now: Any, measure: Measure | None = None, *, same_processor: bool = True) -> Table:
    """The rows that became slower and faster, those that are new and those that are missing."""
    before, after = ratios(then, ALONE), ratios(now, ALONE if measure is None else PROCESS)
    both = [key for key in before if key in after]
    after |= {key: _once(after[key], before[key]) for key in both}
    change = {key: after[key].log - before[key].log for key in both}
    shift, spread = (0.0, 0.0) if same_processor else _typical(list(change.values()))
    rows = {key: Row(before[key], sought(key), len(both), shift, spread) for key in both}
    noise = {key: row.noise(after[key]) for key, row in rows.items()}
    stretch = _stretch(change, noise) if same_processor else 1.0
    one_look = {
        key: max(ONE_LOOK, row.sought / 2, stretch * row.limit(after[key], least=0.0)) for key, row in rows.items()
    }

    over = {
        key: rows[key].change(after[key]) - max(sought(key) / 4, sought(key) - SUSPICIOUS * stretch * noise[key])
        for key in both
    }
    suspects = sorted((key for key in both if over[key] > 0), key=lambda key: -over[key])
    again = Decisions(untimed=suspects) if measure is None else decide({key: rows[key] for key in suspects}, measure)
    slower = {key: (after[key], one_look[key]) for key in again.untimed if rows[key].change(after[key]) > one_look[key]}
    slower |= again.slower
    changes = [_change(SLOWER, key, rows[key], *slower[key]) for key in suspects if key in slower]
    changes += [
        _change(FASTER, key, rows[key], after[key], one_look[key])
        for key in both
        if rows[key].change(after[key]) < -one_look[key]
    ]
    changes += [Change(NEW, SPEED, label(key), "", after[key].times) for key in after if key not in before]
    missing = [key for key in before if key not in after]
    visible = [_visible(row, None if measure is not None else one_look[key], after[key]) for key, row in rows.items()]
    return Table(changes, len(both), missing, visible, shift, again)


def sought(key: Key) -> float:
    """The slowdown that must not be missed in a row."""
    return PROGRAM if str(key[0]).startswith(LENET) else OPERATION


def label(key: Key) -> str:
    """A row in words: the name, what was timed, threads, dtype."""
    name, what, threads, dtype = key
    return f"{name}, {what}, {threads} thread{'' if threads == 1 else 's'}, {dtype}"


def _once(after: Ratio, before: Ratio) -> Ratio:
    """A run's ratio: it differs from others at least by as much as those of the baseline did from each other."""
    return Ratio(after.log, max(after.deviation, before.spread), after.freedom, after.processes)


def _visible(row: Row, one_look: float | None, after: Ratio) -> float:
    """The slowdown that is seen in 95% of runs, with the looks that there are."""
    if one_look is not None:
        return math.exp(one_look + POSSIBLE * row.noise(after))
    seen = Ratio(row.before.log, row.before.spread / math.sqrt(PROCESSES), row.before.freedom, PROCESSES)
    return math.exp(row.limit(seen, LOOKS[PROCESSES]) + POSSIBLE * row.noise(seen))


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


def _change(kind: str, key: Key, row: Row, seen: Ratio, limit: float) -> Change:
    factor = math.exp(abs(row.change(seen)))
    detail = f"{factor:.3g} times {kind}; up to {math.exp(limit):.3g} is noise"
    detail += f"; timed again in {seen.processes} processes" if seen.processes > 1 else ""
    return Change(kind, SPEED, label(key), row.before.times, seen.times, detail)
