"""The inputs of an exported model: the tensors among the arguments, their names, and which dimensions are dynamic."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy

from refnet._check import check
from refnet._device import to_numpy
from refnet._tape import TensorBase
from refnet.creation import from_numpy
from refnet.nn.modules.module import Module
from refnet.onnx._errors import OnnxExporterError


def leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The tensors in a nest of tuples, lists and dicts, with names that tell where."""
    if isinstance(value, TensorBase):
        yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{name}_{key}")
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from leaves(item, f"{name}_{position}")


def replaced(value: Any, tensors: Iterator[Any]) -> Any:
    """A nest with its tensors replaced in order."""
    if isinstance(value, TensorBase):
        return next(tensors)
    if isinstance(value, Mapping):
        return {key: replaced(item, tensors) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)([replaced(item, tensors) for item in value])
    if any(True for _ in leaves(value, "")):
        raise OnnxExporterError(f"an argument of type {type(value).__name__} cannot be an input of an ONNX model")
    return value


def named_inputs(
    model: Module, args: tuple[Any, ...], kwargs: dict[str, Any], names: Sequence[str] | None
) -> list[tuple[str, Any]]:
    bound = inspect.signature(model.forward).bind(*args, **kwargs).arguments
    found = [leaf for name, value in bound.items() for leaf in leaves(value, name)]
    if names is None:
        return found
    check(
        len(names) <= len(found) and len(set(names)) == len(names),
        lambda: (
            f"export: {len(names)} input_names for {len(found)} inputs; they must be as many, all different: {names}"
        ),
        ValueError,
    )
    return [(names[i] if i < len(names) else name, tensor) for i, (name, tensor) in enumerate(found)]


def dynamic_axes(inputs: list[tuple[str, Any]], axes: Any, shapes: Any) -> dict[str, dict[int, str]]:
    """The dynamic dimensions of each input, by its name: {axis: name}."""
    known = dict(inputs)
    given: dict[str, Any] = {}
    if shapes is not None:
        listed = shapes.values() if isinstance(shapes, Mapping) else shapes
        given.update({name: shape for (name, _), shape in zip(inputs, listed, strict=False) if shape})
    given.update({name: entry for name, entry in (axes or {}).items() if name in known})  # those of results follow
    found: dict[str, dict[int, str]] = {}
    for name, entry in given.items():
        pairs: list[tuple[int, Any]] = []
        if isinstance(entry, Mapping):
            pairs = list(entry.items())
        elif isinstance(entry, tuple):
            pairs = list(enumerate(entry))
        else:
            pairs = [(axis, f"{name}_dynamic_axes_{axis}") for axis in entry]
        rank = known[name].ndim
        for axis, dimension in pairs:
            check(
                -rank <= axis < rank,
                lambda axis=axis, name=name, rank=rank: (
                    f"export: input {name!r} of {rank} dimensions has no axis {axis}"
                ),  # type: ignore[misc]
                ValueError,
            )
            if dimension is not None:
                label = dimension if isinstance(dimension, str) else getattr(dimension, "__name__", str(dimension))
                found.setdefault(name, {})[axis % rank] = label
    return found


def other_values(tensor: Any, sizes: dict[int, int]) -> Any:
    """A tensor of other values in the same domain, and of these sizes.

    The elements in reverse order, floating ones also moved a little. Where all are equal, every second one is changed:
    to the other boolean, or to the integer below.
    """
    array = numpy.flip(to_numpy(tensor._array))
    for axis, size in sizes.items():
        array = numpy.take(array, numpy.arange(size) % array.shape[axis], axis)
    places = numpy.arange(array.size).reshape(array.shape)
    if tensor.is_floating_point():
        array = (0.75 * array.astype(numpy.float64) + (places % 7 + 1) / 70).astype(array.dtype)
    elif array.size and (array == array.flat[0]).all():
        other = ~array if array.dtype.kind == "b" else numpy.maximum(array, 1) - 1
        array = numpy.where(places % 2 == 0, other, array).astype(array.dtype)
    return from_numpy(numpy.ascontiguousarray(array).reshape(array.shape)).to(tensor.device)
