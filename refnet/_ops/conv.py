"""Convolution in any number of dimensions, and its two adjoints.

    out[n, o, i] = sum_{c, k}  x[n, c, i s + k d - p]  w[o, c, k]

Index glossary: n batch, o output channel, c input channel of the group, i output position, k kernel position (i and k
have one component per spatial dimension); s stride, d dilation, p padding, with zeros outside x. With `groups` G, the
channels fall into G blocks that do not mix.

The map is bilinear in (x, w), so it has two adjoints, and the three differentiate into each other:

    conv(x, w) -> out        conv_input(g, w) -> x        conv_weight(g, x) -> w

`conv_input` is the transposed convolution. Each has the variants `naive` (the definition, as loops) and `im2col` (one
GEMM a group over copied windows); the default folds small batches into fewer, larger GEMMs.

Shapes: x (N, C, *I), w (O, C / G, *K), out (N, O, *P); float16 and bfloat16 accumulate in float32.
"""

import math
from itertools import product
from typing import Any

from refnet import _dtype
from refnet._device import strided
from refnet._tape import Primitive

Array = Any
Ints = tuple[int, ...]

_CHUNK = 1 << 22  # bytes of copied windows at a time: what a core's second-level cache holds a few times over


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
    out = xp.zeros((*x.shape[:lead], *(n + 2 * p for n, p in zip(x.shape[lead:], padding, strict=True))), x.dtype)
    out[(..., *(slice(p, p + n) for n, p in zip(x.shape[lead:], padding, strict=True)))] = x
    return out


def windows(x: Array, kernel: Ints, stride: Ints, dilation: Ints) -> Array:
    """A view (N, C, *P, *K) of every window of x (N, C, *I)."""
    lead, n = x.shape[:2], len(kernel)
    places = tuple(output_size(x.shape[2 + d], kernel[d], stride[d], 0, dilation[d]) for d in range(n))
    steps = x.strides[2:]
    return strided(
        x,
        (*lead, *places, *kernel),
        (
            *x.strides[:2],
            *(step * s for step, s in zip(steps, stride, strict=True)),
            *(step * d for step, d in zip(steps, dilation, strict=True)),
        ),
    )


def columns(xp: Any, x: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int) -> Array:
    """im2col: the windows of x, copied to (N, G, C/G K, P) with K = prod(kernel) and P the number of windows."""
    seen = windows(padded(xp, x, padding), kernel, stride, dilation)  # (N, C, *P, *K)
    n = len(kernel)
    order = (0, 1, *range(2 + n, 2 + 2 * n), *range(2, 2 + n))  # (N, C, *P, *K) -> (N, C, *K, *P)
    rows = x.shape[1] // groups * math.prod(kernel)
    return seen.transpose(order).reshape(x.shape[0], groups, rows, math.prod(seen.shape[2 : 2 + n]))


