"""Trees of arguments between torch and the harness: tensors become slots, everything else is made free of torch."""

from typing import Any

import torch

from conformance.case import Sample, Slot
from conformance.draw import Array
from conformance.sources.module_programs import Packed
from conformance.sources.op_samples import CannotUse, plain, to_array


class Slots:
    """The arrays of a sample, collected in order of appearance. A tensor that comes twice keeps one slot."""

    def __init__(self) -> None:
        self.arrays: list[Array] = []
        self.differentiable: list[bool] = []
        self.names: list[str] = []
        self._known: dict[int, tuple[Slot, torch.Tensor]] = {}  # the tensor too: its number must not be given away

    def add(self, array: Array, name: str, differentiable: bool) -> Slot:
        """One more array."""
        self.arrays.append(array)
        self.differentiable.append(differentiable)
        self.names.append(name)
        return Slot(len(self.arrays) - 1)

    def tree(self, value: Any, name: str) -> Any:
        """The value with slots for its tensors. CannotUse where it holds what has no such form."""
        if isinstance(value, torch.Tensor):
            if value.layout is not torch.strided:
                raise CannotUse(f"an argument is a tensor of layout {value.layout}")
            if id(value) not in self._known:
                self._known[id(value)] = self.add(to_array(value), name, bool(value.requires_grad)), value
            return self._known[id(value)][0]
        if isinstance(value, torch.nn.utils.rnn.PackedSequence):
            return Packed(self.tree(part, f"{name}.{field}") for field, part in value._asdict().items())
        if isinstance(value, list | tuple):
            items = [self.tree(item, f"{name}[{i}]") for i, item in enumerate(value)]
            return items if isinstance(value, list) else tuple(items)  # a torch.Size is a tuple
        if isinstance(value, dict):
            return {key: self.tree(item, f"{name}[{key}]") for key, item in value.items()}
        return plain(value)

    def sample(self, **keywords: Any) -> Sample:
        """The sample of a program that takes these trees."""
        return Sample((), keywords, tuple(self.arrays), tuple(self.differentiable), tuple(self.names))
