"""Views: the memory of a tensor seen in another shape, with other strides, or in part.

A `View` shares the memory of its input; its kernel only changes shape and strides. Every primitive here is linear,
so its rule is its adjoint: expand and sum, slice and pad with zeros, permute and the inverse permutation.
"""

import math
from typing import Any

from refnet._check import check
from refnet._device import strided, view_as_shape
from refnet._ops._dims import Shape, dim_of, dims_of, infer_shape, sizes_of
from refnet._tape import Primitive, TensorBase, View

Array = Any


# --- the same elements, another shape -----------------------------------------------------------------------------


@View
def view(xp: Any, x: Array, *, shape: Shape) -> Array:
    """The elements of x in another shape, without a copy        dL/dx = g in the shape of x"""
    seen = view_as_shape(x, shape)
    check(
        seen is not None,
        lambda: (
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across "
            "two contiguous subspaces). Use .reshape(...) instead."
        ),
    )
    return seen


view.vjp(x=lambda g, x_shape: g.reshape(x_shape))
view.direct(x=lambda xp, g, x_shape: g.reshape(x_shape))


@Primitive
def copy(xp: Any, x: Array, *, order: str = "K", dtype: Any = None) -> Array:
    """out = x in memory of its own, of numpy type `dtype`        dL/dx = g (the sweep casts it back)

    `order`: "K" keeps the layout where it is dense, "C" is row-major, "channels_last" puts dimension 1 innermost.
    """
    if order == "K" and 0 in x.strides:
        order = "C"  # torch packs what is expanded in row-major order
    if order == "channels_last":
        return xp.moveaxis(xp.array(xp.moveaxis(x, 1, -1), dtype=dtype, order="C", copy=True), -1, 1)
    return xp.array(x, dtype=dtype, order=order, copy=True)


copy.vjp(x=lambda g: g)


