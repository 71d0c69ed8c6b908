"""Quantiles, modes, differences and reducing scatters: which elements count, with what weight, and who gets the gradient."""

import functools
from typing import Any

from conformance.case import FORWARD, LAYOUTS, REPEAT, UNCHANGED, args
from conformance.draw import away_from, distinct, tied, values
from conformance.prove.regimes import TAME
from conformance.prove.subject import Subject, altered, times

VALUES_ONLY = FORWARD - {LAYOUTS, REPEAT, UNCHANGED}

# --- quantile -----------------------------------------------------------------------------------------------------------


def by_sorting(torch: Any, x: Any, q: float, *, last: int = -1, weight: float | None = None) -> Any:
    """Between the neighbours of element number q (n - 1) of the sorted numbers; `last` 0 counts to q n.

    The upper one has the fraction's weight, or a fixed one.
    """
    rows = x.flatten().sort().values
    rank = torch.tensor(q, dtype=x.dtype) * (rows.numel() + last)
    below = rank.floor().long().clamp(max=rows.numel() - 1)
    above = rank.ceil().long().clamp(max=rows.numel() - 1)
    share = rank - below if weight is None else weight
    return rows[below] + share * (rows[above] - rows[below])


# --- mode ---------------------------------------------------------------------------------------------------------------


def by_counting(torch: Any, x: Any, dim: int = -1, *, largest: bool = False, first: bool = False) -> Any:
    """Of the numbers with most equals the smallest, at its last place (`largest`: the largest, `first`: the first place)."""
    rows = x.movedim(dim, -1)
    equal = rows.unsqueeze(-1) == rows.unsqueeze(-2)
    counts = equal.sum(-1)
    frequent = counts == counts.amax(-1, keepdim=True)
    fill = -float("inf") if largest else float("inf")
    candidates = rows.masked_fill(~frequent, fill)
    found = candidates.amax(-1, keepdim=True) if largest else candidates.amin(-1, keepdim=True)
    places = torch.arange(rows.shape[-1]).expand(rows.shape)
    if first:
        at = places.masked_fill(rows != found, rows.shape[-1]).amin(-1, keepdim=True)
    else:
        at = places.masked_fill(rows != found, -1).amax(-1, keepdim=True)
    return rows.gather(-1, at).squeeze(-1), at.squeeze(-1)


# --- diff and trapezoid -------------------------------------------------------------------------------------------------


def neighbours(torch: Any, x: Any, n: int = 1, dim: int = -1, *, sign: int = 1) -> Any:
    """The next minus this, n times; `sign` -1 the other way round."""
    for _ in range(n):
        size = x.shape[dim] - 1
        x = sign * (x.narrow(dim, 1, size) - x.narrow(dim, 0, size))
    return x


def by_weights(torch: Any, y: Any, *, dx: float = 1.0, ends: float = 0.5) -> Any:
    """The sum with half the ends; `ends` 1 counts them whole."""
    weights = torch.ones(y.shape[-1], dtype=y.dtype)
    weights[0] = weights[-1] = ends
    return (y * weights).sum(-1) * dx


# --- scatter_reduce -----------------------------------------------------------------------------------------------------

PLACES = values([[0, 1, 1, 2], [2, 2, 0, 0]], "int64")


def by_loop(
    torch: Any,
    x: Any,
    dim: int,
    index: Any,
    src: Any,
    reduce: str,
    *,
    include_self: bool = True,
    count_self: bool = True,
) -> Any:
    """Place by place; `count_self` False divides a mean by what was sent only."""
    rows = []
    for row, at, sent in zip(x, index, src, strict=True):
        cells = []
        for place in range(row.shape[0]):
            parts = [sent[k] for k in range(sent.shape[0]) if int(at[k]) == place]
            if not parts:
                cells.append(row[place])
                continue
            parts = ([row[place]] if include_self else []) + parts
            stacked = torch.stack(parts)
            if reduce == "mean":
                cells.append(stacked.sum() / (len(parts) - (include_self and not count_self)))
            else:
                cells.append({"sum": torch.sum, "prod": torch.prod, "amax": torch.amax}[reduce](stacked))
        rows.append(torch.stack(cells))
    return torch.stack(rows)


def self_ignored(torch: Any, x: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True) -> Any:
    """What was there never counts."""
    return torch.scatter_reduce(x, dim, index, src, reduce, include_self=False)


def last_stays(torch: Any, x: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True) -> Any:
    """A plain scatter."""
    return torch.scatter(x, dim, index, src)


FACTORS = [[0.0, 2.0, 3.0, 0.0], [0.0, 0.0, 4.0, 5.0]]  # zeros alone in their product, and two in one


def none_for_zeros(g: Any) -> Any:
    """The gradient of a product that is divided by each factor, and left out where the factor is zero."""
    return g * (g.new_tensor(FACTORS) != 0)


SUBJECTS = [
    Subject(
        "quantile",
        lambda make: [args(make(9), 0.3), args(make(33), 0.77), args(distinct(5), 0.9)],
        {"sorted": by_sorting},
        {
            "rank q n": functools.partial(by_sorting, last=0),
            "half way": functools.partial(by_sorting, weight=0.5),
            "no interpolation": functools.partial(by_sorting, weight=0.0),
            "gradient doubled": altered(by_sorting, times(2)),
        },
        regimes=TAME,
    ),
    Subject(
        "mode",
        lambda make: [args(tied(3, 9)), args(values([2.0, 1.0, 2.0, 1.0]))],
        {"counted": by_counting},
        {
            "largest of equally frequent": functools.partial(by_counting, largest=True),
            "first place": functools.partial(by_counting, first=True),
        },
        regimes=("normal",),  # the numbers are given
        checks=VALUES_ONLY,
    ),
    Subject(
        "diff",
        lambda make: [args(make(9)), args(make(3, 4), 1, 0), args(make(3, 17), 2)],
        {"neighbours": neighbours},
        {"sign": functools.partial(neighbours, sign=-1), "gradient's sign": altered(neighbours, times(-1))},
        regimes=TAME,
    ),
    Subject(
        "trapezoid",
        lambda make: [args(make(9)), args(make(3, 33)), args(make(5), dx=0.5)],
        {"weights": by_weights},
        {"whole ends": functools.partial(by_weights, ends=1.0)},
        regimes=TAME,
    ),
    Subject(
        "scatter_reduce",
        lambda make: [
            args(away_from(2, 3), 1, PLACES, away_from(2, 4), reduce, include_self=include_self)
            for reduce in ("sum", "prod", "mean", "amax")
            for include_self in (True, False)
        ],
        {"loop": by_loop},
        {
            "self ignored": self_ignored,
            "last one stays": last_stays,
            "mean of what was sent": functools.partial(by_loop, count_self=False),
        },
        regimes=("normal",),  # off 0, where the gradient of a product is another formula
    ),
    Subject(
        "scatter_reduce",
        lambda make: [args(away_from(2, 3), 1, PLACES, values(FACTORS), "prod")],
        {"loop": by_loop},
        {"no gradient for a zero": altered(by_loop, None, None, None, none_for_zeros)},
        regimes=("normal",),
    ),
]
