"""The views as copies: `expand_copy` gives what `expand` does, packed in memory of its own."""

from typing import Any

from refnet._check import check
from refnet._ops import shape
from refnet._ops._args import into
from refnet._ops._dims import dim_of, infer_shape, sizes_of
from refnet._ops.diagonal import diagonal
from refnet._ops.windows import unfold


def packed(view: Any, out: Any, name: str) -> Any:
    """A row-major copy of a view, or the view's values in `out`."""
    return into(out, shape.copy(view, order="C"), name)


def _each_into(views: tuple[Any, ...], out: Any, name: str) -> Any:
    """Copies of several views; None where they are written into the tensors `out`, as torch has it."""
    if out is None:
        return tuple(shape.copy(view, order="C") for view in views)
    check(
        len(out) == len(views),
        lambda: f"{name}_out() expected an out= argument of length {len(views)}, got {len(out)}",
    )
    for view, place in zip(views, out, strict=True):
        into(place, view, name)
    return None


def alias_copy(input: Any, *, out: Any = None) -> Any:
    """input again, in memory of its own."""
    return packed(input, out, "alias_copy")


def as_strided_copy(input: Any, size: Any, stride: Any, storage_offset: int | None = None, *, out: Any = None) -> Any:
    """As `as_strided`, a copy."""
    return packed(shape.as_strided(input, size, stride, storage_offset), out, "as_strided_copy")


def diagonal_copy(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1, *, out: Any = None) -> Any:
    """As `diagonal`, a copy."""
    return packed(diagonal(input, offset, dim1, dim2), out, "diagonal_copy")


def expand_copy(input: Any, size: Any, *, implicit: bool = False, out: Any = None) -> Any:
    """As `expand`, a copy; `implicit` changes nothing."""
    return packed(shape.expand(input, sizes_of((size,), "expand_copy")), out, "expand_copy")


def narrow_copy(input: Any, dim: int, start: int, length: int, *, out: Any = None) -> Any:
    """As `narrow`, a copy."""
    check(input.ndim > 0, lambda: "narrow() cannot be applied to a 0-dim tensor.")
    check(
        dim < input.ndim,
        lambda: f"narrow_copy(): Expected dim < static_cast<int64_t>(self_sizes.size()), got {dim} and {input.ndim}",
    )
    n = input.shape[dim_of(dim, input.ndim)]
    check(
        length >= 0 or not -n <= start <= n,
        lambda: f"start ({start}) + length ({length}) exceeds dimension size ({n}).",
    )
    return packed(shape.narrow(input, dim, start, length), out, "narrow_copy")


def permute_copy(input: Any, dims: Any, *, out: Any = None) -> Any:
    """As `permute`, a copy."""
    return packed(shape.permute(input, dims), out, "permute_copy")


def select_copy(input: Any, dim: int, index: int, *, out: Any = None) -> Any:
    """As `select`, a copy."""
    return packed(shape.select(input, dim, index), out, "select_copy")


def split_with_sizes_copy(input: Any, split_sizes: Any, dim: int = 0, *, out: Any = None) -> Any:
    """As `split_with_sizes`, copies; with `out`, a tensor for each piece, the result is None."""
    return _each_into(shape.split(input, list(split_sizes), dim), out, "split_with_sizes_copy")


def squeeze_copy(input: Any, dim: Any = None, *, out: Any = None) -> Any:
    """As `squeeze`, a copy."""
    return packed(shape.squeeze(input, dim), out, "squeeze_copy")


def t_copy(input: Any, *, out: Any = None) -> Any:
    """As `t`, a copy."""
    return packed(shape.t(input), out, "t_copy")


def transpose_copy(input: Any, dim0: int, dim1: int, *, out: Any = None) -> Any:
    """As `transpose`, a copy."""
    return packed(shape.transpose(input, dim0, dim1), out, "transpose_copy")


def unbind_copy(input: Any, dim: int = 0, *, out: Any = None) -> Any:
    """As `unbind`, copies; with `out`, a tensor for each slice, the result is None."""
    return _each_into(shape.unbind(input, dim), out, "unbind_copy")


def unfold_copy(input: Any, dimension: int, size: int, step: int, *, out: Any = None) -> Any:
    """As `Tensor.unfold`, a copy."""
    return packed(unfold(input, dimension, size, step), out, "unfold_copy")


def unsqueeze_copy(input: Any, dim: int, *, out: Any = None) -> Any:
    """As `unsqueeze`, a copy."""
    return packed(shape.unsqueeze(input, dim), out, "unsqueeze_copy")


def view_copy(input: Any, size: Any, *, out: Any = None) -> Any:
    """As `Tensor.view`, a copy."""
    size = infer_shape(sizes_of((size,), "view_copy"), input.numel())
    return packed(shape.reshape(input, size), out, "view_copy")
