"""Singular values and principal components of matrices of low rank, by random projections.

The range of A (m, n) is found from A R with a random R (n, q), sharpened by multiplying by A A^T a few times; what is
left is the decomposition of a matrix of q rows (Halko, Martinsson and Tropp 2009, algorithms 4.4 and 5.1).
"""

from typing import Any

from refnet import linalg
from refnet._check import check
from refnet._ops._args import expect_tensor
from refnet._ops.matmul import matmul
from refnet.random.functions import randn

Decomposition = tuple[Any, Any, Any]


def _basis(a: Any, q: int, niter: int) -> Any:
    """Orthonormal columns Q (m, q) with A close to Q Q^T A."""
    found = linalg.qr(matmul(a, randn(a.shape[-1], q, dtype=a.dtype, device=a.device))).Q
    for _ in range(niter):
        found = linalg.qr(matmul(a.mT, found)).Q
        found = linalg.qr(matmul(a, found)).Q
    return found


def svd_lowrank(A: Any, q: int | None = 6, niter: int | None = 2, M: Any = None) -> Decomposition:
    """(U, S, V) with U S V^T close to A - M, whose rank is at most about q: (..., m, q), (..., q), (..., n, q).

    M broadcasts to A.
    """
    expect_tensor(A, "svd_lowrank", "A")
    a = A if M is None else A - M.expand(A.shape)
    wide = a.shape[-2] < a.shape[-1]
    if wide:
        a = a.mT
    basis = _basis(a, 6 if q is None else q, 2 if niter is None else niter)
    u, s, vh = linalg.svd(matmul(basis.mT, a), full_matrices=False)
    u, v = matmul(basis, u), vh.mT
    return (v, s, u) if wide else (u, s, v)


def pca_lowrank(A: Any, q: int | None = None, center: bool = True, niter: int = 2) -> Decomposition:
    """`svd_lowrank` of A with the mean of its rows taken off (`center`): the columns of V are the principal directions.

    q is by default 6, or the smaller of A's sizes. ValueError for a q beyond that.
    """
    expect_tensor(A, "pca_lowrank", "A")
    most = min(A.shape[-2:])
    q = min(6, most) if q is None else q
    check(
        0 <= q <= most,
        lambda: f"q(={q}) must be non-negative integer and not greater than min(m, n)={most}",
        ValueError,
    )
    check(niter >= 0, lambda: f"niter(={niter}) must be non-negative integer", ValueError)
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)
