"""Activations: other formulas for the same curve, and curves that only look the same."""

import functools
import math
from typing import Any

import numpy

from conformance.case import Arguments, args
from conformance.draw import HALVES, normal, values
from conformance.prove.regimes import Make
from conformance.prove.subject import Subject, altered, ones, times, with_gradient
from conformance.prove.wrappers import (
    by_numpy,
    flushing,
    inside,
    reversed_batch,
    tail_dropped,
    tail_in_half,
)

F = "nn.functional."
NAN = float("nan")


def one(make: Make) -> list[Arguments]:
    """Rows of a function of one array."""
    return [args(make(1)), args(make(7)), args(make(33)), args(make(3, 341))]


def at(*points: float) -> Arguments:
    """A row of chosen points: kinks, and where an approximation gives up."""
    return args(values(list(points)))


# --- piecewise linear -------------------------------------------------------------------------------------------------


def relu(torch: Any, x: Any) -> Any:
    """x where x > 0, else 0; the gradient at 0 is 0."""
    return torch.where(x > 0, x, torch.where(torch.isnan(x), x, 0.0))


def relu_by_sum(torch: Any, x: Any) -> Any:
    """(x + |x|) / 2."""
    return (x + x.abs()) * 0.5


def _masked(torch: Any, g: Any, out: Any, x: Any) -> Any:
    return torch.where(out > 0, g, torch.where(torch.isnan(out), g, 0.0))


def relu_inclusive(torch: Any, x: Any) -> Any:
    """The gradient at 0 is 1."""
    return torch.where(x >= 0, x, 0.0)


def relu_nan_to_zero(torch: Any, x: Any) -> Any:
    """NaN becomes 0, as by a maximum that ignores it."""
    return torch.where(x > 0, x, 0.0)


def relu_half(torch: Any, x: Any) -> Any:
    """max(x, 0), whose gradient at 0 is shared: 1/2."""
    return torch.maximum(x, torch.zeros_like(x))


def leaky(torch: Any, x: Any, negative_slope: float = 0.01, *, inclusive: bool = False) -> Any:
    """x where x > 0, else slope x; the gradient at 0 is the slope."""
    return torch.where(x >= 0 if inclusive else x > 0, x, negative_slope * x)


def leaky_by_maximum(torch: Any, x: Any, negative_slope: float = 0.01) -> Any:
    """max(x, slope x), sound for a slope below one; at 0 the gradient is chosen by hand."""
    return torch.maximum(x, negative_slope * x)


def _leaky_gradient(torch: Any, g: Any, out: Any, x: Any, negative_slope: float = 0.01) -> Any:
    return torch.where(x > 0, g, g * negative_slope)


def leaky_fixed(torch: Any, x: Any, negative_slope: float = 0.01) -> Any:
    """The slope argument is ignored."""
    return leaky(torch, x)


def hardtanh(torch: Any, x: Any, low: float = -1.0, high: float = 1.0) -> Any:
    """x between the bounds; no gradient at the bounds."""
    return torch.where(x <= low, low, torch.where(x >= high, high, x))


def hardtanh_inclusive(torch: Any, x: Any, low: float = -1.0, high: float = 1.0) -> Any:
    """The gradient passes at the bounds."""
    return torch.where(x < low, low, torch.where(x > high, high, x))


def hardswish(torch: Any, x: Any, *, divisor: float = 6.0) -> Any:
    """x min(max(x + 3, 0), 6) / 6."""
    return x * (x + 3).clamp(0, 6) / divisor


def _hardswish_gradient(torch: Any, g: Any, out: Any, x: Any, *, share: bool = True) -> Any:
    """g (x / 3 + 1/2) in (-3, 3); `share` False leaves out the gradient through the gate."""
    middle = x / 3 + 0.5 if share else (x + 3) / 6
    return torch.where(x <= -3, 0.0, torch.where(x < 3, g * middle, g))


