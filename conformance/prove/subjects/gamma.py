"""The gamma function's logarithm, its derivatives, and functions beside them whose limits ports forget."""

import functools
import math
from typing import Any

from conformance.case import Arguments, args
from conformance.draw import positive, uniform, values
from conformance.prove.regimes import Make
from conformance.prove.subject import Subject, altered, times, with_gradient
from conformance.prove.wrappers import inside


def rows(make: Make) -> list[Arguments]:
    """Positive numbers, small and large."""
    return [args(positive(3, 5)), args(uniform(17, low=2, high=30))]


# --- lgamma ---------------------------------------------------------------------------------------------------------


def _lgamma(torch: Any, x: Any) -> Any:
    return torch.lgamma(x)


def by_recurrence(torch: Any, x: Any) -> Any:
    """lgamma(x + 4) less the logarithms of x, x + 1, ..., at float64."""
    wide = x.double()
    return (torch.lgamma(wide + 4) - sum(torch.log(wide + k) for k in range(4))).to(x.dtype)


def by_stirling(torch: Any, x: Any, *, shift: int = 12, terms: int = 3) -> Any:
    """Stirling's series at x + shift, shifted back. Few terms without a shift are right for large x only."""
    wide = x.double()
    at = wide + shift
    series = sum(c / at ** (2 * k + 1) for k, c in enumerate((1 / 12, -1 / 360, 1 / 1260)[:terms]))
    found = (at - 0.5) * torch.log(at) - at + 0.5 * math.log(2 * math.pi) + series
    return (found - sum(torch.log(wide + k) for k in range(shift))).to(x.dtype)


def of_x_plus_one(torch: Any, x: Any) -> Any:
    """ln x! instead."""
    return torch.lgamma(x + 1)


def _digamma_rule(torch: Any, g: Any, out: Any, x: Any, *, slope: str = "digamma") -> Any:
    """g digamma(x); or with the logarithm, its first term, in its place."""
    return g * getattr(torch, slope)(x)


# --- xlogy ----------------------------------------------------------------------------------------------------------


def _both(make: Make) -> list[Arguments]:
    return [args(make(3, 4), positive(4)), args(values([0.0, 0.0, 1.0]), values([0.0, 2.0, 3.0]))]


def _xlogy(torch: Any, x: Any, y: Any) -> Any:
    return torch.xlogy(x, y)


def without_limit(torch: Any, x: Any, y: Any) -> Any:
    """x log y: nan at (0, 0)."""
    return x * torch.log(y)


# --- logaddexp2 -----------------------------------------------------------------------------------------------------


def _far_apart(make: Make) -> list[Arguments]:
    return [args(make(3, 4), make(4)), args(values([200.0, -200.0, 3.0]), values([199.0, -201.0, 100.0]))]


def by_natural(torch: Any, x: Any, y: Any) -> Any:
    """logaddexp in another base."""
    ln2 = math.log(2)
    return (torch.logaddexp(x.double() * ln2, y.double() * ln2) / ln2).to(x.dtype)


def overflowing(torch: Any, x: Any, y: Any) -> Any:
    """log2(2^x + 2^y) as it stands."""
    return torch.log2(torch.exp2(x) + torch.exp2(y))


def in_base_e(torch: Any, x: Any, y: Any) -> Any:
    """logaddexp instead."""
    return torch.logaddexp(x, y)


SUBJECTS = [
    Subject(
        "lgamma",
        rows,
        legitimate={
            "by recurrence": with_gradient(by_recurrence, _digamma_rule),
            "Stirling's series": with_gradient(by_stirling, _digamma_rule),
        },
        faults={
            "factorial": of_x_plus_one,
            "Stirling's series without shift": with_gradient(
                functools.partial(by_stirling, shift=0, terms=1), _digamma_rule
            ),
            "gradient by the logarithm": with_gradient(_lgamma, functools.partial(_digamma_rule, slope="log")),
            "gradient's sign": altered(_lgamma, times(-1)),
        },
        regimes=("normal",),
    ),
    Subject(
        "xlogy",
        _both,
        legitimate={"float64 inside": inside(_xlogy, "float64")},
        faults={"no limit at 0": without_limit},
        regimes=("normal", "tiny"),
    ),
    Subject(
        "logaddexp2",
        _far_apart,
        legitimate={"in base e": by_natural},
        faults={"overflow": overflowing, "another base": in_base_e},
        regimes=("normal", "offset"),
    ),
]
