"""Reading and writing by position, the functions: index_put, take, put, one_hot and what their keys mean.

The rest of the family is in files of its own and exported here: `positions` (primitives and checks), `gather`,
`slices`, `masks`.
"""

import builtins
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._device import cpu, device_of_array, moved, on_host
from refnet._ops._args import expect_one_device, expect_tensor, into, type_name
from refnet._ops._arrays import unraveled
from refnet._ops._dims import Shape
from refnet._ops.gather import gather as gather
from refnet._ops.gather import gathered as gathered
from refnet._ops.gather import scatter as scatter
from refnet._ops.gather import scatter_add as scatter_add
from refnet._ops.gather import scattered as scattered
from refnet._ops.gather import scattered_sum as scattered_sum
from refnet._ops.gather import take_along_dim as take_along_dim
from refnet._ops.masks import masked_fill as masked_fill
from refnet._ops.masks import masked_scatter as masked_scatter
from refnet._ops.masks import masked_select as masked_select
from refnet._ops.masks import nonzero as nonzero
from refnet._ops.positions import check_bounds as check_bounds
from refnet._ops.positions import check_broadcast as check_broadcast
from refnet._ops.positions import fancy_add as fancy_add
from refnet._ops.positions import fancy_index as fancy_index
from refnet._ops.positions import fancy_set as fancy_set
from refnet._ops.positions import fill_value as fill_value
from refnet._ops.positions import overwrite as overwrite
from refnet._ops.positions import put as put
from refnet._ops.positions import replace as replace
from refnet._ops.positions import take as take
from refnet._ops.slices import index_add as index_add
from refnet._ops.slices import index_copy as index_copy
from refnet._ops.slices import index_fill as index_fill
from refnet._ops.slices import index_select as index_select
from refnet._tape import TensorBase, wrap

Array = Any


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
        array = _beside(input, index._array if isinstance(index, TensorBase) else index)
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


def _beside(input: Any, index: Array) -> Array:
    """An index array where input is; one on the CPU is taken for every device, another is not."""
    where = device_of_array(index)
    if where is input.device:
        return index
    check(
        where is cpu,
        lambda: f"indices should be either on cpu or on the same device as the indexed tensor ({input.device})",
    )
    return moved(index, input.device)


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
        values = fill_value(values, input, "index_put")
    return fancy_set(input, values, key=key, accumulate=accumulate)


def fancy_shape(input: Any, key: tuple[Any, ...]) -> Shape:
    """The shape of input[key], without computing it."""
    stand_in = input.device.xp.broadcast_to(input.device.xp.zeros((), bool), input.shape)
    return stand_in[key].shape  # type: ignore[no-any-return]


# --- flat positions -----------------------------------------------------------------------------------------------


def take_along(input: Any, index: Any, *, out: Any = None) -> Any:
    """torch's `take`: the elements of input, seen as flat, at the positions index, in its shape.

    >>> import refnet
    >>> refnet.take(refnet.tensor([[1, 2], [3, 4]]), refnet.tensor([3, 0]))
    tensor([4, 1])
    """
    expect_tensor(input, "take")
    expect_tensor(index, "take", "index", 2)
    expect_one_device("take", input, index)
    check(
        index.dtype is _dtype.int64,
        lambda: f"take(): Expected a long tensor for index, but got {type_name(index.dtype)}",
    )
    n, positions = input.numel(), index._array
    check(n > 0 or positions.size == 0, lambda: "take(): tried to take from an empty tensor", IndexError)
    if positions.size:
        _check_flat(positions, n)
    return into(out, take(input, index=positions), "take")


def _check_flat(positions: Array, n: int) -> None:
    """Every position is one of n elements, counted from either end. On the CPU: see `on_host`."""
    if not on_host(positions):
        return
    low, high = int(positions.min()), int(positions.max())
    check(
        -n <= low and high < n,
        lambda: f"out of range: tried to access index {low if low < -n else high} on a tensor of {n} elements.",
        IndexError,
    )


