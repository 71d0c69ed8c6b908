"""`Trainer`: permute, cut into batches, train, evaluate, keep the best model, stop when the test loss rises."""

import inspect
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import refnet
from refnet._check import check, typename
from refnet.train import checkpoint as checkpoints
from refnet.train.batches import Batches, batches_of, check_positive, inputs_and_target, length_of
from refnet.train.curves import Curves, Row
from refnet.train.early_stopping import EarlyStopping
from refnet.train.interruption import Interrupted, Pending, deferred
from refnet.train.progress import Progress, progress_of

Metric = Callable[[Any, Any], float]


def correct(output: Any, target: Any) -> int:
    """The number of rows of `output` (N, classes, ...) whose largest entry is the class that `target` (N, ...) says."""
    return int((output.argmax(1) == target).sum().item())


@dataclass
class Position:
    """How far training is: what a checkpoint needs beside the states of model, optimizer and generators.

    - epoch, batch, step: whole epochs, batches of the epoch begun, updates since the start.
    - sums, samples, seconds: of loss and metrics, over the batches of the epoch begun.
    - first: the epoch at which this `fit` began, which is not 0 if it went on from another.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    first: int = 0
    samples: int = 0
    seconds: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)

    def begin_epoch(self) -> None:
        """Forget the sums of the epoch before."""
        self.batch = self.samples = 0
        self.seconds, self.sums = 0.0, {}

    def means(self) -> Row:
        """Loss and metrics of this epoch so far."""
        return {name: total / self.samples for name, total in self.sums.items()}


@dataclass
class _Run:
    """What one call of `fit` works with."""

    train: Batches
    test: Batches | None
    end: int  # the epoch to train up to
    eval_every: int
    shown: Progress
    pending: Pending
    checkpoint: str | None
    checkpoint_every: int | None
    setup: dict[str, Any]
    notes: dict[str, Any]


class Trainer:
    """Trains a model.

    Args:
        model: a Module.
        loss: (output, target) -> scalar, the mean over the rows of a batch (or their sum, if it says
            ``reduction="sum"``).
        optimizer: over the model's parameters.
        scheduler: a learning rate schedule, stepped after every epoch, or with ``scheduler_per="batch"`` after every
            update; ReduceLROnPlateau gets the test loss (the training loss without test data) of evaluated epochs.
        metrics: name -> function (output, target) -> *sum* over the rows of a batch. None: "accuracy" if the targets
            are classes (whole numbers), none otherwise.
        stateful: name -> object with `state_dict` and `load_state_dict` that belongs into checkpoints too.
        library: the library that model, loss and optimizer are of: any module with torch's names. The trainer itself
            uses its `Tensor`, `as_tensor`, `from_numpy`, `randperm`, `no_grad`, `manual_seed`, `get_rng_state`,
            `set_rng_state`, `nn.Module`, `optim.lr_scheduler` and `utils.data`.
        device: where to train, as "cuda": the model is moved there now, and every batch when its turn comes (beside the
            host's work if it is in pinned memory). None leaves both where they are.

    Attributes:
        curves: what was measured so far, one row per epoch.
        stopping: the `EarlyStopping` of the last `fit`.
        best_model: the state of the model at its best evaluation, None before the first.
        last_model: the state at the end of the last `fit`, before it went back to the best.

    >>> _ = refnet.manual_seed(0)
    >>> X = refnet.rand(64, 1)
    >>> model = refnet.nn.Linear(1, 1)
    >>> trainer = Trainer(model, refnet.nn.MSELoss(), refnet.optim.SGD(model.parameters(), lr=0.5))
    >>> curves = trainer.fit(X, 2 * X, X, 2 * X, epochs=20, eval_every=10, batch_size=16, progress="quiet")
    >>> len(curves), curves.last("test_loss") < 1e-3
    (20, True)
    """

    def __init__(
        self,
        model: Any,
        loss: Callable[[Any, Any], Any],
        optimizer: Any,
        *,
        scheduler: Any = None,
        scheduler_per: str = "epoch",
        metrics: Mapping[str, Metric] | None = None,
        stateful: Mapping[str, Any] | None = None,
        library: Any = refnet,
        device: Any = None,
    ) -> None:
        check(
            isinstance(model, library.nn.Module),
            lambda: f"Trainer(): expected a model of {library.__name__}, got {typename(model)}",
            TypeError,
        )
        check(
            scheduler_per in ("epoch", "batch"),
            lambda: f"Trainer(): expected scheduler_per to be 'epoch' or 'batch', got {scheduler_per!r}",
            ValueError,
        )
        self.model, self.loss, self.optimizer, self.library = model, loss, optimizer, library
        self.device = device
        if device is not None:
            model.to(device)
        self.scheduler, self.scheduler_per = scheduler, scheduler_per
        self.metrics = metrics
        self.stateful = dict(stateful or {})
        self.curves = Curves()
        self.stopping = EarlyStopping()
        self.best_model: Any = None
        self.last_model: Any = None
        self._position = Position()
        self._at_first: Any = None  # the states at the first fit, for restart
        self._epoch_generators: Any = None  # the generators' states at the start of the epoch begun
        parameters = inspect.signature(optimizer.step).parameters
        self._needs_closure = parameters["closure"].default is inspect.Parameter.empty

    # --- fit and evaluate -----------------------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any = None,
        X_test: Any = None,
        y_test: Any = None,
        epochs: int = 100,
        eval_every: int = 10,
        batch_size: int = 32,
        seed: int | None = 1,
        restart: bool = True,
        *,
        patience: int | None = 1,
        workers: int = 0,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int | None = None,
        resume: bool = False,
        notes: Mapping[str, Any] | None = None,
        progress: str | Progress = "auto",
        on_epoch: Callable[[Row], None] | None = None,
    ) -> Curves:
        """Train, and leave the model as it was at its best evaluation.

        Every epoch goes through the training rows in a new random order, `batch_size` at a time. Every `eval_every`
        epochs, and after the last, the test loss is taken. It *rises* if it is not smaller than the smallest test loss
        so far (equal or NaN: it rises; see `EarlyStopping`). Once it has risen at `patience` evaluations in a row,
        training stops; the default, 1, stops at the first rise. At the end the parameters and buffers of the best
        evaluation are put back; the optimizer stays as it is. Without test data all epochs are trained, and the last
        model stays.

        Args:
            X, y, X_test, y_test: inputs and targets, tensors or arrays; or X and X_test are each a Dataset or a
                DataLoader (which brings its own batch size and order) and have no y. No X_test: no evaluation.
            epochs: how many to train, in this call.
            eval_every: epochs from one evaluation to the next.
            batch_size: rows per update, and per step of an evaluation.
            seed: for the library's default generator, at the start; None leaves the generator alone.
            restart: begin anew from the states that model, optimizer and scheduler had at the first `fit`. False: go on
                from where the last one ended, with its smallest loss as the one to beat.
            patience: rises in a row after which to stop; None never stops.
            workers: threads that fetch batches ahead.
            checkpoint: a .safetensors file to keep everything in that is needed to go on: written after every epoch,
                and on SIGINT and SIGTERM, which then raise `Interrupted`. Without `resume` it replaces what is there.
            checkpoint_every: write it after so many batches too.
            resume: go on from `checkpoint`. The result is that of the uninterrupted run, to the last bit, if all else
                is the same (the thread count too: sums in another order round differently). Model, optimizer (its
                options too), scheduler, generators, curves and position come from the file; `seed` and `restart` have
                no effect. A larger `epochs` or `patience` trains further than the first run would have.
            notes: plain data to keep in the checkpoint; ``checkpoint.read(path)["notes"]`` gives them back.
            progress: "auto" (a bar in a terminal, else a line per epoch), "bar", "lines", "quiet", or an object.
            on_epoch: called with every new row of the curves, before the checkpoint is written.

        Returns `self.curves`. Raises ValueError and TypeError for arguments that do not fit; when resuming,
        FileNotFoundError without a checkpoint and CheckpointError for one that is damaged or of another run, before
        anything is changed.
        """
        check_positive("epochs", epochs)
        check_positive("eval_every", eval_every)
        if checkpoint_every is not None:
            check_positive("checkpoint_every", checkpoint_every)
        check(checkpoint is not None or not resume, lambda: "fit(): resume=True needs a checkpoint", ValueError)
        train = batches_of(self.library, X, y, batch_size, workers, shuffle=True)
        test = None if X_test is None else batches_of(self.library, X_test, y_test, batch_size, workers, shuffle=False)
        path = None if checkpoint is None else os.fspath(checkpoint)
        check(
            path is None or (Path(path).suffix == ".safetensors" and Path(path).parent.is_dir()),
            lambda: f"fit(): expected checkpoint to be a .safetensors file in a folder that exists, got {path}",
            ValueError,
        )
        shown = progress_of(progress) if isinstance(progress, str) else progress
        setup = {} if path is None else self._setup(train, test, eval_every, seed)
        if resume and path is not None:
            self._load(path, setup, train, EarlyStopping(patience))
        else:
            self._begin(seed, restart, EarlyStopping(patience))
        end = self._position.first + epochs
        with deferred(path is not None) as pending:
            run = _Run(
                train, test, end, eval_every, shown, pending, path, checkpoint_every, setup, notes=dict(notes or {})
            )
            shown.begin(end, self._position.epoch, length_of(train), self._position.batch)
            try:
                while self._has_work(run):
                    self._train_epoch(run)
                    row = self._end_epoch(run)
                    if on_epoch is not None:
                        on_epoch(row)
                    self._save(run)
                    if pending.signal:
                        raise Interrupted(path or "", pending.signal)
            finally:
                shown.end()
        self.last_model = self._snapshot()
        if self.best_model is not None:
            self.model.load_state_dict(self.best_model)
        return self.curves

    def _has_work(self, run: _Run) -> bool:
        return self._position.epoch < run.end and not self.stopping.stops

    def evaluate(self, X: Any, y: Any = None, batch_size: int = 32) -> Row:
        """Loss and metrics over data given as to `fit`, the model in evaluation mode.

        The mode the model was in comes back afterwards.
        """
        return self._evaluate(batches_of(self.library, X, y, batch_size, 0, shuffle=False))

    def _evaluate(self, batches: Batches) -> Row:
        was_training = self.model.training
        self.model.eval()
        measured = Position()
        try:
            with self.library.no_grad():
                for batch in batches.start():
                    inputs, target = inputs_and_target(batch, self.device)
                    output = self.model(*inputs)
                    self._count(measured, output, target, self.loss(output, target))
        finally:
            self.model.train(was_training)
        check(measured.samples > 0, lambda: "expected data to evaluate on, got no batch", ValueError)
        return measured.means()

    # --- one epoch ------------------------------------------------------------------------------------------------

    def _train_epoch(self, run: _Run) -> None:
        """Train from the position to the end of the epoch."""
        at, generators = self._position, run.train.generators
        now = checkpoints.generator_states(self.library, generators)
        if at.batch == 0:
            self._epoch_generators = now
            batches = run.train.start()
        else:  # the order is drawn again as it was, then the generators go on from where they were
            checkpoints.restore_generators(self._epoch_generators, self.library, generators)
            batches = run.train.start(at.batch)
            checkpoints.restore_generators(now, self.library, generators)
        self.model.train()
        length = length_of(run.train)
        started = time.perf_counter() - at.seconds
        for batch in batches:
            output, target, loss = self._update(batch)
            self._count(at, output, target, loss)
            at.batch += 1
            at.step += 1
            at.seconds = time.perf_counter() - started
            run.shown.batch(at.means(), at.samples / at.seconds)
            due = run.checkpoint_every is not None and at.batch % run.checkpoint_every == 0
            if (due or run.pending.signal) and at.batch != length:  # after the last batch it waits for the evaluation
                self._save(run)
                if run.pending.signal:
                    raise Interrupted(run.checkpoint or "", run.pending.signal)
                started = time.perf_counter() - at.seconds
        check(at.samples > 0, lambda: "expected data to train on, got no batch", ValueError)

    def _update(self, batch: Any) -> tuple[Any, Any, Any]:
        """One step of the optimizer; the output and loss of before it."""
        inputs, target = inputs_and_target(batch, self.device)
        first: list[Any] = []

        def closure() -> Any:
            self.optimizer.zero_grad()
            output = self.model(*inputs)
            loss = self.loss(output, target)
            loss.backward()
            if not first:
                first.extend((output, loss))
            return loss

        if self._needs_closure:
            self.optimizer.step(closure)
        else:
            closure()
            self.optimizer.step()
        if self.scheduler is not None and self.scheduler_per == "batch":
            self.scheduler.step()
        return first[0].detach(), target, first[1]

    def _count(self, position: Position, output: Any, target: Any, loss: Any) -> None:
        """Add the loss and the metrics of a batch to the sums."""
        if self.metrics is None:
            classes = not target.is_floating_point() and target.ndim == output.ndim - 1
            self.metrics = {"accuracy": correct} if classes else {}
        rows = len(target)
        mean = getattr(self.loss, "reduction", "mean") != "sum"
        measured = {"loss": loss.item() * (rows if mean else 1)}
        measured.update((name, float(metric(output, target))) for name, metric in self.metrics.items())
        for name, value in measured.items():
            position.sums[name] = position.sums.get(name, 0.0) + value
        position.samples += rows

    def _end_epoch(self, run: _Run) -> Row:
        """Evaluate, step the schedule, take note of the epoch; the new row of the curves."""
        at = self._position
        at.epoch += 1
        row: Row = {"epoch": at.epoch, "step": at.step, "lr": float(self.optimizer.param_groups[0]["lr"]), **at.means()}
        if run.test is not None and (at.epoch % run.eval_every == 0 or at.epoch == run.end):
            measured = self._evaluate(run.test)
            row.update((f"test_{name}", value) for name, value in measured.items())
            if self.stopping.improves(measured["loss"], at.epoch):
                self.best_model = self._snapshot()
        self._step_scheduler(row, "loss" if run.test is None else "test_loss")
        row["generator"] = checkpoints.digest(checkpoints.to_saved(self.library.get_rng_state(), self.library))[:16]
        times: Row = {"epoch": at.epoch, "seconds": at.seconds, "images_per_second": at.samples / at.seconds}
        self.curves.rows.append(row)
        self.curves.times.append(times)
        at.begin_epoch()
        run.shown.epoch(row, times)
        return row

    def _step_scheduler(self, row: Row, watched: str) -> None:
        if self.scheduler is None or self.scheduler_per == "batch":
            return
        if not isinstance(self.scheduler, self.library.optim.lr_scheduler.ReduceLROnPlateau):
            self.scheduler.step()
        elif watched in row:
            self.scheduler.step(row[watched])

    # --- beginning, saving, loading -------------------------------------------------------------------------------

    def _begin(self, seed: int | None, restart: bool, stopping: EarlyStopping) -> None:
        if self._at_first is None:
            self._remember_first()
        elif restart:
            self._load_states(self._at_first)
        if restart:
            self.curves, self.best_model, self._position = Curves(), None, Position()
        else:
            self._position.first = self._position.epoch
            self._position.begin_epoch()
            stopping.load_state_dict({**self.stopping.state_dict(), "rises": 0})
        self.stopping = stopping
        if seed is not None:
            self.library.manual_seed(seed)

    def _remember_first(self) -> None:
        lazy = [name for name, value in self.model.named_parameters() if self.library.nn.parameter.is_lazy(value)]
        check(
            not lazy,
            lambda: f"fit(): the shape of {', '.join(lazy)} is not known yet; call the model on a batch first",
            ValueError,
        )
        self._at_first = self._states()

    def _snapshot(self) -> Any:
        """A copy of the model's state."""
        return checkpoints.from_saved(checkpoints.to_saved(self.model.state_dict(), self.library), self.library)

    def _states(self) -> dict[str, Any]:
        """Model, optimizer, scheduler and the rest that has a state, as it is saved."""
        scheduler = None if self.scheduler is None else self.scheduler.state_dict()
        states = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": scheduler,
            "stateful": {name: holder.state_dict() for name, holder in self.stateful.items()},
        }
        saved: dict[str, Any] = checkpoints.to_saved(states, self.library)
        return saved

    def _load_states(self, states: dict[str, Any]) -> None:
        own = checkpoints.from_saved(states, self.library)
        self.model.load_state_dict(own["model"])
        self.optimizer.load_state_dict(own["optimizer"])
        if self.scheduler is not None:
            counters = {key for key, value in self.scheduler.state_dict().items() if isinstance(value, Counter)}
            restored = {k: Counter(v) if k in counters else v for k, v in own["scheduler"].items()}
            self.scheduler.load_state_dict(restored)
        for name, holder in self.stateful.items():
            holder.load_state_dict(own["stateful"][name])

    def _setup(self, train: Batches, test: Batches | None, eval_every: int, seed: int | None) -> dict[str, Any]:
        """What must be the same when a run is resumed."""
        return {
            "library": self.library.__name__,
            "model": type(self.model).__name__,
            "optimizer": type(self.optimizer).__name__,
            "scheduler": None if self.scheduler is None else type(self.scheduler).__name__,
            "scheduler_per": self.scheduler_per,
            "stateful": sorted(self.stateful),
            "training data": train.fingerprint(),
            "test data": None if test is None else test.fingerprint(),
            "eval_every": eval_every,
            "seed": seed,
        }

    def _save(self, run: _Run) -> None:
        if run.checkpoint is None:
            return
        content = {
            "setup": run.setup,
            "notes": run.notes,
            "states": self._states(),
            "best": checkpoints.to_saved(self.best_model, self.library),
            "generators": {
                "epoch": self._epoch_generators,
                "now": checkpoints.generator_states(self.library, run.train.generators),
            },
            "position": dict(vars(self._position)),
            "stopping": self.stopping.state_dict(),
            "curves": self.curves.rows,
            "times": self.curves.times,
        }
        checkpoints.write(run.checkpoint, content)

    def _load(self, name: str, setup: dict[str, Any], train: Batches, stopping: EarlyStopping) -> None:
        """Take everything over from a checkpoint, after every check that can be made before."""
        if not Path(name).exists():
            raise FileNotFoundError(f"no checkpoint to resume from: {name} does not exist")
        content = checkpoints.read(name)
        checkpoints.check_fits(name, content["setup"], setup, "run")
        states = content["states"]
        checkpoints.check_fits(name, states["model"], self.model.state_dict(), "model")
        groups = [len(group["params"]) for group in states["optimizer"]["param_groups"]]
        here = [len(group["params"]) for group in self.optimizer.param_groups]
        check(
            groups == here,
            lambda: f"{name} does not fit this optimizer: groups of {groups} parameters in the checkpoint, {here} here",
            checkpoints.CheckpointError,
        )
        if self.scheduler is not None:
            missing = sorted(states["scheduler"].keys() ^ self.scheduler.state_dict().keys())
            check(
                not missing,
                lambda: f"{name} does not fit this scheduler: one of the two has no {', '.join(missing)}",
                checkpoints.CheckpointError,
            )
        if self._at_first is None:
            self._remember_first()
        generators = content["generators"]
        checkpoints.restore_generators(generators["now"], self.library, train.generators)
        self._epoch_generators = generators["epoch"]
        self._load_states(states)
        self.best_model = checkpoints.from_saved(content["best"], self.library)
        self._position = Position(**content["position"])
        self.stopping = stopping.load_state_dict(content["stopping"])
        self.curves = Curves(content["curves"], content["times"])
