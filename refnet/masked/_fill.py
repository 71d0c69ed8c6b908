"""Masks, and what stands in for the elements that they leave out.

A mask is a tensor that broadcasts to the input and is True for the elements that count. The others are replaced by the
number that does not change the result, the identity of the operation: 0 of a sum, 1 of a product, -inf of a maximum.
"""

import math
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops._args import expect_tensor
from refnet._ops.pointwise import where
from refnet._ops.views import expand


def full_mask(input: Any, mask: Any) -> Any:
    """The mask as bools, in the shape of input."""
    check(
        mask.ndim <= input.ndim,
        lambda: (
            "_input_mask expected broadcastable mask (got mask dimensionality higher than of the input): "
            f"{mask.ndim} dimensions for {input.ndim}"
        ),
        IndexError,
    )
    return expand(mask, tuple(input.shape)).to(_dtype.bool_)


def filled(input: Any, mask: Any, identity: float, name: str) -> Any:
    """Input with `identity` where the mask is False; everything where it is None."""
    expect_tensor(input, name)
    return input if mask is None else where(full_mask(input, mask), input, input.new_tensor(identity))


def lowest(input: Any) -> float:
    """The identity of a maximum: -inf, or the smallest integer of input's type."""
    return -math.inf if input.is_floating_point() else _dtype.iinfo(input.dtype).min


def highest(input: Any) -> float:
    """The identity of a minimum: inf, or the largest integer of input's type."""
    return math.inf if input.is_floating_point() else _dtype.iinfo(input.dtype).max


def dims_reduced(dim: Any, ndim: int) -> tuple[int, ...]:
    """The dimensions from 0 on and in order, which `dim` names: all for None and ()."""
    if dim is None or dim == ():
        return tuple(range(ndim))
    count = max(ndim, 1)
    found: list[int] = []
    for d in dim if isinstance(dim, list | tuple) else (dim,):
        check(d not in found, lambda d=d: f"dim={d} appears multiple times in the list of dims")  # type: ignore[misc]
        check(
            -count <= d < count,
            lambda d=d: (  # type: ignore[misc]
                f"Dimension out of range (expected to be in range of [{-count}, {count - 1}], but got {d})"
            ),
            IndexError,
        )
        found.append(d % count)
    return tuple(sorted(found))
