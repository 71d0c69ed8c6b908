"""Max pooling by maxima: the values, and of the winners no more than a gradient needs, a byte each.

    out[.., i] = max_k x[.., i s + k d - p]        dL/dx[.., j] = sum of g[.., i] over the windows i that j won

Index glossary: i window, k kernel position, j position in the plane (each has one component per spatial dimension);
s stride, d dilation, p padding, with -inf outside x. As in torch nan wins, the last one of a window, and of equal maxima
the first; which of two zeros of different sign comes out is left open.

A maximum over a box is a maximum along one side after the other: 2 K passes over shrinking arrays, where
`pool.winners`, which keeps positions beside values, takes several K^2. Where a gradient will be asked for, the rank of
the kernel position that won is kept: K^2 for the first and 1 for the last, so that of equals the first ranks highest.

Shapes: x (.., *I); out, g and ranks (.., *P).
"""

import functools
import math
from itertools import product
from typing import Any

import numpy

from refnet import _dtype
from refnet._batch_last import like_rows
from refnet._ops.index import put
from refnet._ops.pool import lowest, plane_starts, positions, slices, surrounded, winners
from refnet._recording.active import lasting
from refnet._tape import Primitive, mode
from refnet._threads import share
from refnet._workspace import copy, empty

Array = Any
Ints = tuple[int, ...]
Geometry = tuple[Ints, Ints, Ints, Ints, Ints]  # kernel, stride, padding, dilation, places

_BLOCK = 1 << 19  # bytes of x at a time: half of a core's second-level cache


def pooled(x: Any, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, places: Ints) -> Any:
    """The maxima of the windows of a tensor x, differentiably."""
    ranks = None
    if mode.grad and x.requires_grad:
        shape = (*x.shape[: x.ndim - len(kernel)], *places)
        kind = numpy.min_scalar_type(math.prod(kernel))
        ranks = x.device.xp.empty(shape, kind) if x._batch_last is None else like_rows(shape, kind)
    geometry = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation, "places": places}
    return window_maxima(x, ranks=ranks, **geometry)


@Primitive
def window_maxima(
    xp: Any, x: Array, *, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, places: Ints, ranks: Array | None
) -> Array:
    """out[.., i] = max_k x[.., i s + k d - p], row-major; the winners' ranks are left in `ranks`

    dL/dx = g put where the winners are
    """
    geometry = kernel, stride, padding, dilation, places
    n = len(kernel)
    lead = x.shape[: x.ndim - n]
    planes = copy(xp, x).reshape(-1, *x.shape[x.ndim - n :])
    if x.dtype.kind in "fV":
        planes = planes.astype(_dtype.opmath(x.dtype), copy=False)  # float32 holds every half
    out = empty(xp, (len(planes), *places), x.dtype)
    ranked = None if ranks is None else ranks.reshape(out.shape)  # a copy where they lie batch last

    def work(part: slice) -> None:
        around = best = surrounded(xp, planes[part], *geometry, lowest(planes.dtype))
        for axis in range(n):
            best = _along(xp, best, axis + 1, kernel[axis], stride[axis], dilation[axis], places[axis])
        out[part] = best
        if ranked is not None:
            _rank(xp, ranked[part], planes[part], around, best, geometry)

    _by_planes(xp, planes, work)
    if ranks is not None and ranked is not None and not ranks.flags.c_contiguous:
        ranks[...] = ranked.reshape(ranks.shape)
    return out.reshape(*lead, *places)


@window_maxima.variant
def window_maxima_by_winners(
    xp: Any, x: Array, *, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, places: Ints, ranks: Array | None
) -> Array:
    """The elements at the positions that `winners` finds."""
    n = len(kernel)
    geometry = kernel, stride, padding, dilation, places
    index = winners(xp, x, *geometry)
    if ranks is not None:
        ranks[...] = _ranks_of(xp, index, x.shape[x.ndim - n :], geometry)
    return x.reshape(-1)[index + plane_starts(xp, x.shape, n)]


def _along(xp: Any, x: Array, axis: int, k: int, s: int, d: int, m: int) -> Array:
    """The maxima of m windows along one axis."""
    before = (slice(None),) * axis
    if axis == x.ndim - 1 and s > 1:
        return _neighbours(xp, x, k, d)[(*before, slice(0, s * (m - 1) + 1, s))]
    return _largest(xp, [x[(*before, slice(i * d, i * d + s * (m - 1) + 1, s))] for i in range(k)])


def _neighbours(xp: Any, x: Array, k: int, d: int) -> Array:
    """The maxima of the windows that start at each element, along the last axis; those that leave their row are void.

    numpy is several times as fast on neighbours, of all rows in one run, as on every s-th element of each.
    """
    out = xp.empty(x.shape, x.dtype)
    line = xp.ascontiguousarray(x).reshape(-1)
    count = max(0, line.size - (k - 1) * d)
    _largest(xp, [line[i * d : i * d + count] for i in range(k)], out=out.reshape(-1)[:count])
    return out


