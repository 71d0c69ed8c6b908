"""Reductions and normalizations of what a mask leaves: rows of which nothing is left, masks that broadcast."""

from conformance.cases import (
    CHECKS,
    FLOATS,
    FORWARD,
    SECOND,
    args,
    distinct,
    integers,
    named,
    normal,
    ops,
    refuses,
    values,
)

ROWS = values([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 1]], "bool")
ROW = values([1, 0, 1, 1], "bool")
EMPTY = values([[1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 0, 1]], "bool")
REDUCTIONS = ("sum", "prod", "mean", "amax", "amin", "var", "std", "logsumexp", "norm")
ALONG = ("softmax", "log_softmax", "softmin", "cumsum", "cumprod")


CASES = [
    *[
        case
        for name in REDUCTIONS
        for case in ops(
            f"masked.{name}",
            [
                args(distinct(3, 4), mask=ROWS),
                args(distinct(3, 4), dim=(1,), mask=ROW, keepdim=True),
                args(distinct(2, 3, 4), dim=(0, -1)),
            ],
            layouts=(),
        )
    ],
    *[
        case
        for name in ("sum", "prod", "amax", "amin", "mean", "norm")
        for case in ops(f"masked.{name}", [args(normal(3, 4), dim=1, mask=EMPTY)], checks=FORWARD, layouts=())
    ],
    *[case for name in REDUCTIONS[:3] for case in ops(f"masked.{name}", [args(normal(5, 7))], dtypes=FLOATS[1:])],
    *[
        case
        for name in ("sum", "prod", "amax", "amin")
        for case in ops(
            f"masked.{name}", [args(integers(3, 4, low=-3, high=4), mask=ROWS)], dtypes=("int32",), checks=FORWARD
        )
    ],
    *[case for name in ALONG for case in ops(f"masked.{name}", [args(normal(3, 4), 1, mask=ROWS)], layouts=())],
    *[
        case
        for name in ("argmax", "argmin", "median")
        for case in ops(f"masked.{name}", [args(distinct(3, 4), 1, mask=ROWS)], checks=CHECKS - {SECOND}, layouts=())
    ],
    *ops("masked.norm", [args(distinct(3, 4), p, 1, mask=ROWS) for p in (1.0, 3.0, float("inf"), float("-inf"))]),
    *ops("masked.normalize", [args(normal(3, 4), p, 1, mask=ROWS) for p in (1.0, 2.0, float("inf"))], layouts=()),
    *ops("masked.var", [args(normal(3, 4), 1, False, mask=ROWS), args(normal(3, 4), 1, correction=3, mask=ROWS)]),
    *ops("masked.logaddexp", [args(normal(3, 4), normal(3, 4), input_mask=ROWS, other_mask=EMPTY)], layouts=()),
    *ops("masked.sum", [args(normal(3, 4), mask=ROWS, dtype=named("float64"))], layouts=()),
    *refuses(
        "masked.sum",
        [
            args(normal(4), mask=ROWS).naming("mask"),
            args(normal(3, 4), dim=2),
            args(normal(3, 4), dim=(1, 1)),
        ],
    ),
    *refuses("masked.mean", [args(integers(3, 4, high=9))]),
    *refuses("masked.median", [args(integers(3, 4, high=9), 1, mask=EMPTY)]),
]
