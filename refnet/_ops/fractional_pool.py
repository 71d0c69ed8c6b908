"""Windows of fractional max pooling: of one size, at steps that follow a random sequence in each plane (Graham 2014)."""

import math
from itertools import product
from typing import Any

from refnet._ops.pool import winner

Array = Any
Ints = tuple[int, ...]


def window_starts(xp: Any, sample: Array, size: int, kernel: int, places: int) -> Array:
    """Where the windows of a dimension start: floor((i + u) a) - floor(u a), a = (size - kernel) / (places - 1).

    For samples u (N, C), in their type: (N, C, places). The last window always ends where the dimension does.

    >>> import numpy
    >>> window_starts(numpy, numpy.float32([[0.3]]), 7, 2, 4)
    array([[[0, 2, 3, 5]]])
    """
    kind = sample.dtype.type
    starts = xp.zeros((*sample.shape, places), "int64")
    if places > 1:
        alpha = kind(size - kernel) / kind(places - 1)
        u = sample[..., None]
        steps = xp.arange(places).astype(sample.dtype)
        starts[...] = ((steps + u) * alpha).astype("int64") - (u * alpha).astype("int64")
    starts[..., places - 1 :] = size - kernel
    return starts


def fractional_winners(xp: Any, x: Array, starts: tuple[Array, ...], kernel: Ints) -> Array:
    """The position of each window's maximum in its plane, counted in row-major order: (N, C, *P).

    `starts` has one array (N, C, P) for each dimension. The first of equal maxima wins, or the last nan.
    """
    sizes = x.shape[2:]
    plane = x.reshape(*x.shape[:2], math.prod(sizes))
    candidates = []
    for offsets in product(*map(range, kernel)):
        position = xp.zeros(x.shape[:2], "int64")
        for start, offset, size in zip(starts, offsets, sizes, strict=True):
            along = start.reshape(*start.shape[:2], *(1,) * (position.ndim - 2), start.shape[2])
            position = position[..., None] * size + (along + offset)  # (N, C, ...) -> (N, C, ..., P)
        candidates.append(position)
    positions = xp.stack(candidates, axis=-1)  # (N, C, *P, K)
    values = xp.take_along_axis(plane, positions.reshape(*x.shape[:2], math.prod(positions.shape[2:])), axis=2).reshape(
        positions.shape
    )
    best = winner(xp, values)
    return xp.take_along_axis(positions, best[..., None], axis=-1)[..., 0]
