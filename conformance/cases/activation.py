"""Activations in place, softmax and its relatives."""

import warnings
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
    uniform,
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


def with_underscore(torch: Any, x: Any, *parameters: float, function: str) -> Any:
    """The form whose name ends in an underscore, on a non-leaf."""
    z = x * 1
    out = getattr(torch.nn.functional, function)(z, *parameters)
    return out, z


UNDERSCORES = ops(
    "activation with underscore",
    [
        args(away_from(3, 5), function="relu_"),
        args(away_from(3, 5), function="leaky_relu_"),
        args(away_from(3, 5), 0.3, function="leaky_relu_"),
        args(away_from(3, 5, points=(-1.0, 1.0)), function="hardtanh_"),
        args(away_from(3, 5, points=(-0.3, 0.8)), -0.3, 0.8, function="hardtanh_"),
        args(away_from(3, 5, points=(0.4,)), 0.4, -2.0, function="threshold_"),
        args(away_from(3, 5), function="elu_"),
        args(away_from(3, 5), 0.7, function="elu_"),
    ],
    program=with_underscore,
    checks=CHECKS - {MEMORY_FORMAT},
)


def without_dim(torch: Any, x: Any, *, function: str) -> Any:
    """A softmax along the dimension that torch takes when none is given, with a warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        out = getattr(torch.nn.functional, function)(x)
    return out, [warning.category.__name__ for warning in caught]


# The four ranks that take dimension 0, and two that take dimension 1.
WITHOUT_DIM = [
    case
    for function in ("softmax", "log_softmax", "softmin")
    for case in ops(
        "softmax without dim",
        [args(normal(*shape), function=function) for shape in ((), (5,), (3, 4), (2, 3, 4), (2, 3, 4, 5))],
        program=without_dim,
        checks=CHECKS - {SECOND},
    )
]


def into_out(torch: Any, x: Any, out: Any, *, function: str, **parameters: Any) -> Any:
    """`out=`: the result is written there, and returned; an empty tensor is resized."""
    out = torch.empty(0, dtype=x.dtype) if out is None else out
    result = getattr(torch, function)(x, out=out, **parameters)
    return result, out, result is out


OUT = [
    case
    for function in ("softmax", "log_softmax")
    for case in ops(
        "softmax into out",
        [args(normal(3, 4).fixed(), out, function=function, dim=1) for out in (normal(3, 4).fixed(), None)],
        program=into_out,
        checks=FORWARD,
        layouts=(),
    )
]

# Kinks and thresholds are part of the definition: the value and the gradient at them are torch's.
AT_THE_KINK = [
    # A number may be a tensor without dimensions.
    *ops("nn.functional.leaky_relu", [args(away_from(5), values(0.25).fixed())], layouts=()),
    *ops("nn.functional.elu", [args(away_from(5), values(0.25).fixed())], layouts=()),
    *ops("nn.functional.threshold", [args(values([0.5, 0.25, 0.75]), 0.5, 7.0)], checks=CHECKS - {SECOND}, layouts=()),
    *ops("nn.functional.elu", [args(values([0.0, -0.0, 1.0, -1.0]), alpha=0.7)], exact=True, checks=CHECKS - {SECOND}),
    *ops("nn.functional.leaky_relu", [args(values([0.0, -0.0, 2.0]), 0.1)], exact=True, checks=CHECKS - {SECOND}),
    *ops("nn.functional.threshold", [args(values([0.5, 0.25, 0.75]), 0.5, 0.125)], exact=True, layouts=()),
    *ops(
        "nn.functional.softplus",
        [args(values([0.5, 1.0, 1.5]), 2.0, 2.0)],
        exact=True,
        checks=CHECKS - {SECOND},
        layouts=(),
    ),
    *ops("nn.functional.hardtanh", [args(values([0.5, 0.5, 1.5]), 0.5, 0.5)], exact=True, layouts=()),
    *ops("nn.functional.softplus", [args(normal(33, scale=4), 2.0, 3.0)]),
    # Where ln(1 + e^x) still differs from x at float64.
    *ops("nn.functional.softplus", [args(values([19.0, 19.99, 20.01, 25.0, 35.0]))], dtypes=("float64",)),
]

INTEGERS_IN = [
    *ops("relu", [args(normal(9))], dtypes=("int64", "int32", "uint8"), checks=FORWARD),
    *ops("nn.functional.relu6", [args(normal(9))], dtypes=("int64", "uint8"), checks=FORWARD),
    *ops("nn.functional.hardtanh", [args(normal(9), 1, 4), args(normal(9), 0, 3)], dtypes=("uint8",), checks=FORWARD),
    *ops("nn.functional.hardtanh", [args(normal(9), -2, 3)], dtypes=("int64", "int32"), checks=FORWARD),
    *ops("nn.functional.threshold", [args(normal(9), 2.7, -3.6)], dtypes=("int64", "int32"), checks=FORWARD),
]

# Where slopes vanish the parts of a gradient cancel: at a half type, rounding each of them would be all that is left.
AT_THE_TURN = [
    *ops("nn.functional.hardswish", [args(uniform(400, low=-2.5, high=-0.5))], dtypes=FLOATS[2:]),
    *ops("nn.functional.gelu", [args(uniform(400, low=-1.75, high=0.25), approximate="tanh")], dtypes=FLOATS[2:]),
]

# Numbers become the input's type: whole ones below 0 modulo the range of an unsigned one, which no other overflow does.
CONVERTED = [
    *ops(
        "nn.functional.threshold", [args(normal(9), -1, -2), args(normal(9), 3, 250)], dtypes=("uint8",), checks=FORWARD
    ),
    *ops("nn.functional.hardtanh", [args(normal(9), -0.5, 3.7)], dtypes=("uint8", "int8"), checks=FORWARD),
    *refuses("nn.functional.threshold", [args(normal(3), 300, 0), args(normal(3), 1, -256)], dtype="uint8"),
    *refuses("nn.functional.threshold", [args(normal(3), -0.5, 1), args(normal(3), 1, float("inf"))], dtype="uint8"),
    *refuses("nn.functional.threshold", [args(normal(3), 127.5, 0), args(normal(3), 1, -129)], dtype="int8"),
    *refuses("nn.functional.threshold", [args(normal(3), 1e19, 0)], dtype="int64"),
    *refuses("nn.functional.threshold", [args(normal(3), 0.0, 1e19)], dtype="float16"),
    *refuses("nn.functional.hardtanh", [args(normal(3), 0, 300)], dtype="uint8"),
    *refuses("nn.functional.hardshrink", [args(normal(3), 1e19)], dtype="float16"),
]

NAMESAKES = ops("nn.functional.tanh", [args(normal(5))]) + ops("nn.functional.sigmoid", [args(normal(5))])

FUNCTIONS = ("relu", "relu6", "leaky_relu", "hardtanh", "elu", "silu", "softplus", "logsigmoid")

ERRORS = [
    *[
        case
        for name in (*FUNCTIONS, "softmin")
        for case in refuses(
            f"nn.functional.{name}", [args([1.0, 2.0]) if name in FUNCTIONS else args([1.0, 2.0], dim=0)]
        )
    ],
    *refuses("nn.functional.threshold", [args([1.0], 0.0, 1.0), args(normal(3).to("bool"), 0.0, 1.0)]),
    *refuses("nn.functional.threshold", [args(normal(3), "low", 1.0), args(normal(3), 0.0, "high")]),
    *refuses("nn.functional.leaky_relu", [args(normal(3), "steep")]),
    *refuses("nn.functional.hardtanh", [args(normal(3), 0.0, None), args(normal(3).to("uint8"), -1, 5)]),
    *refuses("nn.functional.hardtanh", [args(normal(3).to("uint8"), -5, -1), args(normal(3).to("bool"), 0, 1)]),
    *refuses("nn.functional.relu6", [args(normal(3).to("bool"))]),
    *refuses("nn.functional.elu", [args(normal(3), "a"), args(normal(3), values([0.5]))]),
    *refuses("nn.functional.softplus", [args(normal(3), "a"), args(normal(3), 1.0, "a")]),
    *refuses("nn.functional.logsigmoid", [args(normal(3).to("int64")).naming("log_sigmoid", "Long")]),
    *[
        case
        for name in ("softmax", "log_softmax")
        for case in refuses(name, [args(normal(3), 0.5), args(normal(3), "0")])
    ],
    *refuses("softmax", [args(normal().to("int64"), 0).naming("softmax_lastdim_kernel_impl", "Long")]),
    *refuses("softmax", [args(normal(2, 3), 0, named("int64")).naming("softmax", "Long")]),
    *refuses("log_softmax", [args(normal(2, 3).to("int64"), 0).naming("log_softmax_kernel_impl", "Long")]),
    *refuses("log_softmax", [args(normal(2, 3).to("int64"), 1).naming("log_softmax_lastdim_kernel_impl", "Long")]),
    *refuses("softmax", [args(normal(2, 3).to("int64"), 1).naming("softmax_lastdim_kernel_impl", "Long")]),
    *refuses("nn.functional.hardtanh", [args(normal(3), 1.0, -1.0).naming("min_val", "max_val")]),
    *refuses("nn.functional.relu", [args(normal(3).to("bool"))]),
    *refuses("nn.functional.leaky_relu", [args(normal(3).to("int64")).naming("leaky_relu", "Long")]),
    *refuses("nn.functional.elu", [args(normal(3).to("bool")).naming("elu", "Bool")]),
    *refuses("nn.functional.silu", [args(normal(3).to("int64")).naming("silu", "Long")]),
    *refuses("nn.functional.softplus", [args(normal(3).to("int64")).naming("softplus", "Long")]),
]

CASES = [*softmaxes(), *INPLACE, *UNDERSCORES, *WITHOUT_DIM, *OUT, *AT_THE_KINK, *INTEGERS_IN, *NAMESAKES, *ERRORS]
CASES += AT_THE_TURN + CONVERTED
