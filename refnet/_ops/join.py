"""Tensors side by side and against each other: hstack and its like, block_diag, meshgrid, products and combinations.

All are compositions of `cat`, `expand` and indexing.
"""

import itertools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._device import cpu
from refnet._ops import shape
from refnet._ops._args import expect_tensor
from refnet._ops._dims import Shape
from refnet._ops.positions import fancy_index
from refnet._tape import TensorBase, wrap

# --- at least so many dimensions ----------------------------------------------------------------------------------


def _each(tensors: tuple[Any, ...], function: Callable[[Any], Any], name: str) -> Any:
    """`function` of a tensor, or of every tensor among several or in a list of them."""
    if len(tensors) == 1 and isinstance(tensors[0], TensorBase):
        return function(tensors[0])
    if len(tensors) == 1:
        tensors = tuple(tensors[0])
    for position, x in enumerate(tensors, 1):
        expect_tensor(x, name, "tensors", position)
    return tuple(map(function, tensors))


def atleast_1d(*tensors: Any) -> Any:
    """Each tensor with at least one dimension; a view.

    >>> import refnet
    >>> refnet.atleast_1d(refnet.tensor(2))
    tensor([2])
    """
    return _each(tensors, lambda x: x if x.ndim else shape.unsqueeze(x, 0), "atleast_1d")


def atleast_2d(*tensors: Any) -> Any:
    """Each tensor with at least two dimensions, new ones in front; a view.

    >>> import refnet
    >>> refnet.atleast_2d(refnet.tensor([1, 2]))
    tensor([[1, 2]])
    """
    return _each(tensors, _two_dims, "atleast_2d")


def _two_dims(x: Any) -> Any:
    while x.ndim < 2:
        x = shape.unsqueeze(x, 0)
    return x


def atleast_3d(*tensors: Any) -> Any:
    """Each tensor with at least three dimensions, the third behind a matrix; a view.

    >>> import refnet
    >>> refnet.atleast_3d(refnet.ones(2, 3)).shape
    refnet.Size([2, 3, 1])
    """
    return _each(tensors, lambda x: x if x.ndim > 2 else shape.unsqueeze(_two_dims(x), -1), "atleast_3d")


# --- stacks -------------------------------------------------------------------------------------------------------


def _some(tensors: Any, name: str) -> tuple[Any, ...]:
    check(
        isinstance(tensors, list | tuple),
        lambda: f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}",
        TypeError,
    )
    check(len(tensors) > 0, lambda: f"{name} expects a non-empty TensorList")
    return tuple(tensors)


def hstack(tensors: Sequence[Any], *, out: Any = None) -> Any:
    """The tensors one after another along dimension 1, vectors along dimension 0.

    >>> import refnet
    >>> refnet.hstack([refnet.tensor([[1], [2]]), refnet.tensor([[3], [4]])])
    tensor([[1, 3],
            [2, 4]])
    """
    parts = tuple(map(atleast_1d, _some(tensors, "hstack")))
    return shape.cat(parts, 0 if parts[0].ndim == 1 else 1, out=out)


