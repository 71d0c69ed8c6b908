"""Largest and smallest: max, min, amax, amin, argmax, argmin; and over bools, any and all.

nan is larger and smaller than everything, so it wins. Among equals the first is reported, and a reduction without
indices shares its gradient equally among them.
"""

from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops import shape
from refnet._ops._accumulate import without
from refnet._ops._args import MISSING, Extremes, Values, expect_tensor, into, type_name, values_into
from refnet._ops._dims import Shape, dim_of, dims_of
from refnet._ops.gather import gather
from refnet._ops.pointwise import isnan, maximum, minimum, where
from refnet._tape import Primitive, TensorBase, wrap

Array = Any


def _comparable(x: Array) -> Array:
    """x in a type that numpy finds extremes of quickly and with nan first: float32 for the half types."""
    return x.astype(_dtype.opmath(x.dtype), copy=False)


@Primitive
def _amax(xp: Any, x: Array, *, dims: Shape, keepdim: bool) -> Array:
    """out = the largest x over dims        dL/dx = g shared among the x that equal out"""
    found = xp.max(_comparable(x), axis=dims, keepdims=True)
    return without(found, dims, keepdim).astype(x.dtype, copy=False)


@Primitive
def _amin(xp: Any, x: Array, *, dims: Shape, keepdim: bool) -> Array:
    """out = the smallest x over dims        dL/dx = g shared among the x that equal out"""
    found = xp.min(_comparable(x), axis=dims, keepdims=True)
    return without(found, dims, keepdim).astype(x.dtype, copy=False)


@Primitive
def _max(xp: Any, x: Array) -> Array:
    """out = the largest x        dL/dx = g shared among the x that equal out, or among the nan"""
    return xp.max(_comparable(x)).astype(x.dtype)


@Primitive
def _min(xp: Any, x: Array) -> Array:
    """out = the smallest x        dL/dx = g shared among the x that equal out, or among the nan"""
    return xp.min(_comparable(x)).astype(x.dtype)


def _share(g: Any, x: Any, out: Any, dims: Shape, keepdim: bool) -> Any:
    if not keepdim and dims:
        key = tuple(None if d in dims else slice(None) for d in range(x.ndim))
        g, out = shape.basic_index(g, key=key), shape.basic_index(out, key=key)
    ties = x == out
    return (g * ties) / ties.sum(dims, keepdim=True)


def _share_all(g: Any, x: Any, out: Any) -> Any:
    ties = equal_to(x, out)
    return where(ties, g / ties.sum(), 0)


def equal_to(x: Any, out: Any) -> Any:
    """Where x is the element `out`, nan or not: looked up on the CPU, and computed on a GPU, which then is not waited for."""
    if out.device.type == "cpu":
        return isnan(x) if isnan(out).item() else x == out
    return (x == out) | (isnan(x) & isnan(out))


_amax.vjp(x=_share)
_amin.vjp(x=_share)
_max.vjp(x=_share_all)
_min.vjp(x=_share_all)


def _check_sizes(input: Any, dims: Shape, name: str, whole: bool) -> None:
    """A reduction that has no identity needs something to reduce."""
    check(
        not whole or input.numel() > 0,
        lambda: (
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with "
            "the 'dim' argument."
        ),
    )
    for d in dims:
        check(
            input.ndim == 0 or input.shape[d] > 0,
            lambda d=d: f"{name}(): Expected reduction dim {d} to have non-zero size.",  # type: ignore[misc]
            IndexError,
        )


def _over_dims(primitive: Primitive, input: Any, dim: Any, keepdim: bool, out: Any, name: str) -> Any:
    expect_tensor(input, name)
    dims = dims_of(dim, input.ndim)
    _check_sizes(input, dims, name, whole=dim is None or dim in ((), []))
    check(
        out is None or out.dtype is input.dtype,
        lambda: (
            f"Expected the dtype for input and out to match, but got {type_name(input.dtype)} for input's dtype and "
            f"{type_name(out.dtype)} for out's dtype."
        ),
    )
    return into(out, primitive(input, dims=dims, keepdim=keepdim), name)


def amax(input: Any, dim: Any = (), keepdim: bool = False, *, out: Any = None) -> Any:
    """The largest element over `dim` (one, several, or all); equal ones share the gradient.

    >>> import refnet
    >>> refnet.amax(refnet.tensor([[1, 5], [7, 3]]), dim=(0, 1))
    tensor(7)
    """
    return _over_dims(_amax, input, dim, keepdim, out, "amax")


def amin(input: Any, dim: Any = (), keepdim: bool = False, *, out: Any = None) -> Any:
    """The smallest element over `dim` (one, several, or all); equal ones share the gradient.

    >>> import refnet
    >>> refnet.amin(refnet.tensor([[1, 5], [7, 3]]), dim=1)
    tensor([1, 3])
    """
    return _over_dims(_amin, input, dim, keepdim, out, "amin")


def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False, out: Any = None) -> Extremes:
    """The smallest and the largest element, of all or along one dimension.

    >>> import refnet
    >>> low, high = refnet.aminmax(refnet.tensor([3, 1, 2]))
    >>> low, high
    (tensor(1), tensor(3))
    """
    expect_tensor(input, "aminmax")
    check(
        dim is not None or input.numel() > 0,
        lambda: "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.",
    )
    dims = () if dim is None else (dim_of(dim, input.ndim),)
    for d in dims:
        check(
            input.ndim == 0 or input.shape[d] > 0,
            lambda: f"aminmax: Expected reduction dim {dim} to have non-zero size.",
            IndexError,
        )
    low, high = out if out is not None else (None, None)
    return Extremes(amin(input, dims, keepdim, out=low), amax(input, dims, keepdim, out=high))


