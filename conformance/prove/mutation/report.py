"""What a run found, as a table of files, a list of survivors with reasons, and a CSV with everything."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from conformance.prove.mutation import trial
from conformance.prove.mutation.campaign import Result
from conformance.prove.mutation.survivors import Reason, reason_for, unused

MISSING = "missing case"
COLUMNS = (
    "file", "line", "column", "operator", "old", "new", "function", "status", "reason", "why", "case", "check",
    "category", "message", "ran", "executed_by", "how", "seconds", "source",
)  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """A result with the reason why the mutant may live, if there is one."""

    result: Result
    line: str  # of source
    reason: Reason | None

    @property
    def caught(self) -> bool:
        """Whether some case noticed."""
        return self.result.outcome.status in trial.CAUGHT

    @property
    def missed(self) -> bool:
        """Whether a case should have noticed and none did."""
        return not self.caught and self.result.outcome.status != trial.IDENTICAL and self.reason is None

    @property
    def excused(self) -> bool:
        """Whether no case can be asked to notice."""
        return not self.caught and not self.missed


def judged(results: Sequence[Result], lines: dict[str, list[str]], reasons: Sequence[Reason]) -> list[Judged]:
    """Results in order of file and place, each with its reason. `lines` are the sources."""
    found = []
    for result in sorted(results, key=lambda r: (r.mutant.file, r.mutant.line, r.mutant.column)):
        mutant = result.mutant
        line = lines[mutant.file][mutant.line - 1].strip()
        live = result.outcome.status in (trial.SURVIVED, trial.UNCOVERED)
        found.append(Judged(result, line, reason_for(mutant, line, reasons) if live else None))
    return found


def score(rows: Sequence[Judged]) -> float:
    """Caught, of those that some case could notice; 1 where there are none."""
    counted = [row for row in rows if not row.excused]
    return sum(row.caught for row in counted) / len(counted) if counted else 1.0


def table(rows: Sequence[Judged]) -> list[str]:
    """One line of Markdown per file, and the total."""
    header = (
        "file",
        "mutants",
        "caught",
        "by time",
        "by death",
        "survived",
        "not covered",
        "excused",
        "missed",
        "score",
    )
    lines = [f"| {' | '.join(header)} |", "|---|" + "---:|" * (len(header) - 1)]
    files = list(dict.fromkeys(row.result.mutant.file for row in rows))
    for file in [*files, ""]:
        mine = [row for row in rows if not file or row.result.mutant.file == file]
        count = Counter(row.result.outcome.status for row in mine)
        excused = sum(row.excused for row in mine)
        cells = (
            file or "all",
            len(mine),
            sum(row.caught for row in mine),
            count[trial.HANG],
            count[trial.CRASH],
            count[trial.SURVIVED],
            count[trial.UNCOVERED],
            excused,
            sum(row.missed for row in mine),
            f"{100 * score(mine):.1f} %",
        )
        lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return lines


def markdown(rows: Sequence[Judged], reasons: Sequence[Reason]) -> str:
    """The whole report."""
    caught = Counter(row.result.outcome.category or row.result.outcome.status for row in rows if row.caught)
    text = ["# Mutants of the candidate's own sources", ""]
    text += [
        "A mutant is one small fault. It is caught when a comparison fails that passes on the unharmed sources, when it "
        "runs for ever or when it dies. Excused are mutants that compile to the same code and survivors with a reason; "
        "the score is caught / (all - excused).",
        "",
        *table(rows),
        "",
        "Caught by: " + ", ".join(f"{name} {n}" for name, n in caught.most_common()) + ".",
        "",
    ]
    missed = [row for row in rows if row.missed]
    text += [f"## Missing cases ({len(missed)})", ""]
    if missed:
        text += ["| where | source | mutant | executed by |", "|---|---|---|---|"]
        text += [_row(row, _executed(row)) for row in missed]
    excused = [row for row in rows if row.reason is not None]
    kinds = Counter(row.reason.kind for row in excused if row.reason is not None)
    text += ["", f"## Survivors with a reason ({', '.join(f'{kind} {n}' for kind, n in kinds.most_common())})", ""]
    if excused:
        text += ["| where | source | mutant | reason |", "|---|---|---|---|"]
        text += [_row(row, f"{row.reason.kind}: {row.reason.why}") for row in excused if row.reason is not None]
    files = {row.result.mutant.file for row in rows}
    used = [row.reason for row in excused if row.reason is not None]
    idle = [r for r in unused(reasons, used) if any(fnmatchcase(file, r.file) for file in files)]
    if idle:
        text += ["", "## Reasons that explained nothing in this run", ""]
        text += [f"- {r.file} {r.function} `{_cell(r.line)}` {_cell(r.mutant)}" for r in idle]
    return "\n".join(text) + "\n"


def _row(row: Judged, last: str) -> str:
    mutant = row.result.mutant
    where = f"{mutant.file}:{mutant.line}:{mutant.column}"
    change = f"{mutant.operator} `{mutant.old}` -> `{mutant.new}`"
    return f"| {where} {mutant.function} | `{_cell(row.line)}` | {_cell(change)} | {_cell(last)} |"


def _executed(row: Judged) -> str:
    cases = row.result.cases
    if not cases:
        return "no case"
    shown = ", ".join(cases[:2])
    return f"{len(cases)} cases: {shown}{', ...' if len(cases) > 2 else ''}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def write(rows: Sequence[Judged], reasons: Sequence[Reason], folder: Path) -> None:
    """`mutation.md` and `mutation.csv` in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mutation.md").write_text(markdown(rows, reasons), encoding="utf-8")
    with (folder / "mutation.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS)
        for row in rows:
            mutant, outcome = row.result.mutant, row.result.outcome
            reason = row.reason.kind if row.reason else MISSING if row.missed else ""
            why = row.reason.why if row.reason else ""
            out.writerow(
                (
                    mutant.file, mutant.line, mutant.column, mutant.operator, mutant.old, mutant.new, mutant.function,
                    outcome.status, reason, why, outcome.case, outcome.check, outcome.category, outcome.message,
                    outcome.ran, len(row.result.cases), outcome.how, f"{outcome.seconds:.2f}", row.line,
                )
            )  # fmt: skip
