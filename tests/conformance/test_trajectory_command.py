"""`conform train`: reports and exit statuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.cli import main


def test_the_command_writes_a_report(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "report"
    options = ["--candidate", "torch", "--steps", "2", "--variants", "mkldnn=off", "--samples", "0", "--out", str(out)]
    assert main(["train", "lstm", *options, "--json"]) == 0
    printed = capsys.readouterr()
    assert "torch: inside torch's own envelope for 2 steps" in printed.err
    found = json.loads(printed.out)
    assert found["exit status"] == 0 and found["verdict"] == "inside torch's own envelope for 2 steps"
    assert [row["step"] for row in found["losses"]] == [1, 2]
    names = {"steps.parquet", "steps.csv", "losses.csv", "summary.md", "environment.json", "trajectory.png"}
    assert {path.name for path in out.iterdir()} == names
    assert "| parameter" in (out / "summary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (
            ["lstm", "--candidate", "planted_training:Wrong"],
            1,
            "FAIL: leaves torch's envelope at step 1 with loss loss",
        ),
        (["lstm", "--candidate", "planted_training:Without"], 0, "not supported: no LSTM here"),
        (["lstm", "--candidate", "math"], 0, "not supported: training needs a candidate with torch's namespace"),
        (["lenet6"], 2, "no model is called 'lenet6'; there are mlp,"),
        (["mlp", "--optimizer", "sdg"], 2, "no optimizer is called 'sdg'; there are sgd,"),
        (["mlp", "--scheduler", "stairs"], 2, "no scheduler is called 'stairs'; there are step,"),
        (
            ["mlp", "--variants", "cuda"],
            2,
            "the variants of torch on cpu are mkldnn=off, threads=2, channels-last; got cuda",
        ),
        (["mlp", "--set", "momentum"], 2, "--set takes NAME=VALUE"),
        (["mlp", "--set", "momentum=much"], 2, "no Python number"),
    ],
)
def test_exit_statuses(arguments: list[str], status: int, said: str, tmp_path: Path, capsys: Any) -> None:
    options = ["--steps", "1", "--samples", "0", "--variants", "mkldnn=off"] if "--variants" not in arguments else []
    assert main(["train", *arguments, *options, "--out", str(tmp_path / "report")]) == status
    shown = capsys.readouterr()
    assert said in shown.out + shown.err
