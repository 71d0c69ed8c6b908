"""Batch normalization by two kernels each way, of which the second adds up what the blocks of the first found."""

import math
from typing import Any

from refnet._kernels.launch import blocks, dense, each, find, takes

Array = Any

_PART = 4096  # elements a block goes through
_BLOCKS = 1024  # of a launch


def _geometry(x: Array) -> tuple[int, int, int, int]:
    """C, P, n = N P and the number of parts that the n elements of a channel are cut into."""
    channels = x.shape[1]
    n = x.size // channels
    parts = max(1, min(-(-n // _PART), max(1, _BLOCKS // channels), n))
    return channels, math.prod(x.shape[2:]), n, parts


def batch_norm(xp: Any, x: Array, w: Array = None, b: Array = None, *, eps: float, moments: Array) -> Array:
    """w (x - m) / sqrt(v + eps) + b, with m and v left in `moments`."""
    given = dense(xp, x, w, b) if x.size else None
    if given is None:
        return NotImplemented
    x, w, b = given
    channels, each_channel, n, parts = _geometry(x)
    out, partial = xp.empty_like(x), xp.empty((channels, parts, 2))
    kind, count = x.dtype.char, channels * parts
    blocks(find(xp, "batch_norm", "moments_of_parts", kind), count, x, partial, channels, each_channel, n, parts)
    kernel = find(xp, "batch_norm", "normalize", kind)
    blocks(kernel, count, x, w, b, partial, moments, out, channels, each_channel, n, parts, float(eps))
    return out


def batch_norm_gradients(
    xp: Any, g: Array, wanted: tuple[bool, ...], x: Array, w: Array, eps: float, moments: Array
) -> Any:
    """The gradients of x, w and b."""
    given = dense(xp, g, x, w) if x.size else None
    if given is None:
        return NotImplemented
    g, x, w = given
    channels, each_channel, n, parts = _geometry(x)
    partial = xp.empty((channels, parts, 2))
    dx = xp.empty_like(x) if wanted[0] else None
    dw, db = (xp.empty(channels, x.dtype) if want else None for want in wanted[1:])
    kind, count = x.dtype.char, channels * parts
    kernel = find(xp, "batch_norm", "products_of_parts", kind)
    blocks(kernel, count, g, x, moments, partial, channels, each_channel, n, parts)
    kernel = find(xp, "batch_norm", "normalize_slope", kind)
    blocks(kernel, count, g, x, w, moments, partial, dx, dw, db, channels, each_channel, n, parts, float(eps))
    return [dx, dw, db]


def normalize_by(
    xp: Any, x: Array, w: Array = None, b: Array = None, *, mean: Array, variance: Array, eps: float
) -> Array:
    """w (x - mean) / sqrt(variance + eps) + b, with statistics that are constants."""
    given = dense(xp, x, w, b, mean, variance)
    if given is None:
        return NotImplemented
    x, w, b, mean, variance = given
    out = xp.empty_like(x)
    geometry = (x.shape[1], math.prod(x.shape[2:]), x.size)
    kernel = find(xp, "batch_norm", "normalize_constant", x.dtype.char)
    each(kernel, x.size, x, w, b, mean, variance, out, *geometry, float(eps))
    return out


def move_statistics(xp: Any, mean: Array, variance: Array, moments: Array, *, momentum: float, unbiased: float) -> bool:
    """Move the running statistics towards those of a batch, in place; False where the kernel does not take them."""
    if not takes(mean, variance):
        return False
    kernel = find(xp, "batch_norm", "move_statistics", mean.dtype.char)
    each(kernel, mean.size, mean, variance, moments, mean.size, float(momentum), float(unbiased))
    return True
