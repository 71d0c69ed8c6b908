"""Masked reductions and normalizations, computed from what the mask leaves."""

import functools
from typing import Any

from conformance.case import args
from conformance.draw import values
from conformance.prove.subject import Subject, altered, times

MASK = values([[1, 0, 1, 1, 0], [0, 1, 1, 0, 1], [1, 1, 0, 1, 1], [0, 0, 1, 1, 1]], "bool")


def mean_by_weights(torch: Any, x: Any, dim: int, *, mask: Any, all_count: bool = False, late: bool = False) -> Any:
    """sum w x / sum w, w the mask. `all_count`: divided by the row's size; `late`: the mask is a column late."""
    weights = (mask.roll(1, dim) if late else mask).to(x.dtype)
    return (x * weights).sum(dim) / (x.shape[dim] if all_count else weights.sum(dim))


def mean_of_selected(torch: Any, x: Any, dim: int, *, mask: Any) -> Any:
    """The mean of the numbers left, row by row."""
    return torch.stack([row[keep].mean() for row, keep in zip(x, mask, strict=True)])


def softmax_of_selected(torch: Any, x: Any, dim: int, *, mask: Any, inverted: bool = False) -> Any:
    """exp(x) of what is left, less the row's largest, over their sum. `inverted`: the mask says what to leave out."""
    keep = ~mask if inverted else mask
    away = x - x.detach().amax(dim, keepdim=True)
    power = torch.where(keep, away.exp(), torch.zeros_like(x))
    return power / power.sum(dim, keepdim=True)


def filled_with_zeros(torch: Any, x: Any, dim: int, *, mask: Any) -> Any:
    """0 in place of what is left out, as if its exponential vanished."""
    return torch.softmax(x * mask, dim)


def variance(torch: Any, x: Any, dim: int, *, mask: Any, correction: int = 1) -> Any:
    """Two passes over what is left."""
    weights = mask.to(x.dtype)
    count = weights.sum(dim, keepdim=True)
    away = (x - (x * weights).sum(dim, keepdim=True) / count) * weights
    return (away * away).sum(dim) / (count.squeeze(dim) - correction)


SUBJECTS = [
    Subject(
        "masked.mean",
        lambda make: [args(make(4, 5), 1, mask=MASK)],
        {"by weights": mean_by_weights, "of the selected": mean_of_selected},
        {
            "divided by the row's size": functools.partial(mean_by_weights, all_count=True),
            "mask a column late": functools.partial(mean_by_weights, late=True),
            "gradient 1e-5 too large": altered(mean_by_weights, times(1 + 1e-5)),
        },
        regimes=("normal",),
    ),
    Subject(
        "masked.softmax",
        lambda make: [args(make(4, 5), 1, mask=MASK)],
        {"of the selected": softmax_of_selected},
        {
            "mask inverted": functools.partial(softmax_of_selected, inverted=True),
            "zeros for what is left out": filled_with_zeros,
        },
        regimes=("normal",),
    ),
    Subject(
        "masked.var",
        lambda make: [args(make(4, 5), 1, mask=MASK)],
        {"two passes": variance},
        {"biased": functools.partial(variance, correction=0)},
        regimes=("normal",),
    ),
]
