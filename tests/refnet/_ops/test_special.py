"""The error function and its relatives against many-digit values, and their gradients."""

import math

import mpmath
import numpy as np
import pytest

import refnet
from refnet._ops import _error_function
from refnet.autograd import gradcheck, gradgradcheck

RANGES = ((-1e-3, 1e-3), (-0.85, 0.85), (0.84, 1.26), (1.2, 2.9), (2.8, 6.0), (6.0, 26.0), (-6.0, -0.8))
# name, many-digit function, units in the last place
FUNCTIONS = (("erf", mpmath.erf, 1.0), ("erfc", mpmath.erfc, 3.0))


def units_off(got: float, exact: mpmath.mpf) -> float:
    """The error in units in the last place of the exact value."""
    return float(abs(mpmath.mpf(got) - exact) / mpmath.mpf(math.ulp(float(exact))))


@pytest.mark.parametrize(("low", "high"), RANGES)
@pytest.mark.parametrize(("name", "exact", "allowed"), FUNCTIONS, ids=[row[0] for row in FUNCTIONS])
def test_float64_to_the_last_place(name, exact, allowed, low, high) -> None:
    x = np.random.default_rng(0).uniform(low, high, 200)
    with mpmath.workprec(150):
        worst = max(
            units_off(float(got), exact(mpmath.mpf(float(at))))
            for got, at in zip(getattr(_error_function, name)(np, x), x, strict=True)
        )
    assert worst <= allowed, f"{name} on [{low}, {high}] errs by {worst:.2f} units in the last place"


@pytest.mark.parametrize("p", [1e-300, 1e-9, 0.1, 0.4999, 0.5001, 0.9, 0.999999, 1 - 1e-12, 1 - 2.0**-53])
def test_erfinv_undoes_erf(p) -> None:
    found = float(refnet.erfinv(refnet.tensor([p, -p], dtype=refnet.float64))[0])
    with mpmath.workdps(60):
        exact = mpmath.erfinv(mpmath.mpf(p))
        assert abs(mpmath.mpf(found) - exact) <= 4 * mpmath.mpf(2) ** -53 * exact, (found, exact)


def test_gradients_of_first_and_second_order() -> None:
    x = refnet.tensor([-2.0, -0.3, 0.1, 1.5], dtype=refnet.float64, requires_grad=True)
    inside = refnet.tensor([-0.9, -0.3, 0.1, 0.7], dtype=refnet.float64, requires_grad=True)
    for function, at in (
        (refnet.erf, x), (refnet.erfc, x), (refnet.special.ndtr, x), (refnet.erfinv, inside),
        (refnet.nn.functional.gelu, x), (refnet.nn.functional.mish, x),
    ):  # fmt: skip
        assert gradcheck(function, (at,))
        assert gradgradcheck(function, (at,))
