"""Losses of pairs and triplets: on which side of the margin, and whose distance."""

import functools
from typing import Any

from conformance.case import Arguments, args
from conformance.draw import normal, values
from conformance.prove.regimes import Make
from conformance.prove.subject import Subject, altered, times

F = "nn.functional."
SIGNS = values([1, -1, 1, -1, 0], "int64")


def reduced(loss: Any, reduction: str) -> Any:
    """The mean, the sum, or every element."""
    return {"mean": loss.mean, "sum": loss.sum, "none": lambda: loss}[reduction]()


def hinge(
    torch: Any,
    x: Any,
    y: Any,
    margin: float = 1.0,
    *,
    reduction: str = "mean",
    chosen: bool = False,
    bound: bool = True,
) -> Any:
    """x unless y = -1, plus max(0, margin - x) unless y = 1. Spoiled: 0 for other y (`chosen`); not cut off at 0."""
    apart = (margin - x).relu() if bound else margin - x
    if chosen:
        return reduced(torch.where(y == 1, x, torch.where(y == -1, apart, 0.0)), reduction)
    return reduced(torch.where(y == -1, 0.0, x) + torch.where(y == 1, 0.0, apart), reduction)


def cosine(
    torch: Any, x: Any, y: Any, target: Any, margin: float = 0.0, *, reduction: str = "mean", eps: float = 1e-12,
    absolute: bool = False, others: bool = False,
) -> Any:  # fmt: skip
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1.

    Spoiled: |cos|; `others` than 1 taken for -1.
    """
    c = (x * y).sum(-1) / ((x.square().sum(-1) + eps).sqrt() * (y.square().sum(-1) + eps).sqrt())
    c = c.abs() if absolute else c
    far = (c - margin).relu()
    return reduced(torch.where(target == 1, 1 - c, far if others else torch.where(target == -1, far, 0.0)), reduction)


def ranking(
    torch: Any, x: Any, y: Any, target: Any, margin: float = 0.0, *, reduction: str = "mean", reverse: bool = False,
    inside: bool = True,
) -> Any:  # fmt: skip
    """max(0, margin - t (x - y)). Spoiled: the `reverse` order; the margin added to the loss, not `inside`."""
    gap = target * (y - x if reverse else x - y)
    return reduced((margin - gap).relu() if inside else (-gap).relu() + margin, reduction)


def triplet(
    torch: Any, a: Any, p: Any, n: Any, margin: float = 1.0, *, swap: bool = False, reduction: str = "mean",
    squared: bool = False, swapped: bool | None = None, eps: float = 1e-6, farther: bool = False,
) -> Any:  # fmt: skip
    """max(0, margin + |a - p| - |a - n|). Spoiled: `squared` distances; never `swapped`; the `farther` one."""

    def distance(x: Any, y: Any) -> Any:
        total = (x - y + eps).square().sum(-1)
        return total if squared else total.sqrt()

    near, far = distance(a, p), distance(a, n)
    if swap if swapped is None else swapped:
        far = torch.maximum(far, distance(p, n)) if farther else torch.minimum(far, distance(p, n))
    return reduced((margin + near - far).relu(), reduction)


def _triplets(make: Make) -> list[Arguments]:
    three = [make(5, 4), make(5, 4), make(5, 4)]
    return [args(*three), args(*three, 3.0, swap=True, reduction="none")]


SUBJECTS = [
    Subject(
        F + "hinge_embedding_loss",
        lambda make: [args(make(5), SIGNS, reduction="none"), args(normal(4, 5, scale=4), SIGNS, 2.0)],
        {"written out": hinge},
        {
            "nothing for other targets": functools.partial(hinge, chosen=True),
            "no hinge": functools.partial(hinge, bound=False),
        },
        regimes=("normal",),
    ),
    Subject(
        F + "cosine_embedding_loss",
        lambda make: [args(make(5, 4), make(5, 4), SIGNS, 0.2, reduction=how) for how in ("none", "mean")],
        {"written out": cosine},
        {
            "absolute cosine": functools.partial(cosine, absolute=True),
            "every other target is -1": functools.partial(cosine, others=True),
            "large eps": functools.partial(cosine, eps=1e-3),
            "gradient 1e-5 too large": altered(cosine, times(1 + 1e-5)),
        },
        regimes=("normal",),
    ),
    Subject(
        F + "margin_ranking_loss",
        lambda make: [args(make(5), make(5), SIGNS, 0.5, reduction="none"), args(make(5), make(5), SIGNS, 1.0)],
        {"written out": ranking},
        {
            "the other order": functools.partial(ranking, reverse=True),
            "margin outside": functools.partial(ranking, inside=False),
        },
        regimes=("normal",),
    ),
    Subject(
        F + "triplet_margin_loss",
        _triplets,
        {"written out": triplet},
        {
            "squared distances": functools.partial(triplet, squared=True),
            "never swapped": functools.partial(triplet, swapped=False),
            "the farther negative": functools.partial(triplet, farther=True),
            "no eps": functools.partial(triplet, eps=0.0),
        },
        regimes=("normal",),
    ),
]
