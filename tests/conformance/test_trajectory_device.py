"""Training on a device: all sides from the CPU's weights, batches and masks; the candidate's tensors on its device."""

import argparse
from typing import Any

import pytest

from conformance.candidates import load
from conformance.candidates.torch import Oracle, Torch
from conformance.options import parser
from conformance.trajectory import Plan, train
from conformance.trajectory.command import plan_of
from conformance.trajectory.lockstep import torch_runs
from conformance.trajectory.recipes import RECIPES, with_host_masks
from conformance.trajectory.run import BATCH, GENERATOR, Run


def planned(*words: str) -> tuple[argparse.Namespace, Plan]:
    options = parser().parse_args(["train", *words])
    return options, plan_of(options)


def test_masks_come_from_the_cpu_where_the_candidate_is_not() -> None:
    assert not planned("lenet5")[1].host_masks
    options, plan = planned("lenet5", "--device", "cuda:1", "--reference", "torch@cpu")
    assert plan.host_masks and "masks from the CPU" in str(plan) and options.reference == "torch@cpu"


@pytest.mark.parametrize("recipe", RECIPES)
def test_no_layer_keeps_a_mask_of_its_own(recipe: str) -> None:
    torch = Torch().torch
    model = with_host_masks(torch, RECIPES[recipe].model(torch))
    kinds = [type(module).__name__ for module in model.modules()]
    assert "Dropout" not in kinds
    assert all(not isinstance(getattr(m, "dropout", None), float) or m.dropout == 0.0 for m in model.modules())
    before = list(RECIPES[recipe].model(torch).state_dict())
    assert list(model.state_dict()) == before


def test_masks_are_the_same_at_every_precision() -> None:
    """torch at float64 sees the float32 run's batches and masks: one generator state after every step."""
    plan = Plan("mlp", batch_size=32, steps=2, host_masks=True)
    runs = [Run("float32", Torch(), plan), Run("float64", Oracle(), plan, double=True)]
    for run in runs:
        run.start()
    for _ in range(2):
        for run in runs:
            run.step()
        shots = [run.snapshot() for run in runs]
        for key in shots[0]:
            if key[0] in (BATCH, GENERATOR):
                assert (shots[0][key] == shots[1][key]).all(), key  # type: ignore[union-attr]
        left, right = (shot["loss", "loss"] for shot in shots)
        assert abs(float(left) - float(right)) < 1e-5  # type: ignore[arg-type]  # other masks would be far away


def test_the_envelope_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch there, without cuDNN, and on the CPU; the oracle and Monte-Carlo arithmetic stay on the CPU."""
    from conformance.trajectory import lockstep

    asked: list[Any] = []

    def loaded(name: str, device: str) -> Any:
        asked.append((name, device))
        return Torch(name, device)

    monkeypatch.setattr(lockstep, "load", loaded)
    truth, own = torch_runs(Plan("mlp"), 1, lockstep.DEFAULT_ON_GPU, "cuda:1")
    assert asked == [("torch", "cuda:1"), ("torch:cudnn=off", "cuda:1")]
    assert [run.name for run in own] == ["torch", "cudnn=off", "torch on the CPU", "monte-carlo 1"]
    assert [run.library.device for run in (truth, *own)] == ["cpu", "cuda:1", "cuda:1", "cpu", "cpu"]


def test_refnet_trains_on_the_stand_in() -> None:
    candidate: Any = load("refnet:cupy=stand-in", "cuda")
    plan = Plan("mlp", "adam", batch_size=32, steps=2, host_masks=True)
    with candidate.reached():
        outcome = train(candidate, plan, samples=1, variants=())
    assert outcome.raised is None and not outcome.bad and outcome.steps == 2


def test_a_variant_that_the_device_does_not_have_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    from conformance.cli import main

    words = ["train", "mlp", "--device", "cuda", "--candidate", "refnet:cupy=stand-in", "--variants", "mkldnn=off"]
    assert main(words) == 2
    assert "the variants of torch on cuda are cudnn=off, cpu, channels-last; got mkldnn=off" in capsys.readouterr().err
