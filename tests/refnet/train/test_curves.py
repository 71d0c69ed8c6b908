"""Curves as CSV and as a figure."""

import csv
from pathlib import Path

import matplotlib.image
import pytest

from refnet.train import Curves, plot

ROWS = [
    {"epoch": 1, "step": 2, "lr": 0.1, "loss": 1 / 3, "accuracy": 0.5, "generator": "ab"},
    {"epoch": 2, "step": 4, "lr": 0.1, "loss": 0.2, "accuracy": 0.6, "test_loss": 0.3, "generator": "cd"},
]
TIMES = [
    {"epoch": 1, "seconds": 1.0, "images_per_second": 10.0},
    {"epoch": 2, "seconds": 3.0, "images_per_second": 30.0},
]


def test_columns() -> None:
    curves = Curves(ROWS, TIMES)
    assert curves["test_loss"] == [None, 0.3] and curves.last("loss") == 0.2 and curves.last("f1") is None
    assert curves.images_per_second == 25.0 and Curves().images_per_second is None
    with pytest.raises(KeyError, match="no column 'f1' in these curves; they have epoch, step"):
        curves["f1"]


def test_csv_keeps_every_digit(tmp_path: Path) -> None:
    Curves(ROWS, TIMES).write(tmp_path, "mine")
    with open(tmp_path / "mine.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == [1 / 3, 0.2] and rows[0]["test_loss"] == ""
    assert (tmp_path / "mine-times.csv").read_text().splitlines()[1] == "1,1.0,10.0"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine-times.csv", "mine.csv"]


def test_figure_has_a_panel_per_quantity(tmp_path: Path) -> None:
    plot({"refnet": Curves(ROWS), "torch": Curves(ROWS)}, tmp_path / "two.png")
    plot({"refnet": Curves([{"epoch": 1, "loss": 1.0}])}, tmp_path / "one.png")
    heights, widths = zip(
        *(matplotlib.image.imread(tmp_path / f"{n}.png").shape[:2] for n in ("one", "two")), strict=True
    )
    assert heights[0] == heights[1] and widths[1] == 2 * widths[0]
    with pytest.raises(ValueError, match="expected at least one epoch, got none"):
        plot({"refnet": Curves()}, tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()
