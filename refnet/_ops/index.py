"""Reading and writing by position: take and put, fancy indexing, gather and scatter, masks.

Each reader has the writer that is its adjoint, and the other way round, so gradients of any order stay inside the
family: take / put, fancy_index / fancy_add, gathered / scattered_sum. Positions are checked here, before a kernel
sees them, so a kernel may count on them. This file knows nothing of shapes and views; `getitem` joins the two.
"""

import builtins
import math
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops._args import expect_tensor, into, type_name
from refnet._ops._dims import Shape, dim_of
from refnet._tape import Primitive, TensorBase, wrap

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
    _add_at(xp, out.reshape(-1), index, g)
    return out


take.vjp(x=lambda g, x_shape, index: put(g, index=index, shape=x_shape))
put.vjp(g=lambda h, index: take(h, index=index))


@Primitive
def replace(xp: Any, x: Array, v: Array, *, index: Array) -> Array:
    """x with position index[i] (in logical order) set to v[i]        dL/dx = g, 0 there        dL/dv = g there"""
    out = xp.array(x, order="C")
    out.reshape(-1)[index] = v
    return out


replace.vjp(x=lambda g, index: replace(g, 0, index=index), v=lambda g, index: take(g, index=index))


@Primitive
def overwrite(xp: Any, x: Array, v: Array) -> Array:
    """out = v, broadcast to the shape and cast to the type of x        dL/dx = 0        dL/dv = g"""
    out = xp.empty_like(x)
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


def _add_at(xp: Any, out: Array, key: Any, g: Array) -> None:
    """out[key] += g, for positions that may repeat; half types are added up in float32."""
    wide = _dtype.opmath(out.dtype)
    if wide is out.dtype:
        xp.add.at(out, key, g)
    else:
        total = out.astype(wide)
        xp.add.at(total, key, g.astype(wide) if hasattr(g, "astype") else g)
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
        _add_at(xp, out, key, g)
    return out


fancy_index.vjp(x=lambda g, x_shape, key: fancy_add(g, key=key, shape=x_shape))
fancy_add.vjp(g=lambda h, key: fancy_index(h, key=key))


def _packed(x: Array, order: str) -> str:
    """The order of a copy of x: what is expanded is packed row-major, as torch packs it."""
    return "C" if 0 in x.strides else order


@Primitive
def fancy_set(xp: Any, x: Array, v: Array, *, key: Any, accumulate: bool, order: str = "K") -> Array:
    """x with x[key] = v (or += v)        dL/dx = g, 0 at key unless accumulating        dL/dv = g[key]"""
    out = xp.array(x, order=_packed(x, order), copy=True)
    if accumulate:
        _add_at(xp, out, key, v)
    else:
        out[key] = v
    return out


fancy_set.vjp(
    x=lambda g, key, accumulate: g if accumulate else fancy_set(g, 0, key=key, accumulate=False),
    v=lambda g, key: fancy_index(g, key=key),
)


def _along(xp: Any, index: Array, dim: int) -> tuple[Array, ...]:
    """The fancy key that means out[i][index[i][j]][k] in place of dimension `dim`."""
    grid = [xp.arange(n).reshape((-1,) + (1,) * (index.ndim - d - 1)) for d, n in enumerate(index.shape)]
    grid[dim] = index
    return tuple(grid)


@Primitive
def gathered(xp: Any, x: Array, *, dim: int, index: Array) -> Array:
    """out[i, j, k] = x[i, index[i, j, k], k] for dim = 1        dL/dx = g added where it came from"""
    return xp.asarray(x[_along(xp, index, dim)], order="C")


@Primitive
def scattered_sum(xp: Any, x: Array, v: Array, *, dim: int, index: Array) -> Array:
    """x with x[i, index[i, j, k], k] += v[i, j, k] for dim = 1        dL/dx = g        dL/dv = g gathered"""
    out = xp.array(x, order="C", copy=True)
    if out.dtype == bool:
        xp.logical_or.at(out, _along(xp, index, dim), v)
    else:
        _add_at(xp, out, _along(xp, index, dim), v)
    return out


