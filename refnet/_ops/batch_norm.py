"""Batch normalization in one operation: each channel by the mean and variance of the batch, then scaled and shifted.

    out = w z + b,    z = (x - m) r,    r = 1 / sqrt(v + eps),    m, v the mean and (biased) variance over all but C

with gradients, for n elements a channel,

    dL/db = sum g        dL/dw = sum g z        dL/dx = w r (g - (dL/db + z dL/dw) / n)

Shapes: x, g, out (N, C, *); w, b, m, v (C,). Arrays are walked a few samples at a time, so that what one pass leaves in
the cache the next finds there.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from refnet import _dtype
from refnet._kernels import batch_norm as kernels
from refnet._ops._accumulate import row_products
from refnet._ops.reduce import var_mean
from refnet._tape import Primitive, takes_kernels, wrap
from refnet._threads import share_slices
from refnet._workspace import empty

Array = Any

_BLOCK = 1 << 20  # bytes: what a core's second-level cache holds
_WORTH = 1 << 21  # bytes that are worth another thread
_MANY = 4  # samples
_LONG = 1 << 14  # elements of a sample
_SMALL = 1 << 13  # elements


@Primitive
def batch_norm(xp: Any, x: Array, w: Array = None, b: Array = None, *, eps: float, moments: Array) -> Array:
    """out = w z + b; m and v are left in `moments`, (2, C) of float64, for the gradients and the running statistics.

    The mean is subtracted as rounded to x's type; the mean of what is left, 0 but for that rounding, corrects the shift.
    """
    if x.size <= _SMALL:
        return _small(xp, x, w, b, eps, moments)
    compute = _dtype.opmath(x.dtype)
    wide = x.astype(compute, copy=False).reshape(*x.shape[:2], -1)
    n = x.size // x.shape[1]
    ones = xp.ones(wide.shape[2], compute)
    sums = xp.empty((2, *wide.shape[:2]), compute)  # of each row, and of its squares
    deviation = empty(xp, wide.shape, compute)

    def add_up(part: slice) -> None:
        row_products(xp, wide[part], ones, sums[0, part])

    def spread(part: slice) -> None:
        into = xp.subtract(wide[part], centres, out=deviation[part])
        row_products(xp, into, ones, sums[0, part])
        row_products(xp, into, into, sums[1, part])

    def scale(part: slice) -> None:
        into = deviation[part]
        into *= factor
        into += shift

    walk = _walk(wide)
    walk(add_up)
    centre = (xp.add.reduce(sums[0], axis=0, dtype="float64") / n).astype(compute)
    centres = _along(xp, centre, wide)
    walk(spread)
    drift, squares = xp.add.reduce(sums, axis=1, dtype="float64") / n
    xp.add(centre, drift, out=moments[0])
    variance = xp.maximum(squares - drift * drift, 0, out=moments[1])
    outer = 1 / xp.sqrt(variance + eps)
    if w is not None:
        outer *= w.astype(compute, copy=False)
    shift = -drift * outer if b is None else b - drift * outer
    factor, shift = (_along(xp, c.astype(compute), wide) for c in (outer, shift))
    walk(scale)
    return deviation.reshape(x.shape).astype(x.dtype, copy=False)


def _small(xp: Any, x: Array, w: Array, b: Array, eps: float, moments: Array) -> Array:
    """The same, all in float64: for few numbers what counts is how often numpy is called."""
    wide = x.reshape(*x.shape[:2], -1).astype("float64")
    n = x.size // x.shape[1]
    mean = xp.divide(xp.add.reduce(wide, axis=(0, 2)), n, out=moments[0])
    wide -= mean[:, None]
    variance = xp.divide(xp.add.reduce(wide * wide, axis=(0, 2)), n, out=moments[1])
    factor = 1 / xp.sqrt(variance + eps)
    if w is not None:
        factor *= w
    wide *= factor[:, None]
    if b is not None:
        wide += b[:, None]
    return wide.astype(x.dtype).reshape(x.shape)


def _small_gradients(xp: Any, g: Array, x: Array, w: Array, eps: float, moments: Array) -> list[Array]:
    mean, variance = moments
    n = x.size // x.shape[1]
    z = x.reshape(*x.shape[:2], -1) - mean[:, None]  # float64
    r = 1 / xp.sqrt(variance + eps)
    z *= r[:, None]
    share = g.reshape(z.shape)
    total = xp.add.reduce(share, axis=(0, 2), dtype="float64")
    along = xp.add.reduce(share * z, axis=(0, 2))
    z *= (along / n)[:, None]
    z += (total / n)[:, None]
    xp.subtract(share, z, out=z)
    z *= (r if w is None else r * w)[:, None]
    return [z.astype(x.dtype).reshape(x.shape), along.astype(x.dtype), total.astype(x.dtype)]


@Primitive
def normalize_by(
    xp: Any, x: Array, w: Array = None, b: Array = None, *, mean: Array, variance: Array, eps: float
) -> Array:
    """out = w (x - mean) / sqrt(variance + eps) + b, with statistics (C,) that are constants: batch norm in evaluation."""
    compute = _dtype.opmath(x.dtype)
    wide = x.astype(compute, copy=False).reshape(*x.shape[:2], math.prod(x.shape[2:]))
    outer = 1 / xp.sqrt(variance.astype("float64") + eps)
    if w is not None:
        outer *= w.astype(compute, copy=False)
    centre, factor = _along(xp, mean.astype(compute), wide), _along(xp, outer.astype(compute), wide)
    shift = None if b is None else _along(xp, b.astype(compute, copy=False), wide)
    out = empty(xp, wide.shape, compute)

    def work(part: slice) -> None:
        into = xp.subtract(wide[part], centre, out=out[part])
        into *= factor
        if shift is not None:
            into += shift

    _walk(wide)(work)
    return out.reshape(x.shape).astype(x.dtype, copy=False)


@batch_norm.directly
def batch_norm_gradients(
    xp: Any, g: Array, wanted: tuple[bool, ...], x: Array, w: Array, eps: float, moments: Array
) -> Sequence[Array | None]:
    """dL/dx, dL/dw and dL/db in two walks: the sums, then the gradient of x."""
    if x.size <= _SMALL:
        return _small_gradients(xp, g, x, w, eps, moments)
    mean, variance = moments
    shape = (*x.shape[:2], -1)
    wide, each = x.reshape(shape), g.reshape(shape)
    n = x.size // x.shape[1]
    ones = xp.ones(wide.shape[2], x.dtype)
    sums = xp.empty((2, *wide.shape[:2]), x.dtype)  # of each row of g, and of g (x - m)
    deviation = empty(xp, wide.shape, x.dtype)
    centre = mean.astype(x.dtype)
    centres = _along(xp, centre, wide)

    def look(part: slice) -> None:
        into = xp.subtract(wide[part], centres, out=deviation[part])
        row_products(xp, each[part], ones, sums[0, part])
        row_products(xp, each[part], into, sums[1, part])

    def combine(part: slice) -> None:
        into = deviation[part]
        into *= slope
        xp.subtract(each[part], into, out=into)
        into -= shift
        into *= outer

    walk = _walk(wide)
    walk(look)
    total, along = xp.add.reduce(sums, axis=1, dtype="float64")
    drift = mean - centre
    r = 1 / xp.sqrt(variance + eps)
    along = (along - drift * total) * r  # sum g z
    found: list[Array | None] = [None, along.astype(x.dtype) if wanted[1] else None, total.astype(x.dtype)]
    if wanted[0]:
        slope = r * along / n
        shift = total / n - drift * slope
        outer = r if w is None else r * w
        slope, shift, outer = (_along(xp, c.astype(x.dtype), wide) for c in (slope, shift, outer))
        walk(combine)
        found[0] = deviation.reshape(x.shape)
    return found


batch_norm.turns_images = normalize_by.turns_images = True
batch_norm.per_channel = normalize_by.per_channel = 1
batch_norm.on_gpu(kernels.batch_norm)
batch_norm.directly_on_gpu(kernels.batch_norm_gradients)
normalize_by.on_gpu(kernels.normalize_by)


def move_statistics(mean: Any, variance: Any, moments: Array, momentum: float, unbiased: float) -> bool:
    """Move running statistics, tensors, towards a batch's by a kernel; False where none takes them, as on the CPU."""
    xp = mean.device.xp
    if not takes_kernels(xp) or not kernels.move_statistics(
        xp, mean._array, variance._array, moments, momentum=momentum, unbiased=unbiased
    ):
        return False
    for statistic in (mean, variance):
        statistic._version_cell[0] += 1
    return True


