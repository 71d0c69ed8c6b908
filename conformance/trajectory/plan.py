"""What a training run is: recipe, data, optimizer, schedule, seed, length."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from conformance.trajectory.data import SAMPLE, Data
from conformance.trajectory.recipes import RECIPES, Recipe

# Names of the command line: the class in `optim`, and options under which a fault in any part of its rule shows.
OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4}),
    "sgd-plain": ("SGD", {"lr": 0.1}),
    "sgd-nesterov": ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4}),
    "sgd-dampened": ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.1}),
    "adam": ("Adam", {"lr": 1e-3, "weight_decay": 1e-3}),
    "adam-amsgrad": ("Adam", {"lr": 1e-3, "amsgrad": True}),
    "adamw": ("AdamW", {"lr": 1e-3}),
    "adamax": ("Adamax", {"lr": 2e-3}),
    "nadam": ("NAdam", {"lr": 2e-3}),
    "radam": ("RAdam", {"lr": 1e-3}),
    "rmsprop": ("RMSprop", {"lr": 1e-3, "momentum": 0.9}),
    "rmsprop-centered": ("RMSprop", {"lr": 1e-3, "centered": True}),
    "adagrad": ("Adagrad", {"lr": 1e-2, "lr_decay": 1e-2}),
    "adadelta": ("Adadelta", {"lr": 1.0}),
    "adafactor": ("Adafactor", {"lr": 1e-2}),
    "asgd": ("ASGD", {"lr": 1e-2}),
    "rprop": ("Rprop", {"lr": 1e-3}),
    "lbfgs": ("LBFGS", {"lr": 0.1, "max_iter": 4, "history_size": 5}),
}

# The scheduler is stepped after every batch: within a few steps all of them move the rate.
SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    "step": ("StepLR", {"step_size": 5, "gamma": 0.5}),
    "multistep": ("MultiStepLR", {"milestones": [3, 10, 50], "gamma": 0.3}),
    "exponential": ("ExponentialLR", {"gamma": 0.98}),
    "cosine": ("CosineAnnealingLR", {"T_max": 40}),
    "restarts": ("CosineAnnealingWarmRestarts", {"T_0": 8}),
    "linear": ("LinearLR", {"start_factor": 0.1, "total_iters": 10}),
    "polynomial": ("PolynomialLR", {"total_iters": 100, "power": 2.0}),
    "onecycle": ("OneCycleLR", {"max_lr": 0.1, "total_steps": 10_000}),
    "cyclic": ("CyclicLR", {"base_lr": 1e-3, "max_lr": 0.05, "step_size_up": 8, "cycle_momentum": False}),
}


@dataclass(frozen=True)
class Plan:
    """A training run, the same for every library. `steps` limits the number of batches over all epochs."""

    recipe: str
    optimizer: str = "sgd"
    options: Mapping[str, Any] = field(default_factory=dict)  # of the optimizer, beside its own
    scheduler: str = ""
    dataset: str = SAMPLE
    batch_size: int = 64
    epochs: int | None = None  # 1, or as many as `steps` needs
    steps: int | None = None
    seed: int = 0
    drop_last: bool = False
    host_masks: bool = False  # dropout masks are drawn on the CPU, whatever trains where

    def __post_init__(self) -> None:
        for what, name, there in (
            ("model", self.recipe, RECIPES),
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("scheduler", self.scheduler or "step", SCHEDULERS),
        ):
            if name not in there:
                raise ValueError(f"no {what} is called {name!r}; there are {', '.join(there)}")

    @property
    def made(self) -> Recipe:
        """The recipe that the plan names."""
        return RECIPES[self.recipe]

    @cached_property
    def data(self) -> Data:
        """What is trained on."""
        return self.made.data(self.dataset)

    @property
    def length(self) -> int:
        """The number of steps."""
        batches = math.ceil(len(self.data.labels) / self.batch_size)
        if self.steps is None:
            return batches * (self.epochs or 1)
        return min(self.steps, batches * self.epochs) if self.epochs else self.steps

    def make_optimizer(self, torch: Any, parameters: Any) -> Any:
        """The optimizer in a library."""
        name, options = OPTIMIZERS[self.optimizer]
        return getattr(torch.optim, name)(parameters, **{**options, **self.options})

    def make_scheduler(self, torch: Any, optimizer: Any) -> Any:
        """The schedule in a library; None without one."""
        if not self.scheduler:
            return None
        name, options = SCHEDULERS[self.scheduler]
        return getattr(torch.optim.lr_scheduler, name)(optimizer, **options)

    def __str__(self) -> str:
        name, options = OPTIMIZERS[self.optimizer]
        given = ", ".join(f"{key}={value}" for key, value in {**options, **self.options}.items())
        schedule = f", {SCHEDULERS[self.scheduler][0]}" if self.scheduler else ""
        return (
            f"{self.made.title}; {name}({given}){schedule}; {self.data.name}, batches of {self.batch_size}, "
            f"{self.length} steps, seed {self.seed}{', masks from the CPU' if self.host_masks else ''}"
        )
