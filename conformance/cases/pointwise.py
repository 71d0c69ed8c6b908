"""Operations element by element: functions of one number, arithmetic, comparison, promotion, in-place writes."""

import math
from typing import Any

from conformance.cases import (
    CHECKS,
    FLOATS,
    FORWARD,
    GAPPED,
    MEMORY_FORMAT,
    SECOND,
    SIZES,
    TRANSPOSED,
    Case,
    Draw,
    args,
    away_from,
    booleans,
    integers,
    named,
    normal,
    ops,
    positive,
    refuses,
    special,
    tied,
    uniform,
    values,
)

# --- functions of one number: where to draw it, so that the function is smooth and defined there ---------------------

ANYWHERE: tuple[str, ...] = (
    "tanh",
    "sigmoid",
    "exp",
    "exp2",
    "expm1",
    "sin",
    "cos",
    "atan",
    "sinh",
    "asinh",
    "neg",
    "square",
    "erf",
)
ANYWHERE += (
    "positive",
    "deg2rad",
    "rad2deg",
    "nn.functional.silu",
    "nn.functional.softplus",
    "nn.functional.tanhshrink",
)
ANYWHERE += ("nn.functional.logsigmoid", "nn.functional.gelu", "nn.functional.mish", "nn.functional.softsign")
POSITIVE = ("log", "log2", "log10", "log1p", "sqrt", "rsqrt", "reciprocal")
INSIDE_ONE = ("asin", "acos", "atanh", "erfinv")
KINKED = {
    "abs": (0.0,),
    "relu": (0.0,),
    "nn.functional.relu6": (0.0, 6.0),
    "nn.functional.leaky_relu": (0.0,),
    "nn.functional.elu": (0.0,),
    "nn.functional.selu": (0.0,),
    "nn.functional.celu": (0.0,),
    "nn.functional.hardtanh": (-1.0, 1.0),
    "nn.functional.hardsigmoid": (-3.0, 3.0),
    "nn.functional.hardswish": (-3.0, 3.0),
    "nn.functional.softshrink": (-0.5, 0.5),
    "nn.functional.hardshrink": (-0.5, 0.5),
}
STEPS = {"floor": (-2.0, -1.0, 0.0, 1.0, 2.0), "ceil": (-2.0, -1.0, 0.0, 1.0, 2.0), "trunc": (-1.0, 0.0, 1.0)}
STEPS |= {"round": (-1.5, -0.5, 0.5, 1.5), "frac": (-2.0, -1.0, 0.0, 1.0, 2.0), "sign": (0.0,)}
# Torch's vector loop and the scalar tail after it disagree about NaN and signs of zero here: a whole vector, without NaN.
UNEVEN = ("nn.functional.hardshrink", "nn.functional.softshrink", "nn.functional.hardswish")
EVEN = values([0.0, -0.0, 1.0, -1.0, 3.0, -3.0, math.inf, -math.inf, 0.5, -0.5, 0.2, -0.2, 5.0, -5.0, 1e-40, -1e-40])
PREDICATES = ("isnan", "isinf", "isfinite", "signbit", "logical_not")


def smooth(name: str, *shape: int) -> Draw:
    """Numbers at which `name` has a derivative."""
    if name in POSITIVE:
        return positive(*shape)
    if name in INSIDE_ONE:
        return uniform(*shape, low=-0.9, high=0.9)
    if name == "tan":
        return uniform(*shape, low=-1.2, high=1.2)
    if name == "cosh":
        return away_from(*shape)
    return (
        away_from(*shape, points=KINKED[name] if name in KINKED else STEPS[name])
        if name not in ANYWHERE
        else normal(*shape)
    )


SMOOTH = (*ANYWHERE, *POSITIVE, *INSIDE_ONE, "tan", "cosh", *KINKED, *STEPS)


