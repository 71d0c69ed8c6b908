"""Special functions under torch.special's names."""

from refnet._ops.bessel import airy_ai as airy_ai
from refnet._ops.bessel import bessel_j0 as bessel_j0
from refnet._ops.bessel import bessel_j1 as bessel_j1
from refnet._ops.bessel import bessel_y0 as bessel_y0
from refnet._ops.bessel import bessel_y1 as bessel_y1
from refnet._ops.bessel import i0 as i0
from refnet._ops.bessel import i0e as i0e
from refnet._ops.bessel import i1 as i1
from refnet._ops.bessel import i1e as i1e
from refnet._ops.bessel import modified_bessel_i0 as modified_bessel_i0
from refnet._ops.bessel import modified_bessel_i1 as modified_bessel_i1
from refnet._ops.bessel import modified_bessel_k0 as modified_bessel_k0
from refnet._ops.bessel import modified_bessel_k1 as modified_bessel_k1
from refnet._ops.bessel import scaled_modified_bessel_k0 as scaled_modified_bessel_k0
from refnet._ops.bessel import scaled_modified_bessel_k1 as scaled_modified_bessel_k1
from refnet._ops.bessel import spherical_bessel_j0 as spherical_bessel_j0
from refnet._ops.entropy import entr as entr
from refnet._ops.entropy import xlog1py as xlog1py
from refnet._ops.entropy import xlogy as xlogy
from refnet._ops.gamma import digamma as digamma
from refnet._ops.gamma import digamma as psi
from refnet._ops.gamma import igamma as gammainc
from refnet._ops.gamma import igammac as gammaincc
from refnet._ops.gamma import lgamma as gammaln
from refnet._ops.gamma import mvlgamma as multigammaln
from refnet._ops.gamma import polygamma as polygamma
from refnet._ops.gamma import zeta as zeta
from refnet._ops.pointwise import exp2 as exp2
from refnet._ops.pointwise import expm1 as expm1
from refnet._ops.pointwise import log1p as log1p
from refnet._ops.pointwise import logit as logit
from refnet._ops.pointwise import round as round
from refnet._ops.pointwise import sigmoid as expit
from refnet._ops.polynomial import chebyshev_polynomial_t as chebyshev_polynomial_t
from refnet._ops.polynomial import chebyshev_polynomial_u as chebyshev_polynomial_u
from refnet._ops.polynomial import chebyshev_polynomial_v as chebyshev_polynomial_v
from refnet._ops.polynomial import chebyshev_polynomial_w as chebyshev_polynomial_w
from refnet._ops.polynomial import hermite_polynomial_h as hermite_polynomial_h
from refnet._ops.polynomial import hermite_polynomial_he as hermite_polynomial_he
from refnet._ops.polynomial import laguerre_polynomial_l as laguerre_polynomial_l
from refnet._ops.polynomial import legendre_polynomial_p as legendre_polynomial_p
from refnet._ops.polynomial import shifted_chebyshev_polynomial_t as shifted_chebyshev_polynomial_t
from refnet._ops.polynomial import shifted_chebyshev_polynomial_u as shifted_chebyshev_polynomial_u
from refnet._ops.polynomial import shifted_chebyshev_polynomial_v as shifted_chebyshev_polynomial_v
from refnet._ops.polynomial import shifted_chebyshev_polynomial_w as shifted_chebyshev_polynomial_w
from refnet._ops.reduce import logsumexp as logsumexp
from refnet._ops.softmax import log_softmax as log_softmax
from refnet._ops.softmax import softmax as softmax
from refnet._ops.special import erf as erf
from refnet._ops.special import erfc as erfc
from refnet._ops.special import erfcx as erfcx
from refnet._ops.special import erfinv as erfinv
from refnet._ops.special import log_ndtr as log_ndtr
from refnet._ops.special import ndtr as ndtr
from refnet._ops.special import ndtri as ndtri
from refnet._ops.special import sinc as sinc

__all__ = [
    "airy_ai",
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "chebyshev_polynomial_v",
    "chebyshev_polynomial_w",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
    "sinc",
    "softmax",
    "spherical_bessel_j0",
    "xlog1py",
    "xlogy",
    "zeta",
]
