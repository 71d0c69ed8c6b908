"""What timings say, and how sure it is: medians of paired ratios, and the exponent of a scaling law.

Times on a shared machine have no useful distribution: a run is slow when a neighbour is busy. Two times taken one right
after the other share that, so their *ratio* is looked at, pair by pair; the median of the ratios ignores the pairs that a
neighbour hit in one half only, and the bootstrap needs no distribution to say how far that median could have fallen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from conformance.draw import Array

CONFIDENCE = 0.95
DRAWS = 2000  # resamples of the bootstrap: its own error is then a fiftieth of the interval


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95% confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def median_ratio(numerator: Array, denominator: Array, rng: numpy.random.Generator) -> Interval:
    """The median of numerator / denominator, pair by pair, with its percentile-bootstrap interval.

    ValueError for times that are not paired.
    """
    if len(numerator) != len(denominator) or not len(numerator):
        raise ValueError(f"expected pairs of times, got {len(numerator)} and {len(denominator)}")
    ratios = numpy.asarray(numerator, dtype=numpy.float64) / numpy.asarray(denominator, dtype=numpy.float64)
    again = ratios[rng.integers(0, len(ratios), (DRAWS, len(ratios)))]
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = numpy.percentile(numpy.median(again, axis=1), [tail, 100 - tail])
    return Interval(float(numpy.median(ratios)), float(low), float(high))


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> Interval:
    """k of seconds ~ sizes^k: the least-squares slope of log against log, with its t interval.

    The interval holds what keeps the points off a line: noise, and that no machine follows one law over all sizes. With
    two points there is a slope and no interval. ValueError for fewer than two different sizes.

    >>> exponent([1, 2, 4, 8], [3.0, 6.0, 12.0, 24.0])
    Interval(value=1.0, low=1.0, high=1.0)
    """
    x, y = numpy.log2(numpy.asarray(sizes, dtype=float)), numpy.log2(numpy.asarray(seconds, dtype=float))
    spread = float(((x - x.mean()) ** 2).sum())
    if spread == 0:
        raise ValueError(f"expected at least two different sizes, got {list(sizes)}")
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread
    freedom = len(x) - 2
    if freedom == 0:
        return Interval(slope, -math.inf, math.inf)
    residue = y - y.mean() - slope * (x - x.mean())
    error = math.sqrt(float((residue**2).sum()) / freedom / spread)
    return Interval(slope, slope - _student(freedom) * error, slope + _student(freedom) * error)


def _student(freedom: int) -> float:
    """The 97.5% quantile of Student's t; beyond the table by its expansion in 1 / freedom."""
    table = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
    if freedom <= len(table):
        return table[freedom - 1]
    z = 1.959964
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def geometric_mean(values: Sequence[float]) -> float:
    """The mean of ratios: the reciprocal ratios have the reciprocal mean.

    >>> geometric_mean([0.5, 2.0])
    1.0
    """
    return math.exp(sum(map(math.log, values)) / len(values)) if len(values) else math.nan
