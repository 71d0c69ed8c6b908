"""Functions of square matrices: whole powers, the exponential, and products of many matrices."""

import math
from itertools import pairwise
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops import _lapack
from refnet._ops._args import expect_tensor, into, type_name
from refnet._ops.matmul import matmul
from refnet._ops.shape import cat
from refnet._ops.solve import inv
from refnet._tape import Primitive

Array = Any


def matrix_power(A: Any, n: int, *, out: Any = None) -> Any:
    """A multiplied by itself n times, by repeated squaring; the identity for n = 0, a power of the inverse for n < 0.

    >>> import refnet
    >>> refnet.linalg.matrix_power(refnet.tensor([[1.0, 1.0], [0.0, 1.0]]), 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    name = "linalg.matrix_power"
    check(
        isinstance(n, int) and not isinstance(n, bool),
        lambda: f"linalg_matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}",
        TypeError,
    )
    _lapack.expect_square(A, name)
    if n == 0:
        nothing = A.masked_fill(A.new_ones((), dtype=_dtype.bool_), 0)  # gets a gradient of zeros
        return into(out, nothing + _lapack.identity(A, A.shape[-1]), name)
    square = inv(A) if n < 0 else A
    result = None
    left = abs(n)
    while left:
        if left % 2:
            result = square if result is None else matmul(square, result)
        left //= 2
        square = matmul(square, square) if left else square
    return into(out, result.clone() if result is A else result, name)


@Primitive
def _matrix_exp(xp: Any, x: Array) -> Array:
    """out = I + x + x^2 / 2! + ...        dL/dx = the upper right block of exp [[x^T, g], [0, x^T]]"""
    return _exponential(xp, x.astype(xp.float64)).astype(x.dtype, copy=False)


def _exponential(xp: Any, x: Array) -> Array:
    """exp(x / 2^s)^(2^s), with s such that the norm of x / 2^s is at most 1 and the series is short."""
    norms = xp.abs(x).sum(-2).max(-1)
    halvings = xp.ceil(xp.log2(xp.clip(xp.where(xp.isfinite(norms), norms, 1), 1, None)))[..., None, None]
    result = _series(xp, x / xp.exp2(halvings))
    for done in range(int(halvings.max())):
        result = xp.where(done < halvings, xp.matmul(result, result), result)
    return result


def _series(xp: Any, x: Array) -> Array:
    """The sum of x^k / k! up to k = 3 `_BLOCKS` - 1, by Horner's rule in x^3: two products and one per block."""
    identity, square = xp.eye(x.shape[-1]), xp.matmul(x, x)
    cube = xp.matmul(square, x)
    result = xp.zeros_like(x)
    for block in reversed(range(_BLOCKS)):
        c = [1 / math.factorial(3 * block + power) for power in range(3)]
        result = xp.matmul(result, cube) + (c[0] * identity + c[1] * x + c[2] * square)
    return result


_BLOCKS = 7  # 1 / 21! is below the rounding of 1 in float64


def _matrix_exp_rule(g: Any, x: Any) -> Any:
    n = x.shape[-1]
    upper = cat((x.mT, g), -1)
    lower = cat((x.new_zeros(x.shape), x.mT), -1)
    return _matrix_exp(cat((upper, lower), -2))[..., :n, n:]


_matrix_exp.vjp(x=_matrix_exp_rule)


def matrix_exp(A: Any) -> Any:
    """The exponential of a square matrix, I + A + A^2 / 2! + ...

    >>> import refnet
    >>> refnet.linalg.matrix_exp(refnet.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [0., 1.]])
    """
    name = "linalg.matrix_exp"
    _lapack.expect_square(A, name)
    check(
        A.is_floating_point(),
        lambda: f"{name}: Expected a floating point or complex tensor as input. Got {type_name(A.dtype)}",
    )
    return _matrix_exp(A) if A.numel() else A.clone()


# --- products of many ---------------------------------------------------------------------------------------------


