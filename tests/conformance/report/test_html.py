"""The page as a file: what is in it, and that it needs nothing else. How it behaves is in test_browser.py."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from in_process import InProcess

from conformance.cli import main
from conformance.record import PASS, Record, to_frame
from conformance.report import figures, html, tables

Maker = Callable[..., Path]
FEW = ["--candidate", "torch", "--cases", "few_cases", "--family", "few_cases", "--ops", "tanh"]


def words(text: str) -> str:
    """What a reader sees of a page without its programs."""
    return re.sub(r"<(script|style)[^>]*>.*?</\1>", "", text, flags=re.DOTALL)


def test_everything_is_on_the_page(make: Maker) -> None:
    page = words(html.page(make(200, beside=True)))
    for said in (
        "mine:kernels", "3 failures", "196</strong> passed", "1 min 15 s", "A processor", "Failures", "Gate",
        "Worse: 1 regression", "All comparisons", "Known differences", "Not supported", "Coverage", "Slowest cases",
        "Timings", "candidate sources bb, not aa", "Training: lenet5", "SGD, 3 steps: inside the envelope",
    ):  # fmt: skip
        assert said in page, said
    assert page.count("<figure>") == 6


def test_what_is_not_there_is_not_on_the_page(make: Maker) -> None:
    page = words(html.page(make(5)))
    assert not [name for name in ("Gate", "Coverage", "Timings", "Training") if name in page]


def test_no_address_is_named(make: Maker) -> None:
    """No element loads anything, and the page forbids itself to."""
    page = html.page(make(200, beside=True))
    assert "default-src 'none'" in page
    found = re.findall(r"""(?:src|href)=["']([^"']*)""", words(page))
    assert [address for address in found if not address.startswith(("#", "data:,"))] == []
    assert "url(" not in re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1].replace("url(#", "")  # type: ignore[index]


def test_the_library_brings_its_licences(make: Maker) -> None:
    page = words(html.page(make(5)))
    assert "MIT License" in page
    assert "datatables.net/license" in page
    assert len(page) < 100_000, "the licences, not the library"


def test_figures_follow_the_page_in_colour(make: Maker) -> None:
    page = html.page(make(200, beside=True))
    drawn = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    style = (html.TEMPLATES / "report.css").read_text()
    for name, value in figures.COLORS.items():
        assert style.count(f"--{name}: ") == 2, f"a colour for light and one for dark: {name}"
        assert f"--{name}: {value};" in style
        assert not [svg for svg in drawn if value in svg]
    assert all("var(--" in svg and 'role="img"' in svg and "<text" in svg for svg in drawn)


def test_the_commands_for_a_case() -> None:
    assert html.commands({"candidate": "my kernels", "extra cases": ["a"]}) == [
        "conform explain --candidate 'my kernels' --cases a CASE",
        "conform repro --candidate 'my kernels' --cases a CASE",
    ]


def test_an_incomplete_run_says_so(make: Maker) -> None:
    folder = make(5)
    path = folder / "environment.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"complete": False}))
    assert "The run is incomplete" in html.page(folder)


def test_a_run_that_conforms(make: Maker) -> None:
    import pandas

    folder = make(5)
    frame = pandas.read_parquet(folder / "records.parquet")
    frame[frame["status"] == "PASS"].to_parquet(folder / "records.parquet", index=False)
    page = words(html.page(folder))
    assert "conforms" in page
    assert "No comparison failed" in page
    frame[:0].to_parquet(folder / "records.parquet", index=False)
    assert "0 comparisons" in html.page(folder)


def test_the_command(make: Maker, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make(200, beside=True)
    assert main(["report", str(folder), "--png"]) == 0
    made = capsys.readouterr().out.split()
    assert made[0] == str(folder / "report.html")
    assert {Path(name).name for name in made[1:]} == {
        "error-against-conditioning.png", "accuracy.png", "closer-to-the-oracle.png", "timing-ratios.png", "scaling.png",
        "training-lenet5.png",
    }  # fmt: skip
    assert all(Path(name).read_bytes().startswith(b"\x89PNG") for name in made[1:])


def test_the_command_without_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert "there is no report in" in capsys.readouterr().err


def test_a_run_without_the_library_has_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(html, "LIBRARY", "itables-that-is-not-there")
    monkeypatch.setattr("conformance.cli.Workers", InProcess)
    assert main(["run", *FEW, "--out", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "no report.html: " in said.err
    assert said.out.endswith(f"report: {tmp_path / 'summary.md'}\n")
    assert main(["report", str(tmp_path)]) == 2
    assert "itables-that-is-not-there" in capsys.readouterr().err


def test_a_run_writes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("conformance.cli.Workers", InProcess)
    assert main(["run", *FEW, "--out", str(tmp_path)]) == 0
    assert f"report: {tmp_path / 'report.html'}, {tmp_path / 'summary.md'}" in capsys.readouterr().out
    assert "conforms" in words((tmp_path / "report.html").read_text())


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 12])
def test_figures_of_very_little(count: int) -> None:
    """As many comparisons with one and the same number."""
    row = Record("f()", "family", "f", "float32", "output", "out", PASS, index="[0]", z=1.0, allowed=1e-6, oracle=1.0)
    row.rms_z = row.torch_rms_z = 1.0
    frame = to_frame([row] * count)
    drawn = [figures.conditioning(frame), figures.accuracy(frame), figures.closer(tables.by_family(frame))]
    assert [figure is not None and "<svg" in figure.svg() for figure in drawn] == [count > 0] * 3
