"""The workflow for GitHub: its steps, run one after the other as the runner would, leave a whole report."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="comes with myst-parser: pip install 'refnet[docs]'")

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ROOT / "docs/ci/conform.yml"
SHELL = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]  # what GitHub runs a step in
GIVEN = {"candidate": "torch", "options": "--ops tan*,exp -k ([7] --workers 1", "baseline": ""}


def jobs() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    return found


def run(job: str, folder: Path, **variables: str) -> list[str]:
    """The job's commands (nothing is installed: it is), and what they print."""
    said = []
    bin = folder / "bin"
    bin.mkdir(exist_ok=True)
    (bin / "conform").write_text(f'#!/bin/sh\nexec {sys.executable} -m conformance "$@"\n', encoding="utf-8")
    (bin / "conform").chmod(0o755)
    path = f"{bin}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "GITHUB_STEP_SUMMARY": str(folder / "job.md")}
    for step in jobs()[job]["steps"]:
        if "run" not in step or step["name"] == "install" or "inputs.baseline" in str(step.get("if")):
            continue
        done = subprocess.run(
            [*SHELL, step["run"]], cwd=folder, env=environment | variables, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{step['name']}: {done.stdout}{done.stderr}"
        said.append(done.stdout)
    return said


def test_steps_in_order(tmp_path: Path) -> None:
    """Two shards, then the job that puts them together; uploads and downloads of artifacts are moves of folders."""
    for index in (1, 2):
        environment = {"CANDIDATE": GIVEN["candidate"], "OPTIONS": GIVEN["options"], "SHARD": f"{index}/2"}
        run("run", tmp_path, **environment, GITHUB_ACTIONS="true")
        (tmp_path / "reports").rename(tmp_path / f"part-{index}")
    (tmp_path / "parts").mkdir()
    for index in (1, 2):
        (tmp_path / f"part-{index}" / str(index)).rename(tmp_path / "parts" / str(index))
    said = run("report", tmp_path)
    assert "torch: conforms" in said[0]
    report = tmp_path / "reports/latest"
    assert (report / "report.html").exists() and list((report / "figures").glob("*.png"))
    assert json.loads((report / "environment.json").read_text(encoding="utf-8"))["complete"] is True
    assert (tmp_path / "job.md").read_text(encoding="utf-8").count("# Conformance of torch") == 3


def test_what_it_declares() -> None:
    """Both ways to start it take the same inputs, every variable of a step is set, and none is part of a script's text."""
    text = WORKFLOW.read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    called, dispatched = (workflow[True][way]["inputs"] for way in ("workflow_call", "workflow_dispatch"))
    assert {name: row.get("default") for name, row in called.items()} == {
        name: row.get("default") for name, row in dispatched.items()
    }
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), f"an input in the text of a script: {step['run']}"
            for name in ("CANDIDATE", "OPTIONS", "INSTALL", "HARNESS", "SHARD", "BASELINE"):
                assert f"${name}" not in step.get("run", "") or name in job["env"], f"{name} is not set"
