"""Learning curves: one row per epoch, as CSV and as a figure."""

import csv
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from refnet._check import check
from refnet.train._extra import need

Row = dict[str, Any]


class Curves:
    """What training measured, one row per epoch.

    - rows: "epoch", "step" (updates since the start), "lr", "loss" and the metrics over the training batches as they
      were trained on, then the same as "test_loss", ... if that epoch was evaluated, and "generator": a digest of the
      random generator's state after the epoch. A run gives the same rows each time, to the last bit.
    - times: "epoch", "seconds" and "images_per_second" of training alone; these differ from run to run.

    >>> curves = Curves([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25, "test_loss": 0.3}])
    >>> curves["loss"], curves["test_loss"], curves.last("test_loss")
    ([0.5, 0.25], [None, 0.3], 0.3)
    >>> print(curves.csv(), end="")
    epoch,loss,test_loss
    1,0.5,
    2,0.25,0.3
    """

    def __init__(self, rows: list[Row] | None = None, times: list[Row] | None = None) -> None:
        self.rows: list[Row] = rows or []
        self.times: list[Row] = times or []

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __getitem__(self, column: str) -> list[Any]:
        """A column, with None where an epoch has no value."""
        if column not in self.columns:
            raise KeyError(f"no column {column!r} in these curves; they have {', '.join(self.columns) or 'none'}")
        return [row.get(column) for row in self.rows]

    @property
    def columns(self) -> list[str]:
        """The columns, in the order in which they appeared."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def last(self, column: str) -> Any:
        """The last value of a column, None without one."""
        return next((row[column] for row in reversed(self.rows) if row.get(column) is not None), None)

    @property
    def images_per_second(self) -> float | None:
        """The speed of training over all epochs."""
        seconds = sum(row["seconds"] for row in self.times)
        return sum(row["seconds"] * row["images_per_second"] for row in self.times) / seconds if seconds else None

    def csv(self) -> str:
        """The rows as CSV; floats with all their digits, nothing where there is no value."""
        return _csv(self.rows)

    def write(self, folder: str | os.PathLike[str], name: str = "curves") -> None:
        """Write NAME.csv and NAME-times.csv into a folder."""
        for suffix, rows in (("", self.rows), ("-times", self.times)):
            write_text(Path(folder) / f"{name}{suffix}.csv", _csv(rows))


def plot(curves: Mapping[str, Curves], path: str | os.PathLike[str]) -> None:
    """Draw loss and metrics of one run or several into a PNG: a panel each, training dashed, test solid.

    Raises ValueError when there is nothing to draw, and ModuleNotFoundError that names the extra without matplotlib.
    """
    need("matplotlib", "a figure of the learning curves")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = _panels(curves)
    check(panels, lambda: "plot(): expected at least one epoch, got none", ValueError)
    figure = Figure(figsize=(5.5 * len(panels), 4), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, quantity in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for number, (name, run) in enumerate(curves.items()):
            label = f"{name}, " if len(curves) > 1 else ""
            for column, style, kind in ((quantity, "--", "training"), (f"test_{quantity}", "-", "test")):
                points = [(row["epoch"], row[column]) for row in run if row.get(column) is not None]
                if points:
                    # The runs after the first lie on top of it where they agree: thinner lines let it show.
                    width = max(3.0 - 1.75 * number, 0.8)
                    x, y = zip(*points, strict=True)
                    axes.plot(x, y, style, color=f"C{number}", lw=width, marker="o", ms=width + 2, label=label + kind)
        axes.set(xlabel="epoch", title=quantity)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    _write(Path(path), content.getvalue())


def _panels(curves: Mapping[str, Curves]) -> list[str]:
    """The quantities that were measured: the loss first, then the metrics."""
    columns = dict.fromkeys(name for run in curves.values() for name in run.columns)
    return [name for name in columns if name not in ("epoch", "step", "lr", "generator") and name[:5] != "test_"]


def _csv(rows: list[Row]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_text(path: Path, text: str) -> None:
    """Replace a text file in one step."""
    _write(path, text.encode())


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)
