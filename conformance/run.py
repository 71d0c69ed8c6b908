"""Choosing cases and running them."""

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from conformance import known
from conformance.against import Against
from conformance.case import Case
from conformance.cases import FLOATS, catalogue
from conformance.gpus import CPU
from conformance.identity import identity
from conformance.isolate import Workers
from conformance.journal import Journal
from conformance.record import UNSUPPORTED, Record, is_of

DEFAULT_TIMEOUT = 60.0  # seconds a case may take


@dataclass(frozen=True)
class Shard:
    """Part `index` of `count`, counted from 1. A hash of the id decides, whatever else is chosen."""

    index: int
    count: int

    def __contains__(self, case: Case) -> bool:
        digest = hashlib.sha256(case.id.encode()).digest()
        return int.from_bytes(digest[:8], "little") % self.count == self.index - 1

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


@dataclass(frozen=True)
class Selection:
    """Which cases: patterns for operations, dtypes, checks and words of the id, a shard. Empty means all."""

    operations: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    shard: Shard | None = None

    def __contains__(self, case: Case) -> bool:
        names = (case.operation.name, case.operation.short)
        return (
            (not self.operations or any(fnmatchcase(name, p) for name in names for p in self.operations))
            and (not self.families or case.family in self.families)
            and (not self.dtypes or case.dtype in self.dtypes)
            and (not self.checks or not case.checks.isdisjoint(self.checks))
            and all(word.lower() in f"{case.family} {case.id}".lower() for word in self.words)
            and (self.shard is None or case in self.shard)
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
    extra: tuple[str, ...] = ()  # modules with more cases
    sources: tuple[str, ...] = ("own",)
    shard: Shard | None = None
    checks: tuple[str, ...] = ()  # whose records are kept; empty means all
    identity: dict[str, str] = field(default_factory=dict)  # see conformance/identity.py
    left_out: list[tuple[str, str]] = field(default_factory=list)  # samples that torch's databases have beside, and why
    parts: list[dict[str, Any]] = field(default_factory=list)  # what the merged runs were made on

    @property
    def failures(self) -> list[Record]:
        """The records for which the run fails."""
        return [record for record in self.records if record.bad]

    @property
    def idle(self) -> bool:
        """Whether the candidate has nothing of what was chosen, so that nothing was compared."""
        return bool(self.records) and all(record.status == UNSUPPORTED for record in self.records)


def select(selection: Selection, extra: Sequence[str] = (), sources: Sequence[str] = ("own",)) -> list[Case]:
    """The chosen cases, in the order of the family files. ValueError for a part of the choice that chooses nothing."""
    cases = catalogue(extra, sources, selection.operations, selection.dtypes)
    _expect_all_choose(selection, cases.values(), own=tuple(sources) == ("own",))
    return [case for case in cases.values() if case in selection]


def _expect_all_choose(selection: Selection, cases: Iterable[Case], own: bool) -> None:
    """Every pattern, family, dtype and check has to be that of some case: one that is misspelt would go unnoticed.

    Of torch's databases the catalogue holds only what the operations and dtypes choose, and less than they name.
    """
    there = list(cases)
    known = {
        "ops": {name for case in there for name in (case.operation.name, case.operation.short)} if own else set(),
        "family": {case.family for case in there},
        "dtype": {case.dtype for case in there} if own else set(),
        "check": {check for case in there for check in case.checks},
    }
    given = (selection.operations, selection.families, selection.dtypes, selection.checks)
    for (option, names), parts in zip(known.items(), given, strict=True):
        for part in parts:
            if names and not any(fnmatchcase(name, part) if option == "ops" else name == part for name in names):
                near = get_close_matches(part, names, 3, 0.7)
                hint = f"; did you mean {' or '.join(near)}?" if near else ""
                few = f": there are {', '.join(sorted(names))}" if not near and option in ("dtype", "check") else ""
                raise ValueError(f"no case matches --{option} {part}{few}{hint}; `conform list` shows all of them")


def run(
    candidate: str,
    cases: list[Case],
    *,
    held: Against | None = None,
    workers: int | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    memory: float | None = None,
    extra: Sequence[str] = (),
    sources: Sequence[str] = ("own",),
    selection: Selection | None = None,
    journal: Journal | None = None,
    pool: Workers | None = None,
    finished: Callable[[Case, list[Record]], None] = lambda case, records: None,
) -> Outcome:
    """Compare the candidate with torch on every case, in worker processes; `held` says where, and with whom instead.

    `finished` is called after each case. Ctrl-C ends the run early: what was done is in the outcome, which then is not
    `complete`. With a `selection` of checks, only records of those checks are kept (and those of whole cases). Cases
    that a `journal` holds already are not run again. `memory` limits each worker, in GiB. A `pool` that was started
    before has to fit the other arguments.
    """
    began = time.monotonic()
    chosen = selection or Selection()
    pool = pool or Workers(
        workers, candidate, held, extra, timeout, sources=sources, memory=memory, checks=chosen.checks
    )
    outcome = Outcome(candidate, cases, workers=pool.count, extra=tuple(extra), sources=tuple(sources))
    outcome.shard, outcome.checks = chosen.shard, chosen.checks
    outcome.identity = journal.header.identity if journal else who(candidate, extra, held)
    by_case: dict[str, list[Record]] = dict(journal.done) if journal else {}
    try:
        with pool:
            for case, records in pool.run([case for case in cases if case.id not in by_case]):
                if journal:
                    journal.add(case.id, records)
                by_case[case.id] = records
                finished(case, kept(records, chosen.checks))
    except KeyboardInterrupt:
        pass
    outcome.complete = all(case.id in by_case for case in cases)
    outcome.records = settled(outcome, by_case)
    outcome.seconds = time.monotonic() - began
    return outcome


def who(candidate: str, extra: Iterable[str], held: Against | None) -> dict[str, str]:
    """The identity of a run."""
    return identity(candidate, held.device if held is not None else CPU, extra, held)


def settled(outcome: Outcome, by_case: dict[str, list[Record]]) -> list[Record]:
    """The records in the order of the cases, under the ledger of known differences.

    A difference that is listed and was not found is a failure only if all the cases that it speaks of have run, and all
    their checks.
    """
    records = [record for case in outcome.cases for record in kept(by_case.get(case.id, ()), outcome.checks)]
    ledger = [entry for entry in known.load() if entry.candidate == outcome.candidate]
    if not ledger:
        return records
    named = [entry.case.partition("(")[0] for entry in ledger]
    everything = catalogue(outcome.extra, outcome.sources, named, FLOATS)
    not_run = everything if outcome.checks else [name for name in everything if name not in by_case]
    return known.apply(records, outcome.candidate, ledger, not_run)


def kept(records: Iterable[Record], checks: Sequence[str]) -> list[Record]:
    """The records of the chosen checks, and those of whole cases."""
    return [record for record in records if is_of(record.check, checks)]
