"""Elementwise operations by one kernel each, for operands that lie alike, row by row in memory."""

from typing import Any

from refnet._kernels.launch import each, find, packed, takes

Array = Any


def elementwise(xp: Any, name: str, *operands: Array, numbers: tuple[float, ...] = ()) -> Array:
    """The kernel `name` of arrays of one shape and type, and of up to three numbers; else NotImplemented."""
    first = operands[0]
    for operand in operands:
        if getattr(operand, "shape", None) != first.shape:  # numbers have none
            return NotImplemented
    if not takes(*operands):
        return NotImplemented
    out = xp.empty_like(first)
    p, q, r = (*map(float, numbers), 0.0, 0.0, 0.0)[:3]
    each(find(xp, "elementwise", name, first.dtype.char), first.size, *operands, out, first.size, p, q, r)
    return out


def gradients(xp: Any, *calls: tuple[Any, ...] | None) -> Any:
    """What `Primitive.directly_on_gpu` takes: for each call (name, g, operands..., numbers) its result, None for None.

    NotImplemented where one of them is that. The gradient g may lie in any way: those of sums are expanded numbers.
    """
    found: list[Array | None] = []
    for call in calls:
        result = None
        if call is not None:
            name, g, *operands, numbers = call
            result = elementwise(xp, name, packed(xp, g), *operands, numbers=numbers)
        if result is NotImplemented:
            return NotImplemented
        found.append(result)
    return found


def gradient(xp: Any, name: str, *operands: Array, numbers: tuple[float, ...] = ()) -> Any:
    """`gradients` of an operation with one input."""
    return gradients(xp, (name, *operands, numbers))
