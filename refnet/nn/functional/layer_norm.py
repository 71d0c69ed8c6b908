"""Normalization of each sample by itself: layer norm, RMS norm and group norm.

The half types are normalized, scaled and shifted in float32, and rounded once.
"""

import functools
import math
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._memory_format import suggested
from refnet._ops._args import expect_tensor, type_name
from refnet._ops.layer_norm import layer_norm as normalize_rows
from refnet._ops.norm import to_unit_mean_square
from refnet._tape import TensorBase
from refnet.nn.functional._arguments import (
    expect_matching_parameters,
    expect_optional_tensor,
    expect_real,
    widened,
)


def _affine(x: Any, weight: Any, bias: Any) -> Any:
    """x w + b, of what is given; a new tensor also of nothing, because the gradient needs x as it is."""
    if weight is None and bias is None:
        return x.clone()
    if weight is not None:
        x = x * widened(weight)
    return x if bias is None else x + widened(bias)


def _shape_normalized(input: Any, normalized_shape: Any, name: str, shown: str, **parameters: Any) -> tuple[int, ...]:
    """`normalized_shape`, after torch's checks of it."""
    expect_tensor(input, name)
    check(
        isinstance(normalized_shape, list | tuple) and all(map(_is_size, normalized_shape)),
        lambda: (
            f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, not "
            f"{type(normalized_shape).__name__}"
        ),
        TypeError,
    )
    shape = tuple(normalized_shape)
    for position, (parameter, value) in enumerate(parameters.items(), 3):
        expect_optional_tensor(value, name, parameter, position)
    given = tuple([(parameter, value._array.shape) for parameter, value in parameters.items() if value is not None])
    _check_shapes(input._array.shape, shape, given, name, shown)
    return shape


def _is_size(n: Any) -> bool:
    return hasattr(n, "__index__")


@functools.lru_cache(maxsize=1024)
def _check_shapes(
    input: tuple[int, ...],
    shape: tuple[int, ...],
    parameters: tuple[tuple[str, tuple[int, ...]], ...],
    name: str,
    shown: str,
) -> None:
    """That `shape` is what input's ends with and that of the parameters; what has passed once passes at once."""
    check(
        len(shape) >= 1,
        lambda: (
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            f"normalized_shape = {list(shape)}"
        ),
    )
    for parameter, found in parameters:
        check(
            found == shape,
            lambda parameter=parameter, found=found: (  # type: ignore[misc]
                f"Expected {parameter} to be of same shape as normalized_shape, but got {parameter} of shape "
                f"{list(found)} and normalized_shape = {list(shape)}"
            ),
        )
    first = len(input) - len(shape)
    check(
        first >= 0 and input[first:] == shape,
        lambda: (
            f"Given normalized_shape={list(shape)}, expected input with shape [*{shown}"
            f"{', '.join(map(str, shape))}], but got input of size{list(input)}"
        ),
    )


def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """y = (x - mean) / sqrt(var + eps) weight + bias, moments over the last dimensions, those of `normalized_shape`.

    The variance is the biased one; weight and bias have the shape `normalized_shape` (Ba, Kiros and Hinton 2016).

    >>> import refnet
    >>> refnet.nn.functional.layer_norm(refnet.tensor([[1.0, 3.0], [10.0, 50.0]]), (2,))
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    """
    shape = _shape_normalized(input, normalized_shape, "layer_norm", ", ", weight=weight, bias=bias)
    expect_real(eps, "layer_norm", "eps", 5)
    expect_matching_parameters(input, {"weight": weight, "bias": bias}, "layer_norm")
    check(
        input.is_floating_point(),
        lambda: f"\"LayerNormKernelImpl\" not implemented for '{type_name(input.dtype)}'",
        NotImplementedError,
    )
    n = math.prod(shape)
    parameters = [p if p is None else _in_shape(widened(p), (n,)) for p in (weight, bias)]
    return _in_shape(_by_row(input, n, eps, *parameters), input._array.shape)


