"""Scatter with a reduction: scatter_reduce and index_reduce.

What is sent to one place is added, multiplied, averaged, or the largest or smallest stays; with `include_self` what was
there takes part. `index_reduce`, which names whole slices, is `scatter_reduce` with its index spread over them.
"""

import builtins
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops import shape
from refnet._ops._args import expect_one_device, expect_tensor, into, type_name
from refnet._ops._arrays import combine_at
from refnet._ops._dims import dim_of
from refnet._ops.gather import along, check_scatter, gathered, scattered, scattered_sum
from refnet._ops.pointwise import where
from refnet._ops.positions import check_bounds
from refnet._tape import Primitive

Array = Any

_REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")
_ALSO_CALLED = {"max": "amax", "min": "amin"}


def _identity(xp: Any, kind: Any, reduce: str) -> Any:
    """What changes nothing."""
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    if kind.kind == "f":
        return -xp.inf if reduce == "amax" else xp.inf
    if kind.kind == "b":
        return reduce == "amin"
    return xp.iinfo(kind).min if reduce == "amax" else xp.iinfo(kind).max


@Primitive
def _scatter_reduced(xp: Any, x: Array, v: Array, *, dim: int, index: Array, reduce: str, include_self: bool) -> Array:
    """out[i, index[i, j, k], k] = x there and every v[i, j, k] sent there, reduced, for dim = 1

    sum: dL/dx = g, dL/dv = g gathered; mean: of g / count; prod: of g out / factor; amax, amin: g shared among the ties
    """
    kind = _dtype.opmath(x.dtype)
    out = xp.array(x, dtype=kind, order="C", copy=True)
    places = along(xp, index, dim)
    if not include_self:
        out[places] = _identity(xp, out.dtype, reduce)
    v = v.astype(kind, copy=False)
    combine = {"sum": xp.add, "mean": xp.add, "prod": xp.multiply, "amax": xp.maximum, "amin": xp.minimum}[reduce]
    if kind.kind == "b" and reduce in ("sum", "prod"):
        combine = xp.logical_or if reduce == "sum" else xp.logical_and
    combine_at(xp, combine, out, places, v)
    if reduce == "mean":
        count = _count(xp, x.shape, places, include_self)
        out = out / count.astype(kind) if out.dtype.kind == "f" else out // count.astype(kind)
    return out.astype(x.dtype, copy=False)


def _count(xp: Any, sizes: Any, places: Any, include_self: bool) -> Array:
    """How many numbers meet at each place; 1 where none do."""
    count = xp.full(sizes, int(include_self), "int64")
    combine_at(xp, xp.add, count, places, 1)
    return xp.maximum(count, 1)


def _counts(g: Any, dim: int, index: Array, include_self: bool) -> Any:
    xp = g.device.xp
    return type(g)(_count(xp, g.shape, along(xp, index, dim), include_self).astype(g.dtype.numpy))


def _x_rule(g: Any, x: Any, v: Any, out: Any, dim: int, index: Array, reduce: str, include_self: bool) -> Any:
    if reduce == "mean":
        share = g / _counts(g, dim, index, include_self)
    elif reduce == "prod":
        ones = where(x == 0, 1.0, x)
        share = g * _scatter_reduced(ones, v, dim=dim, index=index, reduce=reduce, include_self=include_self) / ones
    elif reduce == "sum":
        share = g
    else:
        share = where(x == out, g / _ties(x, v, out, dim, index), 0.0)
    return share if include_self else scattered(share, 0, dim=dim, index=index)


def _v_rule(g: Any, x: Any, v: Any, out: Any, dim: int, index: Array, reduce: str, include_self: bool) -> Any:
    if reduce == "sum":
        return gathered(g, dim=dim, index=index)
    if reduce == "mean":
        return gathered(g / _counts(g, dim, index, include_self), dim=dim, index=index)
    if reduce == "prod":
        return _factor_rule(g, x, v, out, dim, index, include_self)
    equal = v == gathered(out, dim=dim, index=index)
    return where(equal, gathered(g / _ties(x, v, out, dim, index), dim=dim, index=index), 0.0)


def _ties(x: Any, v: Any, out: Any, dim: int, index: Array) -> Any:
    """How many elements share the gradient of each extreme, what was there counted always, as torch counts."""
    equal = (v == gathered(out.detach(), dim=dim, index=index)).to(out.dtype)
    return scattered_sum((x == out.detach()).to(out.dtype), equal, dim=dim, index=index)


