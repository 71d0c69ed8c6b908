"""Arithmetic and elementary functions, element by element."""

import functools
import math
from typing import Any

import numpy

from conformance.case import OUTPUT, Arguments, args
from conformance.draw import HALVES, uniform, values
from conformance.prove.regimes import Make
from conformance.prove.subject import Subject, altered, ones, times, with_gradient
from conformance.prove.wrappers import (
    by_numpy,
    flushing,
    inside,
    remembered,
    reused_buffer,
    reversed_batch,
    tail_dropped,
    tail_in_half,
    tf32,
)

NAN = float("nan")


def one(make: Make) -> list[Arguments]:
    """Rows of a function of one array."""
    return [args(make(1)), args(make(7)), args(make(33)), args(make(1025))]


def two(make: Make) -> list[Arguments]:
    """Rows of a function of two arrays, one of them broadcast."""
    return [args(make(1), make(1)), args(make(33), make(33)), args(make(3, 5), make(5)), args(make(4, 1), make(1, 7))]


# --- arithmetic -------------------------------------------------------------------------------------------------------


def add(torch: Any, x: Any, y: Any, *, alpha: float = 1) -> Any:
    """x + alpha y."""
    return x + alpha * y


def add_without_alpha(torch: Any, x: Any, y: Any, *, alpha: float = 1) -> Any:
    """x + y."""
    return x + y


def _first_row(torch: Any, g: Any, out: Any, x: Any, y: Any, **_: Any) -> Any:
    """The gradient of a broadcast y is one row's, not the sum of all rows."""
    return g.sum_to_size(x.shape), g[:1].sum_to_size(y.shape) if g.dim() > y.dim() else g.sum_to_size(y.shape)


def _mean_of_rows(torch: Any, g: Any, out: Any, x: Any, y: Any, **_: Any) -> Any:
    """The gradient of a broadcast y is the mean of the rows."""
    return g.sum_to_size(x.shape), g.sum_to_size(y.shape) * (y.numel() / g.numel())


def multiply(torch: Any, x: Any, y: Any) -> Any:
    """x y."""
    return x * y


def _multiply_gradient(torch: Any, g: Any, out: Any, x: Any, y: Any, *, swapped: bool, second: bool) -> Any:
    """(g y, g x), the two mixed up, or the second left out."""
    factors = (x, y) if swapped else (y, x)
    gx, gy = g * factors[0], g * factors[1] if second else torch.zeros_like(g)
    return gx.sum_to_size(x.shape), gy.sum_to_size(y.shape)


def multiply_tf32(torch: Any, x: Any, y: Any) -> Any:
    """Both factors as TensorFloat-32."""
    return tf32(torch, x) * tf32(torch, y)


def _times_reciprocal(torch: Any, x: Any, y: Any) -> Any:
    return x * torch.reciprocal(y)


def _divide_gradient(torch: Any, g: Any, out: Any, x: Any, y: Any, *, sign: int = -1, power: int = 2) -> Any:
    """(g / y, -g (x / y) / y); `sign` and `power` spoil the second."""
    gy = sign * g * (out / y if power == 2 else out)
    return (g / y).sum_to_size(x.shape), gy.sum_to_size(y.shape)


def divide(torch: Any, x: Any, y: Any, *, epsilon: float = 0.0) -> Any:
    """x / (y + epsilon)."""
    return x / (y + epsilon)


def divide_estimated(torch: Any, x: Any, y: Any) -> Any:
    """1 / y from 8 bits, with one Newton step r (2 - y r)."""
    r = torch.reciprocal(y.to(torch.bfloat16)).to(y.dtype)
    return x * (r * (2 - y * r))


def remainder_of_c(torch: Any, x: Any, y: Any) -> Any:
    """The remainder takes the sign of x, not of y."""
    return torch.fmod(x, y)


def divide_truncating(torch: Any, x: Any, y: Any) -> Any:
    """Toward zero, as in C."""
    return torch.div(x, y, rounding_mode="trunc")


