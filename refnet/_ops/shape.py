"""Views and rearrangements: view, permute, expand, slices, cat, pad, and what is composed of them.

A `View` shares the memory of its input; its kernel only changes shape and strides. Every primitive here is linear,
so its rule is its adjoint: expand and sum, slice and pad with zeros, permute and the inverse permutation.
"""

import math
from collections.abc import Sequence
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._device import address, storage, strided, view_as_shape
from refnet._ops._dims import Shape, dim_of, dims_of, infer_shape, sizes_of
from refnet._ops.index import put, take
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
    dims = dims_of(dim, input.ndim) if dim is not None else range(input.ndim)
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
    sources = list(dims_of(sources, input.ndim)) if sources else []
    targets = list(dims_of(targets, input.ndim)) if targets else []
    rest = iter(d for d in range(input.ndim) if d not in sources)
    order = [sources[targets.index(d)] if d in targets else next(rest) for d in range(input.ndim)]
    return permute_dims(input, dims=tuple(order))


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


def narrow(input: Any, dim: int, start: int, length: int) -> Any:
    """`length` slices of input along `dim`, from `start`: a view."""
    check(input.ndim > 0, lambda: "narrow() cannot be applied to a 0-dim tensor.")
    d = dim_of(dim, input.ndim)
    n = input.shape[d]
    check(length >= 0, lambda: "narrow(): length must be non-negative.")
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


def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """All slices along `dim`: views."""
    d = dim_of(dim, input.ndim)
    check(input.ndim > 0, lambda: "Dimension specified as 0 but tensor has no dimensions", IndexError)
    return tuple(select(input, d, i) for i in range(input.shape[d]))


def split(input: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """input cut along `dim` into pieces of one size (the last may be smaller) or of the given sizes: views.

    >>> import refnet
    >>> [p.tolist() for p in refnet.arange(5).split(2)]
    [[0, 1], [2, 3], [4]]
    """
    d = dim_of(dim, input.ndim)
    n = input.shape[d] if input.ndim else 1
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        check(size >= 0, lambda: f"split expects split_size be non-negative, but got split_size={size}")
        check(
            size > 0 or n == 0,
            lambda: f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}",
        )
        sections = [min(size, n - i) for i in range(0, n, size)] if size and n else [n]
    else:
        sections = list(split_size_or_sections)
        check(
            sum(sections) == n and all(s >= 0 for s in sections),
            lambda: (
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {d}), "
                f"but got split_sizes={sections}"
            ),
        )
    starts = [sum(sections[:i]) for i in range(len(sections))]
    return tuple(narrow(input, d, start, length) for start, length in zip(starts, sections, strict=True))


