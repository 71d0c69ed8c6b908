"""Elementwise primitives. Operands are cast to the type the engine computed in: ONNX promotes nothing."""

import math
from typing import Any

from refnet import _dtype
from refnet.onnx._graph import Graph, Operand
from refnet.onnx._table import TRANSLATIONS, translates

# --- one operand ------------------------------------------------------------------------------------------------------

_UNARY = {
    "neg": "Neg", "abs": "Abs", "sign": "Sign", "reciprocal": "Reciprocal", "sqrt": "Sqrt", "exp": "Exp", "log": "Log",
    "sin": "Sin", "cos": "Cos", "tan": "Tan", "asin": "Asin", "acos": "Acos", "atan": "Atan", "sinh": "Sinh",
    "cosh": "Cosh", "asinh": "Asinh", "acosh": "Acosh", "atanh": "Atanh", "tanh": "Tanh", "sigmoid": "Sigmoid",
    "logistic": "Sigmoid", "relu": "Relu", "floor": "Floor", "ceil": "Ceil", "erf": "Erf", "mish": "Mish",
    "hardswish": "HardSwish",
}  # fmt: skip


def _unary(op: str) -> Any:
    def translation(g: Graph, out: Operand, x: Operand) -> str:
        return g.node(op, [g.operand(x, out.dtype)])

    return translation


for _name, _op in _UNARY.items():
    TRANSLATIONS[_name] = _unary(_op)


@translates("square")
def _square(g: Graph, out: Operand, x: Operand) -> str:
    name = g.operand(x, out.dtype)
    return g.node("Mul", [name, name])


@translates("rsqrt")
def _rsqrt(g: Graph, out: Operand, x: Operand) -> str:
    return g.node("Reciprocal", [g.node("Sqrt", [g.operand(x, out.dtype)])])


@translates("expm1")
def _expm1(g: Graph, out: Operand, x: Operand) -> str:
    """e^x - 1; near 0, where the difference would lose the digits, 2 t / (1 - t) with t = tanh(x / 2)."""
    name = g.operand(x, out.dtype)
    one = g.constant(1, out.dtype)
    t = g.node("Tanh", [g.node("Mul", [name, g.constant(0.5, out.dtype)])])
    near = g.node("Div", [g.node("Add", [t, t]), g.node("Sub", [one, t])])
    return g.node("Where", [_is_small(g, name, out), near, g.node("Sub", [g.node("Exp", [name]), one])])


@translates("log1p")
def _log1p(g: Graph, out: Operand, x: Operand) -> str:
    """ln(1 + x); near 0, where the sum would lose the digits, 2 artanh(x / (2 + x))."""
    name = g.operand(x, out.dtype)
    half = g.node("Atanh", [g.node("Div", [name, g.node("Add", [name, g.constant(2, out.dtype)])])])
    far = g.node("Log", [g.node("Add", [name, g.constant(1, out.dtype)])])
    return g.node("Where", [_is_small(g, name, out), g.node("Add", [half, half]), far])


def _is_small(g: Graph, name: str, out: Operand) -> str:
    return g.node("Less", [g.node("Abs", [name]), g.constant(0.5, out.dtype)])


@translates("log2", "log10")
def _log_to_base(g: Graph, out: Operand, x: Operand) -> str:
    base = 2 if "log2" in g.operation else 10
    return g.node("Div", [g.node("Log", [g.operand(x, out.dtype)]), g.constant(math.log(base), out.dtype)])


@translates("exp2")
def _exp2(g: Graph, out: Operand, x: Operand) -> str:
    return g.node("Pow", [g.constant(2, out.dtype), g.operand(x, out.dtype)])


@translates("trunc")
def _trunc(g: Graph, out: Operand, x: Operand) -> str:
    size = g.node("Floor", [g.node("Abs", [x.name])])
    return g.node("Mul", [g.node("Sign", [x.name]), size])


@translates("round")
def _round(g: Graph, out: Operand, x: Operand, decimals: int) -> str:
    if decimals:
        raise g.unsupported("ONNX rounds to integers only; decimals must be 0")
    return g.node("Round", [x.name])


@translates("logical_not")
def _not(g: Graph, out: Operand, x: Operand) -> str:
    return g.node("Not", [g.operand(x, _dtype.bool_)])


@translates("bitwise_not")
def _bitwise_not(g: Graph, out: Operand, x: Operand) -> str:
    return g.node("Not" if x.dtype is _dtype.bool_ else "BitwiseNot", [x.name])


@translates("isnan", "isinf", "isfinite")
def _classified(g: Graph, out: Operand, x: Operand) -> str:
    kind = g.operation
    if kind != "isfinite":
        return g.node("IsNaN" if kind == "isnan" else "IsInf", [x.name])
    return g.node("Not", [g.node("Or", [g.node("IsNaN", [x.name]), g.node("IsInf", [x.name])])])


@translates("copy")
def _copy(g: Graph, out: Operand, x: Operand, order: str, dtype: Any) -> str:
    return g.node("Identity", [x.name]) if x.dtype is out.dtype else g.cast_to(x.name, out.dtype.numpy)


# --- activations ------------------------------------------------------------------------------------------------------


