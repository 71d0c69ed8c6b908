"""Every model, optimizer and schedule of `conform train`: torch agrees with itself, and refnet with torch."""

from typing import Any

import numpy as np
import pytest

from conformance.candidates import load
from conformance.trajectory import Plan, train
from conformance.trajectory.arithmetic import TrainingArithmetic
from conformance.trajectory.envelope import LAMBDA
from conformance.trajectory.lockstep import torch_runs
from conformance.trajectory.plan import OPTIMIZERS, SCHEDULERS
from conformance.trajectory.recipes import RECIPES
from conformance.trajectory.report import describe, verdict
from conformance.trajectory.run import Run

FAST: dict[str, Any] = {"samples": 1, "variants": ()}


@pytest.mark.parametrize("recipe", RECIPES)
def test_torch_trains_as_torch(recipe: str) -> None:
    """The plain run is part of the envelope: its ratio is at most an eighth."""
    outcome = train(load("torch"), Plan(recipe, batch_size=16, steps=2), **FAST)
    assert verdict(outcome) == "inside torch's own envelope for 2 steps"
    assert max(row.ratio for row in outcome.rows) <= 1 / LAMBDA + 1e-12 and not outcome.anchors


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer(optimizer: str) -> None:
    outcome = train(load("torch"), Plan("mlp", optimizer, batch_size=32, steps=2), samples=0, variants=())
    assert not outcome.bad and outcome.steps == 2, verdict(outcome)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_schedule_moves_the_rate(scheduler: str) -> None:
    plan = Plan("lstm", scheduler=scheduler, batch_size=4, steps=6)
    outcome = train(load("torch"), plan, samples=0, variants=())
    rates = {row.magnitude for row in outcome.rows if row.tensor == "lr[0]"}
    assert not outcome.bad and len(rates) > 1


@pytest.mark.parametrize("recipe", ["mlp", "lenet5", "lstm", "attention"])
def test_arithmetic_that_disturbs_nothing_is_float64(recipe: str) -> None:
    """What torch's operations are taken apart into computes what they compute."""
    plan = Plan(recipe, "sgd", batch_size=64, steps=2)
    truth, _ = torch_runs(plan, 0, ())
    still = Run("still", TrainingArithmetic(np.float32, 1, amplitude=0.0, sequential=True), plan, double=True)
    for run in (truth, still):
        run.start()
        run.step()
        run.step()
    mine, theirs = still.snapshot(), truth.snapshot()
    assert mine.keys() == theirs.keys()
    for key, array in theirs.items():
        assert array is not None and mine[key] is not None
        np.testing.assert_allclose(mine[key], array, rtol=1e-9, atol=1e-13, err_msg=str(key))


@pytest.mark.parametrize("recipe", ["mlp", "lenet5", "lstm", "attention"])
def test_refnet_trains_as_torch(recipe: str) -> None:
    outcome = train(load("refnet"), Plan(recipe, batch_size=32, steps=3), **FAST)
    assert verdict(outcome) == "inside torch's own envelope for 3 steps", "\n".join(
        describe(outcome.departure) if outcome.departure else []
    )
