"""Convolution in any number of dimensions, and its two adjoints.

    out[n, o, i] = sum_{c, k}  x[n, c, i s + k d - p]  w[o, c, k]

Index glossary: n batch, o output channel, c input channel of the group, i output position, k kernel position (i and k
have one component per spatial dimension); s stride, d dilation, p padding, with zeros outside x. With `groups` G, the
channels fall into G blocks that do not mix.

The map is bilinear in (x, w), so it has two adjoints, and the three differentiate into each other:

    conv(x, w) -> out        conv_input(g, w) -> x        conv_weight(g, x) -> w

`conv_input` is the transposed convolution. `conv` has the variants `naive` (the definition, as loops) and `im2col` (one
GEMM an image and group over copied windows). The default is im2col too, by parts of the batch that fit the cache, with one
GEMM for all images where each has few windows. The adjoints of a convolution of few channels go by rows (`conv_rows`).

Shapes: x (N, C, *I), w (O, C / G, *K), out (N, O, *P); float16 and bfloat16 accumulate in float32.
"""

import functools
import math
from collections.abc import Callable
from itertools import product
from typing import Any

from refnet import _dtype
from refnet._batch_last import images, into_rows, lies_batch_last
from refnet._device import strided
from refnet._kernels import conv as kernels
from refnet._memory_format import lies_channels_last
from refnet._ops import conv_depthwise, conv_rows
from refnet._ops._accumulate import row_products
from refnet._ops.matmul import gemm
from refnet._tape import Primitive
from refnet._threads import share as share_work
from refnet._workspace import copy, empty

Array = Any
Ints = tuple[int, ...]

_FEW = 32  # windows an image below which the images of a batch share a GEMM
_SAMPLES = 4  # from which on the gradient of a weight goes by rows
_IMAGES = 8  # from which on they lie batch last
_ROWS = 1 << 17  # elements of rows that may be copied of an image, and
_ALL_ROWS = 1 << 24  # of all
_CHUNK = 1 << 20  # bytes of copied windows at a time: what a core's second-level cache holds


