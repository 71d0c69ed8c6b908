"""Progress of a run: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Self

from conformance.case import Case
from conformance.known import Difference
from conformance.printing import compared
from conformance.record import Record

EVERY = 10.0  # seconds between plain lines
NAMED = 20  # failing cases


class Progress:
    """Counts cases as they finish; shows rate, time left and failures. The first failing cases are named at once."""

    def __init__(
        self, total: int, done: int = 0, terminal: bool | None = None, known: Sequence[Difference] = ()
    ) -> None:
        """`done` of the `total` cases were done before this run; a failure that is `known` is none."""
        self.known = known
        self.total, self.before, self.done, self.bad = total, done, done, 0
        self.statuses: Counter[str] = Counter()
        self.began = self.spoke = time.monotonic()
        self.bar: Any = None
        if (sys.stderr.isatty() if terminal is None else terminal) and find_spec("rich") is not None:
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("comparing"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}"),
                TimeRemainingColumn(),
            )
            from rich.console import Console

            self.bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self.task = self.bar.add_task("", total=total, note="")

    def __enter__(self) -> Self:
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()

    def __call__(self, case: Case, records: list[Record]) -> None:
        """One more case is done."""
        self.done += 1
        self.statuses.update(record.status for record in records)
        wrong = next((r for r in records if r.bad and not any(entry.covers(r) for entry in self.known)), None)
        if wrong is not None:
            self.bad += 1
            self._name(wrong)
        rate = (self.done - self.before) / max(time.monotonic() - self.began, 1e-9)
        note = f"{rate:.0f} cases/s, {self.bad} failing"
        if self.bar is not None:
            self.bar.update(self.task, completed=self.done, note=note)
        elif time.monotonic() - self.spoke > EVERY:
            left = (self.total - self.done) / rate
            self._say(f"{self.done}/{self.total} cases, {note}, {left:.0f} s left")
            self.spoke = time.monotonic()

    def _name(self, wrong: Record) -> None:
        """The first failing cases one by one: of very many, the report tells more than the lines would."""
        if self.bad <= NAMED:
            first = wrong.message.partition("\n")[0]
            self._say(f"{wrong.status} {wrong.case}: {compared(wrong)}: {first}")
        elif self.bad == NAMED + 1:
            self._say("more cases fail: they are counted here, and named in the report")

    def _say(self, line: str) -> None:
        if self.bar is not None:
            self.bar.console.print(line, markup=False, highlight=False)
        else:
            print(line, file=sys.stderr, flush=True)
