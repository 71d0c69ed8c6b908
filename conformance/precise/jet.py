"""Numbers of many digits that carry derivatives along two directions.

A jet stands for x + a s + b t + ab s t, where s^2 = t^2 = 0: what a function makes of it is its value, its derivatives
along the two directions, and the mixed second derivative. So one formula gives

    the output f(x),    d f(x)[e_j],    d^2 f(x)[v, e_j]

and with cotangents c the gradient <c, d f[e_j]> and the second order <c, d^2 f[v, e_j]> with no rule of its own.

A comparison of jets compares their values, so a branch is differentiated as it stands: where torch has a rule at a
kink, the formula says on which side the kink lies.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import mpmath

WIDEST = 20_000  # bits of an exact sum
Number = Any  # mpmath's mpf, or a Python number that stands for itself
mp = mpmath.MPContext()  # a context of our own: whoever else uses mpmath keeps their digits


class Jet:
    """x + a s + b t + ab s t."""

    __slots__ = ("a", "ab", "b", "x")

    def __init__(self, x: Number, a: Number = 0, b: Number = 0, ab: Number = 0) -> None:
        self.x, self.a, self.b, self.ab = x, a, b, ab

    def __repr__(self) -> str:
        return f"Jet({self.x}, {self.a}, {self.b}, {self.ab})"

    @property
    def constant(self) -> bool:
        """Whether it carries no derivatives."""
        return not (self.a or self.b or self.ab)

    def __neg__(self) -> "Jet":
        return Jet(-self.x, -self.a, -self.b, -self.ab)

    def __add__(self, other: Any) -> "Jet":
        y = jet(other)
        return Jet(self.x + y.x, self.a + y.a, self.b + y.b, self.ab + y.ab)

    def __sub__(self, other: Any) -> "Jet":
        y = jet(other)
        return Jet(self.x - y.x, self.a - y.a, self.b - y.b, self.ab - y.ab)

    def __mul__(self, other: Any) -> "Jet":
        y = jet(other)
        if self.constant and y.constant:
            return Jet(self.x * y.x)
        return Jet(
            self.x * y.x,
            self.a * y.x + self.x * y.a,
            self.b * y.x + self.x * y.b,
            self.ab * y.x + self.a * y.b + self.b * y.a + self.x * y.ab,
        )

    def __truediv__(self, other: Any) -> "Jet":
        y = jet(other)
        return Jet(self.x / y.x) if self.constant and y.constant else self * y.chain(*_reciprocal(y.x))

    def __radd__(self, other: Any) -> "Jet":
        return jet(other) + self

    def __rsub__(self, other: Any) -> "Jet":
        return jet(other) - self

    def __rmul__(self, other: Any) -> "Jet":
        return jet(other) * self

    def __rtruediv__(self, other: Any) -> "Jet":
        return jet(other) / self

    def __lt__(self, other: Any) -> bool:
        return bool(self.x < jet(other).x)

    def __le__(self, other: Any) -> bool:
        return bool(self.x <= jet(other).x)

    def __gt__(self, other: Any) -> bool:
        return bool(self.x > jet(other).x)

    def __ge__(self, other: Any) -> bool:
        return bool(self.x >= jet(other).x)

    def chain(self, value: Number, slope: Number, curvature: Number) -> "Jet":
        """The jet of f(x), from f, f' and f'' at x.

        f(x + a s + b t + ab s t) = f + f' a s + f' b t + (f' ab + f'' a b) s t
        """
        return Jet(value, slope * self.a, slope * self.b, slope * self.ab + curvature * self.a * self.b)


def jet(number: Any) -> Jet:
    """The number as a jet that carries no derivatives."""
    return number if isinstance(number, Jet) else Jet(exactly(number))


def exactly(number: Any) -> Number:
    """A Python number without rounding."""
    return mp.mpf(number) if isinstance(number, float) else number


def _reciprocal(x: Number) -> tuple[Number, Number, Number]:
    y = mp.one / x
    return y, -y * y, 2 * y * y * y


def chain2(
    x: Jet, y: Jet, value: Number, slopes: tuple[Number, Number], curvatures: tuple[Number, Number, Number]
) -> Jet:
    """The jet of f(x, y), from f, (f_x, f_y) and (f_xx, f_xy, f_yy)."""
    (fx, fy), (fxx, fxy, fyy) = slopes, curvatures
    return Jet(
        value,
        fx * x.a + fy * y.a,
        fx * x.b + fy * y.b,
        fx * x.ab + fy * y.ab + fxx * x.a * x.b + fxy * (x.a * y.b + x.b * y.a) + fyy * y.a * y.b,
    )


def total(jets: Iterable[Jet]) -> Jet:
    """The sum, rounded once.

    >>> float(total([Jet(1e300), Jet(1.0), Jet(-1e300)]).x)
    1.0
    """
    terms = list(jets)
    return Jet(*(exact_sum([getattr(term, part) for term in terms]) for part in ("x", "a", "b", "ab")))


def exact_sum(numbers: Sequence[Number]) -> Number:
    """The sum as a whole number times a power of two, rounded once; mpmath's own sum drops what is far below the rest.

    Beyond float64's range of exponents, where the whole number would be too long, it is mpmath's after all.
    """
    parts = [(number._mpf_ if isinstance(number, mp.mpf) else mp.mpf(number)._mpf_) for number in numbers if number]
    if not parts:
        return mp.zero
    low = min(exponent for _, _, exponent, _ in parts)
    finite = all(mantissa for _, mantissa, _, _ in parts)
    if not finite or max(exponent for _, _, exponent, _ in parts) - low > WIDEST:
        return mp.fsum(numbers)
    whole = sum((-mantissa if sign else mantissa) << (exponent - low) for sign, mantissa, exponent, _ in parts)
    return +mp.ldexp(whole, low)


def dot(xs: Sequence[Jet], ys: Sequence[Jet]) -> Jet:
    """The sum of products of two sequences."""
    if all(x.constant and y.constant for x, y in zip(xs, ys, strict=True)):
        return Jet(exact_sum([mp.fmul(x.x, y.x, exact=True) for x, y in zip(xs, ys, strict=True)]))
    return total(x * y for x, y in zip(xs, ys, strict=True))


def mean(jets: Sequence[Jet]) -> Jet:
    """The sum over the number of terms."""
    return total(jets) / len(jets)


Formula = Callable[..., Jet]