@translates("leaky_relu")
def _leaky_relu(g: Graph, out: Operand, x: Operand, slope: float) -> str:
    return g.node("LeakyRelu", [x.name], alpha=float(slope))


@translates("hardtanh")
def _hardtanh(g: Graph, out: Operand, x: Operand, low: float, high: float) -> str:
    return g.node("Clip", [x.name, g.constant(low, x.dtype), g.constant(high, x.dtype)])


@translates("threshold")
def _threshold(g: Graph, out: Operand, x: Operand, limit: float, value: float) -> str:
    below = g.node("LessOrEqual", [x.name, g.constant(limit, x.dtype)])
    return g.node("Where", [below, g.constant(value, x.dtype), x.name])


@translates("elu")
def _elu(g: Graph, out: Operand, x: Operand, alpha: float, scale: float, input_scale: float) -> str:
    """scale alpha (e^(input_scale x) - 1) below 0, scale x above; ONNX's Elu has neither scale."""
    if scale == 1 and input_scale == 1:
        return g.node("Elu", [x.name], alpha=float(alpha))
    inner = x.name if input_scale == 1 else g.node("Mul", [x.name, g.constant(input_scale, x.dtype)])
    below = g.node("Mul", [g.node("Elu", [inner], alpha=1.0), g.constant(scale * alpha, x.dtype)])
    above = x.name if scale == 1 else g.node("Mul", [x.name, g.constant(scale, x.dtype)])
    return g.node("Where", [g.node("Less", [x.name, g.constant(0, x.dtype)]), below, above])


@translates("softplus")
def _softplus(g: Graph, out: Operand, x: Operand, beta: float, limit: float) -> str:
    factor = g.constant(beta, x.dtype)
    scaled = x.name if beta == 1 else g.node("Mul", [x.name, factor])
    soft = g.node("Softplus", [scaled])
    soft = soft if beta == 1 else g.node("Div", [soft, factor])
    return g.node("Where", [g.node("Greater", [scaled, g.constant(limit, x.dtype)]), x.name, soft])


@translates("log_sigmoid")
def _log_sigmoid(g: Graph, out: Operand, x: Operand) -> str:
    return g.node("Neg", [g.node("Softplus", [g.node("Neg", [x.name])])])


@translates("silu")
def _silu(g: Graph, out: Operand, x: Operand) -> str:
    return g.node("Mul", [x.name, g.node("Sigmoid", [x.name])])


@translates("nn.functional.gelu")
def _gelu(g: Graph, out: Operand, input: Operand, approximate: str) -> str:
    x = input
    if g.opset >= 20:
        return g.node("Gelu", [x.name], approximate=approximate)
    if approximate == "tanh":
        cube = g.node("Mul", [g.node("Mul", [x.name, x.name]), x.name])
        inner = g.node("Add", [x.name, g.node("Mul", [cube, g.constant(0.044715, x.dtype)])])
        bent = g.node("Tanh", [g.node("Mul", [inner, g.constant(math.sqrt(2 / math.pi), x.dtype)])])
    else:
        bent = g.node("Erf", [g.node("Mul", [x.name, g.constant(math.sqrt(0.5), x.dtype)])])
    share = g.node("Mul", [g.node("Add", [bent, g.constant(1, x.dtype)]), g.constant(0.5, x.dtype)])
    return g.node("Mul", [x.name, share])


@translates("hardsigmoid")
def _hardsigmoid(g: Graph, out: Operand, x: Operand) -> str:
    return g.node("HardSigmoid", [x.name], alpha=1 / 6, beta=0.5)


@translates("hardshrink", "softshrink")
def _shrink(g: Graph, out: Operand, x: Operand, limit: float) -> str:
    soft = g.operation.startswith("softshrink")
    return g.node("Shrink", [x.name], lambd=float(limit), bias=float(limit) if soft else 0.0)


@translates("prelu")
def _prelu(g: Graph, out: Operand, x: Operand, weight: Operand) -> str:
    """The engine has the slopes in x's rank already; ONNX wants them broadcastable to x."""
    return g.node("PRelu", [x.name, weight.name])


# --- two operands -----------------------------------------------------------------------------------------------------