def prelu(torch: Any, x: Any, weight: Any) -> Any:
    """x where x > 0, else w x, with a weight per channel (dimension 1)."""
    return torch.where(x > 0, x, weight.reshape(-1, *[1] * (x.dim() - 2)) * x)


def _prelu_gradient(torch: Any, g: Any, out: Any, x: Any, weight: Any, *, mean: bool) -> Any:
    """The weight's gradient is the sum of g x over x <= 0; `mean` divides it by the batch."""
    w = weight.reshape(-1, *[1] * (x.dim() - 2))
    terms = torch.where(x > 0, 0.0, g * x)
    gw = terms.sum([d for d in range(x.dim()) if d != 1])
    return torch.where(x > 0, g, w * g), gw / x.shape[0] if mean else gw


# --- sigmoid and its kin ----------------------------------------------------------------------------------------------


def sigmoid(torch: Any, x: Any) -> Any:
    """1 / (1 + exp(-x)): an overflow to infinity gives 0, as it should."""
    return 1 / (1 + torch.exp(-x))


def sigmoid_two_sided(torch: Any, x: Any) -> Any:
    """z / (1 + z) with z = exp(-|x|) for negative x, 1 / (1 + z) for positive: never overflows."""
    z = torch.exp(-x.abs())
    return torch.where(x < 0, z, torch.ones_like(z)) / (1 + z)


def sigmoid_by_tanh(torch: Any, x: Any) -> Any:
    """(1 + tanh(x / 2)) / 2: an absolute error of u, so not for very negative x."""
    return 0.5 + 0.5 * torch.tanh(0.5 * x)


def sigmoid_one_sided(torch: Any, x: Any) -> Any:
    """exp(x) / (1 + exp(x)): NaN for large x."""
    z = torch.exp(x)
    return z / (1 + z)


def hard_sigmoid(torch: Any, x: Any) -> Any:
    """min(max(x / 6 + 1/2, 0), 1), an approximation."""
    return (x / 6 + 0.5).clamp(0, 1)


def _sigmoid_gradient(torch: Any, g: Any, out: Any, x: Any, *, second: bool = True) -> Any:
    """g y (1 - y); without the second factor it is the gradient of exp."""
    return g * (1 - out) * out if second else g * out


def log_sigmoid(torch: Any, x: Any) -> Any:
    """min(x, 0) - log1p(exp(-|x|))."""
    return x.clamp(max=0) - torch.log1p(torch.exp(-x.abs()))


def _log_sigmoid_gradient(torch: Any, g: Any, out: Any, x: Any) -> Any:
    return g * sigmoid_two_sided(torch, -x)


def log_of_sigmoid(torch: Any, x: Any) -> Any:
    """log(sigmoid x): minus infinity for x below -104, coarse for large x."""
    return torch.log(torch.sigmoid(x))


def softplus(torch: Any, x: Any, beta: float = 1.0, threshold: float = 20.0, *, scaled: bool = True) -> Any:
    """(max(bx, 0) + log1p(exp(-|bx|))) / b, and x itself beyond the threshold; `scaled` False forgets to divide."""
    z = beta * x
    smooth = z.clamp(min=0) + torch.log1p(torch.exp(-z.abs()))
    return torch.where(z > threshold, x, smooth / beta if scaled else smooth)


def _softplus_gradient(
    torch: Any, g: Any, out: Any, x: Any, beta: float = 1.0, threshold: float = 20.0, *, beta_twice: bool = False
) -> Any:
    """g sigmoid(bx); `beta_twice` keeps the factor that the division cancels."""
    z = beta * x
    slope = g * sigmoid_two_sided(torch, z) * (beta if beta_twice else 1)
    return torch.where(z > threshold, g, slope)