@Primitive
def scattered(xp: Any, x: Array, v: Array, *, dim: int, index: Array) -> Array:
    """x with x[i, index[i, j, k], k] = v[i, j, k] for dim = 1        dL/dx = g, 0 there        dL/dv = g gathered"""
    out = xp.array(x, order="C", copy=True)
    out[_along(xp, index, dim)] = v
    return out


@Primitive
def scattered_product(xp: Any, x: Array, v: Array, *, dim: int, index: Array) -> Array:
    """x with x[i, index[i, j, k], k] *= v[i, j, k] for dim = 1; no gradient, as in torch"""
    wide = _dtype.opmath(x.dtype)
    out = xp.array(x, dtype=wide, order="C", copy=True)
    xp.multiply.at(out, _along(xp, index, dim), v.astype(wide) if hasattr(v, "astype") else v)
    return out.astype(x.dtype, copy=False)


def _no_product_rule(g: Any) -> Any:
    raise RuntimeError("derivative for scatter with reduce='multiply' is not implemented")


gathered.vjp(
    x=lambda g, x_shape, dim, index: scattered_sum(g.new_zeros(x_shape), g, dim=dim, index=index),
)
scattered_sum.vjp(x=lambda g: g, v=lambda g, dim, index: gathered(g, dim=dim, index=index))
scattered.vjp(
    x=lambda g, dim, index: scattered(g, 0, dim=dim, index=index),
    v=lambda g, dim, index: gathered(g, dim=dim, index=index),
)
scattered_product.vjp(x=_no_product_rule, v=_no_product_rule)


# --- checks -------------------------------------------------------------------------------------------------------


def check_bounds(
    index: Array, n: int, d: int, error: type[Exception], negative: bool = False, where_: str = ""
) -> None:
    """Every position lies in a dimension d of size n; from the end too if `negative`."""
    lowest = -n if negative else 0
    check(
        index.size == 0 or (lowest <= int(index.min()) and int(index.max()) < n),
        lambda: (
            f"{where_}index {int(index[(index < lowest) | (index >= n)][0])} is out of bounds for dimension {d} with "
            f"size {n}"
        ),
        error,
    )


def _is_position(index: Any) -> bool:
    return index.dtype is _dtype.int64 or index.dtype is _dtype.int32


def _fill_value(value: Any, input: Any, name: str) -> Any:
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
    if not dtype.is_floating_point:
        return bool(value) if dtype is _dtype.bool_ else int(value)
    check(
        not math.isfinite(value) or builtins.abs(value) <= _dtype.finfo(dtype).max,
        lambda: f"value cannot be converted to type {dtype} without overflow",
    )
    return float(value)


# --- gather and scatter -------------------------------------------------------------------------------------------


def _sizes(x: Any) -> Shape:
    """The shape, with a 0-d tensor as one element."""
    return tuple(x.shape) or (1,)


def _check_along(input: Any, index: Any, dim: int, name: str) -> None:
    check(_is_position(index), lambda: f"{name}(): Expected dtype int32/int64 for index")
    check(
        len(_sizes(index)) == len(_sizes(input)),
        lambda: "Index tensor must have the same number of dimensions as input tensor",
    )
    fits = builtins.all(n <= m or d == dim for d, (n, m) in enumerate(zip(_sizes(index), _sizes(input), strict=True)))
    if name == "gather":
        check(
            fits,
            lambda: (
                f"Size does not match at dimension {_too_large(index, input, dim)} expected index {list(index.shape)} to be "
                f"no larger than self {list(input.shape)} apart from dimension {dim}"
            ),
        )
    else:
        check(
            fits,
            lambda: (
                f"Expected index {list(index.shape)} to be no larger than self {list(input.shape)} apart from dimension "
                f"{dim}"
            ),
        )
    check_bounds(index._array, _sizes(input)[dim], dim, RuntimeError)


def _too_large(index: Any, input: Any, dim: int) -> int:
    pairs = enumerate(zip(_sizes(index), _sizes(input), strict=True))
    return next(d for d, (n, m) in pairs if n > m and d != dim)


