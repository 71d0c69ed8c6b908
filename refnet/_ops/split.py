"""Tensors cut into pieces, as views: split, chunk, unbind, tensor_split, hsplit and their relatives."""

import itertools
from typing import Any

from refnet._check import check
from refnet._ops._args import expect_tensor, type_name
from refnet._ops._dims import dim_of
from refnet._ops.views import basic_index, narrow, select
from refnet._tape import TensorBase


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


def tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """input cut along `dim` into so many pieces, the first ones larger by 1, or before each of the given positions.

    >>> import refnet
    >>> [piece.tolist() for piece in refnet.tensor_split(refnet.arange(5), 3)]
    [[0, 1], [2, 3], [4]]
    >>> [piece.tolist() for piece in refnet.tensor_split(refnet.arange(5), (1, 3))]
    [[0], [1, 2], [3, 4]]
    """
    expect_tensor(input, "tensor_split")
    check(
        input.ndim > 0,
        lambda: "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims",
    )
    if isinstance(indices_or_sections, TensorBase):
        indices_or_sections = _positions(indices_or_sections)
    d = dim_of(dim, input.ndim)
    n = input.shape[d]
    if isinstance(indices_or_sections, int):
        sections = indices_or_sections
        check(sections > 0, lambda: f"number of sections must be larger than 0, got {sections}")
        sizes = [n // sections + (i < n % sections) for i in range(sections)]
        bounds = [sum(sizes[:i]) for i in range(sections + 1)]
        return tuple(narrow(input, d, a, b - a) for a, b in itertools.pairwise(bounds))
    bounds = [0, *indices_or_sections, n]
    before = (slice(None),) * d
    return tuple(basic_index(input, key=(*before, _between(a, b, n))) for a, b in itertools.pairwise(bounds))


def _between(start: int, stop: int, n: int) -> slice:
    """The slice from start to stop as plain positions, empty where it ends before it starts."""
    start, stop, _ = slice(start, stop).indices(n)
    return slice(start, max(stop, start))


def _positions(tensor: Any) -> Any:
    """The number of sections or the positions that a tensor of int64 holds."""
    check(
        tensor.dtype.name == "int64",
        lambda: (
            f"tensor_split expected tensor_indices_or_sections to have dtype of long, but got {type_name(tensor.dtype)}"
        ),
    )
    check(
        tensor.ndim <= 1,
        lambda: (
            "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but "
            f"got a tensor with {tensor.ndim} dims"
        ),
    )
    return tensor.tolist()


def _along(input: Any, indices_or_sections: Any, dim: int, least: int, name: str) -> tuple[Any, ...]:
    """`tensor_split` into equal pieces only."""
    expect_tensor(input, name)
    check(
        input.ndim >= least,
        lambda: (
            f"torch.{name} requires a tensor with at least {least} dimension{'s' if least > 1 else ''}, but got a tensor "
            f"with {input.ndim} dimensions!"
        ),
    )
    check(
        isinstance(indices_or_sections, int | list | tuple),
        lambda: (
            f"{name}() received an invalid combination of arguments - got (Tensor, {type(indices_or_sections).__name__}), "
            "but expected one of: (Tensor input, int sections), (Tensor input, tuple of ints indices)"
        ),
        TypeError,
    )
    if isinstance(indices_or_sections, int):
        check(
            indices_or_sections != 0 and input.shape[dim] % indices_or_sections == 0,
            lambda: (
                f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
                f"{input.shape[dim]} is not divisible by the split_size {indices_or_sections}!"
            ),
        )
    return tensor_split(input, indices_or_sections, dim)


def hsplit(input: Any, indices_or_sections: Any) -> tuple[Any, ...]:
    """input cut along dimension 1, a vector along its only one, into equal pieces or before the given positions."""
    return _along(input, indices_or_sections, 1 if getattr(input, "ndim", 0) > 1 else 0, 1, "hsplit")


def vsplit(input: Any, indices_or_sections: Any) -> tuple[Any, ...]:
    """input cut along dimension 0 into equal pieces or before the given positions."""
    return _along(input, indices_or_sections, 0, 2, "vsplit")


def dsplit(input: Any, indices_or_sections: Any) -> tuple[Any, ...]:
    """input cut along dimension 2 into equal pieces or before the given positions."""
    return _along(input, indices_or_sections, 2, 3, "dsplit")


def split_with_sizes(input: Any, split_sizes: Any, dim: int = 0) -> tuple[Any, ...]:
    """input cut along `dim` into pieces of the given sizes.

    >>> import refnet
    >>> [piece.tolist() for piece in refnet.split_with_sizes(refnet.arange(3), [1, 2])]
    [[0], [1, 2]]
    """
    check(input.ndim > 0, lambda: "split expects at least a 1-dimensional tensor")
    return split(input, list(split_sizes), dim)


def unsafe_split(input: Any, split_size: int, dim: int = 0) -> tuple[Any, ...]:
    """As `split`, for pieces that will not be written while the others are needed. Here it is `split`."""
    check(input.ndim > 0, lambda: "split expects at least a 1-dimensional tensor")
    return split(input, split_size, dim)


def unsafe_chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """As `chunk`, for pieces that will not be written while the others are needed. Here it is `chunk`."""
    return chunk(input, chunks, dim)
