"""The same numbers in other places, in memory of their own: padding, flips, rolls, repetition, triangles."""

from typing import Any

from refnet._check import check
from refnet._device import on_host
from refnet._ops._args import expect_one_device, expect_tensor, type_name
from refnet._ops._arrays import repeated
from refnet._ops._dims import Shape, dim_of, dims_of, sizes_of
from refnet._ops.positions import fancy_index, overwrite, take
from refnet._ops.views import copy, expand, reshape, transpose
from refnet._tape import Primitive, TensorBase, wrap

Array = Any


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
    check(input.ndim > 0, lambda: f"Dimension specified as {dims[0]} but tensor has no dimensions", IndexError)
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


def fill(input: Any, value: Any) -> Any:
    """`value`, a number or a 0-d tensor, in the shape, type and layout of input, whose gradient is 0.

    >>> import refnet
    >>> refnet.fill(refnet.zeros(2), 3)
    tensor([3., 3.])
    """
    expect_tensor(input, "fill")
    check(
        not isinstance(value, TensorBase) or value._array.ndim == 0,
        lambda: f"fill only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.",
    )
    return overwrite(input, value if isinstance(value, TensorBase) else input.new_full((), value))


# --- compositions -------------------------------------------------------------------------------------------------


def fliplr(input: Any) -> Any:
    """input with dimension 1 reversed, a copy."""
    check(input.ndim >= 2, lambda: f"Input must be >= 2-d, got {input.ndim} dimensions.")
    return flip(input, (1,))


def flipud(input: Any) -> Any:
    """input with dimension 0 reversed, a copy."""
    check(input.ndim >= 1, lambda: f"Input must be >= 1-d, got {input.ndim} dimensions.")
    return flip(input, (0,))


def rot90(input: Any, k: int = 1, dims: Any = (0, 1)) -> Any:
    """input turned k times by 90 degrees in the plane of two dimensions, from the first towards the second; a copy.

    >>> import refnet
    >>> refnet.rot90(refnet.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    dims, ndim = tuple(dims), input.ndim
    check(len(dims) == 2, lambda: f"expected total rotation dims == 2, but got dims = {len(dims)}")
    check(ndim >= 2, lambda: f"expected total dims >= 2, but got total dims = {ndim}")
    check(
        dims[0] != dims[1] and abs(dims[0] - dims[1]) != ndim,
        lambda: f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}",
    )
    dims = tuple(dim_of(d, ndim) for d in dims)
    k %= 4
    if k == 0:
        return copy(input, order="C")
    if k == 2:
        return flip(input, dims)
    return transpose(flip(input, dims[1:] if k == 1 else dims[:1]), *dims)


def repeat_interleave(
    input: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Any:
    """Each element of input (each slice along `dim`) so many times in a row: one number for all, or one for each.

    With only one argument, a vector of counts, the positions: repeat_interleave([1, 2]) is [0, 1, 1].

    >>> import refnet
    >>> refnet.repeat_interleave(refnet.tensor([1, 2]), refnet.tensor([2, 1]))
    tensor([1, 1, 2])
    """
    expect_tensor(input, "repeat_interleave")
    expect_one_device("repeat_interleave", input, repeats)
    xp = input.device.xp
    if repeats is None:
        positions = _repeated(input, input.numel(), output_size)
        return wrap(positions.astype(input._array.dtype), input.device)
    x = reshape(input, (-1,)) if dim is None else input
    d = dim_of(0 if dim is None else dim, x.ndim)
    n = x.shape[d] if x.ndim else 1
    if isinstance(repeats, list | tuple):
        repeats = wrap(xp.asarray(repeats, dtype="int64"), input.device)
    if not isinstance(repeats, TensorBase):
        check(repeats >= 0, lambda: f"Repeats must be non-negative, got {repeats}")
        positions = xp.repeat(xp.arange(n), repeats)
        check(
            output_size is None or output_size == positions.size,
            lambda: f"repeat_interleave: Invalid output_size, expected {positions.size} but got {output_size}",
        )
    else:
        positions = _repeated(repeats, n, output_size)
    if not x.ndim:
        return take(x, index=positions)
    return fancy_index(x, key=(slice(None),) * d + (positions,))


def _repeated(repeats: Any, n: int, output_size: int | None) -> Array:
    """The numbers from 0 on, each as often as `repeats` says."""
    check(
        repeats.ndim <= 1,
        lambda: f"repeat_interleave only accept 1D vector as repeat, got {repeats.ndim} dimensions",
    )
    check(
        repeats.dtype.name in ("int32", "int64"),
        lambda: (
            f"\"repeat_interleave_cpu\" not implemented for '{type_name(repeats.dtype)}': repeats has to be Long or Int"
        ),
        NotImplementedError,
    )
    counts, xp = repeats._array.reshape(-1), repeats.device.xp
    check(
        counts.size in (1, n),
        lambda: (
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {counts.size} and input.size(dim) = {n}"
        ),
    )
    check(not on_host(counts) or counts.size == 0 or int(counts.min()) >= 0, lambda: "repeats can not be negative")
    if counts.size != n:
        counts = xp.broadcast_to(counts, (n,))
    positions = repeated(xp, counts, output_size)
    check(
        output_size is None or output_size == positions.size,
        lambda: f"allocated size does not match required size: expected {positions.size} but got {output_size}",
    )
    return positions
