"""How far rounding may take a trajectory: as far as torch's own runs go, and no further.

Rounding errors grow along a trajectory, at a rate that depends on the model, the data and the optimizer. No constant
describes it, so it is measured. Over the same steps, from the same weights, with the same batches and the same masks,
torch runs

- at float64: the oracle t;
- at float32 as it comes, and in its variants: other kernels, other threads, another memory format;
- in Monte-Carlo arithmetic (`conformance.monte_carlo`): every rounding goes another way than torch's happens to go, and
  sums err as they may in any order: as in a tree in one run, as term by term in the next.

For a tensor x of a step let d(x) be the root mean square of x - t. The allowed distance is

    A = 8 max(d_1, ..., d_n over all runs and over all steps so far,  u rms(t))

and the same with the largest |x - t| and the largest |t| in place of the root mean squares; a candidate leaves when it is
outside in either. Why the running maximum: the distance of one run goes up and down (a gradient passes through zero, two
errors cancel), while the error that it has picked up stays with the parameters. Why 8 and why u rms(t): they are the
verdict's own constants. There, too, an error is held against the error of torch's legitimate variations, with a floor of
one rounding of the number itself, and a factor lambda = 8 which measured legitimate implementations stay under and faults
do not; a run is one draw from a distribution with heavy tails, and n runs are few.

Where torch's own runs disagree altogether (the sign of a gradient that is zero but for rounding, divided by its own size
in Adam's first step) the envelope is as wide as that disagreement. Where they agree bit for bit (counters) a candidate has
to agree to rounding, integers exactly. Batches and generator states are compared byte for byte.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from conformance.draw import Array
from conformance.scale import unit
from conformance.trajectory.run import EXACT, Key

LAMBDA = 8.0


@dataclass(slots=True)
class Row:
    """One tensor after one step. Distances are root mean squares, ratios the worse of the two norms."""

    step: int
    kind: str
    tensor: str
    distance: float  # of the candidate from torch at float64
    allowed: float
    ratio: float  # above 1 the candidate is outside
    torch: float  # the largest distance of torch's own runs so far
    magnitude: float  # of the tensor at float64
    problem: str = ""  # where there is no distance: missing, shape, dtype, not a number

    @property
    def outside(self) -> bool:
        """Whether the candidate has left the envelope here."""
        return self.ratio > 1


def distances(x: Array, truth: Array) -> tuple[float, float]:
    """The root mean square and the maximum of x - truth; infinite where only one of the two is not a number.

    >>> distances(numpy.array([1.0, 5.0]), numpy.array([1.0, 1.0]))[1]
    4.0
    """
    if truth.size == 0:
        return 0.0, 0.0
    with numpy.errstate(all="ignore"):
        difference = numpy.abs(numpy.asarray(x, numpy.float64) - truth)
        same = (x == truth) | (numpy.isnan(x) & numpy.isnan(truth))
    if not numpy.isfinite(difference).all():
        difference = numpy.where(same, 0.0, numpy.where(numpy.isnan(difference), numpy.inf, difference))
    largest = float(difference.max())
    return (_rms(difference), largest) if math.isfinite(largest) else (math.inf, math.inf)


def _rms(x: Array) -> float:
    flat = x.reshape(-1)
    return math.sqrt(float(numpy.dot(flat, flat)) / max(flat.size, 1))


class Envelope:
    """What torch's own runs have spread to, tensor by tensor."""

    def __init__(self) -> None:
        self._largest: dict[Key, tuple[float, float]] = {}

    def judge(
        self,
        step: int,
        key: Key,
        candidate: Array | None,
        truth: Array | None,
        reference: Array | None,
        own: Sequence[Array | None],
        *,
        any_dtype: bool = False,
    ) -> Row:
        """Hold the candidate's tensor against torch's: float64, float32 as it comes, and all runs of the envelope."""
        kind, name = key
        row = Row(step, kind, name, 0.0, 0.0, 0.0, 0.0, 0.0)
        if truth is None or reference is None or candidate is None:
            if not (truth is None and candidate is None):
                row.ratio, row.problem = math.inf, "missing" if candidate is None else "should not be there"
            return row
        if kind in EXACT or truth.dtype.kind not in "f":
            return _exact(row, candidate, reference, any_dtype)
        row.problem = _unlike(candidate, reference, any_dtype)
        if row.problem:
            row.ratio = math.inf
            return row
        truth = numpy.asarray(truth, numpy.float64)
        spread = [distances(x, truth) for x in own if x is not None and x.shape == truth.shape]
        largest = tuple(max(part) for part in zip(self._largest.get(key, (0.0, 0.0)), *spread, strict=True))
        self._largest[key] = (largest[0], largest[1])
        magnitudes = (_rms(truth), float(numpy.abs(truth).max(initial=0.0)))
        found = distances(candidate, truth)
        u, tiny = unit(reference.dtype), float(numpy.finfo(reference.dtype).smallest_subnormal)
        allowed = [
            LAMBDA * max(a, u * m if math.isfinite(m) else 0.0, tiny) for a, m in zip(largest, magnitudes, strict=True)
        ]
        row.distance, row.allowed, row.torch, row.magnitude = found[0], allowed[0], largest[0], magnitudes[0]
        row.ratio = max(0.0 if d <= tiny else d / a for d, a in zip(found, allowed, strict=True))
        if math.isnan(row.ratio):  # both infinite: torch's own runs overflow in different places
            row.ratio = 0.0
        if math.isinf(found[0]) and row.ratio > 1:
            row.problem = "not a number"
        return row


def _exact(row: Row, candidate: Array, reference: Array, any_dtype: bool) -> Row:
    """Number for number."""
    row.problem = _unlike(candidate, reference, any_dtype)
    if not row.problem:
        with numpy.errstate(all="ignore"):
            same = numpy.array_equal(candidate, reference)
        row.problem = "" if same else "not the same"
    row.ratio = math.inf if row.problem else 0.0
    return row


def _unlike(candidate: Array, reference: Array, any_dtype: bool) -> str:
    if candidate.shape != reference.shape:
        return f"shape {tuple(candidate.shape)}, torch's is {tuple(reference.shape)}"
    if candidate.dtype != reference.dtype and not any_dtype:
        return f"dtype {candidate.dtype}, torch's is {reference.dtype}"
    return ""
