"""The command for a machine with a GPU, without one: its steps end as they should, its rehearsal runs."""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import gpu

    yield gpu
    for name in ("gpu", "gpu_steps", "gpu_report"):
        sys.modules.pop(name, None)


HANGS = """
import time
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("9 comparisons in 1 s")
    raise SystemExit(3)
"""
RECORDS = """
import pathlib, sys
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1]); out.mkdir()
(out / "records.csv").write_text(
    "family,dtype,status,case,check,tensor,category,message,z,allowed,candidate,torch,oracle,operation\\n"
    "a,float32,PASS,x,output,,,,1,1,1,1,1,tanh\\na,float32,FAIL,y,output,,bound,far | off,9,1,1,1,1,tanh\\n"
    "a,float32,UNSUPPORTED,z,run,,,not there,,,,,,exp\\n"
)
print("3 comparisons in 0 s"); sys.exit(1)
"""


def test_every_step_ends_and_is_told(gpu: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from gpu_report import rows_of

    def step(name: str, code: str, **more: Any) -> Any:
        return gpu.Step(name, f"the step {name}", ("-c", code), 30, 1.5 if name == "assumptions" else 30, **more)

    steps = [
        step("machine", 'print(\'{"gpu": "NVIDIA T4", "driver": "1"}\')'),
        step("kernels", "print('ok')"),
        step("assumptions", HANGS),
        step("conformance", RECORDS, out="conformance"),
        step("tf32", "raise SystemExit(1)", passes=(1,)),
    ]
    options = argparse.Namespace(quick=True, rehearse=False, work=tmp_path / "work", reports=tmp_path / "reports")
    assert gpu.carry_out_all(steps, options) == 1
    (folder,) = (tmp_path / "reports").iterdir()
    assert folder.name.endswith("-nvidia-t4")
    rows = {row["step"]: row for row in rows_of(folder / "steps.csv")}
    assert {name: row["status"] for name, row in rows.items()} == {
        "machine": "passed", "kernels": "passed", "assumptions": "cut short", "conformance": "FAILED", "tf32": "passed",
    }  # fmt: skip
    assert rows["assumptions"]["said"] == "9 comparisons in 1 s"
    page = (folder / "summary.md").read_text()
    assert "| driver | 1 |" in page and "far \\| off" in page and "| conformance | 1 | 1 | 1 |" in page
    assert json.loads((folder / "machine.json").read_text())["gpu"] == "NVIDIA T4"

    # A step that is run again replaces its rows; the others stay.
    again = [steps[0], step("conformance", "print('0 comparisons in 0 s')", out="conformance")]
    assert gpu.carry_out_all(again, options) == 0
    assert not (folder / "failures.csv").exists() and len(rows_of(folder / "steps.csv")) == 5
    missing = [step("machine", 'print(\'{"missing": "cupy is not installed"}\'); raise SystemExit(2)'), *steps[1:]]
    assert gpu.carry_out_all(missing, options) == 2
    assert "nothing was run: cupy is not installed" in capsys.readouterr().err


def test_the_plan_fits_ten_minutes(gpu: ModuleType) -> None:
    from conformance.options import parser

    steps = gpu.plan("cuda")
    assert sum(step.limit(True) for step in steps) <= 600
    assert len({step.name for step in steps}) == len(steps)
    for each in [*steps, *gpu.rehearsal()]:
        for quick in (True, False):
            words = each.command(Path("OUT"), quick)
            if words[1:3] == ["-m", "conformance"]:
                parser().parse_args(words[3:])  # SystemExit for a word that the command does not know


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / "gpu.py"), *words], capture_output=True, text=True, check=False
    )


def test_without_a_gpu_it_says_what_is_missing(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    ended = run("--quick", "--work", str(tmp_path), "--reports", str(tmp_path))
    assert ended.returncode == 2 and "nothing was run: " in ended.stderr and "torch" in ended.stderr


def test_the_rehearsal(tmp_path: Path) -> None:
    """Every kernel and a few cases on the stand-in, through the same command."""
    given = ["--rehearse", "--quick", "--steps", "kernels,streams"]
    ended = run(*given, "--work", str(tmp_path / "work"), "--reports", str(tmp_path))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (folder,) = tmp_path.glob("*-rehearsal")
    assert "Nothing here is a result about a GPU" in (folder / "summary.md").read_text()