def vstack(tensors: Sequence[Any], *, out: Any = None) -> Any:
    """The tensors, each with at least two dimensions, one after another along dimension 0.

    >>> import refnet
    >>> refnet.vstack([refnet.tensor([1, 2]), refnet.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    return shape.cat(tuple(map(atleast_2d, _some(tensors, "vstack"))), 0, out=out)


def dstack(tensors: Sequence[Any], *, out: Any = None) -> Any:
    """The tensors, each with at least three dimensions, one after another along dimension 2.

    >>> import refnet
    >>> refnet.dstack([refnet.tensor([1, 2]), refnet.tensor([3, 4])])
    tensor([[[1, 3],
             [2, 4]]])
    """
    return shape.cat(tuple(map(atleast_3d, _some(tensors, "dstack"))), 2, out=out)


def column_stack(tensors: Sequence[Any], *, out: Any = None) -> Any:
    """The tensors, vectors and numbers as columns, one after another along dimension 1.

    >>> import refnet
    >>> refnet.column_stack([refnet.tensor([1, 2]), refnet.tensor([[3, 4], [5, 6]])])
    tensor([[1, 3, 4],
            [2, 5, 6]])
    """
    columns = [x.reshape(x.numel(), 1) if x.ndim <= 1 else x for x in _some(tensors, "column_stack")]
    return hstack(columns, out=out)


def block_diag(*tensors: Any) -> Any:
    """The matrix with the given ones along its diagonal and zeros elsewhere; vectors and numbers count as rows.

    >>> import refnet
    >>> refnet.block_diag(refnet.tensor([[1], [2]]), refnet.tensor([3, 4]))
    tensor([[1, 0, 0],
            [2, 0, 0],
            [0, 3, 4]])
    """
    for position, x in enumerate(tensors):
        expect_tensor(x, "block_diag", "tensors", position + 1)
        check(
            x.ndim <= 2,
            lambda position=position, x=x: (
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {position} has {x.ndim} "  # type: ignore[misc]
                "dimensions"
            ),
        )
    if not tensors:
        return wrap(cpu.xp.empty((1, 0), _dtype.get_default_dtype().numpy), cpu)
    common = _dtype.result_type(*[x.new_zeros((1,)) for x in tensors])
    blocks = [_two_dims(x).to(common) for x in tensors]
    width, left, rows = sum(x.shape[1] for x in blocks), 0, []
    for x in blocks:
        n = x.shape[1]
        rows.append(shape.pad_constant(x, pads=((0, 0), (left, width - left - n)), value=0))
        left += n
    return shape.cat(rows, 0) if len(rows) > 1 else shape.copy(rows[0], order="C")


# --- against each other -------------------------------------------------------------------------------------------


def broadcast_shapes(*shapes: Any) -> Any:
    """The shape that tensors of the given shapes (sequences, or ints) broadcast to; RuntimeError if they do not.

    >>> import refnet
    >>> refnet.broadcast_shapes((2, 1), (3,))
    refnet.Size([2, 3])
    """
    common: list[int] = []
    for position, given in enumerate(shapes):
        sizes = (given,) if isinstance(given, int) else tuple(given)
        check(
            all(n >= 0 for n in sizes),
            lambda: "Attempting to broadcast a dimension with negative length!",
            ValueError,
        )
        common = [1] * (len(sizes) - len(common)) + common
        for back, n in enumerate(reversed(sizes), 1):
            m = common[-back]
            check(
                1 in (n, m) or n == m,
                lambda n=n, back=back, position=position, sizes=sizes, common=common: (
                    f"Attempting to broadcast a dimension of length {n} at {-back}! Mismatching argument at index "  # type: ignore[misc]
                    f"{position} had {sizes}; but expected shape should be broadcastable to {common}"
                ),
            )
            common[-back] = m if n == 1 else n
    return wrap(cpu.xp.broadcast_to(cpu.xp.zeros(()), common), cpu).shape


def broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    """The tensors expanded to the shape that they broadcast to, as views.

    >>> import refnet
    >>> a, b = refnet.broadcast_tensors(refnet.ones(2, 1), refnet.ones(3))
    >>> a.shape == b.shape
    True
    """
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tuple(tensors[0])
    common: Shape = ()
    for position, x in enumerate(tensors, 1):
        expect_tensor(x, "broadcast_tensors", "tensors", position)
        lead = max(len(common) - x.ndim, 0)
        for back in range(1, min(len(common), x.ndim) + 1):
            n, m = common[-back], x.shape[-back]
            check(
                1 in (n, m) or n == m,
                lambda n=n, m=m, back=back, lead=lead, x=x: (
                    f"The size of tensor a ({n}) must match the size of tensor b ({m}) at non-singleton dimension "  # type: ignore[misc]
                    f"{lead + x.ndim - back}"
                ),
            )
        common = tuple(broadcast_shapes(common, x.shape))
    return tuple(shape.expand(x, common) for x in tensors)


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Any, ...]:
    """One grid of coordinates for each vector: grid k has the values of vector k along dimension k; views.

    indexing "ij" (also without one, with a warning) means just that, "xy" exchanges the first two dimensions.

    >>> import refnet
    >>> rows, columns = refnet.meshgrid(refnet.arange(2), refnet.arange(3), indexing="ij")
    >>> rows
    tensor([[0, 0, 0],
            [1, 1, 1]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tuple(tensors[0])
    check(len(tensors) > 0, lambda: "meshgrid expects a non-empty TensorList")
    for x in tensors:
        check(x.ndim <= 1, lambda x=x: f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {x}")  # type: ignore[misc]
        check(
            x.dtype is tensors[0].dtype,
            lambda: "torch.meshgrid expects all tensors to have the same dtype",
        )
    if indexing is None:
        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.",
            UserWarning,
            stacklevel=2,
        )
        indexing = "ij"
    check(
        indexing in ("ij", "xy"),
        lambda: f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}',
    )
    swap = indexing == "xy" and len(tensors) > 1
    vectors = [tensors[1], tensors[0], *tensors[2:]] if swap else tensors
    sizes = tuple(x.numel() for x in vectors)
    grids = []
    for d, x in enumerate(vectors):
        line = x.reshape((1,) * d + (sizes[d],) + (1,) * (len(sizes) - d - 1))
        grids.append(shape.expand(line, sizes))
    if swap:
        grids[:2] = grids[1], grids[0]
    return tuple(grids)


def cartesian_prod(*tensors: Any) -> Any:
    """Every choice of one element from each vector, a row each, as nested loops would meet them.

    >>> import refnet
    >>> refnet.cartesian_prod(refnet.tensor([1, 2]), refnet.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tuple(tensors[0])
    for x in tensors:
        check(x.ndim == 1, lambda x=x: f"Expect a 1D vector, but got shape {list(x.shape)}")  # type: ignore[misc]
    if len(tensors) == 1:
        return tensors[0]
    return shape.stack([grid.reshape(-1) for grid in meshgrid(*tensors, indexing="ij")], 1)


def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Any:
    """Every choice of r elements of a vector, a row each, in the order of `itertools.combinations`.

    >>> import refnet
    >>> refnet.combinations(refnet.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    expect_tensor(input, "combinations")
    check(input.ndim == 1, lambda: f"Expect a 1D vector, but got shape {list(input.shape)}")
    check(r >= 0, lambda: f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty(0)
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    chosen = list(choose(range(input.shape[0]), r))
    xp = input.device.xp
    return fancy_index(input, key=(xp.asarray(chosen, dtype="int64").reshape(len(chosen), r),))
