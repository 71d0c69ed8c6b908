"""Bessel functions, of integer order 0 and 1, and Airy's.

J and Y are the ordinary ones of the first and second kind, I and K the modified ones; scaled means times e^-|x| for I
and e^x for K. torch has gradients of i0, i0e, i1 and i1e only, and so has this file. The numbers are scipy's, computed
in float64 whatever the type, and rounded once.
"""

from typing import Any

from refnet import _dtype
from refnet._ops._limited import Full
from refnet._ops._pointwise import Floating
from refnet._ops._scipy import airy, in_double, rounded, widened
from refnet._ops.piecewise import where

Array = Any


@Floating
def i0(xp: Any, x: Array) -> Array:
    """out = I0(x)        dL/dx = g I1(x)

    >>> import refnet
    >>> refnet.i0(refnet.tensor([0.0, 1.0]))
    tensor([1.0000, 1.2661])
    """
    return in_double(xp, "i0", x)


@Floating
def i0e(xp: Any, x: Array) -> Array:
    """out = e^-|x| I0(x)        dL/dx = g (i1e(x) - sign(x) out)"""
    return in_double(xp, "i0e", x)


@Floating
def i1(xp: Any, x: Array) -> Array:
    """out = I1(x)        dL/dx = g (I0(x) - out / x), g / 2 at 0"""
    return in_double(xp, "i1", x)


@Floating
def i1e(xp: Any, x: Array) -> Array:
    """out = e^-|x| I1(x)        dL/dx = g (i0e(x) - out (sign(x) + 1 / x)), g / 2 at 0"""
    return in_double(xp, "i1e", x)


def _off_zero(x: Any) -> tuple[Any, Any]:
    """Where x is more than rounding away from 0, and x with 1 in the other places, for a quotient that is not used."""
    far = x.abs() > _dtype.finfo(x.dtype).eps
    return far, where(far, x, 1)


def _i1_rule(g: Any, x: Any, out: Any) -> Any:
    far, divisor = _off_zero(x)
    return g * where(far, i0(divisor) - out / divisor, 0.5)


def _i1e_rule(g: Any, x: Any, out: Any) -> Any:
    far, divisor = _off_zero(x)
    return g * where(far, i0e(divisor) - out * (divisor.sign() + divisor.reciprocal()), 0.5)


i0.vjp(x=lambda g, x: g * i1(x))
i0e.vjp(x=lambda g, x, out: g * (i1e(x) - x.sign() * out))
i1.vjp(x=_i1_rule)
i1e.vjp(x=_i1e_rule)


# --- without gradients --------------------------------------------------------------------------------------------


@Full
def bessel_j0(xp: Any, x: Array) -> Array:
    """out = J0(x)

    >>> import refnet
    >>> refnet.special.bessel_j0(refnet.tensor([0.0, 1.0]))
    tensor([1.0000, 0.7652])
    """
    return in_double(xp, "j0", x)


@Full
def bessel_j1(xp: Any, x: Array) -> Array:
    """out = J1(x)"""
    return in_double(xp, "j1", x)


@Full
def bessel_y0(xp: Any, x: Array) -> Array:
    """out = Y0(x), -inf at 0, nan below"""
    return in_double(xp, "y0", x)


@Full
def bessel_y1(xp: Any, x: Array) -> Array:
    """out = Y1(x), -inf at 0, nan below"""
    return in_double(xp, "y1", x)


@Full
def modified_bessel_i0(xp: Any, x: Array) -> Array:
    """out = I0(x); without a gradient, which `i0` has"""
    return in_double(xp, "i0", x)


@Full
def modified_bessel_i1(xp: Any, x: Array) -> Array:
    """out = I1(x); without a gradient, which `i1` has"""
    return in_double(xp, "i1", x)


@Full
def modified_bessel_k0(xp: Any, x: Array) -> Array:
    """out = K0(x), inf at 0, nan below"""
    return in_double(xp, "k0", x)


@Full
def modified_bessel_k1(xp: Any, x: Array) -> Array:
    """out = K1(x), inf at 0, nan below"""
    return in_double(xp, "k1", x)


@Full
def scaled_modified_bessel_k0(xp: Any, x: Array) -> Array:
    """out = e^x K0(x), inf at 0, nan below"""
    return in_double(xp, "k0e", x)


@Full
def scaled_modified_bessel_k1(xp: Any, x: Array) -> Array:
    """out = e^x K1(x), inf at 0, nan below"""
    return in_double(xp, "k1e", x)


@Full
def spherical_bessel_j0(xp: Any, x: Array) -> Array:
    """out = sin(x) / x, 1 at 0, 0 at the infinities

    >>> import refnet
    >>> refnet.special.spherical_bessel_j0(refnet.tensor([0.0, 1.0]))
    tensor([1.0000, 0.8415])
    """
    wide = widened(xp, x)
    ratio = xp.where(xp.isinf(wide), 0, xp.sin(wide) / xp.where(wide == 0, 1, wide))
    return rounded(xp, xp.where(wide == 0, 1, ratio), x)


@Full
def airy_ai(xp: Any, x: Array) -> Array:
    """out = Ai(x), nan at the infinities as in torch

    cupy has no such function: numbers on a GPU go to the host and back, and the host waits for them.

    >>> import refnet
    >>> refnet.special.airy_ai(refnet.tensor([0.0, 1.0]))
    tensor([0.3550, 0.1353])
    """
    wide = widened(xp, x)
    return rounded(xp, xp.where(xp.isinf(wide), xp.nan, airy(xp, wide)), x)