def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """input cut along `dim` into at most `chunks` pieces of ceil(n / chunks), views; nothing is cut into all of them."""
    check(input.ndim > 0, lambda: "chunk expects at least a 1-dimensional tensor")
    check(chunks > 0, lambda: f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input.shape[dim_of(dim, input.ndim)]
    return split(input, -(-n // chunks) if n else [0] * chunks, dim)


@View
def _strided(xp: Any, x: Array, *, size: Shape, stride: Shape, offset: int, x_stride: Shape, x_offset: int) -> Array:
    """x's storage seen with another size and stride (in elements) from `offset`; x's own are x_stride, x_offset"""
    return strided(storage(x), size, tuple(s * x.itemsize for s in stride), offset * x.itemsize)


def as_strided(input: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """The storage of input seen with the given size and stride (in elements) from `storage_offset`, a view.

    Gradient: dL/dx[i] is the sum of g over every output that looks at the memory of x[i], shared equally where
    several elements of x are one in memory. RuntimeError when the view would leave the storage.

    >>> import refnet
    >>> refnet.arange(4.0).as_strided((3, 2), (1, 1))
    tensor([[0., 1.],
            [1., 2.],
            [2., 3.]])
    """
    size, stride = tuple(size), tuple(stride)
    check(
        len(size) == len(stride),
        lambda: f"mismatch in length of strides and shape: got {len(size)} sizes and {len(stride)} strides",
    )
    check(
        all(s >= 0 for s in stride),
        lambda: f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}",
    )
    offset = input.storage_offset() if storage_offset is None else storage_offset
    check(offset >= 0, lambda: f"Tensor: invalid storage offset {offset}")
    have = storage(input._array).size
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    check(
        0 in size or last < have,
        lambda: (
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize "
            f"{input.itemsize} requiring a storage "
            f"size of {(last + 1) * input.itemsize} are out of bounds for storage of size {have * input.itemsize}"
        ),
    )
    mine = {"x_stride": input.stride(), "x_offset": input.storage_offset()}
    return _strided(input, size=size, stride=stride, offset=offset, **mine)


def _strided_rule(
    g: Any, x_shape: Shape, size: Shape, stride: Shape, offset: int, x_stride: Shape, x_offset: int
) -> Any:
    xp = g.device.xp
    seen = memory_offsets(xp, size, stride) + offset
    mine = memory_offsets(xp, x_shape, x_stride) + x_offset
    length = int(max(seen.max(initial=0), mine.max(initial=0))) + 1
    sharing = xp.bincount(mine.ravel(), minlength=length)[mine]
    back = take(put(g, index=seen, shape=(length,)), index=mine)
    return back if (sharing == 1).all() else back / type(g)(sharing.astype(g.dtype.numpy))


_strided.vjp(x=_strided_rule)


def memory_offsets(xp: Any, size: Shape, stride: Shape) -> Array:
    """Where each element of a tensor lies in memory, in elements from its first."""
    offsets = xp.zeros((), "int64")
    for n, s in zip(size, stride, strict=True):
        offsets = offsets[..., None] + xp.arange(n) * s
    return offsets


def view_index(base: Any, of_base: Any) -> Array:
    """For each element of a view, the position of the same memory in its base, counted in the base's logical order."""
    xp = base.device.xp
    where_base = memory_offsets(xp, base.shape, base.stride()).ravel()
    gap = (address(of_base._array) - address(base._array)) // base.itemsize
    where_view = memory_offsets(xp, of_base.shape, of_base.stride()) + gap
    order = xp.argsort(where_base)
    return order[xp.searchsorted(where_base[order], where_view)]


# --- several tensors, padding, repetition -------------------------------------------------------------------------


class _Join(Primitive):
    """`cat` takes any number of tensors: its inputs are variadic, and the rule of each is a slice of g."""

    def _record(self, inputs: tuple[Any, ...], params: dict[str, Any], out: Any) -> None:
        starts = [0]
        for x in inputs:
            starts.append(starts[-1] + x.shape[params["dim"]])
        while len(self.rules) < len(inputs):
            n = len(self.rules)
            self.rules[n] = (
                (lambda g, dim, starts, n=n: narrow(g, dim, starts[n], starts[n + 1] - starts[n])),
                ("dim", "starts"),
                False,
            )
            self.inputs = (*self.inputs, f"x{n}")
        super()._record(inputs, {**params, "starts": starts}, out)


@_Join
def _join(xp: Any, *arrays: Array, dim: int) -> Array:
    """out = the arrays one after another along `dim`        dL/dx_n = the slice of g that x_n became"""
    out = xp.concatenate(arrays, axis=dim)
    channels_last = out.ndim in (4, 5) and all(xp.moveaxis(x, 1, -1).flags.c_contiguous for x in arrays)
    return out if channels_last else xp.ascontiguousarray(out)


def cat(tensors: Sequence[Any], dim: int = 0, *, out: Any = None) -> Any:
    """The tensors one after another along `dim`. Their other sizes must agree; 1-d empty tensors are passed over.

    >>> import refnet
    >>> refnet.cat([refnet.tensor([1, 2]), refnet.tensor([3.5])])
    tensor([1.0000, 2.0000, 3.5000])
    """
    check(
        isinstance(tensors, list | tuple),
        lambda: f"cat(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}",
        TypeError,
    )
    check(len(tensors) > 0, lambda: "torch.cat(): expected a non-empty list of Tensors", ValueError)
    for position, x in enumerate(tensors):
        check(
            isinstance(x, TensorBase),
            lambda x=x, position=position: (
                f"expected Tensor as element {position} in argument 0, but got {type(x).__name__}"
            ),  # type: ignore[misc]
            TypeError,
        )
        check(
            len(x.shape) > 0,
            lambda position=position: f"zero-dimensional tensor (at position {position}) cannot be concatenated",  # type: ignore[misc]
        )
    kept = [x for x in tensors if x.shape != (0,)] or list(tensors[:1])
    first = kept[0]
    d = dim_of(dim, first.ndim)
    for position, x in enumerate(kept):
        check(
            x.ndim == first.ndim,
            lambda x=x: f"Tensors must have same number of dimensions: got {first.ndim} and {x.ndim}",  # type: ignore[misc]
        )
        for e, (n, m) in enumerate(zip(first.shape, x.shape, strict=True)):
            check(
                n == m or e == d,
                lambda n=n, m=m, position=position: (
                    f"Sizes of tensors must match except in dimension {d}. Expected size {n} "  # type: ignore[misc]
                    f"but got size {m} for tensor number {position} in the list."
                ),
            )
    common = _dtype.result_type(*tensors)
    result = _join(*[x.to(common) for x in kept], dim=d)
    if out is None:
        return result
    from refnet._ops.pointwise import write_out

    return write_out(result, out, "cat")


def stack(tensors: Sequence[Any], dim: int = 0, *, out: Any = None) -> Any:
    """Tensors of one shape, along a new dimension `dim`."""
    check(len(tensors) > 0, lambda: "stack expects a non-empty TensorList")
    first = tensors[0]
    for position, x in enumerate(tensors):
        check(
            x.shape == first.shape,
            lambda x=x, position=position: (
                f"stack expects each tensor to be equal size, but got {list(first.shape)} at entry 0 "  # type: ignore[misc]
                f"and {list(x.shape)} at entry {position}"
            ),
        )
    d = dim_of(dim, first.ndim + 1)
    return cat([unsqueeze(x, d) for x in tensors], d, out=out)


@Primitive
def pad_constant(xp: Any, x: Array, *, pads: tuple[tuple[int, int], ...], value: Any) -> Array:
    """x with `value` around it: pads[d] = (before, after), negative to crop        dL/dx = g cropped (padded by 0)"""
    shape = tuple(n + a + b for n, (a, b) in zip(x.shape, pads, strict=True))
    if all(side <= 0 for sides in pads for side in sides):
        inside = x[tuple(slice(-a, n + b) for n, (a, b) in zip(x.shape, pads, strict=True))]
        return xp.array(inside, order="C" if 0 in x.strides else "K")
    out = xp.full(shape, value, x.dtype)
    inner = tuple(slice(max(a, 0), n - max(b, 0)) for n, (a, b) in zip(shape, pads, strict=True))
    outer = tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, pads, strict=True))
    out[inner] = x[outer]
    return out


pad_constant.vjp(x=lambda g, pads: pad_constant(g, pads=tuple((-a, -b) for a, b in pads), value=0))


@Primitive
def reversed_dims(xp: Any, x: Array, *, dims: Shape) -> Array:
    """x with the order of the given dimensions reversed        dL/dx = g reversed likewise"""
    return xp.array(xp.flip(x, dims), order="C" if 0 in x.strides else "K")


reversed_dims.vjp(x=lambda g, dims: reversed_dims(g, dims=dims))


def flip(input: Any, dims: Any) -> Any:
    """input with the order of the given dimensions reversed, a copy."""
    dims = sizes_of((dims,), "flip") if isinstance(dims, list | tuple) else (dims,)
    return reversed_dims(input, dims=dims_of(dims, input.ndim) if dims else ())


@Primitive
def rolled(xp: Any, x: Array, *, shifts: Shape, dims: Shape) -> Array:
    """x with its elements moved on by `shifts` along `dims`, round the end        dL/dx = g moved back"""
    return xp.asarray(xp.roll(x, shifts, dims), order="C")


rolled.vjp(x=lambda g, shifts, dims: rolled(g, shifts=tuple(-s for s in shifts), dims=dims))


def roll(input: Any, shifts: Any, dims: Any = None) -> Any:
    """input with its elements moved on by `shifts` along `dims`, those beyond the end coming in at the start.

    Without `dims` the tensor is rolled as if flat.
    """
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    dims = () if dims is None else (dims,) if isinstance(dims, int) else tuple(dims)
    check(len(shifts) > 0, lambda: "`shifts` required")
    if not dims and len(shifts) == 1:
        return reshape(rolled(reshape(input, (-1,)), shifts=shifts, dims=(0,)), input.shape)
    check(
        len(shifts) == len(dims),
        lambda: f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}",
    )
    return rolled(input, shifts=shifts, dims=tuple(dim_of(d, input.ndim) for d in dims))