def unary() -> list[Case]:
    """Every function: every size that straddles a vector width, four dtypes, a large matrix, and special values.

    Special values come in one layout only: torch itself gives other signs of zero and other NaN gradients where strides
    keep it from its vector kernels.
    """
    cases: list[Case] = []
    for name in SMOOTH:
        cases += ops(name, [args(smooth(name, size)) for size in SIZES])
        cases += ops(name, [args(smooth(name)), args(smooth(name, 0)), args(smooth(name, 2, 3, 4, 5))])
        cases += ops(name, [args(smooth(name, 5, 7))], dtypes=FLOATS[1:])
        edges = EVEN if name in UNEVEN else special(3)
        cases += ops(name, [args(edges)], dtypes=FLOATS[:2], exact=True, checks=CHECKS - {SECOND}, layouts=())
    for name in PREDICATES:
        cases += ops(name, [args(special(3)), args(normal(5, 7))], dtypes=FLOATS, checks=FORWARD)
    return cases


PARAMETERS = [
    *ops("nn.functional.leaky_relu", [args(away_from(33), 0.1), args(away_from(33), negative_slope=-0.5)]),
    *ops("nn.functional.elu", [args(away_from(33), alpha=0.7)]),
    *ops("nn.functional.celu", [args(away_from(33), alpha=2.0)]),
    *ops("nn.functional.softplus", [args(normal(33), beta=2.0), args(normal(33, scale=20), 1.0, 5.0)]),
    *ops("nn.functional.gelu", [args(normal(33), approximate="tanh")], dtypes=FLOATS),
    *ops("nn.functional.hardtanh", [args(away_from(33, points=(-0.3, 0.8)), -0.3, 0.8)]),
    *ops("nn.functional.threshold", [args(away_from(33, points=(0.4,)), 0.4, -2.0)]),
    *ops("clamp", [args(away_from(33, points=(-0.5, 0.7)), -0.5, 0.7), args(away_from(33, points=(0.1,)), min=0.1)]),
    *ops("clamp", [args(normal(5, 3), normal(3), normal(5, 1)), args(special(), max=2.0)]),
    *ops("nn.functional.prelu", [args(away_from(2, 3, 4), normal(3)), args(away_from(17), normal(1))]),
    *ops("nan_to_num", [args(special()), args(special(), nan=1.0, posinf=2.0, neginf=-3.0)], exact=True),
    *ops("logit", [args(uniform(33, low=0.1, high=0.9)), args(uniform(33, low=0.2, high=0.8), eps=0.1)]),
]

# --- arithmetic of two tensors: broadcasting, scalars, promotion -----------------------------------------------------

SHAPES = [((3, 4), (3, 4)), ((3, 4), (4,)), ((2, 1, 4), (3, 1)), ((), (5,)), ((1,), (2, 3)), ((0, 3), (1, 3))]
ARITHMETIC = ("add", "sub", "mul", "div")
SMOOTH_PAIRS = (*ARITHMETIC, "atan2", "hypot", "logaddexp", "pow", "maximum", "minimum", "fmax", "fmin", "true_divide")
DISCRETE_PAIRS = ("remainder", "fmod", "floor_divide")
COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
LOGIC = ("logical_and", "logical_or", "logical_xor")
BITWISE = ("bitwise_and", "bitwise_or", "bitwise_xor")
KINDS = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool")


def second_operand(name: str, *shape: int) -> Draw:
    """Numbers that keep `name` away from division by zero, and from a kink where the two operands are equal."""
    return positive(*shape) if name in {"div", "true_divide", "pow", *DISCRETE_PAIRS} else normal(*shape)


def first_operand(name: str, *shape: int) -> Draw:
    """Positive under a power."""
    return positive(*shape) if name == "pow" else normal(*shape)


