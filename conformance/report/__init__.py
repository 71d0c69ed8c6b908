"""Reports of a run: records as Parquet and CSV, a summary to read, and what it was run on."""

import json
from pathlib import Path
from typing import Any

from conformance.record import COLUMNS, Record, to_frame
from conformance.report.coverage import covered
from conformance.report.environment import environment
from conformance.report.folder import replaced
from conformance.report.summary import summary
from conformance.run import Outcome
from conformance.sources.databases import DATABASES


def write(outcome: Outcome, folder: Path) -> None:
    """Write records.parquet, records.csv, summary.md and environment.json into `folder`, replacing it as a whole.

    A run on databases also writes coverage.parquet and coverage.csv: what it says about every name that they have.
    """
    frame = to_frame(outcome.records)
    surroundings = environment(outcome)
    table = covered(outcome, frame) if any(name in DATABASES for name in outcome.sources) else None
    with replaced(folder) as made:
        frame.to_parquet(made / "records.parquet", index=False)
        frame.to_csv(made / "records.csv", index=False)
        if table is not None:
            table.to_parquet(made / "coverage.parquet", index=False)
            table.to_csv(made / "coverage.csv", index=False)
        (made / "summary.md").write_text(summary(outcome, frame, surroundings, table), encoding="utf-8")
        (made / "environment.json").write_text(json.dumps(surroundings, indent=2) + "\n", encoding="utf-8")


def read(folder: Path) -> Any:
    """The records of a report as a DataFrame."""
    import pandas

    return pandas.read_parquet(folder / "records.parquet")


def records(folder: Path) -> list[Record]:
    """The records of a report, as the run left them."""
    frame = read(folder)
    columns = [frame[column].tolist() for column in COLUMNS]
    return [Record(*row) for row in zip(*columns, strict=True)]


def about(folder: Path) -> dict[str, Any]:
    """What a report was made on: its environment.json. ValueError where there is no report."""
    path = folder / "environment.json"
    if not path.exists():
        raise ValueError(f"there is no report in {folder}: no {path.name}")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
