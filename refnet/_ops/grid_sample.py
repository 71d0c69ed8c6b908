"""Sampling at positions that are data: grid_sample's modes, differentiable in the input and in the grid.

A coordinate of -1 .. 1 becomes a position in elements, `padding` says what lies beyond the border, and a mode reads the
elements around the position. Everything but the choice of elements is Tensor algebra, so gradients of every order exist;
the choice (a floor, a rounding) is made in the type of the grid, as torch makes it.
"""

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy

from refnet import _dtype
from refnet._ops.index import take
from refnet._ops.interpolate import cubic_pieces
from refnet._ops.pointwise import where
from refnet._tape import Primitive, wrap

Array = Any


# --- positions ----------------------------------------------------------------------------------------------------


def _unnormalized(xp: Any, x: Array, size: int, aligned: bool, volume: bool) -> Array:
    """-1 and 1 are the centers of the border elements if `aligned`, else their outer edges.

    torch's kernels for images and for volumes round in different places: that for images multiplies and subtracts 1/2
    with one rounding, but for half types.
    """
    kind = x.dtype.type
    x = x + kind(1)
    if volume:
        return x / kind(2) * kind(size - 1) if aligned else (x * kind(size) - kind(1)) / kind(2)
    if aligned:
        return x * kind((size - 1) / 2)
    wide: Any = _FUSING.get(x.dtype.itemsize, x.dtype) if xp is numpy else x.dtype
    return (x.astype(wide) * wide.type(size / 2) - wide.type(0.5)).astype(x.dtype)


_FUSING = {4: numpy.dtype("float64"), 8: numpy.dtype("longdouble")}  # hold a product of two numbers of so many bytes


def _reflected(xp: Any, x: Array, size: int, aligned: bool) -> tuple[Array, Array]:
    """x folded back at the border elements' centers if `aligned`, else at their edges; and its slope, 1 or -1."""
    kind = x.dtype.type
    low = kind(0 if aligned else -0.5)
    span = kind(size - 1 if aligned else size)
    if span == 0:
        return xp.zeros_like(x), xp.zeros_like(x)
    distance = x - low
    slope = xp.where(distance < 0, kind(-1), kind(1))
    distance = abs(distance)
    flips, extra = xp.floor(distance / span), xp.fmod(distance, span)
    back = xp.fmod(flips, kind(2)) != 0
    return xp.where(back, span - extra + low, extra + low), xp.where(back, -slope, slope)


def _bounded(xp: Any, x: Array, size: int, volume: bool) -> tuple[Array, Array]:
    """x cut to 0 .. size - 1, and its slope: 0 from the border on. nan goes to one end, as in torch's kernels."""
    kind = x.dtype.type
    top = kind(size - 1)
    inside = (x > 0) & (x < top)
    missing = top if volume else kind(0)
    return xp.where(xp.isnan(x), missing, xp.clip(x, kind(0), top)), inside.astype(x.dtype)


def _placed(xp: Any, x: Array, size: int, padding: str, aligned: bool, volume: bool) -> tuple[Array, Array]:
    """Positions in elements as `padding` has them, and their slope."""
    if padding == "zeros":
        return x, xp.ones_like(x)
    slope = xp.ones_like(x)
    if padding == "reflection":
        x, slope = _reflected(xp, x, size, aligned)
    x, inside = _bounded(xp, x, size, volume)
    return x, slope * inside


@Primitive
def position(xp: Any, x: Array, *, size: int, padding: str, aligned: bool, volume: bool) -> Array:
    """The position in elements of coordinates x: piecewise linear        dL/dx = g slope(x)"""
    place, _ = _placed(xp, _unnormalized(xp, x, size, aligned, volume), size, padding, aligned, volume)
    return place.astype(x.dtype, copy=False)


@Primitive
def slope(xp: Any, x: Array, *, size: int, padding: str, aligned: bool, volume: bool) -> Array:
    """The derivative of `position`, which is constant between the kinks: (size - 1) / 2 or size / 2, -1 or 1, or 0."""
    scale = x.dtype.type((size - 1 if aligned else size) / 2)
    _, along = _placed(xp, _unnormalized(xp, x, size, aligned, volume), size, padding, aligned, volume)
    return (along * scale).astype(x.dtype, copy=False)


position.vjp(x=lambda g, x, **p: g * slope(x, **p))


# --- reading ------------------------------------------------------------------------------------------------------


def _whole(xp: Any, place: Array) -> Array:
    """Whole floating positions as int64, those that no array has as -1."""
    fits = abs(place) < 1 << 24
    return xp.where(fits, place, -1).astype("int64")


def _read(input: Any, places: Sequence[Array]) -> tuple[Any, Any]:
    """The elements at int64 `places` (N, *P), one array for each spatial dimension, 0 outside: (N, C, *P).

    Also whether they are inside: (N, 1, *P).
    """
    xp = input.device.xp
    inside = xp.ones((), bool)
    flat = xp.zeros((), "int64")
    for place, size in zip(places, input.shape[2:], strict=True):
        inside = inside & (place >= 0) & (place < size)
        flat = flat * size + xp.clip(place, 0, size - 1)
    n, channels = input.shape[:2]
    planes = (xp.arange(n * channels) * math.prod(input.shape[2:])).reshape(n, channels, *(1,) * (flat.ndim - 1))
    found = take(input, index=flat[:, None] + planes)
    mask = wrap(inside[:, None], input.device)
    return where(mask, found, found.new_zeros(())), mask


