"""Special functions from scipy: against many-digit values, derivatives, and types beside torch's."""

import mpmath
import numpy as np
import pytest
from beside_torch import check_same

import refnet
from refnet.autograd import gradcheck, gradgradcheck

S = refnet.special
# function, many digits, range, units in the last place
VALUES = {
    "lgamma": (refnet.lgamma, lambda x: mpmath.loggamma(x), (3, 40), 4),
    "digamma": (refnet.digamma, lambda x: mpmath.psi(0, x), (2, 40), 4),
    "trigamma": (lambda x: refnet.polygamma(1, x), lambda x: mpmath.psi(1, x), (0.1, 40), 4),
    "trigamma, left": (lambda x: refnet.polygamma(1, x), lambda x: mpmath.psi(1, x), (-7.9, 0.4), 200),
    "polygamma": (lambda x: refnet.polygamma(3, x), lambda x: mpmath.psi(3, x), (0.1, 40), 8),
    "zeta": (lambda x: S.zeta(3.0, x), lambda x: mpmath.zeta(3, x), (0.1, 40), 8),
    "erfcx": (S.erfcx, lambda x: mpmath.exp(x * x) * mpmath.erfc(x), (-3, 20), 8),
    "ndtri": (S.ndtri, lambda x: mpmath.sqrt(2) * mpmath.erfinv(2 * x - 1), (0.01, 0.3), 16),
    "log_ndtr": (S.log_ndtr, lambda x: mpmath.log(mpmath.ncdf(x)), (-8, -0.1), 8),
    "j0": (S.bessel_j0, lambda x: mpmath.besselj(0, x), (0.1, 2), 4),
    "i1e": (S.i1e, lambda x: mpmath.exp(-x) * mpmath.besseli(1, x), (0.1, 40), 8),
    "k0": (S.modified_bessel_k0, lambda x: mpmath.besselk(0, x), (0.1, 40), 8),
    "airy_ai": (S.airy_ai, mpmath.airyai, (0.1, 9), 32),
    "hermite": (lambda x: S.hermite_polynomial_h(x, 5), lambda x: mpmath.hermite(5, x), (3, 9), 8),
    "laguerre": (lambda x: S.laguerre_polynomial_l(x, 4), lambda x: mpmath.laguerre(4, 0, x), (-9, -1), 8),
    "legendre": (lambda x: S.legendre_polynomial_p(x, 6), lambda x: mpmath.legendre(6, x), (1.1, 3), 16),
    "chebyshev": (lambda x: S.chebyshev_polynomial_u(x, 6), lambda x: mpmath.chebyu(6, x), (1.1, 3), 16),
}


@pytest.mark.parametrize("name", VALUES)
def test_float64_to_a_few_units_in_the_last_place(name) -> None:
    function, exact, (low, high), allowed = VALUES[name]
    x = np.random.default_rng(0).uniform(low, high, 60)
    found = function(refnet.tensor(x)).numpy()
    with mpmath.workdps(40):
        for at, got in zip(x, found, strict=True):
            true = exact(mpmath.mpf(float(at)))
            off = abs(mpmath.mpf(float(got)) - true) / mpmath.mpf(np.spacing(abs(float(true))))
            assert off <= allowed, f"at {at}: {got}, exact {mpmath.nstr(true, 20)}: {float(off):.1f} units"


DIFFERENTIABLE = [
    refnet.lgamma, refnet.digamma, lambda x: refnet.polygamma(2, x), lambda x: refnet.mvlgamma(x + 2, 3), refnet.i0, S.i0e,
    S.i1, S.i1e, S.entr, S.erfcx, S.log_ndtr, lambda x: S.ndtri(x / 4), refnet.sinc,
]  # fmt: skip


@pytest.mark.parametrize("function", DIFFERENTIABLE)
def test_derivatives(function) -> None:
    x = refnet.tensor([0.4, 1.3, 2.2, 3.1], dtype=refnet.float64, requires_grad=True)
    assert gradcheck(function, (x,))
    assert gradgradcheck(function, (x,))


def test_the_first_argument_of_an_incomplete_gamma_function_has_no_rule() -> None:
    a, x = (refnet.tensor([1.5], requires_grad=True) for _ in range(2))
    assert refnet.autograd.grad(refnet.igamma(a.detach(), x), x)[0] is not None
    with pytest.raises(NotImplementedError, match="the derivative for 'igamma: input' is not implemented"):
        refnet.igamma(a, x).backward()


def names(library):
    return {
        "x": library.tensor([0.5, 2.0, 3.0]),
        "d": library.tensor([0.5, 2.0, 3.0], dtype=library.float64),
        "h": library.tensor([0.5, 2.0, 3.0], dtype=library.float16),
        "i": library.tensor([4, 2, 3]),
        "b": library.tensor([True, False, True]),
        "S": library.special,
    }


SAME = [
    "torch.lgamma(i)", "torch.digamma(b).dtype", "torch.lgamma(h)", "torch.polygamma(0,i)", "x.polygamma(1)", "torch.mvlgamma(i,2)",
    "torch.mvlgamma(b,2)", "torch.igamma(x,d).dtype", "torch.igamma(i,i)", "torch.igamma(x,1.0)", "S.zeta(2,x).dtype",
    "S.zeta(h,h)", "S.bessel_j0(h)", "S.bessel_j0(i).dtype", "S.erfcx(h)", "S.i1(b).dtype", "S.xlog1py(x,i)", "torch.xlogy(i,i)",
    "torch.logaddexp2(i,i)", "torch.gcd(i,6)", "torch.gcd(x,x)", "torch.gcd(b,b)", "torch.gcd(i,i)", "torch.lcm(i,i)",
    "torch.nextafter(i,i)", "torch.frexp(x)", "torch.frexp(i)", "torch.ldexp(i,i)", "torch.float_power(i,2)", "torch.float_power(x,h).dtype",
    "torch.heaviside(x,d)", "torch.copysign(i,-1)", "torch.sgn(i)", "torch.angle(-i)", "torch.isposinf(i)", "torch.isreal(x)",
    "x.real is x", "torch.imag(x)", "x.char()", "torch.sinc(i).dtype", "S.hermite_polynomial_he(x,i)", "S.airy_ai(x.int()).dtype",
]  # fmt: skip


@pytest.mark.parametrize("source", SAME)
def test_types_and_errors(source) -> None:
    check_same(source, names, within=True)


def test_there_are_no_complex_tensors() -> None:
    for name in ("cdouble", "cfloat", "chalf"):
        with pytest.raises(NotImplementedError, match=f"{name}\\(\\): there are no complex tensors"):
            getattr(refnet.ones(2), name)()
