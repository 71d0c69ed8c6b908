"""The affine map."""

from typing import Any

from refnet._check import check
from refnet._ops._args import expect_tensor


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """y = x W^T + b, for x (..., in), W (out, in) or (in,), b (out,): y (..., out) or (...).

    >>> import refnet
    >>> refnet.nn.functional.linear(refnet.tensor([1.0, 2.0]), refnet.tensor([[1.0, 1.0], [0.0, 3.0]]))
    tensor([3., 6.])
    """
    expect_tensor(input, "linear")
    expect_tensor(weight, "linear", "weight", 2)
    check(
        input.ndim > 0 and weight.ndim > 0,
        lambda: f"both arguments to linear need to be at least 1D, but they are {input.ndim}D and {weight.ndim}D",
    )
    check(weight.ndim <= 2, lambda: f"linear(): expected a weight of 1 or 2 dimensions, got {list(weight.shape)}")
    check(
        input.dtype is weight.dtype,
        lambda: f"linear(): expected m1 and m2 to have the same dtype, but got: {input.dtype} != {weight.dtype}",
    )
    if weight.ndim == 1:
        check(bias is None, lambda: "linear(): mat2 must be a matrix, got 1-D tensor")
        return input.matmul(weight)
    rows = input.reshape(-1, input.shape[-1]) if input.numel() else input.reshape(input.numel(), input.shape[-1])
    check(
        input.shape[-1] == weight.shape[1],
        lambda: f"mat1 and mat2 shapes cannot be multiplied ({_by(rows.shape)} and {_by(weight.shape[::-1])})",
    )
    if bias is None:
        out = rows.matmul(weight.t())
    else:
        check(
            bias.ndim <= 1 and bias.shape in ((), (1,), (weight.shape[0],)),
            lambda: (
                f"linear(): The expanded size of the tensor ({weight.shape[0]}) must match the existing size "
                f"({bias.shape[-1]}) at non-singleton dimension 1.  Target sizes: {[rows.shape[0], weight.shape[0]]}.  "
                f"Tensor sizes: {list(bias.shape)}"
            ),
        )
        out = bias.addmm(rows, weight.t())
    return out.reshape(*input.shape[:-1], weight.shape[0])


def _by(shape: Any) -> str:
    return "x".join(map(str, shape))
