"""Orthogonal polynomials, by their recurrences: Chebyshev's four kinds, Hermite's two, Laguerre's, Legendre's.

Each takes a point x and a degree n, elementwise; a degree is rounded towards zero, and of a negative one the polynomial
is 0. Shifted means at 2 x - 1. As in torch there are no gradients, and Chebyshev polynomials of high degree are computed
inside (-1, 1) from their trigonometric form, in theta = arccos x. Computed in float64 and rounded once.
"""

from collections.abc import Callable
from typing import Any

from refnet._ops._limited import Full
from refnet._ops._scipy import rounded, widened

Array = Any

_HIGH = 8  # above this degree the trigonometric form is used
_LOOK = 32  # so many steps of a recurrence are taken before it is asked again whether all have overflowed
_ENDLESS = 2**62  # a degree above it is not reached
_MOST = {"float32": 128, "float64": 512}  # the highest degree of a Hermite polynomial; beyond it is nan


def _operands(xp: Any, x: Array, n: Array) -> tuple[Array, Array]:
    """x and the whole degree n, as float64 arrays of one shape; a degree that is nan counts as negative."""
    x, n = xp.broadcast_arrays(widened(xp, x), widened(xp, n))
    return x, xp.where(xp.isnan(n), -1, xp.trunc(n))


def _recur(xp: Any, n: Array, second: Array, step: Callable[[int, Array, Array], Array]) -> Array:
    """q_n where q_0 = 1, q_1 = second, q_(k+1) = step(k, q_k, q_(k-1)); 0 where n < 0, nan after an overflow."""
    before, last = xp.ones_like(second), second
    out = xp.where(n < 0, 0, xp.where(n == 0, before, last))
    highest = int(xp.clip(n, None, _ENDLESS).max()) if n.size else 0
    k = 1
    while k < highest:
        if k % _LOOK == 0 and not xp.any((n > k) & ~xp.isnan(last)):
            break
        before, last = last, step(k, last, before)
        k += 1
        out = xp.where(n == k, last, out)
    return xp.where((n > k) & xp.isnan(last), xp.nan, out)


def _chebyshev(
    xp: Any, x: Array, n: Array, second: Array, form: Callable[[Array], Array], at_one: Array, at_minus_one: Array
) -> Array:
    """q_(k+1) = 2 x q_k - q_(k-1) from q_0 = 1, q_1 = second; form(theta) inside (-1, 1); at +-1 the known values.

    At -1 the sign alternates with n.
    """
    inside, end = (xp.abs(x) < 1) & (n > _HIGH), xp.abs(x) == 1
    loop = _recur(xp, xp.where(inside | end, xp.minimum(n, 0), n), second, lambda k, q, p: 2 * x * q - p)
    inner = xp.where(inside, form(xp.arccos(xp.where(inside, x, 0.5))), loop)
    left = xp.where(n % 2 == 0, at_minus_one, -at_minus_one)
    return xp.where(end & (n >= 0), xp.where(x > 0, at_one, left), inner)


def _first_kind(xp: Any, x: Array, n: Array) -> Array:
    one = xp.ones_like(n)
    return _chebyshev(xp, x, n, x, lambda theta: xp.cos(n * theta), one, one)


def _second_kind(xp: Any, x: Array, n: Array) -> Array:
    form = lambda theta: xp.sin((n + 1) * theta) / xp.sin(theta)
    return _chebyshev(xp, x, n, 2 * x, form, n + 1, n + 1)


def _third_kind(xp: Any, x: Array, n: Array) -> Array:
    form = lambda theta: xp.cos((n + 0.5) * theta) / xp.cos(theta / 2)
    return _chebyshev(xp, x, n, 2 * x - 1, form, xp.ones_like(n), 2 * n + 1)


def _fourth_kind(xp: Any, x: Array, n: Array) -> Array:
    form = lambda theta: xp.sin((n + 0.5) * theta) / xp.sin(theta / 2)
    return _chebyshev(xp, x, n, 2 * x + 1, form, 2 * n + 1, xp.ones_like(n))


def _of_chebyshev(kind: Callable[..., Array], xp: Any, x: Array, n: Array, *, shifted: bool = False) -> Array:
    at, degree = _operands(xp, x, n)
    return rounded(xp, kind(xp, 2 * at - 1 if shifted else at, degree), x, n)


@Full
def chebyshev_polynomial_t(xp: Any, x: Array, n: Array) -> Array:
    """out = T_n(x): 1, x, 2 x^2 - 1, ...; cos(n theta)

    >>> import refnet
    >>> refnet.special.chebyshev_polynomial_t(refnet.tensor([0.5, 2.0]), 2)
    tensor([-0.5000,  7.0000])
    """
    return _of_chebyshev(_first_kind, xp, x, n)


