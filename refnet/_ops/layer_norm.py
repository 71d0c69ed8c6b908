"""Layer normalization in one operation: each row by its own mean and variance, then scaled and shifted by column.

    out = w z + b,    z = (x - m) r,    r = 1 / sqrt(v + eps),    m, v the mean and (biased) variance of a row

with gradients, for rows of n elements and h = g w,

    dL/db = sum g        dL/dw = sum g z        dL/dx = r (h - mean h - z mean(h z))

where dL/db and dL/dw sum over the rows, and the means are a row's. Shapes: x, g, out (M, n); w, b (n,); m, v (M,).
"""

from collections.abc import Callable
from typing import Any

from refnet._ops._accumulate import row_products, tree_sum
from refnet._ops.reduce import var_mean
from refnet._tape import Primitive
from refnet._threads import share
from refnet._workspace import empty

Array = Any

_BLOCK = 1 << 18  # bytes: a part of a core's second-level cache


@Primitive
def layer_norm(xp: Any, x: Array, w: Array = None, b: Array = None, *, eps: float, moments: Array) -> Array:
    """out = w z + b for x of float32 or float64; m and v are left in `moments`, (2, M) of float64.

    The mean is subtracted as rounded to x's type; the mean of what is left, 0 but for that rounding, is taken off too.
    """
    n = x.shape[1]
    ones = xp.ones(n, x.dtype)
    out = empty(xp, x.shape, x.dtype)

    def work(part: slice, number: int) -> None:
        mean, variance = moments[:, part]
        z = out[part]
        centre = (row_products(xp, x[part], ones) / xp.float64(n)).astype(x.dtype)
        xp.subtract(x[part], centre[:, None], out=z)
        drift = row_products(xp, z, ones) / xp.float64(n)
        mean[...] = centre + drift
        xp.maximum(row_products(xp, z, z) / xp.float64(n) - drift * drift, 0, out=variance)
        r = 1 / xp.sqrt(variance + eps)
        _standardize(z, drift, r)
        if w is not None:
            z *= w
        if b is not None:
            z += b

    _walk(x)(work)
    return out


@layer_norm.directly
def layer_norm_gradients(
    xp: Any, g: Array, wanted: tuple[bool, ...], x: Array, w: Array, eps: float, moments: Array
) -> list[Array | None]:
    """The three gradients in one walk over the rows."""
    n = x.shape[1]
    ones = xp.ones(n, x.dtype)
    dx = empty(xp, x.shape, x.dtype) if wanted[0] else None
    sums = xp.zeros((_parts(x), 2, n))

    def work(part: slice, number: int) -> None:
        mean, variance = moments[:, part]
        centre = mean.astype(x.dtype)
        r = 1 / xp.sqrt(variance + eps)
        z = x[part] - centre[:, None]
        _standardize(z, mean - centre, r)
        h = g[part]
        sums[number] = tree_sum(xp, h * z, (0,))[0], tree_sum(xp, h, (0,))[0]
        if dx is None:
            return
        h = xp.multiply(h, w, out=dx[part]) if w is not None else xp.add(h, 0, out=dx[part])
        along = (row_products(xp, h, z) / xp.float64(n)).astype(x.dtype)
        mean_of_h = (row_products(xp, h, ones) / xp.float64(n)).astype(x.dtype)
        z *= along[:, None]
        h -= z
        h -= mean_of_h[:, None]
        h *= r.astype(x.dtype)[:, None]

    _walk(x)(work)
    dw, db = sums.sum(0).astype(x.dtype)
    return [dx, dw, db]


def _standardize(z: Array, drift: Array, r: Array) -> None:
    """z <- (z - drift) r by rows; nothing is subtracted where no bit would change."""
    if (abs(drift * r) > _UNSEEN[z.dtype.name]).any():
        z -= drift.astype(z.dtype)[:, None]
    z *= r.astype(z.dtype)[:, None]


_UNSEEN = {"float32": 2.0**-28, "float64": 2.0**-57}  # against numbers of size 1


def _rows_at_once(x: Array) -> int:
    return max(1, int(_BLOCK // max(1, x.shape[1] * x.itemsize)))


def _parts(x: Array) -> int:
    return -(-len(x) // _rows_at_once(x))


def _walk(x: Array) -> Callable[[Callable[[slice, int], None]], None]:
    """A function that calls its argument with the rows of x, some at a time, and their number, by several threads."""
    step = _rows_at_once(x)
    return lambda work: share(
        lambda number: work(slice(number * step, (number + 1) * step), number), _parts(x), worth=4
    )


# --- the rules in Tensor algebra, for gradients that are themselves recorded ------------------------------------------


def _standardized(x: Any, eps: float) -> tuple[Any, Any]:
    """z and r."""
    variance, mean = var_mean(x, 1, correction=0, keepdim=True)
    r = (variance + eps).rsqrt()
    return (x - mean) * r, r


def _input_rule(g: Any, x: Any, w: Any, eps: float) -> Any:
    z, r = _standardized(x, eps)
    h = g if w is None else g * w
    return (h - h.mean(1, keepdim=True) - z * (h * z).mean(1, keepdim=True)) * r


layer_norm.vjp(
    x=_input_rule,
    w=lambda g, x, eps: (g * _standardized(x, eps)[0]).sum(0),
    b=lambda g: g.sum(0),
)
