"""Finite differences and their opposite: diff, gradient, trapezoid, cumulative_trapezoid."""

from collections.abc import Sequence
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops import reduce, shape
from refnet._ops._args import expect_tensor, into
from refnet._ops._dims import dim_of, dims_of
from refnet._ops.pointwise import logical_xor
from refnet._ops.scan import cumsum
from refnet._tape import TensorBase

# --- diff ---------------------------------------------------------------------------------------------------------


def _step(x: Any, d: int) -> Any:
    """x[i + 1] - x[i] along d; for bools, whether they differ."""
    n = x.shape[d] - 1
    later, earlier = shape.narrow(x, d, 1, n), shape.narrow(x, d, 0, n)
    return logical_xor(later, earlier) if x.dtype is _dtype.bool_ else later - earlier


def diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None, *, out: Any = None) -> Any:
    """The n-th forward difference along `dim`: out[i] = input[i + 1] - input[i], n times.

    `prepend` and `append` are joined to input first; they have its sizes but for `dim`.

    >>> import refnet
    >>> refnet.diff(refnet.tensor([1, 4, 9]))
    tensor([3, 5])
    """
    expect_tensor(input, "diff")
    check(input.ndim > 0, lambda: "diff expects input to be at least one-dimensional")
    check(n >= 0, lambda: f"order must be non-negative but got {n}")
    d = dim_of(dim, input.ndim)
    for other in (prepend, append):
        if other is not None:
            check(
                other.ndim == input.ndim,
                lambda other=other: (
                    f"diff expects prepend or append to be the same dimension as input: got {other.ndim} dimensions, "  # type: ignore[misc]
                    f"expected {input.ndim}"
                ),
            )
            for e in range(input.ndim):
                check(
                    e == d or other.shape[e] == input.shape[e],
                    lambda other=other, e=e: (
                        "diff expects the shape of tensor to prepend or append to match that of input except along the "  # type: ignore[misc]
                        f"differencing dimension; input.size({e}) = {input.shape[e]}, but got tensor.size({e}) = "
                        f"{other.shape[e]}"
                    ),
                )
    if n == 0:
        return into(out, shape.copy(input), "diff")
    parts = [x for x in (prepend, input, append) if x is not None]
    x = parts[0] if len(parts) == 1 else shape.cat(parts, d)
    for _ in range(min(n, max(x.shape[d], 1)) if x.shape[d] else 0):
        x = _step(x, d) if x.shape[d] else x
    return into(out, x, "diff")


# --- gradient -----------------------------------------------------------------------------------------------------