def _position(input: Any, dim: int, keepdim: bool, largest: bool) -> Any:
    """The index along `dim` of the first extreme, as an int64 tensor without a history."""
    xp, x = input.device.xp, _comparable(input._array)
    if x.ndim == 0:
        return wrap(xp.zeros((), xp.int64), input.device)
    find = xp.argmax if largest else xp.argmin
    found = find(x, axis=dim)
    return wrap(xp.asarray(xp.expand_dims(found, dim) if keepdim else found, dtype=xp.int64), input.device)


def _along(input: Any, dim: Any, keepdim: Any, largest: bool, name: str) -> Values:
    d = dim_of(dim, input.ndim)
    _check_sizes(input, (d,), name, whole=False)
    position = _position(input, d, True, largest)
    values = gather(input, d, position)
    if input.ndim and not keepdim:
        return Values(shape.squeeze(values, d), shape.squeeze(position, d))
    return Values(values, position)


def _extreme(input: Any, dim: Any, keepdim: Any, out: Any, largest: bool) -> Any:
    """The three forms of max and min: of everything, along a dimension, of two tensors."""
    name = "max" if largest else "min"
    check(
        isinstance(input, TensorBase),
        lambda: (
            f"{name}() received an invalid combination of arguments - got ({type(input).__name__}, "
            f"{type(dim).__name__}), but expected one of: (Tensor input), (Tensor input, Tensor other), "
            "(Tensor input, int dim, bool keepdim = False)"
        ),
        TypeError,
    )
    if isinstance(dim, TensorBase):
        return (maximum if largest else minimum)(input, dim, out=out)
    if dim is MISSING and keepdim is MISSING:
        _check_sizes(input, (), name, whole=True)
        return into(out, (_max if largest else _min)(input), name)
    check(
        hasattr(dim, "__index__"),
        lambda: f"{name}() received an invalid combination of arguments: dim must be one int, got {dim!r}",
        TypeError,
    )
    return values_into(out, _along(input, dim, keepdim is not MISSING and keepdim, largest, name), name)


def max(input: Any, dim: Any = MISSING, keepdim: Any = MISSING, *, other: Any = None, out: Any = None) -> Any:
    """max(input): the largest element; max(input, dim, keepdim): (values, indices); max(input, other): elementwise.

    >>> import refnet
    >>> values, indices = refnet.max(refnet.tensor([[1, 5], [7, 3]]), dim=1)
    >>> values, indices
    (tensor([5, 7]), tensor([1, 0]))
    """
    return _extreme(input, dim if other is None else other, keepdim, out, largest=True)


def min(input: Any, dim: Any = MISSING, keepdim: Any = MISSING, *, other: Any = None, out: Any = None) -> Any:
    """min(input): the smallest element; min(input, dim, keepdim): (values, indices); min(input, other): elementwise.

    >>> import refnet
    >>> refnet.min(refnet.tensor([[1, 5], [7, 3]]))
    tensor(1)
    """
    return _extreme(input, dim if other is None else other, keepdim, out, largest=False)


def _arg(input: Any, dim: Any, keepdim: bool, out: Any, largest: bool) -> Any:
    name = "argmax" if largest else "argmin"
    expect_tensor(input, name)
    check(input.dtype is not _dtype.bool_, lambda: f"{name}(): does not support bool input")
    if dim is None:
        check(
            input.numel() > 0,
            lambda: f"{name}(): Expected reduction dim to be specified for input.numel() == 0.",
            IndexError,
        )
        found = _position(input.detach().reshape(-1), 0, False, largest)
        return into(out, found.reshape((1,) * input.ndim) if keepdim else found, name)
    d = dim_of(dim, input.ndim)
    _check_sizes(input, (d,), name, whole=False)
    return into(out, _position(input, d, keepdim, largest), name)


def argmax(input: Any, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """Where the first of the largest elements is, along `dim` or in the flattened input.

    >>> import refnet
    >>> refnet.argmax(refnet.tensor([[1, 5], [7, 3]])), refnet.argmax(refnet.tensor([[1, 5], [7, 3]]), dim=0)
    (tensor(2), tensor([1, 0]))
    """
    return _arg(input, dim, keepdim, out, largest=True)


def argmin(input: Any, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """Where the first of the smallest elements is, along `dim` or in the flattened input."""
    return _arg(input, dim, keepdim, out, largest=False)


def _truth(input: Any, dim: Any, keepdim: bool, out: Any, name: str) -> Any:
    expect_tensor(input, name)
    dims = () if isinstance(dim, list | tuple) and not dim else dims_of(dim, input.ndim)
    xp = input.device.xp
    found = without(getattr(xp, name)(input._array, axis=dims, keepdims=True), dims, keepdim)
    kind = xp.uint8 if input.dtype is _dtype.uint8 else xp.bool_
    return into(out, wrap(xp.asarray(found, dtype=kind), input.device), name)


def all(input: Any, dim: Any = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """Whether no element over `dim` is 0: bool, or uint8 for uint8. True for none.

    >>> import refnet
    >>> refnet.all(refnet.tensor([[1, 0], [1, 1]]), dim=1)
    tensor([False,  True])
    """
    return _truth(input, dim, keepdim, out, "all")


def any(input: Any, dim: Any = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """Whether some element over `dim` is not 0: bool, or uint8 for uint8. False for none.

    >>> import refnet
    >>> refnet.any(refnet.tensor([[1, 0], [0, 0]]), dim=1)
    tensor([ True, False])
    """
    return _truth(input, dim, keepdim, out, "any")
