"""Schedules that move rate and momentum up and down together: `CyclicLR` and `OneCycleLR` (Smith 2017; 2019)."""

import math
import types
from collections.abc import Callable
from typing import Any

from refnet._check import check
from refnet.optim.lr_scheduler.schedule import LRScheduler, check_optimizer, one_for_each, set_value
from refnet.optim.optimizer import Optimizer


class _WithMomentum(LRScheduler):
    """A schedule that also sets the momentum of the groups, or their beta1."""

    use_beta1: bool

    def _start_momentum(
        self, optimizer: Optimizer, base: Any, largest: Any, first: bool
    ) -> tuple[list[Any], list[Any]]:
        """The ends of the momentum of every group, kept in the groups if this is the `first` epoch."""
        check(
            "momentum" in optimizer.defaults or "betas" in optimizer.defaults,
            lambda: "optimizer must support momentum or beta1 with `cycle_momentum` option enabled",
            ValueError,
        )
        self.use_beta1 = "betas" in optimizer.defaults
        lows, highs = one_for_each("base_momentum", optimizer, base), one_for_each("max_momentum", optimizer, largest)
        if first:
            for low, high, group in zip(lows, highs, optimizer.param_groups, strict=True):
                self._set_momentum(group, high)
                group["max_momentum"], group["base_momentum"] = high, low
        return lows, highs

    def _set_momentum(self, group: dict[str, Any], momentum: Any) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum


class CyclicLR(_WithMomentum):
    """Triangles between base_lr and max_lr, one a cycle, and momentum the other way round.

    At step t, in a cycle of step_size_up + step_size_down steps, with h in [0, 1] the height of the triangle::

        lr       = base_lr + (max_lr - base_lr) h scale
        momentum = max_momentum - (max_momentum - base_momentum) h scale

    where scale is 1 ("triangular"), 1 / 2^(cycle - 1) ("triangular2"), gamma^t ("exp_range"), or `scale_fn` of the cycle
    (from 1) or of the step, by `scale_mode` "cycle" or "iterations".

    - base_lr, max_lr, base_momentum, max_momentum: numbers, or lists of one per group.

    Raises ValueError for an unknown mode without scale_fn, lists of the wrong length, and with `cycle_momentum` an
    optimizer without momentum.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Any,
        max_lr: Any,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.8,
        max_momentum: Any = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        base_lrs = one_for_each("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for rate, group in zip(base_lrs, optimizer.param_groups, strict=True):
                set_value(group, "lr", rate)
        self.max_lrs = one_for_each("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        check(mode in MODES or scale_fn is not None, lambda: "mode is invalid and scale_fn is None", ValueError)
        self.mode, self.gamma, self.scale_mode = mode, gamma, scale_mode
        self._scale_fn_custom = scale_fn
        if scale_fn is None:
            self.scale_mode = MODES[mode]
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums, self.max_momentums = self._start_momentum(
                optimizer, base_momentum, max_momentum, last_epoch == -1
            )
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The factor on a triangle's height in cycle x, or at step x."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return float(1 / 2.0 ** (x - 1)) if self.mode == "triangular2" else self.gamma**x

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle  # the part of the cycle that is done
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            ends = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True)
            for group, low, high in ends:
                self._set_momentum(group, high - (high - low) * height * scale)
        return [low + (high - low) * height * scale for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and a function given as `scale_fn`; of a callable object, its attributes."""
        state = super().state_dict()
        given = state.pop("_scale_fn_custom")
        keeps = given is not None and not isinstance(given, types.FunctionType)
        return state | {"_scale_fn_custom": dict(given.__dict__) if keeps else None}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave; a function given as `scale_fn` stays as it is."""
        attributes = state_dict["_scale_fn_custom"]
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "_scale_fn_custom"})
        if attributes is not None and self._scale_fn_custom is not None:
            self._scale_fn_custom.__dict__.update(attributes)


MODES = {"triangular": "cycle", "triangular2": "cycle", "exp_range": "iterations"}  # and what their scale depends on


class OneCycleLR(_WithMomentum):
    """One cycle for the whole training: from max_lr / div_factor up to max_lr, then down to almost nothing.

    The first pct_start of total_steps (or of epochs * steps_per_epoch) lead from initial = max_lr / div_factor to max_lr,
    the rest to initial / final_div_factor; in three phases, as many steps down to initial as up, and then the rest.
    Between the ends, `anneal_strategy` is half a cosine wave ("cos") or a straight line ("linear"). With
    `cycle_momentum`, momentum goes from max_momentum to base_momentum and back meanwhile.

    - max_lr, base_momentum, max_momentum: numbers, or lists of one per group.

    Raises ValueError for steps that are no positive integers, pct_start out of [0, 1], an unknown strategy, lists of the
    wrong length, an optimizer without momentum, and when stepped more than total_steps times.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Any,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.85,
        max_momentum: Any = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        self.total_steps = _total(total_steps, epochs, steps_per_epoch)
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        check(
            0 <= pct_start <= 1 and isinstance(pct_start, float),
            lambda: f"Expected float between 0 and 1 pct_start, but got {pct_start}",
            ValueError,
        )
        check(
            anneal_strategy in ("cos", "linear"),
            lambda: f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}",
            ValueError,
        )
        self._anneal_func_type = anneal_strategy
        largest = one_for_each("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for high, group in zip(largest, optimizer.param_groups, strict=True):
                group["initial_lr"] = high / div_factor
                group["max_lr"] = high
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._start_momentum(optimizer, base_momentum, max_momentum, last_epoch == -1)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        t = self.last_epoch
        check(
            t <= self.total_steps,
            lambda: f"Tried to step {t} times. The specified number of total steps is {self.total_steps}",
            ValueError,
        )
        start, phases = 0.0, self._schedule_phases
        for phase in phases:
            if t <= phase["end_step"] or phase is phases[-1]:
                break
            start = phase["end_step"]
        done = (t - start) / (phase["end_step"] - start)
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._anneal(group[phase["start_lr"]], group[phase["end_lr"]], done))
            if self.cycle_momentum:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                self._set_momentum(group, self._anneal(*ends, done))
        return rates

    def _anneal(self, start: Any, end: Any, done: float) -> Any:
        """From `start` at done = 0 to `end` at done = 1."""
        if self._anneal_func_type == "linear":
            return (end - start) * done + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * done) + 1)


