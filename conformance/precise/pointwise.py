"""Operations element by element: functions of one number, arithmetic with broadcasting, limits."""

from typing import Any

from conformance.precise import elementary as e
from conformance.precise.blocks import Blocks, NoFormError, Operand, gathered, numbered, operation, pointwise
from conformance.precise.jet import Formula, Jet, chain2, exactly, jet, mp, total

# --- functions of one number ----------------------------------------------------------------------------------------


def _flat(f: Any) -> Formula:
    """A function whose slope is zero everywhere."""
    return lambda x: Jet(f(x.x))


def _round_half_even(x: Any) -> Any:
    low = mp.floor(x)
    gap = x - low
    up = gap > mp.mpf(0.5) or (gap == mp.mpf(0.5) and int(low) % 2 == 1)
    return low + 1 if up else low


def _truncated(x: Any) -> Any:
    return mp.floor(x) if x >= 0 else mp.ceil(x)


def absolute(x: Any) -> Jet:
    """|x|; torch's slope at 0 is 0."""
    given = jet(x)
    if given.x == 0:
        return Jet(mp.zero)
    return given if given > 0 else -given


def _log_of_base(base: int) -> Formula:
    return lambda x: e.log(x) / jet(mp.ln(base))


ONE_NUMBER: dict[str, Formula] = {
    "exp": e.exp,
    "exp2": lambda x: e.exp(x * jet(mp.ln(2))),
    "expm1": e.expm1,
    "log": e.log,
    "log2": _log_of_base(2),
    "log10": _log_of_base(10),
    "log1p": e.log1p,
    "sqrt": e.sqrt,
    "rsqrt": lambda x: 1 / e.sqrt(x),
    "reciprocal": lambda x: 1 / x,
    "square": lambda x: x * x,
    "neg": lambda x: -x,
    "positive": lambda x: x,
    "abs": absolute,
    "sin": e.sin,
    "cos": e.cos,
    "tan": e.tan,
    "asin": e.asin,
    "acos": e.acos,
    "atan": e.atan,
    "sinh": e.sinh,
    "cosh": e.cosh,
    "tanh": e.tanh,
    "asinh": e.asinh,
    "acosh": e.acosh,
    "atanh": e.atanh,
    "sinc": e.sinc,
    "deg2rad": lambda x: x * jet(mp.pi / 180),
    "rad2deg": lambda x: x * jet(180 / mp.pi),
    "sigmoid": e.sigmoid,
    "erf": e.erf,
    "erfc": e.erfc,
    "erfinv": e.erfinv,
    "lgamma": e.lgamma,
    "digamma": e.digamma,
    # Without gradients in torch. Its J, Y and Ai are off by 1e-6 at float64 where |x| is larger than about 5.
    "airy_ai": _flat(mp.airyai),
    "bessel_j0": _flat(lambda x: mp.besselj(0, x)),
    "bessel_j1": _flat(lambda x: mp.besselj(1, x)),
    "bessel_y0": _flat(lambda x: mp.bessely(0, x)),
    "bessel_y1": _flat(lambda x: mp.bessely(1, x)),
    "floor": _flat(mp.floor),
    "ceil": _flat(mp.ceil),
    "trunc": _flat(_truncated),
    "round": _flat(_round_half_even),
    "sign": _flat(mp.sign),
    "frac": lambda x: x - jet(_truncated(x.x)),
}
ALIASES = {"absolute": "abs", "negative": "neg", "expit": "sigmoid", "arctan": "atan", "arcsin": "asin"}
ALIASES |= {
    "arccos": "acos",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "gammaln": "lgamma",
    "psi": "digamma",
}


def _enter(name: str, formula: Formula) -> None:
    @operation(name)
    def unary(input: Any) -> Blocks:
        return pointwise(formula, input)


for _name, _formula in ONE_NUMBER.items():
    _enter(_name, _formula)
for _alias, _name in ALIASES.items():
    _enter(_alias, ONE_NUMBER[_name])


@operation("polygamma")
def polygamma(n: Any, input: Any) -> Blocks:
    """The n-th derivative of digamma; torch's of order 1 is off by 1e-10 at float64. The method has n last."""
    order, at = (input, n) if isinstance(n, Operand) else (n, input)
    return pointwise(lambda x: e.polygamma(x, order), at)


