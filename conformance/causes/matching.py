"""Whether a guess explains the candidate's numbers, in bits.

A guess v explains a candidate c when |c - v| is within a few roundings on nearly all elements, and much less than
|c - t| on the failing ones. Each distinct failing element is then worth log2(|c - t| / |c - v|) bits, up to the digits
of the dtype: the odds that a wrong number lands so close to v by chance are 1 to 2^bits. What the guess chose in order
to fit (a factor, one alternative of many) costs bits. From `ENOUGH` on it is no coincidence.
"""

import math
from dataclasses import dataclass

import numpy

from conformance.causes.evidence import Evidence, Guess, distance, rms
from conformance.draw import Array

ENOUGH = 12.0
NEARLY_ALL = 0.95  # of the elements lie within a few roundings of the guess
MOST = 0.9  # of the failing elements come at least CLOSER times closer
CLOSER = 4.0
COVERED = 0.5  # of the failing elements have to be spoken of
CLASS_BITS = 12.0  # a NaN or an infinity where the guess has one, and the truth none
LARGE = 2**14  # elements; of more than these a part is looked at first
FEW = 2  # with so few distinct elements the sentence says so


@dataclass(frozen=True)
class Match:
    """How strongly a guess explains the candidate; 0 bits where it does not."""

    bits: float = 0.0
    elements: int = 0  # distinct failing elements that tell


def match(guess: Guess, evidence: Evidence) -> Match:
    """How strongly the guess explains the candidate's numbers."""
    c = evidence.c if guess.seen is None else guess.seen
    v = numpy.asarray(guess.value).astype(numpy.float64)
    if v.shape != c.shape or not c.size:
        return Match()
    if c.size > LARGE and not _likely(c, v, guess, evidence):
        return Match()
    spoken = numpy.ones(c.shape, dtype=bool) if guess.silent is None else ~guess.silent
    error = distance(c, v)
    side_by_side = guess.seen is None and evidence.comparable
    failing = evidence.failing if side_by_side else numpy.ones(c.shape, dtype=bool)
    telling = failing & spoken
    if not telling.any() or telling.sum() < COVERED * failing.sum():
        return Match()
    if (error <= _allowed(v, evidence))[spoken].mean() < NEARLY_ALL:
        return Match()
    typical = _typical_distance(v)
    before = distance(c, evidence.t) if side_by_side else typical
    before = numpy.where(numpy.isinf(before) & numpy.isfinite(c) & numpy.isfinite(v), typical, before)
    if (CLOSER * error <= before)[telling].mean() < MOST:
        return Match()
    other = evidence.t if side_by_side else v
    return _weigh(c[telling], v[telling], other[telling], error[telling], before[telling], evidence, guess.bits)


def _likely(c: Array, v: Array, guess: Guess, evidence: Evidence) -> bool:
    """A look at some elements of a large tensor, which settles most guesses."""
    step = c.size // LARGE | 1  # odd: not in step with the rows
    some, value = c.reshape(-1)[::step], v.reshape(-1)[::step]
    near = distance(some, value) <= _allowed(value, evidence)
    if guess.silent is not None:
        near |= numpy.broadcast_to(guess.silent, c.shape).reshape(-1)[::step]
    return bool(near.mean() > NEARLY_ALL / 2)


def _allowed(v: Array, evidence: Evidence) -> Array:
    """A few roundings of each element, and a few times what torch itself is off, on the scale of the tensor."""
    if not evidence.floating:
        return numpy.zeros(v.shape)
    roundings = 8.0 if evidence.u < 2.0**-20 else 2.0  # half precision is mostly rounded once, at the end
    size, torch_off = evidence.sizes
    relative = torch_off / (size or 1.0)
    largest = max(rms(v), size if evidence.comparable else 0.0)  # what cancels leaves rounding of its size
    allowed = roundings * (evidence.u * numpy.abs(v) + max(evidence.u, min(relative, 0.01)) * largest)
    return numpy.where(numpy.isfinite(v), allowed, 0.0)


def _typical_distance(v: Array) -> Array:
    """Without a truth to be far from: how far an element may be expected to lie from another."""
    finite = v[numpy.isfinite(v)]
    if finite.size == 0:
        return numpy.zeros(v.shape)
    spread = float(finite.max() - finite.min()) if finite.size > 1 else float(numpy.abs(finite).max())
    return numpy.full(v.shape, spread)


def _weigh(c: Array, v: Array, other: Array, error: Array, before: Array, evidence: Evidence, cost: float) -> Match:
    """The bits of the telling elements; elements with the same numbers count once, where numbers are continuous."""
    if not evidence.floating:
        every = numpy.concatenate([c, other])
        kinds = max(2.0, float(every.max() - every.min()) + 1)
        return Match(max(0.0, c.size * math.log2(kinds) - cost), c.size)
    pairs = numpy.stack([numpy.nan_to_num(c, nan=0.5), numpy.nan_to_num(other, nan=0.5)])
    _, first = numpy.unique(pairs, axis=1, return_index=True)
    v, other, error, before = v[first], other[first], error[first], before[first]
    with numpy.errstate(all="ignore"):
        finest = numpy.fmax(evidence.u * numpy.fmax(numpy.abs(v), numpy.abs(other)), 1e-320)
        gained = numpy.log2(before / numpy.maximum(error, finest))
    gained = numpy.where(numpy.isfinite(gained), numpy.clip(gained, 0.0, -math.log2(evidence.u)), 0.0)
    gained = numpy.where(numpy.isinf(before) & (error == 0), CLASS_BITS, gained)
    return Match(max(0.0, float(gained.sum()) - cost), len(first))