def _total(total_steps: Any, epochs: Any, steps_per_epoch: Any) -> int:
    """The number of steps, which is given in one of two ways."""
    given = {"total_steps": total_steps}
    if total_steps is None:
        given = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    check(
        None not in given.values(),
        lambda: "You must define either total_steps OR (epochs AND steps_per_epoch)",
        ValueError,
    )
    for name, value in given.items():
        check(
            value > 0 and isinstance(value, int),
            lambda: f"Expected positive integer {name}, but got {value}",  # noqa: B023
            ValueError,
        )
    return math.prod(given.values())


def _phases(total: int, pct_start: float, three_phase: bool) -> list[dict[str, Any]]:
    """Where each phase ends, and the names, in a group, of the rates and momenta that it leads from and to."""
    up = {"end_step": float(pct_start * total) - 1, "start_lr": "initial_lr", "end_lr": "max_lr"}
    down = {"end_step": total - 1, "start_lr": "max_lr", "end_lr": "min_lr"}
    falling = {"start_momentum": "max_momentum", "end_momentum": "base_momentum"}
    rising = {"start_momentum": "base_momentum", "end_momentum": "max_momentum"}
    if not three_phase:
        return [up | falling, down | rising]
    back = {"end_step": float(2 * pct_start * total) - 2, "start_lr": "max_lr", "end_lr": "initial_lr"}
    out = {"end_step": total - 1, "start_lr": "initial_lr", "end_lr": "min_lr"}
    resting = {"start_momentum": "max_momentum", "end_momentum": "max_momentum"}
    return [up | falling, back | rising, out | resting]
