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
from collections.abc import Sequence
from dataclasses import replace

import ml_dtypes
import numpy

from conformance.draw import Array, is_floating
from conformance.scale import (
    Scale,
    allowed_scale,
    distance_to_branch,
    naive_sum_error,
    normwise,
    passed_over,
    smallest_normal,
    typical_ratio,
    unit,
    working_unit,
)
from conformance.verdict import (
    AS_GOOD_AS_TORCH,
    CORRECTLY_ROUNDED,
    EXACT,
    EXCESS,
    FAIL,
    FEW,
    LAMBDA,
    WITHIN_BOUND,
    Closeness,
    Probes,
    Residue,
    Verdict,
    unlike_rounding,
)

GROSS = 1e3  # a failure so many times beyond what is known needs no further probes
MOST = 512  # elements that are compared with more digits, where torch float64 is wrong about all of them
ORDINARY = 2.0**10  # errors of torch up to so many u |t| are rounding, not a jump


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

    def touched(self, place: int) -> bool:
        return False


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
        """Errors, and the part of A that is known. Only elements that are finite on all sides differ by a number."""
        self.finite = numpy.isfinite(self.c) & numpy.isfinite(self.t) & ~self.excused
        self.error = numpy.where(self.finite, numpy.abs(self.c - self.t), 0.0)
        self.magnitude = numpy.where(self.finite, numpy.abs(self.t), 0.0)
        eta = float(ml_dtypes.finfo(self.dtype).smallest_subnormal)
        self.a = numpy.where(self.magnitude > 0, numpy.maximum(self.u * self.magnitude, eta / 2), 0.0)

    def screened(self) -> Verdict | None:
        """What needs no scale: within 8 u |t| of the oracle, or within what torch's own error already allows.

        E^2 is a mean over 4 probes, one of them this very sample: A^2 >= (u t)^2 + (r - t)^2 / 8, whatever the other
        probes say. At a jump A is not the rule, and r - t may be the jump: there it has to be ordinary.
        """
        torch = numpy.abs(self.r - self.t)
        ordinary = self.finite & (torch <= ORDINARY * self.u * self.magnitude) & (self.dtype != numpy.float64)
        self.a = numpy.hypot(self.a, numpy.where(ordinary, torch, 0.0) / math.sqrt(8))
        self.z = numpy.where(self.error > 0, self.error / self.a, 0.0)
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
        # Beside the largest element u^2 is what an algorithm leaves that computes in twice the digits.
        self.settled |= self.cancelled & (self.error <= self.u**2 * float(self.magnitude.max()))
        self.match_branches(scale)
        self.flushed = self.error <= self.flush()
        if self.wrong().any():
            self.more_digits(scale)
        if not self.wrong().any():
            z = numpy.where(self.flushed | self.settled, numpy.minimum(self.z, LAMBDA), self.z)
            return self.passed(AS_GOOD_AS_TORCH, z, probed=True, scale=scale)
        return self.grade_b(scale)

    def structural(self) -> Array:
        """Zeros that no input touches: they are zeros by construction. Others cancelled, or met zeros by chance."""
        places = numpy.flatnonzero(self.cancelled)
        places = places[numpy.argsort(-self.error.reshape(-1)[places], kind="stable")][:FEW]
        built = [place for place in places if not self.probes.touched(int(place))]
        if len(built) == len(places):
            return self.cancelled
        found = numpy.zeros(self.c.size, dtype=bool)
        found[built] = True
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
        """At a jump E and M hold the jump itself: what counts is the distance to the nearest branch.

        Not where torch is nowhere near the oracle (a gradient that is zero but for rounding): there is nothing to match;
        and not at a jump that is lost in torch's rounding.
        """
        if self.void():
            self.jumps = {}
            return
        ratio = typical_ratio(self.magnitude, scale, self.dtype)
        noise = self.noise()
        flat_z, c, r = self.z.reshape(-1), self.c.reshape(-1), self.r.reshape(-1)
        self.jumps = {
            place: values
            for place, values in self.jumps.items()
            if not passed_over(values, float(r[place]), self.u, noise)
        }
        for place, values in self.jumps.items():
            if not self.settled.reshape(-1)[place] and self.finite.reshape(-1)[place]:
                flat_z[place] = distance_to_branch(float(c[place]), values, float(r[place]), ratio, self.u, noise)
                if flat_z[place] <= LAMBDA:
                    self.category = "discontinuity"

    def noise(self) -> float:
        """What is ordinary for torch's rounding in this tensor: 8 times its rms error where nothing jumps."""
        calm = self.finite & numpy.isfinite(self.r)
        calm.reshape(-1)[list(self.jumps)] = False
        return float(LAMBDA * numpy.sqrt(numpy.mean((self.r - self.t)[calm] ** 2))) if calm.any() else 0.0

    def flush(self) -> float:
        """The error of flushing subnormals to zero in a sum. float16 needs its subnormals: none is flushed."""
        return 0.0 if self.dtype == numpy.float16 else math.sqrt(self.terms) * smallest_normal(self.dtype)

    def more_digits(self, scale: Scale) -> None:
        """The worst elements against an oracle with more digits: float64 itself saturates and cancels.

        The very worst one first, alone: where it stays wrong, the others cannot save the tensor. Where torch is wrong
        everywhere, the rest is looked at too, up to `MOST` elements.
        """
        for _ in range(MOST // FEW):
            places = self.worst_places()
            if not places:
                return
            self.against_digits(places[:1], scale)
            if self.wrong().reshape(-1)[places[0]]:
                return
            self.against_digits(places[1:], scale)

    def against_digits(self, places: list[int], scale: Scale) -> None:
        found = self.probes.digits(places) if places else None
        if found is None:
            return
        high, low = (numpy.asarray(part, numpy.float64) for part in found)
        known = numpy.isfinite(high)
        places, high, low = [p for p, is_known in zip(places, known, strict=True) if is_known], high[known], low[known]
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
        q = self.sums(scale)
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
        return replace(self.passed(WITHIN_BOUND, self.z, probed=True, scale=scale), residue=residue)

    def sums(self, scale: Scale) -> Array:
        """Q and N together. Q exactly for the worst elements; for the others their median in units of A.

        The very worst first, alone: where it is off by orders of magnitude, the others need not be looked at.
        """
        places = self.worst_places()
        q = numpy.zeros(self.c.size)
        q[places[0]] = self.naive_error(places[0])
        a, d, error = (part.reshape(-1) for part in (self.a, numpy.asarray(scale.conditioning), self.error))
        near = math.hypot(a[places[0]], d[places[0]], q[places[0]])
        if error[places[0]] > GROSS * near:
            places = places[:1]
            naive = None
        else:
            q[places] = [self.naive_error(place) for place in places]
            naive = self.probes.one_by_one()
        others = numpy.setdiff1d(numpy.flatnonzero(self.wrong()), places)
        q[others] = float(numpy.median(q[places] / a[places])) * a[others]
        exact = q.reshape(self.c.shape)
        return exact if naive is None else numpy.hypot(exact, naive.finite(self.finite).arithmetic)

    def naive_error(self, place: int) -> float:
        """Of the terms of one element, in the input where it is largest: of adding them one after the other, and of
        rounding each once.
        """
        terms = self.probes.terms(place)
        u = working_unit(self.dtype)
        errors = [max(naive_sum_error(part, self.dtype), u * float(numpy.abs(part).sum())) for part in terms]
        return max([0.0, *errors])

    # --- results -------------------------------------------------------------------------------------------------

    def passed(self, grade: str, z: Array, *, probed: bool, scale: Scale | None = None) -> Verdict:
        index = _worst(z)
        category = self.category
        if not category and probed and bool((self.flushed & (self.z > LAMBDA)).any()):
            category = "subnormal"
        if not category and scale is not None and self.far(scale, index):
            category = "ill-conditioned"
        if probed and self.void():
            category = "void"
        allowed = LAMBDA * float(self.a[index])
        values = (float(self.c[index]), float(self.r[index]), float(self.t[index]))
        near = self.closeness()
        return Verdict(grade, category, "", index, *values, float(z[index]), allowed, 0, probed, near)

    def void(self) -> bool:
        """Whether torch itself is nowhere near its oracle: chaos, or random numbers that the oracle draws differently.

        The scale of error is then that of the result, and anything passes; only torch's very own numbers say something.
        """
        use = self.finite & numpy.isfinite(self.r)
        if (self.c == self.r)[use].all():
            return False
        return bool(numpy.linalg.norm((self.r - self.t)[use]) > 0.5 * numpy.linalg.norm(self.t[use]))

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
        return Verdict(FAIL, category, message, index, *values, z, bound, count, allowed is not None, near, wrong=wrong)

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
