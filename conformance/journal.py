"""The journal of a run: what is done is on disk at once, so that a run that is killed can be continued.

A text file beside the report, one JSON object a line. The first says what the run is: its identity (candidate, device,
versions), its choice of cases, and their ids. Each of the others holds one finished case with its records, and is handed
to the system as soon as the case is done. Whoever is killed in the middle of a line leaves a torn one at the end, which
is ignored. A run that finishes removes its journal: the report has it all.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from conformance.identity import differences
from conformance.record import Record

FORMAT = 1

_SHARED = ("case", "family", "operation", "dtype")  # the same in all records of a case: written once a line
_DEFAULTS = {field.name: field.default for field in fields(Record) if field.default is not MISSING}
_OWN = tuple(field.name for field in fields(Record) if field.name not in _SHARED)


def beside(report: Path) -> Path:
    """Where the journal of a report is."""
    return report.with_name(f"{report.name}.journal")


@dataclass(frozen=True)
class Header:
    """What a run is."""

    identity: dict[str, str]
    choice: dict[str, Any]  # the options that chose the cases
    cases: tuple[str, ...]  # their ids, in the order of the report

    def refuse_unless_like(self, now: "Header", path: Path) -> None:
        """ValueError when `now`, the run that wants to continue this one, is another run; it says what differs."""
        here = "the journal", "this run"
        found = differences(self.identity, now.identity, here)
        found += differences(_texts(self.choice), _texts(now.choice), here)
        if found:
            lines = "\n  ".join(found)
            raise ValueError(f"{path} is of another run; leave out --resume to begin anew:\n  {lines}")


class Journal:
    """A journal that is being written; `done` has the cases that it held when it was opened."""

    def __init__(self, path: Path, header: Header, resume: bool = False) -> None:
        """Begin a journal, or with `resume` continue the one at `path`.

        Raises ValueError when there is none to continue, when it cannot be read, or when it is of another run.
        """
        self.path, self.header = path, header
        self.empty = True
        self.done: dict[str, list[Record]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        if resume:
            before, self.done, whole = read(path)
            before.refuse_unless_like(header, path)
            self.header, self.empty = before, False
            os.truncate(path, whole)
            self._file = path.open("ab")
        else:
            self._file = path.open("wb")
            entry = {"format": FORMAT, "identity": header.identity, "choice": header.choice, "cases": header.cases}
            self._write(_json(entry))

    def add(self, case: str, records: list[Record]) -> None:
        """One more case is done."""
        self._write(line_of(case, records))
        self.empty = False

    def _write(self, line: str) -> None:
        self._file.write(line.encode() + b"\n")
        self._file.flush()

    def remove(self) -> None:
        """The report is written: nothing is left to continue."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._file.close()
        if self.empty:
            self.path.unlink(missing_ok=True)


def read(path: Path) -> tuple[Header, dict[str, list[Record]], int]:
    """(header, the records of every finished case, bytes up to the end of the last whole line).

    Raises ValueError when there is no journal or it cannot be read.
    """
    if not path.exists():
        raise ValueError(
            f"there is no journal {path}: the last run into that folder came to its end, or there was none"
        )
    header: Header | None = None
    done: dict[str, list[Record]] = {}
    whole = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break
            try:
                if header is None:
                    header = _header(json.loads(line))
                else:
                    case, records = of_line(line)
                    done[case] = records
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path}, line {number}: no line of a journal ({error!r})") from error
            whole += len(line)
    if header is None:
        raise ValueError(f"{path}: the run was killed before it began; leave out --resume to begin anew")
    return header, done, whole


def _header(entry: dict[str, Any]) -> Header:
    if entry["format"] != FORMAT:
        raise ValueError(f"format {entry['format']}, but should be {FORMAT}")
    return Header(entry["identity"], entry["choice"], tuple(entry["cases"]))


def line_of(case: str, records: Iterable[Record]) -> str:
    """A finished case as a line of JSON. Fields that have their default are left out: most have."""
    entry: dict[str, Any] = {"case": case}
    rows = []
    for record in records:
        entry.update(family=record.family, operation=record.operation, dtype=record.dtype)
        row = {}
        for name in _OWN:
            value = getattr(record, name)
            default = _DEFAULTS.get(name, MISSING)
            if value is not default and value != default and value == value:
                row[name] = value
        rows.append(row)
    entry["records"] = rows
    return _json(entry)


def of_line(line: str | bytes) -> tuple[str, list[Record]]:
    """The case and its records: the inverse of `line_of`."""
    entry = json.loads(line)
    shared = {name: entry[name] for name in _SHARED if name in entry}
    return entry["case"], [Record(**shared, **row) for row in entry["records"]]


def _json(entry: dict[str, Any]) -> str:
    """One line; numpy's scalars are numbers."""
    return json.dumps(entry, separators=(",", ":"), default=lambda scalar: scalar.item())


def _texts(choice: dict[str, Any]) -> dict[str, str]:
    """Options as they are compared and shown: JSON has no tuples."""
    return {name: json.dumps(value) for name, value in choice.items()}
