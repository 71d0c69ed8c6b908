"""Learning rate schedules, stepped after the optimizer, usually once an epoch.

The schedules compute the next rate from the present one (so that several can act on one optimizer), as torch does; the
closed form is given in each docstring.
"""

import math
import types
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from refnet._check import check
from refnet._tape import TensorBase
from refnet.optim.optimizer import Optimizer


class LRScheduler:
    """The base of schedules: a subclass defines `get_lr`, the rates at `last_epoch`.

    - optimizer: what to set the learning rates of. Each group's first rate is kept as its "initial_lr".
    - last_epoch: -1 to start; the last epoch done, when the groups have "initial_lr" already.

    Raises TypeError for what is no optimizer, KeyError when "initial_lr" is missing.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        _check_optimizer(optimizer)
        self.optimizer = optimizer
        for number, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", _copy(group["lr"]))
            check(
                "initial_lr" in group,
                lambda: (
                    f"param 'initial_lr' is not specified in param_groups[{number}] when resuming scheduler with "  # noqa: B023
                    "last_epoch >= 0: load the optimizer's state first"
                ),
                KeyError,
            )
        self.base_lrs = [_copy(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def get_lr(self) -> list[Any]:
        """The rates of the groups at `last_epoch`, given those at the epoch before."""
        raise NotImplementedError

    def get_last_lr(self) -> list[Any]:
        """The rates set last, one per group."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch, or (deprecated) to `epoch`, and set the groups' rates."""
        if self._step_count == 1 and not getattr(self.optimizer, "_opt_called", False):
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. You should call them in the "
                "opposite order: `optimizer.step()` before `lr_scheduler.step()`. Failure to do this will result in skipping "
                "the first value of the learning rate schedule.",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        if epoch is None:
            self.last_epoch += 1
            rates = self.get_lr()
        else:
            _warn_epoch()
            self.last_epoch = epoch
            rates = self._get_closed_form_lr()
        _set_rates(self.optimizer, rates)
        self._last_lr = _rates(self.optimizer)

    def _get_closed_form_lr(self) -> list[Any]:
        """The rates at `last_epoch` from the initial ones; `get_lr` where a schedule has no closed form."""
        return self.get_lr()

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.__dict__.update(state_dict)


class LambdaLR(LRScheduler):
    """lr(t) = lr(0) lr_lambda(t); `lr_lambda` is a function, or a list of one per group.

    >>> import refnet
    >>> optimizer = refnet.optim.SGD([refnet.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = LambdaLR(optimizer, lambda epoch: 0.5**epoch)
    >>> optimizer.step()
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1) -> None:
        _check_optimizer(optimizer)
        groups = len(optimizer.param_groups)
        listed = list(lr_lambda) if isinstance(lr_lambda, list | tuple) else [lr_lambda] * groups
        check(len(listed) == groups, lambda: f"Expected {groups} lr_lambdas, but got {len(listed)}", ValueError)
        self.lr_lambdas: list[Callable[[int], float]] = listed
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        return [base * rule(self.last_epoch) for rule, base in zip(self.lr_lambdas, self.base_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and functions; of callable objects, their attributes."""
        state = super().state_dict()
        state["lr_lambdas"] = [
            None if isinstance(rule, types.FunctionType) else dict(rule.__dict__) for rule in self.lr_lambdas
        ]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave; functions stay as they are."""
        for rule, attributes in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if attributes is not None:
                rule.__dict__.update(attributes)
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "lr_lambdas"})


class StepLR(LRScheduler):
    """lr(t) = lr(0) gamma^floor(t / step_size)"""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return _rates(self.optimizer)
        return [group["lr"] * self.gamma for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Any]:
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]


class MultiStepLR(LRScheduler):
    """lr(t) = lr(0) gamma^n, n the number of milestones that are <= t; a milestone given twice counts twice."""

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        if self.last_epoch not in self.milestones:
            return _rates(self.optimizer)
        factor = self.gamma ** self.milestones[self.last_epoch]
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Any]:
        passed = sum(count for epoch, count in self.milestones.items() if epoch <= self.last_epoch)
        return [base * self.gamma**passed for base in self.base_lrs]


class ExponentialLR(LRScheduler):
    """lr(t) = lr(0) gamma^t"""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        if self._is_initial:
            return _rates(self.optimizer)
        return [group["lr"] * self.gamma for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Any]:
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class CosineAnnealingLR(LRScheduler):
    """lr(t) = eta_min + (lr(0) - eta_min) (1 + cos(pi t / T_max)) / 2        (Loshchilov and Hutter 2017)

    Computed from the rate before, so that a rate changed by hand decays too.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        t, period, low = self.last_epoch, self.T_max, self.eta_min
        groups = self.optimizer.param_groups
        if self._is_initial:
            return _rates(self.optimizer)
        if self._step_count == 1 and t > 0:
            return self._get_closed_form_lr()
        if (t - 1 - period) % (2 * period) == 0:  # the rate before is eta_min: there is nothing to scale
            rise = (1 - math.cos(math.pi / period)) / 2
            return [g["lr"] + (base - low) * rise for g, base in zip(groups, self.base_lrs, strict=True)]
        ratio = (1 + math.cos(math.pi * t / period)) / (1 + math.cos(math.pi * (t - 1) / period))
        return [ratio * (group["lr"] - low) + low for group in groups]

    def _get_closed_form_lr(self) -> list[Any]:
        height = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]


