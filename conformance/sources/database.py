"""What the databases have in common: cases that are drawn only when they are wanted, found again by their ids."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from conformance.case import Case

LeftOut = tuple[str, str]  # what the database has and the cases have not, and why


class Database(Mapping[str, Case], ABC):
    """Cases of a database by id. Any id can be looked up; listed are those of the operations and dtypes chosen.

    `operations` are patterns for names of operations, with or without their namespaces; empty means all. Without
    `dtypes` everything is listed at float32.
    """

    def __init__(self, operations: Sequence[str] = (), dtypes: Sequence[str] = ()) -> None:
        self.operations = tuple(operations)
        self.dtypes = tuple(dtypes) or ("float32",)

    @abstractmethod
    def collect(self) -> Iterator[Case | LeftOut]:
        """Everything that is chosen, in the order of the database: as a case, or with the reason why it is none."""

    @abstractmethod
    def find(self, name: str) -> Case | None:
        """The case of this id, drawn by itself; None where there is none."""

    @property
    def listed(self) -> dict[str, Case]:
        """The chosen cases, in the order of the database."""
        return self._everything[0]

    def left_out(self) -> list[LeftOut]:
        """(entry or sample, reason): what the database has and the chosen cases have not."""
        return self._everything[1]

    @cached_property
    def _everything(self) -> tuple[dict[str, Case], list[LeftOut]]:
        cases: dict[str, Case] = {}
        others: list[LeftOut] = []
        for found in self.collect():
            if isinstance(found, Case):
                cases[found.id] = found
            else:
                others.append(found)
        return cases, others

    def __getitem__(self, name: str) -> Case:
        if "_everything" in self.__dict__ and name in self.listed:
            return self.listed[name]
        found = self.find(name)
        if found is None or found.id != name:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.listed)

    def __len__(self) -> int:
        return len(self.listed)

    def over_dtypes(
        self,
        entries: Mapping[str, Any],
        known: Sequence[str],
        otherwise: str,
        of_entry: Callable[[str, Any, str], Iterator[Case | LeftOut]],
    ) -> Iterator[Case | LeftOut]:
        """What `of_entry` makes of each wanted entry at each dtype, and the reason `otherwise` for dtypes not `known`."""
        for entry, info in entries.items():
            for dtype in self.dtypes if self.wanted(entry) else ():
                if dtype not in known:
                    yield f"{entry} {dtype}", otherwise
                    continue
                try:
                    yield from of_entry(entry, info, dtype)
                except Exception as error:  # the database is torch's own affair
                    yield entry, because(error)

    def wanted(self, operation: str) -> bool:
        """Whether the operation is chosen."""
        return not self.operations or matches(operation, self.operations)


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a qualified name, or its last part, fits one of the patterns."""
    return any(fnmatchcase(part, pattern) for part in (name, name.rpartition(".")[2]) for pattern in patterns)


def because(error: BaseException) -> str:
    """Why an entry cannot be used: it is not what this harness knows, and that is said rather than raised."""
    message = str(error).strip().partition("\n")[0]
    return f"the entry is not as expected: {type(error).__name__}: {message}"