def _incomplete(upper: bool) -> Formula:
    def formula(a: Any, x: Any) -> Jet:
        shape = jet(a)
        if not shape.constant:
            raise ValueError("there is no slope along the first argument")
        return e.incomplete_gamma(x, shape.x, upper=upper)

    return formula


@operation("igamma", "gammainc")
def igamma(input: Any, other: Any) -> Blocks:
    """The share of the gamma distribution of shape `input` below `other`."""
    return pointwise(_incomplete(False), input, other)


@operation("igammac", "gammaincc")
def igammac(input: Any, other: Any) -> Blocks:
    """The share above."""
    return pointwise(_incomplete(True), input, other)


@operation("logit")
def logit(input: Any, eps: float | None = None) -> Blocks:
    """log(x / (1 - x)), x held between eps and 1 - eps, with no slope outside."""

    def formula(x: Jet) -> Jet:
        if eps is not None:
            low, high = exactly(eps), exactly(1.0 - eps)  # torch rounds the difference too
            x = Jet(low) if x.x < low else Jet(high) if x.x > high else x
        return e.log(x) - e.log(1 - x)

    return pointwise(formula, input)


@operation("clamp", "clip")
def clamp(input: Any, min: Any = None, max: Any = None) -> Blocks:
    """x held between min and max; at a limit the slope is x's."""

    def formula(x: Jet, low: Any, high: Any) -> Jet:
        if low is not None and high is not None and jet(low) > high:
            return jet(high)
        if low is not None and x < low:
            return jet(low)
        return jet(high) if high is not None and x > high else x

    return pointwise(formula, input, min, max)


# --- functions of two and three numbers -----------------------------------------------------------------------------


@operation("add")
def add(input: Any, other: Any, alpha: Any = 1) -> Blocks:
    """x + alpha y."""
    return pointwise(lambda x, y: x + alpha * jet(y), input, other)


@operation("sub", "subtract")
def sub(input: Any, other: Any, alpha: Any = 1) -> Blocks:
    """x - alpha y."""
    return pointwise(lambda x, y: x - alpha * jet(y), input, other)


@operation("rsub")
def rsub(input: Any, other: Any, alpha: Any = 1) -> Blocks:
    """y - alpha x."""
    return pointwise(lambda x, y: y - alpha * jet(x), input, other)


@operation("mul", "multiply")
def mul(input: Any, other: Any) -> Blocks:
    """x y."""
    return pointwise(lambda x, y: x * y, input, other)


@operation("div", "divide", "true_divide")
def div(input: Any, other: Any, rounding_mode: str | None = None) -> Blocks:
    """x / y; rounded, it is flat."""
    if rounding_mode is None:
        return pointwise(lambda x, y: x / y, input, other)
    rounded = {"floor": mp.floor, "trunc": _truncated}[rounding_mode]
    return pointwise(lambda x, y: Jet(_whole_quotient(x.x, jet(y).x, rounded)), input, other)


def _whole_quotient(x: Any, y: Any, rounded: Any) -> Any:
    """rounded(x / y) with x and y as whole numbers times a power of two: no quotient rounds up to a whole number."""
    with mp.workprec(5000):
        return rounded(x / y)


def _power(x: Any, y: Any) -> Jet:
    """x^y. Where x is not positive, y is whole and fixed."""
    x, y = jet(x), jet(y)
    if y.x == 0 and not y.constant and (x.b or y.b):
        raise ValueError("torch's second order is not the derivative of its gradient where the exponent is 0")
    if y.constant:
        return e.power(x, y.x)
    if x.x > 0:
        log = mp.ln(x.x)
        value = mp.power(x.x, y.x)
        slopes = y.x * value / x.x, value * log
        second = y.x * (y.x - 1) * value / x.x**2, value * (1 + y.x * log) / x.x, value * log**2
        return chain2(x, y, value, slopes, second)
    raise ValueError(f"the slope of {x.x}^y along y")


@operation("pow", "float_power")
def pow(input: Any, exponent: Any) -> Blocks:
    """x^y."""
    return pointwise(_power, input, exponent)


@operation("atan2", "arctan2")
def atan2(input: Any, other: Any) -> Blocks:
    """The angle of the point (x, y) = (other, input)."""

    def formula(y: Jet, x: Jet) -> Jet:
        if y.x == 0 and x.x <= 0:
            raise ValueError("the sign of a zero decides the angle")
        r2 = x.x**2 + y.x**2
        twist = (y.x**2 - x.x**2) / r2**2
        product = 2 * x.x * y.x / r2**2
        return chain2(y, x, mp.atan2(y.x, x.x), (x.x / r2, -y.x / r2), (-product, twist, product))

    return pointwise(formula, input, other)


