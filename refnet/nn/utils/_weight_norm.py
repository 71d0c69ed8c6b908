"""w = g v / |v|: a weight as a length and a direction (Salimans and Kingma 2016). What both forms of weight norm share."""

from typing import Any


def norm_except_dim(v: Any, dim: int) -> Any:
    """|v| over all dimensions but `dim`, which keep size 1; over all of them, a 0-d tensor, for dim -1.

    >>> import refnet
    >>> norm_except_dim(refnet.tensor([[3.0, 4.0], [0.0, 2.0]]), 0)
    tensor([[5.],
            [2.]])
    """
    if dim == -1:
        return v.norm()
    dims = [d for d in range(v.ndim) if d != dim % v.ndim]
    return v.norm(2, dims, keepdim=True) if dims else v.abs()


def scaled_direction(v: Any, g: Any, dim: int) -> Any:
    """g v / |v|"""
    return v * (g / norm_except_dim(v, dim))
