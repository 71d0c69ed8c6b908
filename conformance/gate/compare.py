"""The whole comparison of a run with its baseline."""

from collections.abc import Callable, Collection, Sequence
from statistics import median

from conformance.gate import accuracy, speed, surroundings, verdicts
from conformance.gate.change import ACCURACY, NEW_FAIL, SPEED, VERDICTS, Change, Findings
from conformance.gate.sequential import Measure
from conformance.gate.snapshot import Snapshot

SHOWN = 5  # names of a long list


class Repeat:
    """How to do things again. Each may be None: then it is not possible, and the first look decides."""

    def __init__(
        self,
        failures: Callable[[Sequence[Change]], list[Change]] | None = None,
        redraw: accuracy.Redraw | None = None,
        measure: Measure | None = None,
    ) -> None:
        self.failures, self.redraw, self.measure = failures, redraw, measure


def compare(
    then: Snapshot, now: Snapshot, existing: Callable[[], Collection[str]], repeat: Repeat | None = None
) -> Findings:
    """What changed. `existing` lists the cases that there are today. ValueError for runs of different candidates."""
    again = repeat or Repeat()
    surroundings.require_same_candidate(then.about, now.about)
    barred = surroundings.incomparable(then.about, now.about)
    found = Findings(notes=surroundings.differences(then.about, now.about))
    if not now.about.get("complete", False):
        found.incomparable.append(f"{VERDICTS}: the run was interrupted, or is a shard without the others")
    _verdicts(found, then, now, existing, again)
    if ACCURACY in barred:
        found.incomparable.append(f"{ACCURACY}: {barred[ACCURACY]}")
    else:
        found.add(accuracy.compare(then.records, now.records, again.redraw))
        found.compared[ACCURACY] = len(accuracy.tensors(now.records))
    _speed(found, then, now, again)
    return found


def _verdicts(
    found: Findings, then: Snapshot, now: Snapshot, existing: Callable[[], Collection[str]], again: Repeat
) -> None:
    checks = now.about.get("checks", [])
    before = then.records
    if checks:
        before = before[[any(check in name for check in checks) or name == "run" for name in before["check"]]]
        found.incomparable.append(f"{VERDICTS}: only the checks {', '.join(checks)} were run")
    changes, not_run = verdicts.compare(before, now.records, existing)
    fails = [change for change in changes if change.kind == NEW_FAIL]
    if again.failures is not None:
        changes = [change for change in changes if change.kind != NEW_FAIL] + again.failures(fails)
    found.add(changes)
    if not_run:
        found.incomparable.append(f"{VERDICTS}: {len(not_run)} cases of the baseline were not run: {_some(not_run)}")
    counts = now.records.groupby("family", sort=False)["case"].nunique()
    found.compared |= {f"{VERDICTS} {family}": int(count) for family, count in counts.items()}
    still = verdicts.failing(then.records) & verdicts.failing(now.records)
    if still:
        found.notes.append(f"{len(still)} cases fail as they did in the baseline: {_some(sorted(still))}")


def _speed(found: Findings, then: Snapshot, now: Snapshot, again: Repeat) -> None:
    if then.timings is None or now.timings is None:
        lacking = [name for name, side in (("the baseline", then), ("the run", now)) if side.timings is None]
        found.notes.append(
            f"{SPEED} is not compared: {' and '.join(lacking)} has no timings (`conform time` makes them)"
        )
        return
    timed_then, timed_now = then.timed_on or then.about, now.timed_on or now.about
    barred = surroundings.incomparable(timed_then, timed_now)
    if SPEED in barred:
        found.incomparable.append(f"{SPEED}: {barred[SPEED]}")
        return
    same = surroundings.same_processor(timed_then, timed_now)
    sources = [side.get("identity", {}).get("candidate sources") for side in (timed_now, now.about)]
    if sources[0] != sources[1]:
        found.incomparable.append(
            f"{SPEED}: the timings are of other sources of the candidate than the records: time it anew"
        )
        return
    table = speed.compare(then.timings, now.timings, again.measure, same_processor=same)
    found.add(table.changes)
    found.compared[SPEED] = table.compared
    tried = set(now.timings["threads"])
    elsewhere = sorted({key[2] for key in table.missing} - tried)  # a machine with another number of processors
    if elsewhere:
        found.notes.append(
            f"{SPEED}: rows on {', '.join(map(str, elsewhere))} threads are not compared: none were timed"
        )
    names = [speed.label(key) for key in table.missing if key[2] in tried]
    if names:
        found.incomparable.append(f"{SPEED}: {len(names)} rows of the baseline were not timed: {_some(names)}")
    _again(found, table)
    if table.visible:
        found.notes.append(
            f"{SPEED}: a slowdown of {median(table.visible):.2f}x would be seen in 95% of runs in the median row, of "
            f"{max(table.visible):.2f}x in every row"
        )
    if not same:
        by = f"{abs(table.shift):.0%} {'slower' if table.shift > 0 else 'faster'}"
        found.notes.append(
            f"{SPEED}: another processor; all rows together are {by}, and only rows that stand out count"
        )


def _again(found: Findings, table: speed.Table) -> None:
    """What became of the rows that looked slower."""
    again = table.again
    suspicious = len(again.slower) + len(again.cleared) + len(again.undecided) + len(again.untimed)
    if suspicious:
        found.notes.append(
            f"{SPEED}: {suspicious} rows looked slower at first; timed again in fresh processes, {len(again.slower)} are "
            f"and {len(again.cleared)} are not"
        )
    for rows, what in (
        (again.undecided, "are slower by no more than noise, but may be by as much as is sought"),
        (again.untimed, "were not timed again, and the first look decided"),
    ):
        if rows:
            found.notes.append(f"{SPEED}: {len(rows)} of them {what}: {_some([speed.label(key) for key in rows])}")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return "; ".join(names[:SHOWN]) + more
