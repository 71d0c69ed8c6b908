"""A report or a baseline, as the gate reads it.

A baseline is a report without what no gate needs: the same files, fewer columns, rounding errors in half precision
(three digits: their noise is in the first), so that it can be committed.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance import report
from conformance.report.folder import replaced

RECORDS, TIMINGS, ABOUT, TIMED_ON = "records.parquet", "timings.parquet", "environment.json", "timings.json"
TENSOR = ["case", "check", "tensor"]  # what names one comparison
COLUMNS = [*TENSOR, "family", "operation", "dtype", "status", "elements", "probed", "rms_z", "torch_rms_z"]
KEY = ["name", "what", "threads", "dtype"]  # what names one row of the timing table
MEASURED = ["ratio", "low", "high", "null_low", "null_high", "candidate_s", "torch_s", "overhead", "pairs"]

POOLED = ["runs", "freedom"]  # of a table that was made of several


@dataclass(frozen=True)
class Snapshot:
    """Records (a DataFrame with at least `COLUMNS`), timings (with `KEY` and `MEASURED`) and what they were made on."""

    about: dict[str, Any]
    records: Any
    timings: Any | None = None
    timed_on: dict[str, Any] | None = None  # what the timings were made on, where that is known apart
    folder: Path | None = None


def read(folder: Path) -> Snapshot:
    """The report or baseline in `folder`. ValueError where there is none, or one of another make."""
    import pandas

    about = report.about(folder)
    path = folder / RECORDS
    if not path.exists():
        raise ValueError(f"there is no {RECORDS} in {folder}")
    records = pandas.read_parquet(path)
    _expect(records, COLUMNS, path)
    for column in ("check", "status", "family", "operation", "dtype", "tensor", "case"):
        records[column] = records[column].astype("str")
    there = (folder / TIMINGS).exists()
    return Snapshot(about, records, timings(folder) if there else None, timed_on(folder), folder)


def timings(folder: Path) -> Any:
    """The timing table in `folder`. ValueError where there is none, or one of another make."""
    import pandas

    path = folder / TIMINGS
    if not path.exists():
        raise ValueError(f"there is no {TIMINGS} in {folder}: `conform time --out {folder}` writes one")
    frame = pandas.read_parquet(path)
    _expect(frame, [*KEY, *MEASURED], path)
    for column in ("name", "what", "dtype"):
        frame[column] = frame[column].astype("str")
    if "crowded" in frame.columns:  # threads that wait for a processor say nothing about the code
        frame = frame[~(frame["crowded"].astype(bool) & (frame["threads"] > 1))].reset_index(drop=True)
    return frame


def timed_on(folder: Path) -> dict[str, Any] | None:
    """What timings were made on, where that was written down apart from what the records were made on."""
    path = folder / TIMED_ON
    found: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    return found


def write(snapshot: Snapshot, folder: Path) -> None:
    """Write a baseline into `folder`, replacing it as a whole."""
    records = snapshot.records[COLUMNS].copy()
    for column in ("rms_z", "torch_rms_z"):
        records[column] = records[column].clip(upper=65504.0).astype("float16")
    records["elements"] = records["elements"].astype("int32")
    for column in ("check", "status", "family", "operation", "dtype", "tensor", "case"):
        records[column] = records[column].astype("category")
    with replaced(folder) as made:
        _write(records, made / RECORDS)
        (made / ABOUT).write_text(json.dumps(snapshot.about, indent=2) + "\n", encoding="utf-8")
        if snapshot.timings is not None:
            kept = [*KEY, *MEASURED, *(name for name in POOLED if name in snapshot.timings.columns)]
            _write(snapshot.timings[kept], made / TIMINGS)
        if snapshot.timed_on is not None:
            (made / TIMED_ON).write_text(json.dumps(snapshot.timed_on, indent=2) + "\n", encoding="utf-8")


def _write(frame: Any, path: Path) -> None:
    frame.to_parquet(path, index=False, compression="zstd", compression_level=19)


def _expect(frame: Any, columns: list[str], path: Path) -> None:
    lacking = [column for column in columns if column not in frame.columns]
    if lacking:
        raise ValueError(f"{path} lacks the columns {', '.join(lacking)}; it has {', '.join(frame.columns)}")
