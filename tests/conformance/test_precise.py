"""Elements in higher precision: against torch where torch is right, against other formulas where it is not."""

import math
from fractions import Fraction
from functools import cache
from typing import Any

import mpmath
import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.case import ERROR, GRADIENT, OUTPUT, SECOND, Case
from conformance.cases import args, catalogue, normal, ops, tied, values
from conformance.oracle import Truth
from conformance.precise import elements, has_form
from conformance.precise.elementary import TABLE
from conformance.precise.elements import nearest, split
from conformance.precise.jet import Jet, dot, mp, total

N = "nn.functional."

# --- derivatives by rule and by mpmath's differences -----------------------------------------------------------------

POINTS: dict[str, tuple[float, ...]] = dict.fromkeys(TABLE, (-30.0, -2.5, -0.3, 0.2, 1.7, 30.0))
POINTS |= dict.fromkeys(("log", "sqrt", "lgamma", "digamma"), (1e-5, 0.2, 1.7, 30.0))
POINTS |= dict.fromkeys(("log1p", "asin", "acos", "atanh", "erfinv"), (-0.99, -0.3, 0.2, 0.999))
POINTS |= {"acosh": (1.001, 1.7, 30.0), "sinc": (-2.5, -0.3, 0.2, 1.7)}


@pytest.mark.parametrize("name", sorted(TABLE))
def test_elementary_derivatives(name: str) -> None:
    f, slope, curvature = TABLE[name]
    with mp.workprec(600):
        for point in POINTS[name]:
            x = mp.mpf(point)
            for order, rule in ((1, slope), (2, curvature)):
                wanted = mp.diff(f, x, order, h=mp.mpf(2) ** -100)  # errs by about h^2
                got = rule(x)
                assert abs(got - wanted) <= mp.mpf(2) ** -90 * (abs(wanted) + abs(f(x)) + 1), (point, order)


# --- against torch float64 on the catalogue --------------------------------------------------------------------------

ROWS = 2  # cases of each operation


@cache
def covered() -> dict[str, list[Case]]:
    """The first smooth cases of every operation that has a form."""
    found: dict[str, list[Case]] = {}
    for case in catalogue().values():
        name = case.operation.name
        plain = case.operation.program is None and ERROR not in case.checks and not case.exact
        if (
            plain
            and case.dtype == "float32"
            and not any(w in case.id for w in ("values", "special"))
            and len(found.get(name, [])) < ROWS
        ):
            sample = case.sample()
            if 0 < max((array.size for array in sample.arrays), default=0) <= 300 and has_form(name, sample):
                found.setdefault(name, []).append(case)
    return found


def differing(case: Case) -> list[str]:
    """Elements (four of each tensor) that are not torch's up to 2^-36 of the tensor's largest."""
    truth = Truth(case, case.sample())
    bad = []
    for (check, tensor), torch in truth.truths.items():
        if torch is None or torch.dtype != numpy.float64 or not torch.size or tensor.endswith(" after"):
            continue
        places = case.rng("places").choice(torch.size, min(4, torch.size), replace=False)
        found = elements(case.operation.name, truth.sample, check, tensor, places, truth.cotangents, truth.directions)
        assert found is not None, (case.id, check, tensor)
        high, low = found
        assert (numpy.abs(low) <= numpy.spacing(numpy.abs(high)) / 2).all()
        wanted = torch.reshape(-1)[places]
        if not (numpy.abs(high - wanted) <= 2.0**-36 * numpy.abs(torch).max()).all():
            bad.append(f"{case.id}: {check} {tensor}: {high}, torch {wanted}")
    return bad


def test_many_operations_are_covered() -> None:
    assert len(covered()) >= 100


# hardsigmoid's gradient; polygamma(1), which has ten digits, and what it is the derivative of; the incomplete gamma
# function, which has nine where both arguments are larger than 20; J, Y and Ai, which have six or less beyond |x| = 5.
WRONG_IN_TORCH = {"hardsigmoid", "lgamma", "gammaln", "digamma", "psi", "polygamma", "igamma", "igammac"}
WRONG_IN_TORCH |= {"airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1"}