def _largest(xp: Any, arrays: list[Array], out: Array = None) -> Array:
    """The elementwise maximum."""
    if len(arrays) == 1:
        return arrays[0] if out is None else xp.copyto(out, arrays[0])
    out = xp.maximum(arrays[1], arrays[0], out=out)
    for each in arrays[2:]:
        xp.maximum(each, out, out=out)
    return out


def _by_planes(xp: Any, planes: Array, work: Any) -> None:
    """work(part) for slices of the planes, by several threads."""
    step = max(1, _BLOCK // max(1, math.prod(planes.shape[1:]) * planes.itemsize)) if xp is numpy else len(planes)
    share(lambda number: work(slice(number * step, (number + 1) * step)), -(-len(planes) // max(step, 1)), worth=4)


# --- winners ----------------------------------------------------------------------------------------------------------


def _rank(xp: Any, ranks: Array, x: Array, around: Array, best: Array, geometry: Geometry) -> None:
    """ranks <- the rank of the first kernel position whose element equals the maximum, `best`."""
    kernel, stride, padding, dilation, places = geometry
    if any(padding):  # by nan, which equals nothing: -inf may be a maximum
        around = surrounded(xp, x, *geometry, math.nan)
    ranks[...] = 0
    best = xp.ascontiguousarray(best)
    hit = xp.empty(best.shape, bool)
    for rank, k in zip(range(math.prod(kernel), 0, -1), product(*map(range, kernel)), strict=True):
        xp.equal(around[slices(k, stride, dilation, places)], best, out=hit)
        xp.maximum(ranks, hit.view("uint8") * ranks.dtype.type(rank), out=ranks)
    if not ranks.all():  # nan
        ranks[...] = _ranks_of(xp, winners(xp, x, *geometry), x.shape[1:], geometry)


def _ranks_of(xp: Any, index: Array, sizes: Ints, geometry: Geometry) -> Array:
    """The ranks of the winners at these positions of their planes."""
    steps = _steps(xp, sizes, *geometry)[1]
    return len(steps) - 1 - xp.searchsorted(steps[:0:-1], index - _steps(xp, sizes, *geometry)[0])


@lasting
@functools.lru_cache(maxsize=256)
def _steps(
    xp: Any, sizes: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, places: Ints
) -> tuple[Array, Array]:
    """The plane position where each window starts, (*P), and how far from there the kernel position of each rank is."""
    starts = positions(xp, (0,) * len(kernel), sizes, stride, padding, dilation, places)
    steps = [0]
    for k in product(*(range(k - 1, -1, -1) for k in kernel)):
        away = 0
        for size, i, d in zip(sizes, k, dilation, strict=True):
            away = away * size + i * d
        steps.append(away)
    return starts, xp.asarray(steps)


def _positions_of(xp: Any, ranks: Array, shape: Ints, geometry: Geometry) -> Array:
    """The positions of the winners in an array of this shape."""
    n = len(geometry[0])
    starts, steps = _steps(xp, shape[len(shape) - n :], *geometry)
    index = xp.take(steps, ranks)
    index += starts
    index += plane_starts(xp, shape, n)
    return index


def _rule(g: Any, x_shape: Ints, ranks: Array, **geometry: Ints) -> Any:
    kernel, stride, padding, dilation, places = map(
        geometry.__getitem__, ("kernel", "stride", "padding", "dilation", "places")
    )
    index = _positions_of(g.device.xp, ranks, x_shape, (kernel, stride, padding, dilation, places))
    return put(g, index=index, shape=x_shape)


window_maxima.vjp(x=_rule)


@window_maxima.directly
def window_maxima_gradient(
    xp: Any,
    g: Array,
    wanted: tuple[bool, ...],
    x_shape: Ints,
    ranks: Array,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    places: Ints,
) -> list[Array]:
    """g added where the winners are, some planes at a time."""
    geometry = kernel, stride, padding, dilation, places
    sizes = x_shape[len(x_shape) - len(kernel) :]
    dx = empty(xp, (math.prod(x_shape[: len(x_shape) - len(kernel)]), *sizes), g.dtype)
    ranked, g = ranks.reshape(-1, *places), g.reshape(-1, *places)

    def work(part: slice) -> None:
        target = dx[part]
        target[...] = 0
        index = _positions_of(xp, ranked[part], target.shape, geometry)
        xp.add.at(target.reshape(-1), index.reshape(-1), g[part].reshape(-1))

    _by_planes(xp, dx, work)
    return [dx.reshape(x_shape)]
