"""The affine map."""

import math
from typing import Any

from refnet._check import check
from refnet._ops._args import c_name, expect_tensor, type_name
from refnet._ops.matmul import affine
from refnet._tape import TensorBase
from refnet.nn.functional._arguments import expect_optional_tensor, widened


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """y = x W^T + b, for x (..., in), W (out, in) or (in,), b (out,): y (..., out) or (...).

    A bias of other shapes is broadcast.

    >>> import refnet
    >>> refnet.nn.functional.linear(refnet.tensor([1.0, 2.0]), refnet.tensor([[1.0, 1.0], [0.0, 3.0]]))
    tensor([3., 6.])
    """
    if _is_affine(input, weight, bias):
        return affine(input, weight, bias)
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
    wide = (rows, weight, bias) if bias is None else [widened(x) for x in (rows, weight, bias)]
    if _is_affine(*wide) and (bias is None or bias.dtype is input.dtype):
        return affine(*wide).to(input.dtype).reshape(shape)  # of half types rounded once, the bias added
    if bias is None:
        return rows.matmul(weight.t()).reshape(shape)
    if input.ndim == 2 or bias.ndim <= 1:
        return bias.addmm(rows, weight.t()).reshape(shape)
    out = rows.matmul(weight.t()).reshape(shape) + bias
    check(
        out.shape == shape,
        lambda: f"output with shape {list(shape)} doesn't match the broadcast shape {list(out.shape)} (linear: bias)",
    )
    return out


def _is_affine(input: Any, weight: Any, bias: Any) -> bool:
    """Whether these are (N, in), (out, in), and (out,) or None, of one type, float32 or float64: seen at once."""
    if not (isinstance(input, TensorBase) and isinstance(weight, TensorBase)):
        return False
    x, w = input._array, weight._array
    fits = x.ndim == w.ndim == 2 and x.shape[1] == w.shape[1] and x.dtype == w.dtype and x.dtype.char in "fd"
    if bias is None or not fits:
        return fits
    return isinstance(bias, TensorBase) and bias._array.shape == w.shape[:1] and bias._array.dtype == x.dtype


def _mixed(x: Any, w: Any, biased: bool) -> str:
    if biased:
        return f"mat1 and mat2 must have the same dtype, but got {type_name(x)} and {type_name(w)} (linear)"
    return f"expected m1 and m2 to have the same dtype, but got: {c_name(x)} != {c_name(w)} (linear)"


def _by(shape: Any) -> str:
    return "x".join(map(str, shape))
