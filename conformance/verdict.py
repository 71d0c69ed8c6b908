"""The verdict on one tensor: is a difference rounding, or a bug?

There is no tolerance per operation. The scale of the error that rounding explains comes, element by element, from the
operation and its data:

    t   the oracle: torch at float64 on the upcast inputs
    r   the reference: torch at the candidate's dtype
    c   the candidate
    u   half the distance from 1 to the next number: 2^-24 for float32
    E   torch's own error, rms over inputs moved by a few representable steps
    D   how far t moves when every input moves inside its own rounding interval: conditioning
    M   how far t moves when every operation on the way is rounded at random (`monte_carlo.py`)

    A^2 = (u t)^2 + (E^2 + e^2 S^2) / 2 + M^2 + eta^2,    S^2 = D^2 + M^2 + (u t)^2,    e^2 = median of E^2 / S^2

over the tensor (the median lifts the elements where torch was lucky). The candidate is as good as torch where z = |c - t| / A <= 8.
Because A >= u |t|, whatever is within 8 u |t| passes without E, D and M, which are the costly part: they are asked for
only when an element does not settle.

>>> import numpy
>>> t = numpy.array([1.0, 2.0, 1 / 3])
>>> judge(t.astype("float32"), t.astype("float32"), t).grade
'correctly-rounded'
>>> judge((t * 1.001).astype("float32"), t.astype("float32"), t).category
'bound'
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy

from conformance.draw import Array, is_floating

LAMBDA = 8.0  # torch's own worst z was measured at 3.5, other legitimate implementations at 7.6

EXACT = "exact"  # the oracle's own numbers
CORRECTLY_ROUNDED = "correctly-rounded"  # the closest number of the dtype, everywhere
AS_GOOD_AS_TORCH = "as-good-as-torch"
FAIL = "FAIL"


@dataclass(frozen=True)
class Scale:
    """What the probes of a case say about one tensor: the error of torch's arithmetic, and the conditioning."""

    error: Array  # E
    conditioning: Array  # D
    arithmetic: Array | float = 0.0  # M


@dataclass(frozen=True)
class Verdict:
    """What came of one comparison, with the worst element as evidence."""

    grade: str
    category: str = ""  # of a failure: bound, non-finite, structural-zero, shape, dtype, integer
    message: str = ""
    index: tuple[int, ...] | None = None
    candidate: float = math.nan
    torch: float = math.nan
    oracle: float = math.nan
    z: float = math.nan  # |c - t| in units of the allowed scale A (of u |t| where no scale was needed)
    allowed: float = math.nan  # the largest |c - t| that passes at this element
    failing: int = 0  # elements that fail
    probed: bool = False  # whether the free screen left something open

    @property
    def ok(self) -> bool:
        """Whether it passes."""
        return self.grade != FAIL


def unit(dtype: Any) -> float:
    """u: the largest relative error of rounding to the dtype."""
    return float(ml_dtypes.finfo(dtype).eps) / 2


def allowed_scale(truth: Array, scale: Scale, dtype: Any) -> Array:
    """A, element by element."""
    with numpy.errstate(all="ignore"):
        floor = (unit(dtype) * truth) ** 2
        spread = scale.conditioning**2 + scale.arithmetic**2 + floor
        ratio = scale.error**2 / spread
        known = ratio[spread > 0]
        typical = float(numpy.median(known)) if known.size else 0.0
        eta = float(ml_dtypes.finfo(dtype).smallest_subnormal)
        squared = floor + (scale.error**2 + typical * spread) / 2 + scale.arithmetic**2 + eta**2
    return numpy.sqrt(squared)


def judge(
    candidate: Array,
    reference: Array,
    truth: Array,
    scale: Callable[[], Scale] | None = None,
    *,
    exact: bool = False,
    terms: int = 1,
) -> Verdict:
    """Judge the candidate's array beside torch's (`reference`) and the oracle's (`truth`, float64).

    `scale` is called at most once, and only when some element is farther than 8 u |t| from the oracle; without it such
    an element fails. `exact` wants every element in torch's own class, signed zeros included. `terms` is the number of
    inputs that an output may sum up: it bounds what flushing subnormals to zero can do.
    """
    structure = _structure(candidate, reference)
    if structure is not None:
        return structure
    if candidate.size == 0:
        return Verdict(EXACT)
    if not is_floating(reference):
        return _integers(candidate, reference)
    with numpy.errstate(all="ignore"):
        return _floats(candidate, reference, truth, scale, exact, terms)


def _structure(candidate: Array, reference: Array) -> Verdict | None:
    if candidate.shape != reference.shape:
        return Verdict(FAIL, "shape", f"shape {_shape(candidate)}, but should be {_shape(reference)}")
    if candidate.dtype != reference.dtype:
        return Verdict(FAIL, "dtype", f"dtype {candidate.dtype}, but should be {reference.dtype}")
    return None


def _shape(array: Array) -> str:
    return str(list(array.shape))