class ReduceLROnPlateau(LRScheduler):
    """Multiply the rates by `factor` when a metric has not improved for more than `patience` epochs.

    - mode: "min" or "max", what counts as better. threshold, threshold_mode: by how much it must improve, relative to
      the best ("rel") or absolutely ("abs").
    - cooldown: epochs after a reduction in which nothing is counted.
    - min_lr: no rate goes below it; a number, or a list of one per group. eps: smaller changes are not made.

    Raises ValueError for a factor >= 1, an unknown mode, or a list of the wrong length.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        check(factor < 1.0, lambda: "Factor should be < 1.0.", ValueError)
        _check_optimizer(optimizer)
        check(mode in ("min", "max"), lambda: f"mode {mode} is unknown!", ValueError)
        check(threshold_mode in ("rel", "abs"), lambda: f"threshold mode {threshold_mode} is unknown!", ValueError)
        groups = len(optimizer.param_groups)
        if isinstance(min_lr, list | tuple):
            check(len(min_lr) == groups, lambda: f"expected {groups} min_lrs, got {len(min_lr)}", ValueError)
        self.default_min_lr = None if isinstance(min_lr, list | tuple) else min_lr
        self.min_lrs: list[Any] = list(min_lr) if isinstance(min_lr, list | tuple) else [min_lr] * groups
        self.optimizer, self.factor, self.patience, self.cooldown, self.eps = optimizer, factor, patience, cooldown, eps
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.last_epoch = 0
        self._last_lr = _rates(optimizer)
        self._reset()

    def _reset(self) -> None:
        self.best = self.mode_worse
        self.cooldown_counter = self.num_bad_epochs = 0

    @property
    def in_cooldown(self) -> bool:
        """Whether a reduction was so recent that nothing is counted."""
        return self.cooldown_counter > 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Take note of an epoch's metric, and reduce the rates if it is time."""
        current = float(metrics)
        if epoch is not None:
            _warn_epoch()
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current, self.best):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = _rates(self.optimizer)

    def _is_better(self, value: float, best: float) -> bool:
        if self.mode == "min":
            return value < (best * (1.0 - self.threshold) if self.threshold_mode == "rel" else best - self.threshold)
        return value > (best * (self.threshold + 1.0) if self.threshold_mode == "rel" else best + self.threshold)

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            check(
                self.default_min_lr is not None,
                lambda: (
                    f"The number of param groups in the `optimizer` ({len(groups)}) differs from when "
                    f"`ReduceLROnPlateau` was initialized ({len(self.min_lrs)}), usually due to a new param group being "
                    "added to the optimizer. Please modify the `min_lrs` field to match the length of the `optimizer` "
                    "param groups."
                ),
            )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, lowest in zip(groups, self.min_lrs, strict=True):
            old = float(group["lr"])
            new = max(old * self.factor, lowest)
            if old - new > self.eps:
                _set_rate(group, new)


def _check_optimizer(optimizer: Any) -> None:
    check(isinstance(optimizer, Optimizer), lambda: f"{type(optimizer).__name__} is not an Optimizer", TypeError)


def _warn_epoch() -> None:
    warnings.warn(
        "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please "
        "use `scheduler.step()` to step the scheduler.",
        UserWarning,
        stacklevel=3,
    )


def _copy(rate: Any) -> Any:
    return rate.clone() if isinstance(rate, TensorBase) else rate  # type: ignore[attr-defined]


def _rates(optimizer: Optimizer) -> list[Any]:
    return [_copy(group["lr"]) for group in optimizer.param_groups]


def _set_rates(optimizer: Optimizer, rates: list[Any]) -> None:
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        _set_rate(group, rate)


def _set_rate(group: dict[str, Any], rate: Any) -> None:
    """Set a group's rate; one that is a tensor keeps its memory."""
    if isinstance(group["lr"], TensorBase):
        group["lr"].fill_(rate)  # type: ignore[attr-defined]
    else:
        group["lr"] = rate
