"""Running sums, products and maxima: where a running total is carried, and what its gradient looks back at."""

import functools
from typing import Any

import numpy

from conformance.case import Arguments, args
from conformance.draw import away_from, tied, values
from conformance.prove.regimes import Make
from conformance.prove.subject import Subject, altered, ones, times, with_gradient
from conformance.prove.wrappers import by_numpy, inside

ZEROS = values([[0.5, 0.0, 2.0, 3.0], [1.0, 2.0, 0.0, 0.0]])


def along(make: Make) -> list[Arguments]:
    """Rows over either dimension, across the blocks of the blocked forms."""
    return [args(make(3, 4), 1), args(make(1), 0), args(make(33, 2), 0), args(make(2, 257), 1), args(make(1025), 0)]


# --- cumsum -----------------------------------------------------------------------------------------------------------


def sequential(torch: Any, x: Any, dim: int) -> Any:
    """y_i = y_{i-1} + x_i."""
    totals = [x.select(dim, 0)]
    for term in x.unbind(dim)[1:]:
        totals.append(totals[-1] + term)
    return torch.stack(totals, dim)


def doubling(torch: Any, x: Any, dim: int) -> Any:
    """In step k every element adds the one 2^k before it (Hillis and Steele)."""
    step, n = 1, x.shape[dim]
    while step < n:
        later = x.narrow(dim, step, n - step) + x.narrow(dim, 0, n - step)
        x = torch.cat([x.narrow(dim, 0, step), later], dim)
        step *= 2
    return x


def blocked(torch: Any, x: Any, dim: int, *, block: int = 64, carried: bool = True) -> Any:
    """Scans of blocks, each plus the total of the blocks before it; `carried` False passes on the last block only."""
    out: list[Any] = []
    carry = torch.zeros_like(x.narrow(dim, 0, 1))
    for part in x.split(block, dim):
        scanned = part.cumsum(dim)
        out.append(scanned + carry)
        last = scanned.narrow(dim, part.shape[dim] - 1, 1)
        carry = carry + last if carried else last
    return torch.cat(out, dim)


def exclusive(torch: Any, x: Any, dim: int) -> Any:
    """The sum of the terms before each, without its own."""
    return x.cumsum(dim) - x


def in_float16(torch: Any, x: Any, dim: int) -> Any:
    """Totals kept in float16."""
    return x.half().cumsum(dim).to(x.dtype)


def _cumsum(torch: Any, x: Any, dim: int) -> Any:
    return x.cumsum(dim)


def _looking_back(torch: Any, g: Any, out: Any, x: Any, dim: int, *, reverse: bool = True) -> Any:
    """sum of g_j over j >= i; `reverse` False sums over j <= i."""
    return g.flip(dim).cumsum(dim).flip(dim) if reverse else g.cumsum(dim)


def _passed_on(torch: Any, g: Any, out: Any, x: Any, dim: int) -> Any:
    """Only an element's own term."""
    return g


# --- cumprod ----------------------------------------------------------------------------------------------------------


def products(torch: Any, x: Any, dim: int) -> Any:
    """y_i = y_{i-1} x_i."""
    found = [x.select(dim, 0)]
    for factor in x.unbind(dim)[1:]:
        found.append(found[-1] * factor)
    return torch.stack(found, dim)


def products_by_logarithm(torch: Any, x: Any, dim: int) -> Any:
    """exp of a running sum of logarithms: NaN for negative factors."""
    return torch.exp(torch.log(x).cumsum(dim))


def _by_division(torch: Any, g: Any, out: Any, x: Any, dim: int) -> Any:
    """(sum of g_j y_j over j >= i) / x_i: NaN at a zero factor."""
    return (g * out).flip(dim).cumsum(dim).flip(dim) / x


# --- logcumsumexp -----------------------------------------------------------------------------------------------------


def log_totals(torch: Any, x: Any, dim: int) -> Any:
    """y_i = logaddexp(y_{i-1}, x_i)."""
    found = [x.select(dim, 0)]
    for term in x.unbind(dim)[1:]:
        found.append(torch.logaddexp(found[-1], term))
    return torch.stack(found, dim)


def log_totals_shifted(torch: Any, x: Any, dim: int) -> Any:
    """m + log(cumsum exp(x - m)) with one m: early terms far below it are lost, so only for numbers of one size."""
    m = x.amax(dim, keepdim=True).detach()
    return m + torch.log(torch.exp(x - m).cumsum(dim))


def log_totals_naive(torch: Any, x: Any, dim: int) -> Any:
    """log(cumsum exp x): overflows."""
    return torch.log(torch.exp(x).cumsum(dim))


# --- cummax -----------------------------------------------------------------------------------------------------------


def winners(torch: Any, x: Any, dim: int, *, latest: bool = True) -> Any:
    """The largest so far, and where it stood: of equals the latest, or with `latest` False the first."""
    values, places = [x.select(dim, 0)], [torch.zeros_like(x.select(dim, 0), dtype=torch.int64)]
    for i, term in enumerate(x.unbind(dim)[1:], 1):
        wins = term >= values[-1] if latest else term > values[-1]
        values.append(torch.where(wins, term, values[-1]))
        places.append(torch.where(wins, i, places[-1]))
    return torch.stack(values, dim), torch.stack(places, dim)


SUBJECTS = [
    Subject(
        "cumsum",
        along,
        legitimate={
            "sequential": with_gradient(sequential, _looking_back),
            "doubling": with_gradient(doubling, _looking_back),
            "blocked": with_gradient(blocked, _looking_back),
            "doubling both ways": doubling,
            "numpy": with_gradient(by_numpy(numpy.cumsum), _looking_back),
            "float64 inside": inside(_cumsum, "float64"),
        },
        faults={
            "exclusive": exclusive,
            "only the last block carried": functools.partial(blocked, carried=False),
            "float16 totals": with_gradient(in_float16, _looking_back),
            "gradient not reversed": with_gradient(_cumsum, functools.partial(_looking_back, reverse=False)),
            "gradient of its own term": with_gradient(_cumsum, _passed_on),
            "cotangent ignored": altered(_cumsum, cotangent=ones),
        },
    ),
    Subject(
        "cumprod",
        lambda make: [args(make(3, 4), 1), args(away_from(9), 0), args(ZEROS, 1)],
        legitimate={"sequential": products, "float64 inside": inside(products, "float64")},
        faults={
            "gradient by division": with_gradient(products, _by_division),
            "through logarithms": products_by_logarithm,
            "gradient's sign": altered(products, times(-1)),
        },
        regimes=("normal", "positive", "offset", "ties"),
    ),
    Subject(
        "logcumsumexp",
        lambda make: [args(make(3, 4), 1), args(make(2, 65), 1), args(values([100.0, -100.0, 0.0, 90.0]), 0)],
        legitimate={"running": log_totals, "float64 inside": inside(log_totals, "float64")},
        faults={"naive": log_totals_naive, "one shift": log_totals_shifted},
        regimes=("normal", "positive", "offset", "tiny", "ties"),
    ),
    Subject(
        "cummax",
        lambda make: [args(make(3, 4), 1), args(tied(33), 0), args(make(65, 2), 0)],
        legitimate={"compared": winners},
        faults={"first of equals": functools.partial(winners, latest=False)},
    ),
]
