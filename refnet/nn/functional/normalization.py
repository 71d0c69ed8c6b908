"""Batch and instance normalization: each channel by its own mean and variance, which may be kept from batch to batch."""

import functools
import math
from typing import Any

from refnet._check import check
from refnet._inplace import fill
from refnet._memory_format import suggested
from refnet._ops._args import expect_one_device, expect_tensor, type_name
from refnet._ops._dims import dim_of
from refnet._ops.batch_norm import batch_norm as normalize_batch
from refnet._ops.batch_norm import move_statistics, normalize_by
from refnet._tape import TensorBase, set_grad
from refnet.nn.functional._arguments import (
    check_matching,
    expect_bool,
    expect_constant,
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
    expect_one_device("batch_norm", input, *given.values())
    expect_bool(training, "batch_norm", "training", 6)
    if training:
        _check_training(input._held.shape, eps)
        check(
            (running_mean is None) == (running_var is None),
            lambda: "running_mean and running_var must either both be None or neither be None",
            ValueError,
        )
    else:
        check(eps >= 0, lambda: f"batch_norm eps must be non-negative, but got {eps}", ValueError)
        for name, value in (("running_mean", running_mean), ("running_var", running_var)):
            if value is None:
                raise RuntimeError(f"{name} must be defined in evaluation mode")
    return _by_channel(input, given, training, momentum, eps)


def _by_channel(
    input: Any, given: dict[str, Any], training: bool, momentum: float, eps: float, name: str = "batch_norm"
) -> Any:
    """The batch norm of (N, C, ...) by its parameters and statistics, of which any may be None."""
    running_mean, running_var = given["running_mean"], given["running_var"]
    shape = input._held.shape
    kinds = tuple([None if value is None else (value.dtype, value._array.size) for value in given.values()])
    _check_kinds(shape, input.dtype, tuple(given), kinds, name)
    expect_constant(running_mean, "native_batch_norm", "running_mean")
    expect_constant(running_var, "native_batch_norm", "running_var")
    compute = input.float() if input.itemsize == 2 else input  # the half types are normalized in float32
    scales = [p if p is None or p._array.ndim == 1 else p.reshape(-1) for p in (given["weight"], given["bias"])]
    if 0 in shape:
        return _normalized_nothing(compute, *scales).to(input.dtype)
    if not training:
        statistics = {"mean": running_mean._array.reshape(-1), "variance": running_var._array.reshape(-1)}
        return _laid_out(normalize_by(compute, *scales, **statistics, eps=eps), input)
    moments = input.device.xp.empty((2, shape[1]))
    out = normalize_batch(compute, *scales, eps=eps, moments=moments)
    if running_mean is not None:
        count = input.numel() // shape[1]
        unbiased = count / (count - 1)
        if not move_statistics(running_mean, running_var, moments, momentum, unbiased):
            with set_grad(False):
                _move(running_mean, moments[0], momentum, 1.0)
                _move(running_var, moments[1], momentum, unbiased)
    return _laid_out(out, input)


def _laid_out(out: Any, input: Any) -> Any:
    """The result in input's type and memory format."""
    if out is not input and out._held.dtype != input._held.dtype:
        out = out.to(input.dtype)
    return out.contiguous(memory_format=suggested(input))


def _normalized_nothing(input: Any, weight: Any, bias: Any) -> Any:
    """The batch norm of an empty batch: empty, and its gradients for the parameters are zeros."""
    along = (-1, *(1,) * (input.ndim - 2)) if input.ndim > 1 else (0,)  # an empty input may have one dimension
    out = input.clone() if weight is None else input * weight.reshape(along)
    return out if bias is None else out + bias.reshape(along)


@functools.lru_cache(maxsize=1024)
def _check_kinds(
    shape: tuple[int, ...], dtype: Any, names: tuple[str, ...], kinds: tuple[tuple[Any, int] | None, ...], name: str
) -> None:
    """Shape and type of the input, and type and size of what is there of parameters and statistics."""
    channels = shape[1] if len(shape) > 1 else 0
    present = [(parameter, *kind) for parameter, kind in zip(names, kinds, strict=True) if kind is not None]
    for parameter, _, size in present:
        if size != channels:
            raise RuntimeError(f"{parameter} should contain {channels} elements not {size}")
    if 0 in shape:  # nothing is computed of an empty input, whatever its type
        return
    check(
        dtype.is_floating_point,
        lambda: f"\"batch_norm\" not implemented for '{type_name(dtype)}'",
        NotImplementedError,
    )
    check_matching(dtype, {parameter: kind for parameter, kind, _ in present}, name)
    dim_of(1, len(shape))  # the channels; without them, torch's IndexError


@functools.lru_cache(maxsize=1024)
def _check_training(shape: tuple[int, ...], eps: float) -> None:
    check(len(shape) > 0, lambda: "batch_norm: tuple index out of range, the input has no dimensions", IndexError)
    check(eps > 0, lambda: f"batch_norm eps must be positive during training, but got {eps}", ValueError)
    check(
        math.prod(shape[:1]) * math.prod(shape[2:]) != 1,
        lambda: f"Expected more than 1 value per channel when training, got input size refnet.Size({list(shape)})",
        ValueError,
    )


def _move(running: Any, batch: Any, momentum: float, factor: float) -> None:
    """running <- (1 - momentum) running + momentum factor batch, in float64, rounded once."""
    moved = (1 - momentum) * running._array.astype("float64")
    moved += momentum * factor * batch.reshape(moved.shape)
    fill(running, moved, "batch_norm")


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
    expect_bool(use_input_stats, "instance_norm", "use_input_stats", 6)
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