def divide_flooring(torch: Any, x: Any, y: Any) -> Any:
    """Toward zero, and one less where a remainder has the other sign."""
    q = torch.div(x, y, rounding_mode="trunc")
    return torch.where((q * y != x) & ((x < 0) != (y < 0)), q - 1, q)


def lerp(torch: Any, start: Any, end: Any, weight: Any, *, swapped: bool = False) -> Any:
    """(1 - w) start + w end."""
    return weight * start + (1 - weight) * end if swapped else (1 - weight) * start + weight * end


def _lerp_gradient(torch: Any, g: Any, out: Any, start: Any, end: Any, weight: Any) -> Any:
    return g * (1 - weight), g * weight, g * (end - start) if isinstance(weight, torch.Tensor) else None


def addcmul(torch: Any, x: Any, a: Any, b: Any, *, value: float = 1, ignored: bool = False) -> Any:
    """x + value a b."""
    return x + a * b * (1 if ignored else value)


# --- roots and powers -------------------------------------------------------------------------------------------------


def root(torch: Any, x: Any, *, epsilon: float = 0.0) -> Any:
    """sqrt(x + epsilon)."""
    return torch.sqrt(x + epsilon)


def _root_gradient(torch: Any, g: Any, out: Any, x: Any, *, factor: float = 0.5, least: float = 0.0) -> Any:
    """factor g / max(sqrt x, least)."""
    return factor * g / out.clamp(min=least)


def root_through_inverse(torch: Any, x: Any) -> Any:
    """x (1 / sqrt x)."""
    return x * torch.rsqrt(x)


def inverse_root(torch: Any, x: Any, *, steps: int) -> Any:
    """1 / sqrt x guessed from the exponent's bits, with Newton steps y (3 - x y^2) / 2."""
    y = (0x5F3759DF - (x.detach().view(torch.int32) >> 1)).view(torch.float32)
    for _ in range(steps):
        y = y * (1.5 - 0.5 * x * y * y)
    return torch.where(x >= 0, torch.where(x == 0, math.inf, y), NAN)


def _inverse_root_gradient(torch: Any, g: Any, out: Any, x: Any) -> Any:
    return -0.5 * g * out * out * out


def cube_by_products(torch: Any, x: Any, exponent: int) -> Any:
    """x x x."""
    return x * x * x


def power_by_logarithm(torch: Any, x: Any, exponent: float) -> Any:
    """exp(n log x): sound for positive x near one; NaN for negative x."""
    return torch.exp(exponent * torch.log(x))


def _power_gradient(torch: Any, g: Any, out: Any, x: Any, n: float, *, factor: bool = False) -> Any:
    """g x^(n-1), without the factor n."""
    return g * x ** (n - 1) * (n if factor else 1)


def square(torch: Any, x: Any) -> Any:
    """x x."""
    return x * x


def hypotenuse(torch: Any, x: Any, y: Any) -> Any:
    """sqrt(x^2 + y^2): the squares underflow."""
    return torch.sqrt(x * x + y * y)


def hypotenuse_scaled(torch: Any, x: Any, y: Any) -> Any:
    """a sqrt(1 + (b / a)^2) with a >= b the magnitudes."""
    a, b = torch.maximum(x.abs(), y.abs()), torch.minimum(x.abs(), y.abs())
    ratio = torch.where(a > 0, b / a, torch.zeros_like(a))
    return a * torch.sqrt(1 + ratio * ratio)