@pytest.mark.parametrize("part", range(4))
def test_agrees_with_torch(part: int) -> None:
    """Output, gradient and second order; but for the operations that torch has wrong."""
    cases = [case for name in sorted(covered())[part::4] for case in covered()[name]]
    bad = [line for case in cases if case.operation.short not in WRONG_IN_TORCH for line in differing(case)]
    assert not bad, "\n".join(bad)


KINKED = ("abs", "relu", N + "relu6", N + "leaky_relu", N + "elu", N + "selu", N + "celu", N + "hardtanh")
KINKED += (N + "hardswish", N + "softshrink", N + "hardshrink", N + "softsign", "floor", "ceil", "round", "trunc")
KINKED += ("frac", "sign", N + "silu", N + "gelu", "square", N + "softplus", N + "mish")
AT_KINKS = values([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 3.0, -3.0, 6.0, -6.0, 1.5, 2.5, -1.5])
KINKS = [(name, args(AT_KINKS)) for name in KINKED]
KINKS += [
    (name, args(tied(33), tied(33))) for name in ("maximum", "minimum", "fmax", "fmin", N + "l1_loss", N + "huber_loss")
]
KINKS += [(N + "threshold", args(AT_KINKS, 0.5, -2.0)), ("clamp", args(AT_KINKS, -0.5, 1.0))]
KINKS += [("clamp", args(AT_KINKS, values([1.0]), values([2.0]))), ("prod", args(tied(3, 4), 1))]
KINKS += [("norm", args(tied(5, 7), p, 1)) for p in (1, 2, 3)] + [("pow", args(AT_KINKS, p)) for p in (0, 1, 2, 3)]
KINKS += [("logit", args(values([0.1, 0.9, 0.5, 0.05]), 0.1))]


@pytest.mark.parametrize(("name", "row"), KINKS)
def test_kinks_follow_torch(name: str, row: Any) -> None:
    (case,) = ops(name, [row], dtypes=("float64",))
    assert not differing(case)


# --- where float64 is wrong ------------------------------------------------------------------------------------------


def asked(name: str, row: Any, check: str = OUTPUT, tensor: str = "out", places: Any = None) -> Any:
    """Elements (all, as many as the first input has), under cotangents and directions of ones."""
    (case,) = ops(name, [row], dtypes=("float64",))
    sample = case.sample()
    ones = [numpy.ones(array.shape) for array, moves in zip(sample.arrays, sample.differentiable, strict=True) if moves]
    wanted = numpy.arange(sample.arrays[0].size) if places is None else numpy.asarray(places)
    return elements(name, sample, check, tensor, wanted, [ones[0]], ones)


X = 38.25  # exactly a float64, as are all points below


@pytest.mark.parametrize(
    ("name", "check", "point", "wanted"),
    [
        (N + "gelu", OUTPUT, -10.0, lambda: -10 * mp.erfc(10 / mp.sqrt(2)) / 2),
        (N + "gelu", OUTPUT, -X, lambda: -mp.mpf(X) * mp.erfc(X / mp.sqrt(2)) / 2),
        ("sigmoid", GRADIENT, X, lambda: mp.exp(-X) / (1 + mp.exp(-X)) ** 2),
        ("sigmoid", GRADIENT, 700.0, lambda: mp.exp(-700)),
        ("tanh", GRADIENT, 25.0, lambda: 4 * mp.exp(-50) / (1 + mp.exp(-50)) ** 2),
        ("tanh", SECOND, 25.0, lambda: -8 * mp.exp(-50) * (1 - mp.exp(-50)) / (1 + mp.exp(-50)) ** 3),
        (N + "logsigmoid", OUTPUT, X, lambda: -mp.log1p(mp.exp(-X))),
        (N + "softplus", OUTPUT, -50.0, lambda: mp.log1p(mp.exp(-50))),
        (N + "tanhshrink", OUTPUT, 1e-100, lambda: mp.mpf(1e-100) ** 3 / 3),
        (N + "tanhshrink", GRADIENT, 1e-9, lambda: mp.tanh(1e-9) ** 2),
        (N + "mish", OUTPUT, -100.0, lambda: -100 * mp.tanh(mp.log1p(mp.exp(-100)))),
        ("erfc", OUTPUT, 26.5, lambda: mp.erfc(26.5)),
        ("expm1", OUTPUT, 1e-200, lambda: mp.mpf(1e-200)),
        ("log1p", OUTPUT, 2.0**-60, lambda: mp.mpf(2) ** -60 - mp.mpf(2) ** -121),
        ("exp", OUTPUT, -745.0, lambda: mp.exp(-745)),
    ],
)
def test_saturation(name: str, check: str, point: float, wanted: Any) -> None:
    high, low = asked(name, args(values([point])), check, "out" if check == OUTPUT else "0")
    with mp.workprec(1000):
        pair = split(mp.mpf(wanted()))
    assert (high[0], low[0]) == pair and high[0] != 0.0


