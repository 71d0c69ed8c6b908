"""Numbers scaled to root mean square 1 over some dimensions, for RMS norm.

The kernel returns the scale beside the result, because the gradients are made of just these two.
"""

from typing import Any

from refnet._ops._accumulate import tree_sum
from refnet._ops.reduce import count
from refnet._tape import Primitive

Array = Any
Shape = tuple[int, ...]


@Primitive
def to_unit_mean_square(xp: Any, x: Array, *, dims: Shape, eps: float) -> tuple[Array, Array]:
    """out = (z, r) with z = x r and r = 1 / sqrt(mean x^2 + eps) over `dims`.

    dL/dx = r (g - z mean(g z)) for the gradient g of z, and -g r^2 z / n for that of r.
    """
    wide = x.astype(xp.float64, copy=False)
    scale = 1 / xp.sqrt(tree_sum(xp, wide * wide, dims) / xp.float64(count(x.shape, dims)) + eps)
    return xp.asarray(wide * scale, dtype=x.dtype, order="C"), scale.astype(x.dtype)


def _mean_square_rule(g: Any, x_shape: Shape, out: Any, dims: Shape) -> Any:
    of_result, of_scale = g
    result, scale = out
    parts = []
    if of_result is not None:
        parts.append((of_result - result * (of_result * result).mean(dims, keepdim=True)) * scale)
    if of_scale is not None:
        parts.append(of_scale * (scale * scale) * result * (-1 / max(count(x_shape, dims), 1)))
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


to_unit_mean_square.vjp(x=_mean_square_rule)