def gather(input: Any, dim: int, index: Any, *, sparse_grad: bool = False, out: Any = None) -> Any:
    """out[i, j, k] = input[i, index[i, j, k], k] for dim = 1, and so on; the result has the shape of index.

    RuntimeError for an index out of range, of another number of dimensions, or larger than input beside `dim`.
    `sparse_grad` is accepted and the gradient dense.

    >>> import refnet
    >>> refnet.gather(refnet.tensor([[1, 2], [3, 4]]), 1, refnet.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    expect_tensor(input, "gather")
    expect_tensor(index, "gather", "index", 3)
    d = dim_of(dim, input.ndim)
    if index.numel() == 0:
        check(_is_position(index), lambda: "gather(): Expected dtype int32/int64 for index")
        return into(out, take(input, index=index._array), "gather")
    _check_along(input, index, d, "gather")
    x = input if input.ndim else input.reshape(1)
    at = index._array if index.ndim else index._array.reshape(1)
    result = gathered(x, dim=d, index=at)
    return into(out, result if index.ndim else result.reshape(()), "gather")


def _scatter(primitive: Primitive, input: Any, dim: int, index: Any, src: Any, name: str) -> Any:
    d = dim_of(dim, input.ndim)
    if index.numel() == 0:
        return input.clone()
    if isinstance(src, TensorBase):
        check(src.dtype is input.dtype, lambda: "scatter(): Expected self.dtype to be equal to src.dtype")
        check(
            len(_sizes(src)) == len(_sizes(index)),
            lambda: (
                f"Index tensor must have the same number of dimensions as src tensor: got {len(_sizes(index))} and "
                f"{len(_sizes(src))}"
            ),
            IndexError,
        )
        check(
            builtins.all(n <= m for n, m in zip(_sizes(index), _sizes(src), strict=True)),
            lambda: (
                f"Expected index {list(index.shape)} to be no larger than self {list(input.shape)} apart from dimension "
                f"{d} and to be no larger size than src {list(src.shape)}"
            ),
        )
        if src.shape != index.shape and src.shape:
            src = src[tuple(slice(n) for n in _sizes(index))]  # type: ignore[index]
    else:
        src = _fill_value(src, input, name)
    _check_along(input, index, d, "scatter")
    if input.ndim:
        at = index._array if index.ndim else index._array.reshape(1)
        return primitive(input, src.reshape(at.shape) if isinstance(src, TensorBase) else src, dim=d, index=at)  # type: ignore[attr-defined]
    flat = src.reshape(1) if isinstance(src, TensorBase) else src  # type: ignore[attr-defined]
    return primitive(input.reshape(1), flat, dim=0, index=index._array.reshape(1)).reshape(())


_BY_REDUCE = {None: scattered, "add": scattered_sum, "multiply": scattered_product}


def scatter(
    input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None, out: Any = None
) -> Any:
    """input with out[i, index[i, j, k], k] = src[i, j, k] for dim = 1, and so on; `src` may be one number.

    Where index names a place twice, the last one stays. `reduce` "add" or "multiply" combines instead of replacing.

    >>> import refnet
    >>> refnet.scatter(refnet.zeros(2, 3), 1, refnet.tensor([[2], [0]]), 1.0)
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    expect_tensor(input, "scatter")
    expect_tensor(index, "scatter", "index", 3)
    check(
        (src is None) != (value is None),
        lambda: "scatter() received an invalid combination of arguments: give one of src and value",
        TypeError,
    )
    check(reduce in _BY_REDUCE, lambda: "reduce argument must be either add or multiply.")
    source = value if src is None else src
    return into(out, _scatter(_BY_REDUCE[reduce], input, dim, index, source, "scatter"), "scatter")


def scatter_add(input: Any, dim: int, index: Any, src: Any, *, out: Any = None) -> Any:
    """input with out[i, index[i, j, k], k] += src[i, j, k] for dim = 1, and so on.

    >>> import refnet
    >>> refnet.scatter_add(refnet.zeros(3), 0, refnet.tensor([1, 1, 2]), refnet.ones(3))
    tensor([0., 2., 1.])
    """
    expect_tensor(input, "scatter_add")
    expect_tensor(index, "scatter_add", "index", 3)
    expect_tensor(src, "scatter_add", "src", 4)
    return into(out, _scatter(scattered_sum, input, dim, index, src, "scatter_add"), "scatter_add")


