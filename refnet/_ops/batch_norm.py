"""Batch normalization in one operation: each channel by the mean and variance of the batch, then scaled and shifted.

    out = w z + b,    z = (x - m) r,    r = 1 / sqrt(v + eps),    m, v the mean and (biased) variance over all but C

with gradients, for n elements a channel,

    dL/db = sum g        dL/dw = sum g z        dL/dx = w r (g - (dL/db + z dL/dw) / n)

Shapes: x, g, out (N, C, *); w, b, m, v (C,). Arrays are walked a few samples at a time, so that what one pass leaves in
the cache the next finds there.
"""

import math
from collections.abc import Callable
from typing import Any

from refnet import _dtype
from refnet._ops.reduce import var_mean
from refnet._tape import Primitive
from refnet._threads import share

Array = Any

_BLOCK = 1 << 18  # bytes: a part of a core's second-level cache


@Primitive
def batch_norm(xp: Any, x: Array, w: Array = None, b: Array = None, *, eps: float) -> tuple[Array, Array, Array]:
    """out = (w z + b, m, v); m and v in float64, and they have no gradient.

    The mean is subtracted as rounded to x's type; the mean of what is left, 0 but for that rounding, corrects the shift.
    """
    compute = _dtype.opmath(x.dtype)
    wide = x.astype(compute, copy=False).reshape(*x.shape[:2], -1)
    n = x.size // x.shape[1]
    parts = _parts(wide)
    sums = _summed(lambda part: _channel_sums(xp, wide[part]), parts)
    centre = (sums / n).astype(compute)
    deviation = xp.empty(wide.shape, compute)

    def spread(part: slice) -> Array:
        into = deviation[part]
        xp.subtract(wide[part], centre[:, None], out=into)
        return xp.stack([_channel_sums(xp, into), _channel_products(xp, into, into)])

    left, squares = _summed(spread, parts)
    drift = left / n
    variance = xp.maximum(squares / n - drift * drift, 0)
    factor = 1 / xp.sqrt(variance + eps)
    if w is not None:
        factor = factor * w
    shift = -drift * factor if b is None else b - drift * factor
    factor, shift = factor.astype(compute)[:, None], shift.astype(compute)[:, None]

    def scale(number: int) -> None:
        part = deviation[parts[number]]
        part *= factor
        part += shift

    share(scale, len(parts))
    out = deviation.reshape(x.shape).astype(x.dtype, copy=False)
    return out, centre + drift, variance


@batch_norm.directly
def batch_norm_gradients(
    xp: Any, g: Array, wanted: tuple[bool, ...], x: Array, w: Array, eps: float, further: Any
) -> list[Array | None]:
    """dL/dx, dL/dw and dL/db in two walks: the sums, then the gradient of x."""
    mean, variance = further
    shape = (*x.shape[:2], -1)
    n = x.size // x.shape[1]
    centre = mean.astype(x.dtype)
    drift = mean - centre
    wide, each = x.reshape(shape), g.reshape(shape)
    deviation = xp.empty(wide.shape, x.dtype)
    parts = _parts(wide)

    def look(part: slice) -> Array:
        into = deviation[part]
        xp.subtract(wide[part], centre[:, None], out=into)
        return xp.stack([_channel_sums(xp, each[part]), _channel_products(xp, each[part], into)])

    sums, products = _summed(look, parts)
    r = 1 / xp.sqrt(variance + eps)
    along = (products - drift * sums) * r  # sum g z
    found: list[Array | None] = [None, along.astype(x.dtype) if wanted[1] else None, sums.astype(x.dtype)]
    if wanted[0]:
        outer = r if w is None else r * w
        slope = r * along / n
        scale, slope, shift = (c.astype(x.dtype)[:, None] for c in (outer, slope, sums / n - drift * slope))

        def combine(number: int) -> None:
            into = deviation[parts[number]]
            into *= slope
            xp.subtract(each[parts[number]], into, out=into)
            into -= shift
            into *= scale

        share(combine, len(parts))
        found[0] = deviation.reshape(x.shape)
    return found


def _parts(x: Array) -> list[slice]:
    """The samples of x (N, C, P), some at a time."""
    step = max(1, _BLOCK // max(1, math.prod(x.shape[1:]) * x.itemsize))
    return [slice(i, i + step) for i in range(0, len(x), step)]


def _summed(of: Callable[[slice], Array], parts: list[slice]) -> Array:
    """The sum of ``of(part)`` over the parts, added in their order whoever computed them."""
    found: list[Any] = [0] * len(parts)

    def work(number: int) -> None:
        found[number] = of(parts[number])

    share(work, len(parts))
    return sum(found)


def _channel_sums(xp: Any, x: Array) -> Array:
    """The sum over (N, C, P) for each C: along P in the type of x, from there on in float64."""
    return xp.add.reduce(x, axis=2).sum(0, dtype="float64")


def _channel_products(xp: Any, x: Array, y: Array) -> Array:
    """sum x y over (N, C, P) for each C, as `_channel_sums`."""
    products = xp.vecdot(x, y) if hasattr(xp, "vecdot") else (x * y).sum(2)
    return products.sum(0, dtype="float64")


# --- the rules in Tensor algebra, for gradients that are themselves recorded ------------------------------------------


def _standardized(x: Any, eps: float) -> tuple[Any, Any]:
    """z and r."""
    variance, mean = var_mean(x, _others(x), correction=0, keepdim=True)
    r = (variance + eps).rsqrt()
    return (x - mean) * r, r


def _others(x: Any) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _input_rule(g: Any, x: Any, w: Any, eps: float) -> Any:
    z, r = _standardized(x, eps)
    share = g[0] if w is None else g[0] * w.reshape(-1, *(1,) * (x.ndim - 2))
    along = (share * z).mean(_others(x), keepdim=True)
    return (share - share.mean(_others(x), keepdim=True) - z * along) * r


batch_norm.vjp(
    x=_input_rule,
    w=lambda g, x, eps: (g[0] * _standardized(x, eps)[0]).sum(_others(x)),
    b=lambda g, x: g[0].sum(_others(x)),
)
