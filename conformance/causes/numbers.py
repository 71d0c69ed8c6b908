"""Causes that show in the numbers alone: another factor, order, shape or place.

Nothing is run again here, but for the last two: the gradient under cotangents of ones, and inputs in exchanged roles.
"""

import math
from collections.abc import Callable, Iterator
from itertools import combinations, permutations

import numpy

from conformance.causes.evidence import Evidence, Guess
from conformance.causes.names import Named, factors
from conformance.draw import Array

Turn = Callable[[Array], Array]
SNAP = 64.0  # a fitted factor within so many roundings of a named one is the named one


# --- one value everywhere ------------------------------------------------------------------------------------------


def constants(evidence: Evidence) -> Iterator[Guess]:
    """Zeros (an untouched buffer, a gradient that never arrives), or another number everywhere."""
    t = evidence.t
    yield Guess("is zero", numpy.zeros(t.shape))
    yield Guess("is NaN", numpy.full(t.shape, numpy.nan))
    if evidence.derivative:
        yield Guess("is one", numpy.ones(t.shape))


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
    known = factors(evidence.sample, c.shape)
    near = [named for named in known if abs(fitted - named.value) <= SNAP * evidence.u * abs(fitted)]
    with numpy.errstate(all="ignore"):
        if near:
            yield Guess(_factor_sentence(near), near[0].value * t, math.log2(len(known)))
        else:
            sentence = f"is {fitted:.6g} times the truth, a constant factor"
            yield Guess(
                sentence, fitted * t, -3 * math.log2(evidence.u)
            )  # fitted: three elements must agree at the least


def _factor_sentence(near: list[Named]) -> str:
    value = near[0].value
    shown = f"1/{1 / value:g}" if 0 < value < 1 and float(1 / value).is_integer() else f"{value:.6g}"
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
        if t.shape[dim] > 2:
            yield Guess(f"equals the truth reversed along dimension {dim}", numpy.flip(t, dim), 1.0, anywhere=False)


def permuted(evidence: Evidence) -> Iterator[Guess]:
    """The right numbers in another order."""
    c, t = evidence.c.reshape(-1), evidence.t.reshape(-1)
    if not evidence.comparable or not evidence.floating or c.size < 4 or not numpy.isfinite(c).all():
        return
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


def operands(evidence: Evidence) -> Iterator[Guess]:
    """Square operands transposed, kernels mirrored, two operands exchanged."""
    names, arrays = evidence.sample.names, evidence.sample.arrays
    for place, array in enumerate(arrays[:3]):
        name = names[place]
        if array.ndim >= 2 and array.shape[-1] == array.shape[-2] > 1:
            value = evidence.with_array(place, numpy.swapaxes(array, -1, -2).copy())
            yield from _turned(evidence, name, value, "transposed", lambda x: numpy.swapaxes(x, -1, -2))
        elif array.ndim > 2 and array.shape[0] == array.shape[1] > 1:
            value = evidence.with_array(place, numpy.swapaxes(array, 0, 1).copy())
            yield from _turned(evidence, name, value, "with dimensions 0 and 1 exchanged", lambda x: x.swapaxes(0, 1))
        if "conv" in evidence.operation and place == 1 and array.ndim > 2 and max(array.shape[2:]) > 1:
            axes = tuple(range(2, array.ndim))

            def mirror(x: Array, axes: tuple[int, ...] = axes) -> Array:
                return numpy.flip(x, axes)

            yield from _turned(evidence, name, evidence.with_array(1, mirror(array).copy()), "mirrored", mirror)
    for i, j in combinations(range(min(3, len(arrays))), 2):
        if arrays[i].shape == arrays[j].shape and arrays[i].dtype == arrays[j].dtype and arrays[i].size:
            exchanged = list(arrays)
            exchanged[i], exchanged[j] = arrays[j], arrays[i]
            value = evidence.rerun(evidence.sample.with_arrays(exchanged))
            if value is not None:
                yield Guess(f"equals the result with {names[i]!r} and {names[j]!r} exchanged", value, 1.0)


def _turned(evidence: Evidence, name: str, value: Array | None, how: str, back: Turn) -> Iterator[Guess]:
    """The gradient of a turned input comes out turned too: turned back, it is that of the original."""
    if value is None:
        return
    own = evidence.derivative and evidence.tensor == name
    yield Guess(f"equals the result with the input {name!r} {how}", back(value) if own else value, 1.0)
