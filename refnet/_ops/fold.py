"""Sliding blocks of images: unfold lays every block out as a column, fold adds the columns up again. Adjoint maps."""

from itertools import product
from typing import Any

from refnet import _dtype
from refnet._tape import Primitive

Array = Any
Ints = tuple[int, ...]


def block_places(sizes: Ints, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints) -> Ints:
    """How many blocks there are along each dimension: floor((size + 2 p - d (k - 1) - 1) / s) + 1.

    >>> block_places((4, 5), (2, 3), (1, 1), (0, 1), (1, 2))
    (3, 3)
    """
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(sizes, kernel, dilation, padding, stride, strict=True)
    )


def _slices(k: Ints, dilation: Ints, stride: Ints, places: Ints) -> tuple[Any, ...]:
    """Where element k of every block lies in the padded image."""
    return (
        ...,
        *(slice(i * d, i * d + s * (m - 1) + 1, s) for i, d, s, m in zip(k, dilation, stride, places, strict=True)),
    )


def _inside(sizes: Ints, padding: Ints) -> tuple[Any, ...]:
    return (..., *(slice(p, p + n) for n, p in zip(sizes, padding, strict=True)))


@Primitive
def columns(xp: Any, x: Array, *, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints) -> Array:
    """out[n, (c, k), i] = x[n, c, i s + k d - p], 0 in the padding        dL/dx = images(g)

    x is (N, C, H, W), out (N, C K, L): K elements of each of L blocks, both in row-major order.
    """
    sizes = x.shape[2:]
    places = block_places(sizes, kernel, dilation, padding, stride)
    around = xp.zeros((*x.shape[:2], *(n + 2 * p for n, p in zip(sizes, padding, strict=True))), x.dtype)
    around[_inside(sizes, padding)] = x
    out = xp.empty((*x.shape[:2], *kernel, *places), x.dtype)
    for k in product(*map(range, kernel)):
        out[(slice(None), slice(None), *k)] = around[_slices(k, dilation, stride, places)]
    return out.reshape(x.shape[0], x.shape[1] * kernel[0] * kernel[1], places[0] * places[1])


@Primitive
def images(xp: Any, x: Array, *, sizes: Ints, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints) -> Array:
    """out[n, c, i s + k d - p] += x[n, (c, k), i], for out of `sizes` (H, W)        dL/dx = columns(g)"""
    compute = _dtype.opmath(x.dtype)
    places = block_places(sizes, kernel, dilation, padding, stride)
    channels = x.shape[1] // (kernel[0] * kernel[1])
    blocks = x.astype(compute, copy=False).reshape(x.shape[0], channels, *kernel, *places)
    around = xp.zeros((x.shape[0], channels, *(n + 2 * p for n, p in zip(sizes, padding, strict=True))), compute)
    for k in product(*map(range, kernel)):
        around[_slices(k, dilation, stride, places)] += blocks[(slice(None), slice(None), *k)]
    return xp.ascontiguousarray(around[_inside(sizes, padding)]).astype(x.dtype, copy=False)


columns.vjp(x=lambda g, x_shape, **p: images(g, sizes=tuple(x_shape[2:]), **p))
images.vjp(x=lambda g, sizes, **p: columns(g, **p))