# --- whole slices by number ---------------------------------------------------------------------------------------


def _slices(dim: int, index: Array) -> tuple[Any, ...]:
    return (*(slice(None),) * dim, index)


def index_select(input: Any, dim: int, index: Any, *, out: Any = None) -> Any:
    """The slices of input along `dim` that the vector index names, a copy.

    >>> import refnet
    >>> refnet.index_select(refnet.tensor([[1, 2], [3, 4], [5, 6]]), 0, refnet.tensor([2, 0]))
    tensor([[5, 6],
            [1, 2]])
    """
    expect_tensor(input, "index_select")
    expect_tensor(index, "index_select", "index", 3)
    d = dim_of(dim, input.ndim)
    check(index.ndim <= 1, lambda: "index_select(): Index is supposed to be a vector", IndexError)
    check(_is_position(index), lambda: "index_select(): Expected dtype int32 or int64 for index")
    positions = index._array.reshape(-1)
    n = _sizes(input)[d]
    check(
        positions.size == 0 or (int(positions.min()) >= 0 and int(positions.max()) < n),
        lambda: "index out of range in self",
        IndexError,
    )
    if input.ndim == 0:
        check(
            positions.size == 1,
            lambda: f"index_select(): Index to scalar can have only 1 value, got {positions.size} value(s)",
        )
        return into(out, input.clone(), "index_select")
    return into(out, fancy_index(input, key=_slices(d, positions)), "index_select")


def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    """input with alpha source[k] added to slice index[k] along `dim`, for every k; slices may repeat.

    >>> import refnet
    >>> refnet.index_add(refnet.zeros(3), 0, refnet.tensor([1, 1]), refnet.tensor([1.0, 2.0]))
    tensor([0., 3., 0.])
    """
    name = "index_add_()"
    expect_tensor(input, "index_add")
    expect_tensor(index, "index_add", "index", 3)
    expect_tensor(source, "index_add", "source", 4)
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
        _is_position(index),
        lambda: f"{name}: Expected dtype int32/int64 for index but got: {type_name(index.dtype)}",
    )
    check(
        input.dtype is source.dtype,
        lambda: (
            f"{name}: self ({type_name(input.dtype)}) and source ({type_name(source.dtype)}) must have the same scalar "
            "type"
        ),
    )
    rows, have = index.numel(), _sizes(source)
    check(
        d < len(have) and rows == have[d],
        lambda: (
            f"{name}: Number of indices ({rows}) should be equal to source.size(dim): ({have[d] if d < len(have) else 0}), "
            f"for dim: {d}"
        ),
    )
    want = _sizes(input)
    check(
        len(have) == len(want)
        and builtins.all(n == m or e == d for e, (n, m) in enumerate(zip(have, want, strict=True))),
        lambda: (
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
            f"{list(input.shape)} source.shape = {list(source.shape)}"
        ),
    )
    check_bounds(index._array, want[d], d, RuntimeError)
    if alpha != 1:
        source = source * (alpha if source.dtype.is_floating_point else int(alpha))
    return into(out, _write_slices(input, d, index, source, True), "index_add")


def _write_slices(input: Any, d: int, index: Any, source: Any, accumulate: bool) -> Any:
    key = _slices(d, index._array.reshape(-1))
    if input.ndim:
        return fancy_set(input, source.reshape(source.shape or (1,)), key=key, accumulate=accumulate, order="C")
    return fancy_set(input.reshape(1), source.reshape(-1), key=key, accumulate=accumulate).reshape(())