@Primitive
def beside(xp: Any, x: Array, grid: Array) -> Array:
    """out = x, which the grid decided on without a slope        dL/dx = g        dL/dgrid = 0"""
    return x.copy()


beside.vjp(x=lambda g: g, grid=lambda g, grid_shape: g.new_zeros(grid_shape))


def _coordinates(grid: Any) -> list[Any]:
    """The grid (N, *P, d) by dimension of the input: its last number is the first dimension's."""
    return [grid.select(-1, d) for d in range(grid.shape[-1] - 1, -1, -1)]


def _positions(input: Any, grid: Any, padding: str, aligned: bool) -> list[Any]:
    volume = grid.shape[-1] == 3
    return [
        position(x, size=size, padding=padding, aligned=aligned, volume=volume).to(input.dtype)
        for x, size in zip(_coordinates(grid), input.shape[2:], strict=True)
    ]


def sample_nearest(input: Any, grid: Any, padding: str, aligned: bool) -> Any:
    """The element nearest to each position; halfway the even one."""
    xp = input.device.xp
    places = [_whole(xp, xp.rint(at._array)) for at in _positions(input, grid, padding, aligned)]
    return beside(_read(input, places)[0], grid)


def sample_linear(input: Any, grid: Any, padding: str, aligned: bool) -> Any:
    """The mean of the 2^d elements around each position, by nearness in every dimension."""
    xp = input.device.xp
    at = _positions(input, grid, padding, aligned)
    lower = [xp.floor(x._array) for x in at]
    far = [x - wrap(low, x.device) for x, low in zip(at, lower, strict=True)]
    shares = [(1 - f, f) for f in far]
    total = None
    for corner in product((0, 1), repeat=len(at)):
        values, inside = _read(
            input, [_whole(xp, low + low.dtype.type(k)) for low, k in zip(lower, corner, strict=True)]
        )
        weight = math.prod((share[k] for share, k in zip(reversed(shares), reversed(corner), strict=True)), start=1)
        weight = weight.unsqueeze(1)
        if len(at) == 3:  # torch's kernel for volumes does not touch what is outside, not even with a weight of nan
            weight = where(inside, weight, weight.new_zeros(()))
        total = values * weight if total is None else total + values * weight
    return total


_NEAR, _FAR = cubic_pieces(-0.75)


@Primitive
def polynomial(xp: Any, x: Array, *, coefficients: tuple[float, ...]) -> Array:
    """out = (c_0 x + c_1) x + ..., rounded after every step        dL/dx = g polynomial(x, derivative)"""
    kind = x.dtype.type
    out = xp.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        out = out * x + kind(c)
    return out


def _derivative(coefficients: tuple[float, ...]) -> tuple[float, ...]:
    degree = len(coefficients) - 1
    return tuple(c * (degree - k) for k, c in enumerate(coefficients[:-1])) or (0.0,)


polynomial.vjp(x=lambda g, x, coefficients: g * polynomial(x, coefficients=_derivative(coefficients)))


def _cubic(t: Any) -> list[Any]:
    """The cubic convolution kernel's weights of the four elements around a position, t beyond the second."""
    return [
        polynomial(distance, coefficients=piece)
        for distance, piece in ((t + 1, _FAR), (t, _NEAR), (1 - t, _NEAR), (2 - t, _FAR))
    ]


def sample_cubic(input: Any, grid: Any, padding: str, aligned: bool) -> Any:
    """The mean of the 4 x 4 elements around each position by the cubic kernel; each is looked up as `padding` has it."""
    xp = input.device.xp
    at = _positions(input, grid, "zeros", aligned)
    lower = [xp.floor(x._array) for x in at]
    weights = [_cubic(x - wrap(low, x.device)) for x, low in zip(at, lower, strict=True)]
    places = [
        [_whole(xp, _placed(xp, low + low.dtype.type(k), size, padding, aligned, False)[0]) for k in range(-1, 3)]
        for low, size in zip(lower, input.shape[2:], strict=True)
    ]
    total = None
    for i in range(4):
        row = None
        for j in range(4):
            part = _read(input, [places[0][i], places[1][j]])[0] * weights[1][j].unsqueeze(1)
            row = part if row is None else row + part
        part = row * weights[0][i].unsqueeze(1)
        total = part if total is None else total + part
    return total


_MODES: dict[str, Callable[[Any, Any, str, bool], Any]] = {
    "bilinear": sample_linear,
    "nearest": sample_nearest,
    "bicubic": sample_cubic,
}


def sample(input: Any, grid: Any, mode: str, padding: str, aligned: bool) -> Any:
    """input (N, C, *S) at the positions grid (N, *P, d): (N, C, *P).

    Half types have positions of their own precision, as in torch, but means of float32.
    """
    wide = input.to(_dtype.float32) if input._array.dtype in _dtype.HALF else input
    with numpy.errstate(invalid="ignore", over="ignore"):  # nan and infinities are positions like any other
        return _MODES[mode](wide, grid, padding, aligned).to(input.dtype)
