"""A two-dimensional convolution of each channel by itself, at stride 1: one kernel of KH x KW for a channel.

There is one row of numbers to multiply with, so im2col's product is bound by reading its KH KW copies. Here a channel's
images, with zeros around them, are one run of memory, x[p], in which a window's element (u, v) lies u W + v beyond its
start, W the width with the zeros. KW copies, each shifted by one more, are the rows of one small product with the kernel,

    y[u, p] = sum_v w[u, v] x[p + v],        out[p] = sum_u y[u, p + u W],

and the KH rows of y are added up, again shifted. Windows that wrap round an edge give numbers that nobody reads.
The gradient of the weight is w[u, v] = sum_p g[p] x[p + u W + v], g with zeros as far as x has them.

Shapes: x (N, C, H, W), w (C, 1, KH, KW), out and g (N, C, PH, PW).
"""

import math
from typing import Any

import numpy

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


def forward(xp: Any, x: Array, w: Array, padding: Ints, out: Array) -> None:
    """out[n,c,i,j] <- sum_uv x[n,c,i + u - p,j + v - q] w[c,0,u,v]"""
    height, width = out.shape[2:]

    def work(channels: range) -> None:
        room = _Room(xp, x, padding, w.shape[3])
        rows = empty(xp, (w.shape[2], room.line), x.dtype)
        total, beside = rows[0], [(rows[0, : room.line - s], rows[u, s:]) for u, s in room.shifts(w.shape[2]) if u]
        inside = total.reshape(room.images.shape)[:, :height, :width]
        for channel in channels:
            for some in room.parts:
                room.fill(x[some, channel])
                xp.matmul(w[channel, 0], room.copies, out=rows)
                for left, right in beside:
                    xp.add(left, right, out=left)
                target = out[some, channel]
                target[...] = inside[: len(target)]

    _by_channels(x, work)


def weight(xp: Any, g: Array, x: Array, kernel: Ints, padding: Ints) -> Array:
    """w[c,0,u,v] = sum_nij g[n,c,i,j] x[n,c,i + u - p,j + v - q]"""
    height, width = g.shape[2:]
    out = xp.zeros((x.shape[1], 1, *kernel))

    def work(channels: range) -> None:
        room = _Room(xp, x, padding, kernel[1])
        around = xp.zeros(room.line, x.dtype)
        inside = around.reshape(room.images.shape)[:, :height, :width]
        beside = [(room.copies[:, s:], around[: room.line - s]) for _, s in room.shifts(kernel[0])]
        for channel in channels:
            for some in room.parts:
                room.fill(x[some, channel])
                share = g[some, channel]
                inside[: len(share)] = share
                inside[len(share) :] = 0
                for u, (left, right) in enumerate(beside):
                    out[channel, 0, u] += left @ right

    _by_channels(x, work)
    return out.astype(x.dtype)


class _Room:
    """Memory for KW shifted copies of some images of one channel, with zeros around them, and what lies where in it."""

    def __init__(self, xp: Any, x: Array, padding: Ints, kw: int) -> None:
        n, _, height, width = x.shape
        step = min(n, max(1, _BLOCK // (height * width * x.itemsize)))
        self.parts = [slice(i, min(i + step, n)) for i in range(0, n, step)]
        down, self.across = height + 2 * padding[0], width + 2 * padding[1]
        self.line = step * down * self.across
        self.copies = empty(xp, (kw, self.line), x.dtype)
        self.copies[...] = 0
        self.images = self.copies[0].reshape(step, down, self.across)
        self.inside = self.images[:, padding[0] : padding[0] + height, padding[1] : padding[1] + width]

    def fill(self, x: Array) -> None:
        """Put images (N, H, W) in; where there are fewer than room, old ones stay behind them."""
        self.inside[: len(x)] = x
        for v in range(1, len(self.copies)):
            self.copies[v, :-v] = self.copies[0, v:]

    def shifts(self, kh: int) -> list[tuple[int, int]]:
        """Each row of the kernel, and how far down it lies."""
        return [(u, u * self.across) for u in range(kh)]


def _by_channels(x: Array, work: Any) -> None:
    """work(channels) for some channels at a time, by several threads."""
    step = max(1, min(_CHANNELS, _BLOCK * _CHANNELS // max(1, x[:, 0].nbytes)))
    starts = range(0, x.shape[1], step)
    share(lambda number: work(range(starts[number], min(starts[number] + step, x.shape[1]))), len(starts))
