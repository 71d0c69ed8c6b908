"""Diagonals: reading one as a view, writing one into a matrix, and the positions of a triangle.

With an offset k > 0 the diagonal starts k columns to the right of the corner, with k < 0 it starts -k rows below it.
`diagonal_view` and `diagonal_matrix` are each other's adjoint.
"""

from typing import Any

from refnet._check import check
from refnet._device import strided
from refnet._ops import reduce, shape
from refnet._ops._args import expect_tensor, into
from refnet._ops._dims import Shape, dim_of
from refnet._tape import Primitive, View

Array = Any


def _diagonal(x: Array, offset: int, dim1: int, dim2: int) -> Array:
    """The diagonal of dimensions dim1 and dim2 as the last dimension of a view."""
    rows, columns = x.shape[dim1], x.shape[dim2]
    n = max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)
    start = (offset * x.strides[dim2] if offset >= 0 else -offset * x.strides[dim1]) if n else 0
    rest = [d for d in range(x.ndim) if d not in (dim1, dim2)]
    sizes = (*(x.shape[d] for d in rest), n)
    steps = (*(x.strides[d] for d in rest), x.strides[dim1] + x.strides[dim2])
    return strided(x, sizes, steps, start)


@View
def diagonal_view(xp: Any, x: Array, *, offset: int, dim1: int, dim2: int) -> Array:
    """out[..., i] = x[..., i, i + offset], dim1 being the rows        dL/dx = g on that diagonal, 0 elsewhere"""
    return _diagonal(x, offset, dim1, dim2)


@Primitive
def diagonal_matrix(xp: Any, g: Array, *, shape: Shape, offset: int, dim1: int, dim2: int) -> Array:
    """Zeros of `shape` with g on a diagonal        dL/dg = that diagonal of h"""
    out = xp.zeros(shape, g.dtype)
    _diagonal(out, offset, dim1, dim2)[...] = g
    return out


diagonal_view.vjp(x=lambda g, x_shape, **p: diagonal_matrix(g, shape=x_shape, **p))
diagonal_matrix.vjp(
    g=lambda h, offset, dim1, dim2: diagonal_view(h, offset=offset, dim1=dim1, dim2=dim2),
)


def _two_dims(dim1: int, dim2: int, ndim: int) -> tuple[int, int]:
    """Two different dimensions, from the front."""
    a, b = dim_of(dim1, ndim), dim_of(dim2, ndim)
    check(a != b, lambda: f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return a, b


def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The diagonal of the matrices that dimensions dim1 and dim2 of input make, a view; it becomes the last dimension.

    >>> import refnet
    >>> refnet.diagonal(refnet.arange(6).reshape(2, 3), 1)
    tensor([1, 5])
    """
    expect_tensor(input, "diagonal")
    a, b = _two_dims(dim1, dim2, input.ndim)
    return diagonal_view(input, offset=offset, dim1=a, dim2=b)


def linalg_diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """As `diagonal`, of the last two dimensions unless told otherwise."""
    return diagonal(A, offset, dim1, dim2)


def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Square matrices, in dimensions dim1 and dim2 of the result, with the last dimension of input on a diagonal.

    >>> import refnet
    >>> refnet.diag_embed(refnet.tensor([1, 2]), 1)
    tensor([[0, 1, 0],
            [0, 0, 2],
            [0, 0, 0]])
    """
    expect_tensor(input, "diag_embed")
    a, b = _two_dims(dim1, dim2, input.ndim + 1)
    check(
        input.ndim > 0,
        lambda: "Dimension out of range (diag_embed needs at least one dimension, but got a 0-d tensor)",
        IndexError,
    )
    n = abs(offset) + input.shape[-1]
    sizes = list(input.shape[:-1])
    sizes.insert(min(a, b), n)
    sizes.insert(max(a, b), n)
    return diagonal_matrix(input, shape=tuple(sizes), offset=offset, dim1=a, dim2=b)


def diag(input: Any, diagonal: int = 0, *, out: Any = None) -> Any:
    """The matrix that has the vector input on a diagonal, or a copy of a diagonal of the matrix input.

    >>> import refnet
    >>> refnet.diag(refnet.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    expect_tensor(input, "diag")
    check(input.ndim in (1, 2), lambda: f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    if input.ndim == 1:
        return into(out, diag_embed(input, diagonal), "diag")
    return into(out, shape.copy(diagonal_view(input, offset=diagonal, dim1=0, dim2=1), order="C"), "diag")


def diagflat(input: Any, offset: int = 0) -> Any:
    """The matrix that has all elements of input, in order, on a diagonal.

    >>> import refnet
    >>> refnet.diagflat(refnet.tensor([[1], [2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    expect_tensor(input, "diagflat")
    return diag(input.reshape(-1).contiguous(), offset)


def trace(input: Any) -> Any:
    """The sum of the diagonal of a matrix.

    >>> import refnet
    >>> refnet.trace(refnet.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(5.)
    """
    expect_tensor(input, "trace")
    check(input.ndim == 2, lambda: f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    return reduce.sum(diagonal_view(input, offset=0, dim1=0, dim2=1))


# --- positions of a triangle --------------------------------------------------------------------------------------


def triangle_positions(xp: Any, row: int, col: int, offset: int, dtype: Any, upper: bool) -> Array:
    """Two rows: where, row by row, the elements of one triangle of a (row, col) matrix are."""
    for what, n in (("row", row), ("col", col)):
        check(n >= 0, lambda what=what, n=n: f"{what} must be non-negative, got{n}")  # type: ignore[misc]
    chosen = xp.arange(col)[None, :] - xp.arange(row)[:, None]
    return xp.stack(xp.nonzero(chosen >= offset if upper else chosen <= offset)).astype(dtype.numpy)