def gradient(input: Any, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> tuple[Any, ...]:
    """The slope of input along each of `dim`, by central differences, one-sided ones of order `edge_order` at the ends.

    `spacing`: the distance of samples, one number or one for each dimension, or a vector of coordinates for each.

    >>> import refnet
    >>> refnet.gradient(refnet.tensor([0.0, 1.0, 4.0, 9.0]))
    (tensor([1., 2., 4., 5.]),)
    """
    expect_tensor(input, "gradient")
    spacing = 1 if spacing is None else spacing
    dims = tuple(range(input.ndim)) if dim is None else tuple(dim) if isinstance(dim, list | tuple) else (dim,)
    steps = list(spacing) if isinstance(spacing, list | tuple) else [spacing] * len(dims)
    _check_gradient(input, dims, steps, dim, edge_order)
    dims = dims_of(list(dims), input.ndim) if dims else ()
    slopes = []
    for d, step in zip(dims, steps, strict=True):
        vector = isinstance(step, TensorBase) and len(step.shape) > 0
        slopes.append(_uneven(input, d, step, edge_order) if vector else _even(input, d, step, edge_order))
    return tuple(slopes)


def _check_gradient(input: Any, dims: Sequence[int], steps: list[Any], dim: Any, edge_order: int) -> None:
    check(input.dtype is not _dtype.uint8, lambda: "torch.gradient does not support uint8 input.")
    check(
        edge_order in (1, 2),
        lambda: f"torch.gradient only supports edge_order=1 and edge_order=2, but got {edge_order}.",
    )
    many = len(steps) != 1 or dim is not None
    check(
        len(steps) == len(dims),
        lambda: (
            f"torch.gradient expected spacing to be unspecified, a scalar, or a list of length {len(dims)}, but got a "
            f"list of length {len(steps)}"
            if many
            else f"torch.gradient expected spacing for {len(dims)} dimensions, but got {len(steps)}"
        ),
    )
    for d, step in zip(dims, steps, strict=True):
        at = dim_of(d, input.ndim)
        _check_samples(input.shape[at] if input.ndim else 1, at, step, edge_order)
    wrapped = [dim_of(d, input.ndim) for d in dims]
    for d in wrapped:
        check(wrapped.count(d) == 1, lambda d=d: f"dim {d} appears multiple times in the list of dims")  # type: ignore[misc]


def _check_samples(n: int, d: int, step: Any, edge_order: int) -> None:
    """n samples along dimension d, a number or a vector of coordinates apart."""
    check(
        n >= edge_order + 1,
        lambda: (
            f"torch.gradient expected each dimension size to be at least edge_order+1: got {n} for dimension {d}, "
            f"edge_order {edge_order}"
        ),
    )
    if isinstance(step, TensorBase):
        check(
            len(step.shape) <= 1,
            lambda: f"torch.gradient expected each element of spacing to have one dimension, but got {len(step.shape)}",
        )
        check(
            len(step.shape) == 0 or step.shape[0] == n,
            lambda: (
                "torch.gradient expected each spacing tensor to have as many coordinates as its dimension: got "
                f"{step.shape[0]}, expected {n}"
            ),
        )


def _even(x: Any, d: int, step: Any, edge_order: int) -> Any:
    """Samples at equal distances."""
    n = x.shape[d]

    def at(i: int) -> Any:
        return shape.narrow(x, d, i % n, 1)

    if edge_order == 1:
        first, last = (at(1) - at(0)) / step, (at(-1) - at(-2)) / step
    else:
        first = (2 * at(1) - 1.5 * at(0) - 0.5 * at(2)) / step
        last = (1.5 * at(-1) - 2 * at(-2) + 0.5 * at(-3)) / step
    if n == 2:
        return shape.cat([first, last], d)
    inner = (shape.narrow(x, d, 2, n - 2) - shape.narrow(x, d, 0, n - 2)) / step / 2
    return shape.cat([first, inner, last], d)


def _uneven(x: Any, d: int, coordinates: Any, edge_order: int) -> Any:
    """Samples at the given coordinates: the slope of the parabola through three of them."""
    n = x.shape[d]
    line = (1,) * d + (-1,) + (1,) * (x.ndim - d - 1)
    gaps = diff(coordinates)

    def at(i: int) -> Any:
        return shape.narrow(x, d, i % n, 1)

    def gap(i: int) -> Any:
        return gaps[i]

    if edge_order == 1:
        first, last = (at(1) - at(0)) / gap(0), (at(-1) - at(-2)) / gap(-1)
    else:
        h, k = gap(0), gap(1)
        first = at(1) * ((h + k) / (h * k)) - at(0) * ((2 * h + k) / (h * (h + k))) - at(2) * (h / (k * (h + k)))
        h, k = gap(-2), gap(-1)
        last = at(-3) * (k / (h * (h + k))) - at(-2) * ((h + k) / (h * k)) + at(-1) * ((2 * k + h) / (k * (h + k)))
    if n == 2:
        return shape.cat([first, last], d)
    before, after = gaps[:-1].reshape(line), gaps[1:].reshape(line)
    inner = (
        shape.narrow(x, d, 0, n - 2) * (-after / (before * (before + after)))
        + shape.narrow(x, d, 1, n - 2) * ((after - before) / (before * after))
        + shape.narrow(x, d, 2, n - 2) * (before / (after * (before + after)))
    )
    return shape.cat([first, inner, last], d)


# --- trapezoids ---------------------------------------------------------------------------------------------------


def _trapezoids(y: Any, x: Any, dx: Any, dim: int, name: str) -> tuple[Any, Any, int]:
    """(neighbours added, the width of each trapezoid, the dimension from the front)."""
    expect_tensor(y, name, "y")
    check(y.ndim > 0, lambda: f"Dimension specified as {dim} but tensor has no dimensions", IndexError)
    d = dim_of(dim, y.ndim)
    check(
        not isinstance(dx, TensorBase),
        lambda: f"{name}(): argument 'dx' must be a number, not Tensor; give the coordinates as x",
        TypeError,
    )
    check(y.dtype is not _dtype.bool_, lambda: f"{name}: received a bool input for `y`, but bool is not supported")
    n = y.shape[d]
    both = shape.narrow(y, d, 1, n - 1) + shape.narrow(y, d, 0, n - 1)
    if x is None:
        return both, dx, d
    check(x.dtype is not _dtype.bool_, lambda: f"{name}: received a bool input for `x`, but bool is not supported")
    if x.ndim == 1:
        check(
            x.shape[0] == n,
            lambda: f"{name}: There must be one `x` value for each sample point: got {x.shape[0]}, expected {n}",
        )
        width = diff(x).reshape((1,) * d + (-1,) + (1,) * (y.ndim - d - 1))
    else:
        lead = max(y.ndim - x.ndim, 0)
        x = x.reshape((1,) * lead + tuple(x.shape))
        width = diff(x, dim=dim_of(dim, x.ndim) if dim < 0 else d)
    return both, width, d


def trapezoid(y: Any, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Any:
    """The integral of samples y along `dim` by the trapezoidal rule; at the coordinates x, or dx apart.

    >>> import refnet
    >>> refnet.trapezoid(refnet.tensor([1.0, 5.0, 10.0]))
    tensor(10.5000)
    """
    expect_tensor(y, "trapezoid", "y")
    check(y.ndim > 0, lambda: f"Dimension specified as {dim} but tensor has no dimensions", IndexError)
    d = dim_of(dim, y.ndim)
    if y.shape[d] == 0:
        return y.new_zeros(tuple(n for e, n in enumerate(y.shape) if e != d))
    both, width, d = _trapezoids(y, x, dx, dim, "trapezoid")
    if x is None:
        return reduce.sum(both, dim) * width / 2
    return reduce.sum(both * width, dim) / 2


def cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Any:
    """The running integral of samples y along `dim` by the trapezoidal rule, one element shorter than y.

    >>> import refnet
    >>> refnet.cumulative_trapezoid(refnet.tensor([1.0, 5.0, 10.0]))
    tensor([ 3.0000, 10.5000])
    """
    both, width, _ = _trapezoids(y, x, dx, dim, "cumulative_trapezoid")
    if x is None:
        return cumsum(both, dim) * width / 2
    return cumsum(both * width, dim) / 2
