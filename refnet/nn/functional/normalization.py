"""Batch and instance normalization: each channel by its own mean and variance, which may be kept from batch to batch."""

import math
from typing import Any

from refnet._check import check
from refnet._inplace import fill
from refnet._memory_format import suggested
from refnet._ops._args import expect_tensor, type_name
from refnet._ops._dims import dim_of
from refnet._ops.batch_norm import batch_norm as normalize_batch
from refnet._ops.reduce import var_mean
from refnet._tape import TensorBase, set_grad
from refnet.nn.functional._arguments import (
    expect_constant,
    expect_matching_parameters,
    expect_optional_tensor,
    expect_real,
)


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """y = (x - mean) / sqrt(var + eps) weight + bias, per channel: dimension 1 of (N, C, ...).

    In training, mean and the biased variance are the batch's, over all other dimensions, and the running ones move:
    running <- (1 - momentum) running + momentum batch, with the unbiased variance. In evaluation they are the running
    ones. ValueError for fewer than two values a channel in training (Ioffe and Szegedy 2015).

    >>> import refnet
    >>> refnet.nn.functional.batch_norm(refnet.tensor([[1.0], [3.0]]), None, None, training=True, eps=0.0)
    Traceback (most recent call last):
    ValueError: batch_norm eps must be positive during training, but got 0.0
    >>> refnet.nn.functional.batch_norm(refnet.tensor([[1.0], [3.0]]), None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    expect_tensor(input, "batch_norm")
    expect_real(momentum, "batch_norm", "momentum", 7)
    given = {"weight": weight, "bias": bias, "running_mean": running_mean, "running_var": running_var}
    for position, (name, value) in enumerate(given.items(), 2):
        expect_optional_tensor(value, "batch_norm", name, position)
    if training:
        _check_training(input, eps)
        check(
            (running_mean is None) == (running_var is None),
            lambda: "running_mean and running_var must either both be None or neither be None",
            ValueError,
        )
    else:
        check(eps >= 0, lambda: f"batch_norm eps must be non-negative, but got {eps}", ValueError)
        for name, value in (("running_mean", running_mean), ("running_var", running_var)):
            check(value is not None, lambda name=name: f"{name} must be defined in evaluation mode")  # type: ignore[misc]
    return _by_channel(input, given, training, momentum, eps)


def _by_channel(
    input: Any, given: dict[str, Any], training: bool, momentum: float, eps: float, name: str = "batch_norm"
) -> Any:
    """The batch norm of (N, C, ...) by its parameters and statistics, of which any may be None."""
    weight, bias = given["weight"], given["bias"]
    running_mean, running_var = given["running_mean"], given["running_var"]
    channels = input.shape[1] if input.ndim > 1 else 0
    for name, value in given.items():
        check(
            value is None or value.numel() == channels,
            lambda name=name, value=value: f"{name} should contain {channels} elements not {value.numel()}",  # type: ignore[misc]
        )
    check(
        input.is_floating_point(),
        lambda: f"\"batch_norm\" not implemented for '{type_name(input.dtype)}'",
        NotImplementedError,
    )
    expect_matching_parameters(input, given, name)
    expect_constant(running_mean, "native_batch_norm", "running_mean")
    expect_constant(running_var, "native_batch_norm", "running_var")
    if input.numel():
        dim_of(1, input.ndim)  # the channels; without them, torch's IndexError
    compute = input.float() if input.itemsize == 2 else input  # the half types are normalized in float32
    along = (1, channels, *(1,) * (input.ndim - 2))
    if training and input.numel():
        scales = (p if p is None else p.reshape(-1) for p in (weight, bias))
        out, mean, variance = normalize_batch(compute, *scales, eps=eps)
        count = input.numel() // channels
        _move(running_mean, mean, momentum, 1.0)
        _move(running_var, variance, momentum, count / (count - 1))  # unbiased
        return out.to(input.dtype).contiguous(memory_format=suggested(input))
    if training:
        variance, mean = var_mean(compute, (0, *range(2, input.ndim)), correction=0, keepdim=True)
    else:
        mean, variance = running_mean.reshape(along), running_var.reshape(along)
    normalized = (compute - mean) * (variance + eps).rsqrt()
    if weight is not None:
        normalized = normalized * weight.reshape(along)
    if bias is not None:
        normalized = normalized + bias.reshape(along)
    return normalized.to(input.dtype).contiguous(memory_format=suggested(input))


def _check_training(input: Any, eps: float) -> None:
    check(input.ndim > 0, lambda: "batch_norm: tuple index out of range, the input has no dimensions", IndexError)
    check(eps > 0, lambda: f"batch_norm eps must be positive during training, but got {eps}", ValueError)
    values = 1
    for d, n in enumerate(input.shape):
        values *= 1 if d == 1 else n
    check(
        values != 1,
        lambda: f"Expected more than 1 value per channel when training, got input size {input.shape}",
        ValueError,
    )


def _move(running: Any, batch: Any, momentum: float, factor: float) -> None:
    """running <- (1 - momentum) running + momentum factor batch, in float64, rounded once."""
    if running is None:
        return
    before, new = (x._array.reshape(running.shape).astype("float64") for x in (running, batch))
    with set_grad(False):
        fill(running, (1 - momentum) * before + momentum * factor * new, "batch_norm")


def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """`batch_norm` of every sample of (N, C, ...) by itself: mean and variance over its spatial dimensions.

    Running statistics move by the mean over the samples of what each would have moved them by. ValueError for a single
    spatial element, unless the running statistics are used (Ulyanov, Vedaldi and Lempitsky 2016).

    >>> import refnet
    >>> refnet.nn.functional.instance_norm(refnet.tensor([[[1.0, 3.0], [0.0, 40.0]]]))
    tensor([[[-1.0000,  1.0000],
             [-1.0000,  1.0000]]])
    """
    check(
        isinstance(input, TensorBase),
        lambda: f"instance_norm(): argument 'input' must be Tensor, not {type(input).__name__}; it has no 'size'",
        AttributeError,
    )
    expect_real(momentum, "instance_norm", "momentum", 7)
    expect_real(eps, "instance_norm", "eps", 8)
    given = {"weight": weight, "bias": bias, "running_mean": running_mean, "running_var": running_var}
    for position, (name, value) in enumerate(given.items(), 2):
        expect_optional_tensor(value, "instance_norm", name, position)
    if use_input_stats:
        check(
            math.prod(input.shape[2:]) != 1,
            lambda: f"Expected more than 1 spatial element when training, got input size {input.shape}",
            ValueError,
        )
        check(
            (running_mean is None) == (running_var is None),
            lambda: "running_mean and running_var must either both be None or neither be None",
            ValueError,
        )
    else:
        check(
            running_mean is not None and running_var is not None,
            lambda: "Expected running_mean and running_var to be defined when use_input_stats is false",
        )
    n, channels, *spatial = input.shape
    each: dict[str, Any] = {name: None if value is None else value.repeat(n) for name, value in given.items()}  # (N C)
    one = input.contiguous().reshape(1, n * channels, *spatial)
    out = _by_channel(one, each, use_input_stats, momentum, eps, "instance_norm").reshape(input.shape)
    with set_grad(False):
        for name in ("running_mean", "running_var"):
            if use_input_stats and given[name] is not None:
                given[name].copy_(each[name].reshape(n, channels).mean(0))
    return out
