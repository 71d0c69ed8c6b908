"""Derivatives along a line by differences that choose their step and estimate their own error.

Central differences D(h) = (f(h) - f(-h)) / 2h err by a series in h^2, one-sided ones by a series in h. With steps that
halve, Neville's scheme takes one power after the other away:

    T(k, 0) = D(h_k),    T(k, m) = T(k, m-1) + (T(k, m-1) - T(k-1, m-1)) / (2^(p m) - 1),    p = 2 or 1

Two successive columns say how far an entry still is from the limit, the rounding of f divided by h how far it can be
trusted; the entry for which the sum is least is the answer, and the sum its error. A kink or a jump away from 0 spoils
only the entries whose steps reach it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy

from conformance.draw import Array

LARGEST_STEP = 2.0**-3
FIRST_STEPS = 8  # down to 2^-10
ALL_STEPS = 18  # down to 2^-20
ROUGHNESS_STEPS = (2.0**-16, 2.0**-26)
ENOUGH = 1e-9  # an error this small against the scale needs no smaller steps
EPS = float(numpy.finfo(numpy.float64).eps)


@dataclass(frozen=True)
class Estimate:
    """A limit, and how far it may be off."""

    value: float
    error: float

    def differs(self, other: "Estimate", safety: float = 10.0) -> bool:
        """Whether the two cannot be the same number."""
        return abs(self.value - other.value) > safety * (self.error + other.error)


NOTHING = Estimate(math.nan, math.inf)


def extrapolate(quotients: Sequence[float], noises: Sequence[float], power: int) -> Estimate:
    """The limit of difference quotients at steps that halve; `noises`: how much rounding may be in each.

    >>> found = extrapolate([math.sinh(h) / h for h in (0.5, 0.25, 0.125, 0.0625)], [1e-16] * 4, 2)
    >>> abs(found.value - 1) < found.error < 1e-7
    True
    """
    best = NOTHING
    amplified = 2.0 if power == 2 else 8.0  # what the scheme makes of the rounding in its entries
    above: list[float] = []
    for quotient, noise in zip(quotients, noises, strict=True):
        row = [quotient]
        for m in range(1, len(above) + 1):
            row.append(row[m - 1] + (row[m - 1] - above[m - 1]) / (2.0 ** (power * m) - 1))
            error = max(abs(row[m] - row[m - 1]), abs(row[m] - above[m - 1])) + amplified * noise
            if error < best.error:
                best = Estimate(row[m], error)
        above = row
    return best


class Line:
    """f along a line: `terms(h)` are the float64 terms whose sum is f(h). Each place is evaluated once.

    `scale` is the size of the derivative that matters, `jitter` the part of f's noise that its size does not tell.
    """

    def __init__(self, terms: Callable[[float], Array], scale: float = 0.0, jitter: float = 0.0) -> None:
        self._terms = terms
        self._cache: dict[float, Array] = {}
        self._scale = scale
        self._jitter = jitter

    def terms(self, h: float) -> Array:
        """The terms of f(h)."""
        if h not in self._cache:
            self._cache[h] = numpy.asarray(self._terms(h), dtype=numpy.float64).reshape(-1)
        return self._cache[h]

    @property
    def noise(self) -> float:
        """How much rounding may be in a difference of two values of f."""
        return EPS * float(numpy.linalg.norm(self.terms(0.0))) + self._jitter

    def measured(self) -> "Line":
        """The same line with the noise that f shows: a rounded intermediate result may be larger than f itself.

        Of nine values at tiny steps, a smooth f leaves nothing in the fourth differences, independent errors of size s
        leave s sqrt(70).
        """
        worst = self._jitter
        for step in ROUGHNESS_STEPS:
            rows = [self.terms(k * step) for k in range(-4, 5)]
            values = [math.fsum(row - self.terms(0.0)) if row.shape == rows[4].shape else math.nan for row in rows]
            left = numpy.diff(values, 4)
            worst = max(worst, float(numpy.sqrt(numpy.mean(left**2) / 70)))
        found = Line(self._terms, self._scale, worst)
        found._cache = self._cache
        return found

    @cached_property
    def central(self) -> Estimate:
        """The derivative at 0, from both sides."""
        return self._limit(lambda h: (self.terms(h), self.terms(-h), 2 * h), 2)

    @cached_property
    def forward(self) -> Estimate:
        """The derivative at 0 from the right."""
        return self._limit(lambda h: (self.terms(h), self.terms(0.0), h), 1)

    @cached_property
    def backward(self) -> Estimate:
        """The derivative at 0 from the left."""
        return self._limit(lambda h: (self.terms(0.0), self.terms(-h), h), 1)

    def _limit(self, pair: Callable[[float], tuple[Array, Array, float]], power: int) -> Estimate:
        best = NOTHING
        quotients: list[float] = []
        noises: list[float] = []
        for k in range(ALL_STEPS):
            left, right, width = pair(LARGEST_STEP * 2.0**-k)
            with numpy.errstate(all="ignore"):
                gaps = left - right if left.shape == right.shape else numpy.full(1, numpy.nan)
            if not numpy.isfinite(gaps).all():  # this step leaves the domain, and so do larger ones
                quotients, noises = [], []
                continue
            quotients.append(math.fsum(gaps) / width)
            noises.append(self.noise / width)
            if k + 1 >= FIRST_STEPS:
                best = extrapolate(quotients, noises, power)
                if best.error <= ENOUGH * max(self._scale, abs(best.value)):
                    return best
        return best
