"""The journal of a run: one line per mutant, written as it ends, so that a run that is stopped goes on where it was."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from conformance.prove.mutation.trial import HARNESS, SURVIVED, UNCOVERED, Outcome


class Journal:
    """What is known from earlier runs.

    An entry holds for the source file it was made with. A mutant that no case noticed is tried again when the cases
    have changed; one that was noticed stays noticed, unless the harness itself fell over.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: dict[tuple[str, str], dict[str, object]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    entry = json.loads(line)
                except json.JSONDecodeError:
                    continue  # the last line of a run that was killed while writing
                self.entries[(entry["mutant"], entry["source"])] = entry

    def known(
        self, mutant: str, source: str, cases: str, explained: bool = False
    ) -> tuple[Outcome, tuple[str, ...]] | None:
        """The outcome of an earlier run, with the cases that execute the mutant; None when it has to be tried.

        A survivor that is `explained` is not tried again, whatever the cases.
        """
        entry = self.entries.get((mutant, source))
        if entry is None:
            return None
        outcome = Outcome(**entry["outcome"])  # type: ignore[arg-type]  # written by `add`
        if outcome.status in (SURVIVED, UNCOVERED) and entry["cases"] != cases and not explained:
            return None
        if outcome.category == HARNESS:
            return None
        return outcome, tuple(entry["executed by"])  # type: ignore[arg-type]  # a list, as `add` wrote it

    def add(self, mutant: str, source: str, cases: str, outcome: Outcome, executed_by: Sequence[str]) -> None:
        """Write an outcome down."""
        entry: dict[str, object] = {
            "mutant": mutant,
            "source": source,
            "cases": cases,
            "outcome": asdict(outcome),
            "executed by": list(executed_by) if outcome.status == SURVIVED else [],
        }
        self.entries[(mutant, source)] = entry
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
