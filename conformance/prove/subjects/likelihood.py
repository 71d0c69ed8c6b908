"""Negative log-likelihoods: the eps that guards a variance or a logarithm, and constants that may be left out."""

import functools
import math
from typing import Any

from conformance.case import Arguments, args
from conformance.draw import integers, normal, positive
from conformance.prove.regimes import Make
from conformance.prove.subject import Subject, altered, times

F = "nn.functional."


def reduced(loss: Any, reduction: str) -> Any:
    """The mean, the sum, or every element."""
    return {"mean": loss.mean, "sum": loss.sum, "none": lambda: loss}[reduction]()


def gaussian(
    torch: Any, x: Any, y: Any, var: Any, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean",
    added: bool = False, cut: bool = False, halved: bool = True, deviation: bool = False,
) -> Any:  # fmt: skip
    """(log v + (x - y)^2 / v) / 2, v no less than eps, with the gradient of v all the same.

    Spoiled: eps `added`; the gradient `cut` off below eps; not `halved`; v taken for a standard `deviation`.
    """
    if added:
        v = var + eps
    else:
        v = var.clamp_min(eps) if cut else var + (var.clamp_min(eps) - var).detach()
    v = v * v if deviation else v
    loss = (torch.log(v) + (x - y).square() / v) * (0.5 if halved else 1.0)
    return reduced(loss + (0.5 * math.log(2 * math.pi) if full else 0.0), reduction)


def poisson(
    torch: Any, x: Any, y: Any, *, log_input: bool = True, full: bool = False, eps: float = 1e-8,
    reduction: str = "mean", guarded: bool = True, everywhere: bool = False, logged: bool | None = None,
) -> Any:  # fmt: skip
    """e^x - y x, or x - y log(x + eps); with Stirling's approximation of log y! where y > 1.

    Spoiled: not `guarded` by eps; Stirling's term `everywhere`; `logged` whatever the argument says.
    """
    if log_input if logged is None else logged:
        loss = torch.exp(x) - y * x
    else:
        loss = x - y * torch.log(x + eps if guarded else x)
    if full:
        term = y * torch.log(y) - y + 0.5 * torch.log(2 * math.pi * y)
        loss = loss + (term if everywhere else torch.where(y > 1, term, 0.0))
    return reduced(loss, reduction)


def _gaussians(make: Make) -> list[Arguments]:
    return [
        args(make(3, 4), make(3, 4), positive(3, 4)),
        args(make(5), make(5), positive(5), full=True, eps=1.0, reduction="none"),
        args(make(3, 4), make(3, 4), positive(3, 1), reduction="sum"),
    ]


def _poissons(make: Make) -> list[Arguments]:
    return [
        args(normal(3, 4), positive(3, 4), full=True, reduction="none"),
        args(positive(9), integers(9, low=1, high=9), log_input=False, eps=0.25),
    ]


SUBJECTS = [
    Subject(
        F + "gaussian_nll_loss",
        _gaussians,
        {"written out": gaussian},
        {
            "eps added to the variance": functools.partial(gaussian, added=True),
            "no gradient below eps": functools.partial(gaussian, cut=True),
            "not halved": functools.partial(gaussian, halved=False),
            "variance taken for a deviation": functools.partial(gaussian, deviation=True),
            "gradient of the variance's sign": altered(gaussian, None, None, times(-1)),
        },
        regimes=("normal", "positive"),
    ),
    Subject(
        F + "poisson_nll_loss",
        _poissons,
        {"written out": poisson},
        {
            "no eps": functools.partial(poisson, guarded=False),
            "Stirling's term everywhere": functools.partial(poisson, everywhere=True),
            "the logarithm forgotten": functools.partial(poisson, logged=True),
            "gradient 1e-5 too large": altered(poisson, times(1 + 1e-5)),
        },
        regimes=("normal",),
    ),
]
