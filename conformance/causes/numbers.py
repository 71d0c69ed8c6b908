"""Causes that show in the numbers alone: another factor, order, shape or place.

Nothing is run again here, but for the last: the gradient under cotangents of ones.
"""

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations, permutations

import numpy

from conformance.causes.evidence import Evidence, Guess
from conformance.causes.names import Named, factors
from conformance.draw import Array

SNAP = 8.0  # a fitted factor within so many roundings of a named one is the named one


# --- one value everywhere ------------------------------------------------------------------------------------------


def constants(evidence: Evidence) -> Iterator[Guess]:
    """Zeros (an untouched buffer, a gradient that never arrives), or another number everywhere."""
    t = evidence.t
    yield Guess("is zero", numpy.zeros(t.shape))
    yield Guess("is NaN", numpy.full(t.shape, numpy.nan))


def signs(evidence: Evidence) -> Iterator[Guess]:
    """The sign."""
    t = evidence.t
    if numpy.asarray(evidence.candidate).dtype == bool:
        yield Guess("is the negation of the truth", ~t.astype(bool), anywhere=False)
        return
    yield Guess("has the opposite sign", -t)
    yield Guess("is the absolute value of the truth", numpy.abs(t))


def unchanged(evidence: Evidence) -> Iterator[Guess]:
    """An input, passed on."""
    for name, array in zip(evidence.sample.names, evidence.sample.arrays, strict=True):
        if array.shape == evidence.t.shape:
            yield Guess(f"equals the input {name!r}, unchanged", array)


# --- a factor, an offset -------------------------------------------------------------------------------------------


def factor(evidence: Evidence) -> Iterator[Guess]:
    """A constant factor, by its name where it has one: the batch size, n / (n - 1), 1 - p, ln 2."""
    if not evidence.comparable or not evidence.floating:
        return
    c, t = evidence.c, evidence.t
    use = evidence.failing & numpy.isfinite(c) & numpy.isfinite(t) & (t != 0)
    if not use.any():
        return
    large = use & (numpy.abs(t) >= numpy.median(numpy.abs(t[use])))
    with numpy.errstate(all="ignore"):
        fitted = float(numpy.median(c[large] / t[large]))
    if fitted == 0 or not math.isfinite(fitted):
        return
    known = factors(evidence.sample, c.shape, evidence.operation)
    near = [named for named in known if abs(fitted - named.value) <= SNAP * evidence.u * abs(fitted)]
    with numpy.errstate(all="ignore"):
        if near:
            yield Guess(_factor_sentence(near, evidence.u), near[0].value * t, math.log2(len(known)))
        else:
            sentence = f"is {_shown(fitted, evidence.u)} times the truth, a constant factor"
            yield Guess(
                sentence, fitted * t, -3 * math.log2(evidence.u)
            )  # fitted: three elements must agree at the least


def _shown(value: float, u: float) -> str:
    """In six digits, as 1 and a little, or with the fraction that it is."""
    if abs(value - 1) < 1e-4:
        return f"1 {'+' if value > 1 else '-'} {abs(value - 1):.3g}"
    ratio = Fraction(value).limit_denominator(32)
    exact = ratio.denominator > 1 and abs(float(ratio) - value) <= SNAP * u * abs(value)
    return f"{value:.6g} ({ratio})" if exact else f"{value:.6g}"


def _factor_sentence(near: list[Named], u: float) -> str:
    value = near[0].value
    whole = 0 < value < 1 and abs(1 / value - round(1 / value)) < 1e-9
    shown = f"1/{round(1 / value)}" if whole else _shown(value, u)
    meanings = [named.meaning for named in near if named.meaning]
    meaning = " or ".join(meanings[:2])
    return f"is {shown} times the truth" + (f": {meaning}" if meaning else "")


