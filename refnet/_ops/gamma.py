"""The gamma function and its relatives: its logarithm and derivatives, incomplete and multivariate forms, zeta.

The numbers are scipy's, computed in float64 whatever the type, and rounded once.
"""

import math
from typing import Any

import numpy

from refnet import _dtype
from refnet._check import check
from refnet._ops._args import expect_tensor, into
from refnet._ops._limited import Full, Unconverted, no_rule
from refnet._ops._pointwise import Floating
from refnet._ops._scipy import in_double, rounded, special, widened
from refnet._ops.exponential import exp, log

Array = Any


@Floating
def lgamma(xp: Any, x: Array) -> Array:
    """out = ln |gamma(x)|, +inf at 0, -1, -2, ...        dL/dx = g digamma(x)

    >>> import refnet
    >>> refnet.lgamma(refnet.tensor([1.0, 3.0, 0.5]))
    tensor([0.0000, 0.6931, 0.5724])
    """
    return xp.where(xp.isinf(x), xp.inf, in_double(xp, "gammaln", x)).astype(x.dtype, copy=False)


@Floating
def digamma(xp: Any, x: Array) -> Array:
    """out = the derivative of ln gamma(x); nan at -1, -2, ..., -inf at 0, +inf at -0        dL/dx = g polygamma(1, x)

    >>> import refnet
    >>> refnet.digamma(refnet.tensor([1.0, 0.5]))
    tensor([-0.5772, -1.9635])
    """
    return in_double(xp, "psi", x)


@Floating
def _polygamma(xp: Any, x: Array, *, n: int) -> Array:
    """out = the n-th derivative of digamma x, (-1)^(n+1) n! zeta(n + 1, x)        dL/dx = g polygamma(n + 1, x)"""
    if n == 0:
        return in_double(xp, "psi", x)
    if n == 1:
        return rounded(xp, _trigamma(xp, widened(xp, x)), x)
    factor = math.copysign(float(special(numpy).gamma(n + 1.0)), 1 if n % 2 else -1)
    return rounded(xp, factor * special(xp).zeta(n + 1.0, widened(xp, x)), x)


def _trigamma(xp: Any, x: Array) -> Array:
    """zeta(2, x), and below 1/2 by reflection: pi^2 / sin^2(pi x) - zeta(2, 1 - x).

    At the poles 0, -1, ... the sine is not quite 0, so that the result is large, not infinite, as in torch.
    """
    left = x < 0.5
    right = special(xp).zeta(2.0, xp.where(left, 1 - x, x))
    beyond = x - xp.rint(x)  # the same sine, to more digits
    sine = xp.sin(math.pi * xp.where(beyond == 0, x, beyond))
    return xp.where(left, xp.square(math.pi / sine) - right, right)


lgamma.vjp(x=lambda g, x: g * digamma(x))
digamma.vjp(x=lambda g, x: g * _polygamma(x, n=1))
_polygamma.vjp(x=lambda g, x, n: g * _polygamma(x, n=n + 1))


def polygamma(n: int, input: Any, *, out: Any = None) -> Any:
    """The n-th derivative of digamma(input), n >= 0.

    >>> import refnet
    >>> refnet.polygamma(1, refnet.tensor([1.0, 0.5]))
    tensor([1.6449, 4.9348])
    """
    check(
        isinstance(n, int) and not isinstance(n, bool),
        lambda: f"polygamma(): argument 'n' (position 1) must be int, not {type(n).__name__}",
        TypeError,
    )
    expect_tensor(input, "polygamma", position=2)
    check(n >= 0, lambda: f"polygamma(n, x) does not support negative n, got n = {n}.")
    return into(out, _polygamma(input, n=n), "polygamma")


def mvlgamma(input: Any, p: int, *, out: Any = None) -> Any:
    """The multivariate log-gamma function of dimension p: ln(pi) p (p - 1) / 4 + sum_j lgamma(input - j / 2), j < p.

    >>> import refnet
    >>> refnet.mvlgamma(refnet.tensor([2.0, 3.0]), 2)
    tensor([0.4516, 1.5502])
    """
    expect_tensor(input, "mvlgamma")
    check(
        isinstance(p, int) and not isinstance(p, bool),
        lambda: f"mvlgamma(): argument 'p' (position 2) must be int, not {type(p).__name__}",
        TypeError,
    )
    check(input.dtype is not _dtype.bool_, lambda: "The input tensor may not be a boolean tensor.")
    check(p >= 1, lambda: f"p has to be greater than or equal to 1, got {p}")
    x = input if input.is_floating_point() else input.to(_dtype.get_default_dtype())
    halves = x.new_tensor([0.5 * (j - p + 1) for j in range(p)])
    result = lgamma(x.unsqueeze(-1) + halves).sum(-1) + p * (p - 1) / 4 * math.log(math.pi)
    return into(out, result, "mvlgamma")


@Unconverted
def igamma(xp: Any, a: Array, x: Array) -> Array:
    """out = the integral of t^(a-1) e^-t from 0 to x, over gamma(a)        dL/dx = g x^(a-1) e^-x / gamma(a)

    There is no rule for a, as in torch.

    >>> import refnet
    >>> refnet.igamma(refnet.tensor([4.0]), refnet.tensor([3.0]))
    tensor([0.3528])
    """
    return in_double(xp, "gammainc", a, x)


@Unconverted
def igammac(xp: Any, a: Array, x: Array) -> Array:
    """out = 1 - igamma(a, x), without cancellation        dL/dx = -g x^(a-1) e^-x / gamma(a)"""
    return in_double(xp, "gammaincc", a, x)


def _density(a: Any, x: Any) -> Any:
    """x^(a-1) e^-x / gamma(a)."""
    return exp((a - 1) * log(x) - x - lgamma(a))


igamma.vjp(a=no_rule("igamma: input"), x=lambda g, a, x: g * _density(a, x))
igammac.vjp(a=no_rule("igammac: input"), x=lambda g, a, x: g * -_density(a, x))


@Full
def zeta(xp: Any, x: Array, q: Array) -> Array:
    """out = sum_k (k + q)^-x over k = 0, 1, ..., Hurwitz's zeta function        dL/dq = -g x zeta(x + 1, q)

    There is no rule for x, as in torch.

    >>> import refnet
    >>> refnet.special.zeta(refnet.tensor([2.0, 4.0]), 1)
    tensor([1.6449, 1.0823])
    """
    return in_double(xp, "zeta", x, q)


zeta.vjp(x=no_rule("zeta"), q=lambda g, x, q: g * -(x * zeta(x + 1, q)))
