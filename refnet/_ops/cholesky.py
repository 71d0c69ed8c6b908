"""The Cholesky decomposition A = L L^T of positive-definite matrices, and what is solved with it."""

from typing import Any

from refnet._check import check
from refnet._ops import _lapack
from refnet._ops._args import expect_tensor, into, type_name
from refnet._ops._lapack import check_square, expect_floating, expect_kernel, expect_square, identity, returned
from refnet._ops.matmul import matrix_product
from refnet._ops.solve import check_sizes, raise_singular, triangle_solution
from refnet._tape import Primitive, wrap

Array = Any

CholeskyEx = returned("linalg_cholesky_ex", "L", "info")

_NOT_DEFINITE = (
    "The factorization could not be completed because the input is not positive-definite (the leading minor of order "
    "{info} is not positive-definite)."
)
_SINGULAR = (
    "The diagonal element {info} is zero, the inversion could not be completed because the input matrix is singular."
)


@Primitive
def _cholesky(xp: Any, a: Array, *, upper: bool) -> tuple[Array, Array]:
    """L, info with a = L L^T, of whose triangles only the lower is read        dL/da = sym(L^-T phi(L^T g) L^-1)

    phi takes the lower triangle and half the diagonal. With `upper` the upper triangle is read, and L^T the result.
    """
    return _lapack.factor_cholesky(xp, a, upper=upper)


def _cholesky_rule(g: Any, out: Any, upper: bool) -> Any:
    factor, share = (out[0].mT, g[0].mT) if upper else (out[0], g[0])
    phi = matrix_product(factor.mT, share).tril()
    phi = (phi + phi.tril(-1).mT) * 0.5
    left = triangle_solution(factor.mT, phi, upper=True)
    return triangle_solution(factor, left, upper=False, left=False)


_cholesky.vjp(a=_cholesky_rule)


def cholesky_ex(A: Any, *, upper: bool = False, check_errors: bool = False, out: Any = None) -> Any:
    """The Cholesky factor, and an int32 `info` per matrix: 0, or the order of the minor that is not positive."""
    name = "linalg.cholesky"
    expect_square(A, name)
    expect_floating(A, name, "cholesky_cpu")
    factor, info = _cholesky(A, upper=upper)
    if check_errors:
        raise_singular(info, name, _NOT_DEFINITE)
    if out is not None:
        return CholeskyEx(into(out[0], factor, name), into(out[1], info, name))
    return CholeskyEx(factor, info)


def cholesky(A: Any, *, upper: bool = False, out: Any = None) -> Any:
    """Lower triangular L with A = L L^T; with `upper` U = L^T. Only that triangle of A is read.

    LinAlgError where A is not positive-definite.

    >>> import refnet
    >>> refnet.linalg.cholesky(refnet.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    return into(out, cholesky_ex(A, upper=upper, check_errors=True).L, "linalg_cholesky")


def legacy_cholesky(input: Any, upper: bool = False, *, out: Any = None) -> Any:
    """`linalg.cholesky` under its older name."""
    expect_square(input, "cholesky")
    expect_kernel(input, "cholesky_cpu")
    factor, info = _cholesky(input, upper=upper)
    raise_singular(info, "cholesky", _NOT_DEFINITE)
    return into(out, factor, "cholesky")


@Primitive
def _solve_factored(xp: Any, b: Array, factor: Array, *, upper: bool) -> Array:
    """out = (L L^T)^-1 b, or (U^T U)^-1 b with `upper`        dL/db = (L L^T)^-1 g        dL/dL = -C L, dL/dU = -U C

    C = s + s^T, s = (L L^T)^-1 g out^T. Only one triangle is read; as in torch the gradient has both.
    """
    lower = factor.swapaxes(-1, -2) if upper else factor
    half = _lapack.solve_triangle(xp, lower, b, upper=False, unit=False)
    return _lapack.solve_triangle(xp, lower.swapaxes(-1, -2), half, upper=True, unit=False)


def _factor_rule(g: Any, factor: Any, out: Any, upper: bool) -> Any:
    share = matrix_product(_solve_factored(g, factor, upper=upper), out.mT)
    both = share + share.mT
    return -(matrix_product(factor, both) if upper else matrix_product(both, factor))


_solve_factored.vjp(b=lambda g, factor, upper: _solve_factored(g, factor, upper=upper), factor=_factor_rule)


def cholesky_solve(B: Any, L: Any, upper: bool = False, *, out: Any = None) -> Any:
    """X with A X = B, given A's Cholesky factor: L L^T X = B, or U^T U X = B with `upper`.

    >>> import refnet
    >>> refnet.cholesky_solve(refnet.ones(2, 1), refnet.tensor([[2.0, 0.0], [1.0, 2.0]]))
    tensor([[0.1875],
            [0.1250]])
    """
    for x, what in ((B, "b"), (L, "u")):
        expect_tensor(x, "cholesky_solve")
        check(
            x.ndim >= 2,
            lambda x=x, what=what: f"{what} should have at least 2 dimensions, but has {x.ndim} dimensions instead",  # type: ignore[misc]
        )
    check(
        B.dtype is L.dtype,
        lambda: (
            f"Expected b and A to have the same dtype, but found b of type {type_name(B.dtype)} and A of type "
            f"{type_name(L.dtype)} instead."
        ),
    )
    rows, columns = L.shape[-2:]
    check(rows == columns, lambda: f"A must be batches of square matrices, but they are {rows} by {columns} matrices")
    check_sizes(B, L, "cholesky_solve")
    expect_kernel(B, "cholesky_solve_cpu")
    return into(out, _solve_factored(B, L, upper=upper), "cholesky_solve")


def cholesky_inverse(L: Any, upper: bool = False, *, out: Any = None) -> Any:
    """The inverse of A, given its Cholesky factor. LinAlgError for a zero on the diagonal.

    >>> import refnet
    >>> refnet.cholesky_inverse(refnet.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor([[0.2500, 0.0000],
            [0.0000, 1.0000]])
    """
    name = "cholesky_inverse"
    expect_square(L, name)
    check_square(L, name)
    expect_kernel(L, "cholesky_inverse_out_cpu")
    xp = L.device.xp
    zero = xp.diagonal(L._array, axis1=-2, axis2=-1) == 0
    info = xp.where(zero.any(-1), xp.argmax(zero, -1) + 1, 0) if zero.size else xp.zeros(L.shape[:-2], int)
    raise_singular(wrap(info, L.device), name, _SINGULAR)
    eye = identity(L, L.shape[-1]).expand(L.shape)
    return into(out, _solve_factored(eye, L, upper=upper), name)
