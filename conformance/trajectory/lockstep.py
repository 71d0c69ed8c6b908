"""The candidate and torch's own runs, one step at a time, side by side.

Nothing is stored but numbers per step and tensor, so the length of a run is limited by patience only.

A kink (the zero of a ReLU, a tie of a maximum) can throw one run off: a unit whose input is zero but for rounding fires
in one run and not in the others, and from then on that run is a thousand times farther away than rounding took it before.
It may as well be the candidate. So when the candidate leaves with a jump, torch takes this one step again from the
candidate's own state before it, in all its runs. A candidate inside *that* envelope has computed the step as torch would
have; all runs go on from there (the runs are *anchored*, and the report says where). One that is outside is wrong here,
without the error of earlier steps. A candidate that leaves gradually is not excused: errors that are small in every step
and add up are a fault.
"""

import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy

from conformance.candidates import load
from conformance.candidates.namespace import Namespace
from conformance.candidates.protocol import Raised
from conformance.gpus import CPU
from conformance.trajectory.cause import GRADUALLY, likely
from conformance.trajectory.envelope import Envelope, Row
from conformance.trajectory.plan import Plan
from conformance.trajectory.run import EXACT, KINDS, RATE, Run, Snapshot, State

VARIANTS = ("mkldnn=off", "threads=2", "channels-last")
DEFAULT = VARIANTS[:2]  # torch's channels-last batch norm loses a hundred times more digits: too wide an envelope
ON_CPU = "cpu"
ON_GPU = ("cudnn=off", ON_CPU, "channels-last")  # where torch trains on a GPU
DEFAULT_ON_GPU = ON_GPU[:2]
JUMP = 2.0  # leaving with more than so many times the worst ratio of the step before is a jump, not a drift


@dataclass
class Departure:
    """The first tensor of the first step that is outside, and what most likely made it so."""

    row: Row
    cause: str = ""
    index: str = ""
    candidate: float = float("nan")  # the worst element
    torch: float = float("nan")
    float64: float = float("nan")
    others: int = 0  # tensors outside in the same step
    again: str = ""  # what taking the step again from the candidate's state said


@dataclass
class Outcome:
    """Everything that a comparison of trajectories found."""

    candidate: str
    plan: Plan
    envelope: list[str]
    rows: list[Row] = field(default_factory=list)
    departure: Departure | None = None
    raised: Raised | None = None
    raised_at: int = 0
    anchors: list[tuple[int, str]] = field(default_factory=list)
    # (step, the candidate's, torch's, the lowest and the highest of torch's runs)
    losses: list[tuple[int, float, float, float, float]] = field(default_factory=list)
    accuracy: dict[str, list[float]] = field(default_factory=dict)  # by run, after each epoch
    seconds: dict[str, float] = field(default_factory=dict)  # by run
    steps: int = 0
    total_seconds: float = 0.0
    complete: bool = True  # False after Ctrl-C

    @property
    def unsupported(self) -> str:
        """Why the candidate cannot train this; "" when it can."""
        return self.raised.unsupported if self.raised else ""

    @property
    def bad(self) -> bool:
        """Whether the candidate does not train as torch does."""
        return self.departure is not None or (self.raised is not None and not self.unsupported)


def torch_runs(plan: Plan, samples: int, variants: Iterable[str], device: str = CPU) -> tuple[Run, list[Run]]:
    """torch at float64, and the runs that make the envelope; the first of them is torch as it comes, on the device.

    The oracle and Monte-Carlo arithmetic are on the CPU, wherever torch trains.
    """
    from conformance.candidates.torch import Oracle, Threads, reproducible

    plain = Threads(1)  # more threads are a variant
    if device != CPU:
        reproducible()
    own = [Run("torch", plain if device == CPU else load("torch", device), plan)]  # type: ignore[arg-type]  # it is one
    for name in variants:
        if name == ON_CPU:
            own.append(Run("torch on the CPU", plain, plan))
        elif name != "channels-last" or plan.made.images:
            library: Any = load(f"torch:{name}", device)
            own.append(Run(name, library, plan))
    own += [monte_carlo(seed, plan) for seed in range(1, samples + 1)]
    return Run("float64", Oracle(), plan, double=True), own


