"""Rectifiers that are methods of a tensor as well: prelu and hardshrink, over the primitives of `activation`."""

from typing import Any

from refnet._check import check
from refnet._ops import activation
from refnet._ops._args import expect_floating, expect_tensor, in_type, number, type_name


def prelu(input: Any, weight: Any) -> Any:
    """x where x > 0, else weight x, with one weight for all or one for each channel of (N, C, ...).

    >>> import refnet
    >>> refnet.nn.functional.prelu(refnet.tensor([[-1.0, -1.0]]), refnet.tensor([0.1, 0.2]))
    tensor([[-0.1000, -0.2000]])
    """
    expect_tensor(input, "prelu")
    expect_tensor(weight, "prelu", "weight", 2)
    if weight.numel() != 1:
        check(input.ndim > 0, lambda: "Not allow zero-dim input tensor.")
        channels = input.shape[1] if input.ndim >= 2 else 1
        check(
            channels == weight.numel(),
            lambda: (
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{weight.numel()} and channel size = {channels}."
            ),
        )
    check(
        weight.ndim <= 1,
        lambda: f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}",
    )
    check(
        input.dtype is weight.dtype,
        lambda: f"prelu: Type promoting not supported. Got {type_name(input.dtype)} and {type_name(weight.dtype)}",
    )
    expect_floating(input, "prelu", "prelu_cpu")
    shape = (-1, *(1,) * (input.ndim - 2)) if input.ndim >= 2 else (1,) * input.ndim
    return activation.prelu(input, weight.reshape(shape))


def hardshrink(input: Any, lambd: float = 0.5) -> Any:
    """x where |x| > lambd, else 0."""
    expect_floating(input, "hardshrink", "hardshrink_cpu")
    limit = in_type(input.dtype, number(lambd, "hardshrink", "lambd", 2))
    return activation.hardshrink(input, limit=limit)
