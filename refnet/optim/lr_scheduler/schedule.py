"""`LRScheduler`, the base of schedules, and how rates are read and written."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
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

    _is_initial = False  # whether this is the step of the constructor
    _get_lr_called_within_step = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for number, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            check(
                "initial_lr" in group,
                lambda: (
                    f"param 'initial_lr' is not specified in param_groups[{number}] when resuming scheduler with "  # noqa: B023
                    "last_epoch >= 0: load the optimizer's state first"
                ),
                KeyError,
            )
        self.base_lrs = values_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        _track_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        """The step to the first epoch, by which most schedules leave the rates alone."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_lr(self) -> list[Any]:
        """The rates of the groups at `last_epoch`, given those at the epoch before. For use by `step`."""
        raise NotImplementedError

    def get_last_lr(self) -> list[Any]:
        """The rates set last, one per group."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch, or (deprecated) to `epoch`, and set the groups' rates."""
        if self._step_count == 1:
            self._warn_order()
        self._step_count += 1
        if epoch is not None:
            warn_epoch()
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        """Set the rates of the next epoch, or of `epoch`."""
        with self._getting():
            if epoch is None:
                self.last_epoch += 1
                rates = self.get_lr()
            else:
                self.last_epoch = epoch
                rates = self._get_closed_form_lr()
        self._set(rates)

    def _set(self, rates: list[Any]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_value(group, "lr", rate)
        self._last_lr = values_of(self.optimizer, "lr")

    def _get_closed_form_lr(self) -> list[Any]:
        """The rates at `last_epoch` from the initial ones; `get_lr` where a schedule has no closed form."""
        return self.get_lr()

    @contextmanager
    def _getting(self) -> Iterator[None]:
        """While `get_lr` is called as it is meant to be."""
        self._get_lr_called_within_step = True
        try:
            yield
        finally:
            self._get_lr_called_within_step = False

    def _warn_order(self) -> None:
        """The second step of a schedule should come after one of its optimizer."""
        if _step_of(self.optimizer) is not getattr(self.optimizer, "_tracked_step", None):
            warnings.warn(
                "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. "
                "Please, make sure to call `optimizer.step()` before `lr_scheduler.step()`.",
                UserWarning,
                stacklevel=3,
            )
        elif not getattr(self.optimizer, "_opt_called", False):
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. You should call them in the "
                "opposite order: `optimizer.step()` before `lr_scheduler.step()`. Failure to do this will result in "
                "skipping the first value of the learning rate schedule.",
                UserWarning,
                stacklevel=3,
            )

    def _warn_outside_step(self) -> None:
        """`get_lr` steps from the present rates to the next: asked twice, it would give two different answers."""
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.__dict__.update(state_dict)


def _step_of(optimizer: Any) -> Any:
    """The function behind an optimizer's step."""
    return getattr(optimizer.step, "__func__", optimizer.step)


def _track_steps(optimizer: Any) -> None:
    """Have an optimizer note its steps from now on, for the first schedule that it gets."""
    if not hasattr(optimizer, "_tracked_step"):
        optimizer._tracked_step, optimizer._opt_called = _step_of(optimizer), False


def check_optimizer(optimizer: Any) -> None:
    """Raise TypeError for what is no optimizer."""
    check(isinstance(optimizer, Optimizer), lambda: f"{type(optimizer).__name__} is not an Optimizer", TypeError)


def warn_epoch() -> None:
    """Schedules know their epoch."""
    warnings.warn(
        "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please "
        "use `scheduler.step()` to step the scheduler.",
        UserWarning,
        stacklevel=3,
    )


def copied(value: Any) -> Any:
    """A tensor's copy; another value as it is."""
    return value.clone() if isinstance(value, TensorBase) else value  # type: ignore[attr-defined]


def values_of(optimizer: Optimizer, key: str) -> list[Any]:
    """An option of every group."""
    return [copied(group[key]) for group in optimizer.param_groups]


def rates_of(optimizer: Optimizer) -> list[Any]:
    """The present rate of every group."""
    return values_of(optimizer, "lr")


def set_value(group: dict[str, Any], key: str, value: Any) -> None:
    """Set an option of a group; one that is a tensor keeps its memory."""
    if isinstance(group[key], TensorBase):
        group[key].fill_(value)
    else:
        group[key] = value


def one_for_each(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """A list of one value for each group, from such a list or one value for all."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        return [copied(value) for _ in range(groups)]
    check(
        len(value) == groups,
        lambda: (
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
            f"param_groups has {groups}."
        ),
        ValueError,
    )
    return [copied(each) for each in value]