def binary() -> list[Case]:
    """Every function of two tensors: broadcasting both ways, the vector widths, all dtypes, ties and special values."""
    cases: list[Case] = []
    for name in SMOOTH_PAIRS:
        cases += ops(name, [args(first_operand(name, *a), second_operand(name, *b)) for a, b in SHAPES])
        cases += ops(name, [args(first_operand(name, size), second_operand(name, size)) for size in SIZES])
    for name in sorted({*SMOOTH_PAIRS} - {"hypot", "logaddexp", "fmax", "fmin", "true_divide"}):
        cases += ops(name, [args(first_operand(name, 5, 7), second_operand(name, 5, 7))], dtypes=FLOATS[1:])
    for name in DISCRETE_PAIRS:
        # The quotient jumps: no second order, and no gradient through floor_divide.
        cases += ops(name, [args(normal(*a), positive(*b)) for a, b in SHAPES], checks=FORWARD)
        cases += ops(
            name, [args(normal(17), values([3, -2, 5, 7] * 4 + [1]))], dtypes=("int64", "int32"), checks=FORWARD
        )
    for name in ("maximum", "minimum"):
        cases += ops(name, [args(tied(33), tied(33)), args(special(), tied(17))], exact=True, layouts=())
    for name in ("add", "sub", "mul", "div"):
        cases += ops(name, [args(special(2), special(2))], exact=True)
    for name in COMPARISONS:
        cases += ops(name, [args(tied(5, 1), tied(7)), args(tied(33), 0)], dtypes=KINDS, checks=FORWARD)
        cases += ops(name, [args(special(), special())], checks=FORWARD)
    for name in LOGIC:
        cases += ops(name, [args(tied(5, 7), tied(7))], dtypes=KINDS, checks=FORWARD)
    for name in BITWISE:
        cases += ops(name, [args(normal(17), normal(17))], dtypes=("int64", "int32", "uint8", "bool"), checks=FORWARD)
    return cases


def promotion() -> list[Case]:
    """Every pair of dtypes, as tensors of the same rank, with a 0-d tensor, and with Python's numbers."""
    cases: list[Case] = []
    for left in KINDS:
        for right in KINDS:
            pairs = [args(normal(5).to(left), normal(5).to(right)), args(normal(5).to(left), normal().to(right))]
            cases += ops("mul", pairs, checks=FORWARD, layouts=(), label=f"promotion {left} {right}")
            pair = args(
                normal(5).to(left), positive(5).to("float64") if right == "bool" else values([1, 2, 3, 4, 5], right)
            )
            cases += ops("div", [pair], checks=FORWARD, layouts=(), label=f"promotion {left} {right}")
        scalars = [args(normal(5).to(left), number) for number in (2, 2.5, True)]
        cases += ops("add", scalars, checks=FORWARD, layouts=(), label=f"promotion {left}")
        cases += ops("mul", scalars, checks=FORWARD, layouts=(), label=f"promotion {left}")
    return cases


SCALARS = [
    *ops("add", [args(normal(3, 4), 2.5), args(normal(3, 4), normal(4), alpha=3), args(normal(5), 1, alpha=-2)]),
    *ops("sub", [args(normal(3, 4), 2.5), args(normal(3, 4), normal(4), alpha=0.5)]),
    *ops("mul", [args(normal(3, 4), -1.5)]),
    *ops("div", [args(normal(3, 4), 3), args(normal(3, 4), positive(4), rounding_mode=None)]),
    *ops(
        "div",
        [args(normal(9), positive(9), rounding_mode=mode) for mode in ("floor", "trunc")],
        checks=CHECKS - {"second-order"},
    ),
    *ops(
        "pow",
        [args(normal(9), 2), args(normal(9), 3), args(positive(9), 0.5), args(positive(9), -1), args(2.0, normal(9))],
    ),
    *ops("pow", [args(normal(9), 0), args(normal(9), 1)]),
    *ops("rsub", [args(normal(4), 1.0), args(normal(4), normal(4), alpha=2)]),
    *ops("lerp", [args(normal(3, 4), normal(3, 4), 0.3), args(normal(3, 4), normal(4), uniform(3, 1))]),
    *ops("addcmul", [args(normal(3, 4), normal(4), normal(3, 1), value=0.5)]),
    *ops("addcdiv", [args(normal(3, 4), normal(4), positive(3, 1), value=-2.0)]),
    *ops("where", [args(booleans(3, 4), normal(3, 4), normal(4)), args(booleans(3, 1), normal(4), 0.0)]),
    *ops("where", [args(booleans(5), normal(5).to(kind), normal(5)) for kind in ("float64", "float16", "int64")]),
]

# --- edges: ties, zeros, bounds, whole numbers ------------------------------------------------------------------------