def reshape(input: Any, shape: Any) -> Any:
    """input in another shape: a view where the strides allow it, else a copy. One size may be -1.

    >>> import refnet
    >>> refnet.reshape(refnet.arange(6), (2, -1)).shape
    refnet.Size([2, 3])
    """
    shape = infer_shape(sizes_of((shape,), "reshape"), input.numel())
    if view_as_shape(input._array, shape) is None:
        input = copy(input, order="C")
    return view(input, shape=shape)


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Dimensions start_dim to end_dim of input, both included, as one; a 0-d input gives one element.

    >>> import refnet
    >>> refnet.zeros(2, 3, 4).flatten(1).shape
    refnet.Size([2, 12])
    """
    start, end = dim_of(start_dim, input.ndim), dim_of(end_dim, input.ndim)
    check(start <= end, lambda: "flatten() has invalid args: start_dim cannot come after end_dim")
    shape = input.shape
    if not shape:
        return reshape(input, (1,))
    return (
        input
        if start == end
        else reshape(input, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))
    )


def unflatten(input: Any, dim: int, sizes: Any) -> Any:
    """Dimension `dim` of input split into `sizes`, one of which may be -1.

    >>> import refnet
    >>> refnet.zeros(2, 12).unflatten(1, (3, -1)).shape
    refnet.Size([2, 3, 4])
    """
    d = dim_of(dim, input.ndim)
    sizes = sizes_of((sizes,), "unflatten")
    check(len(sizes) > 0, lambda: "unflatten: sizes must be non-empty")
    holes = sizes.count(-1)
    known = math.prod(n for n in sizes if n != -1)
    n = input.shape[d]
    check(
        (known == n) if not holes else (holes == 1 and known and n % known == 0),
        lambda: (
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {d} ({n}) in the input tensor"
        ),
    )
    return view(input, shape=(*input.shape[:d], *(n // known if s == -1 else s for s in sizes), *input.shape[d + 1 :]))


def squeeze(input: Any, dim: Any = None) -> Any:
    """input without its dimensions of size 1, or without those of `dim` that are of size 1."""
    dims = range(input.ndim) if dim is None else () if dim in ((), []) else dims_of(dim, input.ndim)
    return basic_index(
        input, key=tuple(slice(None) if n != 1 or d not in dims else 0 for d, n in enumerate(input.shape))
    )


@View
def new_dim(xp: Any, x: Array, *, dim: int) -> Array:
    """x with a dimension of size 1 before dimension `dim`        dL/dx = g in the shape of x"""
    step = x.shape[dim] * x.strides[dim] if dim < x.ndim else x.itemsize
    return strided(x, (*x.shape[:dim], 1, *x.shape[dim:]), (*x.strides[:dim], step, *x.strides[dim:]))


new_dim.vjp(x=lambda g, x_shape: g.reshape(x_shape))


def unsqueeze(input: Any, dim: int) -> Any:
    """input with a dimension of size 1 put before dimension `dim`.

    >>> import refnet
    >>> refnet.zeros(2, 3).unsqueeze(-1).shape
    refnet.Size([2, 3, 1])
    """
    return new_dim(input, dim=dim_of(dim, input.ndim + 1))


# --- the same memory, other strides -------------------------------------------------------------------------------


@View
def permute_dims(xp: Any, x: Array, *, dims: Shape) -> Array:
    """out[i_dims[0], i_dims[1], ...] = x[i_0, i_1, ...]        dL/dx = g with the inverse permutation"""
    return x.transpose(dims)


permute_dims.vjp(x=lambda g, dims: permute_dims(g, dims=tuple(sorted(range(len(dims)), key=dims.__getitem__))))


def permute(input: Any, dims: Any) -> Any:
    """input with its dimensions in the order `dims`, a view.

    >>> import refnet
    >>> refnet.zeros(2, 3, 4).permute(2, 0, 1).shape
    refnet.Size([4, 2, 3])
    """
    check(
        len(dims) == input.ndim,
        lambda: (
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {input.ndim} is not equal to len(dims) = {len(dims)}"
        ),
    )
    order = tuple(dim_of(d, input.ndim) for d in dims)
    check(len(set(order)) == len(order), lambda: f"permute(): duplicate dims are not allowed, got {list(dims)}")
    return permute_dims(input, dims=order)


def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """input with two dimensions exchanged, a view."""
    order = list(range(max(input.ndim, 1)))
    a, b = dim_of(dim0, input.ndim), dim_of(dim1, input.ndim)
    order[a], order[b] = order[b], order[a]
    return permute_dims(input, dims=tuple(order[: input.ndim]))


def t(input: Any) -> Any:
    """The transpose of a matrix; a vector or scalar as it is."""
    check(input.ndim <= 2, lambda: f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return (
        transpose(input, 0, input.ndim - 1) if input.ndim == 2 else permute_dims(input, dims=tuple(range(input.ndim)))
    )


def movedim(input: Any, source: Any, destination: Any) -> Any:
    """input with dimensions `source` moved to positions `destination`, the others in order."""
    sources = [source] if isinstance(source, int) else list(source)
    targets = [destination] if isinstance(destination, int) else list(destination)
    check(
        len(sources) == len(targets),
        lambda: (
            f"movedim: Invalid source or destination dims: source ({sources} dims) should contain the same number "
            f"of dims as destination ({targets} dims)"
        ),
    )
    sources = _distinct(sources, input.ndim, "source")
    targets = _distinct(targets, input.ndim, "destination")
    rest = iter(d for d in range(input.ndim) if d not in sources)
    order = [sources[targets.index(d)] if d in targets else next(rest) for d in range(input.ndim)]
    return permute_dims(input, dims=tuple(order))


def _distinct(dims: list[int], ndim: int, which: str) -> list[int]:
    found = [dim_of(d, ndim) for d in dims]
    check(len(set(found)) == len(found), lambda: f"movedim: repeated dim in `{which}` ({dims})")
    return found


@View
def broadcast(xp: Any, x: Array, *, shape: Shape) -> Array:
    """x repeated along new and size-1 dimensions, with stride 0        dL/dx = g summed over them (by the sweep)"""
    lead = len(shape) - x.ndim
    strides = [0] * lead + [
        0 if n == 1 and m != 1 else s for n, m, s in zip(x.shape, shape[lead:], x.strides, strict=True)
    ]
    return strided(x, shape, tuple(strides))


broadcast.vjp(x=lambda g: g)


def expand(input: Any, sizes: Shape) -> Any:
    """input broadcast to `sizes`, a view with stride 0; -1 keeps a size.

    >>> import refnet
    >>> refnet.tensor([[1], [2]]).expand(-1, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    lead = len(sizes) - input.ndim
    check(
        lead >= 0,
        lambda: (
            f"expand({input.dtype}{list(input.shape)}, size={list(sizes)}): the number of sizes provided "
            f"({len(sizes)}) must be greater or equal to the number of dimensions in the tensor ({input.ndim})"
        ),
    )
    shape = list(sizes)
    for d, n in enumerate(sizes):
        have = input.shape[d - lead] if d >= lead else None
        check(
            n >= 0 or (n == -1 and have is not None),
            lambda n=n, d=d: (
                f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing dimension {d}"
            ),  # type: ignore[misc]
        )
        if n == -1 and have is not None:
            shape[d] = have
        check(
            have in (None, 1, shape[d]),
            lambda n=n, d=d, have=have: (
                f"The expanded size of the tensor ({n}) must match the existing size ({have}) at "  # type: ignore[misc]
                f"non-singleton dimension {d}.  Target sizes: {list(sizes)}.  Tensor sizes: {list(input.shape)}"
            ),
        )
    return broadcast(input, shape=tuple(shape))


@View
def basic_index(xp: Any, x: Array, *, key: Any) -> Array:
    """x[key] for a key of ints, slices and None        dL/dx = g put where key points, zeros elsewhere"""
    seen = x[(*key, ...)]  # with the ellipsis ints alone give a view too, not a number
    return _with_new_strides(x, seen, key) if None in key else seen


def _with_new_strides(x: Array, seen: Array, key: Any) -> Array:
    """`seen`, x[key], with torch's strides in the new dimensions: as if they were larger, they would lie end to end."""
    strides = list(seen.strides)
    of_x = of_seen = 0
    for part in key:
        if part is None:
            strides[of_seen] = x.shape[of_x] * x.strides[of_x] if of_x < x.ndim else x.itemsize
        else:
            of_x += 1
        of_seen += part is None or isinstance(part, slice)
    return strided(seen, seen.shape, tuple(strides))


@Primitive
def basic_unindex(xp: Any, g: Array, *, key: Any, shape: Shape) -> Array:
    """Zeros of `shape` with g at `key`        dL/dg = h[key]"""
    out = xp.zeros(shape, g.dtype)
    out[key] = g
    return out


basic_unindex.vjp(g=lambda h, key: basic_index(h, key=key))
basic_index.vjp(x=lambda g, key, x_shape: basic_unindex(g, key=key, shape=x_shape))


def narrow(input: Any, dim: int, start: Any, length: int) -> Any:
    """`length` slices of input along `dim`, from `start`: a view."""
    check(input.ndim > 0, lambda: "narrow() cannot be applied to a 0-dim tensor.")
    d = dim_of(dim, input.ndim)
    n = input.shape[d]
    check(length >= 0, lambda: "narrow(): length must be non-negative.")
    if isinstance(start, TensorBase):
        check(
            len(start.shape) == 0 and not start.dtype.is_floating_point and start.dtype.name != "bool",
            lambda: (
                f"start must be an 0-dim integral Tensor, got one of {start.dtype} with {len(start.shape)} dimensions"
            ),
        )
        start = int(start._array)
    check(
        -n <= start <= n,
        lambda: f"start out of range (expected to be in range of [{-n}, {n}], but got {start})",
        IndexError,
    )
    start = start + n if start < 0 else start
    check(start + length <= n, lambda: f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return basic_index(input, key=(slice(None),) * d + (slice(start, start + length),))


def select(input: Any, dim: int, index: int) -> Any:
    """The slice number `index` along `dim`, which goes: a view."""
    check(input.ndim > 0, lambda: "select() cannot be applied to a 0-dim tensor.", IndexError)
    d = dim_of(dim, input.ndim)
    n = input.shape[d]
    check(
        -n <= index < n,
        lambda: f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {d}",
        IndexError,
    )
    return basic_index(input, key=(slice(None),) * d + (int(index),))
