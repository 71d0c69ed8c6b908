"""A pool of workers without processes, for tests of what is made of their records."""

from collections.abc import Iterator, Sequence
from typing import Any

from conformance.candidates import load
from conformance.case import Case
from conformance.comparison import compare
from conformance.record import Record


class InProcess:
    """Stands for `conformance.isolate.Workers` where processes are not what is tested."""

    ran: list[str] = []  # noqa: RUF012

    count = 1

    def __init__(self, count: int | None, candidate: str, *_: Any, checks: Sequence[str] = (), **__: Any) -> None:
        self.candidate = load(candidate)
        self.checks = checks
        self.ran.clear()

    def __enter__(self) -> "InProcess":
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def run(self, cases: Sequence[Case]) -> Iterator[tuple[Case, list[Record]]]:
        for case in reversed(cases):
            self.ran.append(case.id)
            yield case, compare(case, self.candidate, checks=self.checks)
