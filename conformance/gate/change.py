"""What a comparison with the baseline finds."""

from collections.abc import Iterable
from dataclasses import dataclass, field

VERDICTS, ACCURACY, SPEED = "verdicts", "accuracy", "speed"
AREAS = (VERDICTS, ACCURACY, SPEED)

NEW_FAIL = "new-fail"  # fails now, and did not
WORSE = "worse"  # a verdict that got worse without failing, or an operation that lost accuracy
STALE = "stale"  # listed as a known difference, but does not differ any more
VANISHED = "vanished"  # was compared, and is not there any more
SLOWER = "slower"
FLAKY = "flaky"  # failed or looked worse, and did not when it was done again
FIXED = "fixed"
FASTER = "faster"
NEW = "new"
KINDS = (NEW_FAIL, WORSE, STALE, VANISHED, SLOWER, FLAKY, FIXED, FASTER, NEW)  # in the order they are shown
FAILING = (NEW_FAIL, WORSE, STALE, VANISHED, SLOWER)


@dataclass(frozen=True)
class Change:
    """One row of the table."""

    kind: str
    area: str
    name: str  # a case's id, an operation and check, a row of the timing table
    then: str = ""  # what the baseline has
    now: str = ""
    detail: str = ""  # the evidence, and how to see more
    family: str = ""

    @property
    def failing(self) -> bool:
        """Whether the gate fails because of it."""
        return self.kind in FAILING


@dataclass
class Findings:
    """All that a comparison says."""

    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what differs around the two runs, what was not looked at
    incomparable: list[str] = field(default_factory=list)  # what could not be compared, and should have been
    compared: dict[str, int] = field(default_factory=dict)  # by area and family, how much was

    @property
    def failures(self) -> list[Change]:
        """The changes for which the gate fails."""
        return [change for change in self.changes if change.failing]

    def counts(self) -> dict[str, int]:
        """How many changes there are of each kind, without those there are none of."""
        found = {kind: sum(change.kind == kind for change in self.changes) for kind in KINDS}
        return {kind: count for kind, count in found.items() if count}

    def add(self, changes: Iterable[Change]) -> None:
        """More changes; they stay in the order of their kinds."""
        self.changes = sorted([*self.changes, *changes], key=lambda change: KINDS.index(change.kind))

    def status(self, *, partial: bool = False) -> int:
        """The exit status: 1 something got worse, 3 not everything could be compared, 0 neither."""
        if self.failures:
            return 1
        return 3 if self.incomparable and not partial else 0