def repeat(input: Any, repeats: Shape) -> Any:
    """input laid out `repeats[d]` times along each dimension d, a copy; extra dimensions come first."""
    lead = len(repeats) - input.ndim
    check(
        lead >= 0,
        lambda: "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor",
    )
    check(
        all(r >= 0 for r in repeats),
        lambda: f"Trying to create tensor with negative dimension in repeats {list(repeats)}",
    )
    shape = (1,) * lead + tuple(input.shape)
    paired = reshape(input, tuple(m for n in shape for m in (1, n)))
    spread = expand(paired, tuple(m for r, n in zip(repeats, shape, strict=True) for m in (r, n)))
    return reshape(copy(spread, order="C"), tuple(r * n for r, n in zip(repeats, shape, strict=True)))


def tile(input: Any, dims: Any) -> Any:
    """As `repeat`, with missing leading repeats taken as 1."""
    dims = tuple(dims)
    return repeat(input, (1,) * (input.ndim - len(dims)) + dims)


@Primitive
def triangle(xp: Any, x: Array, *, diagonal: int, upper: bool) -> Array:
    """x with zeros below (upper) or above the given diagonal        dL/dx = g likewise"""
    return xp.ascontiguousarray(xp.triu(x, diagonal) if upper else xp.tril(x, diagonal))


triangle.vjp(x=lambda g, diagonal, upper: triangle(g, diagonal=diagonal, upper=upper))


def triu(input: Any, diagonal: int = 0) -> Any:
    """The upper triangle of the last two dimensions, zeros below the diagonal."""
    check(input.ndim >= 2, lambda: "triu: input tensor must have at least 2 dimensions")
    return triangle(input, diagonal=diagonal, upper=True)


def tril(input: Any, diagonal: int = 0) -> Any:
    """The lower triangle of the last two dimensions, zeros above the diagonal."""
    check(input.ndim >= 2, lambda: "tril: input tensor must have at least 2 dimensions")
    return triangle(input, diagonal=diagonal, upper=False)