NAN = math.nan
SMOOTH_EXACT = CHECKS - {SECOND}  # at a kink torch's second order is an accident
BASES, EXPONENTS = [0.0, 0.0, 0.0, 0.0, 2.0, 3.0, -3.0, 1.0], [0.0, 2.0, 1.0, -1.0, 0.0, 1.0, 2.0, 3.0]
LEFT, RIGHT = [NAN, NAN, 1.0, math.inf, -math.inf, 2.0], [NAN, 1.0, NAN, 2.0, 1.0, 2.0]
DIVIDENDS, DIVISORS = [7, -7, 7, -7, 6, -6, 0, 1, 1, -1], [2, 2, -2, -2, 3, 3, 5, -1, -2, 2]

TIES = [
    *ops("fmax", [args(tied(33), tied(33)), args(values(LEFT), values(RIGHT))], exact=True, checks=SMOOTH_EXACT),
    *ops("fmin", [args(tied(33), tied(33)), args(values(LEFT), values(RIGHT))], exact=True, checks=SMOOTH_EXACT),
    *ops(
        "clamp",
        [
            args(tied(33), min=tied(33)),
            args(tied(33), max=tied(33)),
            args(tied(33), tied(33), tied(33)),
            args(tied(33), 0.0, 1.0),
            args(tied(33), min=0.0),
            args(tied(33), max=0.0),
            args(tied(33), 1.0, 0.0),
        ],
        exact=True,
        checks=SMOOTH_EXACT,
        layouts=(),
    ),
    *ops("clamp", [args(normal(9), 1, 4), args(normal(9), min=2), args(normal(9), max=2)], dtypes=("int64", "uint8")),
]

ZEROS = [
    *ops("pow", [args(values(BASES), values(EXPONENTS))], exact=True, checks=SMOOTH_EXACT, layouts=()),
    *ops("pow", [args(0.0, values([0.0, 2.0, -1.0, 0.5, 1.0]))], checks=SMOOTH_EXACT, layouts=()),
    *ops("pow", [args(-2.0, values([2.0, -1.0, 3.0, 0.0]))], exact=True, checks=SMOOTH_EXACT, layouts=()),
    *ops("pow", [args(base, values([2.0, -1.0, 3.0, 0.0])) for base in (0.5, -0.5)], checks=SMOOTH_EXACT, layouts=()),
    *ops("pow", [args(values([0.0, 2.0, -1.0]), 0), args(values([0.0, 2.0, -1.0]), 1)], exact=True, layouts=()),
    *ops(
        "atan2",
        [args(values([0.0, 1.0, 0.0, -0.0, -1.0, 2.0]), values([0.0, 0.0, -1.0, 1.0, 0.0, 1.0]))],
        checks=SMOOTH_EXACT,
        layouts=(),
    ),
    *ops("floor_divide", [args(values([1.0, -1.0, 0.0]), values([0.0, 0.0, 0.0]))], exact=True, checks=FORWARD),
    *ops(
        "div",
        [args(values([5.3, -5.3]), values([2.0, 2.0]), rounding_mode=mode) for mode in ("floor", "trunc")],
        exact=True,
        checks=SMOOTH_EXACT,
        layouts=(),
    ),
]

# Quotients away from whole numbers, where the remainder jumps.
REMAINDERS = [
    case
    for name in ("remainder", "fmod")
    for case in ops(
        name, [args(values([5.3, -5.3, 7.1, -2.2, 0.4]), values([2.0, 2.0, -3.0, -1.5, 1.0]))], checks=SMOOTH_EXACT
    )
]

