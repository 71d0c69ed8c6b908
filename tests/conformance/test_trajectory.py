"""Training side by side: torch agrees with itself, planted faults are told where they are, kinks are forgiven."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from conformance.candidates import load
from conformance.candidates.torch import Torch
from conformance.prove.subject import Overlay
from conformance.prove.training import TRIALS, Trial
from conformance.prove.trajectories import Finding, table
from conformance.trajectory import Plan, train
from conformance.trajectory.envelope import Envelope, distances
from conformance.trajectory.lockstep import Outcome, monte_carlo
from conformance.trajectory.report import sharpness, summary, verdict
from conformance.trajectory.run import PARAMETER, Run

FAST: dict[str, Any] = {"samples": 1, "variants": ()}
SMALL: dict[str, Any] = {"batch_size": 32, "steps": 3}


def worst(outcome: Outcome) -> float:
    return max(row.ratio for row in outcome.rows)


def with_replaced(trial: Trial) -> Torch:
    candidate = Torch("torch with a fault")
    assert trial.make is not None
    candidate.torch = Overlay(candidate.torch, trial.replaces, trial.make(candidate.torch))
    return candidate


# --- torch beside itself ----------------------------------------------------------------------------------------------


def test_other_roundings_pass_and_torch_is_left_as_it_was() -> None:
    torch = load("torch").torch  # type: ignore[attr-defined]
    state, threads, default = torch.get_rng_state(), torch.get_num_threads(), torch.get_default_dtype()
    plan = Plan("mlp", "adam", **SMALL)
    outcome = train(monte_carlo(103, plan), plan, samples=2, variants=("mkldnn=off",))
    assert not outcome.bad and 0 < worst(outcome) < 1
    assert outcome.envelope == ["torch", "mkldnn=off", "monte-carlo 1", "monte-carlo 2 one by one"]
    assert torch.equal(torch.get_rng_state(), state)
    assert (torch.get_num_threads(), torch.get_default_dtype()) == (threads, default)


# --- faults -----------------------------------------------------------------------------------------------------------

TOLD = [
    ("velocity averaged", 1, "optimizer 1.weight momentum_buffer", "the optimizer's rule"),
    ("Nesterov ignored", 1, "parameter 1.weight", "update of the parameter"),
    ("gradients not zeroed", 2, "gradient 9.bias", "gradients are not zeroed"),
    ("bias without a gradient", 1, "gradient 9.bias", "backward pass goes wrong at 9.bias"),
    ("running variance biased", 1, "buffer 2.running_var", "how the buffer 2.running_var is updated"),
    ("dropout not scaled", 1, "buffer 6.running_mean", "up to the layer of the buffer 6.running_mean"),
    ("dropout by uniform numbers", 1, "generator state", "random numbers are drawn otherwise in step 1"),
    ("loss off by 1e-4", 1, "loss loss", "the forward pass"),
    ("shuffle reversed", 1, "batch inputs", "the shuffle draws otherwise"),
    ("batches one larger", 1, "batch inputs", "another size"),
    ("last partial batch dropped", 3, "evaluation test scores", "the epoch ends at another step than 3"),
    ("StepLR one step early", 4, "learning rate lr[0]", "the schedule"),
]


@pytest.mark.parametrize(("name", "step", "tensor", "cause"), TOLD, ids=[row[0] for row in TOLD])
def test_a_fault_is_told_where_it_is(name: str, step: int, tensor: str, cause: str) -> None:
    trial = next(trial for trial in TRIALS if trial.name == name)
    batch_size = 600 if "last" in name else 128
    plan = Plan(trial.recipe, trial.optimizer, trial.options, trial.scheduler, batch_size=batch_size, steps=4)
    found = train(with_replaced(trial), plan, **FAST).departure
    assert found is not None
    assert (found.row.step, f"{found.row.kind} {found.row.tensor}") == (step, tensor)
    assert cause in found.cause


def test_trials_have_names_of_their_own() -> None:
    names = [trial.name for trial in TRIALS]
    assert len(names) == len(set(names))


def test_a_fault_that_is_not_caught_is_a_failure() -> None:
    passed = Finding("wrong rule", "mlp", "sgd", True, "inside", 0, "loss loss", 0.1, "")
    assert not passed.right
    assert dataclasses.replace(passed, step=3).right and dataclasses.replace(passed, fault=False).right
    assert not dataclasses.replace(passed, fault=False, step=3).right
    assert not dataclasses.replace(passed, step=-1).right, "an exception is no catch"
    assert not dataclasses.replace(passed, fault=False, step=-1).right, "and no pass"
    assert dataclasses.replace(passed, below_rounding="too small").right
    assert "MISSED" in table([passed]) and "0 of 1 faults are caught" in table([passed])


# --- kinks, drifts ----------------------------------------------------------------------------------------------------


class Thrown(Run):
    """Is thrown off before a step, as a flipped ReLU would throw it off: what it computes stays right."""

    at = 3

    def step(self) -> None:
        self.count = getattr(self, "count", 0) + 1
        if self.count == self.at:
            state = self.save()
            state.model["1.weight"][0, 0] += 1e-4
            self.load(state)
            self._thrown = state
        super().step()

    def save(self) -> Any:
        """The harness sees the state that the step starts from."""
        if getattr(self, "count", 0) == self.at - 1 and not hasattr(self, "_thrown"):
            state = super().save()
            state.model["1.weight"][0, 0] += 1e-4
            return state
        return super().save()


def test_a_jump_is_forgiven_where_torch_takes_the_same_step_from_there() -> None:
    plan = Plan("mlp", batch_size=64, steps=6)
    outcome = train(Thrown("thrown", Torch(), plan), plan, **FAST)
    assert verdict(outcome) == "inside torch's own envelope for 6 steps"
    assert [step for step, _ in outcome.anchors] == [3]
    assert "jumped" in outcome.anchors[0][1] and "## Anchors" in summary(outcome)


def drifting(torch: Any) -> Any:
    class SGD(torch.optim.SGD):  # type: ignore[misc]
        """A relative error of 1.5 u in every step, always upwards."""

        def step(self, closure: Any = None) -> None:
            super().step()
            with torch.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        p.mul_(1 + 2**-23)

    return SGD


def test_a_drift_is_not_forgiven() -> None:
    candidate = Torch("torch that drifts")
    candidate.torch = Overlay(candidate.torch, "optim.SGD", drifting(candidate.torch))
    found = train(candidate, Plan("mlp-plain", "sgd-plain", {"lr": 1e-3}, steps=14), samples=1, variants=()).departure
    assert found is not None and found.row.kind == PARAMETER and found.row.step > 2
    assert found.again == "left gradually" and "add up in one direction" in found.cause


def test_anchors_as_asked_for_keep_the_envelope_narrow() -> None:
    plan = Plan("mlp-plain", "adam", batch_size=32, steps=7)
    free = train(load("torch"), plan, **FAST)
    anchored = train(load("torch"), plan, anchor_every=3, **FAST)
    assert [step for step, _ in anchored.anchors] == [4, 7] and not anchored.bad
    assert sharpness(anchored, PARAMETER) < sharpness(free, PARAMETER)


# --- the envelope -----------------------------------------------------------------------------------------------------

X = np.array([1.0, 2.0], np.float32)


@pytest.mark.parametrize(
    ("candidate", "ratio", "problem"),
    [
        (X, 0.0, ""),
        (X + np.float32(1e-5), 1e-5 / 8e-5, ""),
        (X + np.float32(1e-3), 1e-3 / 8e-5, ""),
        (np.array([1.0, np.nan], np.float32), np.inf, "not a number"),
        (X[:1], np.inf, "shape (1,), torch's is (2,)"),
        (X.astype(np.float64), np.inf, "dtype float64, torch's is float32"),
        (None, np.inf, "missing"),
    ],
)
def test_rows_of_the_envelope(candidate: Any, ratio: float, problem: str) -> None:
    own = X + np.float32(1e-5)
    row = Envelope().judge(1, ("gradient", "w"), candidate, X.astype(np.float64), X, [X, own])
    assert row.ratio == pytest.approx(ratio, rel=1e-2) and row.problem == problem


def test_the_envelope_never_shrinks() -> None:
    envelope, truth = Envelope(), X.astype(np.float64)
    first = envelope.judge(1, ("loss", "l"), X, truth, X, [X + np.float32(1e-3)])
    later = envelope.judge(2, ("loss", "l"), X, truth, X, [X])
    assert later.allowed == first.allowed
    assert Envelope().judge(3, ("loss", "l"), X, truth, X, [X]).allowed == pytest.approx(8 * 2**-24 * np.sqrt(2.5))


def test_integers_and_bytes_are_exact() -> None:
    counter = np.array(3)
    for key, candidate in ((("buffer", "n"), np.array(4)), (("generator", "state"), np.array(4))):
        row = Envelope().judge(1, key, candidate, counter, counter, [counter])
        assert row.outside and row.problem == "not the same"


def test_distances_of_what_is_not_finite() -> None:
    truth = np.array([1.0, np.inf, np.nan])
    assert distances(truth, truth) == (0.0, 0.0)
    assert distances(np.array([1.0, -np.inf, np.nan]), truth) == (np.inf, np.inf)


# --- candidates that cannot go on -------------------------------------------------------------------------------------


def failing(torch: Any) -> Any:
    class SGD(torch.optim.SGD):  # type: ignore[misc]
        """Breaks in its second step."""

        def step(self, closure: Any = None) -> None:
            if self.state:
                raise ZeroDivisionError("no second step")
            super().step()

    return SGD


def test_an_exception_is_told_with_its_step() -> None:
    candidate = Torch("torch that breaks")
    candidate.torch = Overlay(candidate.torch, "optim.SGD", failing(candidate.torch))
    outcome = train(candidate, Plan("lstm", steps=4), samples=0, variants=())
    assert outcome.bad and outcome.steps == 1
    assert verdict(outcome) == "FAIL: ZeroDivisionError in step 2: no second step"
    assert "no second step" in summary(outcome)


def test_what_goes_on_after_leaving_is_compared_with_the_same_torch() -> None:
    trial = next(trial for trial in TRIALS if trial.name == "gradients not zeroed")
    plan = Plan("mlp", batch_size=64, steps=5)
    stops = train(with_replaced(trial), plan, samples=0, variants=())
    goes_on = train(with_replaced(trial), plan, samples=0, variants=(), keep_going=True)
    assert stops.steps == 2 and goes_on.steps == 5
    assert goes_on.departure == stops.departure and not goes_on.anchors
    alone = train(load("torch"), plan, samples=0, variants=())
    assert [row[2] for row in goes_on.losses] == [row[2] for row in alone.losses]
