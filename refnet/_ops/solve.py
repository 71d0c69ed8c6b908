"""Linear systems: solve, inverses, triangular systems, and the same for tensors seen as matrices.

A is (..., n, n), B is (..., n, k) or a vector (..., n); batches broadcast. float32 and float64.
"""

import math
from typing import Any

import numpy

from refnet._check import check
from refnet._ops import _lapack
from refnet._ops._args import expect_tensor, into, type_name
from refnet._ops._lapack import LinAlgError, expect_floating, expect_matrices, expect_square, returned
from refnet._ops.matmul import matrix_product
from refnet._ops.shape import expand
from refnet._tape import Primitive

Array = Any

SolveEx = returned("linalg_solve_ex", "result", "info")
InvEx = returned("linalg_inv_ex", "inverse", "info")
TriangularSolve = returned("triangular_solve", "solution", "cloned_coefficient")


# --- general ------------------------------------------------------------------------------------------------------


@Primitive
def _solve(xp: Any, a: Array, b: Array) -> tuple[Array, Array]:
    """out, info = a^-1 b        dL/db = a^-T g        dL/da = -(a^-T g) out^T"""
    return _lapack.solve_general(xp, a, b)


_solve.vjp(
    a=lambda g, a, out: -matrix_product(_solve(a.mT, g[0])[0], out[0].mT),
    b=lambda g, a: _solve(a.mT, g[0])[0],
)


def solution(a: Any, b: Any) -> Any:
    """X with a X = b, without checks; nan where a is singular."""
    return _solve(a, b)[0]


def _is_vector(a: Any, b: Any) -> bool:
    """Whether B is a vector, or a stack of them as large as the stack of A."""
    return bool(b.ndim == 1 or (a.ndim - 1 == b.ndim and b.shape == a.shape[:-1]))


def check_system(a: Any, b: Any, left: bool, name: str) -> None:
    """Raise torch's error unless the matrices of A X = B, or of X A = B, fit each other."""
    fits = a.shape[-2] == b.shape[-2] if left else a.shape[-1] == b.shape[-1]
    check(
        fits,
        lambda: (
            f"{name}: Incompatible shapes of A and B for the equation {'AX' if left else 'XA'} = B "
            f"({a.shape[-2]}x{a.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})"
        ),
    )


def solve_ex(A: Any, B: Any, *, left: bool = True, check_errors: bool = False, out: Any = None) -> Any:
    """X with A X = B (X A = B where `left` is False), and an int32 `info` per matrix: 0, or where A is singular.

    RuntimeError with `check_errors`, if there is a singular matrix.
    """
    name = "linalg.solve"
    expect_matrices(A, name)
    expect_tensor(B, "linalg_solve", "B", 2)
    check(
        A.dtype is B.dtype,
        lambda: (
            f"{name}: Expected A and B to have the same dtype, but found A of type {type_name(A.dtype)} and B of type "
            f"{type_name(B.dtype)} instead"
        ),
    )
    vector = _is_vector(A, B)
    b = B.unsqueeze(-1) if vector else B
    expect_square(A, name)
    expect_floating(A, name, "lu_cpu")
    check(b.ndim >= 2, lambda: f"{name}: The input tensor B must have at least 2 dimensions.")
    check_system(A, b, left, name)
    x, info = _solve(A, b) if left else _solve(A.mT, b.mT)
    if check_errors:
        raise_singular(info, "torch.linalg.solve", "The solver failed because the input matrix is singular.")
    x = x if left else x.mT
    result = x.squeeze(-1) if vector else x
    return SolveEx(result, info) if out is None else SolveEx(into(out[0], result, name), into(out[1], info, name))


def raise_singular(info: Any, name: str, message: str) -> None:
    """Raise LinAlgError for the first matrix that has an `info`; "{info}" in the message stands for it."""
    found = _lapack.at_batch(info._array, name)
    if found is not None:
        where, code = found
        raise LinAlgError(where + message.replace("{info}", str(code)))