WHOLE_NUMBERS = [
    *[
        case
        for mode in ("trunc", "floor")
        for case in ops(
            "div",
            [
                args(values(DIVIDENDS), values(DIVISORS), rounding_mode=mode),
                args(values(DIVIDENDS), 2, rounding_mode=mode),
            ],
            dtypes=("int64", "int32"),
            checks=FORWARD,
        )
    ],
    *ops("floor_divide", [args(values(DIVIDENDS), values(DIVISORS)), args(values(DIVIDENDS), 3)], dtypes=("int64",)),
    *ops("fmod", [args(values(DIVIDENDS), values(DIVISORS)), args(values(DIVIDENDS), -3)], dtypes=("int64",)),
    *ops("remainder", [args(values(DIVIDENDS), -3), args(4, values(DIVISORS))], dtypes=("int64",)),
    *ops("pow", [args(values([2, 1, -1, -1, 3, 0]), values([-1, -2, -3, -2, 2, 0]))], dtypes=("int64",)),
    *ops("pow", [args(normal(9), 2), args(normal(9), 0), args(2, values([0, 1, 5, 3]))], dtypes=("int64", "int32")),
    *ops("pow", [args(normal(9), 0.5), args(2.0, normal(9))], dtypes=("int64",), checks=FORWARD),
    *ops("round", [args(normal(9, scale=100), decimals=d) for d in (2, 1, -1, -2)], checks=FORWARD),
    *[
        case
        for name in (
            "floor",
            "ceil",
            "trunc",
            "round",
            "signbit",
            "abs",
            "sign",
            "square",
            "isnan",
            "isinf",
            "isfinite",
        )
        for case in ops(name, [args(values([-2, -1, 0, 1, 2]))], dtypes=("int64", "int32"), checks=FORWARD)
    ],
    *ops("sign", [args(booleans(5))], checks=FORWARD),
    *ops("nan_to_num", [args(normal(5))], dtypes=("int64",), checks=FORWARD),
    *ops("eq", [args(values([-(2**63), 0, 2**63 - 1], "int64"), n) for n in (-(2**63), 2**63 - 1)], checks=FORWARD),
    *ops(
        "add",
        [args(normal(5), n) for n in (2**62, -(2**63), 2**63 - 1, 2**63, 2**64 - 1)],
        dtypes=("int64", "int32", "uint8"),
    ),
    *ops("add", [args(normal(5), normal(5), alpha=n) for n in (0, 1, 3)], dtypes=("int64",)),
]

MORE_ARGUMENTS = [
    *ops("add", [args(normal(5), normal(5), alpha=n) for n in (0, 1, 2)]),
    *ops("sub", [args(normal(5), normal(5), alpha=n) for n in (0, 1, 2)]),
    *ops("acosh", [args(uniform(33, low=1.1, high=4.0)), args(special())], checks=SMOOTH_EXACT),
    *ops("addcmul", [args(normal(3, 4), normal(3, 4), normal(3, 4))]),
    *ops("addcdiv", [args(normal(3, 4), normal(3, 4), positive(3, 4))]),
    *ops("addcdiv", [args(normal(3), values([1, 2, 3], "int64"), positive(3))], checks=FORWARD),
    *ops("addcdiv", [args(normal(3), normal(3), values([1, 2, 3], "int64"))], checks=FORWARD),
    *ops("lerp", [args(normal(3, 4), normal(3, 4), w) for w in (0.7, 0.5, -0.7, 1.0, 1.7)]),
    *ops("lerp", [args(normal(9), normal(9), values([-2.0, -0.5, -0.4, 0.0, 0.4, 0.5, 0.6, 1.0, 1.5]))]),
    # Counted from the nearer end: weight 1 gives the end exactly, however far away the start is.
    *ops("lerp", [args(values([1e8, -1e8]), values([1.0, 3.0]), 1.0)]),
    *ops("lerp", [args(values([1e8, -1e8]), values([1.0, 3.0]), values([1.0, 1.0]))]),
    *ops("logit", [args(values([0.05, 0.1, 0.5, 0.95]), eps=0.2)], checks=SMOOTH_EXACT),
    # Beyond the limits the gradient is 0, and nan where there are none but 0 and 1.
    *ops("logit", [args(values([-0.5, 0.0, 0.1, 1.0, 1.5]), eps) for eps in (None, 0.2, 0.0, 0.7)], exact=True),
    *ops("logit", [args(booleans(9)), args(booleans(9), 0.25), args(integers(9, high=3))], checks=FORWARD),
    *ops("logit", [args(uniform(65, low=0.4, high=0.6))], dtypes=FLOATS[2:]),
    *ops("where", [args(values([[1, 0, 1], [0, 1, 1]], "bool"))], checks=FORWARD - {MEMORY_FORMAT}),
    *ops("where", [args(booleans(5), 1.0, 0.0), args(booleans(5), 2, normal(5)), args(booleans(5), 2, 3)]),
    *ops("nn.functional.prelu", [args(values([0.0, -0.0, 1.0, -1.0]), values([0.25]))], exact=True, layouts=()),
]


