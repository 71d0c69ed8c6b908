"""The verdict on one tensor: is a difference rounding, or a bug?

There is no tolerance per operation. The scale of the error that rounding explains comes, element by element, from the
operation and its data: A, what torch's own arithmetic and every sound way to compute the same have, and B, which adds
how ill-conditioned the element is and what adding its terms one by one loses (`scale.py`). With z = |c - t| / A:

- **A, as good as torch**: z <= 8.
- **B, within bound**: |c - t| <= 8 B, unless the excess is systematic (it grows with t: a wrong factor) or isolated
  (a few elements stand apart from the rest).
- otherwise **FAIL**.

Because A >= u |t|, whatever is within 8 u |t| passes without any scale. Only what does not settle asks its `Probes`.

At a jump (a near tie, a kink, a rounding step) the probes disagree by more than rounding: there the candidate must
match one of the branches that they found. Where torch at float64 saturates, the oracle is asked for more digits.

>>> import numpy
>>> t = numpy.array([1.0, 2.0, 1 / 3])
>>> decide(t.astype("float32"), t.astype("float32"), t).grade
'correctly-rounded'
>>> decide((t * 1.001).astype("float32"), t.astype("float32"), t).category
'bound'
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import ml_dtypes
import numpy

from conformance.draw import Array, is_floating
from conformance.scale import (
    Scale,
    allowed_scale,
    distance_to_branch,
    isolated,
    naive_sum_error,
    normwise,
    slope_of,
    smallest_normal,
    typical_ratio,
    unit,
)

LAMBDA = 8.0  # torch's own worst z was measured at 3.5, other legitimate implementations at 7.6
FEW = 16  # elements looked at one by one: their terms, their digits
CLOSER = 1.5  # a root mean square error so many times smaller is closer to the truth

EXACT = "exact"  # the oracle's own numbers
CORRECTLY_ROUNDED = "correctly-rounded"  # the closest number of the dtype, everywhere
AS_GOOD_AS_TORCH = "as-good-as-torch"
WITHIN_BOUND = "within-bound"
FLUSHED = "flushed"  # right, for one who takes subnormal inputs as zeros
FAIL = "FAIL"


class Probes(Protocol):
    """What a verdict may ask about a tensor: the further down, the costlier, and only when nothing else settles it."""

    def scale(self) -> Scale:
        """E, D, M and the jumps."""
        ...

    def digits(self, places: Sequence[int]) -> tuple[Array, Array] | None:
        """The elements at these flat indices in higher precision, as the sum of two float64; None: there is no way."""
        ...

    def one_by_one(self) -> Scale | None:
        """As `arithmetic` of a scale: N, how far the tensor moves when sums are added term after term."""
        ...

    def terms(self, place: int) -> list[Array]:
        """The terms (d out_i / d x_j) x_j of one element, an array for each input; empty: there is no way."""
        ...


@dataclass(frozen=True)
class Closeness:
    """Who is closer to the oracle, element by element and on the whole. Errors are in units of A (u |t| if unprobed)."""

    closer: float = math.nan  # share of elements where the candidate is
    farther: float = math.nan  # share where torch is; the rest are tied
    rms_z: float = math.nan
    torch_rms_z: float = math.nan
    torch_z: float = math.nan  # torch's worst

    @property
    def who(self) -> str:
        """candidate or torch, when its rms error is more than 1.5 times smaller; else tied."""
        if self.rms_z * CLOSER < self.torch_rms_z:
            return "candidate"
        return "torch" if self.torch_rms_z * CLOSER < self.rms_z else "tied"


@dataclass(frozen=True)
class Verdict:
    """What came of one comparison, with the worst element as evidence."""

    grade: str
    # Of a failure: bound, isolated, systematic, normwise, non-finite, structural-zero, shape, dtype, integer.
    # Of a pass, where there is something to know: subnormal, overflow-prone, discontinuity, ill-conditioned.
    category: str = ""
    message: str = ""
    index: tuple[int, ...] | None = None
    candidate: float = math.nan
    torch: float = math.nan
    oracle: float = math.nan
    z: float = math.nan  # |c - t| in units of the allowed scale A (of u |t| where no scale was needed)
    allowed: float = math.nan  # the largest |c - t| that passes at this element
    failing: int = 0  # elements that fail
    probed: bool = False  # whether the free screen left something open
    closeness: Closeness = Closeness()
    cause: str = ""  # of a failure, where one fits
    # Which elements fail; None where the arrays cannot even be laid side by side.
    wrong: Array | None = field(default=None, compare=False, repr=False)
    # Of what passes within the bound: for a look at several small outputs together.
    residue: "Residue | None" = field(default=None, compare=False, repr=False)

    @property
    def ok(self) -> bool:
        """Whether it passes."""
        return self.grade != FAIL

    def __str__(self) -> str:
        lines = [f"{self.grade}: {self.category}" if self.category else self.grade]
        lines += [self.message] if self.message else []
        if self.index is not None:
            lines.append(
                f"at {list(self.index)}: candidate {self.candidate!r}, torch {self.torch!r}, oracle {self.oracle!r}, "
                f"z = {self.z:.3g}, allowed error {self.allowed:.3g}"
            )
        lines += [f"likely cause: {self.cause}"] if self.cause else []
        near = self.closeness
        if near.rms_z == near.rms_z:
            lines.append(
                f"closer to the truth: {near.who} (rms z {near.rms_z:.2g}, torch {near.torch_rms_z:.2g}; closer in "
                f"{near.closer:.0%} of the elements, farther in {near.farther:.0%})"
            )
        return "\n".join(lines)


EXCESS = {
    "systematic": "are off by an amount that grows with the value: a factor, not rounding",
    "isolated": "stand apart from the others, which are as good as torch",
}


@dataclass(frozen=True)
class Residue:
    """What passes within the bound: where rounding errors of one tensor stand, for a look at them together."""

    difference: Array  # c - t
    truth: Array
    bound: Array  # B
    slope: float  # the factor between c - t and t that rounding explains


def unlike_rounding(residues: Sequence[Residue]) -> str:
    """Why differences within the bound are no rounding after all: systematic, isolated, or "" when they may be.

    Of several tensors together, such as the same small output of several samples.
    """
    parts = [(r.difference, r.truth, r.bound) for r in residues]
    difference, truth, bound = (numpy.concatenate(part) for part in zip(*parts, strict=True))
    if difference.size < FEW:
        return ""
    slope, doubt = slope_of(difference, truth)
    if abs(slope) > LAMBDA * max(r.slope for r in residues) + 4 * doubt:
        return "systematic"
    return "isolated" if isolated(numpy.abs(difference) / bound, LAMBDA) else ""


def decide(
    candidate: Array,
    reference: Array,
    truth: Array,
    probes: Probes | None = None,
    *,
    exact: bool = False,
    terms: int = 1,
) -> Verdict:
    """Judge the candidate's array beside torch's (`reference`) and the oracle's (`truth`, float64).

    Without `probes` torch's error on this very sample is all there is to go by. `exact` wants every element in torch's
    own class, signed zeros included. `terms` is the number of inputs that an output may sum up: it bounds what flushing
    subnormals to zero can do.
    """
    structure = _structure(candidate, reference)
    if structure is not None:
        return structure
    if candidate.size == 0:
        return Verdict(EXACT)
    if not is_floating(reference):
        return _integers(candidate, reference)
    with numpy.errstate(all="ignore"):
        return _Floats(candidate, reference, truth, probes or _Own(reference, truth), exact, terms).verdict()


def _structure(candidate: Array, reference: Array) -> Verdict | None:
    if candidate.shape != reference.shape:
        return Verdict(FAIL, "shape", f"shape {list(candidate.shape)}, but should be {list(reference.shape)}")
    if candidate.dtype != reference.dtype:
        return Verdict(FAIL, "dtype", f"dtype {candidate.dtype}, but should be {reference.dtype}")
    return None


def _integers(candidate: Array, reference: Array) -> Verdict:
    wrong = numpy.asarray(candidate != reference)
    if not wrong.any():
        return Verdict(EXACT)
    index = _first(wrong)
    mine, right = float(candidate[index]), float(reference[index])
    message = f"{int(wrong.sum())} of {wrong.size} elements differ; integers and booleans must be equal"
    count = int(wrong.sum())
    return Verdict(FAIL, "integer", message, index, mine, right, right, allowed=0.0, failing=count, wrong=wrong)


class _Own:
    """Without probes, torch's error on this very sample."""

    def __init__(self, reference: Array, truth: Array) -> None:
        self.error = numpy.abs(reference.astype(numpy.float64) - truth)

    def scale(self) -> Scale:
        return Scale(self.error, numpy.zeros_like(self.error))

    def digits(self, places: Sequence[int]) -> None:
        return None

    def one_by_one(self) -> None:
        return None

    def terms(self, place: int) -> list[Array]:
        return []


