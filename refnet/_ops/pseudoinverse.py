"""Rank, pseudo-inverse and least squares: what is said about matrices that need not be invertible.

A singular value counts as zero where it does not exceed max(atol, rtol max S).
"""

from typing import Any

import numpy

from refnet import _dtype
from refnet._check import check
from refnet._ops._args import expect_tensor, into, type_name
from refnet._ops._lapack import check_square, expect_matrices, returned
from refnet._ops.matmul import matrix_product
from refnet._ops.spectral import eigvalsh, svdvals
from refnet._tape import Primitive, TensorBase, wrap

Array = Any

Lstsq = returned("linalg_lstsq", "solution", "residuals", "rank", "singular_values")


def _tolerances(a: Any, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """(atol, rtol) as numbers or arrays: by default 0 and max(m, n) eps, and rtol is 0 where atol is given and positive."""
    eps = max(a.shape[-2:]) * _dtype.finfo(a.dtype).eps
    atol = atol._array if isinstance(atol, TensorBase) else atol
    rtol = rtol._array if isinstance(rtol, TensorBase) else rtol
    if rtol is None:
        xp = a.device.xp
        rtol = eps if atol is None else xp.where(xp.asarray(atol) > 0, 0.0, eps)
    return 0.0 if atol is None else atol, rtol


def _threshold(xp: Any, s: Array, atol: Any, rtol: Any) -> Array:
    """(..., k) -> (..., 1): what a singular value has to exceed."""
    largest = s.max(-1) if s.size else xp.zeros(s.shape[:-1], s.dtype)
    return xp.maximum(atol, rtol * largest)[..., None].astype(s.dtype, copy=False)


def matrix_rank(
    A: Any, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None, out: Any = None
) -> Any:
    """The number of singular values above max(atol, rtol max S); of |eigenvalues| with `hermitian`. `tol` is an atol.

    >>> import refnet
    >>> refnet.linalg.matrix_rank(refnet.tensor([[1.0, 2.0], [2.0, 4.0]]))
    tensor(1)
    """
    name = "torch.linalg.matrix_rank"
    expect_tensor(A, "linalg_matrix_rank")
    check(A.ndim >= 2, lambda: f"{name}: The input tensor input must have at least 2 dimensions.")
    check(
        A.is_floating_point() and A.itemsize >= 4,
        lambda: f"This function doesn't handle types other than float and double, got {A.dtype}",
    )
    atol = tol if atol is None and tol is not None else atol
    rtol = 0.0 if tol is not None and rtol is None else rtol
    for value, what in ((atol, "atol"), (rtol, "rtol")):
        check(
            not isinstance(value, TensorBase) or not value.is_complex(),  # type: ignore[attr-defined]
            lambda what=what: f"{name}: {what} tensor of complex type is not supported.",  # type: ignore[misc]
        )
    s = (eigvalsh(A).abs() if hermitian else svdvals(A))._array
    xp = A.device.xp
    above = s > _threshold(xp, s, *_tolerances(A, atol, rtol))
    return into(out, wrap(xp.asarray(above.sum(-1), xp.int64), A.device), "linalg_matrix_rank")


# --- pseudo-inverse -----------------------------------------------------------------------------------------------


@Primitive
def _pinv(xp: Any, a: Array, *, atol: Any, rtol: Any, hermitian: bool) -> Array:
    """out = V diag(1 / S where S counts, else 0) U^T        dL/da: see `_pinv_rule`"""
    if hermitian:
        w, u = xp.linalg.eigh(a)
        s, sign = xp.abs(w), xp.sign(w)
        vh = (u * sign[..., None, :]).swapaxes(-1, -2)
    else:
        u, s, vh = xp.linalg.svd(a, full_matrices=False)
    counts = s > _threshold(xp, s, atol, rtol)
    inverse = xp.where(counts, 1 / xp.where(counts, s, 1), 0).astype(a.dtype, copy=False)
    return xp.ascontiguousarray(xp.matmul(vh.swapaxes(-1, -2), inverse[..., None] * u.swapaxes(-1, -2)))


def _pinv_rule(g: Any, a: Any, out: Any) -> Any:
    """Golub and Pereyra (1973), of the differential of a^+ at constant rank:

    d(a^+) = -a^+ da a^+ + a^+ a^+^T da^T (I - a a^+) + (I - a^+ a) da^T a^+^T a^+
    """
    p = out
    turned = g.mT
    inner = -matrix_product(matrix_product(p.mT, g), p.mT)
    left = matrix_product(turned - matrix_product(a, matrix_product(p, turned)), matrix_product(p, p.mT))
    right = matrix_product(matrix_product(p.mT, p), turned - matrix_product(matrix_product(turned, p), a))
    return inner + left + right


_pinv.vjp(a=_pinv_rule)


def pinv(
    A: Any, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None, out: Any = None
) -> Any:
    """The pseudo-inverse: 1 / S for singular values above max(atol, rtol max S), 0 for the others. `rcond` is an rtol.

    >>> import refnet
    >>> refnet.linalg.pinv(refnet.tensor([[2.0, 0.0], [0.0, 0.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    expect_tensor(A, "linalg_pinv")
    check(
        A.ndim >= 2 and A.is_floating_point() and A.itemsize >= 4,
        lambda: (
            f"linalg.pinv({type_name(A.dtype)}{{{list(A.shape)}}}): expected a tensor with 2 or more dimensions of "
            "float, double, cfloat or cdouble types"
        ),
    )
    if hermitian:
        check_square(A, "linalg.eigh")
    if A.numel() == 0:
        return into(out, A.mT.clone(), "linalg_pinv")
    atol, rtol = _tolerances(A, atol, rcond if rtol is None else rtol)
    return into(out, _pinv(A, atol=atol, rtol=rtol, hermitian=hermitian), "linalg_pinv")


def pinverse(input: Any, rcond: Any = 1e-15) -> Any:
    """`linalg.pinv` under its older name."""
    return pinv(input, rcond)


# --- least squares ------------------------------------------------------------------------------------------------


@Primitive
def _residuals(xp: Any, a: Array, x: Array, b: Array) -> Array:
    """out[k] = sum_i (a x - b)[i, k]^2        dL/da = 2 r x^T        dL/db = -2 r, r = g (a x - b)

    x minimises it, so that no gradient goes through x.
    """
    return xp.square(xp.matmul(a, x) - b).sum(-2)


def _weighted(g: Any, a: Any, x: Any, b: Any) -> Any:
    return (matrix_product(a, x) - b) * (g.unsqueeze(-2) * 2)


_residuals.vjp(
    a=lambda g, a, x, b: matrix_product(_weighted(g, a, x, b), x.mT),
    b=lambda g, a, x, b: -_weighted(g, a, x, b),
)

_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def lstsq(A: Any, B: Any, rcond: Any = None, *, driver: str | None = None) -> Any:
    """X that minimises ||A X - B||, the shortest of several: pinv(A) B.

    Further results are empty where LAPACK's driver of that name does not give them: the residuals
    sum_i (A X - B)[i]^2 of a full column rank with more rows than columns, the rank, the singular values.

    >>> import refnet
    >>> refnet.linalg.lstsq(refnet.tensor([[1.0], [1.0]]), refnet.tensor([[1.0], [3.0]])).solution
    tensor([[2.0000]])
    """
    name = "torch.linalg.lstsq"
    driver = "gelsy" if driver is None else driver
    check(A.ndim >= 2, lambda: f"{name}: input must have at least 2 dimensions, got {A.ndim}.")
    check(B.ndim >= 1, lambda: f"{name}: other must have at least 1 dimension, got {B.ndim}.")
    check(
        A.dtype is B.dtype,
        lambda: (
            f"{name}: Expected input and other to have the same dtype, but got input's dtype {type_name(A.dtype)} and "
            f"other's dtype {type_name(B.dtype)}"
        ),
    )
    check(
        driver in _DRIVERS,
        lambda: f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), got {driver}",
    )
    vector = A.ndim - 1 == B.ndim and B.shape == A.shape[:-1]
    b = B.unsqueeze(-1) if vector else B
    expect_matrices(b, name, "other")
    m, n = A.shape[-2:]
    check(
        b.shape[-2] == m,
        lambda: (
            f"{name}: input.size({-1 if vector else -2}) should match other.size({-1 if vector else -2}), got {m} and {b.shape[-2]}"
        ),
    )
    xp = A.device.xp
    s = xp.linalg.svd(A._array, compute_uv=False)
    rtol = max(m, n) * _dtype.finfo(A.dtype).eps if rcond is None else float(rcond)
    rank = (s > _threshold(xp, s, 0.0, rtol)).sum(-1)
    inverse = _pinv(A, atol=0.0, rtol=rtol, hermitian=False) if A.numel() else A.mT
    x = matrix_product(inverse, b)
    empty = A.new_zeros(0)
    residuals = x.flatten()[:0]  # empty, and differentiable
    batch = numpy.broadcast_shapes(A.shape[:-2], b.shape[:-2])
    if driver != "gelsy" and m > n and (driver == "gels" or bool((rank == n).all())):
        residuals = _residuals(A, x, b).expand(*batch, b.shape[-1])
    ranks = wrap(xp.asarray(rank, xp.int64), A.device) if driver != "gels" else empty.long()
    values = wrap(s, A.device) if driver in ("gelsd", "gelss") else empty
    return Lstsq(x.squeeze(-1) if vector else x, residuals, ranks, values)
