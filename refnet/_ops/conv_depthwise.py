"""A two-dimensional convolution of each channel by itself, at stride 1: one kernel of KH x KW for a channel.

There is one row of numbers to multiply with, so im2col's product is bound by reading its KH KW copies. Here the rows of
some images of a channel, with zeros around them, lie side by side: X[h] is row h of all of them, one after the other, W
numbers each, and KH rows that follow each other are a matrix without a copy. Times the kernel, turned, that is

    y[v, i] = sum_u w[u, v] X[i + u],        out[i, j] = sum_v y[v, i, j + v],

and the KW planes of y are added up, each shifted by one more. What runs from one image into the next nobody reads.

The gradient of the weight is w[u, v] = sum_p g[p] x[p + u W + v], where a channel's images, with zeros around them, are one
run of memory, x[p], and g has zeros as far as x has them: KH KW scalar products.

Shapes: x (N, C, H, W), w (C, 1, KH, KW), out and g (N, C, PH, PW).
"""

import math
from typing import Any

import numpy

from refnet._device import strided
from refnet._threads import share
from refnet._workspace import empty

Array = Any
Ints = tuple[int, ...]

_LEAST = 1 << 10  # elements of a channel below which the calls for it cost more than the copies of im2col
_BLOCK = 1 << 18  # bytes of a channel's images at a time
_CHANNELS = 8  # of so many images that a thread takes at a time
_LARGEST = 7  # side of a kernel


def suits(xp: Any, shape: Ints, w_shape: Ints, stride: Ints, dilation: Ints, groups: int) -> bool:
    """Whether this is the better way for x and w of these shapes."""
    if xp is not numpy or len(w_shape) != 4 or not groups == shape[1] == w_shape[0] > 1 or {*stride, *dilation} != {1}:
        return False
    return all(1 < k <= _LARGEST for k in w_shape[2:]) and shape[0] * math.prod(shape[2:]) >= _LEAST


def forward(xp: Any, x: Array, w: Array, b: Array | None, padding: Ints, out: Array) -> None:
    """out[n,c,i,j] <- b[c] + sum_uv x[n,c,i + u - p,j + v - q] w[c,0,u,v]"""
    (kh, kw), (height, width) = w.shape[2:], out.shape[2:]

    def work(channels: range) -> None:
        parts, (down, across) = _parts(x), _around(x, padding)
        images = parts[0].stop
        line = images * across
        rows = empty(xp, (down, images, across), x.dtype)
        rows[...] = 0
        inside = _inside(rows.swapaxes(0, 1), x, padding)
        each = rows.itemsize
        seen = strided(rows, (height, kh, line), (line * each, line * each, each))
        planes = empty(xp, (kw, height * line), x.dtype)
        by_row = planes.reshape(kw, height, line).swapaxes(0, 1)
        total = planes[0]
        beside = [(total[:-v], planes[v, v:]) for v in range(1, kw)]
        found = total.reshape(height, images, across)[:, :, :width].swapaxes(0, 1)
        for channel in channels:
            turned = w[channel, 0].T
            for some in parts:
                target = out[some, channel]
                inside[: len(target)] = x[some, channel]
                xp.matmul(turned, seen, out=by_row)
                for left, right in beside:
                    xp.add(left, right, out=left)
                if b is not None:
                    xp.add(total, b[channel], out=total)
                target[...] = found[: len(target)]

    _by_channels(x, work)


def weight(xp: Any, g: Array, x: Array, kernel: Ints, padding: Ints) -> Array:
    """w[c,0,u,v] = sum_nij g[n,c,i,j] x[n,c,i + u - p,j + v - q]"""
    (kh, kw), (height, width) = kernel, g.shape[2:]
    out = xp.zeros((x.shape[1], 1, *kernel))

    def work(channels: range) -> None:
        parts, (down, across) = _parts(x), _around(x, padding)
        images, shares = both = empty(xp, (2, parts[0].stop, down, across), x.dtype)
        both[...] = 0
        inside, beside = _inside(images, x, padding), shares[:, :height, :width]
        each, count = x.itemsize, images.size - (kh - 1) * across - (kw - 1)
        seen = strided(images, (kh, kw, count), (across * each, each, each))
        for channel in channels:
            for some in parts:
                source = g[some, channel]
                inside[: len(source)] = x[some, channel]
                beside[: len(source)] = source
                beside[len(source) :] = 0
                out[channel, 0] += xp.vecdot(seen, shares.reshape(-1)[:count])

    _by_channels(x, work)
    return out.astype(x.dtype)


def _parts(x: Array) -> list[slice]:
    """Images that are worked on together: equally many, but for the last ones."""
    n, step = len(x), min(len(x), max(1, _BLOCK // (x[0, 0].size * x.itemsize)))
    return [slice(i, min(i + step, n)) for i in range(0, n, step)]


def _around(x: Array, padding: Ints) -> Ints:
    """Height and width of an image with the zeros around it."""
    return x.shape[2] + 2 * padding[0], x.shape[3] + 2 * padding[1]


def _inside(images: Array, x: Array, padding: Ints) -> Array:
    """Images (N, H, W) without the zeros around them."""
    (top, left), (height, width) = padding, x.shape[2:]
    return images[:, top : top + height, left : left + width]


def _by_channels(x: Array, work: Any) -> None:
    """work(channels) for some channels at a time, by several threads."""
    step = max(1, min(_CHANNELS, _BLOCK * _CHANNELS // max(1, x[:, 0].nbytes)))
    starts = range(0, x.shape[1], step)
    share(lambda number: work(range(starts[number], min(starts[number] + step, x.shape[1]))), len(starts))
