"""Interpolation: separable resampling of the last dimensions, its adjoint, and the tables of taps that both go by.

Place i of the output lies at position s (i + 1/2) - 1/2 of the input (with aligned corners: s i), s the ratio of the
sizes. Every mode is then a table: which elements around that position count (the taps), and how much. The position is
computed in the type of the input's arithmetic, float32 for float32, because its floor chooses the elements: another
rounding may choose others. torch rounds s (i + 1/2) - 1/2 once (a fused multiply-add), and so does this file.

Tables are small, one row of numbers per place, and are made with numpy wherever the tensor lives.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy

from refnet import _dtype
from refnet._tape import Primitive

Array = Any


@dataclass(frozen=True)
class Taps:
    """The taps of a dimension: out[i] = sum_k weight[k, i] x[index[k, i]], over k < count[i].

    `index` is (K, m) for m places. `weight` is (K, m), or None: all 1. `count` is (m,), or None: all K.
    """

    index: Array
    weight: Array | None = None
    count: Array | None = None

    def transposed(self, size: int) -> "Taps":
        """The taps of the adjoint, which has a place for each of the `size` elements that these taps read."""
        taps, places = self.index.shape
        used = numpy.ones((taps, places), bool) if self.count is None else numpy.arange(taps)[:, None] < self.count
        k, i = numpy.nonzero(used)
        read = self.index[k, i]
        order = numpy.argsort(read, kind="stable")
        read, count = read[order], numpy.bincount(read, minlength=size)
        rank = numpy.arange(len(read)) - (numpy.cumsum(count) - count)[read]  # how many read the same element before
        shape = (int(count.max()), size)
        index = numpy.zeros(shape, "int64")
        index[rank, read] = i[order]
        weight = None
        if self.weight is not None:
            weight = numpy.zeros(shape, self.weight.dtype)
            weight[rank, read] = self.weight[k, i][order]
        return Taps(index, weight, None if (count == shape[0]).all() else count)

    def merged(self) -> "Taps":
        """The same taps, all weight for an element in the first tap that reads it and none in the others."""
        if self.weight is None:
            return self
        weight = self.weight.copy()
        for k in range(1, len(weight)):
            for first in range(k):
                same = self.index[first] == self.index[k]
                weight[first][same] += weight[k][same]
                weight[k][same] = 0
        return replace(self, weight=weight)


# --- positions ----------------------------------------------------------------------------------------------------


class Spacing(NamedTuple):
    """How the places of an output dimension lie in the input.

    `ratio` is input size / output size, or the inverse of a scale that the caller gave, or with aligned corners
    (size - 1) / (places - 1); `kind` is the numpy type of the arithmetic.
    """

    size: int
    places: int
    ratio: Any
    aligned: bool
    kind: Any

    def positions(self) -> Array:
        """s (i + 1/2) - 1/2, rounded once; s i with aligned corners."""
        i = numpy.arange(self.places).astype(self.kind)
        if self.aligned:
            return self.ratio * i
        wide = numpy.float64 if self.kind.itemsize == 4 else numpy.longdouble
        half = self.kind.type(0.5)
        return (wide(self.ratio) * (i + half).astype(wide) - wide(0.5)).astype(self.kind)


def spacing(size: int, places: int, scale: float | None, aligned: bool, kind: Any) -> Spacing:
    """The spacing of `places` over `size` elements, in the arithmetic of `kind`; `scale` overrides the sizes' ratio.

    >>> spacing(4, 8, None, False, numpy.dtype("float32")).positions()[:3]
    array([-0.25,  0.25,  0.75], dtype=float32)
    """
    kind = numpy.dtype(kind)
    if aligned:
        ratio = kind.type(size - 1) / kind.type(places - 1) if places > 1 else kind.type(0)
    elif scale is not None:
        ratio = kind.type(1.0 / scale)
    else:
        ratio = kind.type(size) / kind.type(places)
    return Spacing(size, places, ratio, aligned, kind)


def _floor(position: Array) -> Array:
    """The floor as torch takes it: of the position rounded to float32."""
    return numpy.floor(position.astype("float32")).astype("int64")


# --- tables -------------------------------------------------------------------------------------------------------


def nearest_taps(size: int, places: int, scale: float | None, exact: bool) -> Taps:
    """One tap: element floor(s i), or with `exact` floor(s (i + 1/2)), in float32 whatever the type of the input."""
    if size == places and not exact:
        return Taps(numpy.arange(size)[None])
    if places == 2 * size and not exact:
        return Taps(numpy.arange(places)[None] // 2)
    ratio = spacing(size, places, scale, False, "float32").ratio
    i = numpy.arange(places).astype("float32") + numpy.float32(0.5 if exact else 0)
    return Taps(numpy.minimum(numpy.floor(i * ratio).astype("int64"), size - 1)[None])


def nearest_taps_by_position(at: Spacing, exact: bool) -> Taps:
    """One tap: the floor of s i, or with `exact` of the position of i plus 1/2, each in the arithmetic of the input."""
    if exact:
        position = numpy.maximum(at.positions(), 0) + at.kind.type(0.5)
    else:
        position = at._replace(aligned=True).positions()
    return Taps(numpy.minimum(_floor(position), at.size - 1)[None])


def linear_taps(at: Spacing) -> Taps:
    """Two taps: the elements on both sides of the position, by nearness; beyond the border the border's."""
    if at.size == at.places:
        return Taps(numpy.arange(at.size)[None], numpy.ones((1, at.size), at.kind))
    position = numpy.maximum(at.positions(), 0)
    left = numpy.minimum(_floor(position), at.size - 1)
    far = numpy.maximum(position - left.astype(at.kind), 0)  # the floor is that of float32, and may be above
    return Taps(numpy.stack([left, numpy.minimum(left + 1, at.size - 1)]), numpy.stack([1 - far, far]))