@operation("hypot")
def hypot(input: Any, other: Any) -> Blocks:
    """sqrt(x^2 + y^2)."""
    return pointwise(lambda x, y: e.sqrt(x * x + y * y), input, other)


def _log_sum(x: Jet, y: Jet) -> Jet:
    return x + e.softplus(y - x) if x > y else y + e.softplus(x - y)


@operation("logaddexp")
def logaddexp(input: Any, other: Any) -> Blocks:
    """log(e^x + e^y)."""
    return pointwise(_log_sum, input, other)


@operation("logaddexp2")
def logaddexp2(input: Any, other: Any) -> Blocks:
    """log2(2^x + 2^y)."""

    def formula(x: Jet, y: Jet) -> Jet:
        ln2 = jet(mp.ln(2))
        return _log_sum(x * ln2, y * ln2) / ln2

    return pointwise(formula, input, other)


@operation("xlogy")
def xlogy(input: Any, other: Any) -> Blocks:
    """x log y, and 0 for x = 0."""
    return pointwise(lambda x, y: _product_or_zero(jet(x), jet(y), e.log), input, other)


@operation("xlog1py")
def xlog1py(input: Any, other: Any) -> Blocks:
    """x log(1 + y), and 0 for x = 0."""
    return pointwise(lambda x, y: _product_or_zero(jet(x), jet(y), e.log1p), input, other)


def _product_or_zero(x: Jet, y: Jet, f: Any) -> Jet:
    return Jet(mp.zero) if x.x == 0 and x.constant else x * f(y)


def _at_tie(x: Jet, y: Jet) -> Jet:
    """Half of each: torch's slope where a maximum is shared."""
    return (x + y) / 2


@operation("maximum")
def maximum(input: Any, other: Any) -> Blocks:
    """The larger; a tie is shared."""
    return pointwise(lambda x, y: _at_tie(x, y) if x.x == y.x else x if x > y else y, input, other)


@operation("minimum")
def minimum(input: Any, other: Any) -> Blocks:
    """The smaller; a tie is shared."""
    return pointwise(lambda x, y: _at_tie(x, y) if x.x == y.x else x if x < y else y, input, other)


@operation("fmax")
def fmax(input: Any, other: Any) -> Blocks:
    """The larger; a tie is the first's."""
    return pointwise(lambda x, y: x if x >= y else y, input, other)


@operation("fmin")
def fmin(input: Any, other: Any) -> Blocks:
    """The smaller; a tie is the first's."""
    return pointwise(lambda x, y: x if x <= y else y, input, other)


@operation("lerp")
def lerp(input: Any, end: Any, weight: Any) -> Blocks:
    """x + w (y - x)."""
    return pointwise(lambda x, y, w: x + w * (y - x), input, end, weight)


@operation("addcmul")
def addcmul(input: Any, tensor1: Any, tensor2: Any, value: Any = 1) -> Blocks:
    """x + value y z."""
    return pointwise(lambda x, y, z: x + value * (y * z), input, tensor1, tensor2)


@operation("addcdiv")
def addcdiv(input: Any, tensor1: Any, tensor2: Any, value: Any = 1) -> Blocks:
    """x + value y / z."""
    return pointwise(lambda x, y, z: x + value * (y / z), input, tensor1, tensor2)


@operation("where")
def where(condition: Any, input: Any, other: Any) -> Blocks:
    """x where the condition holds, else y."""
    if not isinstance(condition, Operand) or condition.array is None:
        raise NoFormError("a condition that is no array")
    return pointwise(lambda c, x, y: jet(x) if c.x != 0 else jet(y), condition, input, other)


@operation("sum_to_size")
def sum_to_size(input: Operand, *size: Any) -> Blocks:
    """The sum over the dimensions that broadcasting from `size` would add or stretch."""
    wanted = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    lead = input.places.ndim - len(wanted)
    axes = tuple(range(lead)) + tuple(lead + d for d, n in enumerate(wanted) if n == 1 and input.shape[lead + d] != 1)
    places = gathered(input.places, axes)
    writes = numbered(places.shape[:-1])[..., None]
    return Blocks((input.with_places(places),), writes, lambda read: [total(read)])
