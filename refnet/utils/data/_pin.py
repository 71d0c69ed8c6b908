"""`pin_memory`: the tensors of a batch in pinned memory, from which they go to a GPU while the host goes on."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from refnet import _gpu
from refnet._tape import TensorBase

NO_GPU = "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used."


def is_possible() -> bool:
    """Whether there is a GPU to pin memory for."""
    return _gpu.count() > 0


def pinned(data: Any) -> Any:
    """`data` with every tensor in it in pinned memory; tuples become lists, as in torch.

    What has a method `pin_memory` of its own (a batch of a user's class) is asked for it.
    """
    if isinstance(data, TensorBase):
        return data.pin_memory()  # type: ignore[attr-defined]
    if hasattr(data, "pin_memory"):
        return data.pin_memory()
    if isinstance(data, str | bytes):
        return data
    if isinstance(data, Mapping):
        items = {key: pinned(value) for key, value in data.items()}
        return type(data)(items) if type(data) is not dict else items  # type: ignore[call-arg]
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(pinned, data))
    if isinstance(data, tuple):
        return [pinned(item) for item in data]
    if isinstance(data, Sequence):
        items_of = [pinned(item) for item in data]
        return type(data)(items_of) if type(data) is not list else items_of  # type: ignore[call-arg]
    return data


class Pinning:
    """A `collate_fn` whose batches are pinned, by the worker that makes them."""

    def __init__(self, collate_fn: Callable[[Any], Any]) -> None:
        self.collate_fn = collate_fn

    def __call__(self, samples: Any) -> Any:
        return pinned(self.collate_fn(samples))
