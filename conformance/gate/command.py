"""`conform gate`."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from conformance import github
from conformance.gate import again, ratios, render, snapshot
from conformance.gate.change import Change, Findings
from conformance.gate.compare import Repeat, compare
from conformance.gate.retiming import Retiming
from conformance.gate.snapshot import Snapshot
from conformance.printing import as_json
from conformance.record import BAD


def run(options: argparse.Namespace) -> int:
    """Compare, print, write the tables; returns the exit status."""
    if options.report.resolve() == options.baseline.resolve():
        raise ValueError(f"the report and the baseline are the same folder: {options.report}")
    now = snapshot.read(options.report)
    if options.timings:
        now = _with_timings(now, options)
    if options.update_baseline and not (options.baseline / snapshot.ABOUT).exists():
        _require_whole(now, [])
        snapshot.write(_kept(now, None), options.baseline)
        print(f"{options.baseline}: made from {options.report}; there was none")
        return 0
    then = snapshot.read(options.baseline)
    existing = _Existing(now)
    stale = _stale(now)
    repeatable = options.again and not options.update_baseline and not stale
    found = compare(then, now, existing, _repeat(options, again.Program.of(now.about)) if repeatable else None)
    found.notes += [f"the report is not of what is installed here, and nothing is done again: {line}" for line in stale]
    if options.update_baseline:
        return _update(options, then, now, found, existing)
    _write(options, found)
    titles = ((f"{change.kind} {change.name}", f"{change.now}\n{change.detail}") for change in found.failures)
    for line in github.annotations(titles):
        print(line, file=sys.stderr if options.json else sys.stdout)
    if options.json:
        print(as_json(_as_data(found, options.partial)))
        return found.status(partial=options.partial)
    shown = render.text(found, partial=options.partial)
    print(shown.splitlines()[-1] if options.quiet else shown)
    return found.status(partial=options.partial)


def _as_data(found: Findings, partial: bool) -> dict[str, Any]:
    """The findings for a program."""
    return {
        "exit status": found.status(partial=partial),
        "verdict": render.verdict(found, partial=partial),
        "counts": found.counts(),
        "changes": [asdict(change) | {"failing": change.failing} for change in found.changes],
        "not comparable": found.incomparable,
        "notes": found.notes,
        "compared": found.compared,
    }


def _with_timings(now: Snapshot, options: argparse.Namespace) -> Snapshot:
    """The run with timings pooled from several others of the same program."""
    if not options.update_baseline:
        raise ValueError("--timings pools repeated runs into a baseline: it goes with --update-baseline")
    frames = [snapshot.timings(folder) for folder in options.timings]
    timed_on = snapshot.timed_on(options.timings[0])
    return Snapshot(now.about, now.records, ratios.together(frames), timed_on or now.timed_on, now.folder)


class _Existing:
    """The ids of the cases that there are today, of the sources that a run drew from; listed once."""

    def __init__(self, now: Snapshot) -> None:
        self.now, self.ids = now, set[str]()

    def __call__(self) -> set[str]:
        if not self.ids:
            from conformance.cases import catalogue

            about = self.now.about
            self.ids = set(catalogue(tuple(about["extra cases"]), tuple(about["sources"])))
        return self.ids


# --- again --------------------------------------------------------------------------------------------------------


def _stale(now: Snapshot) -> list[str]:
    """How the program that is installed differs from the one that the report is of."""
    try:
        return again.Program.of(now.about).changed(now.about)
    except (ImportError, ValueError) as error:
        return [str(error)]


def _repeat(options: argparse.Namespace, program: again.Program) -> Repeat:
    """How to do things again."""

    def failures(changes: Sequence[Change]) -> list[Change]:
        _say(options, len({change.name for change in changes}), "failing cases are run again")
        return again.failures(changes, program)

    def redraw(cases: Sequence[str], seeds: Sequence[int]) -> list[Any]:
        _say(options, len(cases), "cases are measured again on other numbers")
        return again.frames(cases, seeds, program)

    def timed(rows: int, left: float) -> None:
        _say(options, rows, f"rows are timed again; at most {left:.0f} s")

    return Repeat(failures, redraw, Retiming(program.candidate, timed))


def _say(options: argparse.Namespace, number: int, what: str) -> None:
    if number and not options.quiet:
        print(f"{number} {what}", file=sys.stderr)


# --- what is written ----------------------------------------------------------------------------------------------


def _write(options: argparse.Namespace, found: Findings) -> None:
    """The Markdown and JUnit files, and the job summary where there is one."""
    summary = render.markdown(found, partial=options.partial)
    for path, content in (
        (options.markdown or options.report / "gate.md", summary),
        (options.junit or options.report / "gate.xml", render.junit(found, partial=options.partial)),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    github.summarize(summary)


def _update(options: argparse.Namespace, then: Snapshot, now: Snapshot, found: Findings, existing: _Existing) -> int:
    """Make the run the baseline, and say what that accepts."""
    unrun = [reason for reason in found.incomparable if "not run" in reason or "interrupted" in reason]
    _require_whole(now, unrun, existing)
    snapshot.write(_kept(now, then), options.baseline)
    print(render.text(found, partial=True).rpartition("\n")[0])
    accepted = ", ".join(f"{number} {kind}" for kind, number in found.counts().items()) or "nothing changed"
    print(f"{options.baseline}: made from {options.report}; accepted: {accepted}")
    return 0


def _kept(now: Snapshot, then: Snapshot | None) -> Snapshot:
    """What the new baseline consists of: the run, with the timings of the old baseline where the run has none."""
    if now.timings is not None or then is None or then.timings is None:
        return now
    print("the run has no timings: the baseline keeps those it has")
    return Snapshot(now.about, now.records, then.timings, then.timed_on or then.about)


def _require_whole(now: Snapshot, unrun: Sequence[str], existing: _Existing | None = None) -> None:
    """ValueError unless the report is of a whole run: of a part, no baseline is made."""
    about = now.about
    reasons = list(unrun)
    if not about.get("complete", False):
        reasons.append("it was interrupted, or lacks shards")
    if about.get("shard"):
        reasons.append(f"it is shard {about['shard']}")
    if about.get("checks"):
        reasons.append(f"only the checks {', '.join(about['checks'])} were run")
    there = (existing or _Existing(now))()
    absent = there - set(now.records["case"])
    if absent:
        reasons.append(f"{len(absent)} of {len(there)} cases were not run, such as {min(absent)}")
    if reasons:
        raise ValueError(
            f"{now.folder} is no whole run, and no baseline is made of it: {'; '.join(dict.fromkeys(reasons))}"
        )
    fails = int(now.records["status"].isin(BAD).sum())
    if fails:
        print(f"note: the new baseline has {fails} failing comparisons in it; the gate will not speak of them again")