def solve(A: Any, B: Any, *, left: bool = True, out: Any = None) -> Any:
    """X with A X = B, or X A = B where `left` is False. LinAlgError where A is singular.

    >>> import refnet
    >>> refnet.linalg.solve(refnet.tensor([[2.0, 0.0], [0.0, 4.0]]), refnet.tensor([1.0, 2.0]))
    tensor([0.5000, 0.5000])
    """
    return into(out, solve_ex(A, B, left=left, check_errors=True).result, "linalg_solve")


# --- inverses -----------------------------------------------------------------------------------------------------


@Primitive
def _inverse(xp: Any, a: Array) -> tuple[Array, Array]:
    """out, info = a^-1        dL/da = -out^T g out^T"""
    return _lapack.invert(xp, a)


_inverse.vjp(a=lambda g, out: -matrix_product(matrix_product(out[0].mT, g[0]), out[0].mT))

_SINGULAR = (
    "The diagonal element {info} is zero, the inversion could not be completed because the input matrix is singular."
)


def inv_ex(A: Any, *, check_errors: bool = False, out: Any = None) -> Any:
    """The inverse of A, and an int32 `info` per matrix: 0, or which pivot is 0."""
    name = "linalg.inv"
    expect_square(A, name)
    expect_floating(A, name)
    inverse, info = _inverse(A)
    if check_errors:
        raise_singular(info, name, _SINGULAR)
    if out is not None:
        return InvEx(into(out[0], inverse, name), into(out[1], info, name))
    return InvEx(inverse, info)


def inv(A: Any, *, out: Any = None) -> Any:
    """The inverse of a square matrix, or of each of a stack. LinAlgError where one is singular.

    >>> import refnet
    >>> refnet.linalg.inv(refnet.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return into(out, inv_ex(A, check_errors=True).inverse, "linalg_inv")


def inverse(input: Any, *, out: Any = None) -> Any:
    """The inverse of a square matrix; `linalg.inv`."""
    return inv(input, out=out)


# --- triangular ---------------------------------------------------------------------------------------------------


@Primitive
def _solve_triangle(xp: Any, a: Array, b: Array, *, upper: bool, unit: bool) -> Array:
    """out = a^-1 b        dL/db = a^-T g        dL/da = -(a^-T g) out^T, in the triangle that is read"""
    return _lapack.solve_triangle(xp, a, b, upper=upper, unit=unit)


def _triangle_rule(g: Any, a: Any, out: Any, upper: bool, unit: bool) -> Any:
    full = -matrix_product(_solve_triangle(a.mT, g, upper=not upper, unit=unit), out.mT)
    return full.triu(int(unit)) if upper else full.tril(-int(unit))


_solve_triangle.vjp(
    a=_triangle_rule,
    b=lambda g, a, upper, unit: _solve_triangle(a.mT, g, upper=not upper, unit=unit),
)


def triangle_solution(a: Any, b: Any, *, upper: bool, left: bool = True, unit: bool = False) -> Any:
    """X with a X = b, or X a = b where `left` is False, without checks."""
    if left:
        return _solve_triangle(a, b, upper=upper, unit=unit)
    return _solve_triangle(a.mT, b.mT, upper=not upper, unit=unit).mT


def solve_triangular(
    A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False, out: Any = None
) -> Any:
    """X with A X = B, or X A = B where `left` is False, for triangular A, of which only that triangle is read.

    With `unitriangular` the diagonal is taken as ones. A zero on the diagonal gives infinities.

    >>> import refnet
    >>> refnet.linalg.solve_triangular(refnet.tensor([[2.0, 1.0], [0.0, 1.0]]), refnet.ones(2, 1), upper=True)
    tensor([[0.],
            [1.]])
    """
    name = "linalg.solve_triangular"
    expect_matrices(A, name)
    expect_matrices(B, name, "B")
    expect_square(A, name)
    check_system(A, B, left, name)
    check(
        A.dtype is B.dtype,
        lambda: (
            f"{name}: Expected A and B to have the same dtype, but found A of type {type_name(A.dtype)} and B of type "
            f"{type_name(B.dtype)} instead"
        ),
    )
    _lapack.expect_kernel(A, "triangular_solve_cpu")
    return into(out, triangle_solution(A, B, upper=upper, left=left, unit=unitriangular), name)


def triangular_solve(
    b: Any, A: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False, *, out: Any = None
) -> Any:
    """X with A X = b (A^T X = b with `transpose`) for triangular A, and a copy of A; b stands first here."""
    name = "torch.triangular_solve"
    for x, what in ((b, "b"), (A, "A")):
        check(
            x.ndim >= 2,
            lambda x=x, what=what: (
                f"{name}: Expected {what} to have at least 2 dimensions, but it has {x.ndim} dimensions instead"
            ),  # type: ignore[misc]
        )
    _lapack.check_square(A, "triangular_solve")
    check_sizes(b, A, "triangular_solve")
    _lapack.expect_kernel(b, "triangular_solve_cpu")
    batch = numpy.broadcast_shapes(A.shape[:-2], b.shape[:-2])
    spread = expand(A, (*batch, *A.shape[-2:]))
    if transpose:
        x = triangle_solution(A.mT, b, upper=not upper, unit=unitriangular)
    else:
        x = triangle_solution(A, b, upper=upper, unit=unitriangular)
    return TriangularSolve(x, spread.clone())


def check_sizes(b: Any, a: Any, name: str) -> None:
    """Raise torch's error of its older functions unless the rows of b are as many as those of a."""
    check(
        a.shape[-2] == b.shape[-2],
        lambda: (
            f"Incompatible matrix sizes for {name}: each A matrix is {a.shape[-1]} by {a.shape[-1]} but each b matrix "
            f"is {b.shape[-2]} by {b.shape[-1]}"
        ),
    )


