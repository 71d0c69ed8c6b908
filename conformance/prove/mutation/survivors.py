"""Why mutants survive: patterns with reasons, checked-in data in `survivors.toml`."""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from conformance.prove.mutation.mutants import Mutant

TABLE = Path(__file__).with_name("survivors.toml")
KINDS = ("equivalent", "speed", "error text", "below rounding", "other variant", "other device")


@dataclass(frozen=True)
class Reason:
    """One entry: which mutants, and why no case can be asked to notice them."""

    kind: str
    why: str
    file: str
    function: str = "*"
    line: str = "*"
    mutant: str = "*"

    def covers(self, mutant: Mutant, line: str) -> bool:
        """Whether the entry speaks of this mutant on this line of source."""
        shown = f"{mutant.operator} {mutant.old!r} -> {mutant.new!r}"
        pairs = ((mutant.file, self.file), (mutant.function, self.function), (line, self.line), (shown, self.mutant))
        return all(fnmatchcase(text, _literal(pattern)) for text, pattern in pairs)


def _literal(pattern: str) -> str:
    """A pattern in which only * and ? are special: code is full of brackets."""
    return pattern.replace("[", "[[]")


def load(path: Path = TABLE) -> list[Reason]:
    """The entries of a table. ValueError for one without a file, a kind that is known, or a why."""
    found = []
    for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("survivor", []):
        unknown = set(entry) - {"kind", "why", "file", "function", "line", "mutant"}
        if unknown or entry.get("kind") not in KINDS or not entry.get("why") or not entry.get("file"):
            raise ValueError(
                f"{path.name}: every survivor has a file, a why and a kind ({', '.join(KINDS)}), and no "
                f"{sorted(unknown)}: {entry}"
            )
        found.append(Reason(**entry))
    return found


def reason_for(mutant: Mutant, line: str, reasons: Sequence[Reason]) -> Reason | None:
    """The first entry that covers a mutant; None: a case is missing."""
    return next((reason for reason in reasons if reason.covers(mutant, line)), None)


def unused(reasons: Iterable[Reason], used: Iterable[Reason]) -> list[Reason]:
    """Entries that explained nothing."""
    needed = set(used)
    return [reason for reason in reasons if reason not in needed]
