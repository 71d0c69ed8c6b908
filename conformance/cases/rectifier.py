"""Activations that learn or draw their slope, gated ones, the Gumbel softmax; layers of the rest; errors."""

import warnings
from typing import Any

from conformance.cases import (
    CHECKS,
    FLOATS,
    FORWARD,
    MEMORY_FORMAT,
    REPEAT,
    SECOND,
    SIZES,
    Draw,
    args,
    away_from,
    normal,
    ops,
    refuses,
    uniform,
    values,
)

F = "nn.functional"
FIRST = CHECKS - {SECOND}


def drawn_slopes(torch: Any, x: Any, *parameters: Any, inplace: bool = False, training: bool = True) -> Any:
    """Two results of rrelu from one seed, and what is drawn next."""
    torch.manual_seed(9)
    found = []
    for _ in range(2):
        z = x * 1
        out = torch.nn.functional.rrelu(z, *parameters, training=training, inplace=inplace)
        found += [out, z]
    torch.manual_seed(9)
    z = x * 1
    return found, torch.nn.functional.rrelu_(z, *parameters, training=training), torch.randint(1 << 24, (2,))


SLOPES = [args(away_from(n)) for n in SIZES[1:]]
SLOPES += [
    args(away_from(3, 5), 0.1, 0.2),
    args(away_from(3, 5), 0.2, 0.2),
    args(away_from(3, 5), -1.0, 2.0, inplace=True),
    args(away_from(4, 9), inplace=True),
    args(away_from(3, 5), inplace=True, training=False),
    args(away_from(3, 5), 0.3, 0.5, training=False),
    args(values([0.0, -0.0, 1.0, -1.0]).fixed()),
    args(away_from(0, 3)),
]


def turned(torch: Any, x: Any) -> Any:
    """Slopes are drawn in row-major order whatever the strides."""
    torch.manual_seed(1)
    out = torch.nn.functional.rrelu(x.transpose(0, 1), training=True)
    return out, list(out.stride())


def gumbel(torch: Any, x: Any, **options: Any) -> Any:
    """The Gumbel softmax from a seed, with the kinds of its warnings, and what is drawn next."""
    torch.manual_seed(8)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        out = torch.nn.functional.gumbel_softmax(x, **options)
    return out, [warning.category.__name__ for warning in caught], torch.randint(1 << 24, (2,))


GUMBELS = [
    args(normal(3, 5)),
    args(normal(2, 3, 4), dim=1, tau=0.5),
    args(normal(3, 5), hard=True),
    args(normal(7), tau=2.0, hard=True, dim=0),
    args(normal(3, 33), eps=1e-6),
]

GLUS = [args(normal(2 * n)) for n in SIZES]
GLUS += [
    args(normal(4, 6)),
    args(normal(4, 6), 0),
    args(normal(2, 4, 3), dim=1),
    args(normal(3, 0)),
    args(normal(0, 4)),
]


def in_place(torch: Any, x: Any, *parameters: Any, function: str) -> Any:
    """The form whose name ends in an underscore, and the argument `inplace`, on a non-leaf."""
    found = []
    for name, options in ((function, {"inplace": True}), (f"{function}_", {})):
        form = getattr(torch.nn.functional, name, None)
        if form is not None:
            z = x * 1
            found += [form(z, *parameters, **options), z]
    return found


INPLACE = [
    args(away_from(3, 5, points=(-3.0, 0.0, 3.0)), function=name)
    for name in ("selu", "celu", "mish", "hardsigmoid", "hardswish")
]
INPLACE += [args(away_from(3, 5), 0.6, function="celu")]

# --- layers -----------------------------------------------------------------------------------------------------------

X = away_from(3, 4, points=(-3.0, -1.0, -0.5, 0.0, 0.3, 0.5, 1.0, 3.0))
LAYERS = [
    args(X, kind=kind)
    for kind in (
        "SELU",
        "CELU",
        "GELU",
        "Mish",
        "Tanhshrink",
        "Softsign",
        "GLU",
        "Hardsigmoid",
        "Hardswish",
        "Hardshrink",
    )
]
LAYERS += [
    args(X, kind="Softshrink"),
    args(X, kind="CELU", arguments=(0.5,)),
    args(X, kind="GELU", arguments=("tanh",)),
    args(X, kind="GELU", approximate="tanh"),
    args(normal(4, 6), kind="GLU", arguments=(0,)),
    args(X, kind="Hardshrink", arguments=(0.3,)),
    args(X, kind="Softshrink", lambd=0.3),
    args(X, kind="SELU", inplace=True),
    args(X, kind="CELU", arguments=(0.5, True)),
    args(X, kind="Mish", inplace=True),
    args(X, kind="Hardsigmoid", inplace=True),
    args(X, kind="Hardswish", inplace=True),
    args(X, kind="PReLU"),
    args(X, kind="PReLU", arguments=(4, 0.1)),
    args(away_from(2, 3, 4), kind="PReLU", num_parameters=3, init=-0.5),
    args(X, kind="RReLU"),
    args(X, kind="RReLU", arguments=(0.1, 0.4, True)),
]


def layer(torch: Any, x: Any, *, kind: str, arguments: tuple[Any, ...] = (), **options: Any) -> Any:
    """A layer in training and evaluation: results, argument, parameters and their gradients, text."""
    made = getattr(torch.nn, kind)(*arguments, **options).to(x.dtype)
    torch.manual_seed(6)
    z = x * 1
    out = made(z)
    parameters = list(made.parameters())
    gradients = torch.autograd.grad(out.sum(), parameters, retain_graph=True) if parameters else ()
    return out, z, made.eval()(x * 1), parameters, list(gradients), list(made.state_dict()), repr(made)


