"""The tables and the summary of `gpu.py`: CSV files that are small enough to be kept, and summary.md."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gpu_steps import Step

Row = dict[str, Any]
COMPARED = ("streams", "conformance", "devices", "cudnn-off", "tf32")
FAILURE = ("status", "case", "check", "tensor", "category", "message", "z", "allowed", "candidate", "torch", "oracle")


def rows_of(path: Path) -> list[Row]:
    """A CSV file; no rows where there is none."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def collected(step: Step, work: Path) -> dict[str, list[Row]]:
    """The tables that a step adds to: rows by the name of the table."""
    out = work / step.out
    if step.name in COMPARED:
        records = rows_of(out / "records.csv")
        counts: dict[tuple[str, str, str], int] = {}
        for r in records:
            key = r["family"], r["dtype"], r["status"]
            counts[key] = counts.get(key, 0) + 1
        table = [{"family": f, "dtype": d, "status": s, "comparisons": n} for (f, d, s), n in sorted(counts.items())]
        bad = [{name: r[name] for name in FAILURE} for r in records if r["status"] in ("FAIL", "CRASH", "HANG", "OOM")]
        unsupported: dict[tuple[str, str], int] = {}
        for r in records:
            if r["status"] == "UNSUPPORTED":
                key = r["operation"], r["message"]
                unsupported[key] = unsupported.get(key, 0) + 1
        reasons = [
            {"operation": operation, "message": message, "comparisons": n}
            for (operation, message), n in sorted(unsupported.items())
        ]
        return {"comparisons": table, "failures": bad, "unsupported": reasons}
    if step.name == "timings":
        return {"timings": rows_of(out / "timings.csv")}
    if step.name == "training":
        return {"training": worst_of_each_kind(rows_of(out / "steps.csv"))}
    return {}


def worst_of_each_kind(rows: Iterable[Row]) -> list[Row]:
    """Of every kind of tensor the row that came closest to the envelope's edge."""
    worst: dict[str, Row] = {}
    for row in rows:
        if row["kind"] not in worst or float(row["ratio"]) > float(worst[row["kind"]]["ratio"]):
            worst[row["kind"]] = row
    return list(worst.values())


TABLES = ("comparisons", "failures", "unsupported", "timings", "training")


def write_tables(folder: Path, step: Step, work: Path, row: Row) -> None:
    """Put what a step found into the folder; what an earlier run of the same step found there goes."""
    found = collected(step, work)
    for name in TABLES:
        path = folder / f"{name}.csv"
        rows = [old for old in rows_of(path) if old["step"] != step.name]
        rows += [{"step": step.name, **new} for new in found.get(name, [])]
        write_csv(path, rows)
    write_csv(folder / "steps.csv", [*(old for old in rows_of(folder / "steps.csv") if old["step"] != step.name), row])


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Rows that may have different columns; no file for no rows."""
    if not rows:
        path.unlink(missing_ok=True)
        return
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def summary(folder: Path, machine: Row, rehearsed: bool) -> str:
    """summary.md."""
    steps = rows_of(folder / "steps.csv")
    title = "Rehearsal without a GPU" if rehearsed else f"On {machine.get('gpu', 'a GPU')}"
    facts = [f"| {name} | {value} |" for name, value in machine.items()]
    parts = [
        f"# {title}, {machine['date']}",
        "No GPU was used: the stand-in took cupy's place and torch ran on the CPU. Nothing here is a result about a GPU."
        if rehearsed
        else "Made by `python benchmarks/gpu.py`.",
        "\n".join(["| what | value |", "|---|---|", *facts]),
        "## Steps",
        markdown(steps, ("step", "what", "status", "seconds", "said")),
    ]
    counts = rows_of(folder / "comparisons.csv")
    if counts:
        names = sorted({row["status"] for row in counts})
        table = []
        for step in dict.fromkeys(row["step"] for row in counts):
            mine = [row for row in counts if row["step"] == step]
            sums = {s: sum(int(row["comparisons"]) for row in mine if row["status"] == s) for s in names}
            table.append({"step": step, **sums})
        parts += ["## Comparisons", markdown(table, ("step", *names))]
    failures = [row for row in rows_of(folder / "failures.csv") if row["step"] != "tf32"]
    if failures:
        shown = failures[:40]
        parts += [f"## Failures ({len(failures)}; all of them in failures.csv)"]
        parts += [markdown(shown, ("step", "status", "case", "check", "category", "message"))]
    timings = rows_of(folder / "timings.csv")
    if timings:
        parts += ["## Timings: candidate / torch", markdown(timings, ("name", "what", "ratio", "low", "high", "wrong"))]
    training = rows_of(folder / "training.csv")
    if training:
        parts += ["## Training: the worst of every kind", markdown(training, ("kind", "tensor", "step", "ratio"))]
    return "\n\n".join(parts) + "\n"


def markdown(rows: Sequence[Row], columns: Sequence[str]) -> str:
    lines = [
        [str(row.get(column, "")).replace("|", "\\|").partition("\n")[0][:160] for column in columns] for row in rows
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [columns, ["---"] * len(columns), *lines])
