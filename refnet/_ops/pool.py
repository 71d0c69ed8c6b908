"""Pooling: the largest, or the mean, of windows that slide over the last dimensions.

Each window is visited by kernel position, not by place: for one kernel position k all windows' elements
x[.., i s + k d - p] are one strided slice, so a pool is prod(K) passes over arrays of the output's size.

Max pooling that is asked for positions finds the winners on bare arrays and takes them differentiably: `take` and its
adjoint `put` are the gradients of every order (`max_pool` is the pool that is not asked). As in torch the first of equal maxima wins, and nan wins over everything, the last nan of a
window over the others.
"""

import functools
import math
from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy

from refnet import _dtype
from refnet._kernels import pool as kernels
from refnet._ops._arrays import assign_at
from refnet._ops.index import put, take
from refnet._recording.active import lasting
from refnet._tape import Primitive, takes_kernels, wrap
from refnet._workspace import empty

Array = Any
Ints = tuple[int, ...]


def pooled_size(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """floor((size + 2 p - d (k - 1) - 1) / s) + 1; with `ceil_mode` ceil, but no window may start in the right padding.

    >>> pooled_size(7, 2, 2, 0, 1, False), pooled_size(7, 2, 2, 0, 1, True)
    (3, 4)
    """
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return room // stride + 1
    places = -(-room // stride) + 1
    return places - 1 if (places - 1) * stride >= size + padding else places


def surrounded(
    xp: Any, x: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, places: Ints, value: Any
) -> Array:
    """x with `value` around it, as far as the windows reach; x itself where they stay inside."""
    n = len(kernel)
    sizes = x.shape[-n:]
    reach = tuple(
        max((m - 1) * s + d * (k - 1) + 1, size + p)
        for m, s, d, k, size, p in zip(places, stride, dilation, kernel, sizes, padding, strict=True)
    )
    if reach == sizes and not any(padding):
        return x
    out = xp.full((*x.shape[:-n], *reach), value, x.dtype)
    out[(..., *(slice(p, p + size) for p, size in zip(padding, sizes, strict=True)))] = x
    return out


def slices(k: Ints, stride: Ints, dilation: Ints, places: Ints) -> tuple[Any, ...]:
    """Where kernel position k of every window lies in the surrounded input."""
    starts = [i * d for i, d in zip(k, dilation, strict=True)]
    return (..., *(slice(a, a + s * (m - 1) + 1, s) for a, s, m in zip(starts, stride, places, strict=True)))


# --- maximum ------------------------------------------------------------------------------------------------------


def winners(xp: Any, x: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, places: Ints) -> Array:
    """The position of each window's maximum in its plane, counted in row-major order: int64, (.., *P)."""
    n = len(kernel)
    sizes = x.shape[-n:]
    least = lowest(x.dtype)
    around = surrounded(xp, x, kernel, stride, padding, dilation, places, least)
    best = xp.full((*x.shape[:-n], *places), least, x.dtype)
    index = xp.broadcast_to(_first_inside(xp, sizes, stride, padding, dilation, places), best.shape).copy()
    for k in product(*map(range, kernel)):
        here = around[slices(k, stride, dilation, places)]
        better = (here > best) | xp.isnan(here) if x.dtype.kind in "fV" else here > best
        best = xp.where(better, here, best)
        index = xp.where(better, positions(xp, k, sizes, stride, padding, dilation, places), index)
    return index


def lowest(dtype: Any) -> Any:
    return -math.inf if dtype.kind in "fV" else numpy.iinfo(dtype).min


def positions(xp: Any, k: Ints, sizes: Ints, stride: Ints, padding: Ints, dilation: Ints, places: Ints) -> Array:
    """The plane position of kernel position k of every window."""
    position = xp.zeros((), "int64")
    for size, i, s, p, d, m in zip(sizes, k, stride, padding, dilation, places, strict=True):
        position = position[..., None] * size + (xp.arange(m) * s + i * d - p)
    return position


def _first_inside(xp: Any, sizes: Ints, stride: Ints, padding: Ints, dilation: Ints, places: Ints) -> Array:
    """The first position of every window that is not in the padding: the winner where all elements are -inf."""
    position = xp.zeros((), "int64")
    for size, s, p, d, m in zip(sizes, stride, padding, dilation, places, strict=True):
        start = xp.arange(m) * s - p
        position = position[..., None] * size + xp.where(start < 0, start + -(start // d) * d, start)
    return position


def take_winners(x: Any, index: Array, dims: int) -> tuple[Any, Any]:
    """The elements of x at plane positions `index`, differentiably, and the positions as a tensor."""
    return take(x, index=index + plane_starts(x.device.xp, x.shape, dims)), wrap(index, x.device)


def plane_starts(xp: Any, shape: Ints, dims: int) -> Array:
    """Where the planes, of `dims` dimensions, of an array of this shape begin, (.., 1, 1)."""
    lead, plane = shape[: len(shape) - dims], math.prod(shape[len(shape) - dims :])
    return (xp.arange(math.prod(lead)) * plane).reshape(*lead, *(1,) * dims)


@Primitive
def window_max(
    xp: Any, x: Array, *, index: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, places: Ints
) -> Array:
    """out[.., i] = x[.., index[.., i]], the maximum of window i        dL/dx = each g at its index, summed

    The positions are left in `index`, int64. What `max_windows` is on a GPU, where one kernel finds values and positions.
    """
    index[...] = winners(xp, x, kernel, stride, padding, dilation, places)
    return take.forward(xp, x, index=index + plane_starts(xp, x.shape, len(kernel)))


def _window_max_rule(g: Any, x_shape: Ints, index: Array, kernel: Ints) -> Any:
    return put(g, index=index + plane_starts(g.device.xp, x_shape, len(kernel)), shape=x_shape)


window_max.vjp(x=_window_max_rule)
window_max.on_gpu(kernels.max_pool)
window_max.directly_on_gpu(kernels.max_pool_gradient)


def max_windows(x: Any, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, places: Ints) -> tuple[Any, Any]:
    """The maxima of the windows of x, differentiably, and their positions in their planes."""
    xp = x.device.xp
    if not takes_kernels(xp):
        return take_winners(x, winners(xp, x._array, kernel, stride, padding, dilation, places), len(kernel))
    index = xp.empty((*x.shape[: x.ndim - len(kernel)], *places), "int64")
    geometry = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation, "places": places}
    return window_max(x, index=index, **geometry), wrap(index, x.device)


def adaptive_bounds(size: int, places: int) -> list[slice]:
    """Window i of an adaptive pool: from floor(i size / places) to ceil((i + 1) size / places).

    >>> adaptive_bounds(5, 3)
    [slice(0, 2, None), slice(1, 4, None), slice(3, 5, None)]
    """
    return [slice(i * size // places, -(-(i + 1) * size // places)) for i in range(places)]


def adaptive_winners(xp: Any, x: Array, places: Ints) -> Array:
    """The position of each adaptive window's maximum in its plane: int64, (.., *P)."""
    n = len(places)
    sizes = x.shape[-n:]
    index = xp.empty((*x.shape[:-n], *places), "int64")
    plane = xp.arange(math.prod(sizes)).reshape(sizes)
    bounds = [adaptive_bounds(size, m) for size, m in zip(sizes, places, strict=True)]
    for i in product(*map(range, places)):
        window = tuple(b[j] for b, j in zip(bounds, i, strict=True))
        values = x[(..., *window)].reshape(*x.shape[:-n], math.prod(s.stop - s.start for s in window))
        index[(..., *i)] = plane[window].reshape(-1)[winner(xp, values)]
    return index


def winner(xp: Any, values: Array) -> Array:
    """The first maximum along the last dimension, or the last nan."""
    first = values.argmax(-1)
    if values.dtype.kind not in "fV":
        return first
    missing = xp.isnan(values)
    last_nan = values.shape[-1] - 1 - missing[..., ::-1].argmax(-1)
    return xp.where(missing.any(-1), last_nan, first)


@Primitive
def unpool(xp: Any, x: Array, *, index: Array, shape: Ints) -> Array:
    """Zeros of `shape` with x[i] at position index[i]; of several for one position the last        dL/dx = g[index]"""
    out = xp.zeros(shape, x.dtype)
    assign_at(xp, out.reshape(-1), index, x)
    return out


unpool.vjp(x=lambda g, index: take(g, index=index))


# --- mean ---------------------------------------------------------------------------------------------------------


def divisors(
    xp: Any, sizes: Ints, kernel: Ints, stride: Ints, padding: Ints, places: Ints, count_padding: bool
) -> Array:
    """How many elements each window of an average counts: those of the input, and those of the padding if asked."""
    count = xp.ones((), "int64")
    for size, k, s, p, m in zip(sizes, kernel, stride, padding, places, strict=True):
        start = xp.arange(m) * s - p
        end = xp.minimum(start + k, size + p)
        inside = xp.minimum(end, size) - xp.maximum(start, 0)
        count = count[..., None] * (end - start if count_padding else inside)
    return count


def divisor(
    xp: Any, sizes: Ints, kernel: Ints, stride: Ints, padding: Ints, places: Ints, count_padding: bool
) -> Array | int:
    """`divisors`, or the one number where all windows count as many."""
    found = _divisor(sizes, kernel, stride, padding, places, count_padding)
    if isinstance(found, int) or xp is numpy:
        return found
    return divisors(xp, sizes, kernel, stride, padding, places, count_padding)


@lasting
@functools.lru_cache(maxsize=256)
def _divisor(sizes: Ints, kernel: Ints, stride: Ints, padding: Ints, places: Ints, count_padding: bool) -> Array | int:
    """The same on the host, where looking at the counts costs no wait for a GPU."""
    count = divisors(numpy, sizes, kernel, stride, padding, places, count_padding)
    most = int(count.max())
    return most if int(count.min()) == most else count


@Primitive
def window_mean(xp: Any, x: Array, *, kernel: Ints, stride: Ints, padding: Ints, places: Ints, divisor: Array) -> Array:
    """out[.., i] = sum_k x[.., i s + k - p] / divisor[i]        dL/dx = window_share(g)

    Windows that tile x are added up one dimension at a time.
    """
    out_type = x.dtype
    compute = _dtype.opmath(out_type)
    x = x.astype(compute, copy=False)
    if tiles(x.shape, kernel, stride, padding, places):
        return divided(tile_sums(x, kernel, range(x.ndim - len(kernel), x.ndim)), divisor).astype(out_type, copy=False)
    ones = (1,) * len(kernel)
    around = surrounded(xp, x, kernel, stride, padding, ones, places, 0)
    total = xp.zeros((*x.shape[: -len(kernel)], *places), compute)
    for k in product(*map(range, kernel)):
        total += around[slices(k, stride, ones, places)]
    return divided(total, divisor).astype(out_type, copy=False)


@Primitive
def window_share(
    xp: Any, g: Array, *, shape: Ints, kernel: Ints, stride: Ints, padding: Ints, places: Ints, divisor: Array
) -> Array:
    """x[.., j] = sum of g[.., i] / divisor[i] over j = i s + k - p        dL/dg = window_mean(h)"""
    compute = _dtype.opmath(g.dtype)
    ones, n = (1,) * len(kernel), len(kernel)
    share = divided(g.astype(compute), divisor)
    if tiles(shape, kernel, stride, padding, places):
        return _tiled(xp, share, kernel).astype(g.dtype, copy=False)
    around = surrounded(xp, xp.zeros(shape, compute), kernel, stride, padding, ones, places, 0)
    for k in product(*map(range, kernel)):
        around[slices(k, stride, ones, places)] += share
    inside = tuple(slice(p, p + size) for p, size in zip(padding, shape[-n:], strict=True))
    return xp.ascontiguousarray(around[(..., *inside)]).astype(g.dtype, copy=False)


def tiles(shape: Ints, kernel: Ints, stride: Ints, padding: Ints, places: Ints) -> bool:
    """Whether the windows cover the last dimensions of x without overlap or rest."""
    exact = all(m * k == size for m, k, size in zip(places, kernel, shape[-len(kernel) :], strict=True))
    return exact and kernel == stride and not any(padding)


def tile_sums(x: Array, kernel: Ints, axes: Iterable[int]) -> Array:
    """The sums over the tiles of x along `axes`, each P K -> P."""
    for d, k in zip(axes, kernel, strict=True):
        shape = (*x.shape[:d], x.shape[d] // k, *x.shape[d + 1 :])
        parts = x.reshape(-1, k, math.prod(shape[d + 1 :]))
        total = parts[:, 0] + parts[:, 1] if k > 1 else parts[:, 0].copy()
        for i in range(2, k):
            total += parts[:, i]
        x = total.reshape(shape)
    return x


def _tiled(xp: Any, x: Array, kernel: Ints) -> Array:
    """Each element as a tile of copies, (.., P1, P2) -> (.., P1 K1, P2 K2)."""
    for d, k in reversed(list(enumerate(kernel, x.ndim - len(kernel)))):
        rest = math.prod(x.shape[d + 1 :])
        copies = empty(xp, (x.size // max(rest, 1), k, rest), x.dtype)
        for i in range(k):
            copies[:, i] = x.reshape(-1, rest)
        x = copies.reshape(*x.shape[:d], x.shape[d] * k, *x.shape[d + 1 :])
    return x


def divided(total: Array, divisor: Any) -> Array:
    """total / divisor in the type of total: whole numbers are rounded towards zero."""
    if total.dtype.kind != "f":
        return (total / divisor).astype(total.dtype)
    total /= divisor.astype(total.dtype) if hasattr(divisor, "astype") else divisor
    return total


window_mean.vjp(x=lambda g, x_shape, **p: window_share(g, shape=x_shape, **p))
window_share.vjp(g=lambda h, shape, **p: window_mean(h, **p))


@window_mean.directly
def window_mean_gradient(
    xp: Any,
    g: Array,
    wanted: tuple[bool, ...],
    x_shape: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    places: Ints,
    divisor: Any,
) -> list[Array]:
    """`window_share` of g."""
    geometry = {"kernel": kernel, "stride": stride, "padding": padding, "places": places}
    return [window_share.forward(xp, g, shape=x_shape, divisor=divisor, **geometry)]


window_mean.on_gpu(kernels.window_mean)
window_mean.directly_on_gpu(kernels.window_mean_gradient)
window_share.on_gpu(kernels.window_share)


@Primitive
def adaptive_mean(xp: Any, x: Array, *, places: Ints) -> Array:
    """out[.., i] = the mean of x over adaptive window i        dL/dx = adaptive_share(g)"""
    n = len(places)
    compute = _dtype.opmath(x.dtype)
    values = xp.ascontiguousarray(x.astype(compute, copy=False))
    if all(m and size % m == 0 for size, m in zip(x.shape[-n:], places, strict=True)):
        return _block_means(values, places).astype(x.dtype, copy=False)
    out = xp.empty((*x.shape[:-n], *places), compute)
    bounds = [adaptive_bounds(size, m) for size, m in zip(x.shape[-n:], places, strict=True)]
    for i in product(*map(range, places)):
        window = values[(..., *(b[j] for b, j in zip(bounds, i, strict=True)))]
        out[(..., *i)] = window.mean(axis=tuple(range(-n, 0)))
    return out.astype(x.dtype, copy=False)


def _block_means(values: Array, places: Ints) -> Array:
    """The means of equal blocks, all at once."""
    n, lead = len(places), values.ndim - len(places)
    blocks = [side for size, m in zip(values.shape[lead:], places, strict=True) for side in (m, size // m)]
    order = (*range(lead), *range(lead, lead + 2 * n, 2), *range(lead + 1, lead + 2 * n, 2))
    values = values.reshape(*values.shape[:lead], *blocks).transpose(order)  # (.., M, K, ..) -> (.., *M, *K)
    return values.reshape(*values.shape[: lead + n], math.prod(blocks[1::2])).mean(-1)


@Primitive
def adaptive_share(xp: Any, g: Array, *, shape: Ints, places: Ints) -> Array:
    """x = each g[.., i] spread evenly over adaptive window i, summed        dL/dg = adaptive_mean(h)"""
    n = len(places)
    compute = _dtype.opmath(g.dtype)
    out = xp.zeros(shape, compute)
    bounds = [adaptive_bounds(size, m) for size, m in zip(shape[-n:], places, strict=True)]
    for i in product(*map(range, places)):
        window = tuple(b[j] for b, j in zip(bounds, i, strict=True))
        count = math.prod(w.stop - w.start for w in window)
        out[(..., *window)] += (g[(..., *i)].astype(compute) / compute.type(count)).reshape(*shape[:-n], *(1,) * n)
    return out.astype(g.dtype, copy=False)


adaptive_mean.vjp(x=lambda g, x_shape, places: adaptive_share(g, shape=x_shape, places=places))
adaptive_share.vjp(g=lambda h, places: adaptive_mean(h, places=places))