# --- errors -----------------------------------------------------------------------------------------------------------

INTEGERS: Draw = normal(2, 4).to("int64")
FLOATING = ("gelu", "selu", "celu", "mish", "hardsigmoid", "hardswish", "hardshrink", "softshrink", "rrelu")
ERRORS = [
    *[case for name in FLOATING for case in refuses(f"{F}.{name}", [args(INTEGERS), args([1.0])])],
    *refuses(f"{F}.tanhshrink", [args(normal(3).to("bool")), args([1.0]).naming("list", "tanh")]),
    *refuses(f"{F}.softsign", [args(normal(3).to("bool")), args([1.0]).naming("list", "abs")]),
    *refuses(
        f"{F}.glu", [args(INTEGERS), args([1.0]).naming("list", "dim"), args(normal(3)), args(normal()), args(X, 2)]
    ),
    *refuses(f"{F}.celu", [args(normal(3), 0.0), args(normal(3), "a")]),
    *refuses(f"{F}.softshrink", [args(normal(3), -1.0).naming("lambda", "-1", "Float"), args(normal(3), "a")]),
    *refuses(f"{F}.hardshrink", [args(normal(3), "a")]),
    *refuses(
        f"{F}.prelu",
        [
            args(normal(2, 4), normal(1, 4)),
            args(normal(), normal(2)),
            args(normal(4), normal(4)),
            args(normal(2, 4), normal(4).to("float64")),
            args(INTEGERS, normal(4).to("int64")),
            args(normal(2, 4), [1.0]),
            args([1.0], normal(1)),
        ],
    ),
    *refuses(
        f"{F}.rrelu",
        [
            args(normal(3), 0.5, 0.2),
            args(normal(3), 0.5, float("inf"), True),
            args(normal(3), float("nan"), 0.2),
            args(normal(3), "a"),
            args(normal(3).to("int64"), training=True).naming("rrelu", "Long"),
            args(normal(3).to("float16"), training=True).naming("rrelu", "Half"),
        ],
    ),
    *refuses(
        f"{F}.gumbel_softmax",
        [
            args(INTEGERS).naming("exponential", "floating"),
            args([1.0]).naming("Tensor", "list"),
            args(normal(3), dim=1),
        ],
    ),
]

CASES = [
    *ops("rrelu twice", SLOPES, program=drawn_slopes, layouts=(), checks=CHECKS - {REPEAT, SECOND}),
    *ops(
        "rrelu twice",
        SLOPES[3:4],
        program=drawn_slopes,
        dtypes=("float64", "bfloat16"),
        layouts=(),
        checks=FIRST - {REPEAT},
    ),
    *ops("rrelu of a transpose", [args(away_from(4, 3))], program=turned, layouts=(), checks=FIRST - {REPEAT}),
    *ops(f"{F}.rrelu", [args(away_from(5, 7)), args(away_from(9), 0.1, 0.5)], dtypes=FLOATS),
    *ops("gumbel softmax", GUMBELS, program=gumbel, layouts=(), checks=CHECKS - {REPEAT}),
    *ops("gumbel softmax", GUMBELS[:1], program=gumbel, dtypes=FLOATS[1:], layouts=(), checks=CHECKS - {REPEAT}),
    *ops(f"{F}.glu", GLUS),
    *ops(f"{F}.glu", GLUS[-5:-3], dtypes=FLOATS[1:]),
    # A gate too small for a half type lets through what is large: the product is rounded, not the gate.
    *ops(f"{F}.glu", [args(values([10000.0, 300.0, 1.0, -18.0, -12.5, 3.0]))], dtypes=FLOATS[2:], layouts=()),
    *ops("rectifier in place", INPLACE, program=in_place, checks=FIRST - {MEMORY_FORMAT}),
    *ops("rectifier layer", LAYERS, program=layer, checks=FIRST - {REPEAT}, layouts=()),
    *[case for name in ("selu", "celu") for case in ops(name, [args(away_from(9))])],
    *ops("rrelu", [args(away_from(9))], label="by its short name"),
    *ops("prelu", [args(away_from(2, 3), normal(3)), args(away_from(4), normal())]),
    *ops("Tensor.prelu", [args(away_from(2, 3), normal(3)), args(away_from(4), normal())]),
    *refuses("Tensor.prelu", [args(normal(2, 3), normal(2)), args(normal(2, 3), 0.5).naming("weight", "float")]),
    *ops("hardshrink", [args(away_from(9, points=(-0.5, 0.5)))], checks=FIRST),
    *ops("Tensor.hardshrink", [args(away_from(9, points=(-0.2, 0.2)), 0.2)], checks=FIRST),
    *ops(f"{F}.softshrink", [args(away_from(9, points=(-0.2, 0.2)), 0.2)], checks=FIRST),
    *ops(
        f"{F}.hardshrink", [args(away_from(9), -1.0), args(away_from(9, points=(-0.2, 0.2)), lambd=0.2)], checks=FIRST
    ),
    *ops(f"{F}.gelu", [args(uniform(40, low=a, high=b)) for a, b in ((-6.0, -2.0), (-9.0, 9.0))], dtypes=FLOATS[:2]),
    *ops(f"{F}.gelu", [args(uniform(40, low=-6.0, high=4.0), approximate="tanh")], dtypes=FLOATS[:2], layouts=()),
    *ops(f"{F}.mish", [args(uniform(40, low=a, high=b)) for a, b in ((-30.0, -2.0), (10.0, 50.0))], dtypes=FLOATS[:2]),
    *ops(f"{F}.tanhshrink", [args(normal(5)), args(uniform(3, 4))], dtypes=("float64",)),
    *ops(f"{F}.softsign", [args(normal(9))], dtypes=("int64",), checks=FORWARD),
    *ERRORS,
]
