"""Pooling of images that lie batch last (`_batch_last.py`): every slice ends in long runs of memory.

`pool` and `max_pool` say what is computed; here the same is done on rows x (H, C, W, N), g and out (PH, C, PW, N). For a
kernel position (i, j) the elements of all windows of some output rows are one strided slice.
"""

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

from refnet._batch_last import images, into_rows, lies_batch_last, rows
from refnet._ops._pointwise import zeroed
from refnet._ops.max_pool import window_maxima
from refnet._ops.pool import divided, tile_sums, tiles, window_mean
from refnet._threads import share_slices
from refnet._workspace import copy, empty

Array = Any
Ints = tuple[int, ...]

_AT_ONCE = 1 << 17  # elements of the output that a thread computes at a time


@window_mean.batch_last
def window_mean_of_rows(
    xp: Any, x: Array, *, kernel: Ints, stride: Ints, padding: Ints, places: Ints, divisor: Array
) -> Array:
    """The means of tiles; of other windows they are taken row-major."""
    simple = _takes(x, kernel) and isinstance(divisor, int)
    if not simple or not tiles(x.shape, kernel, stride, padding, places):
        return NotImplemented
    seen, height = rows(x), kernel[0]
    out = empty(xp, (places[0], x.shape[1], places[1], len(x)), x.dtype)

    def work(some: slice) -> None:
        out[some] = divided(tile_sums(seen[some.start * height : some.stop * height], kernel, (0, 2)), divisor)

    share_slices(work, len(out), _AT_ONCE // max(1, out[0].size))
    return images(out)


@window_mean.directly_batch_last
def window_mean_gradient_of_rows(
    xp: Any,
    g: Array,
    wanted: tuple[bool, ...],
    x_shape: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    places: Ints,
    divisor: int,
) -> list[Array]:
    """Each share of g spread over its tile."""
    n, c, h, w = x_shape
    given = into_rows(g)
    out = empty(xp, (h, c, w, n), g.dtype)
    spread = out.reshape(places[0], kernel[0], c, places[1], kernel[1], n)

    def work(some: slice) -> None:
        part = given[some] / given.dtype.type(divisor)
        for i, j in product(*map(range, kernel)):
            spread[some, i, :, :, j] = part

    share_slices(work, len(given), _AT_ONCE // max(1, given[0].size))
    return [images(out)]


@window_maxima.batch_last
def window_maxima_of_rows(
    xp: Any, x: Array, *, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, places: Ints, ranks: Array | None
) -> Array:
    """The maxima, and in `ranks` who won; where there is nan that is found row-major."""
    if not _takes(x, kernel):
        return NotImplemented
    geometry = kernel, stride, padding, dilation, places
    around = _surrounded(xp, rows(x), geometry, -math.inf)
    out = empty(xp, (places[0], x.shape[1], places[1], len(x)), x.dtype)

    def look(some: slice) -> None:
        wide = [around[lines, some] for lines in _steps(kernel[0], stride[0], dilation[0], places[0])]
        tall = _largest(xp, wide)
        out[:, some] = _largest(xp, [tall[:, :, at] for at in _steps(kernel[1], stride[1], dilation[1], places[1])])

    share_slices(look, out.shape[1], _AT_ONCE // max(1, out[:, 0].size))
    if ranks is None:
        return images(out)
    ranked, compared = rows(ranks), around
    if any(padding):  # by nan, which equals nothing: -inf may be a maximum
        compared = _surrounded(xp, rows(x), geometry, math.nan)

    def rank(some: slice) -> None:
        into, best = ranked[:, some], out[:, some]
        into[...] = 0
        for number, (lines, at) in _positions(*geometry):
            hit = xp.equal(compared[lines, some, at], best).view("uint8")
            xp.maximum(into, hit * into.dtype.type(number), out=into)

    share_slices(rank, out.shape[1], _AT_ONCE // max(1, out[:, 0].size))
    return images(out) if ranked.all() else NotImplemented


@window_maxima.directly_batch_last
def window_maxima_gradient_of_rows(
    xp: Any,
    g: Array,
    wanted: tuple[bool, ...],
    x_shape: Ints,
    ranks: Array,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    places: Ints,
) -> list[Array]:
    """g where its window's winner is, added up where windows overlap."""
    geometry = kernel, stride, padding, dilation, places
    n, c, *sizes = x_shape
    given, ranked = into_rows(g), into_rows(ranks)
    high, wide = _reach((sizes[0], sizes[1]), *geometry)
    around = empty(xp, (high, c, wide, n), g.dtype)
    apart = all(s > d * (k - 1) for k, s, d in zip(kernel, stride, dilation, strict=True))
    everywhere = apart and (high, wide) == (places[0] * kernel[0], places[1] * kernel[1])

    def work(some: slice) -> None:
        if not everywhere:
            around[:, some] = 0
        won = empty(xp, given[:, some].shape, g.dtype)
        for number, (lines, at) in _positions(*geometry):
            zeroed(xp, won, given[:, some], ranked[:, some] != number)
            if apart:
                around[lines, some, at] = won
            else:
                around[lines, some, at] += won

    share_slices(work, given.shape[1], _AT_ONCE // max(1, given[:, 0].size))
    (top, left), (h, w) = padding, sizes
    return [images(copy(xp, around[top : top + h, :, left : left + w]))]


# --- windows ------------------------------------------------------------------------------------------------------


def _takes(x: Array, kernel: Ints) -> bool:
    """Whether x lies batch last, under a pool of two dimensions, of a type that needs no other to compute in."""
    return x.ndim == 2 + len(kernel) == 4 and x.dtype.kind == "f" and x.itemsize >= 4 and lies_batch_last(x)


def _steps(k: int, s: int, d: int, m: int) -> list[slice]:
    """Along one side, the elements that m windows have at each of their k positions."""
    return [slice(i * d, i * d + s * (m - 1) + 1, s) for i in range(k)]


def _positions(
    kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, places: Ints
) -> Iterator[tuple[int, tuple[slice, slice]]]:
    """Every kernel position's rank, and where its elements are: rows and columns. The first ranks highest."""
    both = [_steps(*side) for side in zip(kernel, stride, dilation, places, strict=True)]
    return zip(range(math.prod(kernel), 0, -1), product(both[0], both[1]), strict=True)


def _reach(sizes: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, places: Ints) -> Ints:
    """How many rows and columns there are, with the padding before them and as much behind as windows see."""
    sides = zip(sizes, kernel, stride, padding, dilation, places, strict=True)
    return tuple(max((m - 1) * s + d * (k - 1) + 1, size + p) for size, k, s, p, d, m in sides)


def _surrounded(xp: Any, x: Array, geometry: tuple[Ints, ...], value: float) -> Array:
    """The rows x with `value` around them, as far as the windows reach; x itself where they stay inside."""
    h, c, w, n = x.shape
    high, wide = _reach((h, w), *geometry)
    if (high, wide) == (h, w):
        return x
    top, left = geometry[2]
    out = empty(xp, (high, c, wide, n), x.dtype)
    out[...] = value
    out[top : top + h, :, left : left + w] = x
    return out


def _largest(xp: Any, arrays: list[Array]) -> Array:
    """The elementwise maximum; the first of equal ones."""
    best = arrays[0]
    for each in arrays[1:]:
        best = xp.maximum(each, best)
    return best
