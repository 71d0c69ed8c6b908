"""Linear algebra: gradients by finite differences, errors beside torch's, and what is true of every factorisation."""

import numpy as np
import pytest
import torch
from beside_torch import check_same

import refnet
from refnet.autograd import gradcheck, gradgradcheck


def numbers(*shape: int, seed: int = 1, shift: float = 0.0):
    values = np.random.default_rng(seed).standard_normal(shape)
    if shift:
        values = values / 2 + shift * np.eye(shape[-2], shape[-1])
    return refnet.tensor(values, dtype=refnet.float64, requires_grad=True)


def symmetric(x):
    return x @ x.mT + refnet.tensor(2 * np.eye(x.shape[-1]))


L = refnet.linalg
DIFFERENTIABLE = {
    "inv": (L.inv, (2, 3, 3)),
    "det": (L.det, (2, 3, 3)),
    "slogdet": (lambda x: L.slogdet(x)[1], (3, 3)),
    "cholesky": (lambda x: L.cholesky(symmetric(x)), (2, 3, 3)),
    "cholesky, upper": (lambda x: L.cholesky(symmetric(x), upper=True), (3, 3)),
    "eigvalsh": (lambda x: L.eigvalsh(symmetric(x)), (2, 3, 3)),
    "eigh": (lambda x: L.eigh(symmetric(x))[1] ** 2, (3, 3)),
    "qr": (L.qr, (2, 3, 3)),
    "qr, tall": (L.qr, (4, 2)),
    "qr, wide": (L.qr, (2, 4)),
    "svd, tall": (lambda x: [s**2 for s in L.svd(x, full_matrices=False)], (4, 2)),
    "svd, wide": (lambda x: [s**2 for s in L.svd(x, full_matrices=False)], (2, 4)),
    "lu, square": (lambda x: L.lu_factor(x)[0], (3, 3)),
    "lu, wide": (lambda x: L.lu_factor(x)[0], (2, 4)),
    "lu, tall": (lambda x: L.lu_factor(x)[0], (4, 2)),
    "pinv, tall": (L.pinv, (4, 2)),
    "pinv, wide": (L.pinv, (2, 4)),
    "matrix_exp": (L.matrix_exp, (2, 3, 3)),
    "matrix_power": (lambda x: L.matrix_power(x, -3), (3, 3)),
    "nuclear norm": (lambda x: refnet.norm(x, "nuc"), (3, 3)),
    "cond": (L.cond, (3, 3)),
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_derivatives(name) -> None:
    function, shape = DIFFERENTIABLE[name]
    x = numbers(*shape, shift=3.0)
    assert gradcheck(function, (x,))
    assert gradgradcheck(function, (x,))


def test_derivatives_of_solutions() -> None:
    a, b = numbers(2, 3, 3, shift=3.0), numbers(3, 2, seed=2)
    assert gradcheck(L.solve, (a, b)) and gradgradcheck(L.solve, (a, b))
    for upper in (True, False):
        for unit in (True, False):

            def solution(a, b, upper=upper, unit=unit):
                return L.solve_triangular(a, b, upper=upper, unitriangular=unit)

            assert gradcheck(solution, (a, b)) and gradgradcheck(solution, (a, b))
    for adjoint in (True, False):

        def by_factors(a, b, adjoint=adjoint):
            return L.lu_solve(*L.lu_factor(a), b, adjoint=adjoint)

        assert gradcheck(by_factors, (a, b))


def test_the_gradient_of_a_singular_determinant_is_the_cofactor_matrix() -> None:
    x = refnet.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=refnet.float64, requires_grad=True)
    L.det(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), [[4.0, -2.0], [-2.0, 1.0]], atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2), (0, 3), (2, 0, 0)], ids=str)
def test_factors_multiply_to_the_matrix(shape) -> None:
    x = numbers(*shape).detach()
    p, lower, upper = L.lu(x)
    q, r = L.qr(x)
    u, s, vh = L.svd(x, full_matrices=False)
    for product in (p @ lower @ upper, q @ r, (u * s.unsqueeze(-2)) @ vh):
        np.testing.assert_allclose(product.numpy(), x.numpy(), atol=1e-12)


