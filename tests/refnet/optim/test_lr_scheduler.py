"""Schedules give the very rates of torch's, bit for bit: both compute them in Python's floats by the same formula."""

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch

import refnet

METRICS = (3.0, 2.0, 2.0, 2.1, 1.99999, 2.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)


class Halving:
    """A callable with state of its own."""

    def __init__(self, base: float) -> None:
        self.base = base

    def __call__(self, epoch: int) -> float:
        return self.base**epoch


SCHEDULES: dict[str, tuple[str, dict[str, Any]]] = {
    "lambda": ("LambdaLR", {"lr_lambda": lambda epoch: 0.9**epoch}),
    "lambdas": ("LambdaLR", {"lr_lambda": [lambda epoch: 0.9**epoch, Halving(0.5)]}),
    "step": ("StepLR", {"step_size": 3, "gamma": 0.7}),
    "multistep": ("MultiStepLR", {"milestones": [2, 5, 5, 9], "gamma": 0.3}),
    "exponential": ("ExponentialLR", {"gamma": 0.93}),
    "cosine": ("CosineAnnealingLR", {"T_max": 4, "eta_min": 0.001}),
    "cosine to zero": ("CosineAnnealingLR", {"T_max": 12}),
    "multiplicative": ("MultiplicativeLR", {"lr_lambda": [lambda epoch: 0.9, Halving(0.875)]}),
    "constant": ("ConstantLR", {"factor": 0.7, "total_iters": 3}),
    "linear": ("LinearLR", {"start_factor": 0.1, "end_factor": 0.7, "total_iters": 7}),
    "polynomial": ("PolynomialLR", {"total_iters": 7, "power": 1.7}),
    "restarts": ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 2, "eta_min": 0.01}),
    "cyclic": ("CyclicLR", {"base_lr": 0.1, "max_lr": [0.7, 0.9], "step_size_up": 3, "step_size_down": 2}),
    "cyclic falling": ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.7, "step_size_up": 2, "mode": "triangular2"}),
    "cyclic by steps": (
        "CyclicLR",
        {"base_lr": 0.1, "max_lr": 0.7, "step_size_up": 3, "mode": "exp_range", "gamma": 0.9},
    ),
    "one cycle": ("OneCycleLR", {"max_lr": 0.7, "total_steps": 13}),
    "one cycle, three phases": ("OneCycleLR", {"max_lr": 0.7, "total_steps": 13, "three_phase": True}),
    "plateau": ("ReduceLROnPlateau", {"patience": 1, "factor": 0.5}),
    "plateau max": ("ReduceLROnPlateau", {"mode": "max", "patience": 0, "threshold": 0.5, "cooldown": 1}),
    "plateau abs": ("ReduceLROnPlateau", {"threshold_mode": "abs", "patience": 0, "min_lr": [0.02, 0.1]}),
    "plateau max abs": ("ReduceLROnPlateau", {"mode": "max", "threshold_mode": "abs", "patience": 1, "eps": 0.01}),
}


def optimizer_of(t: Any, lr: Any = 0.5) -> Any:
    a, b = t.zeros(2, requires_grad=True), t.zeros(2, requires_grad=True)
    return t.optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.125}], lr=lr)


def rates_of(t: Any, name: str, options: dict[str, Any], *, lr: Any = 0.5, reload_at: int = -1) -> list[list[float]]:
    optimizer = optimizer_of(t, lr)
    make: Callable[[], Any] = lambda: getattr(t.optim.lr_scheduler, name)(optimizer, **options)
    schedule = make()
    rates = [[float(group["lr"]) for group in optimizer.param_groups]]
    for epoch, metric in enumerate(METRICS):
        optimizer.step()
        schedule.step(*([metric] if name == "ReduceLROnPlateau" else []))
        if epoch == reload_at:
            state, now = schedule.state_dict(), [group["lr"] for group in optimizer.param_groups]
            schedule = make()
            schedule.load_state_dict(state)
            for group, rate in zip(optimizer.param_groups, now, strict=True):
                group["lr"] = rate
        rates.append([float(rate) for rate in schedule.get_last_lr()])
        assert rates[-1] == [float(group["lr"]) for group in optimizer.param_groups]
    return rates


@pytest.mark.parametrize("kind", SCHEDULES)
def test_rates(kind: str) -> None:
    name, options = SCHEDULES[kind]
    assert rates_of(refnet, name, options) == rates_of(torch, name, options)