def test_sums_cancel_exactly() -> None:
    huge = values([1e300, 1.0, 2.0**-60, -1e300])
    far = values([1e300, 3.0, -1e300, 2.0**-40])  # the sum of the others hides what the first pair swallows
    products = args(values([1e200, 1.0, 1e200]), values([1e100, 3.0, -1e100]))
    for name, row, wanted in (
        ("sum", args(huge), (1.0, 2.0**-60)),
        ("sum", args(far), (3.0 + 2.0**-40, 0.0)),
        ("dot", args(far, values([1.0] * 4)), (3.0 + 2.0**-40, 0.0)),
        ("dot", products, (3.0, 0.0)),
        ("var", args(values([1e200, 1e200, 1e200])), (0.0, 0.0)),
    ):
        high, low = asked(name, row, places=[0])
        assert (high[0], low[0]) == wanted


def test_pair_holds_twice_the_digits() -> None:
    high, low = asked("div", args(values([1.0]), values([3.0])))
    third = Fraction(1, 3)
    assert abs(Fraction(high[0]) + Fraction(low[0]) - third) < Fraction(1, 2**107)


# --- what has no answer ----------------------------------------------------------------------------------------------


def test_no_form() -> None:
    assert asked("nn.functional.max_pool1d", args(normal(1, 1, 4), 2)) is None
    assert asked("tanh", args(values([1.0])), OUTPUT, "0 after") is None
    assert asked("sum", args(normal(3), dtype="int64")) is None
    assert asked("norm", args(normal(3), float("inf"))) is None


@pytest.mark.parametrize(
    ("name", "points", "known"),
    [
        ("tanh", [math.nan, math.inf, 1.0], [False, False, True]),
        ("log", [0.0, -1.0, 2.0], [False, False, True]),
        ("sqrt", [-1.0, 0.0, 4.0], [False, True, True]),
        ("asin", [2.0, 0.5], [False, True]),
        ("reciprocal", [0.0, 2.0], [False, True]),
    ],
)
def test_undefined_elements(name: str, points: list[float], known: list[bool]) -> None:
    high, low = asked(name, args(values(points)))
    assert numpy.isfinite(high).tolist() == known and numpy.isnan(low).tolist() == [not k for k in known]


def test_overflow_is_infinite() -> None:
    assert asked("exp", args(values([710.0])))[0][0] == math.inf


def test_too_long_a_question_is_answered_in_part() -> None:
    high, _ = asked("sum", args(normal(15_000)), GRADIENT, "0", places=range(4))
    assert numpy.isfinite(high[0]) and numpy.isnan(high[-1])


# --- numbers ---------------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(st.integers(-(2**80), 2**80), st.integers(-1160, 1000))
def test_nearest_rounds_once(mantissa: int, exponent: int) -> None:
    with mp.workprec(200):
        number = mp.ldexp(mp.mpf(mantissa), exponent)
    try:
        wanted = float(Fraction(mantissa) * Fraction(2) ** exponent)
    except OverflowError:
        wanted = math.copysign(math.inf, mantissa)
    assert nearest(number) == wanted


def test_a_jet_differentiates_a_polynomial() -> None:
    """x^2 y at (3, 5), along a = (1, 0) and b = (2, 7)."""
    x, y = Jet(mp.mpf(3), 1, 2), Jet(mp.mpf(5), 0, 7)
    for found in (x * x * y, total([x * x * y]), dot([x * x], [y]), x * x / (1 / y)):
        parts = [float(part) for part in (found.x, found.a, found.b, found.ab)]
        assert parts == pytest.approx([45, 30, 2 * 30 + 7 * 9, 2 * 10 + 7 * 6], rel=1e-14)


def test_the_global_context_is_left_alone() -> None:
    before = mpmath.mp.prec
    asked("tanh", args(values([1.0])))
    assert mpmath.mp.prec == before