def output_size(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1

    >>> output_size(28, 5, 1, 2, 1), output_size(7, 3, 2, 0, 1)
    (28, 3)
    """
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def padded(xp: Any, x: Array, padding: Ints) -> Array:
    """x with zeros around its spatial dimensions, contiguous."""
    if not any(padding):
        return xp.ascontiguousarray(x)
    lead = x.ndim - len(padding)
    out = empty(xp, (*x.shape[:lead], *(n + 2 * p for n, p in zip(x.shape[lead:], padding, strict=True))), x.dtype)
    out[...] = 0
    out[(..., *(slice(p, p + n) for n, p in zip(x.shape[lead:], padding, strict=True)))] = x
    return out


def columns(xp: Any, x: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int) -> Array:
    """im2col: the windows of x, copied to (N, G, C/G K, P) with K = prod(kernel) and P the number of windows.

    One dimension at a time, the last one first: (N, C, H, W) -> (N, C, KW, H, PW) -> (N, C, KH, KW, PH, PW). Only the
    first copy is element by element; the others move whole rows of windows, which are contiguous by then.
    """
    n = len(kernel)
    axis = n + 1  # each step puts a kernel dimension at the front, and the next dimension to unroll slides here
    seen = padded(xp, x, padding)
    for k, s, d in zip(reversed(kernel), reversed(stride), reversed(dilation), strict=True):
        shape, steps = seen.shape, seen.strides
        places = output_size(shape[axis], k, s, 0, d)
        seen = strided(
            seen,
            (*shape[:2], k, *shape[2:axis], places, *shape[axis + 1 :]),
            (*steps[:2], steps[axis] * d, *steps[2:axis], steps[axis] * s, *steps[axis + 1 :]),
        )
        seen = copy(xp, seen)
    rows = x.shape[1] // groups * math.prod(kernel)
    return seen.reshape(x.shape[0], groups, rows, math.prod(seen.shape[2 + n :]))


def fold(
    xp: Any, cols: Array, shape: Ints, places: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> Array:
    """The adjoint of `columns`: add every entry of (N, G, C/G K, P) back where it was copied from."""
    n = len(kernel)
    axis = n + 1
    before = (slice(None),) * axis
    cols = cols.reshape(*shape[:2], *kernel, *places)  # and from there the steps of `columns` backwards
    for d in range(n):
        k, s, step, m = kernel[d], stride[d], dilation[d], places[d]
        size = shape[2 + d] + 2 * padding[d]
        if k == 1 and s == 1 and size == m:
            cols = cols[:, :, 0]
            continue
        out = xp.zeros((*shape[:2], *cols.shape[3 : axis + 1], size, *cols.shape[axis + 2 :]), cols.dtype)
        for i in range(k):
            here = out[(*before, slice(i * step, i * step + s * (m - 1) + 1, s))]
            here += cols[:, :, i]
        cols = out
    return cols[(..., *(slice(p, p + size) for size, p in zip(shape[2:], padding, strict=True)))]


def _grouped(w: Array, groups: int) -> Array:
    """(O, C/G, *K) -> (G, O/G, C/G K)"""
    return w.reshape(groups, w.shape[0] // groups, math.prod(w.shape[1:]))


def _finish(xp: Any, out: Array, like: tuple[Array, ...], dtype: Any) -> Array:
    """`out` in the operands' type, and channels-last where one of them is, as torch lays it out."""
    if out.dtype is not dtype:
        out = out.astype(dtype)
    if out.ndim > 3 and any(map(lies_channels_last, like)):
        laid_out = xp.empty((out.shape[0], *out.shape[2:], out.shape[1]), dtype)  # (N, *P, O)
        laid_out = xp.moveaxis(laid_out, -1, 1)
        laid_out[...] = out
        return laid_out
    return xp.ascontiguousarray(out)


def _batches(count: int, bytes_each: int) -> list[slice]:
    """The batch in slices whose copied windows fit `_CHUNK`."""
    step = max(1, _CHUNK // max(bytes_each, 1))
    return [slice(i, min(i + step, count)) for i in range(0, count, step)]


def _covers(size: Ints, kernel: Ints, padding: Ints, groups: int) -> bool:
    """Whether the kernel sees the whole input at its only place: the map is affine, a GEMM without copied windows."""
    return size == kernel and groups == 1 and not any(padding)


# --- the map ------------------------------------------------------------------------------------------------------


@Primitive
def conv(
    xp: Any, x: Array, w: Array, b: Array = None, *, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Array:
    """out[n,o,i] = b[o] + sum_ck x[n,c,i s + k d - p] w[o,c,k]

    dL/dx = conv_input(g, w)        dL/dw = conv_weight(g, x)        dL/db = sum_ni g[n,o,i]

    By im2col and GEMM, for as many images at a time as fit the cache; images of few windows share a GEMM.
    """
    kernel = w.shape[2:]
    places = _places(x.shape[2:], kernel, stride, padding, dilation)
    compute = _dtype.opmath(x.dtype)
    batch, outputs, windows = x.shape[0], w.shape[0], math.prod(places)
    if _covers(x.shape[2:], kernel, padding, groups):
        out = gemm(xp, _rows(x, compute), _rows(w, compute).T).reshape(batch, outputs, *places)
        _add_bias(out, b)
        return _finish(xp, out, (x, w), x.dtype)
    out = empty(xp, (batch, outputs, *places), compute)
    if x.size == 0 or w.size == 0:
        out[...] = 0
    elif conv_depthwise.suits(xp, x.shape, w.shape, stride, dilation, groups):
        bias = None if b is None else b.astype(compute, copy=False)
        conv_depthwise.forward(xp, x.astype(compute, copy=False), w.astype(compute, copy=False), bias, padding, out)
    else:
        rows = _grouped(w.astype(compute, copy=False), groups)
        split = out.reshape(batch, groups, outputs // groups, windows)
        size = x.shape[1] * math.prod(kernel) * windows * out.itemsize
        parts = _batches(batch, size)

        def work(part: int) -> None:
            some = parts[part]
            cols = columns(xp, x[some].astype(compute, copy=False), kernel, stride, padding, dilation, groups)
            if windows < _FEW and cols.shape[0] > 1:  # one GEMM for all images: (N, G, CK, P) -> (G, CK, N P)
                together = cols.transpose(1, 2, 0, 3)
                found = rows @ together.reshape(*together.shape[:2], -1)
                split[some] = found.reshape(groups, -1, cols.shape[0], windows).transpose(2, 0, 1, 3)
            else:
                xp.matmul(rows, cols, out=split[some])
            _add_bias(out[some], b)

        share_work(work, len(parts))
    if b is not None and not (x.size and w.size):
        _add_bias(out, b)
    return _finish(xp, out, (x, w), x.dtype)


def _rows(x: Array, compute: Any) -> Array:
    """Everything but the first dimension in one."""
    return x.astype(compute, copy=False).reshape(x.shape[0], math.prod(x.shape[1:]))


def _add_bias(out: Array, b: Array | None) -> None:
    if b is not None:
        out += b.astype(out.dtype, copy=False).reshape(-1, *(1,) * (out.ndim - 2))


@conv.variant
def conv_naive(
    xp: Any, x: Array, w: Array, b: Array = None, *, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Array:
    """The definition: in two dimensions seven loops (batch, output channel, row, column, input channel, kernel)."""
    places = _places(x.shape[2:], w.shape[2:], stride, padding, dilation)
    compute = _dtype.opmath(x.dtype)
    image = padded(xp, x.astype(compute, copy=False), padding)
    out = xp.zeros((x.shape[0], w.shape[0], *places), compute)
    inputs, outputs = w.shape[1], w.shape[0] // groups
    for n, o, c in product(range(x.shape[0]), range(w.shape[0]), range(inputs)):
        channel = o // outputs * inputs + c
        for i, k in product(product(*map(range, places)), product(*map(range, w.shape[2:]))):
            at = tuple(a * s + b * d for a, s, b, d in zip(i, stride, k, dilation, strict=True))
            out[(n, o, *i)] += image[(n, channel, *at)] * w[(o, c, *k)].astype(compute)
    _add_bias(out, b)
    return _finish(xp, out, (x, w), x.dtype)


@conv.variant
def conv_im2col(
    xp: Any, x: Array, w: Array, b: Array = None, *, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Array:
    """Copy every window into a column, then one GEMM an image and group."""
    compute = _dtype.opmath(x.dtype)
    cols = columns(xp, x.astype(compute, copy=False), w.shape[2:], stride, padding, dilation, groups)
    out = _grouped(w.astype(compute, copy=False), groups) @ cols  # (G, O/G, CK) (N, G, CK, P) -> (N, G, O/G, P)
    out = out.reshape(x.shape[0], w.shape[0], *_places(x.shape[2:], w.shape[2:], stride, padding, dilation))
    _add_bias(out, b)
    return _finish(xp, out, (x, w), x.dtype)


@functools.lru_cache(maxsize=1024)
def _places(size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Ints:
    return tuple(map(output_size, size, kernel, stride, padding, dilation))


# --- its adjoints -------------------------------------------------------------------------------------------------


@Primitive
def conv_input(
    xp: Any, g: Array, w: Array, *, shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Array:
    """x[n,c,j] = sum of g[n,o,i] w[o,c,k] over j = i s + k d - p    dL/dg = conv(h, w)    dL/dw = conv_weight(g, h)

    `shape` is that of x: the stride leaves its last few positions open.
    """
    kernel, places = w.shape[2:], g.shape[2:]
    compute = _dtype.opmath(g.dtype)
    if _covers(shape[2:], kernel, padding, groups):
        return _finish(xp, gemm(xp, _rows(g, compute), _rows(w, compute)).reshape(shape), (g, w), g.dtype)
    reach = tuple(d * (k - 1) for d, k in zip(dilation, kernel, strict=True))
    if w.shape[0] <= shape[1] and _undone(shape[2:], places, stride, padding, reach):
        return _flipped(xp, g, w, padding, dilation, reach, groups)
    if g.size and max(stride) == 1 and conv_rows.suits(shape, w.shape, dilation, groups):
        g, w = g.astype(compute, copy=False), w.astype(compute, copy=False)
        return _finish(xp, conv_rows.input(xp, g, w, shape, padding, dilation), (g, w), g.dtype)
    out = xp.zeros(shape, compute)
    if out.size and g.size and w.size:
        rows = _grouped(w.astype(compute, copy=False), groups).swapaxes(1, 2)  # (G, C/G K, O/G)
        size = shape[1] * math.prod(kernel) * math.prod(places) * out.itemsize
        parts = _batches(g.shape[0], size)

        def work(part: int) -> None:
            some = parts[part]
            share = g[some].astype(compute, copy=False).reshape(-1, groups, w.shape[0] // groups, math.prod(places))
            cols = rows * share if rows.shape[2] == 1 else rows @ share  # an outer product is no work for a GEMM
            out[some] = fold(xp, cols, (share.shape[0], *shape[1:]), places, kernel, stride, padding, dilation)

        share_work(work, len(parts))
    return _finish(xp, out, (g, w), g.dtype)


def _undone(sizes: Ints, places: Ints, stride: Ints, padding: Ints, reach: Ints) -> bool:
    """Whether a convolution of g is the adjoint: at stride 1, with no more padding than the kernel reaches."""
    fits = all(size == m + r - 2 * p for size, m, p, r in zip(sizes, places, padding, reach, strict=True))
    return fits and all(s == 1 for s in stride) and all(p <= r for p, r in zip(padding, reach, strict=True))


def _flipped(xp: Any, g: Array, w: Array, padding: Ints, dilation: Ints, reach: Ints, groups: int) -> Array:
    """x[n,c,j] = sum_ok g[n,o,j + p - k d] w[o,c,k]: the convolution of g with w turned round, inputs for outputs.

    Gathers windows of g where `fold` scatters columns of x; worth it when g has no more channels than x.
    """
    outputs, inputs = w.shape[0] // groups, w.shape[1]
    turned = xp.flip(w, tuple(range(2, w.ndim))).reshape(groups, outputs, *w.shape[1:]).swapaxes(1, 2)
    turned = turned.reshape(groups * inputs, outputs, *w.shape[2:])  # (G, O/G, C/G, *K) -> (C, O/G, *K)
    padding = tuple(r - p for r, p in zip(reach, padding, strict=True))
    ones = (1,) * len(padding)
    out = conv.forward(xp, g, turned, stride=ones, padding=padding, dilation=dilation, groups=groups)
    return _finish(xp, out, (g, w), g.dtype)


@Primitive
def conv_weight(
    xp: Any, g: Array, x: Array, *, shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Array:
    """w[o,c,k] = sum_ni g[n,o,i] x[n,c,i s + k d - p]    dL/dg = conv(x, h)    dL/dx = conv_input(g, h)

    `shape` is that of w.
    """
    kernel, places = shape[2:], g.shape[2:]
    compute = _dtype.opmath(g.dtype)
    if _covers(x.shape[2:], kernel, padding, groups):
        return _finish(xp, gemm(xp, _rows(g, compute).T, _rows(x, compute)).reshape(shape), (x,), g.dtype)
    many = len(g) >= _SAMPLES and shape[1] > 1 and math.prod(places) > 1
    if g.size and many and conv_rows.suits(x.shape, shape, dilation, groups):
        g, x = g.astype(compute, copy=False), x.astype(compute, copy=False)
        return _finish(xp, conv_rows.weight(xp, g, x, kernel, stride, padding, dilation), (x,), g.dtype)
    if g.size and conv_depthwise.suits(xp, x.shape, shape, stride, dilation, groups):
        found = conv_depthwise.weight(xp, g.astype(compute, copy=False), x.astype(compute, copy=False), kernel, padding)
        if xp.isfinite(found).all():  # else an infinity may have met one of the zeros around g
            return _finish(xp, found, (x,), g.dtype)
    out = xp.zeros((groups, shape[0] // groups, math.prod(shape[1:])), compute)
    if out.size and g.size:
        size = x.shape[1] * math.prod(kernel) * math.prod(places) * out.itemsize
        parts = _batches(x.shape[0], size)
        found = [out] * len(parts)

        def work(part: int) -> None:
            some = parts[part]
            cols = columns(xp, x[some].astype(compute, copy=False), kernel, stride, padding, dilation, groups)
            share = g[some].astype(compute, copy=False).reshape(*cols.shape[:2], -1, math.prod(places))
            found[part] = _sum_of_products(xp, share, cols)

        share_work(work, len(parts))
        for each in found:
            out += each
    return _finish(xp, out.reshape(shape), (x,), g.dtype)


def _sum_of_products(xp: Any, share: Array, cols: Array) -> Array:
    """sum_n share[n] @ cols[n]^T: (N, G, O/G, P), (N, G, CK, P) -> (G, O/G, CK)

    A GEMM an image and their sum; where an image has few windows, one GEMM a group over all images.
    """
    n, groups, outputs, places = share.shape
    if places >= _FEW:
        return xp.matmul(share, cols.swapaxes(2, 3)).sum(0)
    left = share.transpose(1, 2, 0, 3).reshape(groups, outputs, n * places)
    right = cols.transpose(1, 0, 3, 2).reshape(groups, n * places, cols.shape[2])
    return left @ right


conv.vjp(
    x=lambda g, w, x_shape, **p: conv_input(g, w, shape=x_shape, **p),
    w=lambda g, x, w_shape, **p: conv_weight(g, x, shape=w_shape, **p),
    b=lambda g: g.sum((0, *range(2, g.ndim))),
)


@conv.directly
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
) -> list[Array | None]:
    """The gradients of x, w and b."""
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    found: list[Array | None] = [None, None, None]
    if wanted[0]:
        found[0] = conv_input.forward(xp, g, w, shape=x_shape, **geometry)
    if wanted[1]:
        found[1] = conv_weight.forward(xp, g, x, shape=w_shape, **geometry)
    if wanted[2]:
        found[2] = _sum_by_channel(xp, g.reshape(*g.shape[:2], math.prod(g.shape[2:])))
    return found


def _sum_by_channel(xp: Any, g: Array) -> Array:
    """The sums of g over its first and last dimension, of three: the gradient of a bias."""
    sums = row_products(xp, g, xp.ones(g.shape[2], g.dtype))
    return sums.sum(0, dtype="float64").astype(g.dtype)


def _to_lie_batch_last(x: Array, w: Array, stride: Ints, padding: Ints, dilation: Ints, groups: int) -> bool:
    """Whether images are to lie so from here on: small ones, of few channels, at stride 1."""
    copied = w.shape[3] * math.prod(x.shape[1:])  # elements of the rows of an image
    small = copied <= _ROWS and copied * len(x) <= _ALL_ROWS
    plain = max(stride) == 1 and x.dtype is w.dtype and x.dtype.kind == "f" and x.itemsize >= 4
    within = all(p < k for p, k in zip(padding, w.shape[2:], strict=True))
    return plain and small and within and conv_rows.suits(x.shape, w.shape, dilation, groups)


@conv.batch_last
def conv_batch_last(
    xp: Any, x: Array, w: Array, b: Array = None, *, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Array:
    """The map by rows, of images that lie batch last, or will; where it sees the whole input, a GEMM to a row-major result."""
    if x.ndim != 4 or len(x) < _IMAGES or lies_channels_last(x) or lies_channels_last(w):
        return NotImplemented
    if _covers(x.shape[2:], w.shape[2:], padding, groups):
        if not lies_batch_last(x):
            return NotImplemented
        out = gemm(xp, _columns(xp, x).T, w.reshape(len(w), -1).T).reshape(len(x), len(w), 1, 1)
        _add_bias(out, b)
        return out
    if not _to_lie_batch_last(x, w, stride, padding, dilation, groups):
        return NotImplemented
    return conv_rows.output(xp, x, w, b, padding, dilation)


def _columns(xp: Any, x: Array) -> Array:
    """Images as columns, (C H W, N)."""
    return copy(xp, x.transpose(1, 2, 3, 0)).reshape(-1, len(x))


@conv.directly_batch_last
def conv_gradients_batch_last(
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
) -> list[Array | None]:
    """The gradients of x, batch last, w and b."""
    dx = dw = db = None
    if wanted[2]:
        db = _sum_by_channel(xp, into_rows(g).reshape(g.shape[2], g.shape[1], -1))
    if wanted[0]:
        if _covers(x_shape[2:], w.shape[2:], padding, groups):
            dx = gemm(xp, w.reshape(len(w), -1).T, g.reshape(g.shape[:2]).T).reshape(*x_shape[1:], len(g))
            dx = images(copy(xp, dx.swapaxes(0, 1)))
        else:
            dx = conv_rows.input(xp, g, w, x_shape, padding, dilation)
    if wanted[1]:
        if _covers(x.shape[2:], w_shape[2:], padding, groups):
            dw = gemm(xp, g.reshape(g.shape[:2]).T, _columns(xp, x).T).reshape(w_shape)
        else:
            dw = xp.ascontiguousarray(conv_rows.weight(xp, g, x, w_shape[2:], stride, padding, dilation))
    return [dx, dw, db]


conv_input.vjp(
    g=lambda h, w, shape, **p: conv(h, w, **p),
    w=lambda h, g, w_shape, shape, **p: conv_weight(g, h, shape=w_shape, **p),
)
conv_weight.vjp(
    g=lambda h, x, shape, **p: conv(x, h, **p),
    x=lambda h, g, x_shape, shape, **p: conv_input(g, h, shape=x_shape, **p),
)


def _laid_out_by(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel of a convolution, whose result lies row by row, with the layout of the array form."""

    def run(xp: Any, *operands: Array, **geometry: Any) -> Array:
        out = kernel(xp, *operands, **geometry)
        return out if out is NotImplemented else _finish(xp, out, operands[:2], operands[0].dtype)

    return run


conv.on_gpu(_laid_out_by(kernels.conv))
conv_input.on_gpu(_laid_out_by(kernels.conv_input))
conv_weight.on_gpu(kernels.conv_weight)
conv.directly_on_gpu(kernels.conv_gradients)