def index_copy(input: Any, dim: int, index: Any, source: Any, *, out: Any = None) -> Any:
    """input with source[k] in place of slice index[k] along `dim`, for every k.

    >>> import refnet
    >>> refnet.index_copy(refnet.zeros(3), 0, refnet.tensor([2, 0]), refnet.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    name = "index_copy_()"
    expect_tensor(input, "index_copy")
    expect_tensor(index, "index_copy", "index", 3)
    expect_tensor(source, "index_copy", "source", 4)
    d = dim_of(dim, input.ndim)
    check(index.ndim < 2, lambda: f"{name}: Index should have dimension 1 or 0 (got {index.ndim})", IndexError)
    check(
        index.dtype is _dtype.int64,
        lambda: f"{name}: Expected a long tensor for index, but got {type_name(index.dtype)}",
    )
    check(
        input.dtype is source.dtype,
        lambda: (
            f"{name}: self and source expected to have the same dtype, but got (self) {type_name(input.dtype)} and "
            f"(source) {type_name(source.dtype)}"
        ),
    )
    have, want = tuple(source.shape), tuple(input.shape)
    check(
        (have[:d] + have[d + 1 :]) == (want[:d] + want[d + 1 :]),
        lambda: (
            f"{name}: Source/destination tensor must have same slice shapes. Destination slice shape: "
            f"{' '.join(map(str, want[:d] + want[d + 1 :]))} at dimension {d} and source slice shape: "
            f"{' '.join(map(str, have[:d] + have[d + 1 :]))} at dimension {d}."
        ),
    )
    rows = _sizes(source)[d]
    check(
        index.numel() == rows,
        lambda: f"{name}: Number of indices ({index.numel()}) should be equal to source.size(dim) ({rows})",
        IndexError,
    )
    check_bounds(index._array, _sizes(input)[d], d, IndexError, where_=f"{name}: ")
    return into(out, _write_slices(input, d, index, source, False), "index_copy")


def index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """input with `value`, a number or 0-d tensor, in all of slice index[k] along `dim`, for every k.

    >>> import refnet
    >>> refnet.index_fill(refnet.zeros(3), 0, refnet.tensor([0, -1]), 7)
    tensor([7., 0., 7.])
    """
    expect_tensor(input, "index_fill")
    expect_tensor(index, "index_fill", "index", 3)
    d = dim_of(dim, input.ndim)
    check(index.dtype is _dtype.int64, lambda: "index_fill_(): Expected dtype int64 for index.", IndexError)
    check(index.ndim <= 1, lambda: "Index has to be a vector/scalar")
    value = _fill_value(value, input, "index_fill")
    n = _sizes(input)[d]
    check_bounds(index._array, n, d, IndexError, negative=True)
    chosen = input.device.xp.zeros(n, bool)
    chosen[index._array.reshape(-1)] = True
    mask = chosen.reshape((n,) + (1,) * (input.ndim - d - 1)) if input.ndim else chosen.reshape(())
    return _masked_fill(input, value, mask=mask, order="K")


def index_put(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """input with input[indices] = values, or += values if `accumulate`; indices is a tuple of tensors.

    >>> import refnet
    >>> refnet.index_put(refnet.zeros(3), (refnet.tensor([1, 1]),), refnet.tensor([1.0, 2.0]), accumulate=True)
    tensor([0., 3., 0.])
    """
    expect_tensor(input, "index_put")
    check(
        isinstance(indices, list | tuple),
        lambda: f"index_put(): argument 'indices' (position 2) must be tuple of Tensors, not {type(indices).__name__}",
        TypeError,
    )
    for position, index in enumerate(indices):
        check(
            isinstance(index, TensorBase),
            lambda position=position, index=index: (
                f"expected Tensor as element {position} in argument 1, but got "  # type: ignore[misc]
                f"{type(index).__name__}"
            ),
            TypeError,
        )
    expect_tensor(values, "index_put", "values", 3)
    return put_at(input, values, fancy_key(input, list(indices)), accumulate)


def fancy_key(input: Any, indices: list[Any]) -> tuple[Any, ...]:
    """The key of index arrays, one or more dimensions each, from the front; a slice stands for itself.

    Integers must be int32 or int64 and in range, masks (bool, uint8) have the sizes of the dimensions they cover;
    IndexError otherwise, also where the arrays do not broadcast together.
    """
    key: list[Any] = []
    shapes: list[Shape] = []
    d = 0
    for index in indices:
        if isinstance(index, slice):
            key.append(index)
            d += 1
            continue
        array = index._array if isinstance(index, TensorBase) else index
        if array.dtype == "uint8":
            array = array != 0
        check(
            array.dtype.name in ("bool", "int32", "int64"),
            lambda: "tensors used as indices must be long, int, byte or bool tensors",
            IndexError,
        )
        covered = array.ndim if array.dtype == bool else 1
        check(d + covered <= input.ndim, lambda: f"too many indices for tensor of dimension {input.ndim}", IndexError)
        if array.dtype == bool:
            for e, n in enumerate(array.shape):
                check(
                    n == input.shape[d + e],
                    lambda e=e, array=array, d=d: (
                        f"The shape of the mask {list(array.shape)} at index {e} does not match the shape "  # type: ignore[misc]
                        f"of the indexed tensor {list(input.shape)} at index {d + e}"
                    ),
                    IndexError,
                )
            shapes.append((int(array.sum()),))
        else:
            n = input.shape[d]
            check(n > 0 or array.size == 0, lambda: "index is out of bounds for dimension with size 0", IndexError)
            check_bounds(array, n, d, IndexError, negative=True)
            shapes.append(array.shape)
        key.append(array)
        d += covered
    check(_broadcast(shapes), lambda: _mismatch(shapes), IndexError)
    return tuple(key)


def _broadcast(shapes: list[Shape]) -> bool:
    ndim = builtins.max((len(s) for s in shapes), default=0)
    padded = [(1,) * (ndim - len(s)) + tuple(s) for s in shapes]
    return builtins.all(len({n for n in sizes if n != 1}) <= 1 for sizes in zip(*padded, strict=True))


def _mismatch(shapes: list[Shape]) -> str:
    listed = ", ".join(str(list(s)) for s in shapes)
    return f"shape mismatch: indexing tensors could not be broadcast together with shapes {listed}"


def put_at(input: Any, values: Any, key: tuple[Any, ...], accumulate: bool) -> Any:
    """input with input[key] = values (or += values); values is a tensor of input's type or a number."""
    if isinstance(values, TensorBase):
        target = tuple(fancy_shape(input, key))
        have = tuple(values.shape)
        lead = len(have) - len(target)
        if lead > 0 and builtins.all(n == 1 for n in have[:lead]):
            values = values.reshape(have[lead:])  # type: ignore[attr-defined]
            have, lead = have[lead:], 0
        check(
            lead <= 0
            and builtins.all(n in (1, m) for n, m in zip(have, target[len(target) - len(have) :], strict=True)),
            lambda: (
                f"shape mismatch: value tensor of shape {list(have)} cannot be broadcast to indexing result of shape "
                f"{list(target)}"
            ),
        )
        check(
            values.dtype is input.dtype,
            lambda: (
                "Index put requires the source and destination dtypes match, got "
                f"{type_name(input.dtype)} for the destination and {type_name(values.dtype)} for the source."
            ),
        )
    else:
        values = _fill_value(values, input, "index_put")
    return fancy_set(input, values, key=key, accumulate=accumulate)


