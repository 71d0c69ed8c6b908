"""Activations, softmax and its relatives."""

import warnings
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._inplace import update
from refnet._ops import activation, pointwise
from refnet._ops import softmax as _softmax
from refnet._ops._args import expect_tensor, type_name
from refnet._ops._dims import dim_of


def _floating(input: Any, name: str) -> None:
    expect_tensor(input, name)
    check(
        input.is_floating_point(),
        lambda: f"\"{name}\" not implemented for '{type_name(input.dtype)}'",
        NotImplementedError,
    )


def _no_bool(input: Any, name: str) -> None:
    expect_tensor(input, name)
    check(input.dtype is not _dtype.bool_, lambda: f"Bool inputs not supported for {name}")


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
    return _apply(pointwise.relu, input, inplace)


def relu_(input: Any) -> Any:
    """`relu` in place."""
    return relu(input, inplace=True)


def relu6(input: Any, inplace: bool = False) -> Any:
    """min(max(x, 0), 6)."""
    _no_bool(input, "hardtanh")
    return _apply(activation.hardtanh, input, inplace, low=0.0, high=6.0)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """x where x > 0, else negative_slope x.

    >>> import refnet
    >>> refnet.nn.functional.leaky_relu(refnet.tensor([-10.0, 2.0]), 0.1)
    tensor([-1.,  2.])
    """
    _floating(input, "leaky_relu")
    return _apply(activation.leaky_relu, input, inplace, slope=negative_slope)


def leaky_relu_(input: Any, negative_slope: float = 0.01) -> Any:
    """`leaky_relu` in place."""
    return leaky_relu(input, negative_slope, inplace=True)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """min(max(x, min_val), max_val). The gradient at the bounds is 0."""
    _no_bool(input, "hardtanh")
    check(min_val <= max_val, lambda: "min_val cannot be greater than max_val", ValueError)
    return _apply(activation.hardtanh, input, inplace, low=min_val, high=max_val)


def hardtanh_(input: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """`hardtanh` in place."""
    return hardtanh(input, min_val, max_val, inplace=True)


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """x where x > threshold, else value."""
    expect_tensor(input, "threshold")
    check(input.dtype is not _dtype.bool_, lambda: "\"threshold\" not implemented for 'Bool'", NotImplementedError)
    return _apply(activation.threshold, input, inplace, limit=threshold, value=value)


def threshold_(input: Any, threshold: float, value: float) -> Any:
    """`threshold` in place."""
    return _apply(activation.threshold, input, True, limit=threshold, value=value)


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
    _floating(input, "elu")
    return _apply(activation.elu, input, inplace, alpha=alpha, scale=1.0, input_scale=1.0)


def elu_(input: Any, alpha: float = 1.0) -> Any:
    """`elu` in place."""
    return elu(input, alpha, inplace=True)


def silu(input: Any, inplace: bool = False) -> Any:
    """x / (1 + e^-x)."""
    _floating(input, "silu")
    return _apply(activation.silu, input, inplace)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """ln(1 + e^(beta x)) / beta, and x itself where beta x > threshold."""
    _floating(input, "softplus")
    return activation.softplus(input, beta=beta, limit=threshold)


def logsigmoid(input: Any) -> Any:
    """ln(1 / (1 + e^-x)), without overflow."""
    _floating(input, "log_sigmoid")
    return activation.log_sigmoid(input)


# --- softmax ------------------------------------------------------------------------------------------------------


def _along(function: Any, name: str, input: Any, dim: Any, dtype: Any, stacklevel: int) -> Any:
    expect_tensor(input, name)
    if dim is None:
        warnings.warn(
            f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
            UserWarning,
            stacklevel=stacklevel,
        )
        dim = 0 if input.ndim in (0, 1, 3) else 1
    if dtype is not None:
        input = input.to(_dtype.check_dtype(dtype, name))
    _floating(input, name)
    d = dim_of(dim, input.ndim)
    return function(input, dim=d) if input.ndim else function(input.reshape(1), dim=0).reshape(())


def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """e^x_i / sum_j e^x_j along `dim`, computed after subtracting the maximum; first converted to `dtype` if given.

    >>> import refnet
    >>> refnet.nn.functional.softmax(refnet.tensor([0.0, 0.0, 1000.0]), dim=0)
    tensor([0., 0., 1.])
    """
    return _along(_softmax.softmax, "softmax", input, dim, dtype, _stacklevel)


def softmin(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """softmax(-x)."""
    return _along(_softmax.softmax, "softmin", -input, dim, dtype, _stacklevel)


def log_softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """ln softmax(x), without the underflow of small probabilities.

    >>> import refnet
    >>> refnet.nn.functional.log_softmax(refnet.tensor([0.0, 1000.0]), dim=0)
    tensor([-1000.,     0.])
    """
    return _along(_softmax.log_softmax, "log_softmax", input, dim, dtype, _stacklevel)
