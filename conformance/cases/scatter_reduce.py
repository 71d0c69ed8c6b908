"""Scatter with a reduction, by element and by slice; put."""

from conformance.cases import (
    CHECKS,
    FLOATS,
    FORWARD,
    GAPPED,
    INTEGERS,
    SECOND,
    TRANSPOSED,
    Case,
    args,
    away_from,
    distinct,
    integers,
    normal,
    ops,
    refuses,
    values,
)

KEEPING = (TRANSPOSED, GAPPED)  # repeated rows make ties and repeat positions
REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")
PLACES = values([[0, 1, 1, 2], [2, 2, 0, 0]], "int64")
SLICES = values([0, 2, 0], "int64")


def scattered() -> list[Case]:
    """Element by element, what was there counting or not."""
    cases: list[Case] = []
    for reduce in REDUCTIONS:
        x, source = (distinct, distinct) if reduce in ("amax", "amin") else (away_from, away_from)
        for include_self in (True, False):
            cases += ops(
                "scatter_reduce",
                [args(x(2, 3), 1, PLACES, source(2, 4), reduce, include_self=include_self)],
                layouts=KEEPING,
            )
        cases += ops("scatter_reduce", [args(x(3, 4), 0, PLACES, source(3, 4), reduce)], layouts=KEEPING)
        cases += ops(
            "scatter_reduce", [args(x(2, 3), 1, PLACES, source(2, 4), reduce)], dtypes=FLOATS[1:], layouts=KEEPING
        )
        cases += ops(
            "scatter_reduce",
            [args(integers(2, 3, high=9), 1, PLACES, integers(2, 4, high=9), reduce, include_self=False)],
            dtypes=("int64", "int32", "uint8"),
            checks=FORWARD,
            layouts=KEEPING,
        )
    # A zero factor takes the gradient of the product of the others, two leave none to anybody.
    zeros = values([[0.0, 2.0, 3.0, 0.0], [0.0, 0.0, 4.0, 5.0]])
    cases += ops(
        "scatter_reduce", [args(away_from(2, 3), 1, PLACES, zeros, "prod")], checks=CHECKS - {SECOND}, layouts=KEEPING
    )
    none = values([[0.0, 2.0, 0.0], [3.0, 0.0, 1.0]])  # nor has what was there to be other than zero
    cases += ops(
        "scatter_reduce", [args(none, 1, PLACES, away_from(2, 4), "prod")], checks=CHECKS - {SECOND}, layouts=KEEPING
    )
    nowhere = values([], "int64")
    cases += ops("scatter_reduce", [args(normal(3), 0, nowhere, normal(0), "sum")])
    cases += ops("index_reduce", [args(normal(3), 0, nowhere, normal(0), "mean")])
    bools = values([[True, False, True, True], [False, True, False, True]], "bool")
    cases += ops(
        "scatter_reduce",
        [
            args(values([[True, False, True], [True, True, False]], "bool"), 1, PLACES, bools, reduce)
            for reduce in ("sum", "prod", "amax", "amin")
        ],
        dtypes=("bool",),
        checks=FORWARD,
        layouts=KEEPING,
    )
    ties = values([[1.0, 2.0, 2.0, 0.0], [0.0, 0.0, 4.0, 4.0]])
    for reduce in ("amax", "amin"):
        cases += ops(
            "scatter_reduce",
            [
                args(values([[1.0, 2.0, 0.0], [4.0, 1.0, 0.0]]), 1, PLACES, ties, reduce, include_self=i)
                for i in (True, False)
            ],
            layouts=KEEPING,
        )
    nan = values([[float("nan"), 2.0, 2.0, 0.0], [0.0, 0.0, 4.0, 4.0]])
    cases += ops("scatter_reduce", [args(normal(2, 3), 1, PLACES, nan, "amax")], checks=FORWARD, layouts=KEEPING)
    cases += ops("scatter_reduce", [args(normal(), 0, values(0, "int64"), normal(), "sum")])
    cases += refuses(
        "scatter_reduce",
        [
            args(normal(2, 3), 1, PLACES, normal(2, 4), "add"),
            args(normal(2, 3), 1, PLACES, normal(2, 3), "sum"),
            args(normal(2, 2), 1, PLACES, normal(2, 4), "sum"),
            args(normal(2, 3), 1, PLACES, integers(2, 4, high=3), "sum"),
            args(normal(3), 1, PLACES, normal(2, 4), "sum"),
        ],
    )
    return cases


def sliced() -> list[Case]:
    """Slice by slice."""
    cases: list[Case] = []
    for reduce in REDUCTIONS[1:]:
        x = distinct if reduce in ("amax", "amin") else away_from
        cases += ops(
            "index_reduce",
            [args(x(3, 4), 0, SLICES, x(3, 4), reduce, include_self=i) for i in (True, False)],
            layouts=KEEPING,
        )
        cases += ops("index_reduce", [args(x(2, 3), 1, SLICES, x(2, 3), reduce)], dtypes=("float64",), layouts=KEEPING)
        cases += ops(
            "index_reduce",
            [args(integers(3, high=9), 0, SLICES, integers(3, high=9), reduce)],
            dtypes=INTEGERS,
            checks=FORWARD,
            layouts=KEEPING,
        )
    cases += refuses(
        "index_reduce",
        [
            args(normal(3), 0, SLICES, normal(3), "sum"),
            args(normal(3), 0, SLICES, normal(2), "prod"),
            args(normal(2), 0, SLICES, normal(3), "prod"),
            args(normal(3), 0, values([[0, 1, 2]], "int64"), normal(3), "prod"),
            args(normal(3), 0, normal(3), normal(3), "prod"),
            args(normal(3), 0, SLICES, integers(3, high=5), "prod"),
            args(normal(3, 2), 0, SLICES, normal(3, 3), "prod"),
        ],
    )
    return cases


def put() -> list[Case]:
    """Flat positions, from either end."""
    at = values([5, 0, -2], "int64")
    cases = ops("put", [args(normal(2, 3), at, normal(3)), args(normal(2, 3), at, normal(3), True)])
    cases += ops("put", [args(normal(4), values([[1, 1], [3, 1]], "int64"), normal(2, 2), True)])
    cases += ops(
        "put", [args(normal(), values([0], "int64"), normal(1)), args(normal(2), values([], "int64"), normal(0))]
    )
    cases += ops("put", [args(normal(2, 3), at, normal(3), True)], dtypes=FLOATS[1:])
    cases += refuses(
        "put",
        [args(normal(3), at, normal(2)), args(normal(3), at, normal(3)), args(normal(9), at, integers(3, high=3))],
    )
    return cases


CASES = [*scattered(), *sliced(), *put()]
