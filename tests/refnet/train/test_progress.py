"""What training shows: a bar in a terminal, lines elsewhere, nothing if quiet."""

import io
import re
from typing import Any

import pytest

from refnet.train import _extra
from refnet.train.progress import Bar, Lines, Quiet, progress_of


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


ROW = {"epoch": 1, "step": 2, "lr": 0.1, "loss": 0.5, "accuracy": 0.75, "test_loss": 0.6, "generator": "abc"}
TIMES = {"epoch": 1, "seconds": 2.0, "images_per_second": 1234.5}


def play(progress: Any) -> None:
    """An epoch of two, begun at its second batch."""
    progress.begin(2, 0, 2, 1)
    progress.batch({"loss": 0.5, "accuracy": 0.75}, 1234.5)
    progress.epoch(ROW, TIMES)
    progress.end()


@pytest.mark.parametrize(
    ("kind", "stream", "rich", "expected"),
    [
        ("auto", Terminal, True, Bar),
        ("auto", Terminal, False, Lines),
        ("auto", io.StringIO, True, Lines),
        ("lines", Terminal, True, Lines),
        ("bar", io.StringIO, True, Bar),
        ("quiet", Terminal, True, Quiet),
    ],
)
def test_kinds(kind: str, stream: Any, rich: bool, expected: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refnet.train.progress.available", lambda name: rich)
    assert type(progress_of(kind, stream=stream())) is expected


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    play(progress_of("lines", "torch"))
    line = "torch epoch 1/2  loss 0.5000  accuracy 0.7500  test loss 0.6000  lr 0.1  1,234 images/s  0:02  0:02 left\n"
    assert capsys.readouterr().out == line


def test_bar_shows_all_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    play(progress_of("auto", stream=stream))
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert "epoch 1/2  loss 0.5000  accuracy 0.7500  test loss 0.6000  lr 0.1  1,234 images/s  0:02" in shown
    assert re.search(r"epoch 2/2 .*2/4 loss 0\.5000  accuracy 0\.7500  1,234 images/s .* left", shown), shown


def test_a_pass_of_unknown_length_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    bar = progress_of("bar", stream=Terminal())
    bar.begin(2, 0, None, 0)
    bar.batch({"loss": 0.5}, 10.0)
    bar.end()


def test_a_bar_without_rich_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_extra, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"a progress bar needs the package rich.*refnet\[train\]"):
        progress_of("bar")
