"""Eigenvalues of symmetric matrices and singular values, with their vectors.

The vectors are defined up to sign, and their gradients only where the values are distinct.
"""

from typing import Any

import numpy

from refnet._check import check
from refnet._ops._args import into
from refnet._ops._arrays import determinant, errors_raised
from refnet._ops._lapack import (
    LinAlgError,
    column_major,
    expect_floating,
    expect_kernel,
    expect_matrices,
    expect_square,
    identity,
    returned,
)
from refnet._ops.matmul import matrix_product
from refnet._ops.piecewise import where
from refnet._tape import Primitive, wrap

Array = Any

Eigh = returned("linalg_eigh", "eigenvalues", "eigenvectors")
SVD = returned("linalg_svd", "U", "S", "Vh")
LegacySVD = returned("svd", "U", "S", "V")


def _failing(xp: Any, a: Array, run: Any) -> int | None:
    """The position of the first matrix that `run` cannot do; None for a single one."""
    for position, index in enumerate(numpy.ndindex(*a.shape[:-2])):
        try:
            with errors_raised(xp):
                run(a[index])
        except numpy.linalg.LinAlgError:
            return position if a.ndim > 2 else None
    return None


# --- symmetric ----------------------------------------------------------------------------------------------------


@Primitive
def _eigh(xp: Any, a: Array, *, uplo: str) -> tuple[Array, Array]:
    """w, V with a = V diag(w) V^T, ascending        dL/da = V (diag(gw) + skew(V^T gV) / 2E) V^T

    skew(X) = X - X^T, E[i, j] = w[j] - w[i]
    """
    try:
        with errors_raised(xp):
            w, v = xp.linalg.eigh(a, UPLO=uplo)
    except numpy.linalg.LinAlgError:
        first = _failing(xp, a, lambda x: xp.linalg.eigh(x, UPLO=uplo))
        batch = "" if first is None else f"(Batch element {first}): "
        raise LinAlgError(
            f"linalg.eigh: {batch}The algorithm failed to converge because the input matrix is ill-conditioned or has "
            "too many repeated eigenvalues."
        ) from None
    return w, column_major(xp, v)


def _eigh_rule(g: Any, out: Any) -> Any:
    w, v = out
    diagonal = identity(w, w.shape[-1])
    inner = 0.0 if g[0] is None else g[0].unsqueeze(-1) * diagonal
    if g[1] is not None:
        turning = matrix_product(v.mT, g[1])
        gaps = (w.unsqueeze(-2) - w.unsqueeze(-1)) * 2 + diagonal  # on the diagonal the numerator is 0
        inner = (turning - turning.mT) / gaps + inner
    return matrix_product(v, matrix_product(inner, v.mT))


_eigh.vjp(a=_eigh_rule)


def eigh(A: Any, UPLO: str = "L", *, out: Any = None) -> Any:
    """Eigenvalues, ascending, and orthonormal eigenvectors (columns) of a symmetric matrix: A = V diag(w) V^T.

    Only the lower triangle is read, or the upper one with UPLO "U".

    >>> import refnet
    >>> refnet.linalg.eigh(refnet.tensor([[2.0, 1.0], [1.0, 2.0]])).eigenvalues
    tensor([1., 3.])
    """
    w, v = _checked_eigh(A, UPLO)
    return Eigh(w, v) if out is None else Eigh(into(out[0], w, "linalg_eigh"), into(out[1], v, "linalg_eigh"))


def _checked_eigh(a: Any, uplo: str) -> Any:
    expect_square(a, "linalg.eigh")
    check(
        isinstance(uplo, str) and uplo.upper() in ("L", "U"),
        lambda: f"Expected UPLO argument to be 'L' or 'U', but got {uplo}",
    )
    expect_kernel(a, "linalg_eigh_cpu")
    return _eigh(a, uplo=uplo.upper())


def eigvalsh(A: Any, UPLO: str = "L", *, out: Any = None) -> Any:
    """The eigenvalues of a symmetric matrix, ascending."""
    return into(out, _checked_eigh(A, UPLO)[0], "linalg_eigvalsh")


# --- singular values ----------------------------------------------------------------------------------------------


