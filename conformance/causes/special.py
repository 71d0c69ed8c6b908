"""Causes among NaN, infinities and subnormals."""

from collections.abc import Iterator

import ml_dtypes
import numpy

from conformance.causes.evidence import Evidence, Guess
from conformance.draw import is_floating
from conformance.moves import flush
from conformance.scale import smallest_normal


def classes(evidence: Evidence) -> str:
    """Infinities and NaNs that became something else, the same in every failing element.

    This tells what happened rather than guesses at numbers, so one element is enough.
    """
    failing = evidence.failing
    if not evidence.comparable or not evidence.floating or not failing.any():
        return ""
    dtype = numpy.asarray(evidence.candidate).dtype
    with numpy.errstate(all="ignore"):
        t = evidence.t.astype(dtype).astype(numpy.float64)[failing]
    c = evidence.c[failing]
    if numpy.isinf(t).all():
        if numpy.isnan(c).all():
            return "is NaN where the truth is infinite (inf - inf or 0 * inf on the way)"
        if (c == numpy.copysign(float(ml_dtypes.finfo(dtype).max), t)).all():
            return f"is the largest {dtype} where the truth is infinite"
        if (c == -t).all():
            return "is infinite with the opposite sign"
        if (c == 0).all():
            return "is zero where the truth is infinite"
    if numpy.isnan(t).all():
        for what, same in (("zero", c == 0), ("infinite", numpy.isinf(c))):
            if same.all():
                return f"is {what} where the truth is NaN"
    return ""


def flushed_results(evidence: Evidence) -> Iterator[Guess]:
    """Subnormal results as zeros."""
    if not evidence.floating:
        return
    t = evidence.t
    tiny = (numpy.abs(t) < smallest_normal(numpy.asarray(evidence.candidate).dtype)) & (t != 0)
    if tiny.any():
        value = numpy.where(tiny, 0.0, t)
        yield Guess("is zero where the truth is subnormal: results are flushed", value, anywhere=False)


def flushed_inputs(evidence: Evidence) -> Iterator[Guess]:
    """Subnormal inputs taken as zeros."""
    arrays = evidence.sample.arrays
    flushed = [flush(array) for array in arrays]
    if any((a != b).any() for a, b in zip(flushed, arrays, strict=True) if is_floating(a)):
        value = evidence.rerun(evidence.sample.with_arrays(flushed))
        if value is not None:
            yield Guess("equals the result of subnormal inputs taken as zeros", value)


def nans(evidence: Evidence) -> Iterator[Guess]:
    """NaNs among the inputs passed over."""
    for place, array in enumerate(evidence.sample.arrays):
        if not is_floating(array) or not numpy.isnan(array.astype(numpy.float64)).any():
            continue
        name = evidence.sample.names[place]
        for what, number in (("zero", 0.0), ("-inf", -numpy.inf), ("inf", numpy.inf)):
            replaced = numpy.where(numpy.isnan(array.astype(numpy.float64)), numpy.asarray(number, array.dtype), array)
            value = evidence.with_array(place, replaced.astype(array.dtype))
            if value is not None:
                yield Guess(f"equals the result with {what} in place of the NaNs of the input {name!r}", value)


def signed_zeros(evidence: Evidence) -> str:
    """The sign of zeros: no number differs, so this is no guess about numbers."""
    if not evidence.comparable or not evidence.floating:
        return ""
    c, t, failing = evidence.c, evidence.t, numpy.asarray(evidence.wrong, dtype=bool)
    if failing.shape != c.shape or not failing.any():
        return ""
    zeros = failing & (c == 0) & (t == 0) & (numpy.signbit(c) != numpy.signbit(t))
    if not (zeros == failing).all():
        return ""
    signs = "-0, not +0" if numpy.signbit(c[failing]).all() else "+0, not -0"
    return f"is {signs}: only the sign of zeros differs"
