"""Doing again what looks worse, before it is called so.

What is honest: a case that fails on the same numbers every time fails, however rare such numbers are, and only one that
fails sometimes on the *same* numbers is flaky. Other numbers do not acquit: how many of them fail is evidence for the
reader (all: a wrong formula; one: a rare branch). A hang and a lack of memory depend on what else the machine does, so
they get the same second chance.

Accuracy is the other way round. There nothing fails; a handful of roundings came out larger. Chance is what has to be
ruled out, so the operation has to look worse on other numbers too.
"""

import multiprocessing
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from typing import Any

from conformance import against
from conformance.against import Against
from conformance.gate.change import FLAKY, Change
from conformance.isolate import Workers, one_thread
from conformance.record import Record, to_frame

TIMES = 3  # a failing case is done again so often on the same numbers
SEEDS = 4  # and on so many others
MOST = 40  # cases: more than that is no flakiness, and each takes seconds


@dataclass(frozen=True)
class Program:
    """What a report is of: enough to run a case of it again."""

    candidate: str
    held: Against = field(default_factory=Against)
    extra: tuple[str, ...] = ()
    sources: tuple[str, ...] = ("own",)
    timeout: float = 60.0

    @classmethod
    def of(cls, about: dict[str, Any]) -> "Program":
        """The program that a report is of."""
        identity = about["identity"]
        return cls(identity["candidate"], Against.of(identity), tuple(about["extra cases"]), tuple(about["sources"]))

    def changed(self, about: dict[str, Any]) -> list[str]:
        """How what is installed here differs from what the report is of; then running it again says nothing."""
        from conformance.identity import differences, identity

        here = identity(self.candidate, self.held.device, self.extra, self.held)
        return differences(about["identity"], here, ("the report", "what is installed"))

    def repeated(self, cases: Sequence[str], times: int) -> Iterator[dict[str, list[Record]]]:
        """The cases so many times more on their own numbers, in a worker process that may crash and hang."""
        from conformance.cases import catalogue

        there = catalogue(self.extra, self.sources)
        chosen = [there[case] for case in cases if case in there]
        with Workers(1, self.candidate, self.held, self.extra, self.timeout, sources=self.sources) as pool:
            for _ in range(times):
                yield {case.id: records for case, records in pool.run(chosen)}

    def redrawn(self, cases: Sequence[str], seeds: Sequence[int]) -> Iterator[tuple[str, int, list[Record] | None]]:
        """(case, seed, records) on other numbers, in a process of its own; None where that process died."""
        jobs = [(case, seed) for case in cases for seed in seeds]
        while jobs:
            done = 0
            with one_thread(), self._process() as process:
                futures = [process.submit(_redrawn, *job) for job in jobs]
                try:
                    for job, future in zip(jobs, futures, strict=True):
                        yield *job, future.result()
                        done += 1
                except BrokenProcessPool:
                    yield *jobs[done], None
                    done += 1
            jobs = jobs[done:]

    def _process(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        given = (self.candidate, self.held, self.extra, self.sources)
        return ProcessPoolExecutor(1, mp_context=context, initializer=_prepare, initargs=given)


_STATE: dict[str, Any] = {}


def _prepare(candidate: str, held: Against, extra: tuple[str, ...], sources: tuple[str, ...]) -> None:
    import torch

    from conformance.candidates import load
    from conformance.cases import catalogue

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    against.use(held)
    _STATE.update(candidate=load(candidate, held.device), cases=catalogue(extra, sources))


def _redrawn(name: str, seed: int) -> list[Record]:
    """A case compared on the numbers of another seed."""
    from conformance.comparison import compare
    from conformance.oracle import Truth

    case = _STATE["cases"][name]
    return compare(case, _STATE["candidate"], Truth(case, case.sample(seed), f"gate {seed}"))


def failures(changes: Sequence[Change], program: Program) -> list[Change]:
    """The new failures again: those that fail every time stay what they are, with the evidence; others are flaky."""
    names = list(dict.fromkeys(change.name for change in changes))
    if not names:
        return []
    if len(names) > MOST:
        return [
            replace(change, detail=f"{change.detail} (not done again: {len(names)} cases fail)") for change in changes
        ]
    failed = dict.fromkeys(names, 0)
    for run in program.repeated(names, TIMES):
        for name, records in run.items():
            failed[name] += any(record.bad for record in records)
    steady = [name for name in names if failed[name] == TIMES]
    others = _on_other_numbers([name for name in steady if not _died(name, changes)], program)
    return [_judged(change, failed[change.name], others.get(change.name)) for change in changes]


def _judged(change: Change, failed: int, others: int | None) -> Change:
    if failed < TIMES:
        detail = (
            f"failed in the run, and {failed} of {TIMES} times when done again on the same numbers; {change.detail}"
        )
        return replace(change, kind=FLAKY, detail=detail)
    found = f"fails {TIMES} of {TIMES} times again"
    found += "" if others is None else f", and on {others} of {SEEDS} other numbers"
    return replace(change, detail=f"{change.detail}; {found}")


def _died(name: str, changes: Sequence[Change]) -> bool:
    """Whether the case ended its process or took for ever: other numbers would too."""
    return any(change.name == name and change.now in ("CRASH", "HANG", "OOM") for change in changes)


def _on_other_numbers(names: Sequence[str], program: Program) -> dict[str, int]:
    """On how many of `SEEDS` other samples each case fails."""
    found = dict.fromkeys(names, 0)
    for name, _, records in program.redrawn(names, range(1, SEEDS + 1)):
        found[name] += records is None or any(record.bad for record in records)
    return found


def frames(cases: Sequence[str], seeds: Sequence[int], program: Program) -> list[Any]:
    """A DataFrame of records for every seed: the same cases on other numbers."""
    drawn: dict[int, list[Record]] = {seed: [] for seed in seeds}
    for _, seed, records in program.redrawn(cases, seeds):
        drawn[seed] += records or []
    return [to_frame(records) for records in drawn.values()]
