"""Padding: constant, reflecting, replicating, circular."""

import math
from typing import Any

from refnet._check import check
from refnet._ops._args import expect_tensor
from refnet._ops.index import take
from refnet._ops.shape import pad_constant

Array = Any


def _reflect(xp: Any, n: int, before: int, after: int) -> Array:
    """Positions that run back from the border without repeating it."""
    return abs(n - 1 - abs(xp.arange(-before, n + after) - (n - 1)))


def _replicate(xp: Any, n: int, before: int, after: int) -> Array:
    """Positions that stay at the border."""
    return xp.clip(xp.arange(-before, n + after), 0, n - 1)


def _circular(xp: Any, n: int, before: int, after: int) -> Array:
    """Positions that come in again at the other side, of what cropping leaves."""
    first, left = max(-before, 0), n + min(before, 0) + min(after, 0)
    return first + xp.arange(-max(before, 0), left + max(after, 0)) % left


_POSITIONS = {"reflect": _reflect, "replicate": _replicate, "circular": _circular}


def _sides(input: Any, pads: tuple[int, ...]) -> list[tuple[int, int]]:
    """(before, after) for every dimension of input, the first one first."""
    check(len(pads) % 2 == 0, lambda: f"Padding length must be divisible by 2, got {len(pads)}")
    check(
        len(pads) // 2 <= input.ndim,
        lambda: (
            f"Padding length should be less than or equal to two times the input dimension. Got padding length "
            f"{len(pads)} for an input of {input.ndim} dimensions"
        ),
    )
    sides = [(0, 0)] * (input.ndim - len(pads) // 2)
    return sides + [(pads[i], pads[i + 1]) for i in range(len(pads) - 2, -1, -2)]


def constant_pad_nd(input: Any, pad: Any, value: Any = 0) -> Any:
    """input with a border of `value`; `pad` lists (before, after) from the last dimension to the first.

    >>> import refnet
    >>> refnet.constant_pad_nd(refnet.tensor([1, 2]), (1, 0), 7)
    tensor([7, 1, 2])
    """
    expect_tensor(input, "constant_pad_nd")
    pads = tuple(pad)
    sides = _sides(input, pads)
    check(
        all(n + a + b >= 0 for n, (a, b) in zip(input.shape, sides, strict=True)),
        lambda: f"The input size {list(input.shape)}, plus padding {list(pads)}, resulted in a negative output size",
    )
    return pad_constant(input, pads=tuple(sides), value=0 if value is None else value)


def pad(input: Any, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    """input with borders: `pad` lists (before, after) from the last dimension to the first, negative to crop.

    `mode`: "constant" puts `value` (0) there; "reflect" mirrors at the border elements, "replicate" repeats them,
    "circular" continues at the other side, each for the last one to three dimensions. The gradient of a border
    element goes to the element that it shows.

    >>> import refnet
    >>> refnet.nn.functional.pad(refnet.tensor([[1.0, 2.0, 3.0]]), (2, 1), mode="reflect")
    tensor([[3., 2., 1., 2., 3., 2.]])
    """
    expect_tensor(input, "pad")
    if mode == "constant":
        return constant_pad_nd(input, pad, value)
    pads = tuple(pad)
    sides = _sides(input, pads)
    check(mode in _POSITIONS, lambda: f"Unrecognised padding mode {mode}", NotImplementedError)
    check(value is None or value == 0, lambda: f'Padding mode "{mode}" doesn\'t take in value argument')
    _check_border(input, pads, sides, mode)
    xp = input.device.xp
    flat = xp.zeros((), "int64")
    for n, (before, after) in zip(input.shape, sides, strict=True):  # row-major positions, dimension by dimension
        flat = flat[..., None] * n + _POSITIONS[mode](xp, n, before, after)
    return take(input, index=flat)


def _check_border(input: Any, pads: tuple[int, ...], sides: list[tuple[int, int]], mode: str) -> None:
    dims = len(pads) // 2
    check(
        dims in (1, 2, 3) and input.ndim in (dims + 1, dims + 2),
        lambda: (
            f"Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now: got padding {list(pads)} for "
            f"an input of {input.ndim} dimensions"
        ),
        NotImplementedError,
    )
    check(math.prod(input.shape[-dims:]) > 0, lambda: f"{mode} padding of an empty input of shape {list(input.shape)}")
    for d in range(input.ndim - dims, input.ndim):
        n, most = input.shape[d], max(sides[d])
        check(
            mode != "reflect" or most < n,
            lambda d=d: (
                f"Argument #{2 * (input.ndim - d) + 2}: Padding size should be less than the corresponding input "  # type: ignore[misc]
                f"dimension, but got: padding {sides[d]} at dimension {d} of input {list(input.shape)}"
            ),
        )
        check(
            mode != "circular" or most <= n,
            lambda d=d, n=n: (
                f"Padding value causes wrapping around more than once: {sides[d]} at dimension {d} of size {n}"
            ),  # type: ignore[misc]
        )
        check(
            n + sum(sides[d]) > 0,
            lambda d=d: f"{mode} padding {sides[d]} leaves nothing of dimension {d} of input {list(input.shape)}",  # type: ignore[misc]
        )