def monte_carlo(seed: int, plan: Plan) -> Run:
    """torch in Monte-Carlo arithmetic: with an odd seed sums err as in a tree, with an even one as one by one."""
    from conformance.trajectory.arithmetic import TrainingArithmetic

    sequential = seed % 2 == 0
    library = TrainingArithmetic(numpy.float32, seed, sequential=sequential)
    return Run(f"monte-carlo {seed}{' one by one' if sequential else ''}", library, plan, double=True)


def train(
    candidate: Namespace | Run,
    plan: Plan,
    *,
    samples: int = 2,
    variants: Iterable[str] | None = None,
    torch_device: str = CPU,
    anchor_every: int = 0,
    keep_going: bool = False,
    stepped: Callable[[int, list[Row]], None] = lambda step, rows: None,
) -> Outcome:
    """Train the candidate and torch side by side, and compare every step.

    The comparison ends with the first departure unless `keep_going`. `anchor_every` puts all runs of torch into the
    candidate's state after so many steps: the envelope stays narrow over long runs, and faults that drift slowly show
    only within such a stretch. `stepped` is called with the rows of every step. `torch_device` is where torch trains; `variants`
    None are the usual ones there.
    """
    if variants is None:
        variants = DEFAULT if torch_device == CPU else DEFAULT_ON_GPU
    truth, own = torch_runs(plan, samples, variants, torch_device)
    mine = candidate if isinstance(candidate, Run) else Run(candidate.name, candidate, plan)
    return _Lockstep(mine, truth, own, plan, anchor_every, keep_going, stepped).run()


class _CandidateRaised(Exception):
    """The candidate cannot go on."""