@Primitive
def _svd(xp: Any, a: Array, *, full: bool) -> tuple[Array, Array, Array]:
    """U, S, V^T with a = U diag(S) V^T, S descending; U is (..., m, k), V^T (..., k, n), or square where `full`

    dL/da = U (skew(U^T gU) / E S + S skew(V^T gV) / E + diag(gS)) V^T
            + (I - U U^T) gU / S V^T + U / S gV^T (I - V V^T),        skew(X) = X - X^T, E[i, j] = S[j]^2 - S[i]^2
    """
    try:
        with errors_raised(xp):
            u, s, vh = xp.linalg.svd(a, full_matrices=full)
    except numpy.linalg.LinAlgError:
        first = _failing(xp, a, lambda x: xp.linalg.svd(x))
        batch = "" if first is None else f"(Batch element {first}): "
        raise LinAlgError(
            f"linalg.svd: {batch}The algorithm failed to converge because the input matrix contained non-finite values."
        ) from None
    return column_major(xp, u), s, column_major(xp, vh)


def _svd_rule(g: Any, out: Any) -> Any:
    k = out[1].shape[-1]
    u, s, vh = out[0][..., :k], out[1], out[2][..., :k, :]
    gu = None if g[0] is None else g[0][..., :k]
    gvh = None if g[2] is None else g[2][..., :k, :]
    diagonal = identity(s, k)
    inner = 0.0 if g[1] is None else g[1].unsqueeze(-1) * diagonal
    row, column = s.unsqueeze(-2), s.unsqueeze(-1)
    gaps = (row - column) * (row + column) + diagonal
    outside = 0.0
    if gu is not None:
        along = matrix_product(u.mT, gu)
        inner = inner + (along - along.mT) / gaps * row
        if u.shape[-2] > k:
            outside = outside + matrix_product((gu - matrix_product(u, along)) / row, vh)
    if gvh is not None:
        along = matrix_product(gvh, vh.mT).mT
        inner = inner + column * ((along - along.mT) / gaps)
        if vh.shape[-1] > k:
            outside = outside + matrix_product(u, (gvh - matrix_product(along.mT, vh)) / column)
    return matrix_product(matrix_product(u, inner), vh) + outside


_svd.vjp(a=_svd_rule)


def svd(A: Any, full_matrices: bool = True, *, driver: str | None = None, out: Any = None) -> Any:
    """U, S, Vh with A = U diag(S) Vh and S descending; U and Vh square with `full_matrices`.

    >>> import refnet
    >>> refnet.linalg.svd(refnet.tensor([[3.0, 0.0], [0.0, -4.0]])).S
    tensor([4., 3.])
    """
    _check_svd(A)
    _check_driver(driver)
    found = SVD(*_svd(A, full=full_matrices))
    return found if out is None else SVD(*(into(o, x, "linalg_svd") for o, x in zip(out, found, strict=True)))


def _check_svd(a: Any) -> None:
    expect_matrices(a, "linalg.svd")
    expect_floating(a, "linalg.svd", "linalg_svd_cpu")


def _check_driver(driver: str | None) -> None:
    check(
        driver is None,
        lambda: (
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend, got "
            f"{driver!r}."
        ),
    )


def svdvals(A: Any, *, driver: str | None = None, out: Any = None) -> Any:
    """The singular values of a matrix, descending."""
    _check_svd(A)
    _check_driver(driver)
    return into(out, _svd(A, full=False)[1], "linalg_svdvals")


def legacy_svd(input: Any, some: bool = True, compute_uv: bool = True, *, out: Any = None) -> Any:
    """U, S, V with input = U diag(S) V^T; `linalg.svd` under its older name. Zeros for U and V without `compute_uv`."""
    check(
        input.ndim >= 2,
        lambda: f"linalg.svd: input should have at least 2 dimensions, but has {input.ndim} dimensions instead",
    )
    _check_svd(input)
    if compute_uv:
        u, s, vh = _svd(input, full=not some)
        found = LegacySVD(u, s, vh.mT)
    else:
        (m, n), batch = input.shape[-2:], input.shape[:-2]
        s = _svd(input, full=False)[1]
        found = LegacySVD(input.new_zeros(*batch, m, m), s, input.new_zeros(*batch, n, n))
    return found if out is None else LegacySVD(*(into(o, x, "svd") for o, x in zip(out, found, strict=True)))


def cofactors(x: Any) -> Any:
    """The matrix of cofactors, det(x) x^-T where there is an inverse: det(U) det(V) U diag(prod_(j != i) S_j) V^T."""
    u, s, vh = _svd(x, full=True)
    xp = x.device.xp
    n = s.shape[-1]
    turn = xp.asarray(xp.rint(determinant(xp, u._array) * determinant(xp, vh._array)), x.dtype.numpy)
    others = where(identity(x, n) != 0, 1.0, s.unsqueeze(-2)).prod(-1)
    return matrix_product(u * (others * wrap(turn, x.device).unsqueeze(-1)).unsqueeze(-2), vh)