def _hypotenuse_gradient(torch: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
    return (g * (x / out)).sum_to_size(x.shape), (g * (y / out)).sum_to_size(y.shape)


# --- exponentials and logarithms --------------------------------------------------------------------------------------


def exponential(torch: Any, x: Any, *, terms: int) -> Any:
    """2^k sum r^i / i! with x = k log 2 + r, |r| <= log(2) / 2; log 2 in two parts, so that r loses nothing."""
    x = x.clamp(-110, 110)
    k = torch.round(x * (1 / math.log(2)))
    high = 0.693359375  # 9 bits: k times it is exact
    r = (x - k * high) - k * (math.log(2) - high)
    series = torch.ones_like(x)
    for i in range(terms - 1, 0, -1):
        series = 1 + series * r / i
    half = torch.floor(k / 2)
    return series * torch.exp2(half) * torch.exp2(k - half)


def _exponential_gradient(torch: Any, g: Any, out: Any, x: Any) -> Any:
    return g * out


def exponential_clipped(torch: Any, x: Any) -> Any:
    """x clipped at 80: nothing overflows, and nothing is infinite."""
    return torch.exp(x.clamp(max=80.0))


def logarithm(torch: Any, x: Any, *, epsilon: float = 0.0) -> Any:
    """log(x + epsilon)."""
    return torch.log(x + epsilon)


def logarithm_by_two(torch: Any, x: Any, *, constant: float = math.log(2)) -> Any:
    """log2(x) log(2)."""
    return torch.log2(x) * constant


def _logarithm_gradient(torch: Any, g: Any, out: Any, x: Any) -> Any:
    return g / x


def log1p_naive(torch: Any, x: Any) -> Any:
    """log(1 + x): a small x is lost."""
    return torch.log(1 + x)


def log1p_corrected(torch: Any, x: Any) -> Any:
    """log(s) x / (s - 1) with s = 1 + x rounded: the error of the sum cancels (Kahan)."""
    s = 1 + x
    return torch.where(s == 1, x, torch.log(s) * (x / torch.where(s == 1, 1.0, s - 1)))


def _log1p_gradient(torch: Any, g: Any, out: Any, x: Any) -> Any:
    return g / (1 + x)


def expm1_naive(torch: Any, x: Any) -> Any:
    """exp(x) - 1: a small x is lost."""
    return torch.exp(x) - 1


def product_with_logarithm(torch: Any, x: Any, y: Any, *, zero: bool = True) -> Any:
    """x log y, 0 where x = 0; `zero` False forgets that 0 times infinity is NaN."""
    product = x * torch.log(y)
    return torch.where(x == 0, torch.where(torch.isnan(y), NAN, 0.0), product) if zero else product


def logaddexp(torch: Any, x: Any, y: Any) -> Any:
    """max + log1p(exp(-|x - y|))."""
    return torch.maximum(x, y) + torch.log1p(torch.exp(-(x - y).abs()))


def _logaddexp_gradient(torch: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
    return (g * torch.sigmoid(x - y)).sum_to_size(x.shape), (g * torch.sigmoid(y - x)).sum_to_size(y.shape)


def logaddexp_naive(torch: Any, x: Any, y: Any) -> Any:
    """log(exp x + exp y): overflows."""
    return torch.log(torch.exp(x) + torch.exp(y))


# --- trigonometry and the error function ------------------------------------------------------------------------------


def sine(torch: Any, x: Any, *, parts: int, terms: int = 8) -> Any:
    """(-1)^k (r - r^3 / 3! + ...) with r = x - k pi, pi in `parts` numbers: with one alone r is wrong for large x."""
    k = torch.round(x / math.pi)
    short, next_short = 3.140625, 507 / 2**19  # 8 and 9 bits: k times them is exact
    pieces = {1: (math.pi,), 3: (short, next_short, math.pi - short - next_short)}[parts]
    r = x
    for piece in pieces:
        r = r - k * piece
    series, term = torch.zeros_like(r), r
    for i in range(1, terms + 1):
        series = series + term
        term = -term * r * r / (2 * i * (2 * i + 1))
    return torch.where(k % 2 == 0, series, -series)


def _sine_gradient(torch: Any, g: Any, out: Any, x: Any) -> Any:
    return g * torch.cos(x)


def arctangent_half(torch: Any, y: Any, x: Any) -> Any:
    """atan(y / x): two of the four quadrants are wrong."""
    return torch.atan(y / x)


def arctangent(torch: Any, y: Any, x: Any) -> Any:
    """atan(y / x), plus or minus pi where x < 0."""
    return torch.atan(y / x) + torch.where(x < 0, torch.where(y < 0, -math.pi, math.pi), 0.0)


def _arctangent_gradient(torch: Any, g: Any, out: Any, y: Any, x: Any) -> Any:
    r = torch.hypot(x, y)
    return (g * (x / r) / r).sum_to_size(y.shape), (-g * (y / r) / r).sum_to_size(x.shape)


def error_function_fast(torch: Any, x: Any) -> Any:
    """Abramowitz and Stegun 7.1.26: an absolute error of 1.5e-7, so nothing is left of a small x."""
    t = 1 / (1 + 0.3275911 * x.abs())
    polynomial = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return torch.sign(x) * (1 - polynomial * torch.exp(-x * x))


# --- choices ----------------------------------------------------------------------------------------------------------


def absolute_by_root(torch: Any, x: Any) -> Any:
    """sqrt(x^2): small squares underflow, and the gradient at 0 is NaN."""
    return torch.sqrt(x * x)


def absolute_by_branch(torch: Any, x: Any) -> Any:
    """-x where x < 0, else x: the gradient at 0 is 1, not 0."""
    return torch.where(x < 0, -x, x)


def absolute_by_sign(torch: Any, x: Any) -> Any:
    """x sign(x)."""
    return x * torch.sign(x)


def absolute_by_maximum(torch: Any, x: Any) -> Any:
    """max(x, -x): both halves of the gradient at 0 cancel."""
    return torch.maximum(x, -x)


def round_half_up(torch: Any, x: Any) -> Any:
    """floor(x + 1/2)."""
    return torch.floor(x + 0.5)


def round_half_away(torch: Any, x: Any) -> Any:
    """Halves away from zero."""
    return torch.sign(x) * torch.floor(x.abs() + 0.5)


def round_by_constant(torch: Any, x: Any) -> Any:
    """(x + 1.5 2^23) - 1.5 2^23 where the fraction has bits: the addition rounds halves to even."""
    magic = 1.5 * 2**23
    return torch.where(x.abs() < 2**22, torch.copysign((x + magic) - magic, x), x)


def clamp(torch: Any, x: Any, low: float, high: float) -> Any:
    """low below low, high above high, else x."""
    return torch.where(x < low, low, torch.where(x > high, high, x))


def _clamp_gradient(torch: Any, g: Any, out: Any, x: Any, low: float, high: float) -> Any:
    return torch.where((x >= low) & (x <= high), g, 0.0)


def clamp_by_extremes(torch: Any, x: Any, low: float, high: float) -> Any:
    """min(max(x, low), high): at a bound half of the gradient goes to the bound."""
    return torch.minimum(torch.maximum(x, torch.full_like(x, low)), torch.full_like(x, high))


def clamp_strict(torch: Any, x: Any, low: float, high: float) -> Any:
    """No gradient at the bounds."""
    return torch.where(x <= low, low, torch.where(x >= high, high, x))


def clamp_nan_low(torch: Any, x: Any, low: float, high: float) -> Any:
    """NaN becomes the lower bound, as by comparisons that are false for it."""
    return torch.where(x > low, torch.where(x > high, high, x), low)


def _clamp_passing(torch: Any, g: Any, out: Any, x: Any, low: float, high: float) -> Any:
    """The gradient passes outside the bounds too."""
    return g


def maximum_first(torch: Any, x: Any, y: Any) -> Any:
    """At a tie the whole gradient goes to x."""
    return torch.where(x >= y, x, y)


def maximum_without_nan(torch: Any, x: Any, y: Any) -> Any:
    """NaN is ignored."""
    return torch.fmax(x, y)


def maximum_by_minimum(torch: Any, x: Any, y: Any) -> Any:
    """-min(-x, -y)."""
    return -torch.minimum(-x, -y)


def where_all(torch: Any, g: Any, out: Any, condition: Any, x: Any, y: Any) -> Any:
    """The gradient is not masked."""
    return None, g, g


def twice(torch: Any, x: Any, y: Any) -> Any:
    """Two calls whose results are looked at afterwards."""
    return torch.exp(x), torch.exp(y)


def _exp(torch: Any, x: Any) -> Any:
    return torch.exp(x)


def _plain(name: str) -> Any:
    """torch's own function, to be wrapped."""
    return lambda torch, *args, **kwargs: getattr(torch, name)(*args, **kwargs)


SUBJECTS = [
    Subject(
        "add",
        lambda make: [*two(make), args(make(9), make(9), alpha=0.5)],
        legitimate={
            "written out": add,
            "float64 inside": inside(add, "float64"),
            "flushed results": flushing(add),
        },
        faults={
            "alpha ignored": add_without_alpha,
            "broadcast gradient of one row": with_gradient(add, _first_row),
            "broadcast gradient averaged": with_gradient(add, _mean_of_rows),
            "cotangent ignored": altered(add, cotangent=ones),
            "tail dropped": tail_dropped(add),
            "tail in float16": tail_in_half(add),
        },
    ),
    Subject(
        "mul",
        two,
        legitimate={
            "written out": multiply,
            "float64 inside": inside(multiply, "float64"),
            "flushed results": flushing(multiply),
            "flushed inputs": flushing(multiply, inputs=True),
        },
        faults={
            "gradients swapped": with_gradient(
                multiply, functools.partial(_multiply_gradient, swapped=True, second=True)
            ),
            "second gradient missing": with_gradient(
                multiply, functools.partial(_multiply_gradient, swapped=False, second=False)
            ),
            "gradient off by 1e-5": altered(multiply, times(1 + 1e-5)),
            "TF32 factors": multiply_tf32,
            "bfloat16 inside": inside(multiply, "bfloat16"),
        },
    ),
    Subject(
        "div",
        two,
        legitimate={"float64 inside": inside(divide, "float64"), "flushed results": flushing(divide)},
        faults={
            "estimated reciprocal": divide_estimated,
            "epsilon below": functools.partial(divide, epsilon=1e-8),
            "second gradient's sign": with_gradient(divide, functools.partial(_divide_gradient, sign=1)),
            "second gradient over y once": with_gradient(divide, functools.partial(_divide_gradient, power=1)),
        },
    ),
    Subject(
        "div",
        two,
        # not subnormal: the reciprocal of 1e-39 overflows
        legitimate={"times the reciprocal": with_gradient(_times_reciprocal, _divide_gradient)},
        regimes=("normal", "positive", "offset", "tiny", "huge"),
    ),
    Subject("remainder", two, faults={"sign of the dividend": remainder_of_c}, checks=frozenset({OUTPUT})),
    Subject(
        "floor_divide",
        lambda make: [args(values([7, -7, 7, -7, 6, -6], "int64"), values([2, 2, -2, -2, 3, 3], "int64"))],
        legitimate={"corrected": divide_flooring},
        faults={"toward zero": divide_truncating},
        regimes=("normal",),
        checks=frozenset({OUTPUT}),
    ),
    Subject(
        "lerp",
        lambda make: [args(make(33), make(33), uniform(33)), args(make(3), make(3), 0.25)],
        legitimate={"weighted sum": with_gradient(lerp, _lerp_gradient)},
        faults={"weights swapped": functools.partial(lerp, swapped=True)},
    ),
    Subject(
        "addcmul",
        lambda make: [args(make(33), make(33), make(33)), args(make(5), make(5), make(5), value=-0.5)],
        legitimate={"written out": addcmul, "float64 inside": inside(addcmul, "float64")},
        faults={"value ignored": functools.partial(addcmul, ignored=True)},
    ),
    Subject(
        "sqrt",
        one,
        legitimate={
            "float64 inside": inside(root, "float64"),
            "gradient by division": with_gradient(root, _root_gradient),
        },
        faults={
            "epsilon inside": functools.partial(root, epsilon=1e-12),
            "gradient without the half": with_gradient(root, functools.partial(_root_gradient, factor=1.0)),
            "gradient at zero finite": with_gradient(root, functools.partial(_root_gradient, least=1e-6)),
            "tail dropped": tail_dropped(root),
        },
    ),
    Subject(
        "sqrt",
        one,
        # not ties: 0 times infinity; not subnormal: x is flushed or 1 / sqrt x is short of bits on some units
        legitimate={"x times rsqrt": root_through_inverse},
        faults={"guess with one Newton step": lambda torch, x: x * inverse_root(torch, x, steps=1)},
        regimes=("normal", "positive", "offset", "tiny", "huge"),
    ),
    Subject(
        "rsqrt",
        one,
        legitimate={
            "four Newton steps": with_gradient(functools.partial(inverse_root, steps=4), _inverse_root_gradient),
            "reciprocal of the root": lambda torch, x: 1 / torch.sqrt(x),
        },
        faults={
            "one Newton step": with_gradient(functools.partial(inverse_root, steps=1), _inverse_root_gradient),
            "two Newton steps": with_gradient(functools.partial(inverse_root, steps=2), _inverse_root_gradient),
        },
        regimes=("normal", "positive", "offset", "huge"),  # not tiny: x^(-3/2) overflows
    ),
    Subject(
        "pow",
        lambda make: [args(make(1), 3), args(make(33), 3)],
        legitimate={"products": cube_by_products, "float64 inside": inside(cube_by_products, "float64")},
        faults={
            "through the logarithm": power_by_logarithm,
            "gradient without the exponent": with_gradient(_plain("pow"), _power_gradient),
            "float16 inside": inside(cube_by_products, "float16"),
        },
    ),
    Subject(
        "pow",
        lambda make: [args(make(1), 2.5), args(make(33), 2.5)],
        legitimate={"through the logarithm": power_by_logarithm},
        regimes=("positive",),
    ),
    Subject(
        "square",
        one,
        legitimate={"written out": square, "flushed": flushing(square, inputs=True)},
        faults={"gradient without the two": altered(square, times(0.5)), "gradient's sign": altered(square, times(-1))},
    ),
    Subject(
        "hypot",
        two,
        legitimate={"scaled": with_gradient(hypotenuse_scaled, _hypotenuse_gradient)},
        faults={"naive": with_gradient(hypotenuse, _hypotenuse_gradient)},
    ),
    Subject(
        "exp",
        one,
        legitimate={
            "polynomial of degree 8": with_gradient(functools.partial(exponential, terms=9), _exponential_gradient),
            "numpy": with_gradient(by_numpy(numpy.exp), _exponential_gradient),
            "float64 inside": inside(_exp, "float64"),
            "flushed inputs": flushing(_exp, inputs=True),
        },
        faults={
            "polynomial of degree 4": with_gradient(functools.partial(exponential, terms=5), _exponential_gradient),
            "clipped": exponential_clipped,
            "tail dropped": tail_dropped(_exp),
            "tail in float16": tail_in_half(_exp),
            "gradient off by 1e-5": altered(_exp, times(1 + 1e-5)),
        },
    ),
    Subject(
        "exp",
        one,
        legitimate={"numpy": with_gradient(by_numpy(numpy.exp), _exponential_gradient)},
        faults={
            "float32 inside": inside(_exp, "float32"),
            "gradient off by 1e-10": altered(_exp, times(1 + 1e-10)),
        },
        dtypes=("float64",),
        regimes=("normal", "positive", "tiny", "ties"),
    ),
    Subject(
        "exp",
        one,
        legitimate={"float32 inside": inside(_exp, "float32")},
        faults={"polynomial of degree 1": functools.partial(exponential, terms=2)},
        dtypes=HALVES,
        regimes=("normal", "positive", "ties"),  # what half types hold
    ),
    Subject(
        "two exponentials",
        lambda make: [args(make(5).fixed(), make(5).fixed())],
        program=twice,
        replaces="exp",
        faults={"buffer reused": reused_buffer(_exp), "cache by shape": remembered(_exp)},
        regimes=("normal",),
        checks=frozenset({OUTPUT}),
    ),
    Subject(
        "log",
        one,
        legitimate={
            "log2 times log 2": with_gradient(logarithm_by_two, _logarithm_gradient),
            "numpy": with_gradient(by_numpy(numpy.log), _logarithm_gradient),
            "float64 inside": inside(logarithm, "float64"),
            "reversed batch": reversed_batch(logarithm),
            "flushed inputs": flushing(_plain("log"), inputs=True),
        },
        faults={
            "epsilon inside": functools.partial(logarithm, epsilon=1e-7),
            "short constant": functools.partial(logarithm_by_two, constant=0.693147),
            "shorter constant": functools.partial(logarithm_by_two, constant=0.69315),
        },
        below_rounding={"short constant": "off by 2.6e-7, 4.4 u: sound logarithms reach 2 to 4 u (worst z 6.5 of 8)"},
    ),
    Subject(
        "log1p",
        one,
        legitimate={"corrected": with_gradient(log1p_corrected, _log1p_gradient)},
        faults={"naive": log1p_naive},
    ),
    Subject("expm1", one, faults={"naive": expm1_naive}),
    Subject(
        "xlogy",
        lambda make: [args(values([0.0, 0.0, 2.0, 0.5]).fixed(), values([0.0, 3.0, 1.5, 0.25]).fixed())],
        legitimate={"written out": product_with_logarithm},
        faults={"NaN at zero": functools.partial(product_with_logarithm, zero=False)},
        regimes=("normal",),
    ),
    Subject(
        "logaddexp",
        two,
        legitimate={"shifted": with_gradient(logaddexp, _logaddexp_gradient)},
        faults={"naive": logaddexp_naive},
    ),
    Subject(
        "sin",
        one,
        legitimate={
            "pi in three parts": with_gradient(functools.partial(sine, parts=3), _sine_gradient),
            "numpy": with_gradient(by_numpy(numpy.sin), _sine_gradient),
        },
        faults={
            "pi in one part": with_gradient(functools.partial(sine, parts=1), _sine_gradient),
            "four terms": with_gradient(functools.partial(sine, parts=3, terms=4), _sine_gradient),
        },
        regimes=("normal", "positive", "offset", "tiny", "ties", "subnormal"),  # huge needs pi to more digits
    ),
    Subject(
        "atan2",
        two,
        legitimate={"two branches": with_gradient(arctangent, _arctangent_gradient)},
        faults={"two quadrants": arctangent_half},
        regimes=("normal", "positive", "offset", "huge"),  # not ties: 0 / 0; not tiny: gradients near overflow
    ),
    Subject(
        "erf",
        one,
        legitimate={"float64 inside": inside(_plain("erf"), "float64")},
        faults={"rational": error_function_fast, "float16 inside": inside(_plain("erf"), "float16")},
    ),
    Subject(
        "abs",
        one,
        legitimate={"times the sign": absolute_by_sign, "by maximum": absolute_by_maximum},
        faults={"root of the square": absolute_by_root, "gradient at zero": absolute_by_branch},
    ),
    Subject(
        "round",
        lambda make: [args(make(33)), args(values([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999997, 8388609.0]))],
        legitimate={"by a large constant": round_by_constant},
        faults={"half up": round_half_up, "half away from zero": round_half_away},
        checks=frozenset({OUTPUT}),
    ),
    Subject(
        "clamp",
        lambda make: [args(make(33), -1.0, 1.0), args(values([NAN, -2.0, 0.5, 3.0]), -1.0, 1.0)],
        legitimate={"two branches": with_gradient(clamp, _clamp_gradient)},
        faults={
            "half the gradient at a bound": clamp_by_extremes,
            "no gradient at a bound": clamp_strict,
            "NaN becomes the bound": clamp_nan_low,
            "gradient outside": with_gradient(clamp, _clamp_passing),
        },
    ),
    Subject(
        "maximum",
        lambda make: [*two(make), args(values([NAN, 1.0, NAN]), values([1.0, NAN, NAN]))],
        legitimate={"by minimum": maximum_by_minimum},
        faults={"tie to the first": maximum_first, "NaN ignored": maximum_without_nan},
    ),
    Subject(
        "where",
        lambda make: [args(values([True, False, True], "bool"), make(3), make(3))],
        faults={
            "gradient not masked": with_gradient(_plain("where"), where_all),
            "branches swapped": lambda torch, condition, x, y: torch.where(condition, y, x),
        },
    ),
]