class _Lockstep:
    def __init__(
        self,
        mine: Run,
        truth: Run,
        own: list[Run],
        plan: Plan,
        anchor_every: int,
        keep_going: bool,
        stepped: Callable[[int, list[Row]], None],
    ) -> None:
        self.mine, self.truth, self.own = mine, truth, own
        self.anchor_every, self.keep_going, self.stepped = anchor_every, keep_going, stepped
        self.plan = plan
        self.envelope = Envelope()
        self.outcome = Outcome(mine.name, plan, [run.name for run in own])
        self.before = 0.0  # the worst ratio of the step before

    def run(self) -> Outcome:
        began = time.monotonic()
        outcome = self.outcome
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a variant of torch says that it is one, an optimizer that it is slow
                self._all_steps()
        except _CandidateRaised:
            pass  # the outcome tells
        except KeyboardInterrupt:
            outcome.complete = False
        for name, run in {"candidate": self.mine, **{run.name: run for run in (self.truth, *self.own)}}.items():
            outcome.seconds[name] = run.seconds
            outcome.accuracy[name] = run.accuracy
        outcome.total_seconds = time.monotonic() - began
        return outcome

    def _all_steps(self) -> None:
        with self._possible():
            for run in (self.truth, *self.own):
                run.start()
        with self._guarded(0):
            self.mine.start()
        for step in range(1, self.plan.length + 1):
            if not self._step(step):
                break

    @contextmanager
    def _possible(self) -> Iterator[None]:
        """What torch itself refuses is a wrong plan, and no finding about the candidate."""
        try:
            yield
        except (TypeError, ValueError) as error:
            raise ValueError(f"torch itself refuses this training: {error}") from error

    @contextmanager
    def _guarded(self, step: int) -> Iterator[None]:
        """What the candidate raises ends the comparison, and is a finding."""
        try:
            yield
        except Exception as error:
            reason = self.mine.library._unsupported(error)
            self.outcome.raised, self.outcome.raised_at = Raised.of(error, reason), step
            raise _CandidateRaised from error

    def _step(self, step: int) -> bool:
        """One step of all runs, compared; whether to go on."""
        with self._guarded(step):
            state = self.mine.save()
        if self.anchor_every and step > 1 and (step - 1) % self.anchor_every == 0:
            self._anchor(state)
            self.outcome.anchors.append((step, "as asked for"))
        with self._possible():
            for run in (self.truth, *self.own):
                run.step()
        with self._guarded(step):
            self.mine.step()
            mine = self.mine.snapshot()
        shots = [mine, *self._shots()]
        rows = self._rows(step, shots)
        leaving = [row for row in rows if row.outside]
        if leaving and self.outcome.departure is None:
            departure = self._departure(leaving, shots)  # before torch's runs are moved
            departure.again = self._excuse(step, leaving, state, mine)
            if departure.again:
                departure.cause = likely(leaving, rows, departure.again)
                self.outcome.departure = departure
            else:
                shots = [mine, *self._shots()]
                rows = self._rows(step, shots)
                leaving = []
        self.before = max(row.ratio for row in rows)
        self._note(step, rows, shots)
        return not leaving or self.keep_going

    def _shots(self) -> list[Snapshot]:
        """The oracle's, and those of the envelope."""
        runs = (self.truth, *self.own)
        shots = [run.snapshot() for run in runs]
        reference = shots[1]
        for run, shot in zip(runs, shots, strict=True):
            for key in reference:
                if key[0] in EXACT and not numpy.array_equal(shot[key], reference[key]):  # type: ignore[arg-type]
                    raise RuntimeError(f"torch's own runs differ in the {key[0]} {key[1]}: {run.name}")
        return shots

    def _rows(self, step: int, shots: list[Snapshot]) -> list[Row]:
        mine, truth, *own = shots
        keys = list(dict.fromkeys([*truth, *mine]))
        keys.sort(key=lambda key: KINDS.index(key[0]))
        return [
            self.envelope.judge(
                step,
                key,
                mine.get(key),
                truth.get(key),
                own[0].get(key),
                [shot.get(key) for shot in own],
                any_dtype=self.mine.double,
            )
            for key in keys
        ]

    # --- leaving -------------------------------------------------------------------------------------------------

    def _excuse(self, step: int, leaving: list[Row], state: State, mine: Snapshot) -> str:
        """Why leaving is not excused; "" when it was a jump, and torch's own step from the same state agrees.

        Then torch's runs stand where that step has led them, and the envelope starts anew; else they stay where they are.
        """
        if any(row.kind in EXACT or row.kind == RATE or row.problem for row in leaving):
            return "exact"
        if step == 1:
            return "the first step"
        if max(row.ratio for row in leaving) < JUMP * self.before:
            return GRADUALLY
        runs = (self.truth, *self.own)
        stood, envelope = [run.save() for run in runs], self.envelope
        for run in runs:
            run.replay(state)
        self.envelope = Envelope()
        outside = [row for row in self._rows(step, [mine, *self._shots()]) if row.outside]
        if outside:
            for run, before in zip(runs, stood, strict=True):
                run.load(before)
            self.envelope = envelope
            worst = max(outside, key=lambda row: row.ratio)
            return (
                f"taken again from the candidate's own state, {worst.kind} {worst.tensor} is {worst.ratio:.3g} outside"
            )
        first = leaving[0]
        self.outcome.anchors.append((step, f"{first.kind} {first.tensor} jumped; torch's step from there is the same"))
        return ""

    def _anchor(self, state: State) -> None:
        for run in (self.truth, *self.own):
            run.load(state)
        self.envelope = Envelope()

    def _departure(self, leaving: list[Row], shots: list[Snapshot]) -> Departure:
        """The first tensor outside, with the element that is farthest off."""
        first = leaving[0]
        found = Departure(first, others=len(leaving) - 1)
        mine, truth, reference = (shot.get((first.kind, first.tensor)) for shot in shots[:3])
        if mine is not None and truth is not None and reference is not None and mine.shape == truth.shape and mine.size:
            gap = numpy.abs(numpy.asarray(mine, numpy.float64) - numpy.asarray(truth, numpy.float64))
            at = numpy.unravel_index(int(numpy.nan_to_num(gap, nan=numpy.inf).argmax()), gap.shape)
            found.index = str([int(i) for i in at])
            found.candidate, found.torch, found.float64 = float(mine[at]), float(reference[at]), float(truth[at])
        return found

    def _note(self, step: int, rows: list[Row], shots: list[Snapshot]) -> None:
        outcome = self.outcome
        outcome.steps = step
        outcome.rows += rows
        losses = [float(shot["loss", "loss"]) for shot in shots]  # type: ignore[arg-type]
        outcome.losses.append((step, losses[0], losses[2], min(losses[1:]), max(losses[1:])))
        self.stepped(step, rows)
