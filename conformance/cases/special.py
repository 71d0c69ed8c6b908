"""The error function and its relatives; sizes and special values of `erf` and `erfinv` are among the pointwise cases."""

from conformance.cases import (
    CHECKS,
    FLOATS,
    FORWARD,
    SECOND,
    SIZES,
    args,
    normal,
    ops,
    refuses,
    special,
    uniform,
    values,
)

NAMES = ("erf", "erfc", "special.ndtr")
# Every interval of the approximations, both tails, and where they meet.
RANGES = ((-1e-3, 1e-3), (-0.9, 0.9), (0.8, 1.3), (1.2, 3.0), (2.8, 6.0), (-6.0, -2.0), (5.0, 9.0))
JOINTS = values([0.84375, 1.25, 1 / 0.35, -0.84375, -1.25, 0.25, 6.0, 9.0, 10.0])
EDGES = values([0.0, -0.0, float("inf"), float("-inf"), float("nan")])
ENDS = values([0.0, 1.0, -1.0, 1.5, float("nan"), float("inf")])

CASES = [
    *[
        case
        for name in NAMES
        for case in (
            *ops(name, [args(uniform(40, low=low, high=high)) for low, high in RANGES], dtypes=FLOATS[:2], layouts=()),
            *ops(name, [args(JOINTS)], dtypes=FLOATS[1:]),
            *ops(name, [args(EDGES)], checks=CHECKS - {SECOND}, layouts=(), exact=True),
            *refuses(name, [args([1.0])]),
        )
    ],
    *[case for name in NAMES[1:] for case in ops(name, [args(normal(n)) for n in SIZES])],
    *[case for name in NAMES[1:] for case in ops(name, [args(normal(5, 7))], dtypes=FLOATS[1:])],
    *[case for name in NAMES[:2] for case in ops(name, [args(normal(9))], dtypes=("int64", "uint8"), checks=FORWARD)],
    *ops("erf", [args(special())], checks=FORWARD, layouts=(), exact=True),
    *ops(
        "erfinv",
        [args(uniform(40, low=a, high=b)) for a, b in ((-1e-3, 1e-3), (0.4, 0.6), (0.9, 0.999), (-0.9999, -0.99))],
        dtypes=FLOATS[:2],
        layouts=(),
    ),
    *ops("erfinv", [args(ENDS)], checks=FORWARD, layouts=(), exact=True),
    *[case for name in ("erf", "erfc", "erfinv") for case in ops(f"special.{name}", [args(uniform(7))])],
    *[case for name in ("erf", "erfc", "erfinv") for case in ops(f"Tensor.{name}", [args(uniform(7))], layouts=())],
]
