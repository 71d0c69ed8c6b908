"""A matrix with orthonormal columns (or rows, where it is wide) as a function of an unconstrained one.

For X (n, k), n >= k, with A = L - L^T skew-symmetric, L the lower triangle of X filled up with zeros to (n, n):

    matrix_exp     Q = exp(A)                                     Cayley    Q = (I + A/2) (I - A/2)^-1
    householder    Q = H_0 ... H_(k-1), reflections by the columns of X below the diagonal, whose signs are on it

and the first k columns. With a base B (dynamic trivialization, Lezcano-Casado 2019) the weight is B Q: X starts where Q is
the identity, and B holds the weight that was there, made orthogonal.
"""

from enum import Enum, auto
from typing import Any

from refnet._check import check
from refnet._dtype import finfo
from refnet._ops.matrix_function import matrix_exp
from refnet._ops.shape import cat
from refnet._ops.solve import solve
from refnet._tape import set_grad
from refnet.creation import eye, zeros_like
from refnet.nn.modules.module import Module
from refnet.nn.utils import _reflections as reflections
from refnet.random.functions import randn


class OrthogonalMap(Enum):
    """How the unconstrained matrix is made orthogonal."""

    matrix_exp = auto()
    cayley = auto()
    householder = auto()


class _Orthogonal(Module):
    base: Any

    def __init__(self, weight: Any, orthogonal_map: OrthogonalMap, *, use_trivialization: bool = True) -> None:
        super().__init__()
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Any) -> Any:
        wide = x.shape[-2] < x.shape[-1]
        x = x.mT if wide else x
        n, k = x.shape[-2:]
        if self.orthogonal_map is OrthogonalMap.householder:
            below = x.tril(-1)
            tau = 2.0 / (1.0 + (below * below).sum(-2))
            q = reflections.product(below, tau)
            q = q * x.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)  # signs, which have no gradient
        else:
            lower = x.tril()
            if n != k:
                lower = cat([lower, lower.new_zeros(n, n - k).expand(*x.shape[:-2], -1, -1)], -1)
            q = _rotation(lower - lower.mT, self.orthogonal_map)
            q = q if n == k else q[..., :k]
        if hasattr(self, "base"):
            q = self.base @ q
        return q.mT if wide else q

    def right_inverse(self, q: Any) -> Any:
        check(
            q.shape == self.shape,
            lambda: f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {q.shape}.",
            ValueError,
        )
        with set_grad(False):
            wide = q.shape[-2] < q.shape[-1]
            tall = q.mT if wide else q
            if hasattr(self, "base"):
                self.base = _completed(tall)
                return _negative_identity(q)
            if self.orthogonal_map is not OrthogonalMap.householder:
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                    "use_trivialization=False."
                )
            packed, tau = reflections.decompose(tall)
            signs = packed.diagonal(dim1=-2, dim2=-1)
            signs.sign_()
            signs.mul_(
                1 - 2 * (tau == 0).to(signs.dtype)
            )  # LAPACK needs no reflection where tau is 0; this form has one
            return packed.mT if wide else packed


def _rotation(a: Any, how: OrthogonalMap) -> Any:
    """exp(A), or Cayley's map, of skew-symmetric A."""
    if how is OrthogonalMap.matrix_exp:
        return matrix_exp(a)
    identity = eye(a.shape[-1], dtype=a.dtype, device=a.device)
    return solve(identity - 0.5 * a, identity + 0.5 * a)


def _completed(q: Any) -> Any:
    """q (.., n, k) as an orthogonal matrix (.., n, n): itself where it is one, else by QR, with random columns added."""
    n, k = q.shape[-2:]
    if n != k:
        more = randn(*q.shape[:-2], n, n - k, dtype=q.dtype, device=q.device)
        return reflections.nearest_with_positive_diagonal(cat([q, more], -1))
    identity = eye(k, dtype=q.dtype, device=q.device)
    orthogonal = (q.mT @ q).allclose(identity, atol=10.0 * n * finfo(q.dtype).eps)
    return q.clone() if orthogonal else reflections.nearest_with_positive_diagonal(q)


def _negative_identity(like: Any) -> Any:
    """-1 on the diagonal: with reflections by zero vectors, -H each, these give the identity."""
    made = zeros_like(like)
    made.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
    return made
