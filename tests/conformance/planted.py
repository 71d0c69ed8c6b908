"""Broken implementations: torch with one operation replaced by a faulty one."""

import itertools
import os
import time
from collections.abc import Callable
from typing import Any

import torch

from conformance.candidates.torch import Torch

_calls = itertools.count()


class Planted(Torch):
    """torch, except that `name` is `fault`."""

    def __init__(self, **faults: Callable[..., Any]) -> None:
        super().__init__("planted")
        self.faults = {name.replace("__", "."): fault for name, fault in faults.items()}

    def resolve(self, name: str) -> Any:
        return self.faults[name] if name in self.faults else super().resolve(name)


def scaled_gradient(x: Any) -> Any:
    """tanh, with a gradient too large by a thousandth."""
    y = torch.tanh(x)
    return y + 1e-3 * (y - y.detach())


def half_inside(x: Any) -> Any:
    return torch.tanh(x.half()).to(x.dtype)


def dropped_tail(x: Any) -> Any:
    """The vector loop without its scalar rest."""
    y = torch.tanh(x)
    return torch.where(torch.arange(y.numel()) < y.numel() // 8 * 8, y, torch.zeros_like(y))


def overwrites_input(x: Any) -> Any:
    y = torch.tanh(x)
    x.detach().mul_(2)
    return y


def overwrites_gaps(x: Any) -> Any:
    """Writes between the elements of a strided input, leaving the elements alone."""
    if x.dim() == 1 and x.stride(0) == 2:
        torch.as_strided(x.detach(), (x.numel() - 1,), (2,), 1).fill_(7)
    return torch.tanh(x)


class OverwritesCotangent(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return torch.exp(x)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        gradient = g * torch.exp(ctx.saved_tensors[0])
        g.detach().zero_()
        return gradient


def never_the_same(x: Any) -> Any:
    return torch.tanh(x) * (1 + next(_calls) % 2 * 2.0**-23)


def gradient_constant(x: Any) -> Any:
    """sin with the right gradient, that does not depend on x: second order is lost."""
    return torch.sin(x).detach() + torch.cos(x).detach() * (x - x.detach())


def ignores_strides(x: Any) -> Any:
    strides, expected = [], 1
    for size in reversed(x.shape):
        strides.insert(0, expected)
        expected *= size
    return torch.tanh(torch.as_strided(x, x.shape, strides) if x.is_contiguous() or x.stride(-1) == 2 else x)


def nan_lost(x: Any) -> Any:
    return torch.where(x > 0, x, torch.zeros_like(x))


def leaks(x: Any) -> Any:
    return torch.where(x > 0, x, torch.full_like(x, 1e-30))


def first_wins(x: Any, y: Any) -> Any:
    """maximum, whose gradient at a tie goes to one side; torch's goes half to each."""
    return torch.where(x >= y, x, y)


def biased_running_variance(x: Any, mean: Any, var: Any, *, training: bool) -> Any:
    out = torch.nn.functional.batch_norm(x, None, None, training=training)
    mean.mul_(0.9).add_(0.1 * x.detach().mean(0))
    var.mul_(0.9).add_(0.1 * x.detach().var(0, unbiased=False))
    return out


def raises(error: Exception) -> Callable[..., Any]:
    def fault(*_: Any, **__: Any) -> Any:
        raise error

    return fault


def exits(x: Any) -> Any:
    os._exit(3)


def hangs(x: Any) -> Any:
    time.sleep(600)


def unreliable() -> Planted:
    """Dies in sin, hangs in cos, is wrong in exp, and is torch in the rest."""
    return Planted(sin=exits, cos=hangs, exp=lambda x: torch.exp(x) * 1.001)
