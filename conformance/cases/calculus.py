"""Running totals and extremes, differences and integrals, closeness, covariance."""

from conformance.cases import (
    FLOATS,
    FORWARD,
    GAPPED,
    INTEGERS,
    TRANSPOSED,
    Case,
    args,
    booleans,
    distinct,
    integers,
    normal,
    ops,
    positive,
    refuses,
    special,
    tied,
    uniform,
    values,
)

# Repeated rows make ties, or a variance of 0.
KEEPING = (TRANSPOSED, GAPPED)
NAN, INF = float("nan"), float("inf")


def running() -> list[Case]:
    """cummax, cummin, logcumsumexp."""
    cases: list[Case] = []
    for name in ("cummax", "cummin"):
        cases += ops(name, [args(normal(3, 5), 1), args(distinct(4, 3), 0), args(normal(9), -1), args(normal(), 0)])
        cases += ops(name, [args(tied(12), 0), args(values([1.0, NAN, 2.0, NAN, 0.0]), 0), args(normal(0, 3), 0)])
        cases += ops(name, [args(normal(2, 5), 1)], dtypes=FLOATS[1:])
        cases += ops(name, [args(integers(2, 5, high=4), 1)], dtypes=(*INTEGERS, "bool"), checks=FORWARD)
        cases += refuses(name, [args(normal(3), 1)])
    cases += ops(
        "logcumsumexp", [args(normal(3, 5), 1), args(normal(4, 3), 0), args(normal(33), -1), args(normal(), 0)]
    )
    far = [values([100.0, -100.0, 0.0, 90.0]), values([-INF, 1.0, -INF, 2.0]), values([1000.0, 1000.0])]
    cases += ops("logcumsumexp", [args(x, 0) for x in far], checks=FORWARD)
    cases += ops("logcumsumexp", [args(values([1.0, INF, 2.0]), 0), args(values([NAN, 1.0]), 0)], checks=FORWARD)
    cases += ops("logcumsumexp", [args(normal(2, 5), 1)], dtypes=FLOATS[1:])
    cases += refuses("logcumsumexp", [args(normal(3), 1)])
    return cases


def differences() -> list[Case]:
    """diff and gradient."""
    cases = ops(
        "diff",
        [
            args(normal(5)),
            args(normal(3, 4), dim=0),
            args(normal(6), 2),
            args(normal(3), 5),
            args(normal(3), 0),
            args(normal(2, 3), 1, 1, normal(2, 2), normal(2, 1)),
            args(normal(2, 3), prepend=normal(1, 3), dim=0),
        ],
    )
    cases += ops("diff", [args(integers(5, high=9))], dtypes=(*INTEGERS, "bool"), checks=FORWARD)
    cases += refuses(
        "diff",
        [
            args(normal()),
            args(normal(3), -1),
            args(normal(2, 3), 1, 1, normal(3)),
            args(normal(2, 3), 1, 1, normal(3, 1)),
        ],
    )
    uneven = values([0.0, 1.0, 1.5, 3.0, 7.0]).fixed()
    cases += ops(
        "gradient",
        [
            args(normal(5)),
            args(normal(2)),
            args(normal(3, 4)),
            args(normal(3, 4), dim=1),
            args(normal(5), spacing=2.5),
            args(normal(3, 4), spacing=[1.0, 0.5]),
            args(normal(5), edge_order=2),
            args(normal(5), spacing=(uneven,)),
            args(normal(3, 5), spacing=(uneven,), dim=1, edge_order=2),
            args(normal(3), edge_order=2),
        ],
    )
    cases += refuses(
        "gradient",
        [
            args(normal(1)),
            args(normal(2), edge_order=2),
            args(normal(5), edge_order=3),
            args(normal(3, 3), spacing=[1.0]),
            args(normal(3, 3), dim=(0, 0)),
        ],
    )
    return cases


def integrals() -> list[Case]:
    """trapezoid, trapz, cumulative_trapezoid."""
    x = values([0.0, 1.0, 1.5, 3.0]).fixed()
    rows = [
        args(normal(4)),
        args(normal(3, 4)),
        args(normal(3, 4), dx=0.5),
        args(normal(4, 3), dim=0),
        args(normal(3, 4), x),
        args(normal(3, 4), normal(3, 4)),
        args(normal(4, 3), x, dim=0),
        args(normal(1)),
    ]
    cases: list[Case] = []
    for name in ("trapezoid", "cumulative_trapezoid"):
        cases += ops(name, rows) + ops(name, rows[:1], dtypes=FLOATS[1:])
        cases += refuses(name, [args(normal(4), normal(3)), args(normal(3), dim=1), args(booleans(3))])
    return cases + ops("trapz", rows[:1] + rows[4:5])


