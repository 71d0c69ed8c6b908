"""Order statistics: kthvalue, median, mode, quantile, and their forms that pass over nan.

All look at sorted rows; the result is gathered from input, so that its gradient goes where it came from. nan counts as
the largest value.
"""

from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._device import on_host
from refnet._ops import shape
from refnet._ops._args import MISSING, Values, expect_tensor, into, values_into
from refnet._ops._arrays import accumulate
from refnet._ops._dims import dim_of
from refnet._ops.extrema import equal_to
from refnet._ops.gather import gather
from refnet._ops.pointwise import isnan, lerp, where
from refnet._ops.sort import sort
from refnet._tape import Primitive, TensorBase, wrap

Array = Any


def _chosen(input: Any, d: int, position: Any, keepdim: bool) -> Values:
    """The elements of input at `position`, which has size 1 along d."""
    values = gather(input, d, position)
    if keepdim or not input.ndim:
        return Values(values, position)
    return Values(shape.squeeze(values, d), shape.squeeze(position, d))


def _order(input: Any, d: int) -> Any:
    """Where the elements along d stand in rising order, nan last; a stable order."""
    xp, x = input.device.xp, input._array
    if not x.ndim:
        return xp.zeros((), "int64")
    return xp.argsort(x.astype(_dtype.opmath(x.dtype), copy=False), axis=d, kind="stable")


def _needs_elements(input: Any, d: int, name: str) -> None:
    check(
        input.ndim == 0 or input.shape[d] > 0,
        lambda: f"{name}(): Expected reduction dim {d} to have non-zero size.",
        IndexError,
    )


def _refuse_bool(input: Any, name: str) -> None:
    check(input.dtype is not _dtype.bool_, lambda: f"\"{name}\" not implemented for 'Bool'", NotImplementedError)


# --- kthvalue, mode -----------------------------------------------------------------------------------------------


def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> Values:
    """(values, indices) of the k-th smallest elements along `dim`, counted from 1; the first of equals comes first.

    >>> import refnet
    >>> values, indices = refnet.kthvalue(refnet.tensor([3.0, 1.0, 2.0]), 2)
    >>> values, indices
    (tensor(2.), tensor(2))
    """
    expect_tensor(input, "kthvalue")
    d = dim_of(dim, input.ndim)
    _needs_elements(input, d, "kthvalue")
    n = input.shape[d] if input.ndim else 1
    check(1 <= k <= n, lambda: f"kthvalue(): selected number k out of range for dimension {d}")
    _refuse_bool(input, "kthvalue_cpu")
    order = _order(input, d)
    if input.ndim:
        order = order.take([k - 1], axis=d)
    return values_into(out, _chosen(input, d, wrap(order, input.device), keepdim), "kthvalue")


