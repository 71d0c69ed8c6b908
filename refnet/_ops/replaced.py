"""Views written into copies: diagonal_scatter, select_scatter, slice_scatter, as_strided_scatter.

Each gives a copy of input in which a view (a diagonal, a slice) has the values of another tensor. Which elements of
input the view looks at is found by taking the same view of their positions.
"""

from collections.abc import Callable
from typing import Any

from refnet._check import check
from refnet._device import strided
from refnet._ops import shape
from refnet._ops._args import expect_tensor
from refnet._ops._arrays import unraveled
from refnet._ops._dims import dim_of
from refnet._ops.diagonal import diagonal
from refnet._ops.positions import fancy_index
from refnet._tape import Primitive, wrap

Array = Any


@Primitive
def written(xp: Any, x: Array, v: Array, *, key: Any) -> Array:
    """x with x[key] = v, with the strides of x        dL/dx = g, 0 at key        dL/dv = g[key]"""
    out = _with_strides(xp, x)
    out[key] = v
    return out


written.vjp(x=lambda g, key: written(g, 0, key=key), v=lambda g, key: fancy_index(g, key=key))


def _with_strides(xp: Any, x: Array) -> Array:
    """A copy of x that has its strides, gaps included; what is expanded is packed."""
    if 0 in x.strides or not x.size:
        return xp.array(x, order="C")
    span = 1 + sum((n - 1) * step for n, step in zip(x.shape, x.strides, strict=True)) // x.itemsize
    out = strided(xp.zeros(span, x.dtype), x.shape, x.strides)
    out[...] = x
    return out


def _write(input: Any, src: Any, positions: Array) -> Any:
    """input with src at `positions`, counted in logical order; input's memory layout stays."""
    xp = input.device.xp
    if not input.ndim:
        return _write(input.reshape(1), src, positions).reshape(())
    key = unraveled(xp, positions, tuple(input.shape))
    return written(input, src.to(input.dtype), key=key)


def _replaced(input: Any, src: Any, view: Callable[[Any], Any], name: str) -> Any:
    expect_tensor(input, name)
    expect_tensor(src, name, "src", 2)
    xp = input.device.xp
    positions = view(wrap(xp.arange(input.numel()).reshape(input.shape), input.device))._array
    check(
        tuple(src.shape) == positions.shape,
        lambda: (
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(positions.shape)}"
        ),
    )
    return _write(input, src, positions)


def diagonal_scatter(input: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """input with src on the diagonal that `diagonal(input, offset, dim1, dim2)` shows.

    >>> import refnet
    >>> refnet.diagonal_scatter(refnet.zeros(2, 2), refnet.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    return _replaced(input, src, lambda x: diagonal(x, offset, dim1, dim2), "diagonal_scatter")


def select_scatter(input: Any, src: Any, dim: int, index: int) -> Any:
    """input with src in place of `select(input, dim, index)`.

    >>> import refnet
    >>> refnet.select_scatter(refnet.zeros(2, 2), refnet.tensor([1.0, 2.0]), 0, 1)
    tensor([[0., 0.],
            [1., 2.]])
    """
    return _replaced(input, src, lambda x: shape.select(x, dim, index), "select_scatter")


def slice_scatter(
    input: Any, src: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    """input with src in place of the slice start:end:step along `dim`.

    >>> import refnet
    >>> refnet.slice_scatter(refnet.zeros(4), refnet.ones(2), start=1, step=2)
    tensor([0., 1., 0., 1.])
    """
    check(step > 0, lambda: "slice step must be positive")
    key = (slice(None),) * dim_of(dim, input.ndim) + (slice(start, end, step),)
    return _replaced(input, src, lambda x: shape.basic_index(x, key=key), "slice_scatter")


def as_strided_scatter(input: Any, src: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """input with src in place of `as_strided(input, size, stride, storage_offset)`, which must stay inside input.

    >>> import refnet
    >>> refnet.as_strided_scatter(refnet.zeros(4), refnet.ones(2), (2,), (3,))
    tensor([1., 0., 0., 1.])
    """
    expect_tensor(input, "as_strided_scatter")
    expect_tensor(src, "as_strided_scatter", "src", 2)
    window = shape.as_strided(input.detach(), size, stride, storage_offset)
    check(
        src.shape == window.shape,
        lambda: (
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(window.shape)}"
        ),
    )
    return _write(input, src, shape.view_index(input, window))
