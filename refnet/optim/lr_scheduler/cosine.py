"""Cosine annealing, once or with warm restarts (Loshchilov and Hutter 2017)."""

import math
from typing import Any

from refnet._check import check
from refnet.optim.lr_scheduler.schedule import LRScheduler, rates_of
from refnet.optim.optimizer import Optimizer


class CosineAnnealingLR(LRScheduler):
    """lr(t) = eta_min + (lr(0) - eta_min) (1 + cos(pi t / T_max)) / 2

    Computed from the rate before, so that a rate changed by hand decays too.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        t, period, low = self.last_epoch, self.T_max, self.eta_min
        groups = self.optimizer.param_groups
        if self._is_initial:
            return rates_of(self.optimizer)
        if self._step_count == 1 and t > 0:
            return self._get_closed_form_lr()
        if (t - 1 - period) % (2 * period) == 0:  # the rate before is eta_min: there is nothing to scale
            rise = (1 - math.cos(math.pi / period)) / 2
            return [g["lr"] + (base - low) * rise for g, base in zip(groups, self.base_lrs, strict=True)]
        ratio = (1 + math.cos(math.pi * t / period)) / (1 + math.cos(math.pi * (t - 1) / period))
        return [ratio * (group["lr"] - low) + low for group in groups]

    def _get_closed_form_lr(self) -> list[Any]:
        return [_between(base, self.eta_min, self.last_epoch, self.T_max) for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """lr = eta_min + (lr(0) - eta_min) (1 + cos(pi T_cur / T_i)) / 2, from lr(0) again whenever T_cur reaches T_i

    T_cur counts epochs since the last restart; T_i is T_0 at first, and T_mult times as long after every restart.

    Raises ValueError unless T_0 and T_mult are positive integers and eta_min is a number.
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        check(T_0 > 0 and isinstance(T_0, int), lambda: f"Expected positive integer T_0, but got {T_0}", ValueError)
        check(
            T_mult >= 1 and isinstance(T_mult, int),
            lambda: f"Expected integer T_mult >= 1, but got {T_mult}",
            ValueError,
        )
        check(
            isinstance(eta_min, float | int),
            lambda: f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}",
            ValueError,
        )
        self.T_0 = self.T_i = T_0
        self.T_mult, self.eta_min = T_mult, eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        return [_between(base, self.eta_min, self.T_cur, self.T_i) for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go to the next epoch, or to `epoch`, which may be a fraction: epoch + batch / batches."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            check(epoch >= 0, lambda: f"Expected non-negative epoch, but got {epoch}", ValueError)
            self._go_to(epoch)
        self.last_epoch = math.floor(epoch)
        with self._getting():
            rates = self.get_lr()
        self._set(rates)

    def _go_to(self, epoch: float) -> None:
        """The period that `epoch` is in; n of them came before, T_0 (T_mult^n - 1) / (T_mult - 1) epochs long."""
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**n


def _between(high: Any, low: float, t: float, period: float) -> Any:
    """`high` at t = 0, `low` at t = period, along a cosine."""
    return low + (high - low) * (1 + math.cos(math.pi * t / period)) / 2
