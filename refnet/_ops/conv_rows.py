"""Two-dimensional convolution and its adjoints by rows: copies along the width only, GEMMs as wide as the batch.

im2col copies every element KH KW times, and with few channels its GEMMs are low. Here the batch goes last, and images
turn into rows

    L[h, (c, v), (j, n)] = x[n, c, h, j s + v d]        (H, C KW, PW N)

which repeat an element KW times. The KH rows that output row i sees, L[i s : i s + KH], are one block of memory, a matrix
(KH C KW, PW N): windows over the height overlap, and one batched GEMM takes them all, its width the batch times the
image's. The gradient of the weight does without copies: for one v the columns are a run of x's row, and the rows lie evenly.

Rows are cut into pieces, so that no product has more than a million multiply-adds: up to there OpenBLAS has kernels that
do not rearrange the operands first, which for so few channels would take as long as the product.

(M. Cho and D. Brand, "MEC: memory-efficient convolution for deep neural network", 2017; with the batch in the rows.)

Shapes as in `conv`: x (N, C, H, W), w (O, C, KH, KW), g (N, O, PH, PW); no groups, no dilation of the height. Images
that lie batch last (`_batch_last.py`) are taken as they are, and images are returned so.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy

from refnet._batch_last import images, rows
from refnet._device import strided
from refnet._threads import share_slices
from refnet._workspace import copy, empty

Array = Any
Ints = tuple[int, ...]

_UNPACKED = 10**6  # multiply-adds of the largest product that OpenBLAS computes without rearranging
_SHORT = 64  # columns of the shortest piece
_NARROW = 128  # C KW, and
_FEW = 64  # O, above which GEMMs over im2col's columns are as fast
_WORK = 1 << 24  # multiply-adds worth handing to another thread, or
_COPIED = 1 << 19  # elements to be copied, or
_FOLDED = 1 << 17  # to be added where they belong


def suits(shape: Ints, w_shape: Ints, dilation: Ints, groups: int) -> bool:
    """Whether rows are the better way for x and w of these shapes, two-dimensional and of few channels."""
    plain = len(w_shape) == 4 and groups == 1 and dilation[0] == 1 and 0 not in shape and 0 not in w_shape
    return plain and w_shape[2] > 1 and shape[1] * w_shape[3] <= _NARROW and w_shape[0] <= _FEW


def output(xp: Any, x: Array, w: Array, b: Array | None, padding: Ints, dilation: Ints) -> Array:
    """out[n,o,i,j] = b[o] + sum_cuv x[n,c,i + u - p,j + v d - p] w[o,c,u,v], at stride 1"""
    (n, c, h, wide), (o, _, kh, kw) = x.shape, w.shape
    height, width = h + 2 * padding[0] - kh + 1, wide + 2 * padding[1] - dilation[1] * (kw - 1)
    seen = _repeated(xp, _around(xp, x, padding), kw, width, dilation[1])
    matrix = w.transpose(0, 2, 1, 3).reshape(o, kh * c * kw)
    out = empty(xp, (height, o, width * n), x.dtype)
    cut = _cutting(xp, matrix.size, width * n)
    windows, pieces = cut(_windows(seen, height, kh)), cut(out)

    def work(some: slice) -> None:
        xp.matmul(matrix, windows[some], out=pieces[some])
        if b is not None:
            out[some] += b[:, None]

    share_slices(work, len(out), _WORK // (matrix.size * width * n))
    return images(out.reshape(height, o, width, n))


def weight(xp: Any, g: Array, x: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Array:
    """w[o,c,u,v] = sum_nij g[n,o,i,j] x[n,c,i s + u - p,j s + v d - p]"""
    (kh, kw), (n, o, height, width), c = kernel, g.shape, x.shape[1]
    around = _around(xp, x, padding)
    a, b, j, e = around.strides
    if stride[1] == 1:
        columns = strided(around, (kw, len(around), c, width * n), (j * dilation[1], a, b, e))
    else:
        columns = strided(around, (kw, len(around), c, width, n), (j * dilation[1], a, b, j * stride[1], e))
        columns = copy(xp, columns).reshape(kw, len(around), c, width * n)
    v, a, b, e = columns.strides
    windows = strided(columns, (kw, height, kh * c, width * n), (v, a * stride[0], b, e))
    cut = _cutting(xp, kh * c * o, width * n)
    left, right = cut(windows), cut(copy(xp, rows(g)).reshape(height, o, width * n)).swapaxes(2, 3)
    found = xp.empty((kw, *right.shape[:2], kh * c, o), g.dtype)
    each = kw * kh * c * o * width * n
    share_slices(lambda some: xp.matmul(left[:, some], right[some], out=found[:, some]), height, _WORK // each)
    return found.sum((1, 2)).reshape(kw, kh, c, o).transpose(3, 2, 1, 0)


def input(xp: Any, g: Array, w: Array, shape: Ints, padding: Ints, dilation: Ints) -> Array:
    """x[n,c,h,j] = sum of g[n,o,i,l] w[o,c,u,v] over i + u = h + p and l + v d = j + p, at stride 1

    The windows are those of g's rows, with zeros around them. What they give are L's rows; each entry goes back to
    where `_repeated` would copy it from, while it is in the cache.
    """
    (n, _, _, width), (_, c, kh, kw), (high, wide) = g.shape, w.shape, shape[2:]
    matrix = w[:, :, ::-1].transpose(1, 3, 2, 0).reshape(c * kw, kh * len(w))  # the height upside down
    cut = _cutting(xp, matrix.size, width * n)
    windows = cut(_windows(_rows_that_see(xp, g, high, kh, padding[0]), high, kh))
    out = empty(xp, (high, c, wide, n), g.dtype)

    def work(some: slice) -> None:
        there = out[some]
        there[...] = 0
        found = empty(xp, (len(there), len(matrix), width * n), g.dtype)
        xp.matmul(matrix, windows[some], out=cut(found))
        found = found.reshape(len(there), c, kw, width, n)
        for v in range(kw):
            first = v * dilation[1] - padding[1]  # where the first column goes
            start, stop = max(first, 0), min(first + width, wide)
            if start < stop:
                there[:, :, start:stop] += found[:, :, v, start - first : stop - first]

    share_slices(work, high, _FOLDED // (len(matrix) * width * n))
    return images(out)


def _rows_that_see(xp: Any, g: Array, high: int, kh: int, padding: int) -> Array:
    """The rows of g (PH, O, PW N) with zeros before and after, so that rows h to h + KH of it went to row h of x."""
    n, o, height, width = g.shape
    out = empty(xp, (high + kh - 1, o, width, n), g.dtype)
    first = kh - 1 - padding  # where g begins
    start, stop = max(first, 0), min(first + height, len(out))
    out[:start] = 0
    out[stop:] = 0
    out[start:stop] = rows(g)[start - first : stop - first]
    return out.reshape(len(out), o, width * n)


def _around(xp: Any, x: Array, padding: Ints) -> Array:
    """The rows of x with zeros around them, (H + 2 p, C, W + 2 p, N), contiguous."""
    (n, c, h, wide), (ph, pw) = x.shape, padding
    if not ph and not pw:
        return copy(xp, rows(x))
    out = empty(xp, (h + 2 * ph, c, wide + 2 * pw, n), x.dtype)
    out[:ph] = 0
    out[ph + h :] = 0
    out[ph : ph + h, :, :pw] = 0
    out[ph : ph + h, :, pw + wide :] = 0
    out[ph : ph + h, :, pw : pw + wide] = rows(x)
    return out


def _repeated(xp: Any, around: Array, kw: int, width: int, dilation: int) -> Array:
    """L of the module's text at stride 1, (H, C KW, PW N) with PW = `width`."""
    h, c, _, n = around.shape
    a, b, j, e = around.strides
    copies = strided(around, (h, c, kw, width * n), (a, b, j * dilation, e))
    out = empty(xp, copies.shape, around.dtype)

    def work(some: slice) -> None:
        out[some] = copies[some]

    share_slices(work, h, _COPIED // out[0].size)
    return out.reshape(h, c * kw, width * n)


def _windows(seen: Array, height: int, kh: int) -> Array:
    """The KH rows that each output row sees as one matrix, (PH, KH C KW, PW N), overlapping in memory."""
    return strided(seen, (height, kh * seen.shape[1], seen.shape[2]), seen.strides)


def _cutting(xp: Any, each: int, width: int) -> Callable[[Array], Array]:
    """A view (.., R, W) -> (.., pieces, R, W / pieces), for products of `each` multiply-adds for each of W columns."""
    pieces = _pieces(each, width) if xp is numpy else 1

    def cut(a: Array) -> Array:
        if pieces == 1:
            return a[..., None, :, :]
        *lead, line, step = a.strides
        columns = width // pieces
        return strided(a, (*a.shape[:-2], pieces, a.shape[-2], columns), (*lead, columns * step, line, step))

    return cut


@functools.lru_cache(maxsize=256)
def _pieces(each: int, width: int) -> int:
    least = math.ceil(each * width / _UNPACKED)
    fitting = (count for count in range(least, width // _SHORT + 1) if width % count == 0)
    return next(fitting, 1)