_INTERPOLATING = -0.75  # the slope of the cubic kernel at 1, as torch has it for plain interpolation
_ANTIALIASING = -0.5  # and with antialiasing, as imaging libraries have it


def cubic_pieces(slope: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The cubic convolution kernel (Keys 1981), a its slope at 1, by coefficients from t^3 down.

    (a + 2) t^3 - (a + 3) t^2 + 1 for t <= 1; a t^3 - 5 a t^2 + 8 a t - 4 a for t < 2; 0 beyond.
    """
    a = slope
    return (a + 2, -(a + 3), 0.0, 1.0), (a, -5 * a, 8 * a, -4 * a)


def horner(t: Array, coefficients: tuple[float, ...], fused: bool) -> Array:
    """The polynomial at t by fused multiply-adds; the last step is two roundings if not `fused`, as in torch's kernels."""
    kind = t.dtype.type
    wide = numpy.float64 if t.dtype.itemsize == 4 else numpy.longdouble
    x, total = t.astype(wide), numpy.full(t.shape, wide(coefficients[0]))
    for c in coefficients[1:-1]:
        total = (total * x + wide(c)).astype(t.dtype).astype(wide)
    last = coefficients[-1]
    return (total * x + wide(last)).astype(t.dtype) if fused else (total * x).astype(t.dtype) + kind(last)


def cubic_taps(at: Spacing) -> Taps:
    """Four taps around the position, by the cubic kernel; those beyond the border read the border's element."""
    position = at.positions()
    left = numpy.minimum(_floor(position), at.size - 1)
    t = numpy.maximum(position - left.astype(at.kind), 0)
    rest = 1 - t
    index = numpy.clip(left + numpy.arange(-1, 3)[:, None], 0, at.size - 1)
    near, far = cubic_pieces(_INTERPOLATING)
    weights = ((far, t + 1), (near, t), (near, rest), (far, rest + 1))
    return Taps(index, numpy.stack([horner(distance, piece, fused=False) for piece, distance in weights]))


def _triangle(distance: Array) -> Array:
    return numpy.maximum(1 - distance, 0)


def _cubic(distance: Array) -> Array:
    near, far = (horner(distance, piece, fused=True) for piece in cubic_pieces(_ANTIALIASING))
    return numpy.where(distance < 1, near, far)


def _lanczos(distance: Array) -> Array:
    """sinc(t) sinc(t / 3)."""
    t = distance.astype("float64")
    return (numpy.sinc(t) * numpy.sinc(t / 3)).astype(distance.dtype)


# The filters of antialiasing, by mode: how far they reach on both sides together, and their values.
FILTERS: dict[str, tuple[int, Callable[[Array], Array]]] = {
    "bilinear": (2, _triangle),
    "bicubic": (4, _cubic),
    "lanczos": (6, _lanczos),
}


def filter_taps(at: Spacing, reach: int, values: Callable[[Array], Array]) -> Taps:
    """All elements under the filter around s (i + 1/2), which is stretched where the output is the smaller one.

    With support r = reach / 2 max(s, 1): elements from floor(center - r + 1/2) to floor(center + r + 1/2) - 1, as far as
    there are any, with weights values(|j - center + 1/2| / max(s, 1)) that are divided by their sum.
    """
    kind = at.kind.type
    stretch = max(at.ratio, kind(1))
    support = kind(reach / 2) * stretch
    center = at.ratio * (numpy.arange(at.places).astype(at.kind) + kind(0.5))
    first = numpy.maximum((center - support + kind(0.5)).astype("int64"), 0)
    count = numpy.minimum((center + support + kind(0.5)).astype("int64"), at.size) - first
    k = numpy.arange(count.max())[:, None]
    weight = values(abs(((k + first).astype(at.kind) - center + kind(0.5)) * (kind(1) / stretch)))
    weight[k >= count] = 0
    weight /= weight.sum(axis=0)
    return Taps(numpy.minimum(k + first, at.size - 1), weight, None if (count == len(k)).all() else count)


# --- resampling ---------------------------------------------------------------------------------------------------


def _along(xp: Any, x: Array, axis: int, taps: Taps) -> Array:
    """x with dimension `axis` resampled: (.., n, ..) -> (.., m, ..)."""
    lead = (slice(None),) * axis
    if taps.weight is None and len(taps.index) == 1 and taps.count is None:
        return xp.take(x, xp.asarray(taps.index[0]), axis=axis)
    out = xp.zeros((*x.shape[:axis], taps.index.shape[1], *x.shape[axis + 1 :]), x.dtype)
    for k, index in enumerate(taps.index):
        places = slice(None) if taps.count is None or (taps.count > k).all() else numpy.flatnonzero(taps.count > k)
        part = xp.take(x, xp.asarray(index[places]), axis=axis)
        if taps.weight is not None:
            part *= xp.asarray(taps.weight[k][places]).reshape(-1, *(1,) * (x.ndim - axis - 1))
        where = (*lead, places if isinstance(places, slice) else xp.asarray(places))
        if k == 0 and isinstance(places, slice):
            out = part
        else:
            out[where] += part
    return out


def _resampled(xp: Any, x: Array, taps: tuple[Taps, ...]) -> Array:
    """The last dimensions of x resampled, the last one first; half types are computed in float32."""
    out = x.astype(_dtype.opmath(x.dtype), copy=False)
    for axis in range(x.ndim - 1, x.ndim - len(taps) - 1, -1):
        out = _along(xp, out, axis, taps[axis - x.ndim + len(taps)])
    return xp.ascontiguousarray(out).astype(x.dtype, copy=False)


@Primitive
def resample(xp: Any, x: Array, *, taps: tuple[Taps, ...], mirror: tuple[Taps, ...]) -> Array:
    """out[.., i, j] = sum_kl v[k, i] w[l, j] x[.., row[k, i], column[l, j]]        dL/dx = spread(g)

    `mirror` are the taps that the gradient goes by. They are `taps`, but for a nearest neighbour that torch seeks by two
    roundings: one forward, the other backward.
    """
    return _resampled(xp, x, taps)


@Primitive
def spread(xp: Any, g: Array, *, taps: tuple[Taps, ...], mirror: tuple[Taps, ...], sizes: tuple[int, ...]) -> Array:
    """x[.., row[k, i], column[l, j]] += v[k, i] w[l, j] g[.., i, j], by the taps `mirror`        dL/dg = resample(h)"""
    return _resampled(xp, g, tuple(t.transposed(size) for t, size in zip(mirror, sizes, strict=True)))


resample.vjp(
    x=lambda g, x_shape, taps, mirror: spread(g, taps=taps, mirror=mirror, sizes=tuple(x_shape[-len(taps) :])),
)
spread.vjp(g=lambda h, taps, mirror: resample(h, taps=taps, mirror=mirror))


# --- bytes --------------------------------------------------------------------------------------------------------

_WEIGHT_BITS = 15  # a weight is a 16-bit signed number
_MOST_PRECISION = 22


def whole_weights(weight: Array) -> tuple[Array, int]:
    """Weights as whole numbers times 2^-p, with the largest p <= 22 for which they fit into 16 bits."""
    largest = weight.max(initial=0.0)
    precision = 0
    while precision < _MOST_PRECISION and int(0.5 + largest * (1 << (precision + 1))) < 1 << _WEIGHT_BITS:
        precision += 1
    scaled = weight * (1 << precision)
    return numpy.trunc(scaled + numpy.copysign(0.5, scaled)).astype("int64"), precision


@Primitive
def resample_bytes(xp: Any, x: Array, *, taps: tuple[Taps | None, ...]) -> Array:
    """The last dimensions of uint8 x resampled in whole numbers, the last one first, each rounded and cut to 0 .. 255.

    A dimension with None for taps stays as it is.
    """
    out = x
    for axis in range(x.ndim - 1, x.ndim - len(taps) - 1, -1):
        table = taps[axis - x.ndim + len(taps)]
        if table is None:
            continue
        weight, precision = whole_weights(table.weight)
        total = _along(xp, out.astype("int64"), axis, replace(table, weight=weight))
        out = xp.clip((total + (1 << (precision - 1))) >> precision, 0, 255).astype("uint8")
    return xp.ascontiguousarray(out)
