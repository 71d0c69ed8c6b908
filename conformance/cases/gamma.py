"""The gamma function and its relatives."""

from conformance.cases import (
    CHECKS,
    FLOATS,
    FORWARD,
    SECOND,
    SIZES,
    Case,
    args,
    away_from,
    normal,
    ops,
    positive,
    refuses,
    uniform,
    values,
)

LEFT = away_from(9, points=(0, -1, -2, -3, -4, -5, -6))  # off the poles
EDGES = values([0.0, -0.0, 1.0, 2.0, float("inf"), float("nan")])


def of_one_number() -> list[Case]:
    """lgamma and its derivatives."""
    cases: list[Case] = []
    for name in ("lgamma", "digamma"):
        cases += ops(name, [args(positive(n)) for n in SIZES[::3]])
        cases += ops(name, [args(LEFT), args(uniform(9, low=5, high=40)), args(normal(0))])
        cases += ops(name, [args(positive(2, 9))], dtypes=FLOATS[2:])
        cases += ops(name, [args(EDGES)], checks=FORWARD, layouts=(), exact=True)
        cases += ops(name, [args(values([1, 2, 5]))], dtypes=("int64", "uint8"), checks=FORWARD)
        cases += refuses(name, [args([1.0])])
    cases += ops("special.gammaln", [args(positive(3))])
    cases += ops("special.psi", [args(positive(3))])
    cases += ops("polygamma", [args(n, positive(3, 4)) for n in (0, 1, 2, 4)])
    cases += ops("polygamma", [args(n, LEFT) for n in (1, 2)])
    cases += ops("Tensor.polygamma", [args(positive(5), 2)])
    cases += refuses("polygamma", [args(-1, positive(2)), args(1.0, positive(2)), args(1, [1.0])])
    cases += ops("mvlgamma", [args(uniform(2, 5, low=3, high=8), p) for p in (1, 3, 5)])
    # The second order is polygamma(1), of which torch knows ten digits at float64
    cases += ops("mvlgamma", [args(uniform(5, low=3, high=8), 2)], dtypes=("float64",), checks=CHECKS - {SECOND})
    cases += ops("special.multigammaln", [args(uniform(3, low=3, high=8), 2)])
    cases += refuses("mvlgamma", [args(positive(2), 0), args(positive(2), 1.5), args(values([True], "bool"), 1)])
    return cases


def of_two_numbers() -> list[Case]:
    """The incomplete functions and zeta: no gradient for the first argument."""
    cases: list[Case] = []
    for name in ("igamma", "igammac"):
        cases += ops(
            name,
            [
                args(positive(3, 4).fixed(), positive(4)),
                args(uniform(9, low=1, high=30).fixed(), uniform(9, low=1, high=30)),
            ],
        )
        cases += ops(name, [args(uniform(9, low=3, high=9).fixed(), uniform(9, low=3, high=9))], dtypes=("float64",))
        cases += ops(name, [args(positive(9).fixed(), positive(9))], dtypes=FLOATS[2:], checks=CHECKS - {SECOND})
        cases += ops(
            name,
            [args(values([0.0, 0.0, 1.0, -1.0, 2.0]).fixed(), values([0.0, 1.0, 0.0, 1.0, float("inf")]).fixed())],
            layouts=(),
            checks=FORWARD,
            exact=True,
        )
        cases += refuses(name, [args(positive(2), 1.0), args(values([1]).to("int64"), values([1]).to("int64"))])
    cases += ops("special.gammainc", [args(positive(3).fixed(), positive(3))])
    cases += ops("special.gammaincc", [args(positive(3).fixed(), positive(3))])
    cases += ops("special.zeta", [args(uniform(3, 4, low=1.5, high=6).fixed(), positive(4)), args(2.0, positive(5))])
    cases += ops("special.zeta", [args(uniform(5, low=1.5, high=6).fixed(), 1.5)], checks=FORWARD)
    cases += refuses("special.zeta", [args(positive(2).to("float16"), positive(2).to("float16"))])
    return cases


CASES = [*of_one_number(), *of_two_numbers()]
