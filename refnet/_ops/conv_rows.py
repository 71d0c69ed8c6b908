"""The two adjoints of a two-dimensional convolution, by rows: copies along the width only, GEMMs as wide as the batch.

im2col copies every element KH KW times, and with few channels its GEMMs are low. Here the batch goes last, and images
turn into rows

    L[h, (c, v), (j, n)] = x[n, c, h, j s + v d]        (H, C KW, PW N)

which repeat an element KW times. The KH rows that output row i sees, L[i s : i s + KH], are one block of memory, a matrix
(KH C KW, PW N): windows over the height overlap, and one batched GEMM takes them all, its width the batch times the
image's. Where there are few channels it takes several output rows at once, over the rows that they see together.

(M. Cho and D. Brand, "MEC: memory-efficient convolution for deep neural network", 2017; with the batch in the rows.)

Shapes as in `conv`: x (N, C, H, W), w (O, C, KH, KW), g (N, O, PH, PW); no groups, no dilation of the height.
"""

from typing import Any

from refnet._device import strided
from refnet._threads import share
from refnet._workspace import copy, empty

Array = Any
Ints = tuple[int, ...]

_TALL = 32  # rows of a matrix above which a GEMM gains nothing from more
_NARROW = 128  # C KW, and
_FEW = 64  # O, above which GEMMs over im2col's columns are as fast
_WORK = 1 << 23  # multiply-adds worth handing to another thread


def suits(shape: Ints, w_shape: Ints, dilation: Ints, groups: int) -> bool:
    """Whether rows are the better way for x and w of these shapes, two-dimensional and of few channels."""
    plain = len(w_shape) == 4 and groups == 1 and dilation[0] == 1 and 0 not in shape and 0 not in w_shape
    return plain and w_shape[2] > 1 and shape[1] * w_shape[3] <= _NARROW and w_shape[0] <= _FEW


def weight(xp: Any, g: Array, x: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Array:
    """w[o,c,u,v] = sum_nij g[n,o,i,j] x[n,c,i s + u,j s + v d]"""
    (kh, kw), (n, o, height, width) = kernel, g.shape
    rows = _rows(xp, x, kw, width, stride[1], padding, dilation[1])
    at_once = _at_once(height, o)
    batch_last = copy(xp, g.transpose(2, 1, 3, 0)).reshape(height // at_once, at_once * o, width * n)
    windows = _windows(rows, height, at_once, kh, stride[0])
    found = _products(xp, batch_last, windows.swapaxes(1, 2)).sum(0).reshape(at_once, o, -1, x.shape[1], kw)
    total = found[0, :, :kh]
    for r in range(1, at_once):  # row r of the output saw the weight r s lower
        total = total + found[r, :, r * stride[0] : r * stride[0] + kh]
    return total.transpose(0, 2, 1, 3)


def input(xp: Any, g: Array, w: Array, shape: Ints, padding: Ints, dilation: Ints) -> Array:
    """x[n,c,h,j] = sum of g[n,o,i,l] w[o,c,u,v] over i + u = h + p and l + v d = j + p, at stride 1

    The windows are those of g's rows, with zeros around them. What they give are L's rows; each entry goes back to
    where `_rows` would copy it from.
    """
    (n, o, height, width), (_, c, kh, kw) = g.shape, w.shape
    full = height + kh - 1
    around = empty(xp, (full + kh - 1, o, width, n), g.dtype)
    around[...] = 0
    around[kh - 1 : full] = g.transpose(2, 1, 3, 0)
    at_once = _at_once(full, c * kw)
    turned = w[:, :, ::-1].transpose(1, 3, 2, 0)  # (C, KW, KH, O), the height upside down
    matrix = xp.zeros((at_once, c, kw, kh + at_once - 1, o), w.dtype)
    for r in range(at_once):
        matrix[r, :, :, r : r + kh] = turned
    windows = _windows(around.reshape(-1, o, width * n), full, at_once, kh, 1)
    flat = matrix.reshape(at_once * c * kw, -1)
    rows = _products(xp, xp.broadcast_to(flat, (len(windows), *flat.shape)), windows)
    rows = rows.reshape(full, c, kw, width, n)[padding[0] : padding[0] + shape[2]]
    out = empty(xp, (shape[2], c, shape[3] + 2 * padding[1], n), g.dtype)
    out[...] = 0
    for v in range(kw):
        out[:, :, v * dilation[1] : v * dilation[1] + width] += rows[:, :, v]
    return out[:, :, padding[1] : padding[1] + shape[3]].transpose(3, 1, 0, 2)


def _products(xp: Any, left: Array, right: Array) -> Array:
    """left @ right over stacks of matrices, some of the stack at a time."""
    out = empty(xp, (len(left), left.shape[1], right.shape[2]), left.dtype)
    step = max(1, _WORK // (left[0].size * right.shape[2]))
    parts = [slice(i, i + step) for i in range(0, len(left), step)]
    share(lambda i: xp.matmul(left[parts[i]], right[parts[i]], out=out[parts[i]]), len(parts))
    return out


def _rows(xp: Any, x: Array, kw: int, width: int, stride: int, padding: Ints, dilation: int) -> Array:
    """L of the module's text, (H + 2 p, C KW, PW N) with PW = `width`."""
    n, c, h, w = x.shape
    (ph, pw), batch_last = padding, x.transpose(2, 1, 3, 0)
    if ph or pw:
        around = empty(xp, (h + 2 * ph, c, w + 2 * pw, n), x.dtype)
        around[...] = 0
        around[ph : ph + h, :, pw : pw + w] = batch_last
    else:
        around = copy(xp, batch_last)
    a, b, j, e = around.strides
    copies = strided(around, (h + 2 * ph, c, kw, width, n), (a, b, j * dilation, j * stride, e))
    return copy(xp, copies).reshape(h + 2 * ph, c * kw, width * n)


def _windows(rows: Array, height: int, at_once: int, kh: int, stride: int) -> Array:
    """The blocks of rows that `at_once` output rows see, (PH / b, K C KW, PW N), overlapping in memory."""
    reach = kh + (at_once - 1) * stride
    step, line, each = rows.strides
    return strided(
        rows, (height // at_once, reach * rows.shape[1], rows.shape[2]), (at_once * stride * step, line, each)
    )


def _at_once(height: int, channels: int) -> int:
    """How many output rows a GEMM takes: the most that divide the height and keep its matrix at `_TALL` rows."""
    return max(b for b in range(1, max(1, min(height, _TALL // channels)) + 1) if height % b == 0)
