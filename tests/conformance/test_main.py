"""`python -m conformance` says what it lacks before it imports anything that needs it."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from conformance import __main__ as program

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def test_here_is_all_that_is_needed() -> None:
    assert program.lacking() == []


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(program, "NEEDED", {"no_such_package": "1.0", "numpy": "999.0", "scipy": "1.0"})
    assert program.main() == 2
    said = capsys.readouterr().err
    assert "no_such_package is not installed; numpy" in said and "999.0 or newer is needed" in said
    assert "scipy is" not in said and "scipy 1" not in said


def test_no_more_is_asked_for_than_is_installed() -> None:
    """A release that pyproject.toml lets pip choose is never called too old."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["conform"]]
    oldest = {m[1].replace("-", "_"): m[2] for line in asked if (m := re.match(r"([\w-]+)[>=]=([\d.]+)", line))}
    for name, release in program.NEEDED.items():
        assert program._numbers(release) <= program._numbers(oldest[name]), name
