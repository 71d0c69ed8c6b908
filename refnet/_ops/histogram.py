"""Histograms with their edges: histogram of all numbers, histogramdd of points.

Bin i holds edges[i] <= x < edges[i + 1], the last one its right edge too. What lies outside, and nan, is not counted.
"""

import math
from typing import Any

from refnet._check import check
from refnet._ops._args import expect_tensor, into
from refnet._ops._lapack import expect_kernel, returned
from refnet._tape import TensorBase, wrap

Array = Any

Histogram = returned("histogram", "hist", "bin_edges")
HistogramDD = returned("histogramdd", "hist", "bin_edges")


def histogram(
    input: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False, out: Any = None
) -> Any:
    """(hist, bin_edges) of all elements of input, each counted `weight` times.

    `bins` is how many equal bins `range` is split into (from the smallest to the largest element, unless it is said), or
    a tensor of rising edges. With `density` the bins are divided by what they hold in all and by their width.

    >>> import refnet
    >>> refnet.histogram(refnet.tensor([1.0, 2.0, 1.0]), bins=4, range=(0.0, 4.0)).hist
    tensor([0., 2., 1., 0.])
    """
    name = "torch.histogram()"
    expect_tensor(input, "histogram")
    expect_kernel(input, "histogram_cpu")
    points = input.reshape(-1, 1)
    _check_weight(input, weight, name)
    if isinstance(bins, TensorBase):
        edges = [_given_edges(input, bins, 0, name)]
    else:
        edges = _equal_edges(points, [bins], range, name)
    found = Histogram(wrap(_counted(points, edges, weight, density), input.device), wrap(edges[0], input.device))
    return found if out is None else Histogram(*(into(o, x, "histogram") for o, x in zip(out, found, strict=True)))


def histogramdd(input: Any, bins: Any, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """(hist, bin_edges) of points (..., D): how many lie in each box of a grid. `bin_edges` has D tensors.

    `bins` is a number for every dimension, one for all, or D tensors of edges; `range` has 2 D numbers.

    >>> import refnet
    >>> points = refnet.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [2.0, 2.0]])
    >>> refnet.histogramdd(points, bins=[2, 2]).hist
    tensor([[0., 1.],
            [1., 2.]])
    """
    name = "torch.histogramdd()"
    expect_tensor(input, "histogramdd")
    check(
        input.ndim >= 2,
        lambda: f"{name}: input tensor should have at least 2 dimensions, but got {input.ndim}",
    )
    expect_kernel(input, "histogramdd_cpu")
    dims = input.shape[-1]
    bins = [bins] * dims if isinstance(bins, int) else list(bins)
    check(
        len(bins) == dims,
        lambda: (
            "histogramdd: The size of bins must be equal to the innermost dimension of the input: "
            f"got {len(bins)} for {dims}"
        ),
    )
    points = input.reshape(-1, dims)
    _check_weight(input[..., 0], weight, name)
    if isinstance(bins[0], TensorBase):
        edges = [_given_edges(input, edge, d, name) for d, edge in enumerate(bins)]
    else:
        edges = _equal_edges(points, bins, range, name)
    hist = wrap(_counted(points, edges, weight, density), input.device)
    return HistogramDD(hist, tuple(wrap(edge, input.device) for edge in edges))


def _check_weight(input: Any, weight: Any, name: str) -> None:
    check(
        weight is None or weight.dtype is input.dtype,
        lambda: (
            f"{name}: if weight tensor is provided, input tensor and weight tensor should have the same dtype, but got "
            f"input(), and weight {weight.dtype}"
        ),
    )
    check(
        weight is None or weight.shape == input.shape,
        lambda: (
            f"{name}: if weight tensor is provided it should have the same shape as the input tensor excluding its "
            f"innermost dimension, but got input with shape {list(input.shape)} and weight with shape "
            f"{list(weight.shape)}"
        ),
    )


def _given_edges(input: Any, edges: Any, d: int, name: str) -> Array:
    check(
        edges.dtype is input.dtype,
        lambda: (
            f"{name}: input tensor and bins tensors should have the same dtype, but got input with dtype {input.dtype} "
            f"and bins for dimension {d} with dtype {edges.dtype}"
        ),
    )
    check(
        edges.ndim == 1 and edges.numel() > 0,
        lambda: (
            f"{name}: bins tensor should have one dimension and at least 1 element, but got {list(edges.shape)} in the "
            f"bins tensor for dimension {d}"
        ),
    )
    return edges._array.copy()


def _equal_edges(points: Any, bins: list[int], limits: Any, name: str) -> list[Array]:
    """Edges that split the range of every column into equal bins, in the type of the points."""
    x, xp = points._array, points.device.xp
    check(
        limits is None or len(limits) == 2 * len(bins),
        lambda: (
            f"{name}: for a {len(bins)}-dimensional histogram range should have {2 * len(bins)} elements, but got "
            f"{len(limits)}"
        ),
    )
    return [
        _edges_of(xp, x[:, d], d, count, limits and limits[2 * d : 2 * d + 2], name) for d, count in enumerate(bins)
    ]


def _edges_of(xp: Any, column: Array, d: int, count: int, limits: Any, name: str) -> Array:
    """The edges for one column; equal limits are moved apart by 1/2 each."""
    check(count > 0, lambda: f"{name}: bins must be > 0, but got {count} for dimension {d}")
    if limits is not None:
        low, high = map(float, limits)
    else:
        low, high = (float(column.min()), float(column.max())) if len(column) else (0.0, 1.0)
    check(
        math.isfinite(low) and math.isfinite(high),
        lambda: f"{name}: dimension {d}'s range [{low}, {high}] is not finite",
    )
    check(
        low <= high,
        lambda: f"torch.histogramdd: min should not exceed max, but got min {low} max {high} for dimension {d}",
    )
    if low == high:
        low, high = low - 0.5, high + 0.5
    return xp.linspace(low, high, count + 1).astype(column.dtype)


def _counted(points: Any, edges: list[Array], weight: Any, density: bool) -> Array:
    x, xp = points._array, points.device.xp
    shape = tuple(len(edge) - 1 for edge in edges)
    if 0 in shape:
        return xp.zeros(shape, x.dtype)
    inside = xp.ones(len(x), bool)
    places = []
    for d, edge in enumerate(edges):
        column = xp.ascontiguousarray(x[:, d])
        inside &= (column >= edge[0]) & (column <= edge[-1])
        places.append(xp.minimum(xp.searchsorted(edge, column, "right") - 1, shape[d] - 1))
    cells = math.prod(shape)
    flat = xp.zeros(int(inside.sum()), "int64")
    for place, size in zip(places, shape, strict=True):
        flat = flat * size + place[inside]
    weights = None if weight is None else weight._array.reshape(-1)[inside].astype("float64")
    hist = xp.bincount(flat, weights, minlength=cells).astype("float64").reshape(shape)
    if density:
        volume = xp.ones((), "float64")
        for d, edge in enumerate(edges):
            width = xp.diff(edge.astype("float64"))
            volume = volume * width.reshape((-1,) + (1,) * (len(edges) - d - 1))
        hist = hist / hist.sum() / volume if hist.size else hist
    return hist.astype(x.dtype)