_BINARY = {"mul": "Mul", "true_divide": "Div", "power": "Pow", "maximum": "Max", "minimum": "Min"}
_COMPARISONS = {"eq": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual"}
_LOGICAL = {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor"}
_BITWISE = {"bitwise_and": "And", "bitwise_or": "Or", "bitwise_xor": "Xor"}


def _binary(op: str) -> Any:
    def translation(g: Graph, out: Operand, x: Any, y: Any) -> str:
        return g.node(op, [g.operand(x, out.dtype), g.operand(y, out.dtype)])

    return translation


def _comparison(op: str) -> Any:
    def translation(g: Graph, out: Operand, x: Any, y: Any) -> str:
        common = common_dtype(x, y)
        return g.node(op, [g.operand(x, common), g.operand(y, common)])

    return translation


def _logical(op: str) -> Any:
    def translation(g: Graph, out: Operand, x: Any, y: Any) -> str:
        return g.node(op, [g.operand(x, _dtype.bool_), g.operand(y, _dtype.bool_)])

    return translation


def _bitwise(op: str) -> Any:
    def translation(g: Graph, out: Operand, x: Any, y: Any) -> str:
        name = op if out.dtype is _dtype.bool_ else f"Bitwise{op}"
        return g.node(name, [g.operand(x, out.dtype), g.operand(y, out.dtype)])

    return translation


for _table, _make in ((_BINARY, _binary), (_COMPARISONS, _comparison), (_LOGICAL, _logical), (_BITWISE, _bitwise)):
    for _name, _op in _table.items():
        TRANSLATIONS[_name] = _make(_op)


def common_dtype(*values: Any) -> Any:
    """The type in which operands and numbers are compared."""
    dtype: Any = None
    numbers = []
    for value in values:
        if isinstance(value, Operand):
            dtype = value.dtype if dtype is None else _dtype.promote_types(dtype, value.dtype)
        else:
            numbers.append(value)
    if any(isinstance(number, float) for number in numbers) and not dtype.is_floating_point:
        return _dtype.get_default_dtype()
    return dtype


@translates("ne")
def _ne(g: Graph, out: Operand, x: Any, y: Any) -> str:
    return g.node("Not", [_comparison("Equal")(g, out, x, y)])


@translates("add", "sub")
def _add(g: Graph, out: Operand, x: Any, y: Any, alpha: Any = 1) -> str:
    second = g.operand(y, out.dtype)
    if alpha != 1:
        second = g.node("Mul", [second, g.constant(alpha, out.dtype)])
    op = "Sub" if g.operation.startswith("sub") else "Add"
    return g.node(op, [g.operand(x, out.dtype), second])


@translates("floor_divide")
def _floor_divide(g: Graph, out: Operand, x: Any, y: Any) -> str:
    """ONNX divides integers toward zero, so they are divided as floats: exact up to 2^53."""
    if out.dtype.is_floating_point:
        return g.node("Floor", [g.node("Div", [g.operand(x, out.dtype), g.operand(y, out.dtype)])])
    quotient = g.node("Div", [g.operand(x, _dtype.float64), g.operand(y, _dtype.float64)])
    return g.cast_to(g.node("Floor", [quotient]), out.dtype.numpy)


@translates("fmod", "remainder")
def _remainder(g: Graph, out: Operand, x: Any, y: Any) -> str:
    """ONNX's Mod has the sign of the dividend for floats, as fmod, and that of the divisor for integers."""
    a, b = g.operand(x, out.dtype), g.operand(y, out.dtype)
    if g.operation == "fmod" or not out.dtype.is_floating_point:
        return g.node("Mod", [a, b], fmod=int(g.operation == "fmod"))
    return g.node("Sub", [a, g.node("Mul", [b, g.node("Floor", [g.node("Div", [a, b])])])])


@translates("hypot")
def _hypot(g: Graph, out: Operand, x: Any, y: Any) -> str:
    squares = [g.node("Mul", [name, name]) for name in (g.operand(x, out.dtype), g.operand(y, out.dtype))]
    return g.node("Sqrt", [g.node("Add", squares)])


@translates("logaddexp")
def _logaddexp(g: Graph, out: Operand, x: Any, y: Any) -> str:
    """max(x, y) + ln(1 + e^-|x - y|)"""
    a, b = g.operand(x, out.dtype), g.operand(y, out.dtype)
    gap = g.node("Neg", [g.node("Abs", [g.node("Sub", [a, b])])])
    return g.node("Add", [g.node("Max", [a, b]), g.node("Softplus", [gap])])


@translates("replace_special")
def _replace_special(g: Graph, out: Operand, x: Operand, nan: float, posinf: float, neginf: float) -> str:
    name = g.node("Where", [g.node("IsNaN", [x.name]), g.constant(nan, x.dtype), x.name])
    for value, signs in ((posinf, {"detect_negative": 0}), (neginf, {"detect_positive": 0})):
        name = g.node("Where", [g.node("IsInf", [name], **signs), g.constant(value, x.dtype), name])
    return name


@translates("clamp_min", "clamp_max")
def _clamp(g: Graph, out: Operand, x: Any, low: Any = None, high: Any = None) -> str:
    bound, op = (low, "Max") if high is None else (high, "Min")
    return g.node(op, [g.operand(x, out.dtype), g.operand(bound, out.dtype)])


@translates("clamp_both")
def _clamp_both(g: Graph, out: Operand, x: Any, low: Any, high: Any) -> str:
    raised = g.node("Max", [g.operand(x, out.dtype), g.operand(low, out.dtype)])
    return g.node("Min", [raised, g.operand(high, out.dtype)])


@translates("select")
def _where(g: Graph, out: Operand, condition: Operand, x: Any, y: Any) -> str:
    return g.node("Where", [g.operand(condition, _dtype.bool_), g.operand(x, out.dtype), g.operand(y, out.dtype)])


@translates("filled_where")
def _masked_fill(g: Graph, out: Operand, x: Operand, v: Any, mask: Operand, order: str) -> str:
    return g.node("Where", [mask.name, g.operand(v, out.dtype), x.name])
