"""Layer normalization in one operation: each row by its own mean and variance, then scaled and shifted by column.

    out = w z + b,    z = (x - m) r,    r = 1 / sqrt(v + eps),    m, v the mean and (biased) variance of a row

with gradients, for rows of n elements and h = g w,

    dL/db = sum g        dL/dw = sum g z        dL/dx = r (h - mean h - z mean(h z))

where dL/db and dL/dw sum over the rows, and the means are a row's. Shapes: x, g, out (M, n); w, b (n,); m, v (M,).

Both are written out in x and g, so that a pass over the array is a product with a matrix that is nothing but rows times
columns, and every sum is a product with a vector; BLAS makes the ones and takes the others at the speed of a copy:

    out = (r w^T) x + (b - m r w^T)
    mean(h z) = r (p w - m g w) / n,    sum g z = r^T p - (r m)^T g,    p = g x elementwise

Where a mean is larger than the deviation from it these differences would lose digits. Such rows are first shifted by
their mean as rounded to x's type; m is then what is left of it.
"""

from collections.abc import Callable
from typing import Any

from refnet._device import on_host
from refnet._kernels import layer_norm as kernels
from refnet._ops._accumulate import row_products
from refnet._ops.reduce import var_mean
from refnet._tape import Primitive
from refnet._threads import share
from refnet._workspace import empty

Array = Any

_BLOCK = 1 << 20  # bytes: rows enough that the twenty calls for their means and variances cost little


@Primitive
def layer_norm(xp: Any, x: Array, w: Array = None, b: Array = None, *, eps: float, moments: Array) -> Array:
    """out = w z + b for x of float32 or float64; m and v are left in `moments`, (2, M) of float64."""
    ones = xp.ones(x.shape[1], x.dtype)
    columns = xp.empty((3, x.shape[1]), x.dtype)
    columns[:2] = 1 if w is None else w
    columns[2] = 0 if b is None else b
    out = empty(xp, x.shape, x.dtype)

    def work(part: slice, number: int) -> None:
        y, left, spread = _centred(xp, x[part], ones, eps, moments[:, part])
        r = 1 / xp.sqrt(spread)
        rows = xp.empty((2, len(y), 2), x.dtype)
        rows[0] = _halves(r)
        found = xp.matmul(rows[0], columns[:2], out=out[part])  # r w^T
        found *= y
        rows[1, :, 0], rows[1, :, 1] = -left * r, 1
        found += xp.matmul(rows[1], columns[1:], out=empty(xp, y.shape, x.dtype))  # b - m r w^T

    _walk(x)(work)
    return out


@layer_norm.variant
def layer_norm_by_steps(xp: Any, x: Array, w: Array = None, b: Array = None, *, eps: float, moments: Array) -> Array:
    """The definition, one operation after the other, in float64."""
    wide = x.astype("float64")
    moments[0], moments[1] = wide.mean(1), wide.var(1)
    z = (wide - moments[0][:, None]) / xp.sqrt(moments[1][:, None] + eps)
    return ((z if w is None else z * w) + (0 if b is None else b)).astype(x.dtype)


def _centred(xp: Any, x: Array, ones: Array, eps: float, moments: Array) -> tuple[Array, Array, Array]:
    """moments <- m and v; y = x, or x less the rounded means where they are large; the mean of y, and v + eps."""
    _take_moments(xp, x, ones, moments)
    mean, spread = moments[0], moments[1] + eps
    if on_host(x) and (mean * mean <= spread).all():  # on a GPU a look costs more than the shift
        return x, mean, spread
    y, centre = _shifted(xp, x, mean)
    left = xp.empty_like(moments)
    _take_moments(xp, y, ones, left)
    moments[...] = left
    moments[0] += centre
    return y, left[0], left[1] + eps


def _take_moments(xp: Any, x: Array, ones: Array, moments: Array) -> None:
    """moments <- m and v of x, in float64"""
    moments[0], moments[1] = row_products(xp, x, ones), row_products(xp, x, x)
    moments /= x.shape[1]
    mean, variance = moments
    variance -= mean * mean
    xp.maximum(variance, 0, out=variance)


def _halves(r: Array) -> Array:
    """r / 2 twice, (M, 2), for a product with (2, n) where one r would do: numpy calls BLAS for two and more."""
    return (r * 0.5)[:, None]


def _shifted(xp: Any, x: Array, mean: Array) -> tuple[Array, Array]:
    """x less its means as rounded to its type, and those."""
    centre = mean.astype(x.dtype)
    return xp.subtract(x, centre[:, None], out=empty(xp, x.shape, x.dtype)), centre


@layer_norm.directly
def layer_norm_gradients(
    xp: Any, g: Array, wanted: tuple[bool, ...], x: Array, w: Array, eps: float, moments: Array
) -> list[Array | None]:
    """The three gradients in one walk over the rows."""
    n = x.shape[1]
    weights = xp.ones(n, x.dtype) if w is None else w
    scales = xp.empty((2, n), x.dtype)
    scales[...] = weights
    dx = empty(xp, x.shape, x.dtype) if wanted[0] else None
    sums = xp.empty((_parts(x), 2, n))

    def work(part: slice, number: int) -> None:
        y, left, spread = x[part], moments[0, part], moments[1, part] + eps
        if not (on_host(y) and (left * left <= spread).all()):
            y, centre = _shifted(xp, y, left)
            left = left - centre
        h, r = g[part], 1 / xp.sqrt(spread)
        p = xp.multiply(h, y, out=empty(xp, y.shape, x.dtype))
        columns = xp.empty((3, len(y)), x.dtype)
        columns[0], columns[1], columns[2] = r, r * left, 1
        over_rows = columns[1:] @ h
        sums[number] = over_rows
        sums[number, 0] = columns[0] @ p - over_rows[0]
        if dx is None:
            return
        mean_h = (h @ weights).astype("float64") / n
        slope = r * r * r * ((p @ weights).astype("float64") / n - left * mean_h)  # r^2 mean(h z)
        rows = xp.empty((len(y), 2), x.dtype)
        rows[...] = _halves(r)
        share = xp.matmul(rows, scales, out=dx[part])
        share *= h
        xp.multiply(y, slope.astype(x.dtype)[:, None], out=p)
        share -= p
        share += (slope * left - r * mean_h).astype(x.dtype)[:, None]

    _walk(x)(work)
    dw, db = sums.sum(0).astype(x.dtype)
    return [dx, dw, db]


layer_norm.on_gpu(kernels.layer_norm)
layer_norm.directly_on_gpu(kernels.layer_norm_gradients)


def _parts(x: Array) -> int:
    return max(1, min(len(x), -int(-x.nbytes // _BLOCK)))


def _walk(x: Array) -> Callable[[Callable[[slice, int], None]], None]:
    """A function that calls its argument with the rows of x, some at a time, and their number, by several threads."""
    count = _parts(x)
    step = -(-len(x) // count)
    return lambda work: share(lambda number: work(slice(number * step, (number + 1) * step), number), count)


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
