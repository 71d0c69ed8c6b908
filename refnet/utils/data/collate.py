"""From a list of samples to a batch: `default_collate`; and of one sample to tensors: `default_convert`."""

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy

from refnet._check import check
from refnet._dtype import float64
from refnet._ops.shape import stack
from refnet._tape import TensorBase
from refnet.creation import as_tensor, tensor

CollateMap = dict[Any, Callable[..., Any]]
_NO_NUMBERS = "SUO"  # numpy's kinds: bytes, str, object


def default_convert(data: Any) -> Any:
    """`data` with every numpy array and number in it as a tensor; containers keep their type, tuples become lists.

    The DataLoader's `collate_fn` where batching is off. Arrays of strings or objects, and whatever is neither
    array nor container, stay as they are.

    >>> default_convert({"x": numpy.array([0, 1]), "name": "a"})
    {'x': tensor([0, 1]), 'name': 'a'}
    """
    if isinstance(data, TensorBase):
        return data
    if isinstance(data, numpy.ndarray):
        return data if data.dtype.kind in _NO_NUMBERS else as_tensor(data)
    if isinstance(data, numpy.generic):
        return data if data.dtype.kind in _NO_NUMBERS else as_tensor(data)
    if isinstance(data, Mapping):
        return _same_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*[default_convert(item) for item in data])
    if isinstance(data, tuple):
        return [default_convert(item) for item in data]
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _same_sequence(data, [default_convert(item) for item in data])
    return data


def default_collate(batch: Any) -> Any:
    """One batch of a list of samples.

    - tensors and numpy arrays are stacked along a new first dimension; numbers become a tensor (float64 for floats);
    - strings and bytes stay a list;
    - mappings, named tuples and sequences are batched per key, field or position; tuples become lists.

    Raises TypeError for other types, RuntimeError for sequences or arrays of differing sizes.

    >>> default_collate([(1, 0.5), (2, 1.5)])
    [tensor([1, 2]), tensor([0.5000, 1.5000], dtype=refnet.float64)]
    >>> default_collate(["a", "b"])
    ['a', 'b']
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def collate(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """`default_collate` with a function per element type: {type: f(batch, *, collate_fn_map)}.

    The first sample's type decides: an exact entry, then the first one it is an instance of, then the containers.
    """
    first = batch[0]
    kind = type(first)
    functions = collate_fn_map or {}
    if kind in functions:
        return functions[kind](batch, collate_fn_map=collate_fn_map)
    for known, function in functions.items():
        if isinstance(first, known):
            return function(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, Mapping):
        columns = {key: collate([s[key] for s in batch], collate_fn_map=collate_fn_map) for key in first}
        return _same_mapping(first, columns)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*[collate(s, collate_fn_map=collate_fn_map) for s in zip(*batch, strict=False)])
    if isinstance(first, Sequence):
        check(
            all(len(sample) == len(first) for sample in batch),
            lambda: (
                "each element in list of batch should be of equal size, "
                f"got sizes {sorted({len(sample) for sample in batch})}"
            ),
        )
        fields = [collate(s, collate_fn_map=collate_fn_map) for s in zip(*batch, strict=True)]
        return fields if isinstance(first, tuple) else _same_sequence(first, fields)
    raise _no_batch_of(kind)


def _no_batch_of(kind: Any) -> TypeError:
    return TypeError(
        f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {kind}"
    )


def _same_mapping(like: Mapping[Any, Any], items: dict[Any, Any]) -> Any:
    """`items` in a mapping of the type of `like`, which may carry more than its items; a dict where that fails."""
    try:
        if isinstance(like, MutableMapping):
            clone = copy.copy(like)
            clone.update(items)
            return clone
        return type(like)(items)  # type: ignore[call-arg]  # most mappings take one; the others end up below
    except TypeError:
        return items


def _same_sequence(like: Sequence[Any], items: list[Any]) -> Any:
    """`items` in a sequence of the type of `like`; a list where that fails (a range, for instance)."""
    try:
        if isinstance(like, MutableSequence):
            clone = copy.copy(like)
            for i, item in enumerate(items):
                clone[i] = item
            return clone
        return type(like)(items)  # type: ignore[call-arg]
    except TypeError:
        return items


def _collate_tensors(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    return stack(batch, 0)


def _collate_arrays(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    if batch[0].dtype.kind in _NO_NUMBERS:
        raise _no_batch_of(batch[0].dtype)
    return collate([as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def _collate_numpy_numbers(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    return as_tensor(numpy.array(batch, dtype=batch[0].dtype))


def _collate_floats(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    return tensor(batch, dtype=float64)


def _collate_ints(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    return tensor(batch)


def _collate_text(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    return batch


default_collate_fn_map: CollateMap = {
    TensorBase: _collate_tensors,
    numpy.ndarray: _collate_arrays,
    (numpy.bool_, numpy.number): _collate_numpy_numbers,
    float: _collate_floats,
    int: _collate_ints,
    str: _collate_text,
    bytes: _collate_text,
}