def _integers(candidate: Array, reference: Array) -> Verdict:
    wrong = numpy.asarray(candidate != reference)
    if not wrong.any():
        return Verdict(EXACT)
    index = _first(wrong)
    mine, right = float(candidate[index]), float(reference[index])
    message = f"{int(wrong.sum())} of {wrong.size} elements differ; integers and booleans must be equal"
    return Verdict(FAIL, "integer", message, index, mine, right, right, allowed=0.0, failing=int(wrong.sum()))


def _floats(
    candidate: Array, reference: Array, truth: Array, scale: Callable[[], Scale] | None, exact: bool, terms: int
) -> Verdict:
    dtype = reference.dtype
    u = unit(dtype)
    c, r, t = (numpy.asarray(array, dtype=numpy.float64) for array in (candidate, reference, truth))
    rounded = numpy.asarray(truth).astype(dtype).astype(numpy.float64)

    def failure(
        category: str, wrong: Array, message: str, z: Array | None = None, allowed: Array | None = None
    ) -> Verdict:
        index = _first(wrong) if z is None else _worst(numpy.where(wrong, z, -1.0))
        bound = math.nan if allowed is None else float(allowed[index])
        worst = math.nan if z is None else float(z[index])
        message = f"{int(wrong.sum())} of {wrong.size} elements {message}"
        values = (float(c[index]), float(r[index]), float(t[index]))
        return Verdict(FAIL, category, message, index, *values, worst, bound, int(wrong.sum()), allowed is not None)

    if exact:
        smallest = float(ml_dtypes.finfo(dtype).smallest_normal)  # below it a flush to zero is no other class
        signed = _signed_class(c, smallest)
        wrong = (signed != _signed_class(r, smallest)) & (signed != _signed_class(rounded, smallest))
        if wrong.any():
            what = "are of another class than torch's and the oracle's (NaN, +-inf, +-0, finite)"
            return failure("non-finite", wrong, what)
    mine = _class(c)
    wrong = (mine != _class(rounded)) & (mine != _class(r))
    if wrong.any():
        return failure("non-finite", wrong, "are finite where torch is not, or the other way round")

    # From here on only elements that are finite on all sides differ by a number.
    finite = numpy.isfinite(c) & numpy.isfinite(t)
    error = numpy.where(finite, numpy.abs(c - t), 0.0)
    magnitude = numpy.where(finite, numpy.abs(t), 0.0)
    z = numpy.where(error > 0, error / (u * magnitude), 0.0)
    settled = z <= LAMBDA
    grade = AS_GOOD_AS_TORCH
    if not error.any():
        grade = EXACT
    elif bool(((c == rounded) | ~finite).all()):
        grade = CORRECTLY_ROUNDED
    if grade is not AS_GOOD_AS_TORCH or settled.all():
        index = _worst(z)
        allowed = LAMBDA * u * float(magnitude[index])
        return Verdict(
            grade, "", "", index, float(c[index]), float(r[index]), float(t[index]), float(z[index]), allowed
        )

    # Screening has left something open: ask for the scale.
    probes = _own_error(r, t) if scale is None else scale()
    error_scale = numpy.where(finite, numpy.nan_to_num(probes.error, posinf=0.0), 0.0)
    conditioning = numpy.where(finite, numpy.nan_to_num(probes.conditioning, posinf=0.0), 0.0)
    arithmetic = numpy.where(finite, numpy.nan_to_num(probes.arithmetic, posinf=0.0), 0.0)
    scale_a = allowed_scale(magnitude, Scale(error_scale, conditioning, arithmetic), dtype)
    z = error / scale_a
    allowed = LAMBDA * scale_a
    nothing = (magnitude == 0) & (error_scale == 0) & (conditioning == 0) & (arithmetic == 0) & finite
    wrong = nothing & (error > 0)
    if wrong.any():
        return failure("structural-zero", wrong, "must be exactly zero", error, numpy.zeros_like(allowed))
    flushed = error <= _flush(dtype, terms)
    wrong = (z > LAMBDA) & ~flushed & ~settled
    if wrong.any():
        return failure("bound", wrong, "are farther from the oracle than rounding explains", z, allowed)
    index = _worst(numpy.where(flushed, 0.0, z))
    values = (float(c[index]), float(r[index]), float(t[index]))
    return Verdict(grade, "", "", index, *values, float(z[index]), float(allowed[index]), 0, True)


def _own_error(reference: Array, truth: Array) -> Scale:
    """Without probes, torch's error on this very sample is all there is."""
    return Scale(numpy.abs(reference - truth), numpy.zeros_like(truth))


def _flush(dtype: Any, terms: int) -> float:
    """The error of flushing subnormals to zero in a sum of `terms`. float16 needs its subnormals: none is flushed."""
    return 0.0 if dtype == numpy.float16 else math.sqrt(terms) * float(ml_dtypes.finfo(dtype).smallest_normal)


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
