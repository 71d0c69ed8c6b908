"""The ledger of known differences: failures that are meant, each with its reason."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from conformance.record import FAIL, KNOWN, Record

LEDGER = Path(__file__).with_name("known_differences.toml")


@dataclass(frozen=True)
class Difference:
    """One entry: which records of which candidate, and why they may differ."""

    candidate: str
    case: str
    check: str
    reason: str

    def covers(self, record: Record) -> bool:
        """Whether the entry speaks of this record. Square brackets are meant literally."""
        return self.names(record.case) and fnmatchcase(record.check, _literal(self.check))

    def names(self, case: str) -> bool:
        """Whether the entry speaks of records of this case."""
        return fnmatchcase(case, _literal(self.case))


def _literal(pattern: str) -> str:
    """A pattern in which only * and ? are special: case ids are full of brackets."""
    return pattern.replace("[", "[[]")


def load(path: Path = LEDGER) -> list[Difference]:
    """The entries of a ledger. ValueError for one without a case or a reason."""
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("difference", [])
    found = []
    for entry in entries:
        unknown = set(entry) - {"candidate", "case", "check", "reason"}
        if unknown or not entry.get("case") or not entry.get("reason"):
            raise ValueError(
                f"{path.name}: every difference has a case and a reason, and no {sorted(unknown)}: {entry}"
            )
        found.append(
            Difference(entry.get("candidate", "refnet"), entry["case"], entry.get("check", "*"), entry["reason"])
        )
    return found


def apply(
    records: Iterable[Record], candidate: str, ledger: list[Difference], not_run: Iterable[str] = ()
) -> list[Record]:
    """Records with listed failures turned into KNOWN, and a failure for every entry that nothing needs any more.

    An entry is stale when all its cases ran and none of the records it covers failed; `not_run` has the ids of the
    cases that there are, but that did not run. A record that is KNOWN already (of a part of the whole) needs its entry.
    """
    mine = [entry for entry in ledger if entry.candidate == candidate]
    ran: dict[Difference, Record] = {}
    needed: set[Difference] = set()
    result = []
    for record in records:
        covering = [entry for entry in mine if entry.covers(record)]
        for entry in covering:
            ran.setdefault(entry, record)
        if record.status in (FAIL, KNOWN):
            needed.update(covering)
        if record.status == FAIL and covering:
            reason = "; ".join(entry.reason for entry in covering)
            record = replace(record, status=KNOWN, message=f"{reason} ({record.message})")
        elif record.status == KNOWN and not covering:
            record = replace(record, status=FAIL, message=f"no longer listed as a known difference: {record.message}")
        result.append(record)
    needed.update(entry for case in not_run for entry in ran if entry.names(case))
    for entry, record in ran.items():
        if entry not in needed:
            message = f"listed as a known difference, but does not differ any more: {entry.case} ({entry.reason})"
            result.append(
                Record(record.case, record.family, record.operation, record.dtype, "known", "", FAIL, message=message)
            )
    return result
