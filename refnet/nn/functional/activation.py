"""Activations, softmax and its relatives."""

import warnings
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._device import on_host
from refnet._inplace import update
from refnet._ops import activation, pointwise
from refnet._ops import gelu as gelus
from refnet._ops import softmax as stable
from refnet._ops._args import expect_tensor
from refnet._ops._dims import dim_of
from refnet._tape import TensorBase, mode
from refnet.creation import empty_like, zeros_like
from refnet.nn.functional._arguments import expect_floating, in_type, number


def _apply(function: Any, input: Any, inplace: bool, *args: Any, **options: Any) -> Any:
    return update(input, function, *args, **options) if inplace else function(input, *args, **options)


# --- piecewise linear ---------------------------------------------------------------------------------------------


def relu(input: Any, inplace: bool = False) -> Any:
    """max(x, 0). The gradient at 0 is 0.

    >>> import refnet
    >>> refnet.nn.functional.relu(refnet.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """
    expect_tensor(input, "relu")
    return update(input, pointwise.relu) if inplace else pointwise.relu(input)


def relu_(input: Any) -> Any:
    """`relu` in place."""
    return relu(input, inplace=True)


def relu6(input: Any, inplace: bool = False) -> Any:
    """min(max(x, 0), 6)."""
    return _clipped(input, 0.0, 6.0, inplace, "relu6")


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """x where x > 0, else negative_slope x.

    >>> import refnet
    >>> refnet.nn.functional.leaky_relu(refnet.tensor([-10.0, 2.0]), 0.1)
    tensor([-1.,  2.])
    """
    expect_floating(input, "leaky_relu", "leaky_relu_cpu")
    slope = number(negative_slope, "leaky_relu", "negative_slope", 2)
    return _apply(activation.leaky_relu, input, inplace, slope=slope)


def leaky_relu_(input: Any, negative_slope: float = 0.01) -> Any:
    """`leaky_relu` in place."""
    return leaky_relu(input, negative_slope, inplace=True)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """min(max(x, min_val), max_val). The gradient at the bounds is 0."""
    check(not min_val > max_val, lambda: "min_val cannot be greater than max_val", ValueError)
    low, high = number(min_val, "hardtanh", "min_val", 2), number(max_val, "hardtanh", "max_val", 3)
    return _clipped(input, low, high, inplace, "hardtanh")


def _clipped(input: Any, low: Any, high: Any, inplace: bool, name: str) -> Any:
    expect_tensor(input, name)
    check(input.dtype is not _dtype.bool_, lambda: "Bool inputs not supported for hardtanh")
    if not input.is_floating_point():
        low, high = in_type(_dtype.int64, low), in_type(_dtype.int64, high)
    check(
        input.dtype is not _dtype.uint8 or (low >= 0 and high >= 0),
        lambda: "cannot do hardtanh on an unsigned type with negative limits",
    )
    low, high = in_type(input.dtype, low), in_type(input.dtype, high)
    return _apply(activation.hardtanh, input, inplace, low=low, high=high)


