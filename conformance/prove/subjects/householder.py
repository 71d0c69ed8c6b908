"""Reflections multiplied, and distances between all pairs of rows."""

import functools
from typing import Any

from conformance.case import args
from conformance.draw import uniform
from conformance.prove.subject import Subject


def by_matrices(torch: Any, a: Any, tau: Any, *, backwards: bool = False, twice: bool = False) -> Any:
    """I - tau v v^T as matrices, multiplied. `backwards`: in the other order; `twice`: with 2 in place of tau |v|^2."""
    m, n = a.shape
    found = torch.eye(m, dtype=a.dtype)
    for i in range(tau.shape[0]):
        below = torch.arange(m) > i
        v = torch.where(below, a[:, i], (torch.arange(m) == i).to(a.dtype))
        factor = 2 / (v @ v) if twice else tau[i]
        reflection = torch.eye(m, dtype=a.dtype) - factor * torch.outer(v, v)
        found = reflection @ found if backwards else found @ reflection
    return found[:, :n]


def by_differences(torch: Any, x: Any, y: Any, *, swapped: bool = False, squared: bool = False) -> Any:
    """sqrt of the sum of squared differences. `swapped`: of y to x; `squared`: without the root."""
    total = (x.unsqueeze(1) - y.unsqueeze(0)).square().sum(-1)
    total = total.mT if swapped else total
    return total if squared else total.sqrt()


SUBJECTS = [
    Subject(
        "linalg.householder_product",
        lambda make: [args(make(5, 3), uniform(3, low=0.5, high=1.5)), args(make(4, 4), uniform(4, low=0.5, high=1.5))],
        {"by matrices": by_matrices},
        {
            "in the other order": functools.partial(by_matrices, backwards=True),
            "tau not read": functools.partial(by_matrices, twice=True),
        },
        regimes=("normal",),
    ),
    Subject(
        "cdist",
        lambda make: [args(make(4, 3), make(4, 3))],
        {"by differences": by_differences},
        {
            "of the second to the first": functools.partial(by_differences, swapped=True),
            "squared": functools.partial(by_differences, squared=True),
        },
        regimes=("normal",),
    ),
]