@pytest.mark.parametrize("kind", SCHEDULES)
def test_rates_after_a_reload(kind: str) -> None:
    name, options = SCHEDULES[kind]
    assert rates_of(refnet, name, options, reload_at=4) == rates_of(torch, name, options, reload_at=4)


@pytest.mark.parametrize("kind", ["step", "cosine", "exponential", "plateau", "linear", "polynomial", "restarts"])
def test_tensor_rates(kind: str) -> None:
    name, options = SCHEDULES[kind]
    ours = rates_of(refnet, name, options, lr=refnet.tensor(0.5, dtype=refnet.float64))
    theirs = rates_of(torch, name, options, lr=torch.tensor(0.5, dtype=torch.float64))
    assert ours == theirs


@pytest.mark.parametrize("kind", [kind for kind in SCHEDULES if not kind.startswith("plateau")])
def test_resume_and_epoch(kind: str) -> None:
    name, options = SCHEDULES[kind]
    seen = []
    for t in (torch, refnet):
        optimizer = optimizer_of(t)
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
            group.update(max_lr=0.7, min_lr=0.01, max_momentum=0.9, base_momentum=0.8)
        schedule = getattr(t.optim.lr_scheduler, name)(optimizer, **options, last_epoch=3)
        rates = [schedule.get_last_lr()]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optimizer.step()
            schedule.step(7)
        seen.append([*rates, schedule.get_last_lr(), schedule.last_epoch])
    assert seen[1] == seen[0]


ERRORS: dict[str, Callable[[Any], Any]] = {
    "no optimizer": lambda t: t.optim.lr_scheduler.StepLR(3, 1),
    "plateau no optimizer": lambda t: t.optim.lr_scheduler.ReduceLROnPlateau(3),
    "lambdas": lambda t: t.optim.lr_scheduler.LambdaLR(optimizer_of(t), [abs]),
    "factor": lambda t: t.optim.lr_scheduler.ReduceLROnPlateau(optimizer_of(t), factor=1.0),
    "mode": lambda t: t.optim.lr_scheduler.ReduceLROnPlateau(optimizer_of(t), mode="mean"),
    "threshold": lambda t: t.optim.lr_scheduler.ReduceLROnPlateau(optimizer_of(t), threshold_mode="mean"),
    "min_lr": lambda t: t.optim.lr_scheduler.ReduceLROnPlateau(optimizer_of(t), min_lr=[0.1]),
}


@pytest.mark.parametrize("name", ERRORS)
def test_same_error_as_torch(name: str) -> None:
    messages = []
    for t in (torch, refnet):
        with pytest.raises((TypeError, ValueError)) as caught:
            ERRORS[name](t)
        messages.append((caught.type, str(caught.value)))
    assert messages[1] == messages[0]


def test_all_of_torchs_schedules_are_here() -> None:
    schedules = torch.optim.lr_scheduler
    assert set(refnet.optim.lr_scheduler.__all__) == set(schedules.__all__)
    for name in schedules.__all__:
        ours, theirs = (
            inspect.signature(getattr(module, name).__init__).parameters.values()
            for module in (refnet.optim.lr_scheduler, schedules)
        )
        assert [(p.name, p.kind, p.default) for p in ours] == [(p.name, p.kind, p.default) for p in theirs]


@pytest.mark.parametrize("kind", SCHEDULES)
def test_state_goes_both_ways(kind: str) -> None:
    name, options = SCHEDULES[kind]
    made = [getattr(t.optim.lr_scheduler, name)(optimizer_of(t), **options) for t in (torch, refnet)]
    found = []
    for schedule, other in (made, made[::-1]):
        for _ in range(3):
            schedule.optimizer.step()
            schedule.step(*([2.0] if name == "ReduceLROnPlateau" else []))
        other.load_state_dict(schedule.state_dict())
        assert list(schedule.state_dict()) == list(other.state_dict())
        found.append(other.get_last_lr())
        assert found[-1] == schedule.get_last_lr()


def test_missing_initial_rate() -> None:
    for t in (torch, refnet):
        with pytest.raises(KeyError, match=r"param 'initial_lr' is not specified in param_groups\[0\] when resuming"):
            t.optim.lr_scheduler.StepLR(optimizer_of(t), 1, last_epoch=2)


def test_warns_when_stepped_before_the_optimizer() -> None:
    for t in (torch, refnet):
        schedule = t.optim.lr_scheduler.StepLR(optimizer_of(t), 1)
        with pytest.warns(UserWarning, match=r"Detected call of `lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
            schedule.step()
