"""The LU decomposition with partial pivoting, A = P L U, and what is solved with it.

A is (..., m, n), k = min(m, n); L is (..., m, k) with ones on its diagonal, U is (..., k, n). Packed, both share one
array (..., m, n). Pivots are int32, counted from 1: step i exchanged the rows i and pivots[i].
"""

from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops import _lapack
from refnet._ops._args import expect_tensor, into, type_name
from refnet._ops._lapack import expect_kernel, expect_matrices, expect_square, identity, returned
from refnet._ops.gather import along
from refnet._ops.matmul import matrix_product
from refnet._ops.shape import cat
from refnet._ops.solve import check_system, triangle_solution
from refnet._tape import Primitive, wrap

Array = Any

LU = returned("linalg_lu", "P", "L", "U")
LUFactor = returned("linalg_lu_factor", "LU", "pivots")
LUFactorEx = returned("linalg_lu_factor_ex", "LU", "pivots", "info")
LUUnpack = returned("lu_unpack", "P", "L", "U")


@Primitive
def _factor(xp: Any, a: Array) -> tuple[Array, Array, Array]:
    """packed, pivots, info with a = P L U        dL/da = P L^-T (tril(L^T gL, -1) + triu(gU U^T)) U^-T, if square

    `_packed_rule` has the rule for a wide and for a tall a too.
    """
    return _lapack.factor_lu(xp, a)


def _packed_rule(g: Any, out: Any) -> Any:
    """The rule of `_factor`. A wide or a tall a has a square part, of k = min(m, n) rows and columns, and a rest:

        square   P L^-T (tril(L^T gL, -1) + triu(gU U^T)) U^-T
        wide     P L^-T [gU1 + tril(L^T gL - gU U^T, -1) U1^-T, gU2]    with U = [U1 U2]
        tall     P [gL1 + L1^-T triu(gU U^T - L^T gL); gL2] U^-T        with L = [L1; L2]

    The first would do for all; the others leave what they add as it is, where the first solves with it.
    """
    share, packed, pivots = g[0], out[0], out[1]
    m, n = packed.shape[-2:]
    k = min(m, n)
    lower, upper = _unit_lower(packed[..., :, :k]), packed[..., :k, :].triu()  # (..., m, k), (..., k, n)
    from_lower = matrix_product(lower.mT, share[..., :, :k].tril(-1))
    from_upper = matrix_product(share[..., :k, :].triu(), upper.mT)
    l1, u1, square = lower[..., :k, :], upper[..., :, :k], share[..., :k, :k]
    if m < n:
        inner = (from_lower - from_upper).tril(-1)
        inner = square.triu() + triangle_solution(u1.mT, inner, upper=False, left=False)
        gradient = triangle_solution(l1.mT, cat((inner, share[..., :, k:]), -1), upper=True, unit=True)
    elif m > n:
        inner = (from_upper - from_lower).triu()
        inner = square.tril(-1) + triangle_solution(l1.mT, inner, upper=True, unit=True)
        gradient = triangle_solution(u1.mT, cat((inner, share[..., k:, :]), -2), upper=False, left=False)
    else:
        inner = triangle_solution(l1.mT, from_lower.tril(-1) + from_upper.triu(), upper=True, unit=True)
        gradient = triangle_solution(u1.mT, inner, upper=False, left=False)
    return matrix_product(_permutation(pivots, m, packed.dtype), gradient)


_factor.vjp(a=_packed_rule)


def _unit_lower(packed: Any) -> Any:
    """The lower triangle with ones on its diagonal: (..., m, k)."""
    rows, columns = packed.shape[-2:]
    return packed.tril(-1) + identity(packed, rows, columns)


