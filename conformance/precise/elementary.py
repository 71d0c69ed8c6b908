"""Functions of one number on jets: each with its first and second derivative, written so that no digits cancel.

sigma is the logistic function, Phi and phi the normal distribution and its density.
"""

from collections.abc import Callable
from typing import Any

from conformance.precise.jet import Jet, Number, jet, mp

FAR = 1e9  # erf(1e9) differs from 1 after 10^17 digits
Rule = Callable[[Number], Number]
# name: (f, f', f''). `conformance/precise` has tests that compare the derivatives with mpmath's numerical ones.
TABLE: dict[str, tuple[Rule, Rule, Rule]] = {}


def _elementary(name: str, f: Rule, slope: Rule, curvature: Rule) -> Callable[[Any], Jet]:
    TABLE[name] = (f, slope, curvature)

    def on_jet(x: Any) -> Jet:
        given = jet(x)
        at = mp.mpf(given.x)
        if given.constant:
            return Jet(f(at))
        return given.chain(f(at), slope(at), curvature(at) if given.a and given.b else 0)

    return on_jet


def _sech2(x: Number) -> Number:
    return mp.sech(x) ** 2


def _sigma(x: Number) -> Number:
    return 1 / (1 + mp.exp(-x)) if x >= 0 else mp.exp(x) / (1 + mp.exp(x))


def _bell(x: Number) -> Number:
    """2 / sqrt(pi) e^(-x^2): the derivative of erf."""
    return 2 / mp.sqrt(mp.pi) * mp.exp(-x * x)


def _density(x: Number) -> Number:
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def _erfc(x: Number) -> Number:
    """mpmath counts terms of its series as a float, which overflows; so far out the leading term is all there is."""
    if abs(x) < FAR:
        return mp.erfc(x)
    return mp.exp(-x * x) / (x * mp.sqrt(mp.pi)) if x > 0 else mp.mpf(2)


def _erf(x: Number) -> Number:
    return mp.erf(x) if abs(x) < FAR else mp.sign(x)


def _distribution(x: Number) -> Number:
    return _erfc(-x / mp.sqrt(2)) / 2


def _root(x: Number) -> Number:
    """The square root of a number that has a real one."""
    if x < 0:
        raise ValueError(f"the square root of {x}")
    return mp.sqrt(x)


def _ln(x: Number) -> Number:
    if x < 0:
        raise ValueError(f"the logarithm of {x}")
    return mp.ln(x)


def _sinc(x: Number) -> Number:
    return mp.sincpi(x)


def _sinc_slope(x: Number) -> Number:
    return (mp.cospi(x) - mp.sincpi(x)) / x if x else mp.zero


def _sinc_curvature(x: Number) -> Number:
    return -(mp.pi**2) * mp.sincpi(x) - 2 * _sinc_slope(x) / x if x else -(mp.pi**2) / 3


def _inverse_density(x: Number) -> Number:
    """1 / erf'(erfinv(x)): the derivative of erfinv."""
    return 1 / _bell(mp.erfinv(x))


exp = _elementary("exp", mp.exp, mp.exp, mp.exp)
expm1 = _elementary("expm1", mp.expm1, mp.exp, mp.exp)
log = _elementary("log", _ln, lambda x: 1 / x, lambda x: -1 / x**2)
log1p = _elementary(
    "log1p", lambda x: mp.log1p(x) if x > -1 else _ln(1 + x), lambda x: 1 / (1 + x), lambda x: -1 / (1 + x) ** 2
)
sqrt = _elementary("sqrt", _root, lambda x: 1 / (2 * _root(x)), lambda x: -1 / (4 * x * _root(x)))

sin = _elementary("sin", mp.sin, mp.cos, lambda x: -mp.sin(x))
cos = _elementary("cos", mp.cos, lambda x: -mp.sin(x), lambda x: -mp.cos(x))
tan = _elementary("tan", mp.tan, lambda x: mp.sec(x) ** 2, lambda x: 2 * mp.tan(x) * mp.sec(x) ** 2)
sinc = _elementary("sinc", _sinc, _sinc_slope, _sinc_curvature)
asin = _elementary("asin", mp.asin, lambda x: 1 / _root((1 - x) * (1 + x)), lambda x: x / _root((1 - x) * (1 + x)) ** 3)
acos = _elementary(
    "acos", mp.acos, lambda x: -1 / _root((1 - x) * (1 + x)), lambda x: -x / _root((1 - x) * (1 + x)) ** 3
)
atan = _elementary("atan", mp.atan, lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2)

