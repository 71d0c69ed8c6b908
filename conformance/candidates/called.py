"""A torch callable as a candidate: a function of torch tensors that stands for one operation of torch's.

A Triton kernel behind a function, a quantised module, `torch.compile(f)`: torch tensors in, torch tensors out, gradients
by torch's autograd. Programs and all other operations are not asked of it.
"""

from collections.abc import Callable
from typing import Any

from conformance.candidates.functions import short_name
from conformance.candidates.torch import Torch
from conformance.case import Operation, Sample


class Called(Torch):
    """torch, with one operation done by `function`; it answers for that operation alone."""

    def __init__(self, function: Callable[..., Any], operation: str, name: str, device: str = "cpu") -> None:
        super().__init__(name, device)
        self.function = function
        self.operation = operation.removeprefix("torch.")

    def supports(self, operation: Operation, sample: Sample) -> str:
        if operation.program is None and self.operation in (operation.name, short_name(operation)):
            return super().supports(operation, sample)
        return f"{self.name} is {self.operation} alone"

    def resolve(self, name: str) -> Any:
        return self.function if self.operation in (name, name.rpartition(".")[2]) else super().resolve(name)