def _factor_rule(g: Any, x: Any, v: Any, out: Any, dim: int, index: Array, include_self: bool) -> Any:
    """The product without one's own factor: out / v, or, for the only zero among them, the product of the rest."""
    zero = v == 0
    zeros = gathered(scattered_sum(g.new_zeros(g.shape), zero.to(g.dtype), dim=dim, index=index), dim=dim, index=index)
    alone = zero & (zeros == 1)
    rest = _scatter_reduced(x, where(alone, 1.0, v), dim=dim, index=index, reduce="prod", include_self=include_self)
    by_division = gathered(g * out, dim=dim, index=index) / where(zero, 1.0, v)
    return where(alone, gathered(g * rest, dim=dim, index=index), by_division)


_scatter_reduced.vjp(x=_x_rule, v=_v_rule)


def scatter_reduce(
    input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True, out: Any = None
) -> Any:
    """input with src[i, j, k] reduced into place [i, index[i, j, k], k] for dim = 1, and so on.

    reduce: "sum", "prod", "mean", "amax", "amin". Without `include_self`, places that something is sent to forget
    what they held.

    >>> import refnet
    >>> refnet.scatter_reduce(refnet.zeros(2), 0, refnet.tensor([0, 0, 1]), refnet.tensor([1.0, 2.0, 3.0]), "amax")
    tensor([2., 3.])
    """
    expect_tensor(input, "scatter_reduce")
    expect_tensor(index, "scatter_reduce", "index", 3)
    expect_tensor(src, "scatter_reduce", "src", 4)
    expect_one_device("scatter_reduce", input, index, src)
    reduce = _ALSO_CALLED.get(reduce, reduce)
    check(
        reduce in _REDUCTIONS,
        lambda: f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}",
    )
    d = dim_of(dim, input.ndim)
    if index.numel():
        check_scatter(input, index, src, d)
    elif index.ndim != input.ndim or src.ndim != input.ndim:  # nothing is sent, whatever the shapes
        return into(out, input.clone(), "scatter_reduce")
    x, at, v = (t if t.ndim else t.reshape(1) for t in (input, index, src))
    if v.shape != at.shape:
        v = v[tuple(slice(n) for n in at.shape)]
    result = _scatter_reduced(x, v, dim=d, index=at._array, reduce=reduce, include_self=include_self)
    return into(out, result if input.ndim else result.reshape(()), "scatter_reduce")


def index_reduce(
    input: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True, out: Any = None
) -> Any:
    """input with source[k] reduced into slice index[k] along `dim`, for every k; reduce: "prod", "mean", "amax", "amin".

    >>> import refnet
    >>> refnet.index_reduce(refnet.ones(2), 0, refnet.tensor([0, 0]), refnet.tensor([2.0, 3.0]), "prod")
    tensor([6., 1.])
    """
    name = "index_reduce_()"
    expect_tensor(input, "index_reduce")
    expect_tensor(index, "index_reduce", "index", 3)
    expect_tensor(source, "index_reduce", "source", 4)
    expect_one_device("index_reduce", input, index, source)
    check(
        reduce in _REDUCTIONS[1:],
        lambda: f"{name}: Expected reduce to be one of prod, mean, amax or amin but got {reduce}.",
    )
    d = dim_of(dim, input.ndim)
    check(
        index.ndim <= 1,
        lambda: (
            f"{name}: Index is supposed to be a vector, but got dim: {index.ndim} with type: {type_name(index.dtype)} and "
            f"size: {list(index.shape)}"
        ),
        IndexError,
    )
    check(
        index.dtype in (_dtype.int32, _dtype.int64),
        lambda: f"{name}: Expected dtype int32/int64 for index but got: {type_name(index.dtype)}",
    )
    check(
        input.dtype is source.dtype,
        lambda: (
            f"{name}: self ({type_name(input.dtype)}) and source ({type_name(source.dtype)}) must have the same scalar type"
        ),
    )
    x, v = (t if t.ndim else t.reshape(1) for t in (input, source))
    rows = index.numel()
    check(
        v.ndim == x.ndim and rows == v.shape[d],
        lambda: f"{name}: Number of indices ({rows}) should be equal to source.size(dim): ({v.shape[d]}), for dim: {d}",
    )
    check(
        builtins.all(n == m or e == d for e, (n, m) in enumerate(zip(v.shape, x.shape, strict=True))),
        lambda: (
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
            f"{list(input.shape)} source.shape = {list(source.shape)}"
        ),
    )
    check_bounds(index._array, x.shape[d], d, IndexError)
    xp = input.device.xp
    at = xp.broadcast_to(index._array.reshape((-1,) + (1,) * (v.ndim - d - 1)), v.shape)
    result = _scatter_reduced(x, v, dim=d, index=at, reduce=reduce, include_self=include_self)
    return into(out, result if input.ndim else shape.reshape(result, ()), "index_reduce")
