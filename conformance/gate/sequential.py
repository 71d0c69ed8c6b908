"""Whether a row that looked slower is slower: it is timed in one fresh process after another until that is decided.

With d the change of the row's log ratio, pooled over the k processes so far, and s its deviation (the baseline's and
that of the k processes):

- *cleared*, after any k from `FEWEST` on, once d + `CLEAR` s is below the slowdown that is sought: had the row become that
  much slower, d would be larger. This loses some detection and gives no alarms.
- *slower*, at the `LOOKS` only, when d is beyond half of what is sought and beyond q s, q being Student's quantile of the
  look's share of `ALARMS` / R for a table of R rows. Shares add up to 1, and Bonferroni's sum holds whatever looks and
  rows have in common (the luck of one baseline), so no more than `ALARMS` of tables give an alarm by chance.
- At `PROCESSES` the test ends, or when the time is up, if there were as many as a look needs (in a mean of two or three
  one unlucky process counts too much). A row that is not beyond its limit then is no change.

The first measurement, for which the row was chosen, does not count: it was chosen for having been unlucky.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.gate.ratios import Key, Ratio, freedom_of_difference, pooled, quantile, ratios

ALARMS = 0.005  # false alarms a table, by chance: half of what is allowed, for tails heavier than Student's
LOOKS = {4: 0.1, 8: 0.2, 16: 0.7}  # processes, and the share of ALARMS that may be spent then
PROCESSES = max(LOOKS)
FEWEST = 2  # processes before anything is decided
CLEAR = 3.0  # deviations: of rows that are as much slower as is sought, 1 in 700 is this far below at a look
AT_ONCE = 4  # rows in a process: with more, a busy machine has no time for as many processes as a look needs

Measure = Callable[[Sequence[Key]], Any | None]  # rows -> a frame of timings of a fresh process; None: the time is up


@dataclass(frozen=True)
class Row:
    """What a row's test starts from."""

    before: Ratio
    sought: float  # the logarithm of the slowdown that must not be missed
    rows: int  # of the table
    shift: float = 0.0  # of all rows, on another processor
    spread: float = 0.0  # of the rows around it

    def noise(self, seen: Ratio) -> float:
        """The deviation of the change."""
        return math.hypot(self.before.deviation, seen.deviation, self.spread)

    def change(self, seen: Ratio) -> float:
        """d."""
        return seen.log - self.before.log - self.shift

    def limit(self, seen: Ratio, share: float = 1.0, least: float | None = None) -> float:
        """What d has to exceed."""
        chance = ALARMS * share / max(self.rows, 1)
        beyond = quantile(chance, freedom_of_difference(self.before, seen)) * self.noise(seen)
        return max(self.sought / 2 if least is None else least, beyond)

    def cleared(self, seen: Ratio) -> bool:
        """Whether the slowdown that is sought would have shown."""
        return self.change(seen) + CLEAR * self.noise(seen) < self.sought


@dataclass
class Decisions:
    """What became of the rows."""

    slower: dict[Key, tuple[Ratio, float]] = field(default_factory=dict)  # and the limit that was exceeded
    cleared: list[Key] = field(default_factory=list)
    undecided: list[Key] = field(default_factory=list)  # as far as the time went
    untimed: list[Key] = field(default_factory=list)  # the time was up, or the row could not be timed


def decide(rows: Mapping[Key, Row], measure: Measure) -> Decisions:
    """Test the rows, the first of them first."""
    found = Decisions()
    spreads = {key: row.before.spread for key, row in rows.items()}
    tables: list[dict[Key, Ratio]] = []
    tried = dict.fromkeys(rows, 0)
    waiting = list(rows)
    while waiting and (frame := measure(chosen := waiting[:AT_ONCE])) is not None:
        tables.append(ratios(frame))
        seen = pooled(chosen, tables, spreads)
        for key in chosen:
            tried[key] += 1
            if key in seen:
                _look(found, key, rows[key], seen[key], last=tried[key] == PROCESSES)
            elif tried[key] >= FEWEST:
                found.untimed.append(key)
        done = {*found.slower, *found.cleared, *found.undecided, *found.untimed}
        waiting = [key for key in waiting if key not in done]
    seen = pooled(waiting, tables, spreads)
    for key in waiting:
        if key in seen and seen[key].processes >= min(LOOKS):
            _look(found, key, rows[key], seen[key], last=True)
        else:
            found.untimed.append(key)
    return found


def _look(found: Decisions, key: Key, row: Row, seen: Ratio, *, last: bool) -> None:
    """Decide, where it can be decided."""
    share = LOOKS[PROCESSES] if last else LOOKS.get(seen.processes, 0.0)
    limit = row.limit(seen, share) if share else math.inf
    if row.change(seen) > limit:
        found.slower[key] = seen, limit
    elif seen.processes >= FEWEST and row.cleared(seen):
        found.cleared.append(key)
    elif last:
        found.undecided.append(key)
