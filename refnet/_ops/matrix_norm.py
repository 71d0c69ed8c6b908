"""Norms of matrices, and the condition number."""

import math
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops import _lapack
from refnet._ops._args import expect_tensor, into, type_name
from refnet._ops._dims import dim_of
from refnet._ops.reduce import vector_norm
from refnet._ops.solve import inv_ex
from refnet._ops.spectral import svdvals

_ORDERS = (1, -1, 2, -2, math.inf, -math.inf)


def matrix_norm(
    A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None, out: Any = None
) -> Any:
    """A norm of the matrices in dimensions `dim`.

    "fro" (root of the sum of squares), "nuc" (sum of singular values), 2 and -2 (the largest and smallest singular
    value), 1 and -1 (the largest and smallest sum of a column's absolute values), inf and -inf (of a row's).

    >>> import refnet
    >>> refnet.linalg.matrix_norm(refnet.tensor([[1.0, -2.0], [3.0, 4.0]]), 1)
    tensor(6.)
    """
    name = "linalg.matrix_norm"
    _lapack.expect_matrices(A, name)
    check(
        A.is_floating_point(),
        lambda: f"{name}: Expected a floating point or complex tensor as input. Got {type_name(A.dtype)}",
    )
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    check(len(dims) == 2, lambda: f"{name}: dim must be a 2-tuple. Got {', '.join(map(str, dims))}")
    row, column = (dim_of(d, A.ndim) for d in dims)
    check(row != column, lambda: f"{name}: dims must be different. Got ({dims[0]}, {dims[1]})")
    check(
        ord in ("fro", "nuc") if isinstance(ord, str) else ord in _ORDERS,
        lambda: f"{name}: Order {ord} not supported.",
    )
    if ord == "fro":
        return into(out, vector_norm(A, 2, (row, column), keepdim, dtype=dtype), name)
    x = _converted(A, dtype, name)
    if ord == "nuc" or abs(ord) == 2:
        x = x.permute(*(d for d in range(x.ndim) if d not in (row, column)), row, column)
        s = svdvals(x)
        result = s.sum(-1) if ord == "nuc" else _extreme(s, -1, ord > 0)
        kept = sorted((row, column))
        for d in kept if keepdim else ():
            result = result.unsqueeze(d)
        return into(out, result, name)
    summed, compared = (row, column) if abs(ord) == 1 else (column, row)
    sums = x.abs().sum(summed, keepdim=True)
    result = _extreme(sums, compared, ord > 0, keepdim=True)
    return into(out, result if keepdim else result.squeeze((row, column)), name)


def _extreme(x: Any, dim: int, largest: bool, keepdim: bool = False) -> Any:
    """The largest or smallest element along `dim`; 0 of none."""
    if x.shape[dim] == 0:
        return x.sum(dim, keepdim=keepdim)
    return x.amax(dim, keepdim=keepdim) if largest else x.amin(dim, keepdim=keepdim)


def _converted(a: Any, dtype: Any, name: str) -> Any:
    """`a` in the type asked for, which must not be narrower; RuntimeError otherwise."""
    if dtype is None:
        return a
    check(
        dtype.is_floating_point and _dtype.promote_types(a.dtype, dtype) is dtype,
        lambda: (
            f"{name}: the dtype of the input ({type_name(a.dtype)}) should be convertible without narrowing to the "
            f"specified dtype ({type_name(dtype)})"
        ),
    )
    return a.to(dtype)


def norm(A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, out: Any = None, dtype: Any = None) -> Any:
    """A vector norm over one dimension, a matrix norm over two; without `ord` the root of the sum of squares over all.

    Without `dim`, A is a vector or a matrix where `ord` is given, and is flattened otherwise.

    >>> import refnet
    >>> refnet.linalg.norm(refnet.tensor([[3.0, 0.0], [0.0, 4.0]])), refnet.linalg.norm(refnet.ones(2, 3), 1)
    (tensor(5.), tensor(2.))
    """
    name = "linalg.norm"
    dims = None if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if ord is not None:
        check(
            dims is None or len(dims) in (1, 2),
            lambda: f"{name}: If dim is specified, it must be of length 1 or 2. Got {list(dims or ())}",
        )
        check(
            dims is not None or A.ndim in (1, 2),
            lambda: f"{name}: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D.",
        )
        as_matrix = len(dims) == 2 if dims is not None else A.ndim == 2
        if as_matrix or isinstance(ord, str):
            return matrix_norm(A, ord, (0, 1) if dims is None else dims, keepdim, dtype=dtype, out=out)
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype, out=out)


def cond(A: Any, p: Any = None, *, out: Any = None) -> Any:
    """The condition number in the norm `p` (by default 2): ||A|| ||A^-1||, inf for a singular matrix.

    >>> import refnet
    >>> refnet.linalg.cond(refnet.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor(2.)
    """
    name = "linalg.cond"
    check(A.ndim >= 2, lambda: f"{name}: The input tensor must have at least 2 dimensions, got {A.ndim}.")
    check(
        p is None or (p in ("fro", "nuc") if isinstance(p, str) else p in _ORDERS),
        lambda: f"{name} got an invalid norm type: {p}",
    )
    if p is None or (not isinstance(p, str) and abs(p) == 2):
        if A.numel() == 0:
            return into(out, A.new_zeros(A.shape[:-2]), name)
        s = svdvals(A)
        largest, smallest = s[..., 0], s[..., -1]
        return into(out, smallest / largest if p == -2 else largest / smallest, name)
    _lapack.check_square(A, f"{name}(ord={p})")
    if A.numel() == 0:
        return into(out, A.new_zeros(A.shape[:-2]), name)
    inverse, info = inv_ex(A)
    inverse = inverse.masked_fill(info.unsqueeze(-1).unsqueeze(-1) != 0, math.inf)
    return into(out, matrix_norm(A, p) * matrix_norm(inverse, p), name)


def legacy_norm(
    input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, out: Any = None, dtype: Any = None
) -> Any:
    """The p-norm of input over `dim`, of all elements where `dim` is None; "fro" and None mean p = 2.

    "nuc" is the sum of the singular values, of a matrix or of those in the two dimensions given.

    >>> import refnet
    >>> refnet.norm(refnet.tensor([[3.0, -4.0], [0.0, 0.0]]), 1, dim=1)
    tensor([7., 0.])
    """
    expect_tensor(input, "norm")
    if isinstance(p, str) and p != "fro":
        return matrix_norm(input, p, tuple(range(input.ndim)) if dim is None else dim, keepdim, dtype=dtype, out=out)
    order = 2 if p is None or isinstance(p, str) else p
    return vector_norm(input, order, dim, keepdim, dtype=dtype, out=out)
