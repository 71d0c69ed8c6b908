"""Convolution by kernels: columns and one GEMM for the batch, or where that would not pay one kernel for the map."""

import functools
import math
from typing import Any

import numpy

from refnet._kernels.launch import blocks, dense, each, find
from refnet._kernels.pool import window

Array = Any
Ints = tuple[int, ...]

WORKSPACE = 1 << 28  # bytes of columns at a time
LAYERS = numpy.dtype([(name, "int64") for name in ("n", "c", "o", "groups")])

_DIMS = 3  # of an image, for the kernels
_DIRECT = 1 << 24  # multiply-adds up to which one kernel takes less time than columns, a GEMM and a transposition
_NARROW = 64  # rows of the columns of a group: below, a GEMM for each group is mostly overhead
_PART = 4096  # elements a block sums up
_BLOCKS = 1024


@functools.lru_cache(maxsize=256)
def layers(n: int, c: int, o: int, groups: int) -> Array:
    """Batch size and channels as the kernels take them, by value."""
    return numpy.array((n, c, o, groups), LAYERS)


class Geometry:
    """The sizes of a convolution of x (N, C, *I) with w (O, C / G, *K) to (N, O, *P)."""

    def __init__(
        self, x: Ints, w: Ints, places: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
    ) -> None:
        self.x, self.w, self.places, self.groups = x, w, places, groups
        self.out = (x[0], w[0], *places)
        sizes = (*x, *w, *places)
        self.known = len(places) <= _DIMS and min(sizes) > 0 and max(sizes) < 2**30  # to the kernels
        self.window = window(x[2:], w[2:], stride, padding, dilation, places) if self.known else None
        self.area = math.prod(places)
        self.rows = math.prod(w[1:])  # of the columns of a group
        self.covers = x[2:] == w[2:] and groups == 1 and not any(padding)  # the kernel sees all at its only place

    def goes_directly(self) -> bool:
        """Whether the map is better computed without a GEMM."""
        narrow = self.groups > 1 and self.rows < _NARROW
        return narrow or math.prod(self.out) * self.rows <= _DIRECT

    def layers(self, n: int) -> Array:
        """Of n images."""
        return layers(n, self.x[1], self.w[0], self.groups)

    def batches(self, itemsize: int) -> list[slice]:
        """The batch in slices whose columns fit `WORKSPACE`."""
        step = max(1, WORKSPACE // max(1, self.groups * self.rows * self.area * itemsize))
        return [slice(i, min(i + step, self.x[0])) for i in range(0, self.x[0], step)]


@functools.lru_cache(maxsize=256)
def _geometry(
    x: Ints, w: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int, places: Ints | None = None
) -> Geometry:
    if places is None:
        numbers = zip(x[2:], w[2:], stride, padding, dilation, strict=True)
        places = tuple((size + 2 * p - d * (k - 1) - 1) // s + 1 for size, k, s, p, d in numbers)
    return Geometry(x, w, places, stride, padding, dilation, groups)


def _columns(xp: Any, x: Array, geometry: Geometry) -> Array:
    """The windows of x (N, C, *I) as (G, C/G K, N P)."""
    n = len(x)
    cols = xp.empty((geometry.groups, geometry.rows, n * geometry.area), x.dtype)
    count = n * x.shape[1] * geometry.area
    each(find(xp, "conv", "im2col", x.dtype.char), count, x, cols, geometry.window, geometry.layers(n))
    return cols


def _channels_first(xp: Any, g: Array, geometry: Geometry) -> Array:
    """g (N, O, *P) as (G, O/G, N P)"""
    n, o = g.shape[:2]
    out = xp.empty((geometry.groups, o // geometry.groups, n * geometry.area), g.dtype)
    each(find(xp, "conv", "channels_first", g.dtype.char), g.size, g, out, n, o, geometry.area)
    return out


def _batch_first(xp: Any, found: Array, b: Array | None, out: Array, area: int) -> None:
    """(G, O/G, N P) + b into out (N, O, *P)."""
    each(find(xp, "conv", "batch_first", out.dtype.char), out.size, found, b, out, *out.shape[:2], area)


def _products(xp: Any, x: Array, y: Array) -> Array:
    """x[i] @ y[i]; one product, of one group, by the function for matrices, which copies no transposed ones."""
    return xp.matmul(x, y) if len(x) > 1 else xp.matmul(x[0], y[0])


def conv(
    xp: Any, x: Array, w: Array, b: Array = None, *, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Array:
    """out[n,o,i] = b[o] + sum_ck x[n,c,i s + k d - p] w[o,c,k]"""
    geometry = _geometry(x.shape, w.shape, stride, padding, dilation, groups)
    given = dense(xp, x, w, b) if geometry.known else None
    if given is None:
        return NotImplemented
    x, w, b = given
    out = xp.empty(geometry.out, x.dtype)
    if geometry.goes_directly():
        kernel = find(xp, "conv", "convolve", x.dtype.char)
        each(kernel, out.size, x, w, b, out, geometry.window, geometry.layers(len(x)))
        return out
    rows = w.reshape(groups, w.shape[0] // groups, geometry.rows)
    for some in geometry.batches(x.itemsize):
        _batch_first(xp, _products(xp, rows, _columns(xp, x[some], geometry)), b, out[some], geometry.area)
    return out


def conv_input(
    xp: Any, g: Array, w: Array, *, shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Array:
    """x[n,c,j] = sum of g[n,o,i] w[o,c,k] over j = i s + k d - p"""
    geometry = _geometry(shape, w.shape, stride, padding, dilation, groups, g.shape[2:])
    given = dense(xp, g, w) if geometry.known else None
    if given is None:
        return NotImplemented
    g, w = given
    if geometry.covers:
        return xp.matmul(g.reshape(len(g), -1), w.reshape(len(w), -1)).reshape(shape)
    out, kind = xp.empty(shape, g.dtype), g.dtype.char
    if geometry.goes_directly():
        each(find(xp, "conv", "convolve_input", kind), out.size, g, w, out, geometry.window, geometry.layers(len(g)))
        return out
    columns = w.reshape(groups, w.shape[0] // groups, geometry.rows).swapaxes(1, 2)
    for some in geometry.batches(g.itemsize):
        cols = _products(xp, columns, _channels_first(xp, g[some], geometry))
        part = out[some]
        each(find(xp, "conv", "col2im", kind), part.size, cols, part, geometry.window, geometry.layers(len(part)))
    return out


def conv_weight(
    xp: Any, g: Array, x: Array, *, shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Array:
    """w[o,c,k] = sum_ni g[n,o,i] x[n,c,i s + k d - p]"""
    geometry = _geometry(x.shape, shape, stride, padding, dilation, groups, g.shape[2:])
    given = dense(xp, g, x) if geometry.known else None
    if given is None:
        return NotImplemented
    g, x = given
    if geometry.covers:
        return xp.matmul(g.reshape(len(g), -1).T, x.reshape(len(x), -1)).reshape(shape)
    total: Any = None
    for some in geometry.batches(x.itemsize):
        cols = _columns(xp, x[some], geometry)
        found = _products(xp, _channels_first(xp, g[some], geometry), cols.swapaxes(1, 2))
        total = found if total is None else xp.add(total, found, out=total)
    return total.reshape(shape)


def channel_sums(xp: Any, g: Array) -> Array:
    """The sums of g (N, C, *) over all but the channels."""
    given = dense(xp, g) if g.ndim > 1 and g.size else None
    if given is None:
        return NotImplemented
    (g,) = given
    (n, channels), area = g.shape[:2], math.prod(g.shape[2:])
    parts = max(1, min(-(-n * area // _PART), _BLOCKS // channels))
    out, kind = xp.empty(channels, g.dtype), g.dtype.char
    partial = xp.empty((channels, parts)) if parts > 1 else None
    blocks(find(xp, "conv", "channel_sums", kind), channels * parts, g, partial, out, n, channels, area, parts)
    if parts > 1:
        each(find(xp, "conv", "sums_of_parts", kind), channels, partial, out, channels, parts)
    return out


def conv_gradients(
    xp: Any,
    g: Array,
    wanted: tuple[bool, ...],
    x: Array,
    x_shape: Ints,
    w: Array,
    w_shape: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
) -> Any:
    """The gradients of x, w and b."""
    options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    found = [
        conv_input(xp, g, w, shape=x_shape, **options) if wanted[0] else None,
        conv_weight(xp, g, x, shape=w_shape, **options) if wanted[1] else None,
        channel_sums(xp, g) if wanted[2] else None,
    ]
    return NotImplemented if any(share is NotImplemented for share in found) else found
