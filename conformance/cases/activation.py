"""Activations in place, softmax and its relatives."""

from typing import Any

from conformance.cases import (
    CHECKS,
    FLOATS,
    FORWARD,
    MEMORY_FORMAT,
    SECOND,
    SIZES,
    args,
    away_from,
    named,
    normal,
    ops,
    refuses,
    special,
    values,
)

SOFTMAXES = ("nn.functional.softmax", "nn.functional.log_softmax", "nn.functional.softmin")
LARGE = [[1000.0, 0.0, -1000.0], [-1e30, -1e30, -1e30], [88.0, 89.0, 90.0]]


def softmaxes() -> list[Any]:
    """Every dimension, every vector width, values that overflow without the shift, other dtypes."""
    cases = []
    for name in SOFTMAXES:
        cases += ops(name, [args(normal(size), dim=0) for size in SIZES])
        cases += ops(name, [args(normal(2, 3, 4), dim=d) for d in (0, 1, -1)] + [args(normal(), dim=0)])
        cases += ops(name, [args(normal(5, 7), dim=1)], dtypes=FLOATS[1:])
        cases += ops(name, [args(normal(3, 0), dim=1), args(normal(3, 4, scale=30), dim=1)])
        cases += ops(name, [args(normal(3, 4), dim=1, dtype=named("float64"))], label="to float64")
        cases += ops(name, [args(values(LARGE), dim=1)], checks=CHECKS - {SECOND})
        cases += refuses(
            name, [args(normal(2, 3), dim=2), args(normal(2, 3).to("int64"), dim=0).naming("not implemented", "Long")]
        )
    for name in ("softmax", "log_softmax"):
        full = f"nn.functional.{name}"
        specials = [args(special(), dim=0), args(values([[float("-inf"), 1.0], [float("inf"), 1.0]]), dim=1)]
        cases += ops(full, specials, checks=FORWARD, layouts=(), exact=True)
    return cases


def in_place(torch: Any, x: Any, *, function: str) -> Any:
    """The in-place form of an activation on a non-leaf."""
    z = x * 1
    out = getattr(torch.nn.functional, function)(z, inplace=True)
    return out, z


INPLACE = [
    *ops(
        "activation in place",
        [args(away_from(3, 5), function=name) for name in ("relu", "leaky_relu", "hardtanh", "elu", "silu", "relu6")],
        program=in_place,
        checks=CHECKS - {MEMORY_FORMAT},
    )
]

ERRORS = [
    *refuses("nn.functional.hardtanh", [args(normal(3), 1.0, -1.0).naming("min_val", "max_val")]),
    *refuses("nn.functional.relu", [args(normal(3).to("bool"))]),
    *refuses("nn.functional.leaky_relu", [args(normal(3).to("int64")).naming("leaky_relu", "Long")]),
    *refuses("nn.functional.elu", [args(normal(3).to("bool")).naming("elu", "Bool")]),
    *refuses("nn.functional.silu", [args(normal(3).to("int64")).naming("silu", "Long")]),
    *refuses("nn.functional.softplus", [args(normal(3).to("int64")).naming("softplus", "Long")]),
]

CASES = [*softmaxes(), *INPLACE, *ERRORS]
