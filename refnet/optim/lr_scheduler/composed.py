"""Schedules made of schedules: one after another, or several at once."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from refnet._check import check
from refnet.optim.lr_scheduler.plateau import ReduceLROnPlateau
from refnet.optim.lr_scheduler.schedule import LRScheduler, rates_of, set_value
from refnet.optim.optimizer import Optimizer


class _Composed(LRScheduler):
    """What has schedules for parts; its state has theirs, in order."""

    _schedulers: Sequence[Any]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer; of the parts, their states."""
        state = {key: value for key, value in self.__dict__.items() if key not in ("optimizer", "_schedulers")}
        return state | {"_schedulers": [part.state_dict() for part in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.__dict__.update({key: value for key, value in state_dict.items() if key != "_schedulers"})
        for part, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            part.load_state_dict(state)


class SequentialLR(_Composed):
    """schedulers[0] until milestones[0], then schedulers[1] from its beginning until milestones[1], and so on.

    Raises ValueError for no schedules, schedules of another optimizer, `ReduceLROnPlateau` among them, or other than one
    milestone less than schedules.

    >>> import refnet
    >>> optimizer = refnet.optim.SGD([refnet.zeros(1, requires_grad=True)], lr=1.0)
    >>> from refnet.optim.lr_scheduler import ConstantLR, ExponentialLR
    >>> parts = [ConstantLR(optimizer, factor=0.5), ExponentialLR(optimizer, gamma=0.5)]
    >>> schedule = SequentialLR(optimizer, parts, milestones=[2])
    >>> for _ in range(3):
    ...     optimizer.step()
    ...     schedule.step()
    ...     print(schedule.get_last_lr())
    [0.5]
    [1.0]
    [0.5]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[Any], milestones: list[int], last_epoch: int = -1
    ) -> None:
        check(
            len(schedulers) >= 1,
            lambda: f"{type(self).__name__} expects at least one scheduler, but got no scheduler.",
            ValueError,
        )
        _check_parts(self, optimizer, schedulers)
        check(
            len(milestones) == len(schedulers) - 1,
            lambda: (
                "Sequential Schedulers expects number of schedulers provided to be one more than the number of "
                f"milestone points, but got number of schedulers {len(schedulers)} and the number of milestones to be "
                f"equal to {len(milestones)}"
            ),
            ValueError,
        )
        self._schedulers, self._milestones = schedulers, milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        # every part has set its own first rates: take all of that back, and begin with the right one
        for group in optimizer.param_groups:
            set_value(group, "lr", group["initial_lr"])
        _step_back(self)
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:  # type: ignore[override]
        """Go to the next epoch."""
        self.last_epoch += 1
        number = bisect_right(self._milestones, self.last_epoch)
        part = self._schedulers[number]
        if number > 0 and self._milestones[number - 1] == self.last_epoch:
            part._update_lr(0)
        else:
            part.step()
        self._last_lr = part.get_last_lr()


class ChainedScheduler(_Composed):
    """All schedules at every step, one upon the rates of another.

    Raises ValueError for no schedules, schedules of different optimizers, or `ReduceLROnPlateau` among them.
    """

    def __init__(self, schedulers: Sequence[Any], optimizer: Optimizer | None = None) -> None:
        check(
            len(schedulers) >= 1,
            lambda: f"{type(self).__name__} expects at least one scheduler to be chained, but got no scheduler.",
            ValueError,
        )
        chosen = optimizer or schedulers[0].optimizer
        _check_parts(self, chosen, schedulers)
        self._schedulers = schedulers
        self.optimizer = chosen
        self._last_lr = rates_of(schedulers[-1].optimizer)

    def step(self) -> None:  # type: ignore[override]
        """Step every schedule."""
        for part in self._schedulers:
            part.step()
        self._last_lr = rates_of(self._schedulers[-1].optimizer)


def _check_parts(whole: _Composed, optimizer: Any, schedulers: Sequence[Any]) -> None:
    name = type(whole).__name__
    for number, part in enumerate(schedulers):
        check(
            hasattr(part, "optimizer"),
            lambda: f"{name} at index {number} should have `optimizer` as its attribute.",  # noqa: B023
            TypeError,
        )
        check(
            not isinstance(part, ReduceLROnPlateau),
            lambda: (
                f"{name} does not support `ReduceLROnPlateau` scheduler as it requires additional kwargs to be "
                f"specified when calling `step`, but got one at index {number} in the given schedulers sequence."  # noqa: B023
            ),
            ValueError,
        )
        check(
            optimizer is part.optimizer,
            lambda: (
                f"{name} expects all schedulers to belong to the same optimizer, but got scheduler "
                f"{type(part).__name__} at index {number} has {part.optimizer}, which is different from "  # noqa: B023
                f"{type(optimizer).__name__}."
            ),
            ValueError,
        )


def _step_back(schedule: Any) -> None:
    """Take back the first step of every schedule that is not made of others."""
    if hasattr(schedule, "_schedulers"):
        for part in schedule._schedulers:
            _step_back(part)
    elif hasattr(schedule, "last_epoch"):
        schedule.last_epoch -= 1
