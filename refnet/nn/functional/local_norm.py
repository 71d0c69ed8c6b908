"""Division by the size of neighbours: local response normalization, and vectors scaled to norm 1."""

import operator
from typing import Any

from refnet._check import check
from refnet._ops._args import into
from refnet._ops.pointwise import true_divide
from refnet._tape import TensorBase
from refnet.nn.functional.conv import pad
from refnet.nn.functional.pooling import avg_pool2d, avg_pool3d


def _expect_tensor_method(value: Any, name: str, method: str) -> None:
    check(
        isinstance(value, TensorBase),
        lambda: f"{name}(): argument 'input' must be Tensor, not {type(value).__name__}; it has no '{method}'",
        AttributeError,
    )


def local_response_norm(input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    """y_c = x_c / (k + alpha / size sum_j x_j^2)^beta over the `size` channels around c of (N, C, ...).

    j runs from c - floor(size / 2) to c + floor((size - 1) / 2), as far as there are channels (Krizhevsky, Sutskever
    and Hinton 2012).

    >>> import refnet
    >>> refnet.nn.functional.local_response_norm(refnet.ones(1, 2, 1), 2, alpha=1.0, beta=1.0)
    tensor([[[0.6667],
             [0.5000]]])
    """
    _expect_tensor_method(input, "local_response_norm", "dim")
    check(
        input.ndim >= 3,
        lambda: f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)",
        ValueError,
    )
    if input.numel() == 0:
        return input
    check(
        hasattr(size, "__index__") and not isinstance(size, bool),
        lambda: f"local_response_norm(): argument 'size' must be int, but got {type(size).__name__}",
        TypeError,
    )
    size = operator.index(size)
    squares = input * input
    below, above = size // 2, (size - 1) // 2
    if input.ndim == 3:
        around = pad(squares.unsqueeze(1), (0, 0, below, above))  # (N, 1, C, L)
        means = avg_pool2d(around, (size, 1), stride=1).squeeze(1)
    else:
        n, channels, rows, *_ = input.shape
        around = pad(squares.reshape(n, 1, channels, rows, -1), (0, 0, 0, 0, below, above))
        means = avg_pool3d(around, (size, 1, 1), stride=1).reshape(input.shape)
    return input / means.mul(alpha).add(k).pow(beta)


def cross_map_norm(input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    """y_c = x_c / (k + alpha / size sum_j x_j^2)^beta over the channels j around c of (N, C, H, W), and channel 0.

    j runs from c - r to c + r with r = floor((size - 1) / 2): for an even `size` one less than it says. torch's layer of
    this kind, a port from Lua, never takes channel 0 out of its running sum, hence neither does this one.
    """
    check(
        input.ndim == 4,
        lambda: f"CrossMapLRN2d: Expected input to be 4D, got {input.ndim}D instead.",
        ValueError,
    )
    reach, channels = (size - 1) // 2, input.shape[1]
    squares = input * input
    around = pad(squares.unsqueeze(1), (0, 0, 0, 0, reach, reach))  # (N, 1, C, H, W)
    sums = avg_pool3d(around, (2 * reach + 1, 1, 1), stride=1, divisor_override=1).squeeze(1)
    if channels > reach + 1:
        far = pad(squares[:, :1].expand(-1, channels - reach - 1, -1, -1), (0, 0, 0, 0, reach + 1, 0))
        sums = sums + far  # channel 0 for those that do not reach it
    return input * (sums * (alpha / size) + k).pow(-beta)


def normalize(input: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Any = None) -> Any:
    """x / max(||x||_p, eps), the norm along `dim` (one dimension or several).

    >>> import refnet
    >>> refnet.nn.functional.normalize(refnet.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    _expect_tensor_method(input, "normalize", "norm")
    scale = input.norm(p, dim, keepdim=True).clamp_min(eps)
    return into(out, true_divide(input, scale), "div")
