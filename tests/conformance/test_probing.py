"""Probes see jumps where implementations may differ, and only there."""

import pytest

from conformance.case import GRADIENT, OUTPUT, Arguments, args, ops
from conformance.draw import normal, values
from conformance.oracle import Key, Truth

PLACES = values([[0, 1, 1, 2]], "int64")


@pytest.mark.parametrize(
    ("operation", "row", "dtype", "key", "jumps"),
    [
        # `ceil_` is exact: a rank above that is one too low is nobody's.
        ("quantile", args(normal(9), 0.3), "float32", (OUTPUT, "out"), False),
        ("quantile", args(normal(9), 0.3), "float32", (GRADIENT, "0"), False),
        # The number of zeros among the factors is exact, and compared with 1.
        (
            "scatter_reduce",
            args(normal(1, 3), 1, PLACES, values([[0.0, 2.0, 3.0, 0.0]]), "prod"),
            "float32",
            (GRADIENT, "3"),
            False,
        ),
        # So is the largest of what is scattered, compared with what was there.
        ("scatter_reduce", args(normal(1, 3), 1, PLACES, normal(1, 4), "amax"), "float32", (GRADIENT, "0"), False),
        # Steep in its inputs, quiet in its arithmetic: it cancels.
        (
            "nn.functional.linear",
            args(values([[2048.0, 1.0]]), values([[1.0, 1.0]]), values([-2048.0])),
            "float16",
            (OUTPUT, "out"),
            False,
        ),
        ("floor", args(values([3.0 - 2.0**-23, 0.5])), "float32", (OUTPUT, "out"), True),
    ],
)
def test_jumps(operation: str, row: Arguments, dtype: str, key: Key, jumps: bool) -> None:
    (case,) = ops(operation, [row], dtypes=(dtype,))
    assert bool(Truth(case, case.sample(0)).scale(key).jumps) is jumps