# --- tensors as matrices ------------------------------------------------------------------------------------------


def tensorinv(A: Any, ind: int = 2, *, out: Any = None) -> Any:
    """The inverse with respect to tensordot over `ind` dimensions: A seen as a matrix, its first `ind` dimensions rows.

    >>> import refnet
    >>> refnet.linalg.tensorinv(refnet.eye(6).reshape(2, 3, 3, 2)).shape
    refnet.Size([3, 2, 2, 3])
    """
    check(ind > 0, lambda: f"Expected a strictly positive integer for 'ind', but got {ind}")
    rows, columns = A.shape[:ind], A.shape[ind:]
    check(
        math.prod(rows) == math.prod(columns),
        lambda: (
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{math.prod(columns)} != {math.prod(rows)}"
        ),
    )
    inverse, info = _inverse(A.reshape(math.prod(columns), math.prod(rows)))
    raise_singular(info, "inv", _SINGULAR)
    return into(out, inverse.reshape(*columns, *rows), "linalg_tensorinv")


def tensorsolve(A: Any, B: Any, dims: Any = None, *, out: Any = None) -> Any:
    """X with tensordot(A, X, X.ndim) = B; the dimensions `dims` of A are first moved to its end."""
    a = A
    if dims is not None:
        moved = [d % A.ndim for d in dims]
        a = A.permute(*[d for d in range(A.ndim) if d not in moved], *moved)
    rows, columns = a.shape[: B.ndim], a.shape[B.ndim :]
    check(
        math.prod(rows) == math.prod(columns),
        lambda: (
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), "
            f"but got {math.prod(columns)} != {math.prod(rows)}"
        ),
    )
    x = solve(a.reshape(math.prod(rows), math.prod(columns)), B.flatten())
    return into(out, x.reshape(tuple(columns)), "linalg_tensorsolve")
