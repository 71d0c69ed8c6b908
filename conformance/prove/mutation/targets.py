"""Which source files are mutated, and which cases have to notice: data in `targets.toml`."""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from conformance.case import Case

TABLE = Path(__file__).with_name("targets.toml")


@dataclass(frozen=True)
class Target:
    """Files by a pattern, and the cases of these families (and operations) that are run against their mutants."""

    files: tuple[str, ...]
    families: tuple[str, ...]
    operations: tuple[str, ...] = ()

    def cases(self, catalogue: Iterable[Case]) -> list[Case]:
        """Its cases, in the catalogue's order."""
        return [
            case
            for case in catalogue
            if case.family in self.families
            and (not self.operations or any(fnmatchcase(case.operation.name, o) for o in self.operations))
        ]


@dataclass(frozen=True)
class Table:
    """The candidate whose sources these are, and its targets."""

    candidate: str
    targets: tuple[Target, ...]

    def chosen(self, patterns: Sequence[str], root: Path) -> list[tuple[Path, Target]]:
        """Every file of a target that matches one of the patterns (all without patterns), in the table's order.

        ValueError for a pattern that no file matches.
        """
        found: dict[Path, Target] = {}
        for target in self.targets:
            for pattern in target.files:
                for path in sorted(root.glob(pattern)):
                    found.setdefault(path, target)
        names = {path: path.relative_to(root).as_posix() for path in found}
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names.values()):
                raise ValueError(f"no target file matches {pattern!r}; {TABLE.name} has {', '.join(names.values())}")
        return [
            (path, target)
            for path, target in found.items()
            if not patterns or any(fnmatchcase(names[path], pattern) for pattern in patterns)
        ]


def load(path: Path = TABLE) -> Table:
    """The table in a file. ValueError for a row without files or families."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    rows = []
    for row in data.get("target", []):
        unknown = set(row) - {"files", "families", "operations"}
        if unknown or not row.get("files") or not row.get("families"):
            raise ValueError(f"{path.name}: every target has files and families, and no {sorted(unknown)}: {row}")
        rows.append(Target(tuple(row["files"]), tuple(row["families"]), tuple(row.get("operations", ()))))
    return Table(data["candidate"], tuple(rows))
