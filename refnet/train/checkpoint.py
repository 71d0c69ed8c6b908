"""Checkpoints: everything that training goes on from, in one safetensors file that replaces the one before in one step.

The file is written by `refnet.save`: tensors as they are, all around them as JSON, a checksum over each part, no
pickle. A damaged file is refused.
"""

import hashlib
import os
import random
from collections import OrderedDict
from typing import Any

import numpy

import refnet
from refnet._check import check

KIND = "refnet.train checkpoint"
VERSION = 1


class CheckpointError(ValueError):
    """A checkpoint that is damaged, that is none, or that is of another run."""


def write(path: str | os.PathLike[str], content: dict[str, Any]) -> None:
    """Save what `read` gives back; the file under this name, if any, stays whole until the new one is on the disk."""
    refnet.save({"kind": KIND, "version": VERSION, "content": content}, path)


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What `write` saved.

    Raises FileNotFoundError, and CheckpointError that names the file, what was got and what was expected for one that
    is damaged or no checkpoint.
    """
    name = os.fspath(path)
    try:
        loaded = refnet.load(path)
    except RuntimeError as reason:
        raise CheckpointError(f"{name} is damaged, or no checkpoint: {reason}") from reason
    kind = loaded.get("kind") if isinstance(loaded, dict) else None
    check(
        kind == KIND and set(loaded) == {"kind", "version", "content"},
        lambda: f"{name} is no checkpoint of training: expected the kind {KIND!r}, got {kind!r}",
        CheckpointError,
    )
    check(
        loaded["version"] == VERSION,
        lambda: f"{name} is a checkpoint of version {loaded['version']!r}, expected {VERSION}",
        CheckpointError,
    )
    content: dict[str, Any] = loaded["content"]
    return content


def digest(value: Any) -> str:
    """The SHA-256 of nested data: of types, structure, dtypes, shapes and every bit of the elements.

    >>> digest({"a": 1}) == digest({"a": 1}), digest({"a": 1}) == digest({"a": 1.0})
    (True, False)
    """
    summary = hashlib.sha256()
    _feed(summary, value)
    return summary.hexdigest()


def _feed(summary: Any, value: Any) -> None:
    if isinstance(value, dict):
        summary.update(f"{type(value).__name__} {len(value)}\n".encode())
        for key, item in value.items():
            _feed(summary, key)
            _feed(summary, item)
    elif isinstance(value, list | tuple):
        summary.update(f"{type(value).__name__} {len(value)}\n".encode())
        for item in value:
            _feed(summary, item)
    elif isinstance(value, refnet.Tensor):
        array = numpy.ascontiguousarray(value.detach().cpu().numpy())
        summary.update(f"tensor {value.dtype} {list(value.shape)}\n".encode())
        summary.update(array.tobytes())
    elif isinstance(value, numpy.ndarray | numpy.generic):
        summary.update(f"array {value.dtype} {list(value.shape)}\n".encode())
        summary.update(value.tobytes())
    else:
        summary.update(f"{type(value).__name__} {value!r}\n".encode())


# --- between the library that trains and the file -------------------------------------------------------------------


def moved(value: Any, source: Any, target: Any) -> Any:
    """A copy of nested state, the tensors of the library `source` as tensors of the library `target`.

    Files have refnet's tensors. Dicts of special types become plain ones.
    """
    if isinstance(value, source.Tensor):
        if source is target:
            return value.detach().clone()
        # Some conversions make a number of an array without dimensions: numpy.array keeps it one.
        return target.from_numpy(numpy.array(value.detach().cpu().numpy(), order="C"))
    if isinstance(value, dict):
        kind: Any = OrderedDict if isinstance(value, OrderedDict) else dict
        copied = kind((key, moved(item, source, target)) for key, item in value.items())
        if hasattr(value, "_metadata"):  # the module versions of a state_dict
            copied._metadata = value._metadata
        return copied
    if type(value) in (list, tuple):
        return type(value)(moved(item, source, target) for item in value)
    return value


def to_saved(value: Any, library: Any) -> Any:
    """State as `write` takes it."""
    return moved(value, library, refnet)


def from_saved(value: Any, library: Any) -> Any:
    """What `to_saved` gave, with the library's own tensors again."""
    return moved(value, refnet, library)


# --- generators -----------------------------------------------------------------------------------------------------


def generator_states(library: Any, others: list[Any]) -> dict[str, Any]:
    """The states of the library's default generators, of `others`, of numpy's global one and of Python's."""
    cuda = getattr(library, "cuda", None)
    of_gpus = [] if cuda is None or not cuda.is_initialized() else cuda.get_rng_state_all()
    python_version, python_words, python_normal = random.getstate()
    kind, words, position, has_normal, normal = numpy.random.get_state(legacy=True)
    return {
        "default": to_saved(library.get_rng_state(), library),
        "gpus": to_saved(of_gpus, library),
        "others": [to_saved(generator.get_state(), library) for generator in others],
        "numpy": (str(kind), numpy.asarray(words, "<u4").tobytes(), int(position), int(has_normal), float(normal)),
        "python": (python_version, numpy.array(python_words, "<u4").tobytes(), python_normal),
    }


def restore_generators(states: dict[str, Any], library: Any, others: list[Any]) -> None:
    """Put the generators into the states that `generator_states` gave; CheckpointError for another number of them."""
    check(
        len(states["others"]) == len(others),
        lambda: f"the data draws from {len(others)} generators of its own, the checkpoint has {len(states['others'])}",
        CheckpointError,
    )
    library.set_rng_state(from_saved(states["default"], library))
    if of_gpus := from_saved(states.get("gpus", []), library):
        library.cuda.set_rng_state_all(of_gpus)
    for generator, state in zip(others, states["others"], strict=True):
        generator.set_state(from_saved(state, library))
    kind, words, *rest = states["numpy"]
    numpy.random.set_state((kind, numpy.frombuffer(words, "<u4"), *rest))
    version, python_words, normal = states["python"]
    random.setstate((version, tuple(numpy.frombuffer(python_words, "<u4").tolist()), normal))


# --- does it fit? ---------------------------------------------------------------------------------------------------


def check_fits(path: str, saved: Any, current: Any, what: str) -> None:
    """CheckpointError that names the first differences unless two state dictionaries have the same names, shapes, dtypes.

    - saved, current: what the file has, and what is here. what: what it is called, as "model".
    """
    there, here = _described(saved), _described(current)
    differences = [
        f"{name}: {there.get(name, 'missing')} in the checkpoint, {here.get(name, 'missing')} here"
        for name in dict.fromkeys([*there, *here])
        if there.get(name) != here.get(name)
    ]
    check(
        not differences,
        lambda: f"{path} does not fit this {what}: " + "; ".join(differences[:3]) + _more(len(differences) - 3),
        CheckpointError,
    )


def _described(state: Any) -> dict[str, str]:
    return {
        name: f"{str(value.dtype).rpartition('.')[2]}{list(value.shape)}" if hasattr(value, "shape") else repr(value)
        for name, value in state.items()
    }


def _more(count: int) -> str:
    return f"; and {count} more" if count > 0 else ""
