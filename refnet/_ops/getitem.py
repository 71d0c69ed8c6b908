"""x[key]: a view for what slices and ints choose, then fancy indexing with the arrays that remain.

torch applies ints, slices and None first and counts only tensors, arrays, lists and bools as advanced. (numpy counts
an int beside an array as advanced too, which moves dimensions.)
"""

from typing import Any

import numpy

from refnet._check import check
from refnet._ops.index import fancy_index, fancy_key, put_at
from refnet._ops.shape import basic_index
from refnet._tape import TensorBase

_ALL = slice(None)


def getitem(x: Any, key: Any) -> Any:
    """x[key]: a view for ints, slices, None and Ellipsis; a copy where tensors, arrays, lists or bools take part.

    IndexError for positions out of range and for too many; ValueError for a slice step below 1.

    >>> import refnet
    >>> x = refnet.arange(6).reshape(2, 3)
    >>> x[1, ::2], x[x > 3], x[:, [0, 0]]
    (tensor([3, 5]), tensor([4, 5]), tensor([[0, 0],
            [3, 3]]))
    """
    basic, rest = split_key(x, key)
    if rest is None:
        return basic_index(x, key=basic)
    return fancy_index(x if basic is None else basic_index(x, key=basic), key=rest)


def split_key(x: Any, key: Any) -> tuple[Any, Any]:
    """A key as (basic, rest): x[key] is basic_index(x, basic), then fancy_index by rest.

    rest is None where nothing is advanced; basic is None where x itself is meant and rest is not None.
    """
    given = key if isinstance(key, tuple) or _is_tuple_in_disguise(key) else (key,)
    parts = [_plain(part) for part in given]
    used = sum(_dims_used(part) for part in parts)
    check(
        x.ndim > 0 or not (parts and isinstance(parts[0], int) and not isinstance(parts[0], bool)),
        lambda: (
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a "
            "0-dim tensor to a number"
        ),
        IndexError,
    )
    check(used <= x.ndim, lambda: f"too many indices for tensor of dimension {x.ndim}", IndexError)
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    basic: list[Any] = []
    rest: list[Any] = []
    d, unspecified = 0, x.ndim - used
    for part in parts:
        if part is Ellipsis:
            basic += [_ALL] * unspecified
            rest += [_ALL] * unspecified
            d, unspecified = d + unspecified, 0
        elif part is None:
            basic.append(None)
            rest.append(_ALL)
        elif isinstance(part, bool):  # a dimension of size 1, taken or not
            basic.append(None)
            rest.append(x.device.xp.zeros(int(part), "int64"))
        elif isinstance(part, int):
            n = x.shape[d]
            check(
                -n <= part < n,
                lambda part=part, d=d, n=n: f"index {part} is out of bounds for dimension {d} with size {n}",  # type: ignore[misc]
                IndexError,
            )
            basic.append(part)
            d += 1
        elif isinstance(part, slice):
            basic.append(part)
            rest.append(_ALL)
            d += 1
        else:
            _check_mask_shape(x, part, d)
            dims = _dims_used(part)
            basic += [_ALL] * dims
            rest.append(part)
            d += dims
    if all(part is _ALL for part in rest):
        return tuple(basic), None
    viewed = x if all(part is _ALL for part in basic) else basic_index(x.detach(), key=tuple(basic))
    return (None if viewed is x else tuple(basic)), fancy_key(viewed, rest)


def _check_mask_shape(x: Any, mask: Any, d: int) -> None:
    if mask.dtype.name not in ("bool", "uint8"):
        return
    for e, n in enumerate(mask.shape):
        check(
            n == x.shape[d + e],
            lambda e=e: (
                f"The shape of the mask {list(mask.shape)} at index {e} does not match the shape of the indexed tensor "  # type: ignore[misc]
                f"{list(x.shape)} at index {d + e}"
            ),
            IndexError,
        )


def _is_tuple_in_disguise(key: Any) -> bool:
    """A short list with a tensor, list, slice, Ellipsis or None in it means a tuple."""
    return (
        isinstance(key, list)
        and len(key) < 32
        and any(part is None or part is Ellipsis or isinstance(part, slice | list | tuple | TensorBase) for part in key)
    )


def _plain(part: Any) -> Any:
    """One part of a key as None, Ellipsis, bool, int, slice, or an index array."""
    if part is None or part is Ellipsis or isinstance(part, bool | int):
        return part
    if isinstance(part, slice):
        return _checked_slice(part)
    if isinstance(part, TensorBase):
        part = part._array
        if part.ndim:
            return part
    elif isinstance(part, list | tuple | range):
        part = numpy.asarray(_unwrapped(part))
        return part if part.size else part.astype("int64")
    if isinstance(part, numpy.generic | numpy.ndarray) or hasattr(part, "__cuda_array_interface__"):
        if part.ndim:
            return part
        if part.dtype.name in ("bool", "uint8"):
            return bool(part)
        check(
            part.dtype.kind in "iu",
            lambda: "tensors used as indices must be long, int, byte or bool tensors",
            IndexError,
        )
        return int(part)
    check(
        not isinstance(part, str),
        lambda: f"an index must be an int, a slice, a tensor or a sequence of ints, not {type(part).__name__}",
        TypeError,
    )
    check(
        hasattr(part, "__index__"),
        lambda: (
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
            f"{type(part).__name__})"
        ),
        IndexError,
    )
    return part.__index__()


def _unwrapped(values: Any) -> Any:
    """Nested sequences with tensors in them as nested lists of numbers."""
    if isinstance(values, TensorBase):
        return values.tolist()  # type: ignore[attr-defined]
    return [_unwrapped(v) for v in values] if isinstance(values, list | tuple | range) else values


def _checked_slice(part: slice) -> slice:
    start, stop, step = part.start, part.stop, part.step
    for end in (start, stop, step):
        check(
            end is None or hasattr(end, "__index__"),
            lambda: "slice indices must be integers or None or have an __index__ method",
            TypeError,
        )
    if step is not None:
        step = step.__index__()
        check(step != 0, lambda: "slice step cannot be zero", ValueError)
        check(step > 0, lambda: "step must be greater than zero", ValueError)
    elif start is None and stop is None:
        return _ALL
    return slice(None if start is None else start.__index__(), None if stop is None else stop.__index__(), step)


def _dims_used(part: Any) -> int:
    """How many dimensions of x a part of the key speaks about."""
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    if isinstance(part, int | slice):
        return 1
    return part.ndim if part.dtype.name in ("bool", "uint8") else 1


def set_fancy(x: Any, value: Any, key: Any) -> Any:
    """x with x[key] = value, for the advanced part of a key; leading sizes of 1 of the value do not count."""
    return put_at(x, drop_leading_ones(value, x.ndim), key, False)


def drop_leading_ones(value: Any, ndim: int) -> Any:
    """A value to be assigned, without the leading sizes of 1 that go beyond `ndim`; TypeError if it is no value."""
    if not isinstance(value, TensorBase):
        check(
            isinstance(value, int | float | numpy.generic),
            lambda: f"can't assign a {type(value).__name__} to a refnet.Tensor; assign a number or a tensor",
            TypeError,
        )
        return value
    shape = tuple(value.shape)
    while len(shape) > ndim and shape[0] == 1:
        shape = shape[1:]
    return value if shape == value.shape else value.reshape(shape)  # type: ignore[attr-defined]