def mode(input: Any, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> Values:
    """(values, indices) of the most frequent elements along `dim`, the smallest of equally frequent ones; its last place.

    >>> import refnet
    >>> values, indices = refnet.mode(refnet.tensor([2, 1, 2, 1, 3]))
    >>> values, indices
    (tensor(1), tensor(3))
    """
    expect_tensor(input, "mode")
    d = dim_of(dim, input.ndim)
    _needs_elements(input, d, "mode")
    xp, order = input.device.xp, _order(input, d)
    if input.ndim:
        rows = xp.moveaxis(xp.take_along_axis(input._array, order, d), d, -1)
        n = rows.shape[-1]
        places = xp.arange(n)
        starts = xp.ones(rows.shape, bool)
        starts[..., 1:] = rows[..., 1:] != rows[..., :-1]
        run = places - accumulate(xp, xp.maximum, xp.where(starts, places, 0), -1)  # how many equals come before
        last = xp.expand_dims(xp.argmax(run, axis=-1), -1)  # of the longest run; of the first of several
        order = xp.moveaxis(xp.take_along_axis(xp.moveaxis(order, d, -1), last, -1), -1, d)
    return values_into(out, _chosen(input, d, wrap(xp.asarray(order, order="C"), input.device), keepdim), "mode")


# --- median -------------------------------------------------------------------------------------------------------


@Primitive
def _middle(xp: Any, x: Array, *, ignore_nan: bool) -> Array:
    """out = the lower of the middle elements in order; nan if there is one and it counts

    dL/dx = g shared among the x that equal out, or among the nan
    """
    rows = xp.sort(x.reshape(-1).astype(_dtype.opmath(x.dtype), copy=False))
    if not rows.size:
        return xp.full((), xp.nan if x.dtype.kind in "fV" else xp.iinfo(x.dtype).min, x.dtype)
    missing = (rows != rows).sum()
    middle = xp.take(rows, xp.maximum((rows.size - missing - 1) // 2, 0))
    if x.dtype.kind in "fV":
        middle = xp.where(missing == rows.size if ignore_nan else missing > 0, xp.nan, middle)
    return xp.asarray(middle, dtype=x.dtype)


def _middle_rule(g: Any, x: Any, out: Any) -> Any:
    equal = equal_to(x, out)
    return where(equal, g / equal.sum(), 0)


_middle.vjp(x=_middle_rule)


def _median(input: Any, dim: Any, keepdim: bool, out: Any, ignore_nan: bool) -> Any:
    name = "nanmedian" if ignore_nan else "median"
    expect_tensor(input, name)
    if dim is MISSING:
        _refuse_bool(input, "median_cpu")
        return into(out, _middle(input, ignore_nan=ignore_nan), name)
    d = dim_of(dim, input.ndim)
    _needs_elements(input, d, "median")
    _refuse_bool(input, "median_out")
    xp, order = input.device.xp, _order(input, d)
    if input.ndim:
        nan = (input._array != input._array).sum(axis=d, keepdims=True)
        numbers = input.shape[d] - nan
        middle = (numbers - 1) // 2 if ignore_nan else xp.where(nan > 0, numbers, (numbers - 1) // 2)
        order = xp.take_along_axis(order, xp.maximum(middle, 0), d)
    return values_into(out, _chosen(input, d, wrap(order, input.device), keepdim), name)


def median(input: Any, dim: Any = MISSING, keepdim: bool = False, *, out: Any = None) -> Any:
    """The median of all elements, or (values, indices) along `dim`: the lower one where two are in the middle.

    nan where there is a nan. The gradient of the median of all is shared among the elements that equal it.

    >>> import refnet
    >>> refnet.median(refnet.tensor([4.0, 1.0, 2.0, 3.0]))
    tensor(2.)
    """
    return _median(input, dim, keepdim, out, ignore_nan=False)


def nanmedian(input: Any, dim: Any = MISSING, keepdim: bool = False, *, out: Any = None) -> Any:
    """As `median`, of the elements that are not nan.

    >>> import refnet
    >>> refnet.nanmedian(refnet.tensor([4.0, float("nan"), 2.0]))
    tensor(2.)
    """
    return _median(input, dim, keepdim, out, ignore_nan=True)


# --- quantiles ----------------------------------------------------------------------------------------------------

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _check_quantile(input: Any, q: Any, interpolation: str, name: str) -> None:
    check(input.numel() > 0, lambda: f"{name}() input tensor must be non-empty")
    check(q.ndim <= 1, lambda: f"{name}() q must be a scalar or 1D tensor, got {q.ndim} dimensions")
    check(
        input.dtype in (_dtype.float32, _dtype.float64),
        lambda: f"{name}() input tensor must be either float or double dtype, got {input.dtype}",
    )
    check(
        q.dtype is input.dtype,
        lambda: f"{name}() q tensor must be same dtype as the input tensor, got {q.dtype} and {input.dtype}",
    )
    check(
        interpolation in _INTERPOLATIONS,
        lambda: (
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        ),
    )
    check(
        not on_host(q._array) or bool(((q._array >= 0) & (q._array <= 1)).all()),
        lambda: f"{name}() q values must be in the range [0, 1]",
    )


def _quantile(input: Any, q: Any, dim: Any, keepdim: bool, interpolation: str, out: Any, ignore_nan: bool) -> Any:
    """With the row sorted and n its length, element number q (n - 1), or what lies between its neighbours."""
    name = "nanquantile" if ignore_nan else "quantile"
    expect_tensor(input, name)
    if not isinstance(q, TensorBase):
        check(0 <= q <= 1, lambda: f"{name}() q must be in the range [0, 1] but got {q}")
        q = wrap(input.device.xp.asarray(q, dtype=input._array.dtype), input.device)
    _check_quantile(input, q, interpolation, name)
    d = None if dim is None else dim_of(dim, input.ndim)
    rows = input.reshape(-1) if d is None or not input.ndim else shape.movedim(input, d, -1)
    rows = sort(rows, -1)[0]
    nan = isnan(rows.detach())
    places = shape.unsqueeze(q, -1) if not q.ndim else q  # (Q,)
    if ignore_nan:
        numbers = (~nan).sum(-1, keepdim=True)  # (..., 1)
        ranks = places * (numbers - 1).to(rows.dtype)
        ranks = where(ranks < 0, 0.0, ranks)
    else:
        last = rows.shape[-1] - 1
        ranks = shape.expand(places * last, (*rows.shape[:-1], places.shape[0]))
        ranks = where(nan.any(-1, keepdim=True), float(last), ranks)  # nan is last in order
    result = _between(rows, ranks, interpolation)  # (..., Q)
    kept = _with_reduced(result, input.ndim, d, keepdim)
    return into(out, kept if q.ndim else shape.select(kept, 0, 0), name)


def _between(rows: Any, ranks: Any, interpolation: str) -> Any:
    """The elements of sorted rows at ranks that need not be whole."""
    if interpolation == "lower":
        ranks = ranks.floor()
    elif interpolation == "higher":
        ranks = ranks.ceil()
    elif interpolation == "nearest":
        ranks = ranks.round()
    below = ranks.detach().to(_dtype.int64)
    low = gather(rows, -1, below)
    if interpolation not in ("linear", "midpoint"):
        return low
    above = gather(rows, -1, ranks.detach().ceil().to(_dtype.int64))
    return lerp(low, above, 0.5 if interpolation == "midpoint" else ranks - below.to(ranks.dtype))


def _with_reduced(result: Any, ndim: int, d: int | None, keepdim: bool) -> Any:
    """(..., Q) as (Q, ...), with the reduced dimensions back where they are to be kept."""
    if d is None or not ndim:
        return result.reshape((result.shape[-1],) + (1,) * (ndim if keepdim else 0))
    result = shape.movedim(result, -1, 0)
    return shape.unsqueeze(result, d + 1) if keepdim else result


def quantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear", out: Any = None
) -> Any:
    """The q-quantiles of input, of all elements or along `dim`; q is a number or a vector, which comes first.

    Where q (n - 1) is no whole number, the value is interpolated: "linear", "lower", "higher", "midpoint", "nearest".

    >>> import refnet
    >>> refnet.quantile(refnet.tensor([0.0, 1.0, 2.0, 3.0]), 0.5)
    tensor(1.5000)
    """
    return _quantile(input, q, dim, keepdim, interpolation, out, ignore_nan=False)


def nanquantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear", out: Any = None
) -> Any:
    """As `quantile`, of the elements that are not nan.

    >>> import refnet
    >>> refnet.nanquantile(refnet.tensor([0.0, float("nan"), 2.0]), 0.5)
    tensor(1.)
    """
    return _quantile(input, q, dim, keepdim, interpolation, out, ignore_nan=True)
