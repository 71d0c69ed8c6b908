"""Pools by one kernel each way; gradients are gathered, so that they are the same in every run."""

import functools
from typing import Any

import numpy

from refnet._kernels.launch import dense, each, find

Array = Any
Ints = tuple[int, ...]

_DIMS = 3  # of a plane, for the kernels
WINDOW = numpy.dtype([(name, "int64", _DIMS) for name in ("size", "kernel", "stride", "padding", "dilation", "places")])


@functools.lru_cache(maxsize=256)
def window(size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, places: Ints) -> Array:
    """The geometry as the kernels take it, by value, with missing dimensions in front."""
    missing = _DIMS - len(size)
    found = numpy.empty((), WINDOW)
    given = {
        "size": size,
        "kernel": kernel,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "places": places,
    }
    for name, numbers in given.items():
        found[name] = (*((0 if name == "padding" else 1,) * missing), *numbers)
    return found


def max_pool(
    xp: Any, x: Array, *, index: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, places: Ints
) -> Array:
    """The maxima of the windows of x; their positions in the planes are left in `index`."""
    dims = len(kernel)
    given = dense(xp, x)
    if given is None or dims > _DIMS:
        return NotImplemented
    (x,) = given
    out = xp.empty((*x.shape[:-dims], *places), x.dtype)
    geometry = window(x.shape[-dims:], kernel, stride, padding, dilation, places)
    each(find(xp, "pool", "max_pool", x.dtype.char), out.size, x, out, index, out.size, geometry)
    return out


def max_pool_gradient(
    xp: Any,
    g: Array,
    wanted: tuple[bool, ...],
    x_shape: Ints,
    index: Array,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    places: Ints,
) -> Any:
    """Each g at the position of its winner, summed."""
    dims = len(kernel)
    given = dense(xp, g)
    if given is None or dims > _DIMS:
        return NotImplemented
    (g,) = given
    dx = xp.empty(x_shape, g.dtype)
    geometry = window(x_shape[-dims:], kernel, stride, padding, dilation, places)
    each(find(xp, "pool", "max_pool_slope", g.dtype.char), dx.size, g, index, dx, dx.size, geometry)
    return [dx]


def _divisor(divisor: Any) -> tuple[Any, float]:
    """An array of the windows of a plane and no number, or no array and a number."""
    return (divisor, 0.0) if hasattr(divisor, "shape") and divisor.ndim else (None, float(divisor))


def window_mean(xp: Any, x: Array, *, kernel: Ints, stride: Ints, padding: Ints, places: Ints, divisor: Any) -> Array:
    """The sums of the windows of x, divided by `divisor`."""
    dims = len(kernel)
    given = dense(xp, x)
    if given is None or dims > _DIMS:
        return NotImplemented
    (x,) = given
    out = xp.empty((*x.shape[:-dims], *places), x.dtype)
    geometry = window(x.shape[-dims:], kernel, stride, padding, (1,) * dims, places)
    each(find(xp, "pool", "mean_pool", x.dtype.char), out.size, x, out, out.size, geometry, *_divisor(divisor))
    return out


def window_share(
    xp: Any, g: Array, *, shape: Ints, kernel: Ints, stride: Ints, padding: Ints, places: Ints, divisor: Any
) -> Array:
    """The adjoint of `window_mean`."""
    dims = len(kernel)
    given = dense(xp, g)
    if given is None or dims > _DIMS:
        return NotImplemented
    (g,) = given
    dx = xp.empty(shape, g.dtype)
    geometry = window(shape[-dims:], kernel, stride, padding, (1,) * dims, places)
    each(find(xp, "pool", "mean_pool_slope", g.dtype.char), dx.size, g, dx, dx.size, geometry, *_divisor(divisor))
    return dx


def window_mean_gradient(
    xp: Any,
    g: Array,
    wanted: tuple[bool, ...],
    x_shape: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    places: Ints,
    divisor: Any,
) -> Any:
    """`window_share` of g."""
    geometry = {"kernel": kernel, "stride": stride, "padding": padding, "places": places}
    found = window_share(xp, g, shape=x_shape, divisor=divisor, **geometry)
    return found if found is NotImplemented else [found]