class _Floats:
    """The verdict on floating numbers, a stage after the other; each settles what it can."""

    def __init__(
        self, candidate: Array, reference: Array, truth: Array, probes: Probes, exact: bool, terms: int
    ) -> None:
        self.dtype = reference.dtype
        self.u = unit(self.dtype)
        self.c, self.r, self.t = (numpy.array(a, dtype=numpy.float64) for a in (candidate, reference, truth))
        self.rounded = numpy.asarray(truth).astype(self.dtype).astype(numpy.float64)
        self.probes, self.exact, self.terms = probes, exact, terms
        self.category = ""
        self.excused = numpy.zeros(self.c.shape, dtype=bool)  # overflow that the order of a sum decides

    def verdict(self) -> Verdict:
        other_class = self.classes()
        if other_class is not None:
            return other_class
        self.measure()
        return self.screened() or self.probed()

    # --- what is not a number ------------------------------------------------------------------------------------

    def classes(self) -> Verdict | None:
        """NaN and infinities stand where the oracle or torch has them."""
        if self.exact:
            smallest = smallest_normal(self.dtype)  # below it a flush to zero is no other class
            wrong = numpy.ones(self.c.shape, dtype=bool)
            for other in (self.r, self.rounded):
                wrong &= _signed_class(self.c, smallest) != _signed_class(other, smallest)
            if wrong.any():
                what = "are of another class than torch's and the oracle's (NaN, +-inf, +-0, finite)"
                return self.failure("non-finite", wrong, what)
        wrong = (_class(self.c) != _class(self.rounded)) & (_class(self.c) != _class(self.r))
        if wrong.any() and self.overflow_prone(wrong):
            self.excused, self.category = wrong, "overflow-prone"
            return None
        if wrong.any():
            return self.failure("non-finite", wrong, "are finite where torch is not, or the other way round")
        return None

    def overflow_prone(self, wrong: Array) -> bool:
        """Whether the order of adding decides: the candidate is not finite, and the terms' magnitudes pass the top."""
        if numpy.isfinite(self.c[wrong]).any():
            return False
        top = float(ml_dtypes.finfo(self.dtype).max)
        return all(self.magnitude_of_terms(int(place)) > top / 2 for place in numpy.flatnonzero(wrong)[:FEW])

    # --- numbers -------------------------------------------------------------------------------------------------

    def measure(self) -> None:
        """Errors, and z in units of u |t|. Only elements that are finite on all sides differ by a number."""
        self.finite = numpy.isfinite(self.c) & numpy.isfinite(self.t) & ~self.excused
        self.error = numpy.where(self.finite, numpy.abs(self.c - self.t), 0.0)
        self.magnitude = numpy.where(self.finite, numpy.abs(self.t), 0.0)
        eta = float(ml_dtypes.finfo(self.dtype).smallest_subnormal)
        self.a = numpy.where(self.magnitude > 0, numpy.maximum(self.u * self.magnitude, eta / 2), 0.0)
        self.z = numpy.where(self.error > 0, self.error / self.a, 0.0)

    def screened(self) -> Verdict | None:
        """What needs no scale: within 8 u |t| of the oracle."""
        self.settled = self.z <= LAMBDA
        grade = AS_GOOD_AS_TORCH
        if not self.error.any():
            grade = EXACT
        elif bool(((self.c == self.rounded) | ~self.finite).all()):
            grade = CORRECTLY_ROUNDED
        if grade is not AS_GOOD_AS_TORCH or self.settled.all():
            return self.passed(grade, self.z, probed=False)
        return None

    def probed(self) -> Verdict:
        """Screening has left something open: grade A, then B."""
        scale = self.probes.scale().finite(self.finite)
        self.jumps = scale.jumps
        self.rescale(scale)
        nothing = (self.magnitude == 0) & (scale.error == 0) & (scale.conditioning == 0) & self.finite
        self.cancelled = nothing & (numpy.asarray(scale.arithmetic) == 0) & (self.error > 0)
        if self.structural().any():
            self.z = self.error
            return self.failure("structural-zero", self.structural(), "must be exactly zero", numpy.zeros(self.c.shape))
        self.match_branches(scale)
        self.flushed = self.error <= self.flush()
        if self.wrong().any():
            self.more_digits(scale)
        if not self.wrong().any():
            return self.passed(AS_GOOD_AS_TORCH, numpy.where(self.flushed, 0.0, self.z), probed=True, scale=scale)
        return self.grade_b(scale)

    def structural(self) -> Array:
        """Zeros without terms: nothing cancels there, they are zeros by construction. Others are left to grade B."""
        places = numpy.flatnonzero(self.cancelled)
        places = places[numpy.argsort(-self.error.reshape(-1)[places], kind="stable")][:FEW]
        built = [place for place in places if not self.magnitude_of_terms(int(place))]
        found = numpy.zeros(self.c.size, dtype=bool)
        found[built] = True
        if len(built) == len(places):
            return self.cancelled
        return found.reshape(self.c.shape)

    def magnitude_of_terms(self, place: int) -> float:
        """The largest sum of |(d out_i / d x_j) x_j| over one input."""
        return max([0.0, *(float(numpy.abs(part).sum()) for part in self.probes.terms(place))])

    def rescale(self, scale: Scale) -> None:
        """z in units of A."""
        self.a = allowed_scale(self.magnitude, scale, self.dtype)
        self.z = self.error / self.a

    def wrong(self) -> Array:
        """The elements that are not as good as torch."""
        return (self.z > LAMBDA) & ~self.flushed & ~self.settled

    def match_branches(self, scale: Scale) -> None:
        """At a jump E and M hold the jump itself: what counts is the distance to the nearest branch."""
        ratio = typical_ratio(self.magnitude, scale, self.dtype)
        flat_z, c, r = self.z.reshape(-1), self.c.reshape(-1), self.r.reshape(-1)
        for place, values in scale.jumps.items():
            if not self.settled.reshape(-1)[place] and self.finite.reshape(-1)[place]:
                flat_z[place] = distance_to_branch(float(c[place]), values, float(r[place]), ratio, self.u)
                if flat_z[place] <= LAMBDA:
                    self.category = "discontinuity"

    def flush(self) -> float:
        """The error of flushing subnormals to zero in a sum. float16 needs its subnormals: none is flushed."""
        return 0.0 if self.dtype == numpy.float16 else math.sqrt(self.terms) * smallest_normal(self.dtype)

    def more_digits(self, scale: Scale) -> None:
        """The worst elements against an oracle with more digits: float64 itself saturates and cancels."""
        places = self.worst_places()
        found = self.probes.digits(places)
        if found is None:
            return
        high, low = (numpy.asarray(part, numpy.float64) for part in found)
        known = numpy.isfinite(high)
        places, high, low = (
            [place for place, is_known in zip(places, known, strict=True) if is_known],
            high[known],
            low[known],
        )
        t, error, magnitude = self.t.reshape(-1), self.error.reshape(-1), self.magnitude.reshape(-1)
        t[places] = high
        error[places] = numpy.abs((self.c.reshape(-1)[places] - high) - low)
        magnitude[places] = numpy.abs(high)
        jumping = {place: self.z.reshape(-1)[place] for place in self.jumps}
        self.rescale(scale)
        for place, z in jumping.items():
            self.z.reshape(-1)[place] = z
        self.flushed = self.error <= self.flush()

    def worst_places(self) -> list[int]:
        """Flat indices of the failing elements, the worst first, as many as are looked at one by one."""
        wrong = numpy.flatnonzero(self.wrong())
        order = numpy.argsort(-self.z.reshape(-1)[wrong], kind="stable")
        return [int(place) for place in wrong[order][:FEW]]

    # --- grade B -------------------------------------------------------------------------------------------------

    def grade_b(self, scale: Scale) -> Verdict:
        """Within the bound of what ill-conditioning and naive sums explain, and neither systematic nor isolated."""
        wrong, a = self.wrong(), self.a
        at_jump = numpy.zeros(self.c.shape, dtype=bool)
        at_jump.reshape(-1)[list(self.jumps)] = True
        naive = self.probes.one_by_one()
        n = numpy.zeros(self.c.shape) if naive is None else naive.finite(self.finite).arithmetic
        q = numpy.hypot(self.sums(), n)
        bound = numpy.sqrt(a**2 + numpy.asarray(scale.conditioning) ** 2 + q**2)
        in_b = numpy.where(at_jump, self.z, self.error / bound)  # at a jump a bound would hold the jump itself
        failing = wrong & (in_b > LAMBDA)
        allowed = LAMBDA * bound
        if failing.any():
            category, what = "bound", "are farther from the oracle than rounding explains"
            if (wrong & at_jump).any() and not (failing & ~at_jump).any():
                category, what = "discontinuity", "match no branch of a jump (a near tie, a kink)"
            elif normwise(self.error, numpy.where(self.finite, self.t, 0.0), failing, self.u, LAMBDA):
                category, what = "normwise", "are small and lost the accuracy that larger elements beside them kept"
            return self.failure(category, failing, what, allowed)
        use = self.finite & ~at_jump
        factor = float(numpy.median(q[wrong] / self.magnitude[wrong]))
        slope = math.hypot(self.u, scale.slope, factor if math.isfinite(factor) else 0.0)
        residue = Residue((self.c - self.t)[use], self.t[use], bound[use], slope)
        excess = unlike_rounding([residue])
        if excess:
            return self.failure(excess, wrong, EXCESS[excess], allowed)
        self.category = "ill-conditioned"
        return replace(self.passed(WITHIN_BOUND, self.z, probed=True), residue=residue)

    def sums(self) -> Array:
        """Q: exactly for the worst elements; for the others their median in units of A."""
        found = numpy.zeros(self.c.size)
        places = self.worst_places()
        found[places] = [max([0.0, *self.naive_errors(place)]) for place in places]
        others = numpy.setdiff1d(numpy.flatnonzero(self.wrong()), places)
        if others.size and places:
            found[others] = float(numpy.median(found[places] / self.a.reshape(-1)[places])) * self.a.reshape(-1)[others]
        return found.reshape(self.c.shape)

    def naive_errors(self, place: int) -> Iterator[float]:
        """Of the terms in each input. Where they cancel to nothing, an exact sum must not mean that no error is left."""
        cancelled = self.cancelled.reshape(-1)[place]
        for part in self.probes.terms(place):
            yield naive_sum_error(part, self.dtype)
            if cancelled:
                yield self.u * float(numpy.abs(part).sum())

    # --- results -------------------------------------------------------------------------------------------------

    def passed(self, grade: str, z: Array, *, probed: bool, scale: Scale | None = None) -> Verdict:
        index = _worst(z)
        category = self.category
        if not category and probed and bool((self.flushed & (self.z > LAMBDA)).any()):
            category = "subnormal"
        if not category and scale is not None and self.far(scale, index):
            category = "ill-conditioned"
        allowed = LAMBDA * float(self.a[index])
        values = (float(self.c[index]), float(self.r[index]), float(self.t[index]))
        near = self.closeness()
        return Verdict(grade, category, "", index, *values, float(z[index]), allowed, 0, probed, near)

    def far(self, scale: Scale, index: tuple[int, ...]) -> bool:
        """Whether the inputs' own rounding moves the worst element by much more than its own rounding."""
        return float(numpy.asarray(scale.conditioning)[index]) > 2.0**10 * self.u * float(self.magnitude[index])

    def failure(self, category: str, wrong: Array, message: str, allowed: Array | None = None) -> Verdict:
        if allowed is None:  # another class: there is no number to say by how much
            index, bound, z, near = _first(wrong), math.nan, math.nan, Closeness()
        else:
            index = _worst(numpy.where(wrong, self.z, -1.0))
            bound, z, near = float(allowed[index]), float(self.z[index]), self.closeness()
        count = int(wrong.sum())
        values = (float(self.c[index]), float(self.r[index]), float(self.t[index]))
        message = f"{count} of {wrong.size} elements {message}"
        return Verdict(FAIL, category, message, index, *values, z, bound, count, allowed is not None, near, wrong)

    def closeness(self) -> Closeness:
        """Errors beside torch's, over the elements that are finite on all sides."""
        use = self.finite & numpy.isfinite(self.r) & (self.a > 0)
        if not use.any():
            return Closeness()
        mine = self.error[use] / self.a[use]
        torch = numpy.abs(self.r - self.t)[use] / self.a[use]
        return Closeness(
            float((mine < torch).mean()),
            float((mine > torch).mean()),
            float(numpy.sqrt(numpy.mean(mine**2))),
            float(numpy.sqrt(numpy.mean(torch**2))),
            float(torch.max()),
        )


def _class(array: Array) -> Array:
    """0 finite, 1 NaN, 2 +inf, 3 -inf."""
    return numpy.where(numpy.isnan(array), 1, numpy.where(numpy.isinf(array), numpy.where(array > 0, 2, 3), 0))


def _signed_class(array: Array, smallest: float) -> Array:
    """The class, with 4 for +0 and 5 for -0, flushed subnormals included."""
    tiny = numpy.abs(array) < smallest
    return numpy.where(tiny, numpy.where(numpy.signbit(array), 5, 4), _class(array))


def _first(wrong: Array) -> tuple[int, ...]:
    return tuple(int(i) for i in numpy.unravel_index(int(numpy.argmax(wrong)), wrong.shape))


_worst = _first  # the index of the largest: the same search, over numbers