def fold(
    xp: Any, cols: Array, shape: Ints, places: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> Array:
    """The adjoint of `columns`: add every entry of (N, G, C/G K, P) back where it was copied from."""
    cols = cols.reshape(*shape[:2], *kernel, *places)
    out = xp.zeros((*shape[:2], *(n + 2 * p for n, p in zip(shape[2:], padding, strict=True))), cols.dtype)
    for k in product(*map(range, kernel)):
        where = tuple(
            slice(i * d, i * d + s * (m - 1) + 1, s) for i, d, s, m in zip(k, dilation, stride, places, strict=True)
        )
        out[(..., *where)] += cols[(slice(None), slice(None), *k)]
    return out[(..., *(slice(p, p + n) for n, p in zip(shape[2:], padding, strict=True)))]


def _grouped(w: Array, groups: int) -> Array:
    """(O, C/G, *K) -> (G, O/G, C/G K)"""
    return w.reshape(groups, w.shape[0] // groups, math.prod(w.shape[1:]))


def _is_channels_last(xp: Any, x: Array) -> bool:
    return x.ndim in (4, 5) and not x.flags.c_contiguous and xp.moveaxis(x, 1, -1).flags.c_contiguous


def _finish(xp: Any, out: Array, like: tuple[Array, ...], dtype: Any) -> Array:
    """`out` in the operands' type, and channels-last where one of them is, as torch lays it out."""
    out = out.astype(dtype, copy=False)
    if any(_is_channels_last(xp, x) for x in like):
        return xp.moveaxis(xp.ascontiguousarray(xp.moveaxis(out, 1, -1)), -1, 1)
    return xp.ascontiguousarray(out)


def _batches(count: int, bytes_each: int) -> list[slice]:
    """The batch in slices whose copied windows fit `_CHUNK`."""
    step = max(1, _CHUNK // max(bytes_each, 1))
    return [slice(i, min(i + step, count)) for i in range(0, count, step)]


# --- the map ------------------------------------------------------------------------------------------------------


@Primitive
def conv(xp: Any, x: Array, w: Array, *, stride: Ints, padding: Ints, dilation: Ints, groups: int) -> Array:
    """out[n,o,i] = sum_ck x[n,c,i s + k d - p] w[o,c,k]    dL/dx = conv_input(g, w)    dL/dw = conv_weight(g, x)

    By im2col and GEMM, for as many images at a time as fit the cache.
    """
    kernel = w.shape[2:]
    places = _places(x.shape[2:], kernel, stride, padding, dilation)
    compute = _dtype.opmath(x.dtype)
    rows = _grouped(w.astype(compute, copy=False), groups)
    out = xp.empty((x.shape[0], groups, w.shape[0] // groups, math.prod(places)), compute)
    if math.prod(rows.shape) == 0:
        out[...] = 0
    else:
        size = x.shape[1] * math.prod(kernel) * math.prod(places) * out.itemsize
        for some in _batches(x.shape[0], size):
            cols = columns(xp, x[some].astype(compute, copy=False), kernel, stride, padding, dilation, groups)
            xp.matmul(rows, cols, out=out[some])
    return _finish(xp, out.reshape(x.shape[0], w.shape[0], *places), (x, w), x.dtype)


@conv.variant
def conv_naive(xp: Any, x: Array, w: Array, *, stride: Ints, padding: Ints, dilation: Ints, groups: int) -> Array:
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
    return _finish(xp, out, (x, w), x.dtype)


@conv.variant
def conv_im2col(xp: Any, x: Array, w: Array, *, stride: Ints, padding: Ints, dilation: Ints, groups: int) -> Array:
    """Copy every window into a column, then one GEMM an image and group."""
    compute = _dtype.opmath(x.dtype)
    cols = columns(xp, x.astype(compute, copy=False), w.shape[2:], stride, padding, dilation, groups)
    out = _grouped(w.astype(compute, copy=False), groups) @ cols  # (G, O/G, CK) (N, G, CK, P) -> (N, G, O/G, P)
    places = _places(x.shape[2:], w.shape[2:], stride, padding, dilation)
    return _finish(xp, out.reshape(x.shape[0], w.shape[0], *places), (x, w), x.dtype)


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
    rows = _grouped(w.astype(compute, copy=False), groups).swapaxes(1, 2)  # (G, C/G K, O/G)
    out = xp.zeros(shape, compute)
    if out.size and g.size and rows.size:
        size = shape[1] * math.prod(kernel) * math.prod(places) * out.itemsize
        for some in _batches(g.shape[0], size):
            share = g[some].astype(compute, copy=False).reshape(-1, groups, w.shape[0] // groups, math.prod(places))
            part = (share.shape[0], *shape[1:])
            out[some] = fold(xp, rows @ share, part, places, kernel, stride, padding, dilation)
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
    out = xp.zeros((groups, shape[0] // groups, math.prod(shape[1:])), compute)
    if out.size and g.size:
        size = x.shape[1] * math.prod(kernel) * math.prod(places) * out.itemsize
        for some in _batches(x.shape[0], size):
            cols = columns(xp, x[some].astype(compute, copy=False), kernel, stride, padding, dilation, groups)
            share = g[some].astype(compute, copy=False).reshape(*cols.shape[:2], -1, math.prod(places))
            out += _sum_of_products(xp, share, cols)
    return _finish(xp, out.reshape(shape), (x,), g.dtype)


def _sum_of_products(xp: Any, share: Array, cols: Array) -> Array:
    """sum_n share[n] @ cols[n]^T as one GEMM a group: (N, G, O/G, P), (N, G, CK, P) -> (G, O/G, CK)"""
    n, groups, outputs, places = share.shape
    left = share.transpose(1, 2, 0, 3).reshape(groups, outputs, n * places)
    right = cols.transpose(1, 0, 3, 2).reshape(groups, n * places, cols.shape[2])
    return left @ right


conv.vjp(
    x=lambda g, w, x_shape, **p: conv_input(g, w, shape=x_shape, **p),
    w=lambda g, x, w_shape, **p: conv_weight(g, x, shape=w_shape, **p),
)
conv_input.vjp(
    g=lambda h, w, shape, **p: conv(h, w, **p),
    w=lambda h, g, w_shape, shape, **p: conv_weight(g, h, shape=w_shape, **p),
)
conv_weight.vjp(
    g=lambda h, x, shape, **p: conv(x, h, **p),
    x=lambda h, g, x_shape, shape, **p: conv_input(g, h, shape=x_shape, **p),
)