def closeness() -> list[Case]:
    """isclose, allclose, equal."""
    near = values([1.0, 1.0 + 1e-6, 1.0 + 1e-4, NAN, INF, -INF, 0.0])
    ones = values([1.0, 1.0, 1.0, NAN, INF, INF, 1e-9])
    cases = ops(
        "isclose",
        [args(near, ones), args(near, ones, equal_nan=True), args(near, ones, rtol=0, atol=0)],
        checks=FORWARD,
    )
    cases += ops(
        "isclose", [args(near, ones, 1e-3), args(near, ones, 0.0, 1e-5), args(ones, near, 0.5)], checks=FORWARD
    )
    cases += ops(
        "isclose", [args(integers(4, high=3), integers(4, high=3))], dtypes=(*INTEGERS, "bool"), checks=FORWARD
    )
    cases += ops("isclose", [args(normal(9), normal(9), 0.5)], dtypes=FLOATS, checks=FORWARD)
    cases += ops(
        "allclose",
        [args(ones, ones), args(ones, ones, equal_nan=True), args(near, ones, 1.0, equal_nan=True)],
        checks=FORWARD,
    )
    cases += ops("equal", [args(normal(3), normal(3)), args(values([1.0]), values([1.0]))], checks=FORWARD)
    cases += ops(
        "equal",
        [args(values([NAN]), values([NAN])), args(normal(2), normal(2, 1)), args(special(), special())],
        checks=FORWARD,
    )
    cases += refuses(
        "isclose", [args(normal(2), integers(2, high=3)), args(normal(2), normal(3)), args(normal(2), normal(2), -1.0)]
    )
    cases += refuses("allclose", [args(normal(2), normal(2), 0.0, -1.0)])
    return cases


def statistics() -> list[Case]:
    """cov, corrcoef, nanmean, dist, renorm."""
    counts, importance = values([1, 2, 3, 1, 2], "int64"), positive(5).fixed()
    cases = ops(
        "cov",
        [
            args(normal(3, 5)),
            args(normal(5)),
            args(normal(3, 5), correction=0),
            args(normal(3, 5), fweights=counts),
            args(normal(3, 5), aweights=importance),
            args(normal(3, 5), fweights=counts, aweights=importance, correction=2),
        ],
        layouts=KEEPING,
    )
    cases += ops("cov", [args(normal(3, 5))], dtypes=("float64",), layouts=KEEPING)
    cases += refuses(
        "cov",
        [
            args(normal(2, 2, 2)),
            args(normal(2, 3), fweights=values([1, 2], "int64")),
            args(normal(2, 3), fweights=normal(3)),
            args(normal(2, 3), aweights=values([1, 2, 3], "int64")),
            args(normal(2, 3), aweights=values([1.0, -1.0, 1.0])),
        ],
    )
    cases += ops("corrcoef", [args(normal(3, 5)), args(normal(5))], layouts=KEEPING)
    cases += refuses("corrcoef", [args(normal(2, 2, 2))])
    with_nan = values([[1.0, NAN, 3.0], [4.0, 5.0, NAN]])
    cases += ops("nanmean", [args(with_nan), args(with_nan, 1), args(with_nan, 0, True), args(normal(3, 4), (0, 1))])
    cases += ops("nanmean", [args(values([NAN, NAN]))], checks=FORWARD)
    cases += refuses("nanmean", [args(integers(3, high=5)), args(normal(3), 1)])
    cases += ops("dist", [args(normal(3, 4), normal(4), p) for p in (2, 1, 3.5, INF)])
    cases += ops("dist", [args(distinct(3), distinct(3), 0)], checks=FORWARD)
    cases += ops(
        "renorm", [args(uniform(3, 4, low=1, high=2), p, d, 1.5) for p, d in ((2, 0), (1, 1), (3, -1))], layouts=KEEPING
    )
    cases += ops("renorm", [args(values([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1.0)], dtypes=FLOATS, layouts=KEEPING)
    cases += refuses(
        "renorm", [args(normal(3), 2, 0, 1.0), args(normal(2, 2), 0, 0, 1.0), args(normal(2, 2), 2, 0, -1.0)]
    )
    return cases


CASES = [*running(), *differences(), *integrals(), *closeness(), *statistics()]
