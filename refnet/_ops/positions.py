"""Reading and writing by position, the primitives: take and put, fancy indexing; and the checks of positions.

Each reader has the writer that is its adjoint, and the other way round, so gradients of any order stay inside the
family: take / put, fancy_index / fancy_add. Positions are checked before a kernel sees them, so a kernel may count on
them. This file knows nothing of shapes and views; `getitem` joins the two.
"""

import builtins
import math
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._device import on_host
from refnet._ops._arrays import assign_at, combine_at
from refnet._ops._dims import Shape
from refnet._tape import Primitive, TensorBase

Array = Any


# --- primitives ---------------------------------------------------------------------------------------------------


@Primitive
def take(xp: Any, x: Array, *, index: Array) -> Array:
    """out[i] = x[index[i]], x counted in logical order        dL/dx = put(g)"""
    return xp.asarray(x.reshape(-1)[index], order="C")


@Primitive
def put(xp: Any, g: Array, *, index: Array, shape: Shape) -> Array:
    """Zeros of `shape`, with every g[i] added at position index[i]        dL/dg = take(h)"""
    out = xp.zeros(shape, g.dtype)
    add_at(xp, out.reshape(-1), index, g)
    return out


take.vjp(x=lambda g, x_shape, index: put(g, index=index, shape=x_shape))
put.vjp(g=lambda h, index: take(h, index=index))


@Primitive
def replace(xp: Any, x: Array, v: Array, *, index: Array) -> Array:
    """x with position index[i] (in logical order) set to v[i]        dL/dx = g, 0 there        dL/dv = g there"""
    out = xp.array(x, order="C")
    assign_at(xp, out.reshape(-1), index, v)
    return out


replace.vjp(x=lambda g, index: replace(g, 0, index=index), v=lambda g, index: take(g, index=index))


@Primitive
def overwrite(xp: Any, x: Array, v: Array) -> Array:
    """out = v, broadcast to the shape and cast to the type of x        dL/dx = 0        dL/dv = g"""
    out = xp.empty_like(x, order=packed(x, "K"))
    try:
        out[...] = v
    except ValueError as error:
        raise RuntimeError(_cannot_expand(v.shape, x.shape)) from error
    return out


overwrite.vjp(x=lambda g: g.new_zeros(g.shape), v=lambda g: g)


def _cannot_expand(have: Shape, want: Shape) -> str:
    """torch's message for a value that does not broadcast to the place it is written to."""
    if len(have) > len(want):
        return (
            f"expand(tensor of shape {list(have)}, size={list(want)}): the number of sizes provided ({len(want)}) must be "
            f"greater or equal to the number of dimensions in the tensor ({len(have)})"
        )
    lead = len(want) - len(have)
    d = next(lead + d for d, n in enumerate(have) if n not in (1, want[lead + d]))
    return (
        f"The expanded size of the tensor ({want[d]}) must match the existing size ({have[d - lead]}) at non-singleton "
        f"dimension {d}.  Target sizes: {list(want)}.  Tensor sizes: {list(have)}"
    )


def add_at(xp: Any, out: Array, key: Any, g: Array) -> None:
    """out[key] += g, for positions that may repeat; half types are added up in float32."""
    wide = _dtype.opmath(out.dtype)
    if wide is out.dtype:
        combine_at(xp, xp.add, out, key, g)
    else:
        total = out.astype(wide)
        combine_at(xp, xp.add, total, key, g.astype(wide) if hasattr(g, "astype") else g)
        out[...] = total


@Primitive
def fancy_index(xp: Any, x: Array, *, key: Any) -> Array:
    """out = x[key] with index arrays and masks in key, row-major        dL/dx = zeros with g added at key"""
    arrays = [d for d, k in enumerate(key) if not isinstance(k, slice)]
    if len(arrays) == 1 and key[arrays[0]].dtype != bool:
        return xp.take(x, key[arrays[0]], axis=arrays[0])
    return xp.asarray(x[key], order="C")


@Primitive
def fancy_add(xp: Any, g: Array, *, key: Any, shape: Shape) -> Array:
    """Zeros of `shape` with g added at key        dL/dg = h[key]"""
    out = xp.zeros(shape, g.dtype)
    if builtins.all(isinstance(k, slice) or k.dtype == bool for k in key):  # masks never name a place twice
        out[key] = g
    else:
        add_at(xp, out, key, g)
    return out


fancy_index.vjp(x=lambda g, x_shape, key: fancy_add(g, key=key, shape=x_shape))
fancy_add.vjp(g=lambda h, key: fancy_index(h, key=key))


def packed(x: Array, order: str) -> str:
    """The order of a copy of x: what is expanded is packed row-major, as torch packs it."""
    return "C" if 0 in x.strides else order


@Primitive
def fancy_set(xp: Any, x: Array, v: Array, *, key: Any, accumulate: bool, order: str = "K") -> Array:
    """x with x[key] = v (or += v)        dL/dx = g, 0 at key unless accumulating        dL/dv = g[key]"""
    out = xp.array(x, order=packed(x, order), copy=True)
    if accumulate:
        add_at(xp, out, key, v)
    else:
        assign_at(xp, out, key, v)
    return out


fancy_set.vjp(
    x=lambda g, key, accumulate: g if accumulate else fancy_set(g, 0, key=key, accumulate=False),
    v=lambda g, key: fancy_index(g, key=key),
)


# --- checks -------------------------------------------------------------------------------------------------------


def check_bounds(
    index: Array, n: int, d: int, error: type[Exception], negative: bool = False, where_: str = ""
) -> None:
    """Every position lies in a dimension d of size n; from the end too if `negative`. On the CPU: see `on_host`."""
    lowest = -n if negative else 0
    check(
        not on_host(index) or index.size == 0 or (lowest <= int(index.min()) and int(index.max()) < n),
        lambda: (
            f"{where_}index {int(index[(index < lowest) | (index >= n)][0])} is out of bounds for dimension {d} with "
            f"size {n}"
        ),
        error,
    )


def is_position(index: Any) -> bool:
    return index.dtype is _dtype.int64 or index.dtype is _dtype.int32


def fill_value(value: Any, input: Any, name: str) -> Any:
    """A number or 0-d tensor as an element of input."""
    if isinstance(value, TensorBase):
        check(
            value._array.ndim == 0,
            lambda: (
                f"{name}_ only supports a 0-dimensional value tensor, but got tensor with {value._array.ndim} dimension(s)."
            ),
        )
        return value.to(input.dtype)  # type: ignore[attr-defined]
    dtype = input.dtype
    check(
        not isinstance(value, complex),
        lambda: f"value cannot be converted to type {dtype} without overflow, got the complex number {value}",
    )
    if not dtype.is_floating_point:
        return bool(value) if dtype is _dtype.bool_ else int(value)
    check(
        not math.isfinite(value) or builtins.abs(value) <= _dtype.finfo(dtype).max,
        lambda: f"value cannot be converted to type {dtype} without overflow",
    )
    return float(value)


def sizes(x: Any) -> Shape:
    """The shape, with a 0-d tensor as one element."""
    return tuple(x.shape) or (1,)


def check_broadcast(a: Shape, b: Shape) -> None:
    """torch's error for two shapes that do not broadcast."""
    for back in range(1, builtins.min(len(a), len(b)) + 1):
        n, m = a[-back], b[-back]
        check(
            n == m or 1 in (n, m),
            lambda n=n, m=m, back=back: (
                f"The size of tensor a ({n}) must match the size of tensor b ({m}) at non-singleton "  # type: ignore[misc]
                f"dimension {builtins.max(len(a), len(b)) - back}"
            ),
        )
