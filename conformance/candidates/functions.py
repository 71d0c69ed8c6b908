"""A module of plain functions over numpy arrays: `conv2d(x, weight, bias=None, stride=1, ...)`, by torch's short names.

Where torch has a name twice for different things, the short one is the better known of them, and the other goes by its
full name with underscores: `norm` is torch.norm, `linalg_norm` torch.linalg.norm, `masked_var` torch.masked.var.

A function `conv2d_backward(cotangent, x, weight, ...)`, where there is one, returns the gradients of the array
arguments, in order, None where there is none. With several outputs `cotangent` is a tuple.
"""

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy

from conformance.candidates.protocol import Raised, Result, Value
from conformance.case import GRADIENT, OUTPUT, SECOND, Operation, Sample, substitute
from conformance.draw import Array

# Their short names mean something else: torch.cross, torch.norm, torch.qr, torch.nn.functional.unfold.
_NAMESAKES = frozenset({"linalg.cross", "linalg.norm", "linalg.qr", "Tensor.unfold"})


def short_name(operation: Operation) -> str:
    """What a function goes by that does the operation: the last part of torch's name, where that says enough."""
    alone = operation.name not in _NAMESAKES and not operation.name.startswith("masked.")
    return operation.short if alone else operation.name.replace(".", "_")


class Functions:
    """The functions of a module."""

    limits: tuple[str, ...] = (
        "the memory format of results is not compared: plain functions promise none",
        "gradients are compared where there is a <name>_backward; second order is not",
    )

    def __init__(self, module: Any, name: str) -> None:
        self.module = module
        self.name = name

    def supports(self, operation: Operation, sample: Sample) -> str:
        if operation.program is not None:
            return f"{self.name} is a module of functions and cannot run a program"
        name = short_name(operation)
        return "" if hasattr(self.module, name) else f"{self.name} has no {name}"

    def run(
        self,
        operation: Operation,
        sample: Sample,
        order: int = 0,
        cotangents: Sequence[Array | None] = (),
        directions: Sequence[Array] = (),
    ) -> Result:
        result = Result()
        stage = OUTPUT
        name = short_name(operation)
        try:
            args = substitute(sample.args, sample.arrays, numpy.dtype)
            kwargs = substitute(sample.kwargs, sample.arrays, numpy.dtype)
            output = getattr(self.module, name)(*args, **kwargs)
            parts = list(output) if isinstance(output, list | tuple) else [output]
            names = [f"out[{i}]" for i in range(len(parts))] if isinstance(output, list | tuple) else ["out"]
            result.after = sample.arrays
            result.outputs = [
                Value(label, _array(part, f"{name} returned")) for label, part in zip(names, parts, strict=True)
            ]
            if any(array is not None for array in cotangents):
                stage = GRADIENT
                result.gradients = self._gradients(operation, sample, args, kwargs, cotangents)
                if order > 1:
                    stage = SECOND
                    raise NotImplementedError(f"{self.name} is a module of functions: it has no second order")
        except Exception as error:
            unsupported = str(error) if isinstance(error, NotImplementedError) else ""
            result.raised[stage] = Raised.of(error, unsupported)
        return result

    def _gradients(
        self, operation: Operation, sample: Sample, args: Any, kwargs: Any, cotangents: Sequence[Array | None]
    ) -> dict[str, Array | None]:
        name = f"{short_name(operation)}_backward"
        backward = getattr(self.module, name, None)
        if backward is None:
            raise NotImplementedError(f"{self.name} has no {name}")
        found = backward(cotangents[0] if len(cotangents) == 1 else tuple(cotangents), *args, **kwargs)
        gradients = list(found) if isinstance(found, list | tuple) else [found]
        if len(gradients) not in (len(sample.arrays), sum(sample.differentiable)):
            raise ValueError(f"{name} returned {len(gradients)} gradients for {len(sample.arrays)} array arguments")
        if len(gradients) == len(sample.arrays):
            gradients = [g for g, wanted in zip(gradients, sample.differentiable, strict=True) if wanted]
        wanted = [name for name, flag in zip(sample.names, sample.differentiable, strict=True) if flag]
        return {
            label: None if g is None else _array(g, f"{name} returned")
            for label, g in zip(wanted, gradients, strict=True)
        }


def _array(value: Any, said: str) -> Array:
    """What a function returned, as an array. TypeError when it is none: neither an array nor a number."""
    array = numpy.asarray(value)
    if array.dtype.kind in "biufc" or array.dtype == ml_dtypes.bfloat16:
        return array
    what = f"an array of {array.dtype}" if isinstance(value, numpy.ndarray) else f"a {type(value).__name__}"
    raise TypeError(f"{said} {what}, but should return arrays of numbers")
