"""Cross-entropy of linear scores, without ever holding the scores of all rows: they are computed some rows at a time.

    l = x W^T + b        out_n = f_n (log sum_c e^{l_nc} - l_{n, y_n})        s = softmax(l) - onehot(y)

    dL/dx = r W        dL/dW = r^T x        dL/db = sum_n r_n        with r_n = g f_n s_n

Indices: N rows, D features, C classes. x (N, D), W (C, D), b (C,), classes y (N,), factors f (N,). The scores are computed
anew for the gradient, and half types in float32.
"""

from collections.abc import Iterator
from typing import Any

from refnet import _dtype
from refnet._ops._arrays import fill_where
from refnet._tape import Primitive

Array = Any


@Primitive
def linear_cross_entropy(
    xp: Any,
    x: Array,
    w: Array,
    b: Array = None,
    *,
    target: Array,
    factor: Array,
    rows_at_once: int,
    summed: bool,
) -> Array:
    """out (N,), or their sum (): see the module."""
    losses = xp.empty(len(x), _dtype.opmath(x.dtype))
    for rows, scores in _chunks(xp, x, w, b, rows_at_once):
        scores -= scores.max(1, keepdims=True)
        right = xp.take_along_axis(scores, target[rows, None], 1)[:, 0]
        losses[rows] = xp.log(xp.exp(scores).sum(1)) - right
    losses = xp.where(factor == 0, losses.dtype.type(0), losses * factor.astype(losses.dtype, copy=False))
    return (losses.sum(dtype="float64") if summed else losses).astype(x.dtype)


def _chunks(xp: Any, x: Array, w: Array, b: Array, rows_at_once: int) -> Iterator[tuple[slice, Array]]:
    """The scores of some rows at a time, with the slice of those rows."""
    compute = _dtype.opmath(x.dtype)
    wide = w.astype(compute, copy=False).T
    for start in range(0, len(x), rows_at_once):
        rows = slice(start, start + rows_at_once)
        scores = x[rows].astype(compute, copy=False) @ wide
        if b is not None:
            scores += b
        yield rows, scores


@linear_cross_entropy.directly
def _gradients(
    xp: Any,
    g: Array,
    wanted: tuple[bool, ...],
    x: Array,
    w: Array,
    b: Array,
    target: Array,
    factor: Array,
    rows_at_once: int,
) -> list[Array | None]:
    """dL/dx, dL/dW and dL/db in one walk, None for those not wanted."""
    compute = _dtype.opmath(x.dtype)
    scale = (factor * g).astype(compute)
    wide = w.astype(compute, copy=False)
    of_x = xp.empty(x.shape, compute) if wanted[0] else None
    of_w = xp.zeros(w.shape, compute) if wanted[1] else None
    of_b = xp.zeros(len(w), "float64") if len(wanted) > 2 and wanted[2] else None
    for rows, scores in _chunks(xp, x, w, b, rows_at_once):
        scores -= scores.max(1, keepdims=True)
        xp.exp(scores, out=scores)
        scores /= scores.sum(1, keepdims=True)
        right = xp.arange(len(scores)), target[rows]
        likely = scores[right]
        scores[right] = 0
        scores[right] = xp.where(likely > 0.5, -scores.sum(1), likely - 1)  # p - 1, as exactly as p has it
        scores *= scale[rows, None]
        fill_where(xp, scores, scale[rows] == 0, 0)  # ignored rows, whatever their scores
        if of_x is not None:
            xp.matmul(scores, wide, out=of_x[rows])
        if of_w is not None:
            of_w += scores.T @ x[rows].astype(compute, copy=False)
        if of_b is not None:
            of_b += scores.sum(0, dtype="float64")
    return [None if part is None else part.astype(x.dtype, copy=False) for part in (of_x, of_w, of_b)]


@Primitive
def linear_cross_entropy_gradient(
    xp: Any,
    g: Array,
    x: Array,
    w: Array,
    b: Array = None,
    *,
    of: int,
    target: Array,
    factor: Array,
    rows_at_once: int,
    summed: bool,
) -> Array:
    """The gradient of one input: x, w or b as `of` is 0, 1 or 2. It is not differentiable."""
    wanted = tuple(position == of for position in range(3))
    return _gradients(xp, g, wanted, x, w, b, target, factor, rows_at_once)[of]


def _no_second_order(g: Any) -> Any:
    raise NotImplementedError(  # torch leaves these second derivatives out without a word
        "linear_cross_entropy computes some rows at a time, without gradients of gradients; options=None has them"
    )


linear_cross_entropy_gradient.vjp(g=_no_second_order, x=_no_second_order, w=_no_second_order, b=_no_second_order)
linear_cross_entropy.vjp(
    x=lambda g, x, w, b, **p: linear_cross_entropy_gradient(g, x, w, b, of=0, **p),
    w=lambda g, x, w, b, **p: linear_cross_entropy_gradient(g, x, w, b, of=1, **p),
    b=lambda g, x, w, b, **p: linear_cross_entropy_gradient(g, x, w, b, of=2, **p),
)
