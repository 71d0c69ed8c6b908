"""What lies beside the records of a run: coverage, timings, trajectories, the gate. Each may be missing."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from conformance.printing import of_table

TRAJECTORIES = "trajectories"
GATE, GATE_TABLE = "gate.md", "gate.xml"


@dataclass(frozen=True)
class Trajectory:
    """A comparison of two trainings."""

    name: str
    verdict: str
    plan: str
    steps: Any  # a DataFrame with a row for every tensor of every step
    losses: Any
    stale: str  # why it says nothing about this run's program; "" where it does


@dataclass(frozen=True)
class Gate:
    """What the gate said, and its table."""

    verdict: str
    table: Any


def coverage(folder: Path) -> Any | None:
    """The names of torch's databases and what is said about each; None where the run had no database."""
    return _parquet(folder / "coverage.parquet")


def timings(folder: Path) -> Any | None:
    """The rows of `conform time`; None where there are none."""
    return _parquet(folder / "timings.parquet")


def timed_on(folder: Path, about: dict[str, Any]) -> str:
    """Why timings are not of the program of this run; "" where they are."""
    path = folder / "timings.json"
    return _stale(json.loads(path.read_text(encoding="utf-8")), about) if path.exists() else ""


def _parquet(path: Path) -> Any | None:
    import pandas

    return pandas.read_parquet(path) if path.exists() else None


def _stale(other: dict[str, Any], about: dict[str, Any]) -> str:
    """How the program that `other` was made with is not that of the run."""
    theirs, ours = other.get("identity", {}), about.get("identity", {})
    changed = [f"{key} {theirs[key]}, not {ours[key]}" for key in ours if key in theirs and theirs[key] != ours[key]]
    return f"Made with another program than this run: {', '.join(changed)}." if changed else ""


def trajectories(folder: Path, about: dict[str, Any]) -> list[Trajectory]:
    """The trajectories of the run's candidate, in the report or beside it."""
    import pandas

    found = []
    for place in (folder / TRAJECTORIES, folder.parent / TRAJECTORIES):
        for made in sorted(place.glob("*/steps.parquet")):
            said = made.with_name("environment.json")
            there = json.loads(said.read_text(encoding="utf-8")) if said.exists() else {}
            if there.get("identity", {}).get("candidate") != about["candidate"]:
                continue
            losses = pandas.read_csv(made.with_name("losses.csv"))
            verdict = _first_line(made.with_name("summary.md")).partition(": ")[2]
            steps = pandas.read_parquet(made)
            found.append(
                Trajectory(made.parent.name, verdict, there.get("plan", ""), steps, losses, _stale(there, about))
            )
    return found


def training(folder: Path) -> dict[str, Any]:
    """What `conform train` left in a folder, for JSON; nothing but the folder where it left nothing."""
    import pandas

    if not (folder / "losses.csv").exists():
        return {"report": str(folder)}
    about = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    losses = of_table(pandas.read_csv(folder / "losses.csv"))
    verdict = _first_line(folder / "summary.md").partition(": ")[2]
    return {"plan": about["plan"], "verdict": verdict, "losses": losses, "report": str(folder)}


def gate(folder: Path) -> Gate | None:
    """What the gate found; None where it has not looked."""
    import pandas

    if not ((folder / GATE).exists() and (folder / GATE_TABLE).exists()):
        return None
    rows = []
    for suite in ElementTree.parse(folder / GATE_TABLE).getroot():
        for test in suite:
            tag = next(iter(test), None)
            status = {"failure": "FAIL", "skipped": "skipped"}.get(tag.tag, "") if tag is not None else "PASS"
            moved, evidence = (tag.get("message", ""), tag.text or "") if tag is not None else ("", "")
            area = suite.get("name", "")
            what = test.get("name", "").removeprefix(f"{area} ")  # the area has a column of its own
            rows.append((area, status, what, moved, evidence.strip()))
    table = pandas.DataFrame(rows, columns=["area", "status", "what", "change", "evidence"])
    return Gate(_first_line(folder / GATE), table)


def _first_line(path: Path) -> str:
    """The heading of a Markdown file."""
    return path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ") if path.exists() else ""