def by_keyword(torch: Any, x: Any, y: Any) -> Any:
    """Operands under torch's names for them."""
    return [
        torch.add(input=x, other=y),
        torch.add(x, other=y, alpha=2),
        torch.mul(input=x, other=y),
        torch.tanh(input=x),
        torch.maximum(x, other=y),
        torch.lt(input=x, other=y),
        torch.pow(input=x, exponent=2),
        torch.clamp(input=x, min=-0.5, max=0.5),
        torch.where(condition=x > y, input=x, other=y),
    ]


def mixed_layouts(torch: Any, x: Any, y: Any) -> Any:
    """Operands whose memory runs in different orders: the result takes the first one's."""
    return [x.t() + y, y + x.t(), x.t() * x.t(), torch.add(x.t(), y[:1]), torch.where(y > 0, x.t(), y), -x.t()]


KEYWORDS = [
    *ops("operands by keyword", [args(normal(3, 4), normal(3, 4))], program=by_keyword),
    *ops("mixed layouts", [args(normal(4, 3), normal(3, 4))], program=mixed_layouts, layouts=()),
]

# --- in-place writes and operators: programs ------------------------------------------------------------------------


def operators(torch: Any, x: Any, y: Any) -> Any:
    """Every arithmetic operator, with a tensor and a number on either side."""
    return [x + y, x - y, x * y, x / y, x**2, -x, 2 - x, 3 / y, 1 + x, 2 * x, abs(x), y**x, 2**x, x.add(y), +x]


def comparisons(torch: Any, x: Any, y: Any) -> Any:
    """Every comparison and logical operator."""
    return [
        x < y,
        x <= 1,
        x > y,
        x >= 0,
        x == y,
        x != y,
        ~(x < y),
        (x < 0) & (y < 0),
        (x < 0) | (y < 0),
        (x < 0) ^ (y < 0),
    ]


