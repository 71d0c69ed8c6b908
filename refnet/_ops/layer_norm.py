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
    n = x.shape[1]
    ones = xp.ones(n, x.dtype)
    weights = ones if w is None else w
    scales, shifts = xp.stack([weights, weights]), xp.stack([weights, xp.zeros(n, x.dtype) if b is None else b])
    out = empty(xp, x.shape, x.dtype)

    def work(part: slice, number: int) -> None:
        y, mean, variance, left = _centred(xp, x[part], ones, eps)
        moments[0, part], moments[1, part] = mean, variance
        r = 1 / xp.sqrt(variance + eps)
        found = out[part]
        _combined(xp, -left * r, 1, shifts, found)  # b - m r w^T
        scaled = _combined(xp, r * 0.5, r * 0.5, scales, empty(xp, y.shape, x.dtype))  # r w^T
        scaled *= y
        found += scaled

    _walk(x)(work)
    return out


@layer_norm.variant
def layer_norm_by_steps(xp: Any, x: Array, w: Array = None, b: Array = None, *, eps: float, moments: Array) -> Array:
    """The definition, one operation after the other, in float64."""
    wide = x.astype("float64")
    moments[0], moments[1] = wide.mean(1), wide.var(1)
    z = (wide - moments[0][:, None]) / xp.sqrt(moments[1][:, None] + eps)
    return ((z if w is None else z * w) + (0 if b is None else b)).astype(x.dtype)


def _centred(xp: Any, x: Array, ones: Array, eps: float) -> tuple[Array, Array, Array, Array]:
    """y = x, or x less the rounded means where they are large; m and v of x; the mean of y, all means in float64."""
    n = x.shape[1]
    mean = _over(xp, row_products(xp, x, ones), n)
    square = mean * mean
    variance = xp.maximum(_over(xp, row_products(xp, x, x), n) - square, 0)
    if on_host(x) and (square <= variance + eps).all():  # on a GPU a look costs more than the shift
        return x, mean, variance, mean
    y, centre = _shifted(xp, x, mean)
    left = _over(xp, row_products(xp, y, ones), n)
    variance = xp.maximum(_over(xp, row_products(xp, y, y), n) - left * left, 0)
    return y, centre + left, variance, left


def _combined(xp: Any, first: Array, second: Array, columns: Array, out: Array) -> Array:
    """out <- first columns[0]^T + second columns[1]^T

    Where one would do, it is given in two halves: numpy calls BLAS for two rows and columns or more.
    """
    rows = xp.empty((len(out), 2), out.dtype)
    rows[:, 0], rows[:, 1] = first, second
    return xp.matmul(rows, columns, out=out)


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
    scales = xp.stack([weights, weights])
    dx = empty(xp, x.shape, x.dtype) if wanted[0] else None
    sums = xp.zeros((_parts(x), 2, n))

    def work(part: slice, number: int) -> None:
        y, left, variance = x[part], moments[0, part], moments[1, part]
        if not (on_host(y) and (left * left <= variance + eps).all()):
            y, centre = _shifted(xp, y, left)
            left = left - centre
        h, r = g[part], 1 / xp.sqrt(variance + eps)
        p = xp.multiply(h, y, out=empty(xp, y.shape, x.dtype))
        columns = xp.empty((3, len(y)), x.dtype)
        columns[0], columns[1], columns[2] = r, r * left, 1
        over_rows = columns[1:] @ h
        sums[number, 0], sums[number, 1] = columns[0] @ p - over_rows[0], over_rows[1]
        if dx is None:
            return
        mean_h = _over(xp, h @ weights, n)
        slope = r * r * r * (_over(xp, p @ weights, n) - left * mean_h)  # r^2 mean(h z)
        share = _combined(xp, r * 0.5, r * 0.5, scales, dx[part])
        share *= h
        xp.multiply(y, slope.astype(x.dtype)[:, None], out=p)
        share -= p
        share += (slope * left - r * mean_h).astype(x.dtype)[:, None]

    _walk(x)(work)
    dw, db = sums.sum(0).astype(x.dtype)
    return [dx, dw, db]


layer_norm.on_gpu(kernels.layer_norm)
layer_norm.directly_on_gpu(kernels.layer_norm_gradients)


def _over(xp: Any, sums: Array, n: int) -> Array:
    """sums / n in float64"""
    return xp.true_divide(sums, n, dtype="float64")


def _rows_at_once(x: Array) -> int:
    return max(1, int(_BLOCK // max(1, x.shape[1] * x.itemsize)))


def _parts(x: Array) -> int:
    return -(-len(x) // _rows_at_once(x))


def _walk(x: Array) -> Callable[[Callable[[slice, int], None]], None]:
    """A function that calls its argument with the rows of x, some at a time, and their number, by several threads."""
    step = _rows_at_once(x)
    return lambda work: share(lambda number: work(slice(number * step, (number + 1) * step), number), _parts(x))


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