def multi_dot(tensors: Any, *, out: Any = None) -> Any:
    """The product of two or more matrices in the order that takes the fewest multiplications.

    The first and the last may be vectors, a row and a column.

    >>> import refnet
    >>> refnet.linalg.multi_dot([refnet.ones(2, 3), refnet.ones(3, 4), refnet.ones(4)])
    tensor([12., 12.])
    """
    count = len(tensors)
    check(count >= 2, lambda: f"multi_dot(): expected at least 2 tensors but got {count}")
    for position, x in enumerate(tensors):
        expect_tensor(x, "linalg_multi_dot", "tensors")
        end = position in (0, count - 1)
        what = "the first tensor" if position == 0 else "the last tensor" if end else f"tensor {position}"
        check(
            x.ndim in ((1, 2) if end else (2,)),
            lambda x=x, what=what, end=end: (
                f"multi_dot(): {what} must be {'1D or 2D' if end else '2D'} but got {x.ndim}D"
            ),  # type: ignore[misc]
        )
        check(
            x.dtype is tensors[0].dtype,
            lambda x=x, position=position: (
                f"multi_dot(): all tensors must have be the same dtype but tensor 0 is {type_name(tensors[0].dtype).lower()} "  # type: ignore[misc]
                f"and tensor {position} {type_name(x.dtype).lower()}"
            ),
        )
    matrices = list(tensors)
    row, column = matrices[0].ndim == 1, matrices[-1].ndim == 1
    matrices[0] = matrices[0].unsqueeze(0) if row else matrices[0]
    matrices[-1] = matrices[-1].unsqueeze(-1) if column else matrices[-1]
    for position, (a, b) in enumerate(pairwise(matrices)):
        check(
            a.shape[-1] == b.shape[0],
            lambda position=position: (
                f"multi_dot(): tensors {position} and {position + 1} with shapes {list(tensors[position].shape)} and "  # type: ignore[misc]
                f"{list(tensors[position + 1].shape)} cannot be multiplied"
            ),
        )
    result = _chain(matrices)
    result = result.squeeze(0) if row else result
    result = result.squeeze(-1) if column else result
    return into(out, result, "linalg_multi_dot")


def _chain(matrices: list[Any]) -> Any:
    """The product by the cheapest parentheses: cost[i, j] = min over k of cost[i, k] + cost[k + 1, j] + rows columns inner."""
    sizes = [matrices[0].shape[0], *(m.shape[1] for m in matrices)]
    count = len(matrices)
    cost = {(i, i): 0 for i in range(count)}
    split: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            tries = {k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)}
            split[i, j] = min(tries, key=lambda k: tries[k])
            cost[i, j] = tries[split[i, j]]

    def product(i: int, j: int) -> Any:
        if i == j:
            return matrices[i]
        k = split[i, j]
        return matmul(product(i, k), product(k + 1, j))

    return product(0, count - 1)


def vander(x: Any, N: int | None = None) -> Any:
    """The Vandermonde matrix: rows 1, x, x^2, ..., x^(N - 1); N is by default the last size of x.

    >>> import refnet
    >>> refnet.linalg.vander(refnet.tensor([2, 3]), N=3)
    tensor([[1, 2, 4],
            [1, 3, 9]])
    """
    expect_tensor(x, "linalg_vander", "x")
    check(
        x.dtype is not _dtype.bool_,
        lambda: "linalg.vander supports floating point, complex, and integer tensors, but got Bool",
    )
    check(x.ndim > 0 or N is not None, lambda: "N must be greater than 1.")
    count = x.shape[-1] if N is None else N
    check(count > 1, lambda: f"N must be greater than 1, got {count}.")
    x = x.unsqueeze(0) if x.ndim == 0 else x
    ones = x.new_ones(*x.shape, 1)
    powers = x.unsqueeze(-1).expand(*x.shape, count - 1).cumprod(-1)
    return cat((ones.to(powers.dtype), powers), -1)