def _by_row(input: Any, n: int, eps: float, weight: Any = None, bias: Any = None) -> Any:
    """The layer norm of rows of n elements."""
    count = input._array.size // n if n else 0
    rows = _in_shape(widened(input), (count, n))
    out = normalize_rows(rows, weight, bias, eps=eps, moments=input.device.xp.empty((2, count)))
    return out if rows is input else out.to(input.dtype)


def _in_shape(x: Any, shape: tuple[int, ...]) -> Any:
    """x in a shape; most have it, and need no view with a place in the graph."""
    return x if x._array.shape == shape else x.reshape(shape)


def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    """y = x / sqrt(mean x^2 + eps) weight, the mean over the last dimensions, those of `normalized_shape`.

    `eps` None is the spacing of numbers at 1 in the type computed in: float32's, or float64's (Zhang and Sennrich 2019).

    >>> import refnet
    >>> refnet.nn.functional.rms_norm(refnet.tensor([1.0, 7.0]), (2,))
    tensor([0.2000, 1.4000])
    """
    shape = _shape_normalized(input, normalized_shape, "rms_norm", "", weight=weight)
    check(
        input.is_floating_point(),
        lambda: f"\"rms_norm\" not implemented for '{type_name(input.dtype)}'",
        NotImplementedError,
    )
    if eps is None:
        eps = 2.0**-52 if input.dtype is _dtype.float64 else 2.0**-23
    expect_real(eps, "rms_norm", "eps", 4)
    dims = tuple(range(input.ndim - len(shape), input.ndim))
    scaled, _ = to_unit_mean_square(widened(input), dims=dims, eps=eps)
    return _affine(scaled, weight, None).to(input.dtype)


def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Layer norm of each of `num_groups` groups of channels of (N, C, ...), with weight and bias (C,) for each channel.

    ValueError where a group has just one element in the whole batch (Wu and He 2018).

    >>> import refnet
    >>> refnet.nn.functional.group_norm(refnet.tensor([[1.0, 3.0, 10.0, 50.0]] * 2), 2)[0]
    tensor([-1.0000,  1.0000, -1.0000,  1.0000])
    """
    check(
        isinstance(input, TensorBase),
        lambda: f"group_norm(): argument 'input' must be Tensor, not {type(input).__name__}; it has no 'dim'",
        AttributeError,
    )
    check(input.ndim >= 2, lambda: f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    n, channels, *spatial = input.shape
    check(num_groups != 0, lambda: "integer division or modulo by zero: num_groups is 0", ZeroDivisionError)
    check(
        n * channels // num_groups * num_groups * math.prod(spatial) != num_groups or num_groups < 0,
        lambda: f"Expected more than 1 value per channel when training, got input size {list(input.shape)}",
        ValueError,
    )
    check(
        isinstance(num_groups, int) and not isinstance(num_groups, bool),
        lambda: f"group_norm(): argument 'num_groups' (position 2) must be int, not {type(num_groups).__name__}",
        TypeError,
    )
    expect_optional_tensor(weight, "group_norm", "weight", 3)
    expect_optional_tensor(bias, "group_norm", "bias", 4)
    expect_real(eps, "group_norm", "eps", 5)
    check(num_groups > 0, lambda: f"Expected num groups to be greater than 0, got {num_groups}")
    check(
        channels % num_groups == 0,
        lambda: (
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(input.shape)} and num_groups={num_groups}"
        ),
    )
    for name, value in (("weight", weight), ("bias", bias)):
        check(
            value is None or value.shape == (channels,),
            lambda name=name, value=value: (  # type: ignore[misc]
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of "
                f"shape {list(value.shape)} and input of shape {list(input.shape)}"
            ),
        )
    expect_matching_parameters(input, {"weight": weight, "bias": bias}, "group_norm")
    check(
        input.is_floating_point(),
        lambda: f"\"GroupNormKernelImpl\" not implemented for '{type_name(input.dtype)}'",
        NotImplementedError,
    )
    size = channels // num_groups * math.prod(spatial)
    normalized = _by_row(widened(input).contiguous(), size, eps)
    along = (channels, *(1,) * len(spatial))
    parameters = (None if p is None else p.reshape(along) for p in (weight, bias))
    out = _affine(normalized.reshape(input.shape), *parameters)
    return out.to(input.dtype).contiguous(memory_format=suggested(input))
