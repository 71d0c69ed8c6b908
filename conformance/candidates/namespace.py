"""A candidate that mirrors torch's namespace: torch itself, refnet, anything with the same names."""

import functools
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from conformance.candidates.protocol import Raised, Result, Value
from conformance.case import GRADIENT, OUTPUT, SECOND, Operation, Sample, substitute
from conformance.draw import Array
from conformance.gpus import CPU, is_gpu
from conformance.layout import memory_of


class Namespace:
    """Runs operations and programs on `torch_like`, any object with torch's attributes."""

    limits: tuple[str, ...] = ()

    def __init__(self, torch_like: Any, name: str, device: str = CPU) -> None:
        self.torch = torch_like
        self.name = name
        self.device = device

    # What a namespace may do its own way.

    def from_array(self, array: Array) -> Any:
        """A tensor over the array's memory, in the memory of the host."""
        return self.torch.from_numpy(array)

    def to_tensor(self, array: Array) -> Any:
        """A tensor over the array's memory (its strides kept), or over a copy of that memory on the device."""
        if self.device == CPU:
            return self.from_array(array)
        if array.flags.c_contiguous:
            return self.from_array(array).to(self.device)
        memory, strides, offset = memory_of(array)  # with its gaps: `to` would close them
        return self.from_array(memory).to(self.device).as_strided(array.shape, strides, offset)

    def to_array(self, tensor: Any) -> Array:
        """The tensor's numbers; strides kept."""
        tensor = tensor.detach()
        return (tensor if self.device == CPU else tensor.cpu()).numpy()

    @contextmanager
    def context(self) -> Iterator[None]:
        """Settings for the time of a run."""
        yield

    @contextmanager
    def reached(self) -> Iterator[None]:
        """What has to be in place while tensors of several runs are kept and looked at."""
        yield

    @contextmanager
    def placed(self) -> Iterator[None]:
        """On a device other than the CPU: what is made without saying where is made there too."""
        if self.device == CPU or not hasattr(self.torch, "set_default_device"):
            yield
            return
        before = self.torch.get_default_device()
        self.torch.set_default_device(self.device)
        try:
            yield
        finally:
            self.torch.set_default_device(before)

    @property
    def on_gpu(self) -> bool:
        """Whether tensors are on a GPU."""
        return is_gpu(self.device)

    @property
    def draws_on_device(self) -> bool:
        """Whether a generator of the GPU draws its random numbers."""
        return self.on_gpu

    def synchronize(self) -> None:
        """Wait for the device: what a kernel there has done wrong is raised here."""
        if self.on_gpu and hasattr(self.torch, "cuda"):
            self.torch.cuda.synchronize()

    def release(self) -> None:
        """Give the device's memory back that no tensor uses any more."""
        empty = getattr(getattr(self.torch, "cuda", None), "empty_cache", None)
        if self.on_gpu and empty is not None:
            empty()

    def seed(self) -> None:
        """Start the random stream afresh: every run of a case draws the same numbers."""
        if hasattr(self.torch, "manual_seed"):
            self.torch.manual_seed(0)

    def stream(self) -> Array | None:
        """The state of the default generator; None where there is none."""
        return self.to_array(self.torch.get_rng_state()) if hasattr(self.torch, "get_rng_state") else None

    def device_stream(self) -> Array | None:
        """The state of the device's own generator; None on the CPU, and where there is none."""
        get = getattr(getattr(self.torch, "cuda", None), "get_rng_state", None)
        return self.to_array(get(self.device)).copy() if self.draws_on_device and get is not None else None

    def resolve(self, name: str) -> Any:
        """The attribute of the namespace with this qualified name."""
        return functools.reduce(getattr, name.split("."), self.torch)

    # The protocol.

    def supports(self, operation: Operation, sample: Sample) -> str:
        if operation.program is None:
            try:
                self.resolve(operation.name)
            except AttributeError:
                return f"{self.name} has no {operation.name}"
        for array in sample.arrays:
            if not hasattr(self.torch, str(array.dtype)):
                return f"{self.name} has no {array.dtype}"
        return ""

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
        try:
            with self.context(), self.placed():
                self.seed()
                seeded = self.device_stream()
                tensors = [self.to_tensor(array) for array in sample.arrays]
                inputs = {
                    name: tensor.requires_grad_()
                    for name, tensor, differentiable in zip(sample.names, tensors, sample.differentiable, strict=True)
                    if differentiable and order
                }
                outputs = self._flatten(self._call(operation, sample, tensors))
                result.outputs = [value for value, _ in outputs]
                result.after = tuple(self.to_array(tensor) for tensor in tensors)
                result.stream = None if order else self.stream()  # draws are compared without gradients
                left = self.device_stream()
                result.device_stream = None if order else left
                result.drew_on_device = seeded is not None and left is not None and bool((seeded != left).any())
                if any(array is not None for array in cotangents):
                    stage = GRADIENT
                    tensor_outputs = [tensor for value, tensor in outputs if value.array is not None]
                    seeds = [None if array is None else self.to_tensor(array) for array in cotangents]
                    pairs = [pair for pair in zip(tensor_outputs, seeds, strict=True) if pair[1] is not None]
                    gradients = self._gradients(pairs, inputs, create_graph=order > 1)
                    result.gradients = self._arrays(gradients)
                    if order > 1:
                        stage = SECOND
                        result.second = self._arrays(self._second(pairs, inputs, gradients, directions))
                    result.after = tuple(self.to_array(tensor) for tensor in tensors)
                self.synchronize()
        except Exception as error:
            result.raised[stage] = Raised.of(error, self._unsupported(error))
        return result

    def _call(self, operation: Operation, sample: Sample, tensors: list[Any]) -> Any:
        args = substitute(sample.args, tensors, self.resolve)
        kwargs = substitute(sample.kwargs, tensors, self.resolve)
        if operation.program is not None:
            return operation.program(self.torch, *args, **kwargs)
        return self.resolve(operation.name)(*args, **kwargs)

    def _gradients(self, pairs: list[tuple[Any, Any]], inputs: dict[str, Any], create_graph: bool) -> dict[str, Any]:
        if create_graph:
            pairs[:] = [(output, seed.requires_grad_()) for output, seed in pairs]
        found = self.torch.autograd.grad(
            [output for output, _ in pairs],
            list(inputs.values()),
            [seed for _, seed in pairs],
            create_graph=create_graph,
            allow_unused=True,
        )
        return dict(zip(inputs, found, strict=True))

    def _second(
        self,
        pairs: list[tuple[Any, Any]],
        inputs: dict[str, Any],
        gradients: dict[str, Any],
        directions: Sequence[Array],
    ) -> dict[str, Any]:
        """The gradient of <v, gradients>, with respect to the inputs and the cotangents."""
        seeds = {f"cotangent {i}": seed for i, (_, seed) in enumerate(pairs)}
        sources = inputs | seeds
        vectors = dict(zip(inputs, (self.to_tensor(v) for v in directions), strict=True))
        live = [name for name, gradient in gradients.items() if gradient is not None and gradient.requires_grad]
        if not live:
            return dict.fromkeys(sources)
        found = self.torch.autograd.grad(
            [gradients[name] for name in live],
            list(sources.values()),
            [vectors[name] for name in live],
            allow_unused=True,
        )
        return dict(zip(sources, found, strict=True))

    def _arrays(self, tensors: dict[str, Any]) -> dict[str, Array | None]:
        return {name: None if tensor is None else self.to_array(tensor) for name, tensor in tensors.items()}

    def _flatten(self, output: Any, name: str = "out") -> list[tuple[Value, Any]]:
        if isinstance(output, self.torch.Tensor):
            array = self.to_array(output)
            return [(Value(name, array, self.strides(output), bool(output.requires_grad)), output)]
        if isinstance(output, dict):
            return [pair for key, item in output.items() for pair in self._flatten(item, f"{name}.{key}")]
        if isinstance(output, list | tuple) and any(
            isinstance(item, list | tuple | dict | self.torch.Tensor) for item in output
        ):
            return [pair for i, item in enumerate(output) for pair in self._flatten(item, f"{name}[{i}]")]
        return [(Value(name, None, plain=_plain(output)), output)]

    def strides(self, tensor: Any) -> tuple[int, ...] | None:
        """In elements; None where this candidate's strides are not meant to be torch's."""
        return tuple(tensor.stride())

    def _unsupported(self, error: Exception) -> str:
        """An attribute that the namespace or its tensors lack, or an honest NotImplementedError."""
        if isinstance(error, NotImplementedError):
            return str(error) or "NotImplementedError"
        if isinstance(error, AttributeError):
            owner = error.obj
            if owner is self.torch or isinstance(owner, (types.ModuleType, self.torch.Tensor)):
                return f"{self.name}: {error}"
        return ""


def _plain(value: Any) -> Any:
    """A Python value that compares equal across libraries: sizes as tuples, dtypes and devices by their name."""
    if isinstance(value, tuple | list):
        return tuple(_plain(item) for item in value)
    if isinstance(value, str | int | float | bool | type(None)):
        return value
    return str(value).rpartition(".")[2]