def put_along(input: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    """torch's `put`: input, seen as flat, with source[i] at (or added to) position index[i].

    >>> import refnet
    >>> refnet.put(refnet.zeros(2, 2), refnet.tensor([3, 0]), refnet.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 1.]])
    """
    expect_tensor(input, "put")
    expect_tensor(index, "put", "index", 2)
    expect_tensor(source, "put", "source", 3)
    expect_one_device("put", input, index, source)
    check(
        index.dtype is _dtype.int64,
        lambda: f"put_(): Expected a long tensor for index, but got {type_name(index.dtype)}",
    )
    check(
        input.dtype is source.dtype,
        lambda: (
            "put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{type_name(input.dtype)} and source.dtype = {type_name(source.dtype)}"
        ),
    )
    positions = index._array.reshape(-1)
    check(
        positions.size == source.numel(),
        lambda: (
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source.numel()}, index.numel() = {index.numel()}"
        ),
        IndexError,
    )
    n = input.numel()
    check(n > 0 or positions.size == 0, lambda: "put_(): tried to put elements into an empty tensor", IndexError)
    if positions.size:
        _check_flat(positions, n)
    xp = input.device.xp
    x = input if input.ndim else input.reshape(1)
    key = unraveled(xp, positions % n, x.shape) if positions.size else (positions,) * x.ndim
    written = fancy_set(x, source.reshape(-1), key=tuple(key), accumulate=accumulate)
    return written if input.ndim else written.reshape(())


def unravel_index(indices: Any, shape: Any) -> tuple[Any, ...]:
    """Positions in the flattened tensor as positions in one of the given shape: a tensor for each dimension.

    >>> import refnet
    >>> refnet.unravel_index(refnet.tensor([4, 1]), (2, 3))
    (tensor([1, 0]), tensor([1, 1]))
    """
    expect_tensor(indices, "unravel_index", "indices")
    check(
        not indices.dtype.is_floating_point and indices.dtype is not _dtype.bool_,
        lambda: f"expected 'indices' to be integer dtype, but got {indices.dtype}",
        TypeError,
    )
    check(
        isinstance(shape, int | list | tuple),
        lambda: f"expected 'shape' to be int or sequence of ints, but got {type(shape).__name__}",
        TypeError,
    )
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    check(
        builtins.all(isinstance(n, int) for n in sizes),
        lambda: f"expected 'shape' sequence to only contain ints, but got {[type(n) for n in sizes]}",
        TypeError,
    )
    check(
        builtins.all(n >= 0 for n in sizes), lambda: f"'shape' cannot have negative values, but got {sizes}", ValueError
    )
    xp, rest, found = indices.device.xp, indices._array.astype("int64"), []
    for n in reversed(sizes):
        found.append(rest % n)
        rest = rest // n
    if not found:
        return ()
    table = xp.stack(found[::-1], axis=-1)
    return tuple(wrap(table[..., k], indices.device) for k in range(len(sizes)))


def one_hot(tensor: Any, num_classes: int = -1) -> Any:
    """int64 zeros with a 1 at the class number along a new last dimension; the largest class + 1 by default.

    >>> import refnet
    >>> refnet.nn.functional.one_hot(refnet.tensor([0, 2]), 3)
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    expect_tensor(tensor, "one_hot", "tensor")
    check(
        hasattr(num_classes, "__index__") and not isinstance(num_classes, bool),
        lambda: f"one_hot(): argument 'num_classes' must be int, not {type(num_classes).__name__}",
        TypeError,
    )
    check(tensor.dtype is _dtype.int64, lambda: "one_hot is only applicable to index tensor of type LongTensor.")
    classes = tensor._array
    if classes.size == 0:
        check(num_classes > 0, lambda: "Can not infer total number of classes from empty tensor.")
        return tensor.new_zeros((*tensor.shape, num_classes))
    check(not on_host(classes) or int(classes.min()) >= 0, lambda: "Class values must be non-negative.")
    if num_classes == -1:
        num_classes = int(classes.max()) + 1
    check(
        not on_host(classes) or int(classes.max()) < num_classes,
        lambda: "Class values must be smaller than num_classes.",
    )
    xp = tensor.device.xp
    return wrap(xp.ascontiguousarray(classes[..., None] == xp.arange(num_classes), dtype="int64"), tensor.device)
