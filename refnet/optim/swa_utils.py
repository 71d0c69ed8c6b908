"""Averages of a model along its training: stochastic weight averaging (Izmailov et al. 2018), exponential averages.

>>> import refnet
>>> model = refnet.nn.Linear(1, 1, bias=False)
>>> average = AveragedModel(model)
>>> for value in (1.0, 2.0, 6.0):
...     _ = refnet.nn.init.constant_(model.weight, value)
...     average.update_parameters(model)
>>> average.module.weight.item()
3.0
"""

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from itertools import chain
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._tape import TensorBase, set_grad
from refnet.creation import tensor
from refnet.nn.modules.batchnorm import _BatchNorm
from refnet.nn.modules.module import Module
from refnet.optim import _updates
from refnet.optim._updates import number
from refnet.optim.lr_scheduler.schedule import LRScheduler, one_for_each
from refnet.optim.optimizer import Optimizer, written

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

Average = Callable[[Any, Any, Any], Any]  # (averaged, current, how many are averaged) -> the new average


def get_swa_avg_fn() -> Average:
    """The mean of all: w + (current - w) / (n + 1), n the number of models in w."""

    def swa_update(averaged_param: Any, current_param: Any, num_averaged: Any) -> Any:
        with set_grad(False):
            return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """The exponential average: decay w + (1 - decay) current. Raises ValueError for a decay out of [0, 1]."""
    _check_decay(decay)

    def ema_update(ema_param: Any, current_param: Any, num_averaged: Any) -> Any:
        with set_grad(False):
            return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_multi_avg_fn() -> Average:
    """The mean of all, in place, for lists of tensors of one dtype."""

    def swa_update(averaged_param_list: Sequence[Any], current_param_list: Sequence[Any], num_averaged: Any) -> None:
        with set_grad(False):
            if averaged_param_list[0].is_floating_point():
                _lerp(averaged_param_list, current_param_list, number(1 / (num_averaged + 1)))
                return
            for averaged, current in zip(averaged_param_list, current_param_list, strict=True):
                if isinstance(num_averaged, TensorBase):
                    averaged.addcdiv_(current - averaged, num_averaged + 1)  # type: ignore[operator]
                else:
                    averaged.add_(current - averaged, alpha=1.0 / (num_averaged + 1))

    return swa_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Average:
    """The exponential average, in place, for lists of tensors of one dtype. Raises ValueError for a decay out of [0, 1]."""
    _check_decay(decay)

    def ema_update(ema_param_list: Sequence[Any], current_param_list: Sequence[Any], num_averaged: Any) -> None:
        with set_grad(False):
            if ema_param_list[0].is_floating_point():
                _lerp(ema_param_list, current_param_list, 1 - decay)
                return
            for ema, current in zip(ema_param_list, current_param_list, strict=True):
                ema.copy_(ema * decay + current * (1 - decay))

    return ema_update


class AveragedModel(Module):
    """A copy of a model whose parameters are an average of those of the model, taken at every `update_parameters`.

    - device: where to keep the copy. avg_fn: of (averaged, current, count), gives the new average of a parameter; the
      mean of all by default. multi_avg_fn: likewise in place, of lists of all parameters of one device and dtype.
    - use_buffers: average buffers too; else they are copied.

    Calling it calls the copy. The state has the copy's under "module.", and "n_averaged", the number of updates.
    Raises AssertionError when both functions are given.
    """

    n_averaged: Any

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Average | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        check(
            avg_fn is None or multi_avg_fn is None,
            lambda: "Only one of avg_fn and multi_avg_fn should be provided",
            AssertionError,
        )
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=_dtype.int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the present parameters of `model` into the average; the first time, take them over."""
        pairs = [
            (averaged.detach(), current.detach().to(averaged.device))
            for averaged, current in zip(self._averages(self.module), self._averages(model), strict=False)
        ]
        if self.n_averaged == 0:
            for averaged, current in pairs:
                averaged.copy_(current)
        elif self.multi_avg_fn is not None:
            self._average_together(pairs, self.multi_avg_fn)
        else:
            average = get_swa_avg_fn() if self.avg_fn is None else self.avg_fn
            for averaged, current in pairs:
                averaged.copy_(average(averaged, current, self.n_averaged.to(averaged.device)))
        if not self.use_buffers:
            for own, other in zip(self.module.buffers(), model.buffers(), strict=True):
                own.detach().copy_(other.detach().to(own.device))
        self.n_averaged += 1

    def _averages(self, model: Module) -> Iterable[Any]:
        """The tensors of a model that are averaged."""
        return chain(model.parameters(), model.buffers()) if self.use_buffers else model.parameters()

    def _average_together(self, pairs: list[tuple[Any, Any]], average: Average) -> None:
        alike: dict[Any, list[tuple[Any, Any]]] = {}
        for averaged, current in pairs:
            alike.setdefault((averaged.device, averaged.dtype), []).append((averaged, current))
        for (device, _), some in alike.items():
            average([averaged for averaged, _ in some], [current for _, current in some], self.n_averaged.to(device))


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of all batch normalizations anew, as the mean over the batches of `loader`.

    A batch is what the model takes, or a list or tuple that begins with that.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    was_training = model.training
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # which is the mean over all batches
    with set_grad(False):
        for batch in loader:
            first = batch[0] if isinstance(batch, list | tuple) else batch
            model(first if device is None else first.to(device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """From the present rate to `swa_lr` in `anneal_epochs` epochs, and there it stays.

    With a(t) = (1 - cos(pi t / anneal_epochs)) / 2 ("cos") or t / anneal_epochs ("linear")::

        lr(t) = swa_lr a(t) + lr(0) (1 - a(t))

    computed from the rate before, so that another schedule can act on it. swa_lr: a number, or a list of one per group.

    Raises ValueError for an unknown strategy, a number of epochs that is no integer >= 0, a list of the wrong length.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: Any,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        for rate, group in zip(one_for_each("swa_lr", optimizer, swa_lr), optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        check(
            anneal_strategy in ("cos", "linear"),
            lambda: f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}",
            ValueError,
        )
        self._anneal_strategy = anneal_strategy
        check(
            isinstance(anneal_epochs, int) and anneal_epochs >= 0,
            lambda: f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}",
            ValueError,
        )
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        t = self._step_count - 1
        if self.anneal_epochs == 0:
            t = max(1, t)
        before, now = self._share(t - 1), self._share(t)
        rates = []
        for group in self.optimizer.param_groups:
            last = group["swa_lr"]
            first = last if before == 1 else (group["lr"] - before * last) / (1 - before)
            rates.append(last * now + first * (1 - now))
        return rates

    def _share(self, t: int) -> float:
        """a(t): the part of `swa_lr` in the rate."""
        done = max(0, min(1, t / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * done)) / 2 if self._anneal_strategy == "cos" else done


def _check_decay(decay: float) -> None:
    check(
        0.0 <= decay <= 1.0,
        lambda: f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.",
        ValueError,
    )


def _lerp(averages: Sequence[Any], currents: Sequence[Any], weight: float) -> None:
    for average, current in zip(averages, currents, strict=True):
        with _updates.quiet():
            _updates.lerp(average._array, current._array, weight=weight)
        written(average)