def _walk(x: Array) -> Callable[[Callable[[slice], None]], None]:
    """A function that calls its argument with the samples of x (N, C, P), some at a time, by several threads."""
    each = max(1, math.prod(x.shape[1:]) * x.itemsize)
    at_once = len(x) if len(x) * each < _WORTH else min(_BLOCK // each, len(x) // 2)
    return lambda work: share_slices(work, len(x), at_once)


def _along(xp: Any, c: Array, x: Array) -> Array:
    """c (C,) to be combined with x (N, C, P): (C, 1), or written out as (C, P), faster for many samples that are not long."""
    column = c[:, None]
    few = len(x) < _MANY or math.prod(x.shape[1:]) > _LONG
    return column if few else xp.ascontiguousarray(xp.broadcast_to(column, x.shape[1:]))


# --- the rules in Tensor algebra, for gradients that are themselves recorded ------------------------------------------


def _standardized(x: Any, eps: float) -> tuple[Any, Any]:
    """z and r."""
    variance, mean = var_mean(x, _others(x), correction=0, keepdim=True)
    r = (variance + eps).rsqrt()
    return (x - mean) * r, r


def _others(x: Any) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _per_channel(c: Any, x: Any) -> Any:
    """c (C,) against x (N, C, *); 1 for None."""
    return 1 if c is None else c.reshape(-1, *(1,) * (x.ndim - 2))


def _input_rule(g: Any, x: Any, w: Any, eps: float) -> Any:
    z, r = _standardized(x, eps)
    share = g * _per_channel(w, x)
    along = (share * z).mean(_others(x), keepdim=True)
    return (share - share.mean(_others(x), keepdim=True) - z * along) * r


batch_norm.vjp(
    x=_input_rule,
    w=lambda g, x, eps: (g * _standardized(x, eps)[0]).sum(_others(x)),
    b=lambda g, x: g.sum(_others(x)),
)


def _constant(c: Array, x: Any) -> Any:
    """The statistics c as a tensor against x."""
    return _per_channel(wrap(c.astype(x.device.xp.result_type(c, x._array)), x.device), x)


normalize_by.vjp(
    x=lambda g, w, variance, eps: g * ((_constant(variance, g) + eps).rsqrt() * _per_channel(w, g)),
    w=lambda g, x, mean, variance, eps: (g * ((x - _constant(mean, x)) * (_constant(variance, x) + eps).rsqrt())).sum(
        _others(x)
    ),
    b=lambda g: g.sum(_others(g)),
)
