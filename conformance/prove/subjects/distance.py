"""Distances, the cosine of an angle, the bilinear map."""

import functools
from typing import Any

from conformance.case import Arguments, args
from conformance.draw import normal, values
from conformance.prove.regimes import Make
from conformance.prove.subject import Subject, altered, times


def bilinear(
    torch: Any, x: Any, y: Any, weight: Any, bias: Any = None, *, rule: str = "ni,kij,nj->nk", biased: bool = True
) -> Any:
    """y_k = x1 W_k x2 + b_k."""
    out = torch.einsum(rule, x, weight, y)
    return out + bias if biased and bias is not None else out


def cosine(
    torch: Any, x: Any, y: Any, dim: int = 1, eps: float = 1e-8, *, added: bool = False, together: bool = False,
    guarded: bool = True,
) -> Any:  # fmt: skip
    """x . y / (max(|x|, eps) max(|y|, eps)), eps in the values only.

    `added`: eps added to the norms; `together`: eps for the product of both; not `guarded`: no eps at all.
    """
    norms = [torch.linalg.vector_norm(v, 2, dim, keepdim=True) for v in (x, y)]
    if together:
        scale = (norms[0] * norms[1]).clamp_min(eps)
        return ((x * y) / scale).sum(dim)
    if added:
        norms = [n + eps for n in norms]
    elif guarded:
        norms = [n + (n.clamp_min(eps) - n).detach() for n in norms]
    return ((x / norms[0]) * (y / norms[1])).sum(dim)


def distance(
    torch: Any, x: Any, y: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False, *, inside: bool = True,
    norm: float | None = None, kept: bool | None = None,
) -> Any:  # fmt: skip
    """(sum of |x - y + eps|^p)^(1/p) along the last dimension. Not `inside`: eps added to the distance."""
    gap = (x - y + (eps if inside else 0)).abs()
    p = p if norm is None else norm
    found = gap.pow(p).sum(-1, keepdim=keepdim if kept is None else kept).pow(1 / p)
    return found if inside else found + eps


def all_distances(torch: Any, x: Any, p: float = 2.0, *, later: bool = False) -> Any:
    """Row by row, the rows after it. `later`: column by column."""
    pairs = [(i, j) for i in range(len(x)) for j in range(i + 1, len(x))]
    pairs = sorted(pairs, key=lambda pair: pair[::-1]) if later else pairs
    return torch.stack([(x[i] - x[j]).abs().pow(p).sum().pow(1 / p) for i, j in pairs])


def _maps(make: Make) -> list[Arguments]:
    return [args(make(2, 3), make(2, 3), normal(4, 3, 3), normal(4)), args(make(1, 2), make(1, 2), normal(1, 2, 2))]


def _pairs(make: Make) -> list[Arguments]:
    return [
        args(make(3, 4), make(3, 4)),
        args(make(3, 4), make(3, 4), 0, 0.5),
        args(values([[0.3, 0.0]]), values([[1.0, 2.0]]), eps=0.5),
    ]


SUBJECTS = [
    Subject(
        "nn.functional.bilinear",
        _maps,
        {"sum of products": bilinear},
        {
            "matrices transposed": functools.partial(bilinear, rule="ni,kji,nj->nk"),
            "bias left out": functools.partial(bilinear, biased=False),
            "gradient 1e-5 too large": altered(
                lambda torch, *given: torch.nn.functional.bilinear(*given), None, None, times(1 + 1e-5)
            ),
        },
        regimes=("normal",),
    ),
    Subject(
        "nn.functional.cosine_similarity",
        _pairs,
        {"formula": cosine},
        {
            "eps added to the norms": functools.partial(cosine, added=True),
            "eps for the product of the norms": functools.partial(cosine, together=True),
            "no eps": functools.partial(cosine, guarded=False),
        },
        regimes=("normal",),
    ),
    Subject(
        "nn.functional.pairwise_distance",
        lambda make: [args(make(3, 4), make(3, 4)), args(make(3, 4), make(4), 1.0, keepdim=True)],
        {"formula": distance},
        {
            "eps outside": functools.partial(distance, inside=False),
            "always Euclidean": functools.partial(distance, norm=2.0),
            "dimension dropped": functools.partial(distance, kept=False),
        },
        regimes=("normal",),
    ),
    Subject(
        "nn.functional.pdist",
        lambda make: [args(make(4, 3)), args(make(4, 2), 1.0)],
        {"row by row": all_distances},
        {"column by column": functools.partial(all_distances, later=True)},
        regimes=("normal",),
    ),
]