def fancy_shape(input: Any, key: tuple[Any, ...]) -> Shape:
    """The shape of input[key], without computing it."""
    stand_in = input.device.xp.broadcast_to(input.device.xp.zeros((), bool), input.shape)
    return stand_in[key].shape  # type: ignore[no-any-return]


# --- masks --------------------------------------------------------------------------------------------------------


@Primitive
def _masked_fill(xp: Any, x: Array, v: Array, *, mask: Array, order: str = "C") -> Array:
    """out = v where mask, else x, broadcast        dL/dx = g, 0 at mask        dL/dv = g, 0 elsewhere, summed"""
    full = xp.broadcast_to(x, xp.broadcast_shapes(x.shape, mask.shape))
    out = xp.array(full, order=_packed(full, order), copy=True)
    xp.copyto(out, v, where=mask)
    return out


_masked_fill.vjp(x=lambda g, mask: _masked_fill(g, 0.0, mask=mask), v=lambda g, mask: _masked_fill(g, 0.0, mask=~mask))


def _check_mask(mask: Any, name: str, spelled: str) -> None:
    expect_tensor(mask, name, "mask", 2)
    check(
        mask.dtype is _dtype.bool_,
        lambda: f"{name}_ only supports boolean masks, but got mask with dtype {spelled}",
    )


