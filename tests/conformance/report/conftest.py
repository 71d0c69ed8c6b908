"""Reports to make pages of: everything that a folder can hold, with hostile words in it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy
import pandas
import pytest

from conformance.record import CRASH, FAIL, KNOWN, PASS, UNSUPPORTED, Record, to_frame
from conformance.report.coverage import COLUMNS as COVERED
from conformance.timing.run import COLUMNS as TIMED

HOSTILE = "<img src=x onerror=alert(1)></script><b>&amp;"
IDENTITY = {"candidate": "mine:kernels", "candidate sources": "aa", "torch": "2.13.0"}
ABOUT = {
    "candidate": "mine:kernels", "identity": IDENTITY, "cases": 1, "complete": True, "sources": ["own"],
    "extra cases": ["my_cases"], "checks": [], "shard": None, "seconds": 75.2, "workers": 2, "python": "3.11",
    "machine": "x86_64", "processor": "A processor", "system": "Linux", "packages": {"torch": "2.13.0"}, "parts": [],
    "random streams": "",
}  # fmt: skip


def made_records(count: int) -> list[Record]:
    """Comparisons of which every hundredth fails."""
    rng = numpy.random.default_rng(0)
    rows = []
    for i in range(count):
        operation = f"op{i // 10 % 40}"
        case, check = f"{operation}([{i // 10}], a='b') float32", ("output", "gradient", "layout gapped")[i % 3]
        row = Record(case, f"family{i % 4}", operation, "float32", check, "out", PASS, "as-good-as-torch")
        row.index, row.oracle, row.z, row.allowed = f"[{i}]", 1.0, float(rng.uniform(0, 7)), 1e-6
        row.candidate = row.torch = float(numpy.float32(0.1))
        row.rms_z, row.torch_rms_z, row.elements = (*(float(x) for x in rng.lognormal(size=2)), 5)
        row.seconds = i / 1000 if i % 10 == 0 else float("nan")
        if i % 100 == 7:
            row.status, row.category, row.z, row.candidate, row.failing = FAIL, "bound", 1000.0 + i, 1.5, 3
            row.message, row.cause = (
                "3 of 5 elements are farther off",
                f"is 1.5 times the truth (told from {i} elements)",
            )
        rows.append(row)
    rows[1].status, rows[1].message = KNOWN, "meant to differ"
    rows[2].status, rows[2].message = UNSUPPORTED, "there is no such thing"
    crash = Record("hang()", "family0", HOSTILE, "float32", "run", "", CRASH, message=f"exit status 11\n{HOSTILE}")
    return [*rows, crash]


@pytest.fixture
def hostile() -> str:
    """What a candidate says to break a page."""
    return HOSTILE


Maker = Callable[..., Path]


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """A folder with the report of so many comparisons, and on request with all that can lie beside it."""

    def made(count: int = 200, *, beside: bool = False) -> Path:
        folder = tmp_path_factory.mktemp("reports") / "latest"
        folder.mkdir()
        frame = to_frame(made_records(count))
        frame.to_parquet(folder / "records.parquet", index=False)
        (folder / "environment.json").write_text(json.dumps(ABOUT | {"cases": int(frame["case"].nunique())}))
        if beside:
            timings(folder)
            trajectory(folder.parent / "trajectories" / "lenet5")
            gate(folder)
            names = [
                ("op_db", "linalg", f"linalg.name{i}", "missing", 0, 0, 0, "no complex numbers") for i in range(30)
            ]
            pandas.DataFrame(names, columns=list(COVERED)).to_parquet(folder / "coverage.parquet", index=False)
        return folder

    return made


def timings(folder: Path) -> None:
    names = [f"conv2d {n}x3x8x8" for n in (1, 2)]
    names += [f"sweep of batch: conv2d {n}x16x28x28 16 of 3x3" for n in (1, 2, 4)]
    names += [f"sweep of channels: conv2d 8x{n}x28x28 {n} of 3x3" for n in (4, 8, 16)]
    rows = [dict.fromkeys(TIMED, 1.0) | {"name": name, "what": "forward", "dtype": "float32"} for name in names]
    given = {"group": "operations", "threads": 1, "wrong": "", "overhead": False, "crowded": False}
    pandas.DataFrame([row | given for row in rows]).to_parquet(folder / "timings.parquet", index=False)
    (folder / "timings.json").write_text(json.dumps({"identity": IDENTITY | {"candidate sources": "bb"}}))


def trajectory(folder: Path) -> None:
    folder.mkdir(parents=True)
    steps = [(step, kind, "w", 0.1, 1.0, 0.1 * step, 0.1, 1.0, "") for step in (1, 2, 3) for kind in ("loss", "batch")]
    names = ["step", "kind", "tensor", "distance", "allowed", "ratio", "torch", "magnitude", "problem"]
    pandas.DataFrame(steps, columns=names).to_parquet(folder / "steps.parquet", index=False)
    losses = [(step, 1 / step, 1 / step, 0.9 / step, 1.1 / step) for step in (1, 2, 3)]
    curve = pandas.DataFrame(losses, columns=["step", "candidate", "torch", "lowest", "highest"])
    curve.to_csv(folder / "losses.csv", index=False)
    (folder / "summary.md").write_text("# Training in mine:kernels and in torch: inside the envelope\n\nmore")
    (folder / "environment.json").write_text(json.dumps({"identity": IDENTITY, "plan": "SGD, 3 steps"}))


def gate(folder: Path) -> None:
    (folder / "gate.md").write_text("## Worse: 1 regression\n")
    (folder / "gate.xml").write_text(
        '<testsuites><testsuite name="verdicts"><testcase name="op1([2])"><failure message="broken: PASS -&gt; FAIL">'
        'z</failure></testcase><testcase name="family0: 3 compared"/></testsuite></testsuites>'
    )