def softplus_by_log(torch: Any, x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """(max(bx, 0) + log(1 + exp(-|bx|))) / b: nothing is left below -17."""
    z = beta * x
    return (z.clamp(min=0) + torch.log(1 + torch.exp(-z.abs()))) / beta


def softplus_early(torch: Any, x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """The line begins at 5, whatever the threshold."""
    return softplus(torch, x, beta, 5.0)


def softplus_naive(torch: Any, x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + exp(bx)) / b: infinite for large x, zero for very negative x."""
    return torch.log(1 + torch.exp(beta * x)) / beta


def silu(torch: Any, x: Any) -> Any:
    """x sigmoid(x)."""
    return x * sigmoid_two_sided(torch, x)


def silu_divided(torch: Any, x: Any) -> Any:
    """x / (1 + exp(-x))."""
    return x / (1 + torch.exp(-x))


def _silu_gradient(torch: Any, g: Any, out: Any, x: Any, *, second: bool = True) -> Any:
    """g s (1 + x (1 - s)); `second` False leaves out the gradient through the gate."""
    s = torch.sigmoid(x)
    return g * s * (1 + x * (1 - s)) if second else g * s


def mish(torch: Any, x: Any) -> Any:
    """x tanh(log(1 + e^x)) = x (n^2 + 2n) / (n^2 + 2n + 2) with n = exp(x)."""
    n = torch.exp(x.clamp(max=20))
    p = n * (n + 2)
    return torch.where(x > 20, x, x * p / (p + 2))


def mish_by_sigmoid(torch: Any, x: Any) -> Any:
    """x tanh(sigmoid x), a slip of the pen."""
    return x * torch.tanh(torch.sigmoid(x))


# --- tanh -------------------------------------------------------------------------------------------------------------


def tanh_by_expm1(torch: Any, x: Any) -> Any:
    """-m / (m + 2) with m = expm1(-2|x|), and the sign of x."""
    m = torch.expm1(-2 * x.abs())
    return torch.copysign(-m / (m + 2), x)


def _tanh_gradient(torch: Any, g: Any, out: Any, x: Any) -> Any:
    return g * (1 - out * out)


def _tanh_gradient_of_half(torch: Any, g: Any, out: Any, x: Any) -> Any:
    """The output was kept in float16 to save memory."""
    return _tanh_gradient(torch, g, out.half().to(out.dtype), x)


def tanh_by_exp(torch: Any, x: Any) -> Any:
    """1 - 2 / (exp(2x) + 1): nothing is left of a small x."""
    return 1 - 2 / (torch.exp(2 * x) + 1)


def tanh_rational(torch: Any, x: Any) -> Any:
    """x (27 + x^2) / (27 + 9 x^2) between -3 and 3."""
    x = x.clamp(-3, 3)
    return x * (27 + x * x) / (27 + 9 * x * x)


# --- gelu -------------------------------------------------------------------------------------------------------------


def gelu_by_erfc(torch: Any, x: Any) -> Any:
    """x erfc(-x / sqrt 2) / 2: keeps its digits for negative x."""
    return 0.5 * x * torch.special.erfc(-x * math.sqrt(0.5))


def gelu_short(torch: Any, x: Any) -> Any:
    """A constant of four digits: x erfc(-0.7071 x) / 2."""
    return 0.5 * x * torch.special.erfc(-0.7071 * x)


def gelu_by_erf(torch: Any, x: Any) -> Any:
    """x (1 + erf(x / sqrt 2)) / 2."""
    return 0.5 * x * (1 + torch.erf(x * math.sqrt(0.5)))


def _gelu_gradient(torch: Any, g: Any, out: Any, x: Any, *, density: bool = True) -> Any:
    """g (Phi(x) + x phi(x)); `density` False leaves out the second term."""
    cumulated = 0.5 * torch.special.erfc(-x * math.sqrt(0.5))
    second = x * torch.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return g * (cumulated + second if density else cumulated)


def gelu_tanh(torch: Any, x: Any, *, cubic: float = 0.044715, approximate: str = "tanh") -> Any:
    """x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2."""
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + cubic * x * x * x)))


def gelu_tanh_by_sigmoid(torch: Any, x: Any, *, approximate: str = "tanh") -> Any:
    """The same as x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3))."""
    return x * torch.sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))


def _gelu_tanh_gradient(torch: Any, g: Any, out: Any, x: Any, *, approximate: str = "tanh", cubic: bool = True) -> Any:
    """g (s + x s (1 - s) z') with s = sigmoid(z), z' = k (1 + 3 c x^2); `cubic` False takes z' = k."""
    k, c = 2 * math.sqrt(2 / math.pi), 0.044715
    s = torch.sigmoid(k * (x + c * x * x * x))
    slope = k * (1 + 3 * c * x * x) if cubic else k
    return g * (s + x * s * (1 - s) * slope)


def gelu_quick(torch: Any, x: Any) -> Any:
    """x sigmoid(1.702 x)."""
    return x * torch.sigmoid(1.702 * x)


# --- elu --------------------------------------------------------------------------------------------------------------


def elu(torch: Any, x: Any, alpha: float = 1.0) -> Any:
    """x where x > 0, else alpha expm1(x)."""
    return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))


