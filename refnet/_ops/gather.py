"""gather and scatter: one position along one dimension for every element.

`gathered` and `scattered_sum` are each other's adjoint.
"""

import builtins
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops._args import expect_one_device, expect_tensor, into, type_name
from refnet._ops._arrays import assign_at, combine_at
from refnet._ops._dims import dim_of
from refnet._ops.positions import add_at, check_bounds, check_broadcast, fill_value, is_position, sizes, take
from refnet._tape import Primitive, TensorBase

Array = Any

# --- primitives ---------------------------------------------------------------------------------------------------


def along(xp: Any, index: Array, dim: int) -> tuple[Array, ...]:
    """The fancy key that means out[i][index[i][j]][k] in place of dimension `dim`."""
    grid = [xp.arange(n).reshape((-1,) + (1,) * (index.ndim - d - 1)) for d, n in enumerate(index.shape)]
    grid[dim] = index
    return tuple(grid)


@Primitive
def gathered(xp: Any, x: Array, *, dim: int, index: Array) -> Array:
    """out[i, j, k] = x[i, index[i, j, k], k] for dim = 1        dL/dx = g added where it came from"""
    return xp.asarray(x[along(xp, index, dim)], order="C")


@Primitive
def scattered_sum(xp: Any, x: Array, v: Array, *, dim: int, index: Array) -> Array:
    """x with x[i, index[i, j, k], k] += v[i, j, k] for dim = 1        dL/dx = g        dL/dv = g gathered"""
    out = xp.array(x, order="C", copy=True)
    if out.dtype == bool:
        combine_at(xp, xp.logical_or, out, along(xp, index, dim), v)
    else:
        add_at(xp, out, along(xp, index, dim), v)
    return out


@Primitive
def scattered(xp: Any, x: Array, v: Array, *, dim: int, index: Array) -> Array:
    """x with x[i, index[i, j, k], k] = v[i, j, k] for dim = 1        dL/dx = g, 0 there        dL/dv = g gathered"""
    out = xp.array(x, order="C", copy=True)
    assign_at(xp, out, along(xp, index, dim), v)
    return out


@Primitive
def scattered_product(xp: Any, x: Array, v: Array, *, dim: int, index: Array) -> Array:
    """x with x[i, index[i, j, k], k] *= v[i, j, k] for dim = 1; no gradient, as in torch"""
    wide = _dtype.opmath(x.dtype)
    out = xp.array(x, dtype=wide, order="C", copy=True)
    combine_at(xp, xp.multiply, out, along(xp, index, dim), v.astype(wide) if hasattr(v, "astype") else v)
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


# --- functions ----------------------------------------------------------------------------------------------------


def check_along(input: Any, index: Any, dim: int, name: str) -> None:
    check(is_position(index), lambda: f"{name}(): Expected dtype int32/int64 for index")
    check(
        len(sizes(index)) == len(sizes(input)),
        lambda: "Index tensor must have the same number of dimensions as input tensor",
    )
    fits = builtins.all(n <= m or d == dim for d, (n, m) in enumerate(zip(sizes(index), sizes(input), strict=True)))
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
    check_bounds(index._array, sizes(input)[dim], dim, RuntimeError)


def _too_large(index: Any, input: Any, dim: int) -> int:
    pairs = enumerate(zip(sizes(index), sizes(input), strict=True))
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
    expect_one_device("gather", input, index)
    d = dim_of(dim, input.ndim)
    check(
        out is None or out.dtype is input.dtype,
        lambda: f"Expected out tensor to have dtype {input.dtype}, but got {out.dtype} instead",
    )
    if index.numel() == 0:  # of whatever type and shape
        return into(out, take(input, index=index._array.astype("int64")), "gather")
    check_along(input, index, d, "gather")
    x = input if input.ndim else input.reshape(1)
    at = index._array if index.ndim else index._array.reshape(1)
    result = gathered(x, dim=d, index=at)
    return into(out, result if index.ndim else result.reshape(()), "gather")


def check_scatter(input: Any, index: Any, src: Any, d: int) -> None:
    """What torch asks of a scatter of the tensor src along dimension d."""
    check(src.dtype is input.dtype, lambda: "scatter(): Expected self.dtype to be equal to src.dtype")
    check(
        len(sizes(src)) == len(sizes(index)),
        lambda: (
            f"Index tensor must have the same number of dimensions as src tensor: got {len(sizes(index))} and "
            f"{len(sizes(src))}"
        ),
        IndexError if len(sizes(src)) < len(sizes(index)) else RuntimeError,
    )
    check(
        len(sizes(index)) != len(sizes(input))
        or builtins.all(n <= m for n, m in zip(sizes(index), sizes(src), strict=True)),
        lambda: (
            f"Expected index {list(index.shape)} to be no larger than self {list(input.shape)} apart from dimension "
            f"{d} and to be no larger size than src {list(src.shape)}"
        ),
    )
    check_along(input, index, d, "scatter")


def _scatter(primitive: Primitive, input: Any, dim: int, index: Any, src: Any, name: str) -> Any:
    d = dim_of(dim, input.ndim)
    if index.numel() == 0:
        return input.clone()
    if isinstance(src, TensorBase):
        check_scatter(input, index, src, d)
        if src.shape != index.shape and src.shape:
            src = src[tuple(slice(n) for n in sizes(index))]  # type: ignore[index]
    else:
        src = fill_value(src, input, name)
        check_along(input, index, d, "scatter")
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
    expect_one_device("scatter", input, index, src)
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
    expect_one_device("scatter_add", input, index, src)
    return into(out, _scatter(scattered_sum, input, dim, index, src, "scatter_add"), "scatter_add")


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
    expect_one_device("take_along_dim", input, indices)
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
