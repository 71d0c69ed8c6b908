"""Batch normalization."""

from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._inplace import fill
from refnet._memory_format import suggested
from refnet._ops._args import expect_tensor, type_name
from refnet._ops._dims import dim_of
from refnet._ops.reduce import var_mean
from refnet._tape import set_grad
from refnet.nn.functional._arguments import expect_constant, expect_optional_tensor


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
    check(
        isinstance(momentum, int | float),
        lambda: f"batch_norm(): argument 'momentum' (position 7) must be float, not {type(momentum).__name__}",
        TypeError,
    )
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
    _check_types(input, given)
    expect_constant(running_mean, "native_batch_norm", "running_mean")
    expect_constant(running_var, "native_batch_norm", "running_var")
    if input.numel():
        dim_of(1, input.ndim)  # the channels; without them, torch's IndexError
    compute = input.float() if input.itemsize == 2 else input  # the half types are normalized in float32
    along = (1, channels, *(1,) * (input.ndim - 2))
    if training:
        dims = (0, *range(2, input.ndim))
        variance, mean = var_mean(compute, dims, correction=0, keepdim=True)
        count = input.numel() // max(channels, 1)
        if count:
            _move(running_mean, mean, momentum, 1.0)
            _move(running_var, variance, momentum, count / (count - 1))  # unbiased
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


def _check_types(input: Any, given: dict[str, Any]) -> None:
    """Parameters and statistics all of input's type, or all float32 with an input of a half type."""
    kinds = {name: value.dtype for name, value in given.items() if value is not None}
    mixed = bool(kinds) and next(iter(kinds.values())) is not input.dtype
    wanted = _dtype.float32 if mixed else input.dtype
    for name, kind in kinds.items():
        check(
            kind is wanted,
            lambda name=name, kind=kind: (
                (  # type: ignore[misc]
                    "mixed dtype (CPU): expect parameter to have scalar type of Float"
                    if mixed
                    else f"expected scalar type {type_name(wanted)} but found {type_name(kind)}"
                )
                + f" (batch_norm: input {type_name(input.dtype)}, {name} {type_name(kind)})"
            ),
        )
    check(
        not mixed or input.itemsize == 2,
        lambda: f"mixed dtype (CPU): all inputs must share same datatype. (batch_norm: input {type_name(input.dtype)})",
    )


def _move(running: Any, batch: Any, momentum: float, factor: float) -> None:
    """running <- (1 - momentum) running + momentum factor batch, in float64, rounded once."""
    if running is None:
        return
    before, new = (x._array.reshape(running.shape).astype("float64") for x in (running, batch))
    with set_grad(False):
        fill(running, (1 - momentum) * before + momentum * factor * new, "batch_norm")
