"""Order: sort, argsort, msort, topk. nan counts as the largest value; equal elements stay in their order."""

from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops import shape
from refnet._ops._args import Values, expect_tensor, into, values_into
from refnet._ops._dims import dim_of
from refnet._ops.gather import gather
from refnet._tape import wrap


def _order(input: Any, d: int, descending: bool) -> Any:
    """The positions along dimension d in rising or falling order, stable, as an int64 tensor."""
    xp, x = input.device.xp, input._array
    if x.ndim == 0:
        return wrap(xp.zeros((), xp.int64), input.device)
    x = x.astype(_dtype.opmath(x.dtype), copy=False)
    if descending:  # sorted from behind and read from behind, equals keep their order and nan comes first
        order = x.shape[d] - 1 - xp.flip(xp.argsort(xp.flip(x, d), axis=d, kind="stable"), d)
    else:
        order = xp.argsort(x, axis=d, kind="stable")
    return wrap(xp.ascontiguousarray(order, dtype=xp.int64), input.device)


def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False, *, out: Any = None) -> Values:
    """(values, indices): input in rising (or falling) order along `dim`, and where each element was.

    Always stable.

    >>> import refnet
    >>> values, indices = refnet.sort(refnet.tensor([3, 1, 2]))
    >>> values, indices
    (tensor([1, 2, 3]), tensor([1, 2, 0]))
    """
    expect_tensor(input, "sort")
    d = dim_of(dim, input.ndim)
    order = _order(input, d, descending)
    return values_into(out, Values(gather(input, d, order), order), "sort")


def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False, *, out: Any = None) -> Any:
    """The indices that sort input along `dim`.

    >>> import refnet
    >>> refnet.argsort(refnet.tensor([3, 1, 2]), descending=True)
    tensor([0, 2, 1])
    """
    expect_tensor(input, "argsort")
    return into(out, _order(input, dim_of(dim, input.ndim), descending), "argsort")


def msort(input: Any, *, out: Any = None) -> Any:
    """input in rising order along its first dimension.

    >>> import refnet
    >>> refnet.msort(refnet.tensor([[3, 1], [2, 4]]))
    tensor([[2, 1],
            [3, 4]])
    """
    expect_tensor(input, "msort")
    return into(out, sort(input, 0)[0], "msort")


def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True, *, out: Any = None) -> Values:
    """(values, indices) of the k largest (or smallest) elements along `dim`, in order; the first of equals first.

    >>> import refnet
    >>> values, indices = refnet.topk(refnet.tensor([3, 1, 2]), 2)
    >>> values, indices
    (tensor([3, 2]), tensor([0, 2]))
    """
    expect_tensor(input, "topk")
    d = dim_of(dim, input.ndim)
    check(0 <= k <= (input.shape[d] if input.ndim else 1), lambda: "selected index k out of range")
    check(input.dtype is not _dtype.bool_, lambda: "topk does not support bool dtypes on CPU")
    order = _order(input, d, largest)
    if input.ndim:
        order = shape.narrow(order, d, 0, k).contiguous()
    return values_into(out, Values(gather(input, d, order), order), "topk")