def _order(xp: Any, pivots: Array, rows: int) -> Array:
    """The order that the exchanges leave rows 0, 1, ... in: (..., k) -> (..., rows)."""
    order = xp.broadcast_to(xp.arange(rows), (*pivots.shape[:-1], rows)).copy()
    for step in range(pivots.shape[-1]):
        other = pivots[..., step, None].astype(xp.int64) - 1
        moved = xp.take_along_axis(order, other, -1)
        order[along(xp, other, other.ndim - 1)] = order[..., step, None]
        order[..., step, None] = moved
    return order


def _permutation(pivots: Any, rows: int, dtype: Any) -> Any:
    """P of A = P L U: (..., k) -> (..., rows, rows)."""
    xp = pivots.device.xp
    order = _order(xp, pivots._array, rows)
    p = (order[..., None, :] == xp.arange(rows)[:, None]).astype(dtype.numpy)
    return wrap(p, pivots.device)


def _check(a: Any, pivot: bool, name: str) -> None:
    expect_tensor(a, name, "A")
    check(a.ndim >= 2, lambda: f"{name}: Expected tensor with 2 or more dimensions. Got size: {list(a.shape)} instead")
    expect_kernel(a, "lu_cpu")
    check(pivot, lambda: "linalg.lu_factor: LU without pivoting is not implemented on the CPU")


def lu_factor_ex(A: Any, *, pivot: bool = True, check_errors: bool = False, out: Any = None) -> Any:
    """L and U packed, the pivots, and an int32 `info` per matrix: 0, or which diagonal element of U is 0."""
    _check(A, pivot, "torch.lu_factor")
    packed, pivots, info = _factor(A)
    if check_errors:
        _raise_zero_pivot(info)
    found = LUFactorEx(packed, pivots, info)
    return (
        found
        if out is None
        else LUFactorEx(*(into(o, x, "linalg_lu_factor_ex") for o, x in zip(out, found, strict=True)))
    )


def _raise_zero_pivot(info: Any) -> None:
    found = _lapack.at_batch(info._array, "torch.linalg.lu_factor")
    check(
        found is None,
        lambda: (
            "{0}U[{1},{1}] is zero and using it on lu_solve would result in a division by zero. If you still want to "
            "perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
        ).format(*(found or ())),
    )


def lu_factor(A: Any, *, pivot: bool = True, out: Any = None) -> Any:
    """L and U packed in one array, and the pivots. RuntimeError where U has a zero on its diagonal.

    >>> import refnet
    >>> refnet.linalg.lu_factor(refnet.tensor([[1.0, 2.0], [4.0, 4.0]])).LU
    tensor([[4.0000, 4.0000],
            [0.2500, 1.0000]])
    """
    packed, pivots, _ = lu_factor_ex(A, pivot=pivot, check_errors=True)
    if out is not None:
        return LUFactor(into(out[0], packed, "linalg_lu_factor"), into(out[1], pivots, "linalg_lu_factor"))
    return LUFactor(packed, pivots)


def legacy_lu(A: Any, pivot: bool = True, get_infos: bool = False, out: Any = None) -> Any:
    """L and U packed and the pivots, and with `get_infos` where U has a zero diagonal; `linalg.lu_factor_ex` is newer."""
    packed, pivots, info = lu_factor_ex(A, pivot=pivot, check_errors=not get_infos)
    found = (packed, pivots, info) if get_infos else (packed, pivots)
    return found if out is None else tuple(into(o, x, "lu") for o, x in zip(out, found, strict=True))


