"""The bilinear map."""

import math
from typing import Any

from refnet._check import check
from refnet._ops._args import c_name, expect_tensor
from refnet._ops._dims import dim_of
from refnet.nn.functional._arguments import expect_optional_tensor


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """y_k = sum over i, j of x1_i W_kij x2_j + b_k, for x1 (..., I), x2 (..., J), W (K, I, J), b (K,): y (..., K).

    >>> import refnet
    >>> x, y = refnet.tensor([1.0, 2.0]), refnet.tensor([3.0, 4.0])
    >>> refnet.nn.functional.bilinear(x, y, refnet.eye(2).unsqueeze(0))
    tensor([11.])
    """
    for position, (value, argument) in enumerate(((input1, "input1"), (input2, "input2"), (weight, "weight")), 1):
        expect_tensor(value, "bilinear", argument, position)
    expect_optional_tensor(bias, "bilinear", "bias", 4)
    check(
        input1.dtype is input2.dtype is weight.dtype and (bias is None or bias.dtype is weight.dtype),
        lambda: (
            f"All tensors must have the same dtype, got input1: {c_name(input1.dtype)}, input2: {c_name(input2.dtype)}, "
            f"weight: {c_name(weight.dtype)}" + ("" if bias is None else f", bias: {c_name(bias.dtype)}")
        ),
    )
    check(
        input1.ndim == input2.ndim,
        lambda: f"bilinear(): input dimensions do not match: got {input1.ndim} and {input2.ndim}",
    )
    for d, (n, m) in enumerate(zip(input1.shape[:-1], input2.shape[:-1], strict=True)):
        check(
            n == m,
            lambda n=n, m=m, d=d: (  # type: ignore[misc]
                f"bilinear(): input batch dimensions do not match at dim {d}: got {n} and {m}"
            ),
        )
    dim_of(2, weight.ndim)
    outputs, width1, width2 = weight.shape
    for value, width, which in ((input1, width1, "input1"), (input2, width2, "input2")):
        check(
            value.shape[-1] == width,
            lambda value=value, width=width, which=which: (  # type: ignore[misc]
                f"bilinear(): {which} size does not match weight size: got {value.shape[-1]} but expected {width}"
            ),
        )
    check(
        bias is None or bias.shape[0] == outputs,
        lambda: f"bilinear(): bias size does not match weight size: got {bias.shape[0]} but expected {outputs}",
    )
    batch = input1.shape[:-1]
    rows = math.prod(batch)
    by_input1 = weight.permute(1, 0, 2).reshape(width1, outputs * width2)  # (K, I, J) -> (I, K J)
    partial = input1.reshape(rows, width1).matmul(by_input1).reshape(rows, outputs, width2)
    out = partial.matmul(input2.reshape(rows, width2, 1)).reshape(*batch, outputs)
    return out if bias is None else out + bias
