"""Putting the reports of shards or hosts together: the same records as if one run had made them all."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from conformance import report
from conformance.case import Case
from conformance.cases import FLOATS, catalogue
from conformance.identity import differences
from conformance.record import COLUMNS, Record
from conformance.run import Outcome, settled
from conformance.sources.databases import DATABASES

_LEDGER = "known"  # the check of the records that the ledger of known differences adds: it is applied anew
_TIMING = "seconds"  # no two runs agree in it


def merge(folders: Sequence[Path]) -> tuple[Outcome, list[str]]:
    """The merged outcome, and what it lacks: interrupted parts, shards that were not given.

    Raises ValueError when there is no report in a folder, when the reports differ in candidate, device, versions or
    sources, or when they hold different records of the same case.
    """
    abouts = [report.about(folder) for folder in folders]
    first = abouts[0]
    for folder, about in zip(folders[1:], abouts[1:], strict=True):
        found = differences(first["identity"], about["identity"], (str(folders[0]), str(folder)))
        if found:
            raise ValueError("only reports on the same candidate can be merged:\n  " + "\n  ".join(found))
    by_case = _together(folders)
    extra = tuple(dict.fromkeys(module for about in abouts for module in about["extra cases"]))
    sources = tuple(dict.fromkeys(source for about in abouts for source in about["sources"]))
    checks = tuple(dict.fromkeys(check for about in abouts for check in about["checks"]))
    cases = _in_order(by_case, extra, sources)
    outcome = Outcome(first["candidate"], cases, extra=extra, sources=sources, identity=first["identity"])
    outcome.checks = checks
    outcome.workers = sum(about["workers"] for about in abouts)
    outcome.seconds = max(about["seconds"] for about in abouts)
    outcome.parts = [part for folder, about in zip(folders, abouts, strict=True) for part in _parts(folder, about)]
    lacking = list(_lacking(outcome.parts))
    outcome.complete = not lacking
    outcome.records = settled(outcome, by_case)
    return outcome, lacking


def _in_order(by_case: dict[str, list[Record]], extra: Sequence[str], sources: Sequence[str]) -> list[Case]:
    """The cases that have records, as one run has them. ValueError for one that is not there."""
    drawn = [records[0] for records in by_case.values() if records[0].family in DATABASES]
    operations = sorted({record.operation for record in drawn})  # of no others do samples have to be drawn
    dtypes = [dtype for dtype in FLOATS if any(record.dtype == dtype for record in drawn)]
    listed = catalogue(extra, sources if drawn else ["own"], operations, dtypes)
    unknown = [name for name in by_case if name not in listed]
    if unknown:
        raise ValueError(f"no case here is called {unknown[0]!r} ({len(unknown)} such): the reports are of other cases")
    return [case for name, case in listed.items() if name in by_case]


def _together(folders: Sequence[Path]) -> dict[str, list[Record]]:
    """The records of every case. ValueError when two reports differ on one."""
    by_case: dict[str, list[Record]] = {}
    origin: dict[str, Path] = {}
    for folder in folders:
        mine: dict[str, list[Record]] = {}
        for record in report.records(folder):
            if record.check != _LEDGER:
                mine.setdefault(record.case, []).append(record)
        for case, records in mine.items():
            if case in by_case and list(map(_evidence, by_case[case])) != list(map(_evidence, records)):
                raise ValueError(f"{origin[case]} and {folder} hold different records of {case!r}")
            by_case[case] = records
            origin[case] = folder
    return by_case


def _evidence(record: Record) -> list[str]:
    """A record as it is compared: NaN equals itself, and time does not count."""
    return [repr(getattr(record, column)) for column in COLUMNS if column != _TIMING]


def _parts(folder: Path, about: dict[str, Any]) -> list[dict[str, Any]]:
    """What the merged report keeps of where its parts were made; of a merged one, its own parts."""
    kept = ("shard", "sources", "cases", "complete", "seconds", "workers", "processor", "system", "python", "packages")
    return about["parts"] or [{"report": folder.name, **{key: about[key] for key in kept}}]


def _lacking(parts: Iterable[dict[str, Any]]) -> Iterable[str]:
    """What would have to be there for the whole."""
    shards: dict[int, set[int]] = {}
    for part in parts:
        if not part["complete"]:
            yield f"the run of {part['report']} was interrupted"
        if part["shard"]:
            index, count = map(int, part["shard"].split("/"))
            shards.setdefault(count, set()).add(index)
    for count, given in shards.items():
        yield from (f"shard {index}/{count} is missing" for index in range(1, count + 1) if index not in given)
