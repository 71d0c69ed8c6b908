"""Causes in the precision inside: inputs, results or everything between them in a narrower type."""

import math
from collections.abc import Iterator

import ml_dtypes
import numpy

from conformance.causes.evidence import Evidence, Guess, Rounding
from conformance.draw import Array, is_floating, numpy_dtype
from conformance.scale import smallest_normal, unit

NARROW = ("bfloat16", "float16", "float32")  # the coarser first: its numbers are numbers of the finer too
KEPT = 13  # bits that float32 has and TF32 has not
CLOSE = 16.0  # arithmetic in a narrow type is off by at most so many of its roundings


def _narrower(evidence: Evidence) -> list[str]:
    if not evidence.floating:
        return []
    return [name for name in NARROW if unit(numpy_dtype(name)) > 4 * evidence.u]


def results(evidence: Evidence) -> Iterator[Guess]:
    """The result rounded to a narrower type, or made in one: all its numbers are numbers of that type."""
    if not evidence.comparable:
        return
    c, r, t, failing = evidence.c, evidence.r, evidence.t, evidence.failing
    for name in _narrower(evidence):
        dtype = numpy_dtype(name)
        with numpy.errstate(all="ignore"):
            yield Guess(f"equals the truth rounded to {name}", t.astype(dtype), 1.0)
            own = c.astype(dtype).astype(numpy.float64)
            # Zeros and powers of two are numbers of every type, and say nothing.
            use = failing & numpy.isfinite(c) & numpy.isfinite(t) & (numpy.abs(numpy.frexp(c)[0]) > 0.5)
            if use.sum() < failing.sum() / 2 or not use.any():
                continue
            if (r == r.astype(dtype).astype(numpy.float64))[use].mean() > 0.5:
                continue
            scale = numpy.abs(t) + math.sqrt(float(numpy.mean(t[use] ** 2)))
            near = numpy.abs(c - t) <= CLOSE * unit(dtype) * scale
        if near[use].mean() > 0.95:
            yield Guess(f"holds {name} numbers only: it was computed in {name}", own, 1.0)


def inputs(evidence: Evidence) -> Iterator[Guess]:
    """Inputs rounded to a narrower type before the arithmetic starts, as tensor cores and autocasting do."""
    arrays = [array for array in evidence.sample.arrays if is_floating(array)]
    if not arrays:
        return
    for name in _narrower(evidence):
        dtype = numpy_dtype(name)

        def narrowed(array: Array, dtype: numpy.dtype[Array] = dtype) -> Array:
            with numpy.errstate(all="ignore"):
                return array.astype(dtype).astype(array.dtype) if is_floating(array) else array

        also = " or TF32" if name == "float16" and all(_within_float16(array) for array in arrays) else ""
        for value in _with_and_without_cotangents(evidence, narrowed):
            yield Guess(f"equals the result of inputs rounded to {name}{also}", value, 2.0, anywhere=False)
    if evidence.u <= unit(numpy.float32):
        for how, rounding in (("rounded", to_tf32), ("cut off", truncated_to_tf32)):
            for value in _with_and_without_cotangents(evidence, rounding):
                yield Guess(f"equals the result of inputs {how} to TF32 (10 bits)", value, 2.0, anywhere=False)


def cotangents(evidence: Evidence) -> Iterator[Guess]:
    """The cotangent rounded to a narrower type, the inputs as they are."""
    if not evidence.derivative or evidence.moved is None:
        return
    for name in _narrower(evidence):
        dtype = numpy_dtype(name)

        def narrowed(array: Array, dtype: numpy.dtype[Array] = dtype) -> Array:
            if not is_floating(array) or any(array is given for given in evidence.sample.arrays):
                return array
            return array.astype(dtype).astype(array.dtype)

        value = evidence.moved(narrowed)
        if value is not None:
            yield Guess(f"equals the result of cotangents rounded to {name}", value, 2.0, anywhere=False)


def _with_and_without_cotangents(evidence: Evidence, rounding: Rounding) -> Iterator[Array]:
    """Everything rounded, and for a derivative the inputs alone: a kernel of its own may leave the cotangent as it is."""
    values = [evidence.rounded(rounding)]
    if evidence.derivative and evidence.moved is not None:
        values.append(evidence.rerun(evidence.sample.with_arrays([rounding(a) for a in evidence.sample.arrays])))
    yield from (value for value in values if value is not None)


def _within_float16(array: Array) -> bool:
    """Whether float16 rounds every number as TF32 does: neither overflow nor subnormals."""
    magnitude = numpy.abs(array.astype(numpy.float64))
    magnitude = magnitude[magnitude > 0]
    inside = (magnitude >= smallest_normal(numpy.float16)) & (magnitude <= float(ml_dtypes.finfo(numpy.float16).max))
    return bool(inside.all())


def to_tf32(array: Array) -> Array:
    """Rounded to 10 bits behind the point, ties to even, with float32's exponents.

    >>> float(to_tf32(numpy.float32([1 + 2**-10 + 2**-13]))[0]) == 1 + 2**-10
    True
    """
    if not is_floating(array):
        return array
    bits = numpy.atleast_1d(array.astype(numpy.float32)).view(numpy.uint32)
    half = numpy.uint32((1 << (KEPT - 1)) - 1) + ((bits >> numpy.uint32(KEPT)) & numpy.uint32(1))
    with numpy.errstate(over="ignore"):
        return _cut(numpy.where(_finite(bits), bits + half, bits)).astype(array.dtype).reshape(array.shape)


def truncated_to_tf32(array: Array) -> Array:
    """The bits behind the tenth left out, as a tensor core reads a float32."""
    if not is_floating(array):
        return array
    bits = numpy.atleast_1d(array.astype(numpy.float32)).view(numpy.uint32)
    return _cut(bits).astype(array.dtype).reshape(array.shape)


def _finite(bits: Array) -> Array:
    return (bits & numpy.uint32(0x7F800000)) != numpy.uint32(0x7F800000)


def _cut(bits: Array) -> Array:
    mask = numpy.uint32(0xFFFFFFFF << KEPT & 0xFFFFFFFF)
    return numpy.where(_finite(bits), bits & mask, bits).astype(numpy.uint32).view(numpy.float32)
