"""Scales of error: how far from the oracle rounding can carry an element, and where a function jumps.

    t   the oracle: torch at float64 on the upcast inputs
    u   half the distance from 1 to the next number: 2^-24 for float32
    E   torch's own error, rms over inputs moved by a few representable steps
    D   how far t moves when every input moves inside its own rounding interval: conditioning
    M   how far t moves when every operation on the way is rounded at random (`monte_carlo.py`)
    Q   the error of adding the terms of the element one after the other at the dtype (`naive_sum_error`)
    N   as M, with every sum on the way added term after term; tried last, as it costs most

    A^2 = (u t)^2 + (E^2 + e^2 S^2) / 2 + M^2 + eta^2,    S^2 = D^2 + M^2 + (u t)^2,    e^2 = median of E^2 / S^2
    B^2 = A^2 + D^2 + Q^2 + N^2

The median over the tensor lifts the elements where torch was lucky.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import ml_dtypes
import numpy

from conformance.draw import Array

JUMP = 32.0  # a gap between values that is so many times wider than four out of five of them
STRATUM = 2.0**12  # numbers within this factor of each other belong together


@dataclass(frozen=True)
class Scale:
    """What the probes of a case say about one tensor."""

    error: Array  # E
    conditioning: Array  # D
    arithmetic: Array | float = 0.0  # M
    jumps: Mapping[int, Array] = field(default_factory=dict)  # flat index: the values on the branches, sorted
    slope: float = 0.0  # rms over the probes behind D and M of `slope_of`: factors that rounding explains

    def times(self, factor: float) -> "Scale":
        """For a type that rounds so many times more finely. Jumps do not scale: they are left out."""
        e, d, m = (numpy.asarray(part, numpy.float64) for part in (self.error, self.conditioning, self.arithmetic))
        return Scale(e * factor, d * factor, m * factor, slope=self.slope * factor)

    def finite(self, where: Array) -> "Scale":
        """With zeros outside `where`, and for scales that are not finite themselves."""

        def cleaned(part: Array | float) -> Array:
            return numpy.where(where, numpy.nan_to_num(numpy.asarray(part, numpy.float64), nan=0.0, posinf=0.0), 0.0)

        return Scale(cleaned(self.error), cleaned(self.conditioning), cleaned(self.arithmetic), self.jumps, self.slope)


def unit(dtype: Any) -> float:
    """u: the largest relative error of rounding to the dtype."""
    return float(ml_dtypes.finfo(dtype).eps) / 2


def working_unit(dtype: Any) -> float:
    """u of the type that operations compute in: float32 for the half types."""
    return min(unit(dtype), unit(numpy.float32))


def smallest_normal(dtype: Any) -> float:
    """Below this a number of the dtype is subnormal."""
    return float(ml_dtypes.finfo(dtype).smallest_normal)


def typical_ratio(truth: Array, scale: Scale, dtype: Any) -> float:
    """e^2: the median of E^2 / S^2 over the tensor."""
    with numpy.errstate(all="ignore"):
        spread = scale.conditioning**2 + scale.arithmetic**2 + (unit(dtype) * truth) ** 2
        known = (scale.error**2 / spread)[spread > 0]
    return float(numpy.median(known)) if known.size else 0.0


def allowed_scale(truth: Array, scale: Scale, dtype: Any) -> Array:
    """A, element by element."""
    with numpy.errstate(all="ignore"):
        floor = (unit(dtype) * truth) ** 2
        spread = scale.conditioning**2 + scale.arithmetic**2 + floor
        eta = float(ml_dtypes.finfo(dtype).smallest_subnormal)
        lifted = (scale.error**2 + typical_ratio(truth, scale, dtype) * spread) / 2
        return numpy.sqrt(floor + lifted + scale.arithmetic**2 + eta**2)


# --- jumps ---------------------------------------------------------------------------------------------------------


def find_jumps(samples: Sequence[Array], u: float) -> dict[int, Array]:
    """Elements whose values under small disturbances fall into separate clusters: near ties, kinks, rounding steps.

    `samples` are float64 results of the same tensor. An element jumps when a gap between its sorted values is wider
    than 32 times the gap that four out of five of them do not exceed, and than 64 u |t|, with two values or more on
    either side: a single one may be an outlier of noise with heavy tails.

    >>> smooth = [numpy.array([1.0 + 1e-8 * k, 2.0]) for k in range(10)]
    >>> find_jumps(smooth, 2.0**-24)
    {}
    >>> split = [numpy.array([1.0 if k % 3 else -1.0, 2.0]) for k in range(10)]
    >>> list(find_jumps(split, 2.0**-24))
    [0]
    """
    stacked = numpy.sort(numpy.stack([numpy.asarray(s, numpy.float64).reshape(-1) for s in samples]), axis=0)
    with numpy.errstate(all="ignore"):
        gaps = numpy.diff(stacked, axis=0)
        common = numpy.quantile(gaps, 0.8, axis=0)
        wide = gaps[1:-1].max(axis=0, initial=0.0) > JUMP * common + 64 * u * numpy.abs(stacked).max(axis=0)
    wide &= numpy.isfinite(stacked).all(axis=0)
    return {int(i): stacked[:, i].copy() for i in numpy.flatnonzero(wide)}


def real_jumps(jumps: Mapping[int, Array], halves: Sequence[Array], u: float) -> dict[int, Array]:
    """The jumps that stay where inputs move half as far.

    Where a function is steep and arithmetic quiet, moved inputs lie far from the other probes without a jump: half way
    lies between them. A jump leaves its gap empty: no such value is in the middle half of it.

    >>> steep = {0: numpy.repeat([1.0, 9.0], [8, 2])}
    >>> real_jumps(steep, [numpy.array([5.0])], 2.0**-24), list(real_jumps(steep, [numpy.array([9.0])], 2.0**-24))
    ({}, [0])
    """
    found = {}
    for place, values in jumps.items():
        between = numpy.asarray([float(half.reshape(-1)[place]) for half in halves])
        for before, after in pairwise(branches(values, u)):
            quarter = (after[0] - before[-1]) / 4
            if not ((between > before[-1] + quarter) & (between < after[0] - quarter)).any():
                found[place] = values
    return found


def branches(values: Array, u: float) -> list[Array]:
    """The clusters of sorted values, cut at every jump.

    >>> branches(numpy.repeat([0.0, 5.0], [8, 2]), 2.0**-24)
    [array([0., 0., 0., 0., 0., 0., 0., 0.]), array([5., 5.])]
    """
    gaps = numpy.diff(values)
    cuts = numpy.flatnonzero(gaps > JUMP * numpy.quantile(gaps, 0.8) + 64 * u * numpy.abs(values).max())
    return numpy.split(values, cuts[(cuts > 0) & (cuts < values.size - 2)] + 1)


def passed_over(values: Array, reference: float, u: float, noise: float) -> bool:
    """Whether rounding hides the jump: torch's value is off by more than branches are apart, and by no more than `noise`.

    Where terms cancel to nothing, branches are what float64 leaves of them, far below what the dtype leaves.

    >>> cancelled = numpy.repeat([-1e-16, 5e-15], [8, 2])
    >>> passed_over(cancelled, 1e-7, 2.0**-24, noise=1e-5), passed_over(1e8 * cancelled, 1e-7, 2.0**-24, noise=1e-5)
    (True, False)
    """
    found = branches(values, u)
    off = min(_outside(reference, branch) for branch in found)
    return off <= noise and all(float(after[0] - before[-1]) < off for before, after in pairwise(found))


def distance_to_branch(
    value: float, values: Array, reference: float, ratio: float, u: float, noise: float = 0.0
) -> float:
    """How far the value is from the nearest branch, in units of the error on that branch; torch's value is one too.

    On a branch A is sqrt((1 + e^2 / 2) ((u v)^2 + s^2)), s the spread of the branch's own values, e^2 = `ratio`. Terms
    that cancel on a branch leave neither v nor s, but rounding: as much as torch's value is off its branch counts as s,
    up to `noise`, and where branches are 32 times farther apart than that: otherwise torch stands on one of its own.

    >>> round(distance_to_branch(-2e-7, numpy.repeat([0.0, 5.0], [8, 2]), 1e-7, 0.0, 2.0**-24, noise=1e-6), 3)
    2.0
    >>> distance_to_branch(2e-6, numpy.repeat([0.0, 1e-6], [8, 2]), 1.4e-6, 0.0, 2.0**-24, noise=1e-3) > 8
    True
    """
    found = branches(values, u)
    off = min(_outside(reference, branch) for branch in found)
    apart = min((float(after[0] - before[-1]) for before, after in pairwise(found)), default=0.0)
    off = off if off <= min(noise, apart / JUMP) else 0.0
    best = numpy.inf
    for branch in [*found, numpy.asarray([reference])]:
        outside = _outside(value, branch)
        if outside == 0.0:
            return 0.0
        top = max(abs(float(branch[0])), abs(float(branch[-1])))
        squared = (u * top) ** 2 + float(numpy.var(branch)) + off**2
        best = min(best, outside / max(float(numpy.sqrt((1 + ratio / 2) * squared)), 5e-324))
    return float(best)


def _outside(value: float, branch: Array) -> float:
    return max(float(branch[0]) - value, value - float(branch[-1]), 0.0)


# --- grade B -------------------------------------------------------------------------------------------------------


def naive_sum_error(terms: Array, dtype: Any) -> float:
    """Q: the rms error of adding the terms one after the other, over four orders.

    Every partial sum p_k is rounded by up to u |p_k|: the errors add up to u / sqrt(3) sqrt(sum of p_k^2). The half
    types are added at float32: nobody adds in less.

    >>> naive_sum_error(numpy.ones(300), numpy.float32) / 2.0**-24 > 1000
    True
    """
    if terms.size < 2:
        return 0.0
    rng = numpy.random.default_rng(0)
    with numpy.errstate(all="ignore"):
        orders = (terms, terms[::-1], rng.permutation(terms), rng.permutation(terms))
        squares = [float(numpy.sum(numpy.cumsum(order, dtype=numpy.float64)[1:] ** 2)) for order in orders]
        found = working_unit(dtype) * math.sqrt(sum(squares) / (3 * len(orders)))
    return found if math.isfinite(found) else 0.0


def slope_of(difference: Array, truth: Array) -> tuple[float, float]:
    """By what factor the differences grow with the value, whatever a few elements do: the median of (c - t) / t, and
    its standard error.
    """
    use = (truth != 0) & numpy.isfinite(difference) & numpy.isfinite(truth)
    if not use.any():
        return 0.0, 0.0
    with numpy.errstate(all="ignore"):
        ratios = difference[use] / truth[use]
        slope = float(numpy.median(ratios))
        spread = 1.48 * float(numpy.median(numpy.abs(ratios - slope)))  # a standard deviation, for normal noise
    return slope, 1.25 * spread / math.sqrt(ratios.size)


def isolated(z: Array, limit: float) -> bool:
    """Whether a few elements stand apart from the rest: a factor-4 gap in the sorted z, or under 1% of the elements
    above the limit with the worst above three times the limit.

    Only gaps above z = 1 count: below, everything is as good as torch.
    """
    ordered = numpy.sort(z[numpy.isfinite(z)])
    high = numpy.maximum(ordered, 1.0)
    gap = bool((high[1:] > 4 * high[:-1]).any())
    few = 0 < (ordered > limit).mean() < 0.01 and ordered[-1] > 3 * limit
    return gap or bool(few)


def normwise(error: Array, truth: Array, wrong: Array, u: float, limit: float) -> bool:
    """Whether the failing elements are small ones that lost relative accuracy beside larger ones.

    Each is held against the largest number of its own stratum, the elements at most 2^12 times larger: against the
    largest of a tensor with a huge dynamic range anything would look small.
    """
    magnitudes = numpy.sort(numpy.abs(truth[numpy.isfinite(truth)]))
    small = numpy.abs(truth[wrong])
    top = numpy.searchsorted(magnitudes, STRATUM * small, side="right") - 1
    return bool((error[wrong] <= limit * u * magnitudes[numpy.maximum(top, 0)]).all())