def integer_operators(torch: Any, x: Any, y: Any) -> Any:
    """Operators of integers: the quotient rounds down, the remainder has the divisor's sign."""
    return [x // y, x % y, x & y, x | y, x ^ y, ~x, x << 1, x >> 1, -x, x - 3, 7 // y, 7 % y]


def in_place(torch: Any, x: Any, y: Any) -> Any:
    """A chain of in-place writes to a non-leaf: each must be differentiated as if it were not in place."""
    z = x.clone()
    z.mul_(y)
    z.add_(y, alpha=0.5)
    z.sub_(1.0)
    z.div_(y)
    z.tanh_()
    z[0] = y[0]
    return z


def augmented(torch: Any, x: Any, y: Any) -> Any:
    """Augmented assignment keeps the tensor and writes to its views."""
    z = x * 1
    view = z[1:]
    z += y
    z *= 2
    z -= 0.5
    z /= y
    return z, view


def writes_to_input(torch: Any, x: Any, y: Any) -> Any:
    """The input itself is changed, and returned."""
    return x.mul_(2).add_(y)


PROGRAMS = [
    *ops("operators", [args(normal(3, 4), positive(4))], program=operators, dtypes=FLOATS),
    *ops("comparisons", [args(tied(3, 4), tied(4))], program=comparisons, checks=FORWARD, dtypes=FLOATS),
    *ops(
        "integer operators",
        [args(normal(17), values([3, -2, 5, 7] * 4 + [1]))],
        program=integer_operators,
        dtypes=("int64", "int32", "int16"),
        checks=FORWARD,
    ),
    *ops("in place", [args(normal(3, 4), positive(3, 4))], program=in_place),
    *ops("augmented assignment", [args(normal(3, 4), positive(4))], program=augmented, checks=CHECKS - {MEMORY_FORMAT}),
    # An expanded input cannot be written to.
    *ops(
        "writes to its input",
        [args(normal(3, 4).fixed(), normal(4).fixed())],
        program=writes_to_input,
        checks=FORWARD,
        layouts=(TRANSPOSED, GAPPED),
    ),
]


def writes_to_leaf(torch: Any, x: Any) -> Any:
    """A leaf that requires a gradient refuses to be overwritten."""
    x.requires_grad_()
    return x.add_(1)


def stale(torch: Any, x: Any) -> Any:
    """A saved value that was overwritten makes backward fail."""
    x.requires_grad_()
    y = x.exp()
    y.add_(1)
    y.sum().backward()
    return x.grad


ERRORS = [
    *refuses("add", [args(normal(3, 4), normal(5))]),
    *refuses("mul", [args(normal(2, 3), normal(3, 2))]),
    *refuses("where", [args(booleans(3), normal(3), normal(4))]),
    *refuses("div", [args(normal(3), normal(3), rounding_mode="up")]),
    *refuses("sub", [args(booleans(3), booleans(3))]),
    *refuses("neg", [args(booleans(3))]),
    *refuses("bitwise_and", [args(normal(3), normal(3))]),
    *refuses("clamp", [args(normal(3)).naming("min", "max")]),
    *refuses("nn.functional.prelu", [args(normal(2, 3, 4), normal(2))]),
    *refuses("nn.functional.gelu", [args(normal(3), approximate="cubic")]),
    *refuses("write to a leaf", [args(normal(3))], program=writes_to_leaf),
    *refuses("stale saved tensor", [args(normal(3)).naming("modified by an inplace operation")], program=stale),
    *refuses("pow", [args(normal(3).to("int64"), -1), args(normal(3).to("int64"), -2)]),
    *refuses(
        "add", [args(normal(2, 3), normal(2)), args(normal(3), normal(2, 4)), args(normal(5, 1, 4), normal(3, 2))]
    ),
    *refuses("add", [args(normal(2, 3, 4), normal(5, 1, 4))]),
    *refuses("where", [args(booleans(1), normal(3), normal(4)), args(booleans(2, 3), normal(3), normal(2, 4))]),
    *refuses("where", [args(booleans(2, 3), normal(4), normal(1)), args(normal(3), normal(3), normal(3))]),
    *refuses("add", [args(normal(3).to("int64"), n).naming("convert") for n in (2**64, -(2**63) - 1)]),
    *refuses("sub", [args(normal(3), True), args(booleans(3), 1.0)]),
    *[
        case
        for name in ("floor_divide", "remainder", "fmod")
        for case in refuses(
            name,
            [
                args(values([1, 2, 3], "int64"), values([1, 0, 2], "int64")).naming("ZeroDivisionError"),
                args(values([1, 2], "int64"), 0).naming("ZeroDivisionError"),
            ],
        )
    ],
    *refuses("div", [args(values([1, 2], "int64"), values([1, 0], "int64"), rounding_mode="trunc")]),
    *refuses("div", [args(values([1, 2], "int64"), values([1, 0], "int64"), rounding_mode="floor")]),
    *refuses("sub", [args(normal(3).to("int64"), normal(3).to("int64"), alpha=0.5)]),
    *refuses("sub", [args(normal(3), booleans(3)), args(booleans(3), normal(3))]),
    *refuses("positive", [args(booleans(3))]),
    *refuses("addcdiv", [args(*[normal(3).to(kind)] * 3).naming("Integer division") for kind in ("int64", "int32")]),
    *refuses("tanh", [args([1.0]), args(1.0)]),
    *refuses("add", [args([1.0], normal(2)).naming("Tensor", "list")]),
    *refuses("add", [args(normal(3).to("int64"), normal(3).to("int64"), alpha=0.5)]),
]

CASES = [*unary(), *PARAMETERS, *binary(), *promotion(), *SCALARS, *TIES, *ZEROS, *REMAINDERS, *WHOLE_NUMBERS]
CASES += [*MORE_ARGUMENTS, *KEYWORDS, *PROGRAMS, *ERRORS]
CASES += ops("Tensor.to", [args(normal(7, scale=50), named(kind)) for kind in KINDS[:-2]], checks=FORWARD)
