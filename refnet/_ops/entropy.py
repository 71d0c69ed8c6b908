"""Logarithms of sums and products with logarithms, with their limits where the logarithm is infinite."""

from typing import Any

from refnet._ops._limited import Unconverted
from refnet._ops._pointwise import Floating
from refnet._ops.comparison import eq, le, logical_and
from refnet._ops.exponential import log, power
from refnet._ops.piecewise import where

Array = Any


@Unconverted
def logaddexp2(xp: Any, x: Array, y: Array) -> Array:
    """out = log2(2^x + 2^y)        dL/dx = g / (1 + 2^(y - x))        dL/dy = g / (1 + 2^(x - y))

    >>> import refnet
    >>> refnet.logaddexp2(refnet.tensor([1.0, 1000.0]), refnet.tensor([1.0, 1000.0]))
    tensor([   2., 1001.])
    """
    return xp.logaddexp2(x, y)


logaddexp2.vjp(
    x=lambda g, x, y: g / (power(2.0, y - x) + 1),
    y=lambda g, x, y: g / (power(2.0, x - y) + 1),
)


@Floating
def xlogy(xp: Any, x: Array, y: Array) -> Array:
    """out = x ln y, 0 where x = 0, nan where y is        dL/dx = g ln y, 0 where x = 0 and y <= 0        dL/dy = g x / y

    >>> import refnet
    >>> refnet.xlogy(refnet.tensor([0.0, 1.0, 2.0]), refnet.tensor([0.0, 0.0, 3.0]))
    tensor([0.0000,   -inf, 2.1972])
    """
    return _times_logarithm(xp, x, y, xp.log)


@Floating
def xlog1py(xp: Any, x: Array, y: Array) -> Array:
    """out = x ln(1 + y), 0 where x = 0, nan where y is

    dL/dx = g ln(1 + y), 0 where x = 0 and y <= -1        dL/dy = g x / (1 + y)
    """
    return _times_logarithm(xp, x, y, xp.log1p)


def _times_logarithm(xp: Any, x: Any, y: Any, logarithm: Any) -> Array:
    """x logarithm(y), 0 where x = 0, nan where y is; one of x and y may be a number."""
    kind = next(operand.dtype for operand in (x, y) if hasattr(operand, "dtype"))
    x = x if hasattr(x, "dtype") else xp.full((), x, kind)
    y = y if hasattr(y, "dtype") else xp.full((), y, "float64")
    return xp.where(xp.isnan(y), xp.nan, xp.where(x == 0, 0, x * logarithm(y))).astype(kind, copy=False)


def _factor_rule(logarithm: Any, edge: float, g: Any, x: Any, y: Any) -> Any:
    """g ln(...), and 0 where x = 0 and y is on the edge of the logarithm's domain or outside."""
    outside = eq(x, 0)
    if hasattr(y, "dtype"):
        outside = logical_and(outside, le(y, edge))
    elif y > edge:
        return logarithm(g, y)
    return where(outside, 0.0, logarithm(g, y))


xlogy.vjp(x=lambda g, x, y: _factor_rule(xlogy, 0, g, x, y), y=lambda g, x, y: g * (x / y))
xlog1py.vjp(x=lambda g, x, y: _factor_rule(xlog1py, -1, g, x, y), y=lambda g, x, y: g * (x / (y + 1)))


@Floating
def entr(xp: Any, x: Array) -> Array:
    """out = -x ln x, 0 at 0, -inf below        dL/dx = -g (1 + ln x)

    >>> import refnet
    >>> refnet.special.entr(refnet.tensor([-1.0, 0.0, 0.5]))
    tensor([  -inf, 0.0000, 0.3466])
    """
    inner = xp.where(x > 0, -x * xp.log(x), xp.where(x == 0, 0, -xp.inf))
    return xp.where(xp.isnan(x), x, inner).astype(x.dtype, copy=False)


entr.vjp(x=lambda g, x: g * -(log(x) + 1))
