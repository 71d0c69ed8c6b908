"""Layer normalization by one kernel for the rows, and two for the gradients of the scale and the shift."""

from typing import Any

from refnet._kernels.launch import THREADS, blocks, dense, each, find

Array = Any

_SHORT = 64  # elements of a row that one thread goes through
_PART = 64  # rows whose columns one thread adds up
_PARTS = 256


def _by_rows(xp: Any, name: str, shape: tuple[int, ...], kind: str, *arguments: Any) -> None:
    """Launch the form of a kernel that suits the rows."""
    rows, n = shape
    if n <= _SHORT:
        each(find(xp, "layer_norm", f"{name}_threads", kind), rows, *arguments)
    else:
        blocks(find(xp, "layer_norm", f"{name}_blocks", kind), rows, *arguments)


def layer_norm(xp: Any, x: Array, w: Array = None, b: Array = None, *, eps: float, moments: Array) -> Array:
    """w (x - m) / sqrt(v + eps) + b by rows, with m and v left in `moments`."""
    given = dense(xp, x, w, b) if x.size else None
    if given is None:
        return NotImplemented
    x, w, b = given
    out = xp.empty_like(x)
    _by_rows(xp, "layer_norm", x.shape, x.dtype.char, x, w, b, moments, out, *x.shape, float(eps))
    return out


def layer_norm_gradients(
    xp: Any, g: Array, wanted: tuple[bool, ...], x: Array, w: Array, eps: float, moments: Array
) -> Any:
    """The gradients of x, w and b."""
    given = dense(xp, g, x, w) if x.size else None
    if given is None:
        return NotImplemented
    g, x, w = given
    (rows, n), kind, dx = x.shape, x.dtype.char, None
    if wanted[0]:
        dx = xp.empty_like(x)
        _by_rows(xp, "layer_norm_slope", x.shape, kind, g, x, w, moments, dx, rows, n, float(eps))
    dw, db = (xp.empty(n, x.dtype) if want else None for want in wanted[1:])
    if any(wanted[1:]):
        parts = min(-(-rows // _PART), _PARTS)
        partial = xp.empty((parts, 2, n))
        count = parts * -(-n // THREADS)
        kernel = find(xp, "layer_norm", "columns_of_parts", kind)
        blocks(kernel, count, g, x, moments, partial, rows, n, parts, float(eps))
        each(find(xp, "layer_norm", "layer_norm_scales", kind), n, partial, dw, db, n, parts)
    return [dx, dw, db]