def offset(evidence: Evidence) -> Iterator[Guess]:
    """A constant added: only told from a factor where the truth varies."""
    if not evidence.comparable:
        return
    c, t = evidence.c, evidence.t
    use = evidence.failing & numpy.isfinite(c) & numpy.isfinite(t)
    if len(numpy.unique(t[use])) < 2:
        return
    with numpy.errstate(all="ignore"):
        added = float(numpy.median((c - t)[use]))
        if added and math.isfinite(added):
            digits = -math.log2(evidence.u) if evidence.floating else 4.0
            yield Guess(f"is the truth {'plus' if added > 0 else 'minus'} {abs(added):.6g}", t + added, 2 * digits)


def by_row(evidence: Evidence) -> Iterator[Guess]:
    """A factor or an offset for each row: a wrong normaliser, a bias, a mean that was not taken off."""
    if not evidence.comparable or not evidence.floating:
        return
    c, t = evidence.c, evidence.t
    for axes, shown in _rows(t.shape):
        fitted = t.size // math.prod(t.shape[axis] for axis in axes) * -math.log2(evidence.u)
        finite = numpy.isfinite(c) & numpy.isfinite(t)
        with numpy.errstate(all="ignore"):
            by_factor = _row_median(numpy.where(finite & (t != 0), c / t, numpy.nan), axes)
            by_offset = _row_median(numpy.where(finite, c - t, numpy.nan), axes)
            what = f"that is constant along dimension {shown}"
            yield Guess(f"is the truth times a factor {what} ({_range(by_factor)})", t * by_factor, 2 * fitted)
            yield Guess(f"is the truth plus an amount {what} ({_range(by_offset)})", t + by_offset, 2 * fitted)


def _rows(shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], str]]:
    """What a row may be: all dimensions but one, or one; more than two elements, and more than one row."""
    every = tuple(range(len(shape)))
    choices = [tuple(axis for axis in every if axis != dim) for dim in every] + [(dim,) for dim in every]
    for axes in dict.fromkeys(choices):
        length = math.prod(shape[axis] for axis in axes)
        if 2 < length < math.prod(shape):
            yield axes, ", ".join(map(str, axes))


