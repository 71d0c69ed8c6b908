"""What training shows while it runs: a bar, a line per epoch, or nothing."""

import sys
from typing import Any, Protocol, TextIO

from refnet._check import check
from refnet.train._extra import available, need
from refnet.train.curves import Row

KINDS = ("auto", "bar", "lines", "quiet")


class Progress(Protocol):
    """What the trainer tells while it runs."""

    def begin(self, epochs: int, epoch: int, batches: int | None, batch: int) -> None:
        """Training goes on after `epoch` of `epochs` whole epochs and `batch` of `batches` in the next one."""
        ...

    def batch(self, means: Row, images_per_second: float) -> None:
        """A batch is done; `means` has loss and metrics of this epoch so far."""
        ...

    def epoch(self, row: Row, times: Row) -> None:
        """An epoch is done and evaluated."""
        ...

    def end(self) -> None:
        """Training ends, however it does."""
        ...


def progress_of(kind: str, name: str = "", stream: TextIO | None = None) -> Progress:
    """The progress of a kind: "bar", "lines", "quiet", or "auto", which is a bar in a terminal and lines elsewhere.

    - name: shown before everything else. stream: where to write, standard output if left out.

    Raises ValueError for another kind, and ModuleNotFoundError that names the extra for a bar without rich.
    """
    check(kind in KINDS, lambda: f"progress: expected one of {', '.join(KINDS)}; got {kind!r}", ValueError)
    stream = stream or sys.stdout
    if kind == "quiet":
        return Quiet()
    if kind == "bar":
        need("rich", "a progress bar")
    if kind == "lines" or (kind == "auto" and not (stream.isatty() and available("rich"))):
        return Lines(name, stream)
    return Bar(name, stream)


class Quiet:
    """Nothing."""

    def begin(self, epochs: int, epoch: int, batches: int | None, batch: int) -> None: ...
    def batch(self, means: Row, images_per_second: float) -> None: ...
    def epoch(self, row: Row, times: Row) -> None: ...
    def end(self) -> None: ...


class Lines(Quiet):
    """One line per epoch, with the time that is left at the speed so far."""

    def __init__(self, name: str, stream: TextIO) -> None:
        self._name, self._stream = name, stream
        self._epochs = self._left = 0
        self._seconds: list[float] = []

    def begin(self, epochs: int, epoch: int, batches: int | None, batch: int) -> None:
        self._epochs, self._left, self._seconds = epochs, epochs - epoch, []

    def epoch(self, row: Row, times: Row) -> None:
        self._left -= 1
        self._seconds.append(times["seconds"])
        left = self._left * sum(self._seconds) / len(self._seconds)
        tail = f"  {clock(left)} left" if self._left > 0 else ""
        print(f"{epoch_line(self._name, self._epochs, row, times)}{tail}", file=self._stream, flush=True)


class Bar:
    """A bar over all batches of all epochs, and above it a line for each epoch that is done."""

    def __init__(self, name: str, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._name, self._epochs, self._epoch, self._batches = name, 0, 0, 0
        self._task: Any = None
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=Console(file=stream),
            transient=True,
        )

    def begin(self, epochs: int, epoch: int, batches: int | None, batch: int) -> None:
        self._epochs, self._epoch = epochs, epoch
        total = None if batches is None else epochs * batches
        done = 0 if batches is None else epoch * batches + batch
        self._task = self._bar.add_task(self._title(), total=total, completed=done, figures="")
        self._bar.start()

    def batch(self, means: Row, images_per_second: float) -> None:
        figures = f"{_figures(means)}  {images_per_second:,.0f} images/s"
        self._bar.update(self._task, advance=1, description=self._title(), figures=figures)

    def epoch(self, row: Row, times: Row) -> None:
        self._epoch += 1
        self._bar.update(self._task, description=self._title())
        self._bar.console.print(epoch_line(self._name, self._epochs, row, times), highlight=False, markup=False)

    def end(self) -> None:
        self._bar.stop()

    def _title(self) -> str:
        name = f"{self._name} " if self._name else ""
        return f"{name}epoch {min(self._epoch + 1, self._epochs)}/{self._epochs}"


def epoch_line(name: str, epochs: int, row: Row, times: Row) -> str:
    """One epoch in a line.

    >>> row = {"epoch": 2, "step": 40, "lr": 0.1, "loss": 0.51234, "accuracy": 0.81, "test_loss": 0.5}
    >>> epoch_line("refnet", 10, row, {"seconds": 61.2, "images_per_second": 4010.3})
    'refnet epoch  2/10  loss 0.5123  accuracy 0.8100  test loss 0.5000  lr 0.1  4,010 images/s  1:01'
    """
    title = f"{name + ' ' if name else ''}epoch {row['epoch']:>{len(str(epochs))}}/{epochs}"
    measured = {key: row[key] for key in row if key not in ("epoch", "step", "lr", "generator")}
    speed = f"{times['images_per_second']:,.0f} images/s  {clock(times['seconds'])}"
    return f"{title}  {_figures(measured)}  lr {row['lr']:.3g}  {speed}"


def _figures(values: Row) -> str:
    return "  ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in values.items() if value is not None)


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss or m:ss.

    >>> clock(61.2), clock(3601)
    ('1:01', '1:00:01')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