def elu_by_exp(torch: Any, x: Any, alpha: float = 1.0) -> Any:
    """exp(x) - 1 loses a small x."""
    return torch.where(x > 0, x, alpha * (torch.exp(x.clamp(max=0)) - 1))


def _elu_gradient(torch: Any, g: Any, out: Any, x: Any, alpha: float = 1.0, *, scaled: bool = True) -> Any:
    """g where x > 0, else g alpha exp(x); `scaled` False leaves out alpha."""
    return torch.where(x > 0, g, g * torch.exp(x) * (alpha if scaled else 1))


def selu(torch: Any, x: Any, *, alpha: float = 1.6732632423543772, scale: float = 1.0507009873554805) -> Any:
    """scale elu(x, alpha)."""
    return scale * elu(torch, x, alpha)


def _tanh(torch: Any, x: Any) -> Any:
    return torch.tanh(x)


SUBJECTS = [
    Subject(
        F + "relu",
        lambda make: [*one(make), at(NAN, -0.0, 0.0, -1.0)],
        legitimate={
            "masked": with_gradient(relu, _masked),
            "flushed": flushing(with_gradient(relu, _masked), inputs=True),
            "reversed batch": reversed_batch(with_gradient(relu, _masked)),
        },
        faults={
            "gradient 1 at 0": relu_inclusive,
            "gradient 1/2 at 0": relu_half,
            "NaN becomes 0": relu_nan_to_zero,
            "cotangent ignored": altered(with_gradient(relu, _masked), cotangent=ones),
            "tail dropped": tail_dropped(with_gradient(relu, _masked)),
        },
    ),
    Subject(
        F + "relu",
        lambda make: one(make)[:3],
        legitimate={"half of x + |x|": with_gradient(relu_by_sum, _masked)},
    ),
    Subject(
        F + "leaky_relu",
        lambda make: [*one(make), args(make(9), 0.2)],
        legitimate={"branches": leaky, "by maximum": with_gradient(leaky_by_maximum, _leaky_gradient)},
        faults={
            "gradient 1 at 0": functools.partial(leaky, inclusive=True),
            "slope ignored": leaky_fixed,
            "gradient's sign": altered(leaky, times(-1)),
        },
    ),
    Subject(
        F + "hardtanh",
        lambda make: [*one(make), args(make(9), -0.5, 2.0)],
        legitimate={"branches": hardtanh},
        faults={"gradient at the bounds": hardtanh_inclusive},
    ),
    Subject(
        F + "hardswish",
        lambda make: [*one(make), args(normal(65, scale=4)), at(-3.0, 3.0, 0.0)],
        legitimate={"written out": with_gradient(hardswish, _hardswish_gradient)},
        faults={
            "divided by 5": functools.partial(hardswish, divisor=5.0),
            "gradient without the gate": with_gradient(hardswish, functools.partial(_hardswish_gradient, share=False)),
        },
    ),
    Subject(
        F + "prelu",
        lambda make: [args(make(5, 3), make(3)), args(make(2, 3, 4), make(3)), args(make(33, 1), make(1))],
        legitimate={
            "branches": prelu,
            "gradient by hand": with_gradient(prelu, functools.partial(_prelu_gradient, mean=False)),
            "reversed batch": reversed_batch(prelu),
        },
        faults={"weight's gradient averaged": with_gradient(prelu, functools.partial(_prelu_gradient, mean=True))},
    ),
    Subject(
        "sigmoid",
        lambda make: [*one(make), args(normal(33, scale=10)), at(-100.0, -87.0, 20.0, 100.0)],
        legitimate={
            "plain": with_gradient(sigmoid, _sigmoid_gradient),
            "two-sided": with_gradient(sigmoid_two_sided, _sigmoid_gradient),
            "float64 inside": inside(with_gradient(sigmoid_two_sided, _sigmoid_gradient), "float64"),
            "flushed": flushing(with_gradient(sigmoid_two_sided, _sigmoid_gradient), inputs=True),
        },
        faults={
            "one-sided": with_gradient(sigmoid_one_sided, _sigmoid_gradient),
            "piecewise linear": hard_sigmoid,
            "gradient of exp": with_gradient(sigmoid, functools.partial(_sigmoid_gradient, second=False)),
            "tail in float16": tail_in_half(with_gradient(sigmoid_two_sided, _sigmoid_gradient)),
        },
    ),
    Subject(
        "sigmoid",
        one,
        # values of order one only: below -4 the formula loses relative accuracy
        legitimate={"by tanh": with_gradient(sigmoid_by_tanh, _sigmoid_gradient)},
        regimes=("normal", "positive", "tiny", "ties", "subnormal"),
    ),
    Subject(
        F + "logsigmoid",
        lambda make: [*one(make), args(normal(33, scale=30))],
        legitimate={"shifted": with_gradient(log_sigmoid, _log_sigmoid_gradient)},
        faults={"log of sigmoid": log_of_sigmoid},
    ),
    Subject(
        F + "softplus",
        lambda make: [*one(make), args(make(9), 2.0), args(normal(33, scale=8), 2.0, 10.0)],
        legitimate={
            "shifted": with_gradient(softplus, _softplus_gradient),
            "float64 inside": inside(with_gradient(softplus, _softplus_gradient), "float64"),
        },
        faults={
            "naive": softplus_naive,
            "log for log1p": with_gradient(softplus_by_log, _softplus_gradient),
            "not divided by beta": with_gradient(functools.partial(softplus, scaled=False), _softplus_gradient),
            "gradient times beta": with_gradient(softplus, functools.partial(_softplus_gradient, beta_twice=True)),
            "threshold of 5": with_gradient(softplus_early, _softplus_gradient),
        },
    ),
    Subject(
        F + "silu",
        lambda make: [*one(make), args(normal(33, scale=10))],
        legitimate={
            "times sigmoid": with_gradient(silu, _silu_gradient),
            "divided": with_gradient(silu_divided, _silu_gradient),
            "float64 inside": inside(silu, "float64"),
        },
        faults={
            "gradient without the gate": with_gradient(silu, functools.partial(_silu_gradient, second=False)),
            "gradient off by 1e-3": altered(silu, times(1 + 1e-3)),
            "float16 inside": inside(silu, "float16"),
        },
    ),
    Subject(
        F + "mish",
        one,
        legitimate={"rational in exp": mish},
        faults={"sigmoid for softplus": mish_by_sigmoid},
        regimes=("normal", "positive", "offset", "tiny", "ties", "subnormal"),
    ),
    Subject(
        "tanh",
        lambda make: [*one(make), args(normal(33, scale=5))],
        legitimate={
            "by expm1": with_gradient(tanh_by_expm1, _tanh_gradient),
            "numpy": with_gradient(by_numpy(numpy.tanh), _tanh_gradient),
            "float64 inside": inside(_tanh, "float64"),
        },
        faults={
            "by exp": with_gradient(tanh_by_exp, _tanh_gradient),
            "rational": tanh_rational,
            "gradient of a float16 output": with_gradient(_tanh, _tanh_gradient_of_half),
            "gradient off by 1e-5": altered(_tanh, times(1 + 1e-5)),
            "bfloat16 inside": inside(_tanh, "bfloat16"),
        },
    ),
    Subject(
        F + "gelu",
        lambda make: [*one(make), args(normal(33, scale=3))],
        legitimate={"by erfc": with_gradient(gelu_by_erfc, _gelu_gradient)},
        faults={
            "tanh approximation": gelu_tanh,
            "sigmoid approximation": gelu_quick,
            "short constant": with_gradient(gelu_short, _gelu_gradient),
            "gradient without the density": with_gradient(
                gelu_by_erfc, functools.partial(_gelu_gradient, density=False)
            ),
        },
        regimes=("normal", "positive", "offset", "tiny", "ties", "subnormal"),
    ),
    Subject(
        F + "gelu",
        one,
        legitimate={"by erf": with_gradient(gelu_by_erf, _gelu_gradient)},
        regimes=("normal", "positive", "offset", "tiny", "ties", "subnormal"),
    ),
    Subject(
        F + "gelu",
        lambda make: [args(make(1), approximate="tanh"), args(make(33), approximate="tanh")],
        legitimate={
            "by sigmoid": with_gradient(gelu_tanh_by_sigmoid, _gelu_tanh_gradient),
            "written out": with_gradient(gelu_tanh, _gelu_tanh_gradient),
        },
        faults={
            "exact": lambda torch, x, approximate: gelu_by_erfc(torch, x),
            "constant 0.0447": functools.partial(gelu_tanh, cubic=0.0447),
            "gradient without the cube": with_gradient(gelu_tanh, functools.partial(_gelu_tanh_gradient, cubic=False)),
        },
        regimes=("normal", "positive", "tiny", "ties", "subnormal"),
    ),
    Subject(
        F + "gelu",
        lambda make: [*one(make), args(normal(33, scale=3))],
        legitimate={"float32 inside": inside(with_gradient(gelu_by_erfc, _gelu_gradient), "float32")},
        faults={
            "tanh approximation": inside(gelu_tanh, "float32"),
            "sigmoid approximation": inside(gelu_quick, "float32"),
        },
        dtypes=HALVES,
        regimes=("normal", "positive", "ties"),  # what half types hold
    ),
    Subject(
        F + "gelu",
        one,
        legitimate={"by erfc": with_gradient(gelu_by_erfc, _gelu_gradient)},
        faults={"float32 inside": inside(gelu_by_erfc, "float32")},
        dtypes=("float64",),
        regimes=("normal", "positive", "tiny", "ties"),
    ),
    Subject(
        F + "elu",
        lambda make: [*one(make), args(make(9), 0.5)],
        legitimate={"by expm1": with_gradient(elu, _elu_gradient), "float64 inside": inside(elu, "float64")},
        faults={
            "by exp": with_gradient(elu_by_exp, _elu_gradient),
            "gradient without alpha": with_gradient(elu, functools.partial(_elu_gradient, scaled=False)),
        },
    ),
    Subject(
        F + "selu",
        one,
        legitimate={"scaled elu": selu},
        faults={
            "alpha and scale swapped": functools.partial(selu, alpha=1.0507009873554805, scale=1.6732632423543772),
            "constants of five digits": functools.partial(selu, alpha=1.67326, scale=1.0507),
        },
    ),
]
