"""Where numbers fall: searchsorted, bucketize, isin, bincount, histc."""

import math
from typing import Any

import numpy

from refnet import _dtype
from refnet._check import check
from refnet._device import on_host
from refnet._ops._args import expect_one_device, expect_tensor, into, type_name
from refnet._ops._arrays import as_array, combine_at, counts
from refnet._tape import TensorBase, wrap

Array = Any

# --- among sorted edges -------------------------------------------------------------------------------------------


def searchsorted(
    sorted_sequence: Any,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Any = None,
    out: Any = None,
) -> Any:
    """How many elements of the last dimension of sorted_sequence are below each of input (`right`: or equal to it).

    sorted_sequence is one row for all, or has the shape of input but for the last dimension. `sorter` has the
    positions that sort it. int64, or int32 with `out_int32`.

    >>> import refnet
    >>> refnet.searchsorted(refnet.tensor([1, 3, 5]), refnet.tensor([3, 6]))
    tensor([1, 3])
    """
    name = "torch.searchsorted()"
    expect_tensor(sorted_sequence, "searchsorted", "sorted_sequence")
    expect_one_device("searchsorted", sorted_sequence, input, sorter)
    number = not isinstance(input, TensorBase)
    common = _dtype.result_type(sorted_sequence, input).numpy
    if number:
        input = wrap(sorted_sequence.device.xp.asarray(input, dtype=common), sorted_sequence.device)
    check(
        side is None or side in ("left", "right"),
        lambda: f"{name}: side can only be 'left' or 'right' but got {side}",
    )
    check(
        side is None or not (right and side == "left"),
        lambda: f"{name}: side and right can't be set to opposites, got side of {side} while right was True",
    )
    _check_edges(sorted_sequence, input, number, name)
    if sorter is not None:
        check(
            sorter.shape == sorted_sequence.shape,
            lambda: (
                "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor "
                f"{list(sorted_sequence.shape)}and got sorter tensor {list(sorter.shape)}"
            ),
        )
        check(
            sorter.dtype is _dtype.int64,
            lambda: (
                f"torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {type_name(sorter.dtype)}"
            ),
        )
        n = sorted_sequence.shape[-1] if sorted_sequence.ndim else 1
        at = sorter._array
        check(
            not on_host(at) or at.size == 0 or (int(at.min()) >= 0 and int(at.max()) < n),
            lambda: "torch.searchsorted(): sorter index out of range",
            IndexError if at.size and sorted_sequence.ndim == 1 else RuntimeError,
        )
    check(
        out is None or out.dtype is (_dtype.int32 if out_int32 else _dtype.int64),
        lambda: (
            f"{name}: output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) depending on whether "
            f"out_int32 flag is True, but we got output tensor's dtype {type_name(out.dtype)} and out_int32 flag is "
            f"{out_int32}"
        ),
    )
    xp = input.device.xp
    edges = sorted_sequence._array
    if sorter is not None:
        edges = xp.take_along_axis(edges, sorter._array, -1)
    found = _positions(xp, edges.astype(common), input._array.astype(common), right or side == "right")
    return into(out, wrap(found.astype("int32" if out_int32 else "int64"), input.device), "searchsorted")


def _check_edges(edges: Any, input: Any, number: bool, name: str) -> None:
    check(edges.ndim > 0, lambda: f"{name}: boundaries tensor should have positive dimension, but got 0 dimension")
    check(
        not number or edges.ndim == 1,
        lambda: (
            f"{name}: input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries "
            f"tensor dim({edges.ndim}) and input value's dim({input.ndim}) numel({input.numel()})"
        ),
    )
    check(
        edges.ndim == 1 or (edges.ndim == input.ndim and edges.shape[:-1] == input.shape[:-1]),
        lambda: (
            f"{name}: boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and "
            f"input value tensor must match, but we got boundaries tensor {list(edges.shape)} and input value tensor "
            f"{list(input.shape)}"
        ),
    )


def _positions(xp: Any, edges: Array, x: Array, right: bool) -> Array:
    """nan belongs behind all edges."""
    wide = _dtype.opmath(edges.dtype)
    edges, x = edges.astype(wide, copy=False), x.astype(wide, copy=False)
    side = "right" if right else "left"
    if edges.ndim == 1:
        found = xp.searchsorted(edges, x, side)
    else:
        found = xp.empty(x.shape, "int64")
        for row in range(math.prod(edges.shape[:-1]) if found.size else 0):
            at = numpy.unravel_index(row, edges.shape[:-1])
            found[at] = xp.searchsorted(edges[at], x[at], side)
    return xp.where(x != x, edges.shape[-1], found)


def bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False, out: Any = None) -> Any:
    """The number of the bucket that each element falls in: how many boundaries, a vector, are below it.

    >>> import refnet
    >>> refnet.bucketize(refnet.tensor([0.5, 2.0]), refnet.tensor([1.0, 2.0]))
    tensor([0, 1])
    """
    expect_tensor(boundaries, "bucketize", "boundaries", 2)
    check(
        boundaries.ndim == 1,
        lambda: f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})",
    )
    return searchsorted(boundaries, input, out_int32=out_int32, right=right, out=out)


def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False, out: Any = None
) -> Any:
    """Whether each of elements is among test_elements (`invert`: is not); one of the two may be a number.

    >>> import refnet
    >>> refnet.isin(refnet.tensor([1, 2, 3]), refnet.tensor([2, 5]))
    tensor([False,  True, False])
    """
    tensors = [x for x in (elements, test_elements) if isinstance(x, TensorBase)]
    check(
        len(tensors) > 0,
        lambda: (
            "isin() received an invalid combination of arguments: elements or test_elements must be a tensor, got "
            f"{type(elements).__name__} and {type(test_elements).__name__}"
        ),
        TypeError,
    )
    expect_one_device("isin", *tensors)
    common = _dtype.result_type(elements, test_elements)
    device: Any = tensors[0].device
    xp = device.xp
    arrays = [
        xp.asarray(x._array if isinstance(x, TensorBase) else x).astype(common.numpy) for x in (elements, test_elements)
    ]
    found = xp.isin(*arrays, invert=invert)
    return into(out, wrap(xp.asarray(found), device), "isin")


# --- counts -------------------------------------------------------------------------------------------------------


def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each whole number from 0 on is in the vector input, or the sum of its weights; as int64 or float64.

    >>> import refnet
    >>> refnet.bincount(refnet.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    expect_tensor(input, "bincount")
    expect_one_device("bincount", input, weights)
    check(
        not input.dtype.is_floating_point and input.dtype is not _dtype.bool_,
        lambda: f"\"bincount_cpu\" not implemented for '{type_name(input.dtype)}'",
        NotImplementedError,
    )
    check(minlength >= 0, lambda: f"minlength should be >= 0, got {minlength}")
    check(
        input.ndim == 1 and (input.numel() == 0 or int(input._array.min()) >= 0),
        lambda: "bincount only supports 1-d non-negative integral inputs.",
    )
    xp = input.device.xp
    positions = input._array.astype("int64")
    if weights is None:
        if not on_host(positions):
            minlength = max(minlength, int(positions.max()) + 1 if positions.size else 0)
        return wrap(counts(xp, positions, minlength).astype("int64"), input.device)
    check(
        weights.ndim == 1 and weights.shape == input.shape,
        lambda: (
            "weights should be 1-d and have the same length as input, "
            f"got {list(weights.shape)} and {list(input.shape)}"
        ),
    )
    # torch adds up in float32 if that is what the weights are, one after the other, and in float64 otherwise.
    kind = "float32" if weights.dtype is _dtype.float32 else "float64"
    if not positions.size:
        return wrap(xp.zeros(minlength, "int64"), input.device)
    sums = xp.zeros(max(int(positions.max()) + 1, minlength), kind)
    combine_at(xp, xp.add, sums, positions, weights._array.astype(kind))
    return wrap(sums, input.device)


def histc(input: Any, bins: int = 100, min: Any = 0, max: Any = 0, *, out: Any = None) -> Any:
    """How many elements fall in each of `bins` equal intervals from min to max, the last closed; others do not count.

    With min = max the smallest and the largest element are taken.

    >>> import refnet
    >>> refnet.histc(refnet.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    expect_tensor(input, "histc")
    check(bins > 0, lambda: f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    xp = input.device.xp
    x = input._array.reshape(-1)
    low, high = float(min), float(max)
    if low == high and x.size:
        low, high = float(x.min()), float(x.max())
    if low == high:
        low, high = low - 1, high + 1
    check(
        math.isfinite(low) and math.isfinite(high),
        lambda: f"torch.histogram(): dimension 0's range [{low}, {high}] is not finite",
    )
    check(
        low < high,
        lambda: f"torch.histc: max must be larger than min, got min {low} and max {high}",
    )
    kind = _dtype.opmath(x.dtype)
    inside = (x >= low) & (x <= high)
    chosen = x[inside] if on_host(x) else xp.where(inside, x, low)  # how many they are is not known on a GPU
    low, high = as_array(xp, low, kind), as_array(xp, high, kind)
    places = xp.minimum(((chosen.astype(kind) - low) * bins / (high - low)).astype("int64"), bins - 1)
    if not on_host(x):
        places = xp.where(inside, places, bins)  # one more place, for those that are outside
    found = counts(xp, places, bins + 1)[:bins]
    return into(out, wrap(found.astype(x.dtype), input.device), "histc")
