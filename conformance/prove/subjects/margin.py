"""Margin losses of classes: which pairs are summed, over what, and where a list of labels ends."""

import functools
from typing import Any

from conformance.case import Arguments, args
from conformance.draw import integers, positive, uniform, values
from conformance.prove.regimes import Make
from conformance.prove.subject import Subject, altered, times

F = "nn.functional."
LABELS = values([[2, -1, 0, 1], [0, 3, 1, -1], [-1, 0, 1, 2]], "int64")


def reduced(loss: Any, reduction: str) -> Any:
    """The mean, the sum, or every element."""
    return {"mean": loss.mean, "sum": loss.sum, "none": lambda: loss}[reduction]()


def one(
    torch: Any, x: Any, y: Any, *, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean",
    itself: bool = False, inside: bool = False, others: bool = False,
) -> Any:  # fmt: skip
    """sum of w max(0, margin - x_y + x_c)^p over c != y, over C.

    Spoiled: c = y counts too (`itself`); the weight `inside` the power; over the `others`, C - 1.
    """
    z = (margin - x.gather(1, y[:, None]) + x).relu()
    if not itself:
        z = torch.where(torch.arange(x.shape[1]) == y[:, None], 0.0, z)
    w = torch.ones_like(x[:, 0]) if weight is None else weight[y]
    terms = (w[:, None] * z) ** p if inside else w[:, None] * z**p
    return reduced(terms.sum(1) / (x.shape[1] - (1 if others else 0)), reduction)


def several(torch: Any, x: Any, y: Any, *, reduction: str = "mean", among: bool = False, whole: bool = False) -> Any:
    """sum of max(0, 1 - x_y + x_c) over listed y and other c, over C.

    Spoiled: the listed ones compared `among` themselves; the `whole` row taken for a list, -1 left out.
    """
    losses = []
    for scores, row in zip(x, y.tolist(), strict=True):
        end = row.index(-1) if -1 in row and not whole else len(row)
        right = [label for label in row[:end] if label >= 0]
        wrong = [c for c in range(len(row)) if among or c not in right]
        pairs = [(1 - scores[i] + scores[c]).relu() for i in right for c in wrong if c != i]
        losses.append(torch.stack(pairs).sum() / len(row) if pairs else scores.sum() * 0)
    return reduced(torch.stack(losses), reduction)


def sigmoids(
    torch: Any,
    x: Any,
    y: Any,
    weight: Any = None,
    *,
    reduction: str = "mean",
    summed: bool = False,
    naive: bool = False,
) -> Any:
    """The mean over classes of (1 - y) x + softplus(-x). Spoiled: `summed` over classes; `naive` logarithms."""
    loss = (1 - y) * x + torch.nn.functional.softplus(-x, threshold=1e9)
    if naive:
        p = torch.sigmoid(x)
        loss = -(y * torch.log(p) + (1 - y) * torch.log(1 - p))
    loss = loss if weight is None else loss * weight
    return reduced(loss.sum(-1) if summed else loss.mean(-1), reduction)


def logistic(torch: Any, x: Any, y: Any, *, reduction: str = "mean", exact: bool = True, sign: int = -1) -> Any:
    """log(1 + e^(-y x)). Spoiled: the sum 1 + e^(...) rounded; the other `sign`."""
    z = torch.exp(sign * y * x)
    return reduced(torch.log1p(z) if exact else torch.log(1 + z), reduction)


def _ones(make: Make) -> list[Arguments]:
    target = integers(5, high=4)
    return [
        args(make(5, 4), target, reduction="none"),
        args(make(5, 4), target, p=2, margin=2.0, weight=positive(4).fixed()),
    ]


SUBJECTS = [
    Subject(
        F + "multi_margin_loss",
        _ones,
        {"written out": one},
        {
            "the right class counts": functools.partial(one, itself=True),
            "weight inside the power": functools.partial(one, inside=True),
            "over the other classes": functools.partial(one, others=True),
            "gradient 1e-5 too large": altered(one, times(1 + 1e-5)),
        },
        regimes=("normal",),
    ),
    Subject(
        F + "multilabel_margin_loss",
        lambda make: [args(make(3, 4), LABELS), args(make(3, 4), LABELS, reduction="none")],
        {"pair by pair": several},
        {
            "right classes among themselves": functools.partial(several, among=True),
            "-1 does not end a list": functools.partial(several, whole=True),
        },
        regimes=("normal",),
    ),
    Subject(
        F + "multilabel_soft_margin_loss",
        lambda make: [args(make(3, 4), uniform(3, 4)), args(make(3, 4), uniform(3, 4), positive(4), reduction="none")],
        {"one logarithm": sigmoids},
        {"summed over classes": functools.partial(sigmoids, summed=True)},
        regimes=("normal",),
    ),
    Subject(
        F + "soft_margin_loss",
        lambda make: [args(make(9), values([1.0, -1.0, 1.0] * 3).fixed(), reduction=how) for how in ("none", "mean")],
        {"written out": logistic},
        {"the other sign": functools.partial(logistic, sign=1)},
        regimes=("normal",),
    ),
]
