"""Choosing cases and running them."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from conformance import known
from conformance.case import Case
from conformance.cases import catalogue
from conformance.isolate import Workers
from conformance.record import Record

DEFAULT_TIMEOUT = 60.0  # seconds a case may take


@dataclass(frozen=True)
class Selection:
    """Which cases: patterns for operations, dtypes, checks and words of the id. Empty means all."""

    operations: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def __contains__(self, case: Case) -> bool:
        names = (case.operation.name, case.operation.short)
        return (
            (not self.operations or any(fnmatchcase(name, p) for name in names for p in self.operations))
            and (not self.families or case.family in self.families)
            and (not self.dtypes or case.dtype in self.dtypes)
            and (not self.checks or not case.checks.isdisjoint(self.checks))
            and all(word.lower() in f"{case.family} {case.id}".lower() for word in self.words)
        )


@dataclass
class Outcome:
    """Everything that a run found."""

    candidate: str
    cases: list[Case]
    records: list[Record] = field(default_factory=list)
    seconds: float = 0.0
    workers: int = 1
    complete: bool = True  # False after Ctrl-C

    @property
    def failures(self) -> list[Record]:
        """The records for which the run fails."""
        return [record for record in self.records if record.bad]


def select(selection: Selection, extra: Sequence[str] = ()) -> list[Case]:
    """The chosen cases, in the order of the family files."""
    return [case for case in catalogue(extra).values() if case in selection]


def run(
    candidate: str,
    cases: list[Case],
    *,
    device: str = "cpu",
    workers: int | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    extra: Sequence[str] = (),
    checks: Sequence[str] = (),
    finished: Callable[[Case, list[Record]], None] = lambda case, records: None,
) -> Outcome:
    """Compare the candidate with torch on every case, in worker processes.

    `finished` is called after each case. Ctrl-C ends the run early: what was done is in the outcome, which then is not
    `complete`. With `checks`, only records of those checks are kept (and those of whole cases).
    """
    began = time.monotonic()
    count = workers or os.cpu_count() or 1
    outcome = Outcome(candidate, cases, workers=count)
    by_case: dict[str, list[Record]] = {}
    # Long cases first, so that none is left alone at the end.
    order = sorted(cases, key=lambda case: -(case.timeout or 0.0))
    try:
        for case, records in Workers(count, candidate, device, tuple(extra), timeout).run(order):
            kept = [r for r in records if not checks or r.check == "run" or any(c in r.check for c in checks)]
            by_case[case.id] = kept
            finished(case, kept)
    except KeyboardInterrupt:
        outcome.complete = False
    in_order = [record for case in cases for record in by_case.get(case.id, [])]
    outcome.records = known.apply(in_order, candidate, known.load())
    outcome.seconds = time.monotonic() - began
    return outcome