_C_NAMES = {"uint8": "unsigned char", "int8": "signed char", "int16": "short", "int32": "int", "int64": "long int"}


def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """input with `value`, a number or 0-d tensor, where the bool mask is true; the two broadcast.

    >>> import refnet
    >>> refnet.masked_fill(refnet.tensor([1.0, 2.0]), refnet.tensor([False, True]), 0)
    tensor([1., 0.])
    """
    expect_tensor(input, "masked_fill")
    spelled = getattr(getattr(mask, "dtype", None), "name", "")
    _check_mask(mask, "masked_fill", _C_NAMES.get(spelled, spelled))
    check_broadcast(mask.shape, input.shape)
    return _masked_fill(input, _fill_value(value, input, "masked_fill"), mask=mask._array)


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


def masked_select(input: Any, mask: Any, *, out: Any = None) -> Any:
    """The elements of input where the bool mask is true, as a vector; the two broadcast.

    >>> import refnet
    >>> refnet.masked_select(refnet.tensor([1, 2, 3]), refnet.tensor([True, False, True]))
    tensor([1, 3])
    """
    expect_tensor(input, "masked_select")
    expect_tensor(mask, "masked_select", "mask", 2)
    check(mask.dtype is _dtype.bool_, lambda: "masked_select: expected BoolTensor for mask")
    check_broadcast(mask.shape, input.shape)
    xp = input.device.xp
    common = xp.broadcast_shapes(tuple(input.shape), tuple(mask.shape))
    if input.shape != common:
        input = input.expand(common)
    if not common:
        return into(out, fancy_index(input.reshape(1), key=(mask._array.reshape(1),)), "masked_select")
    return into(out, fancy_index(input, key=(xp.broadcast_to(mask._array, common),)), "masked_select")


def masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    """input with the next element of source, in order, wherever the bool mask is true.

    >>> import refnet
    >>> refnet.masked_scatter(refnet.zeros(3), refnet.tensor([True, False, True]), refnet.tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    expect_tensor(input, "masked_scatter")
    expect_tensor(source, "masked_scatter", "source", 3)
    check(
        input.dtype is source.dtype,
        lambda: (
            f"masked_scatter: expected self and source to have same dtypes but got {type_name(input.dtype)} and "
            f"{type_name(source.dtype)}"
        ),
    )
    _check_mask(mask, "masked_scatter", type_name(mask.dtype))
    check_broadcast(mask.shape, input.shape)
    xp = input.device.xp
    common = xp.broadcast_shapes(tuple(input.shape), tuple(mask.shape)) or (1,)
    places = xp.broadcast_to(mask._array, common)
    n = int(places.sum())
    check(source.numel() >= n, lambda: "Number of elements of source < number of ones in mask")
    ndim = builtins.max(input.ndim, mask.ndim)
    result = fancy_set(input.expand(common), source.reshape(-1)[:n], key=(places,), accumulate=False, order="C")
    return result if ndim else result.reshape(())


def nonzero(input: Any, *, as_tuple: bool = False, out: Any = None) -> Any:
    """Where input is not 0: one row of positions per element, or with `as_tuple` one vector per dimension.

    >>> import refnet
    >>> refnet.nonzero(refnet.tensor([[0, 1], [2, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    expect_tensor(input, "nonzero")
    xp = input.device.xp
    array = input._array
    found = xp.nonzero(array.reshape(1) if array.ndim == 0 else array)
    if as_tuple:
        return tuple(wrap(xp.asarray(row, dtype=xp.int64), input.device) for row in found)
    rows = found[:0] if array.ndim == 0 else found
    table = xp.empty((len(rows), found[0].size), xp.int64)
    for d, row in enumerate(rows):
        table[d] = row
    return into(out, wrap(table.T, input.device), "nonzero")


# --- flat and broadcast positions ---------------------------------------------------------------------------------


def take_along(input: Any, index: Any, *, out: Any = None) -> Any:
    """torch's `take`: the elements of input, seen as flat, at the positions index, in its shape.

    >>> import refnet
    >>> refnet.take(refnet.tensor([[1, 2], [3, 4]]), refnet.tensor([3, 0]))
    tensor([4, 1])
    """
    expect_tensor(input, "take")
    expect_tensor(index, "take", "index", 2)
    check(
        index.dtype is _dtype.int64,
        lambda: f"take(): Expected a long tensor for index, but got {type_name(index.dtype)}",
    )
    n, positions = input.numel(), index._array
    check(n > 0 or positions.size == 0, lambda: "take(): tried to take from an empty tensor", IndexError)
    if positions.size:
        low, high = int(positions.min()), int(positions.max())
        check(
            -n <= low and high < n,
            lambda: f"out of range: tried to access index {low if low < -n else high} on a tensor of {n} elements.",
            IndexError,
        )
    return into(out, take(input, index=positions), "take")


def take_along_dim(input: Any, indices: Any, dim: int | None = None, *, out: Any = None) -> Any:
    """As `gather`, with input and indices broadcast against each other beside `dim`; flat where `dim` is None.

    Positions are taken modulo the size, as torch takes them.

    >>> import refnet
    >>> x = refnet.tensor([[3, 1], [2, 4]])
    >>> refnet.take_along_dim(x, x.argsort(1), 1)
    tensor([[1, 3],
            [2, 4]])
    """
    name = "torch.take_along_dim()"
    expect_tensor(input, "take_along_dim")
    expect_tensor(indices, "take_along_dim", "indices", 2)
    check(
        indices.dtype is _dtype.int64,
        lambda: f"{name}: dtype of indices should be Long but got {type_name(indices.dtype)}",
    )
    if dim is None:
        input, indices, dim = input.reshape(-1), indices.reshape(-1), 0
    check(
        input.ndim == indices.ndim,
        lambda: (
            f"{name}: input and indices should have the same number of dimensions, but got {input.ndim} dimensions for "
            f"input, and {indices.ndim} dimensions for indices"
        ),
    )
    d = dim_of(dim, input.ndim)
    one = [1 if e == d else n for e, n in enumerate(input.shape)]
    two = [1 if e == d else n for e, n in enumerate(indices.shape)]
    check_broadcast(tuple(two), tuple(one))
    common = input.device.xp.broadcast_shapes(tuple(one), tuple(two))
    if not input.ndim:
        return into(out, gather(input, 0, indices * 0), "take_along_dim")
    n = input.shape[d]
    input = input.expand([n if e == d else m for e, m in enumerate(common)])
    indices = indices.expand([indices.shape[d] if e == d else m for e, m in enumerate(common)])
    return into(out, gather(input, d, indices % n), "take_along_dim")


def one_hot(tensor: Any, num_classes: int = -1) -> Any:
    """int64 zeros with a 1 at the class number along a new last dimension; the largest class + 1 by default.

    >>> import refnet
    >>> refnet.nn.functional.one_hot(refnet.tensor([0, 2]), 3)
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    expect_tensor(tensor, "one_hot", "tensor")
    check(tensor.dtype is _dtype.int64, lambda: "one_hot is only applicable to index tensor of type LongTensor.")
    classes = tensor._array
    if classes.size == 0:
        check(num_classes > 0, lambda: "Can not infer total number of classes from empty tensor.")
        return tensor.new_zeros((*tensor.shape, num_classes))
    check(int(classes.min()) >= 0, lambda: "Class values must be non-negative.")
    if num_classes == -1:
        num_classes = int(classes.max()) + 1
    check(int(classes.max()) < num_classes, lambda: "Class values must be smaller than num_classes.")
    xp = tensor.device.xp
    return wrap(xp.ascontiguousarray(classes[..., None] == xp.arange(num_classes), dtype="int64"), tensor.device)
