"""Dimensions and sizes as users give them: counted from either end, one or many, with a -1 to be inferred."""

import math
from typing import Any

from refnet._check import check

Shape = tuple[int, ...]


def dim_of(dim: Any, ndim: int) -> int:
    """A dimension counted from either end, as an index from the front; torch's IndexError when out of range."""
    check(
        hasattr(dim, "__index__") and not isinstance(dim, bool),
        lambda: f"argument 'dim' must be int, not {type(dim).__name__}",
        TypeError,
    )
    dim = dim.__index__()
    size = max(ndim, 1)  # a 0-d tensor takes dim 0 and -1
    check(
        -size <= dim < size,
        lambda: f"Dimension out of range (expected to be in range of [{-size}, {size - 1}], but got {dim})",
        IndexError,
    )
    return int(dim % size)


def dims_of(dim: Any, ndim: int) -> tuple[int, ...]:
    """One dimension, several, or None for all of them, from the front; an error for one named twice."""
    if dim is None or (isinstance(dim, list | tuple) and len(dim) == 0):
        return tuple(range(ndim))
    if not isinstance(dim, list | tuple):
        return (dim_of(dim, ndim),) if ndim else _no_dims(dim)
    dims = tuple(dim_of(d, ndim) for d in dim)
    for d in dims:
        check(dims.count(d) == 1, lambda d=d: f"dim {d} appears multiple times in the list of dims")  # type: ignore[misc]
    return dims if ndim else ()


def _no_dims(dim: Any) -> tuple[int, ...]:
    dim_of(dim, 0)
    return ()


def sizes_of(sizes: tuple[Any, ...], name: str) -> Shape:
    """A shape given as separate ints or as one sequence."""
    if len(sizes) == 1 and isinstance(sizes[0], list | tuple):
        sizes = tuple(sizes[0])
    for n in sizes:
        check(
            hasattr(n, "__index__"),
            lambda n=n: (
                f"{name}(): argument 'size' must be tuple of ints, but found element of type {type(n).__name__}"
            ),  # type: ignore[misc]
            TypeError,
        )
    return tuple(int(n.__index__()) for n in sizes)


def infer_shape(shape: Shape, numel: int) -> Shape:
    """`shape` with its -1, if any, replaced so that the product is `numel`; torch's errors otherwise."""
    holes = shape.count(-1)
    check(holes <= 1, lambda: "only one dimension can be inferred")
    for n in shape:
        check(n >= -1, lambda n=n: f"invalid shape dimension {n} at index {shape.index(n)} of shape {list(shape)}")  # type: ignore[misc]
    known = math.prod(n for n in shape if n != -1)
    if holes:
        check(
            known != 0 or numel != 0,
            lambda: (
                f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension "
                "size -1 can be any value and is ambiguous"
            ),
        )
        fits = known != 0 and numel % known == 0
    else:
        fits = known == numel
    check(fits, lambda: f"shape '{list(shape)}' is invalid for input of size {numel}")
    return tuple(numel // known if n == -1 else n for n in shape)
