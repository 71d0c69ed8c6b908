"""``python -m refnet.train``: from options to files, in refnet and, if asked for, in another library beside it."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

import refnet
from refnet.train import against, checkpoint, curves, options
from refnet.train._extra import need
from refnet.train.interruption import Interrupted
from refnet.train.options import UsageError
from refnet.train.progress import progress_of
from refnet.train.trainer import Trainer

CHECKPOINT = "checkpoint.safetensors"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    chosen = options.parser().parse_args(given)
    try:
        if chosen.resume:
            chosen = _resumed(chosen, given)
        _check(chosen)
        return _train(chosen)
    except (UsageError, checkpoint.CheckpointError, ModuleNotFoundError) as reason:
        print(f"python -m refnet.train: error: {reason}", file=sys.stderr)
        return 2
    except Interrupted as interrupted:
        command = shlex.join([Path(sys.executable).name, "-m", "refnet.train", "--resume", "--out", str(chosen.out)])
        print(f"interrupted; saved to {interrupted.checkpoint}. To go on:\n  {command}", file=sys.stderr)
        return 128 + interrupted.signal


def _resumed(chosen: argparse.Namespace, given: list[str]) -> argparse.Namespace:
    path = chosen.out / CHECKPOINT
    if not path.exists():
        raise UsageError(f"--resume: {path} does not exist; --out must name the folder of the run to go on with")
    return options.merge(given, checkpoint.read(path)["notes"])


def _check(chosen: argparse.Namespace) -> None:
    """Refuse, before anything is trained or written, what could not be finished."""
    path = chosen.out / CHECKPOINT
    if path.exists() and not (chosen.resume or chosen.overwrite):
        raise UsageError(
            f"{path} is a run already: --resume goes on with it, --overwrite starts anew, --out names another folder"
        )
    if not 0 <= chosen.dropout <= 1:
        raise UsageError(f"--dropout: expected a probability from 0 to 1, got {chosen.dropout}")
    if chosen.figure:
        need("matplotlib", "curves.png (--no-figure does without)")
    if chosen.progress == "bar":
        need("rich", "a progress bar")


def _train(chosen: argparse.Namespace) -> int:
    try:
        data = options.load_data(chosen)
    except RuntimeError as reason:  # not there, or damaged; it says which
        raise UsageError(f"--data: {reason}") from reason
    libraries = [refnet]
    if chosen.against:
        libraries.append(_other_library(chosen.against))
    runs = [_Run(chosen, library, data) for library in libraries]
    try:
        chosen.out.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        raise UsageError(f"--out: cannot make the folder {chosen.out}: {reason}") from reason
    if not chosen.resume:
        for path in (run.path(CHECKPOINT) for run in runs):
            path.unlink(missing_ok=True)  # with --overwrite: what is left of the run before
    quiet = chosen.progress == "quiet"
    if not quiet:
        print(f"{data.source}: {len(data.images):,} images for training, {len(data.test_images):,} for testing")
    if chosen.threads is not None:
        for library in libraries:
            library.set_num_threads(chosen.threads)
    for run in runs:
        try:
            run.fit(data)
        finally:
            _plot(chosen, runs)
    refnet.save(runs[0].trainer.model.state_dict(), chosen.out / "model.safetensors")
    if not quiet:
        print("\n".join(run.summary() for run in runs))
    return _compare(chosen, runs) if chosen.against else 0


def _other_library(name: str) -> Any:
    try:
        return against.library_named(name)
    except ModuleNotFoundError as reason:
        raise UsageError(f"--against: cannot import {name}: {reason}") from reason
    except ValueError as reason:
        raise UsageError(f"--against: {reason}") from reason


class _Run:
    """The run of one library: refnet's files have plain names, those of others the library's name in front."""

    def __init__(self, chosen: argparse.Namespace, library: Any, data: options.Data) -> None:
        self.chosen, self.library = chosen, library
        library.manual_seed(chosen.seed)
        model = options.make_model(chosen, library)
        optimizer = options.make_optimizer(chosen, library, model)
        scheduler = options.make_scheduler(chosen, library, optimizer)
        self.evidence = against.Evidence(model, library) if chosen.against else None
        self._generator = library.get_rng_state()  # the stream goes on after the weights
        per_batch = type(scheduler).__name__ in options.PER_BATCH
        self.trainer = Trainer(
            model,
            library.nn.CrossEntropyLoss(),
            optimizer,
            scheduler=scheduler,
            scheduler_per="batch" if per_batch else "epoch",
            stateful={} if self.evidence is None else {"evidence": self.evidence},
            library=library,
        )

    @property
    def name(self) -> str:
        """The library's name."""
        return str(self.library.__name__)

    def path(self, name: str) -> Path:
        """The path of a file of this run."""
        return Path(self.chosen.out) / (name if self.library is refnet else f"{self.name}-{name}")

    def fit(self, data: options.Data) -> None:
        """Train, or go on, writing checkpoints and curves."""
        chosen, convert = self.chosen, self.library.from_numpy
        self.library.set_rng_state(self._generator)
        path = self.path(CHECKPOINT)
        self.trainer.fit(
            convert(data.images),
            convert(data.classes),
            convert(data.test_images),
            convert(data.test_classes),
            epochs=chosen.epochs,
            eval_every=chosen.eval_every,
            batch_size=chosen.batch_size,
            seed=None,
            patience=chosen.patience or None,
            workers=chosen.workers,
            checkpoint=path,
            checkpoint_every=chosen.checkpoint_every or None,
            resume=chosen.resume and path.exists(),
            notes=options.plain(chosen),
            progress=progress_of(chosen.progress, self.name if chosen.against else ""),
            on_epoch=self._end_epoch,
        )
        self._write_curves()

    def _end_epoch(self, row: curves.Row) -> None:
        if self.evidence is not None:
            self.evidence.end_epoch()
        self._write_curves()

    def _write_curves(self) -> None:
        path = self.path("curves")
        self.trainer.curves.write(path.parent, path.name)

    def summary(self) -> str:
        """How it ended, in a line."""
        stopping, measured = self.trainer.stopping, self.trainer.curves
        name = f"{self.name}: " if self.chosen.against else ""
        if not stopping.best_epoch:
            return f"{name}no test loss was a number"
        best = measured.rows[stopping.best_epoch - 1]
        reason = f"stopped after epoch {len(measured)}, as the test loss rose; " if stopping.stops else ""
        figures = f"test loss {best['test_loss']:.4f}, test accuracy {100 * best['test_accuracy']:.2f} %"
        return f"{name}{reason}best model: epoch {stopping.best_epoch}, {figures}"

    def side(self) -> against.Side:
        """This run as one side of the comparison."""
        if self.evidence is None:
            raise ValueError("this run was not watched: it has no side in a comparison")
        best = self.trainer.stopping.best_epoch or len(self.trainer.curves)
        return against.Side(self.name, self.evidence, self.trainer.curves, best)


def _plot(chosen: argparse.Namespace, runs: list[_Run]) -> None:
    measured = {run.name: run.trainer.curves for run in runs if len(run.trainer.curves)}
    if chosen.figure and measured:
        curves.plot(measured, chosen.out / "curves.png")


def _compare(chosen: argparse.Namespace, runs: list[_Run]) -> int:
    ours, theirs = (run.side() for run in runs)
    comparison = against.Comparison(ours, theirs)
    table = comparison.table()
    curves.write_text(chosen.out / "comparison.md", table + "\n")
    print(f"\n{table}")
    differences = comparison.differences()
    for difference in differences:
        print(f"different: {difference}", file=sys.stderr)
    return 1 if differences else 0