def test_the_exponential_of_what_is_large_and_of_what_is_not_finite() -> None:
    x = refnet.tensor([[0.0, 40.0], [-40.0, 0.0]], dtype=refnet.float64)
    np.testing.assert_allclose(
        L.matrix_exp(x).numpy(), [[np.cos(40), np.sin(40)], [-np.sin(40), np.cos(40)]], atol=1e-12
    )
    assert bool(L.matrix_exp(x * float("nan")).isnan().all())


def names(library):
    return {
        "L": library.linalg,
        "a": library.tensor([[2.0, 1.0], [1.0, 3.0]]),
        "s": library.zeros(2, 2),
        "b": library.stack([library.eye(2), library.zeros(2, 2)]),
        "w": library.ones(2, 3),
        "v": library.ones(2),
        "i": library.ones(2, 2, dtype=library.int64),
        "h": library.ones(2, 2, dtype=library.float16),
        "n": library.full((2, 2), float("nan")),
    }


REFUSED = [
    "L.inv(s)", "L.inv(b)", "L.inv(w)", "L.inv(v)", "L.inv(i)", "L.inv(h)", "L.solve(s,v)", "L.solve(b,v.expand(2,2))",
    "L.solve(a,w.mT)", "L.solve(w,v)", "L.solve(a,v.double())", "L.solve(h,v.half())", "L.det(w)", "L.det(i)", "L.det(h)",
    "L.slogdet(h)", "torch.logdet(v)", "L.cholesky(s)", "L.cholesky(b)", "L.cholesky(w)", "L.cholesky(h)",
    "torch.cholesky(s)", "torch.cholesky_solve(v,a)", "torch.cholesky_solve(w.mT,a)", "torch.cholesky_inverse(s)",
    "L.lu_factor(s)", "L.lu_factor(b)", "L.lu_factor(v)", "L.lu_factor(a,pivot=False)", "L.lu(v)", "L.lu(h)",
    "L.qr(v)", "L.qr(i)", "L.qr(h)", "L.qr(a,'bad')", "L.svd(v)", "L.svd(i)", "L.svd(n)", "L.eigh(w)", "L.eigh(i)",
    "L.eigh(a,'x')", "L.pinv(v)", "L.lstsq(v,v)", "L.lstsq(a,w.mT)", "L.matrix_norm(v)", "L.matrix_norm(a,3)",
    "L.matrix_norm(a,'bad')", "L.norm(b,2)", "L.cond(w,1)", "L.matrix_power(w,2)", "L.matrix_power(s,-1)",
    "L.matrix_exp(w)", "L.multi_dot([a])", "L.multi_dot([a,w.mT])", "L.solve_triangular(a,v,upper=True)",
    "L.solve_triangular(h,h,upper=True)", "L.tensorinv(w,ind=1)", "L.tensorsolve(w,v)", "L.cross(v,v)",
]  # fmt: skip


@pytest.mark.parametrize("source", REFUSED)
def test_errors(source) -> None:
    check_same(source, names, message=False)
    kind = type(None)
    for library in (torch, refnet):
        try:
            eval(source, {"torch": library} | names(library))
        except Exception as error:
            kind = type(error)
        assert kind is not type(None), f"{source} is not refused by {library.__name__}"


def test_a_singular_matrix_has_its_own_exception() -> None:
    with pytest.raises(L.LinAlgError, match=r"\(Batch element 1\): The diagonal element 1 is zero"):
        L.inv(refnet.stack([refnet.eye(2), refnet.zeros(2, 2)]))
    assert L.inv_ex(refnet.zeros(1, 2, 2)).info.tolist() == [1]
    assert L.solve_ex(refnet.zeros(2, 2), refnet.ones(2)).info.item() == 1
    assert L.cholesky_ex(-refnet.eye(3)).info.item() == 1


def test_results_are_shown_as_torch_shows_them() -> None:
    assert repr(L.slogdet(refnet.eye(2))).startswith("refnet.return_types.linalg_slogdet(\nsign=tensor(1.)")
