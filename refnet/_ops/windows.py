"""Sliding windows along one dimension, as a view: what `Tensor.unfold` gives."""

from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._device import strided
from refnet._ops import shape
from refnet._ops._args import expect_tensor
from refnet._ops._dims import Shape, dim_of
from refnet._tape import Primitive, View

Array = Any


def _windows(x: Array, dim: int, size: int, step: int) -> Array:
    count = (x.shape[dim] - size) // step + 1
    sizes = (*x.shape[:dim], count, *x.shape[dim + 1 :], size)
    return strided(x, sizes, (*x.strides[:dim], step * x.strides[dim], *x.strides[dim + 1 :], x.strides[dim]))


@View
def sliding(xp: Any, x: Array, *, dim: int, size: int, step: int) -> Array:
    """out[..., w, ..., k] = x[..., step w + k, ...]        dL/dx = every g added where it was read"""
    return _windows(x, dim, size, step)


@Primitive
def overlapped(xp: Any, g: Array, *, shape: Shape, dim: int, size: int, step: int) -> Array:
    """Zeros of `shape` with the windows g added in their places        dL/dg = the windows of h"""
    out = xp.zeros(shape, _dtype.opmath(g.dtype))
    windows = _windows(out, dim, size, step)
    for k in range(size):  # the elements number k of all windows lie apart
        windows[..., k] += g[..., k]
    return out.astype(g.dtype, copy=False)


sliding.vjp(x=lambda g, x_shape, **p: overlapped(g, shape=x_shape, **p))
overlapped.vjp(g=lambda h, dim, size, step: sliding(h, dim=dim, size=size, step=step))


def unfold(input: Any, dimension: int, size: int, step: int) -> Any:
    """Every window of `size` elements along `dimension`, one each `step`, as a view with the window last.

    >>> import refnet
    >>> refnet.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    expect_tensor(input, "unfold")
    d = dim_of(dimension, input.ndim)
    n = input.shape[d] if input.ndim else 1
    check(size >= 0, lambda: f"size is {size} but must be >= 0")
    check(size <= n, lambda: f"maximum size for tensor at dimension {d} is {n} but size is {size}")
    check(step > 0, lambda: f"step is {step} but must be > 0")
    if not input.ndim:  # a 0-d tensor has one element to see, or none
        return shape.basic_index(input, key=(None,)) if size else shape.basic_index(input, key=(None,))[:0]
    return sliding(input, dim=d, size=size, step=step)