def hardtanh_(input: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """`hardtanh` in place."""
    return hardtanh(input, min_val, max_val, inplace=True)


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """x where x > threshold, else value. Integers compare with, and become, whole numbers."""
    expect_tensor(input, "threshold")
    limit, value = number(threshold, "threshold", "threshold", 2), number(value, "threshold", "value", 3)
    check(input.dtype is not _dtype.bool_, lambda: "\"threshold_cpu\" not implemented for 'Bool'", NotImplementedError)
    limit, value = in_type(input.dtype, limit), in_type(input.dtype, value)
    return _apply(activation.threshold, input, inplace, limit=limit, value=value)


def threshold_(input: Any, threshold: float, value: float) -> Any:
    """`threshold` in place."""
    return _threshold(input, threshold, value, inplace=True)


_threshold = threshold  # under a name that its own argument does not hide


# --- smooth -------------------------------------------------------------------------------------------------------


def tanh(input: Any) -> Any:
    """(e^x - e^-x) / (e^x + e^-x)."""
    expect_tensor(input, "tanh")
    return pointwise.tanh(input)


def sigmoid(input: Any) -> Any:
    """1 / (1 + e^-x)."""
    expect_tensor(input, "sigmoid")
    return pointwise.sigmoid(input)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x where x > 0, else alpha (e^x - 1)."""
    expect_floating(input, "elu", "elu_cpu")
    alpha = number(alpha, "elu", "alpha", 2)
    return _apply(activation.elu, input, inplace, alpha=alpha, scale=1.0, input_scale=1.0)


def elu_(input: Any, alpha: float = 1.0) -> Any:
    """`elu` in place."""
    return elu(input, alpha, inplace=True)


def silu(input: Any, inplace: bool = False) -> Any:
    """x / (1 + e^-x)."""
    expect_floating(input, "silu", "silu_cpu")
    return _apply(activation.silu, input, inplace)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """ln(1 + e^(beta x)) / beta, and x itself where beta x > threshold."""
    expect_floating(input, "softplus", "softplus_cpu")
    beta, limit = number(beta, "softplus", "beta", 2), number(threshold, "softplus", "threshold", 3)
    return activation.softplus(input, beta=beta, limit=limit)


def logsigmoid(input: Any) -> Any:
    """ln(1 / (1 + e^-x)), without overflow."""
    expect_floating(input, "log_sigmoid", "log_sigmoid_cpu")
    return activation.log_sigmoid(input)


_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def selu(input: Any, inplace: bool = False) -> Any:
    """scale (x where x > 0, else alpha (e^x - 1)), with the constants that keep mean 0 and variance 1.

    scale = 1.0507..., alpha = 1.6733... (Klambauer et al. 2017).
    """
    expect_floating(input, "selu", "elu_cpu")
    return _apply(activation.elu, input, inplace, alpha=_SELU_ALPHA, scale=_SELU_SCALE, input_scale=1.0)


def selu_(input: Any) -> Any:
    """`selu` in place."""
    return selu(input, inplace=True)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x where x > 0, else alpha (e^(x / alpha) - 1)."""
    expect_tensor(input, "celu")
    alpha = number(alpha, "celu", "alpha", 2)
    check(alpha != 0, lambda: "ZeroDivisionError: alpha cannot be 0 for CELU")
    expect_floating(input, "celu", "elu_cpu")
    return _apply(activation.elu, input, inplace, alpha=alpha, scale=1.0, input_scale=1.0 / alpha)


def celu_(input: Any, alpha: float = 1.0) -> Any:
    """`celu` in place."""
    return celu(input, alpha, inplace=True)


def gelu(input: Any, approximate: str = "none") -> Any:
    """x P(X <= x), X standard normal; with `approximate` "tanh" x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.

    Hendrycks and Gimpel 2016.

    >>> import refnet
    >>> refnet.nn.functional.gelu(refnet.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.1587,  0.0000,  0.8413])
    """
    expect_floating(input, "gelu", "GeluKernelImpl")
    if approximate != "none" and approximate != "tanh":
        check(
            isinstance(approximate, str),
            lambda: f"gelu(): argument 'approximate' must be str, not {type(approximate).__name__}",
            TypeError,
        )
        raise RuntimeError(f"approximate argument must be either none or tanh. (gelu: got {approximate!r})")
    if approximate == "tanh":
        return gelus.gelu_tanh(input)
    if mode.grad and input.requires_grad and input.itemsize > 2 and on_host(input._array):
        return gelus.gelu(input, slope=gelus.room(input.device.xp, input._array))
    return gelus.gelu(input)


def mish(input: Any, inplace: bool = False) -> Any:
    """x tanh(ln(1 + e^x))."""
    expect_floating(input, "mish", "mish_cpu")
    return _apply(activation.mish, input, inplace)


def _expect_method(value: Any, name: str, method: str) -> None:
    """A tensor; torch calls a method of whatever it is given."""
    check(
        isinstance(value, TensorBase),
        lambda: f"{name}(): argument 'input' must be Tensor, not {type(value).__name__}; it has no '{method}'",
        AttributeError,
    )


def tanhshrink(input: Any) -> Any:
    """x - tanh(x)."""
    _expect_method(input, "tanhshrink", "tanh")
    return input - input.tanh()


def softsign(input: Any) -> Any:
    """x / (1 + |x|)."""
    _expect_method(input, "softsign", "abs")
    check(input.dtype is not _dtype.bool_, lambda: "\"abs_cpu\" not implemented for 'Bool'", NotImplementedError)
    return input / (input.abs() + 1)


def glu(input: Any, dim: int = -1) -> Any:
    """a sigmoid(b), for a and b the two halves of x along `dim` (Dauphin et al. 2017).

    >>> import refnet
    >>> refnet.nn.functional.glu(refnet.tensor([1.0, 2.0, 0.0, 0.0]))
    tensor([0.5000, 1.0000])
    """
    _expect_method(input, "glu", "dim")
    check(input.ndim > 0, lambda: "glu does not support scalars because halving size must be even")
    d = dim_of(dim, input.ndim)
    size = input.shape[d]
    check(size % 2 == 0, lambda: f"Halving dimension must be even, but dimension {d} is size {size}")
    expect_floating(input, "glu", "glu_cpu")
    kept, gate = input.split(size // 2, d) if size else (input, input)
    return activation.gated(kept, gate)


# --- softmax ------------------------------------------------------------------------------------------------------


def _dim(name: str, input: Any, dim: int | None, stacklevel: int) -> int:
    """`dim`, or what torch takes in its place, with its warning."""
    if dim is not None:
        return dim
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        UserWarning,
        stacklevel=stacklevel,
    )
    return 0 if input.ndim in (0, 1, 3) else 1


def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """e^x_i / sum_j e^x_j along `dim`, computed after subtracting the maximum; first converted to `dtype` if given.

    >>> import refnet
    >>> refnet.nn.functional.softmax(refnet.tensor([0.0, 0.0, 1000.0]), dim=0)
    tensor([0., 0., 1.])
    """
    expect_tensor(input, "softmax")
    return stable.softmax(input, _dim("softmax", input, dim, _stacklevel), dtype)


def softmin(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """softmax(-x)."""
    expect_tensor(input, "softmin")
    return stable.softmax(-input, _dim("softmin", input, dim, _stacklevel), dtype)


def log_softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """ln softmax(x), without the underflow of small probabilities.

    >>> import refnet
    >>> refnet.nn.functional.log_softmax(refnet.tensor([0.0, 1000.0]), dim=0)
    tensor([-1000.,     0.])
    """
    expect_tensor(input, "log_softmax")
    return stable.log_softmax(input, _dim("log_softmax", input, dim, _stacklevel), dtype)


def gumbel_softmax(logits: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Any:
    """softmax((x + z) / tau) along `dim`, z_i = -ln e_i with e_i exponential: a relaxed draw of one class.

    With `hard` the class itself, one-hot, with the gradient of the softmax. `eps` has no effect (Jang, Gu and Poole
    2016).
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    check(
        isinstance(logits, TensorBase),
        lambda: (
            f"gumbel_softmax(): argument 'logits' must be Tensor, not {type(logits).__name__} (as input of empty_like)"
        ),
        TypeError,
    )
    noise = -empty_like(logits).exponential_().log()
    soft = stable.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    winner = soft.max(dim, keepdim=True)[1]
    return zeros_like(logits).scatter_(dim, winner, 1.0) - soft.detach() + soft
