"""The largest singular value of a weight by power iteration (Miyato et al. 2018): what both forms of spectral norm share.

With W as a matrix (h, w), one step is ``v = normalize(W^T u)`` and ``u = normalize(W v)``, in one order or the other; then
sigma = u^T W v.
"""

from typing import Any

from refnet.nn.functional.local_norm import normalize


def matrix_of(weight: Any, dim: int) -> Any:
    """The weight with dimension `dim` as rows: (h, everything else)."""
    if dim != 0:
        weight = weight.permute(dim, *[d for d in range(weight.ndim) if d != dim])
    return weight.reshape(weight.shape[0], -1)


def drawn_vectors(matrix: Any, eps: float) -> tuple[Any, Any]:
    """u (h) and v (w): normal draws from the default generator, u first, of length 1."""
    h, w = matrix.shape
    u = matrix.new_empty(h).normal_(0, 1)
    v = matrix.new_empty(w).normal_(0, 1)
    return normalize(u, dim=0, eps=eps), normalize(v, dim=0, eps=eps)


def left(matrix: Any, u: Any, v: Any, eps: float) -> None:
    """u <- normalize(W v), in u's memory."""
    normalize(matrix.mv(v), dim=0, eps=eps, out=u)


def right(matrix: Any, u: Any, v: Any, eps: float) -> None:
    """v <- normalize(W^T u), in v's memory."""
    normalize(matrix.t().mv(u), dim=0, eps=eps, out=v)


def sigma(matrix: Any, u: Any, v: Any) -> Any:
    """u^T W v"""
    return u.dot(matrix.mv(v))