@Full
def chebyshev_polynomial_u(xp: Any, x: Array, n: Array) -> Array:
    """out = U_n(x): 1, 2 x, 4 x^2 - 1, ...; sin((n + 1) theta) / sin theta"""
    return _of_chebyshev(_second_kind, xp, x, n)


@Full
def chebyshev_polynomial_v(xp: Any, x: Array, n: Array) -> Array:
    """out = V_n(x): 1, 2 x - 1, ...; cos((n + 1/2) theta) / cos(theta / 2)"""
    return _of_chebyshev(_third_kind, xp, x, n)


@Full
def chebyshev_polynomial_w(xp: Any, x: Array, n: Array) -> Array:
    """out = W_n(x): 1, 2 x + 1, ...; sin((n + 1/2) theta) / sin(theta / 2)"""
    return _of_chebyshev(_fourth_kind, xp, x, n)


@Full
def shifted_chebyshev_polynomial_t(xp: Any, x: Array, n: Array) -> Array:
    """out = T_n(2 x - 1)"""
    return _of_chebyshev(_first_kind, xp, x, n, shifted=True)


@Full
def shifted_chebyshev_polynomial_u(xp: Any, x: Array, n: Array) -> Array:
    """out = U_n(2 x - 1)"""
    return _of_chebyshev(_second_kind, xp, x, n, shifted=True)


@Full
def shifted_chebyshev_polynomial_v(xp: Any, x: Array, n: Array) -> Array:
    """out = V_n(2 x - 1)"""
    return _of_chebyshev(_third_kind, xp, x, n, shifted=True)


@Full
def shifted_chebyshev_polynomial_w(xp: Any, x: Array, n: Array) -> Array:
    """out = W_n(2 x - 1)"""
    return _of_chebyshev(_fourth_kind, xp, x, n, shifted=True)


def _of_hermite(
    xp: Any, x: Array, n: Array, second: Callable[[Array], Array], step: Callable[[Array, int, Array, Array], Array]
) -> Array:
    at, degree = _operands(xp, x, n)
    most = _MOST[str(xp.result_type(x, n))]
    known = _recur(xp, xp.minimum(degree, most), second(at), lambda k, q, p: step(at, k, q, p))
    return rounded(xp, xp.where(degree > most, xp.nan, known), x, n)


@Full
def hermite_polynomial_h(xp: Any, x: Array, n: Array) -> Array:
    """out = H_n(x), the physicist's: 1, 2 x, 4 x^2 - 2, ...; H_(k+1) = 2 x H_k - 2 k H_(k-1)"""
    return _of_hermite(xp, x, n, lambda x: 2 * x, lambda x, k, q, p: 2 * x * q - 2 * k * p)


@Full
def hermite_polynomial_he(xp: Any, x: Array, n: Array) -> Array:
    """out = He_n(x), the probabilist's: 1, x, x^2 - 1, ...; He_(k+1) = x He_k - k He_(k-1)"""
    return _of_hermite(xp, x, n, lambda x: x, lambda x, k, q, p: x * q - k * p)


@Full
def laguerre_polynomial_l(xp: Any, x: Array, n: Array) -> Array:
    """out = L_n(x): 1, 1 - x, ...; (k + 1) L_(k+1) = (2 k + 1 - x) L_k - k L_(k-1)

    >>> import refnet
    >>> refnet.special.laguerre_polynomial_l(refnet.tensor([0.0, 2.0]), 2)
    tensor([ 1., -1.])
    """
    at, degree = _operands(xp, x, n)
    zero = (at == 0) & (degree >= 0)  # 1 whatever the degree
    step = lambda k, q, p: ((2 * k + (1 - at)) * q - k * p) / (k + 1)
    return rounded(xp, xp.where(zero, 1, _recur(xp, xp.where(zero, 0, degree), 1 - at, step)), x, n)


@Full
def legendre_polynomial_p(xp: Any, x: Array, n: Array) -> Array:
    """out = P_n(x): 1, x, (3 x^2 - 1) / 2, ...; (k + 1) P_(k+1) = (2 k + 1) x P_k - k P_(k-1)

    >>> import refnet
    >>> refnet.special.legendre_polynomial_p(refnet.tensor([0.5, 1.0]), 2)
    tensor([-0.1250,  1.0000])
    """
    at, degree = _operands(xp, x, n)
    end = (xp.abs(at) == 1) & (degree >= 0)  # 1, or -1 for odd degrees at -1
    value = xp.where((at > 0) | (degree % 2 == 0), 1, -1)
    step = lambda k, q, p: ((2 * k + 1) * at * q - k * p) / (k + 1)
    return rounded(xp, xp.where(end, value, _recur(xp, xp.where(end, 0, degree), at, step)), x, n)