sinh = _elementary("sinh", mp.sinh, mp.cosh, mp.sinh)
cosh = _elementary("cosh", mp.cosh, mp.sinh, mp.cosh)
tanh = _elementary("tanh", mp.tanh, _sech2, lambda x: -2 * mp.tanh(x) * _sech2(x))
asinh = _elementary("asinh", mp.asinh, lambda x: 1 / mp.sqrt(1 + x * x), lambda x: -x / mp.sqrt(1 + x * x) ** 3)
acosh = _elementary(
    "acosh", mp.acosh, lambda x: 1 / _root((x - 1) * (x + 1)), lambda x: -x / _root((x - 1) * (x + 1)) ** 3
)
atanh = _elementary("atanh", mp.atanh, lambda x: 1 / ((1 - x) * (1 + x)), lambda x: 2 * x / ((1 - x) * (1 + x)) ** 2)

sigmoid = _elementary(
    "sigmoid",
    _sigma,
    lambda x: _sigma(x) * _sigma(-x),
    lambda x: -_sigma(x) * _sigma(-x) * mp.tanh(x / 2),
)
softplus = _elementary(  # log(1 + e^x)
    "softplus",
    lambda x: mp.log1p(mp.exp(x)) if x < 0 else x + mp.log1p(mp.exp(-x)),
    _sigma,
    lambda x: _sigma(x) * _sigma(-x),
)
erf = _elementary("erf", _erf, _bell, lambda x: -2 * x * _bell(x))
erfc = _elementary("erfc", _erfc, lambda x: -_bell(x), lambda x: 2 * x * _bell(x))
erfinv = _elementary("erfinv", mp.erfinv, _inverse_density, lambda x: 2 * mp.erfinv(x) * _inverse_density(x) ** 2)
normal_distribution = _elementary("normal_distribution", _distribution, _density, lambda x: -x * _density(x))
lgamma = _elementary(
    "lgamma",
    lambda x: mp.ln(abs(mp.gamma(x))) if abs(x) < 10 else mp.re(mp.loggamma(x)),
    lambda x: mp.psi(0, x),
    lambda x: mp.psi(1, x),
)
digamma = _elementary("digamma", lambda x: mp.psi(0, x), lambda x: mp.psi(1, x), lambda x: mp.psi(2, x))


def polygamma(x: Any, n: int) -> Jet:
    """The n-th derivative of digamma."""
    given = jet(x)
    at = mp.mpf(given.x)
    if given.constant:
        return Jet(mp.psi(n, at))
    return given.chain(mp.psi(n, at), mp.psi(n + 1, at), mp.psi(n + 2, at) if given.a and given.b else 0)


def incomplete_gamma(x: Any, a: Number, *, upper: bool) -> Jet:
    """The share of the gamma distribution of shape a below x, or above."""
    given, a = jet(x), mp.mpf(a)
    at = mp.mpf(given.x)
    share = mp.gammainc(a, at, mp.inf, regularized=True) if upper else mp.gammainc(a, 0, at, regularized=True)
    if given.constant:
        return Jet(share)
    slope = (-1 if upper else 1) * mp.exp((a - 1) * mp.ln(at) - at - mp.loggamma(a))
    return given.chain(share, slope, slope * ((a - 1) / at - 1) if given.a and given.b else 0)


def power(x: Any, n: Number) -> Jet:
    """x^n for a fixed n: any x where n is whole, positive x otherwise; torch has no slope for n = 0."""
    given = jet(x)
    at = mp.mpf(given.x)
    if at < 0 and n != mp.floor(n):
        raise ValueError(f"{at} to the power of {n}")

    def term(factor: Number, exponent: Number) -> Number:
        return factor * mp.power(at, exponent) if factor else mp.zero

    if given.constant:
        return Jet(mp.power(at, n))
    return given.chain(mp.power(at, n), term(n, n - 1), term(n * (n - 1), n - 2) if given.a and given.b else 0)
