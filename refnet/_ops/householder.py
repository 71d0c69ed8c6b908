"""Products of Householder reflections, as LAPACK packs the Q of a QR decomposition: geqrf, householder_product, ormqr.

Reflection i is H_i = I - tau_i v_i v_i^T. Column i of the packed matrix A (..., m, k) has v_i below its diagonal; above
v_i's leading 1 there are zeros. Q = H_1 H_2 ... H_k is (m, m). Batches are over the leading dimensions.
"""

from typing import Any

from refnet._check import check
from refnet._ops._args import expect_tensor, into, type_name
from refnet._ops._lapack import column_major, expect_kernel, expect_matrices, identity, returned
from refnet._ops.matmul import matrix_product
from refnet._tape import Primitive

Array = Any

Geqrf = returned("geqrf", "a", "tau")


@Primitive
def _packed(xp: Any, a: Array) -> tuple[Array, Array]:
    """R on and above the diagonal, the v_i below it, and tau; torch has no gradient here either."""
    packed, tau = xp.linalg.qr(a, mode="raw")  # the first of the two transposed
    return column_major(xp, packed.swapaxes(-1, -2)), tau


@Primitive
def _identity(xp: Any, a: Array, tau: Array) -> Array:
    """The product of no reflections, which has no gradient: it depends on neither."""
    return column_major(xp, xp.broadcast_to(xp.eye(*a.shape[-2:], dtype=a.dtype), a.shape).copy())


_identity.vjp(a=lambda g: None, tau=lambda g: None)


def geqrf(input: Any, *, out: Any = None) -> Any:
    """(a, tau): the QR decomposition as LAPACK leaves it, R in the upper triangle of a and reflections below.

    >>> import refnet
    >>> refnet.geqrf(refnet.tensor([[3.0], [4.0]])).a
    tensor([[-5.0000],
            [ 0.5000]])
    """
    expect_matrices(input, "torch.geqrf")
    expect_kernel(input, "geqrf_cpu")
    found = Geqrf(*_packed(input.detach()))
    return found if out is None else Geqrf(*(into(o, x, "geqrf") for o, x in zip(out, found, strict=True)))


def householder_product(A: Any, tau: Any, *, out: Any = None) -> Any:
    """The first n columns of H_1 H_2 ... H_k, for A (..., m, n) with m >= n >= k and tau (..., k).

    >>> import refnet
    >>> refnet.linalg.householder_product(*refnet.geqrf(refnet.tensor([[3.0], [4.0]])))
    tensor([[-0.6000],
            [-0.8000]])
    """
    name = "torch.linalg.householder_product"
    expect_tensor(A, "linalg_householder_product", "A")
    expect_tensor(tau, "linalg_householder_product", "tau", 2)
    check(A.ndim >= 2, lambda: f"{name}: input must have at least 2 dimensions.")
    m, n = A.shape[-2:]
    check(m >= n, lambda: f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]")
    _check_factors(A, tau, name, "input")
    expect_kernel(A, "orgqr_cpu")
    if not tau.numel():
        return into(out, _identity(A, tau), "linalg_householder_product")
    eye = identity(A, m, n).expand(*A.shape[:-2], m, n)
    return into(out, _as_lapack_leaves(_reflected(A, tau, eye, forwards=False)), "linalg_householder_product")


def ormqr(input: Any, tau: Any, other: Any, left: bool = True, transpose: bool = False, *, out: Any = None) -> Any:
    """Q C, or C Q where `left` is False, for Q = H_1 H_2 ... H_k, or its transpose with `transpose`, and C = other.

    >>> import refnet
    >>> refnet.ormqr(*refnet.geqrf(refnet.tensor([[3.0], [4.0]])), refnet.tensor([[3.0], [4.0]]), transpose=True)
    tensor([[-5.],
            [ 0.]])
    """
    name = "torch.ormqr"
    for x, argument in ((input, "input"), (tau, "tau"), (other, "other")):
        expect_tensor(x, "ormqr", argument)
    check(input.ndim >= 2, lambda: f"{name}: input must have at least 2 dimensions.")
    check(other.ndim >= 2, lambda: f"{name}: other must have at least 2 dimensions.")
    m, place = input.shape[-2], -2 if left else -1
    side = other.shape[place]
    check(
        side >= tau.shape[-1],
        lambda: f"{name}: other.shape[{place}] must be greater than or equal to tau.shape[-1]",
    )
    check(side == m, lambda: f"{name}: other.shape[{place}] must be equal to input.shape[-2]: {side} != {m}")
    check(
        tau.shape[-1] == min(side, input.shape[-1]),
        lambda: f"{name}: tau.shape[-1] must be equal to min(other.shape[{place}], input.shape[-1])",
    )
    _check_factors(input, tau, name, "input")
    check(
        other.shape[:-2] == input.shape[:-2],
        lambda: (
            f"{name}: Expected batch dimensions of other to be equal to input.shape[:-2], but got {list(other.shape[:-2])}"
        ),
    )
    check(
        other.dtype is input.dtype,
        lambda: (
            f"{name}: Expected input and other to have the same dtype, but input has dtype {type_name(input.dtype)} and "
            f"other has dtype {type_name(other.dtype)}"
        ),
    )
    expect_kernel(input, "ormqr_cpu")
    if left:
        found = _reflected(input, tau, other, forwards=transpose)
    else:  # C Q = (Q^T C^T)^T
        found = _reflected(input, tau, other.mT, forwards=not transpose).mT
    return into(out, _as_lapack_leaves(found), "ormqr")


def _as_lapack_leaves(x: Any) -> Any:
    """x column by column in memory."""
    return x.mT.contiguous().mT


def _check_factors(a: Any, tau: Any, name: str, argument: str) -> None:
    check(
        a.shape[-1] >= tau.shape[-1],
        lambda: f"{name}: {argument}.shape[-1] must be greater than or equal to tau.shape[-1]",
    )
    check(
        a.ndim - tau.ndim == 1,
        lambda: (
            f"{name}: Expected tau to have one dimension less than {argument}, but got tau.ndim equal to {tau.ndim} and "
            f"{argument}.ndim is equal to {a.ndim}"
        ),
    )
    check(
        a.ndim == 2 or tau.shape[:-1] == a.shape[:-2],
        lambda: (
            f"{name}: Expected batch dimensions of tau to be equal to {argument}.shape[:-2], but got "
            f"{list(tau.shape[:-1])}"
        ),
    )
    check(
        tau.dtype is a.dtype,
        lambda: f"{name}: tau dtype {type_name(tau.dtype)} does not match {argument} dtype {type_name(a.dtype)}",
    )


def _reflected(a: Any, tau: Any, c: Any, *, forwards: bool) -> Any:
    """H_k ... H_1 C with `forwards`, else H_1 ... H_k C."""
    count = tau.shape[-1]
    if not count or not c.numel():
        return c.clone()
    vectors = a[..., :count].tril(-1) + identity(a, a.shape[-2], count)
    for i in range(count) if forwards else reversed(range(count)):
        v = vectors[..., i : i + 1]  # (..., m, 1)
        c = c - tau[..., i, None, None] * matrix_product(v, matrix_product(v.mT, c))
    return c
