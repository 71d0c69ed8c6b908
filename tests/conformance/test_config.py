"""[tool.conform]: options where the command line does not say it, and clear errors."""

from pathlib import Path
from typing import Any

import pytest

from conformance import config
from conformance.cli import main
from conformance.options import parser


def options(table: dict[str, Any], *given: str) -> Any:
    understood = parser()
    config.apply(understood, table, "pyproject.toml")
    return understood.parse_args(list(given))


TABLE = {"candidate": "torch", "run": {"ops": ["conv*", "tanh"], "timeout": 20, "cases": "one", "json": True}}


def test_the_command_line_overrides_the_file() -> None:
    found = options(TABLE, "run")
    assert (found.candidate, found.ops, found.timeout, found.cases, found.json) == (
        "torch", ("conv*", "tanh"), 20.0, ["one"], True,
    )  # fmt: skip
    found = options(TABLE, "run", "--candidate", "refnet", "--ops", "exp", "--cases", "two", "--cases", "three")
    assert (found.candidate, found.ops, found.cases) == ("refnet", ("exp",), ["two", "three"])
    found = options(TABLE, "explain", "case")
    assert (found.candidate, found.timeout, found.cases) == ("torch", 60.0, [])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"candidat": "torch"}, r"\[tool.conform\] has an unknown key 'candidat'; did you mean 'candidate'\?"),
        ({"run": {"xyzzy": 1}}, r"\[tool.conform.run\] has an unknown key 'xyzzy'; there are candidate, cases"),
        ({"rum": {}}, r"unknown key 'rum'; did you mean 'run'\?"),
        ({"timeout": "long"}, "timeout = 'long'"),
        ({"run": {"workers": 0}}, "at least 1, got 0"),
        ({"run": {"json": "yes"}}, "json should be true or false, got 'yes'"),
        ({"train": {"data": "cifar"}}, "data = 'cifar', but should be one of"),
        ({"candidate": {"name": "torch"}}, "unknown key 'candidate'"),
    ],
)
def test_what_makes_no_sense_is_refused(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        options(table, "run")


def test_the_nearest_file_is_read(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.conform]\ncandidate = "torch"\ncandidates = 1\n', encoding="utf-8")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert main(["list", "--ops", "tanh"]) == 2
    assert "unknown key 'candidates'; did you mean 'candidate'?" in capsys.readouterr().err
    (tmp_path / "pyproject.toml").write_text("[tool.conform\n", encoding="utf-8")
    assert main(["list", "--ops", "tanh"]) == 2
    assert "pyproject.toml: " in capsys.readouterr().err
    (tmp_path / "below" / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    assert main(["list", "--ops", "tanh"]) == 0