def lu_unpack(
    LU_data: Any, LU_pivots: Any, unpack_data: bool = True, unpack_pivots: bool = True, *, out: Any = None
) -> Any:
    """P, L and U of a packed decomposition; an empty tensor for what was not asked for.

    >>> import refnet
    >>> P, L, U = refnet.lu_unpack(*refnet.linalg.lu_factor(refnet.tensor([[1.0, 2.0], [4.0, 4.0]])))
    >>> P @ L @ U
    tensor([[1., 2.],
            [4., 4.]])
    """
    expect_matrices(LU_data, "torch.lu_unpack", "LU_data")
    check(
        not unpack_pivots or LU_pivots.dtype is _dtype.int32,
        lambda: (
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype, got "
            f"{LU_pivots.dtype}.\nNote: this function is intended to be used with the output produced by "
            "torch.linalg.lu_factor"
        ),
    )
    m, n = LU_data.shape[-2:]
    k = min(m, n)
    empty = LU_data.new_zeros(0)
    p = _permutation(LU_pivots, m, LU_data.dtype) if unpack_pivots else empty
    lower, upper = (_unit_lower(LU_data[..., :, :k]), LU_data[..., :k, :].triu()) if unpack_data else (empty, empty)
    found = LUUnpack(p, lower, upper)
    return found if out is None else LUUnpack(*(into(o, x, "lu_unpack") for o, x in zip(out, found, strict=True)))


def lu(A: Any, *, pivot: bool = True, out: Any = None) -> Any:
    """P, L, U with A = P L U: a permutation, unit lower and upper triangular.

    >>> import refnet
    >>> refnet.linalg.lu(refnet.tensor([[1.0, 2.0], [4.0, 4.0]])).U
    tensor([[4., 4.],
            [0., 1.]])
    """
    _check(A, pivot, "linalg.lu")
    packed, pivots, _ = _factor(A)
    found = LU(*lu_unpack(packed, pivots))
    return found if out is None else LU(*(into(o, x, "linalg_lu") for o, x in zip(out, found, strict=True)))


def lu_solve(LU: Any, pivots: Any, B: Any, *, left: bool = True, adjoint: bool = False, out: Any = None) -> Any:
    """X with A X = B (X A = B where `left` is False; A^T with `adjoint`), given A's packed decomposition.

    >>> import refnet
    >>> refnet.linalg.lu_solve(*refnet.linalg.lu_factor(refnet.tensor([[0.0, 2.0], [1.0, 0.0]])), refnet.ones(2, 1))
    tensor([[1.0000],
            [0.5000]])
    """
    name = "linalg.lu_solve"
    expect_matrices(LU, name)
    check(
        LU.dtype is B.dtype,
        lambda: (
            f"{name}: Expected LU and B to have the same dtype, but found LU of type {type_name(LU.dtype)} and B of "
            f"type {type_name(B.dtype)} instead"
        ),
    )
    check(
        pivots.dtype is _dtype.int32,
        lambda: f"{name}: pivots should be a Tensor of scalar type torch.int32, got {pivots.dtype}",
    )
    expect_square(LU, name)
    expect_matrices(B, name, "B")
    check_system(LU, B, left, name)
    n = LU.shape[-1]
    check(
        pivots.shape[-1] == n,
        lambda: (
            f"{name}: Number of pivots per batch should be same as the dimension of the matrix, got {pivots.shape[-1]} and {n}"
        ),
    )
    check(
        pivots.shape[:-1] == LU.shape[:-2],
        lambda: (
            f"{name}: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with shape {list(pivots.shape)} instead"
        ),
    )
    p = _permutation(pivots, n, LU.dtype)
    x = _solve_packed(LU, p, B, adjoint) if left else _solve_packed(LU, p, B.mT, not adjoint).mT
    return into(out, x, "linalg_lu_solve")


def _solve_packed(packed: Any, p: Any, b: Any, adjoint: bool) -> Any:
    """X with P L U X = b, or U^T L^T P^T X = b with `adjoint`."""
    if adjoint:
        half = triangle_solution(packed.mT, b, upper=False)
        return matrix_product(p, triangle_solution(packed.mT, half, upper=True, unit=True))
    half = triangle_solution(packed, matrix_product(p.mT, b), upper=False, unit=True)
    return triangle_solution(packed, half, upper=True)


def legacy_lu_solve(b: Any, LU_data: Any, LU_pivots: Any, *, out: Any = None) -> Any:
    """`linalg.lu_solve` with b first."""
    return lu_solve(LU_data, LU_pivots, b, out=out)
