"""The affine map."""

import math
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops._args import expect_tensor, type_name
from refnet._ops.matmul import affine
from refnet.nn.functional._arguments import expect_optional_tensor

_C_NAMES = {"float16": "c10::Half", "bfloat16": "c10::BFloat16", "float32": "float", "float64": "double"}


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """y = x W^T + b, for x (..., in), W (out, in) or (in,), b (out,): y (..., out) or (...).

    A bias of other shapes is broadcast.

    >>> import refnet
    >>> refnet.nn.functional.linear(refnet.tensor([1.0, 2.0]), refnet.tensor([[1.0, 1.0], [0.0, 3.0]]))
    tensor([3., 6.])
    """
    expect_tensor(input, "linear")
    expect_tensor(weight, "linear", "weight", 2)
    expect_optional_tensor(bias, "linear", "bias", 3)
    check(
        input.ndim > 0 and weight.ndim > 0,
        lambda: f"both arguments to linear need to be at least 1D, but they are {input.ndim}D and {weight.ndim}D",
    )
    check(
        weight.ndim <= 2,
        lambda: f"t() expects a tensor with <= 2 dimensions, but self is {weight.ndim}D (linear: weight)",
    )
    check(weight.ndim == 2 or bias is None, lambda: "mat2 must be a matrix, got 1-D tensor (linear: weight)")
    check(input.dtype is weight.dtype, lambda: _mixed(input.dtype, weight.dtype, bias is not None))
    if weight.ndim == 1:
        return input.matmul(weight)
    rows = input if input.ndim == 2 else input.reshape(math.prod(input.shape[:-1]), input.shape[-1])  # (N, in)
    check(
        input.shape[-1] == weight.shape[1],
        lambda: f"mat1 and mat2 shapes cannot be multiplied ({_by(rows.shape)} and {_by(weight.shape[::-1])})",
    )
    shape = (*input.shape[:-1], weight.shape[0])
    if bias is None:
        return rows.matmul(weight.t()).reshape(shape)
    if bias.shape == weight.shape[:1] and bias.dtype is input.dtype and input.dtype in (_dtype.float32, _dtype.float64):
        return affine(rows, weight, bias).reshape(shape)
    if input.ndim == 2 or bias.ndim <= 1:
        return bias.addmm(rows, weight.t()).reshape(shape)
    out = rows.matmul(weight.t()).reshape(shape) + bias
    check(
        out.shape == shape,
        lambda: f"output with shape {list(shape)} doesn't match the broadcast shape {list(out.shape)} (linear: bias)",
    )
    return out


def _mixed(x: Any, w: Any, biased: bool) -> str:
    if biased:
        return f"mat1 and mat2 must have the same dtype, but got {type_name(x)} and {type_name(w)} (linear)"
    names = [_C_NAMES.get(d.name, d.name) for d in (x, w)]
    return f"expected m1 and m2 to have the same dtype, but got: {names[0]} != {names[1]} (linear)"


def _by(shape: Any) -> str:
    return "x".join(map(str, shape))