def _row_median(array: Array, axes: tuple[int, ...]) -> Array:
    """The median over the axes, NaNs left out; NaN (in silence) where there is nothing else."""
    moved = numpy.moveaxis(array, axes, range(-len(axes), 0))
    rows = moved.reshape(*moved.shape[: -len(axes)], -1)
    ordered = numpy.sort(rows, axis=-1)  # NaNs come last
    count = (~numpy.isnan(rows)).sum(-1, keepdims=True)
    middle = numpy.take_along_axis(ordered, numpy.maximum(count - 1, 0) // 2, axis=-1)[..., 0]
    return numpy.expand_dims(middle, axes)


def _range(array: Array) -> str:
    finite = array[numpy.isfinite(array)]
    return f"{finite.min():.4g} to {finite.max():.4g}" if finite.size else "none"


# --- another order -------------------------------------------------------------------------------------------------


def transposed(evidence: Evidence) -> Iterator[Guess]:
    """Two dimensions exchanged, or the numbers of the transposed array laid out without transposing."""
    t, shape = evidence.t, evidence.c.shape
    for i, j in combinations(range(t.ndim), 2):
        turned = numpy.swapaxes(t, i, j)
        if turned.shape == shape:
            yield Guess(f"equals the truth transposed (dimensions {i} and {j} exchanged)", turned, anywhere=False)
        if turned.size == evidence.c.size and t.shape[i] > 1 and t.shape[j] > 1:
            sentence = f"has the numbers of the truth with dimensions {i} and {j} exchanged, read row by row"
            yield Guess(sentence, turned.reshape(shape), anywhere=False)


def shifted(evidence: Evidence) -> Iterator[Guess]:
    """The neighbour along one dimension: off by one at a border, or the previous row of a buffer used again."""
    t = evidence.t
    for dim in range(t.ndim):
        if t.shape[dim] < 2:
            continue
        places = numpy.arange(t.shape[dim]).reshape([-1 if i == dim else 1 for i in range(t.ndim)])
        for step, which in ((1, "previous"), (-1, "next")):
            border = numpy.broadcast_to(places == (0 if step > 0 else t.shape[dim] - 1), t.shape)
            what = f"equals the truth of the {which} element along dimension {dim} (shifted by one, or stale)"
            yield Guess(what, numpy.roll(t, step, dim), 2.0, silent=border)
        if dim == t.ndim - 2 and min(t.shape[-2:]) > 2:
            yield from _diagonally(evidence)
        if t.shape[dim] > 2:
            yield Guess(f"equals the truth reversed along dimension {dim}", numpy.flip(t, dim), 1.0, anywhere=False)


def _diagonally(evidence: Evidence) -> Iterator[Guess]:
    """Both spatial dimensions shifted: padding on one side only."""
    t = evidence.t
    for step, which, border in ((1, "previous", 0), (-1, "next", -1)):
        silent = numpy.zeros(t.shape, dtype=bool)
        silent[..., border, :] = silent[..., border] = True
        what = f"equals the truth of the {which} element along both of the last two dimensions (shifted by one)"
        yield Guess(what, numpy.roll(t, (step, step), (-2, -1)), 2.0, silent=silent)


def permuted(evidence: Evidence) -> Iterator[Guess]:
    """The right numbers in another order."""
    c, t = evidence.c.reshape(-1), evidence.t.reshape(-1)
    if not evidence.comparable or not evidence.floating or c.size < 4 or not numpy.isfinite(c).all():
        return
    if abs(float(c.mean() - t.mean())) > 64 * evidence.u * float(numpy.abs(t).mean()):
        return  # other numbers, for sure: spares sorting
    value = numpy.empty_like(t)
    value[numpy.argsort(c, kind="stable")] = numpy.sort(t)
    chosen = math.lgamma(c.size + 1) / math.log(2)
    yield Guess("has the right numbers in another order", value.reshape(evidence.t.shape), chosen, anywhere=False)


# --- another shape -------------------------------------------------------------------------------------------------


def other_shape(evidence: Evidence) -> Iterator[Guess]:
    """The right numbers in another shape: a dimension kept or dropped, a sum over broadcast dimensions left out."""
    c, t = evidence.c, evidence.t
    if evidence.comparable:
        return
    shapes = f"shape {list(c.shape)}, not {list(t.shape)}"
    if c.size == t.size:
        kept = [size for size in c.shape if size != 1] == [size for size in t.shape if size != 1]
        many = c.ndim > t.ndim
        why = f": a dimension of size 1 is {'kept' if many else 'dropped'}" if kept else ""
        yield Guess(f"has the right numbers in {shapes}{why}", t.reshape(c.shape))
    added = c.ndim - t.ndim
    if added >= 0:
        padded = (1,) * added + t.shape
        axes = tuple(i for i in range(c.ndim) if padded[i] == 1 and c.shape[i] != 1)
        fits = all(padded[i] in (1, c.shape[i]) for i in range(c.ndim))
        if fits and axes:
            dims = ", ".join(map(str, axes))
            with numpy.errstate(all="ignore"):
                for how, seen in (("sum", c.sum(axes)), ("mean", c.mean(axes))):
                    seen = seen.reshape(t.shape)
                    yield Guess(f"has {shapes}: its {how} over dimension {dims} is the truth", t, 1.0, seen=seen)
            yield Guess(f"has {shapes}: the truth repeated along dimension {dims}", numpy.broadcast_to(t, c.shape))
    for axes in permutations(range(t.ndim)) if t.ndim == 3 else ():
        turned = numpy.transpose(t, axes)
        if axes != (0, 1, 2) and turned.shape == c.shape:
            yield Guess(f"equals the truth with its dimensions in the order {list(axes)}", turned, 2.0)


# --- the oracle once more ------------------------------------------------------------------------------------------


def cotangent_ignored(evidence: Evidence) -> Iterator[Guess]:
    """The gradient of the sum, whatever comes from above."""
    if evidence.derivative and evidence.under_ones is not None:
        value = evidence.under_ones()
        if value is not None:
            yield Guess("equals the gradient under a cotangent of ones: the cotangent is ignored", value)
