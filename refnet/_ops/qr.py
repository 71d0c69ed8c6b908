"""The QR decomposition A = Q R: orthonormal columns times an upper triangle.

A is (..., m, n), k = min(m, n). Reduced: Q is (..., m, k) and R (..., k, n). Complete: (..., m, m) and (..., m, n).
"""

from typing import Any

from refnet._check import check
from refnet._ops._args import into
from refnet._ops._lapack import column_major, expect_floating, expect_matrices, returned
from refnet._ops.matmul import matrix_product
from refnet._ops.shape import cat
from refnet._ops.solve import triangle_solution
from refnet._tape import Primitive

Array = Any

QR = returned("linalg_qr", "Q", "R")
LegacyQR = returned("qr", "Q", "R")


@Primitive
def _qr(xp: Any, a: Array, *, mode: str) -> tuple[Array, Array]:
    """Q, R with a = Q R        dL/da = (gQ + Q c(triu(M))) R^-T, where m >= n; M = gR R^T - Q^T gQ

    c(X) = X + X^T with half the diagonal. Where m < n, R = [R1 R2] with a square R1, and
    dL/da = Q (gR + [tril(M^T - M) R1^-T, 0]).
    """
    if mode == "r":
        return xp.empty(0, a.dtype), column_major(xp, xp.linalg.qr(a, mode="r"))
    q, r = xp.linalg.qr(a, mode=mode)
    return column_major(xp, q), column_major(xp, r)


def _qr_rule(g: Any, out: Any, mode: str) -> Any:
    check(
        mode != "r",
        lambda: (
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
            "linalg.qr(A, mode='reduced') if you are going to require gradients of R"
        ),
    )
    q, r = out
    (m, k), n = q.shape[-2:], r.shape[-1]
    check(
        mode == "reduced" or m <= n,
        lambda: "The QR decomposition is not differentiable when mode='complete' and nrows > ncols.",
    )
    share_q = q.new_zeros(q.shape) if g[0] is None else g[0]
    share_r = r.new_zeros(r.shape) if g[1] is None else g[1]
    square = r[..., :k]
    inner = matrix_product(share_r, r.mT) - matrix_product(q.mT, share_q)
    if m < n:
        turned = triangle_solution(square.mT, (inner.mT - inner).tril(-1), upper=False, left=False)
        return matrix_product(q, share_r + cat((turned, turned.new_zeros(*turned.shape[:-1], n - k)), -1))
    inner = inner.triu()
    total = share_q + matrix_product(q, inner + inner.triu(1).mT)
    return triangle_solution(square.mT, total, upper=False, left=False)


_qr.vjp(a=_qr_rule)


def qr(A: Any, mode: str = "reduced", *, out: Any = None) -> Any:
    """Q and R with A = Q R. mode "reduced", "complete", or "r", which gives an empty Q and the reduced R.

    >>> import refnet
    >>> refnet.linalg.qr(refnet.tensor([[3.0, 1.0], [4.0, 2.0]])).R
    tensor([[-5.0000, -2.2000],
            [ 0.0000,  0.4000]])
    """
    return _as(QR, A, mode, "linalg.qr", out)


def _as(kind: Any, a: Any, mode: str, name: str, out: Any) -> Any:
    expect_matrices(a, "linalg.qr")
    check(
        mode in ("reduced", "complete", "r"),
        lambda: f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'",
    )
    expect_floating(a, "linalg.qr", "geqrf_cpu")
    q, r = _qr(a, mode=mode)
    return kind(q, r) if out is None else kind(into(out[0], q, name), into(out[1], r, name))


def legacy_qr(input: Any, some: bool = True, *, out: Any = None) -> Any:
    """`linalg.qr` under its older name: reduced where `some`, else complete."""
    return _as(LegacyQR, input, "reduced" if some else "complete", "qr", out)
