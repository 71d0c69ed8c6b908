"""Annotations and the job's summary, and that nothing is said elsewhere."""

from pathlib import Path
from typing import Any

from conformance import github


def test_nothing_outside_of_a_runner(monkeypatch: Any) -> None:
    for name in ("GITHUB_ACTIONS", github.SUMMARY):
        monkeypatch.delenv(name, raising=False)
    assert github.annotations([("title", "message")]) == []
    github.summarize("# text")


def test_annotations_are_escaped_and_few(monkeypatch: Any) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert github.annotations([("FAIL a:b, c", "50%\nof it")]) == ["::error title=FAIL a%3Ab%2C c::50%25%0Aof it"]
    lines = github.annotations((str(i), "") for i in range(30))
    assert len(lines) == github.MOST and lines[-1].endswith("::21 more failures: see the report")


def test_the_summary_is_added_to(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv(github.SUMMARY, str(tmp_path / "summary"))
    github.summarize("# one\n\n")
    github.summarize("é" * github.LONGEST)
    text = (tmp_path / "summary").read_text(encoding="utf-8")
    assert text.startswith("# one\né") and text.endswith("the rest is in the report\n")
    assert len(text.encode()) < github.LONGEST + 100
