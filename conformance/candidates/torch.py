"""torch as a candidate, in its variants, and torch at float64 as the oracle. The only file that imports torch."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ml_dtypes
import numpy
import torch

from conformance.candidates.namespace import Namespace
from conformance.draw import Array

_BFLOAT16 = ml_dtypes.bfloat16


class Torch(Namespace):
    """torch on arrays, bfloat16 included (numpy and torch exchange it as 16 bits)."""

    def __init__(self, name: str = "torch", device: str = "cpu") -> None:
        super().__init__(torch, name, device)

    def to_tensor(self, array: Array) -> Any:
        if array.dtype == _BFLOAT16:
            tensor = torch.from_numpy(array.view("uint16")).view(torch.bfloat16)
        else:
            tensor = torch.from_numpy(array)
        return tensor if self.device == "cpu" else tensor.to(self.device)

    def seed(self) -> None:
        if self.device == "cpu":
            torch.default_generator.manual_seed(0)  # torch.manual_seed also queues a call with its stack: a millisecond
        else:
            torch.manual_seed(0)

    def to_array(self, tensor: Any) -> Array:
        tensor = tensor.detach() if self.device == "cpu" else tensor.detach().cpu()
        if tensor._is_zerotensor():  # stands for zeros without having memory
            tensor = tensor.clone()
        tensor = tensor.resolve_conj().resolve_neg()  # conjugates and negatives that are only marked as such
        if tensor.dtype == torch.bfloat16:
            return tensor.view(torch.uint16).numpy().view(_BFLOAT16)
        return tensor.numpy()


class Oracle(Torch):
    """torch at float64, whatever floating dtype the operation names."""

    def __init__(self) -> None:
        super().__init__("torch float64")

    def resolve(self, name: str) -> Any:
        found = super().resolve(name)
        return torch.float64 if isinstance(found, torch.dtype) and found.is_floating_point else found

    @contextmanager
    def context(self) -> Iterator[None]:
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            yield
        finally:
            torch.set_default_dtype(before)


class Threads(Torch):
    """torch on several threads: sums are split differently."""

    def __init__(self, count: int = 2) -> None:
        super().__init__(f"torch:threads={count}")
        self.count = count

    @contextmanager
    def context(self) -> Iterator[None]:
        before = torch.get_num_threads()
        torch.set_num_threads(self.count)
        try:
            yield
        finally:
            torch.set_num_threads(before)


class WithoutMkldnn(Torch):
    """torch without its oneDNN kernels, and without NNPACK, which would then take over some convolutions.

    NNPACK's 3x3 convolution is a Winograd transform that loses three digits: 5e-5 of the largest element.
    """

    limits = ("the memory format of results is not compared: oneDNN's convolutions choose it",)

    def __init__(self) -> None:
        super().__init__("torch:mkldnn=off")

    @contextmanager
    def context(self) -> Iterator[None]:
        with torch.backends.mkldnn.flags(enabled=False), torch.backends.nnpack.flags(enabled=False):
            yield

    def strides(self, tensor: Any) -> None:
        return None


class ChannelsLast(Torch):
    """torch with every 4-D and 5-D tensor stored channels last: the strides of its results are its own."""

    limits = ("the memory format of results is not compared: its inputs are stored channels last on purpose",)

    def __init__(self) -> None:
        super().__init__("torch:channels-last")

    def _unsupported(self, error: Exception) -> str:
        """Some kernels take no channels-last tensor: (C, D, H, W) without a batch, for one."""
        refused = "memory format" in str(error) or "must be contiguous" in str(error)
        return f"torch refuses channels-last here: {error}" if refused else super()._unsupported(error)

    def to_tensor(self, array: Array) -> Any:
        tensor = super().to_tensor(array)
        if tensor.dim() in (4, 5) and tensor.is_contiguous():
            wanted = torch.channels_last if tensor.dim() == 4 else torch.channels_last_3d
            return tensor.contiguous(memory_format=wanted)
        return tensor

    def strides(self, tensor: Any) -> None:
        return None


class Compiled(Torch):
    """torch.compile of every operation, by its default backend; programs run as they are written.

    A compilation takes seconds: choose operations (`--ops`) and a generous `--timeout`.
    """

    limits = (
        "the memory format of results is not compared: the compiler chooses it",
        "second order is not compared: a compiled backward pass has no gradient",
    )

    def __init__(self) -> None:
        super().__init__("torch:compile")

    def resolve(self, name: str) -> Any:
        found = super().resolve(name)
        if isinstance(found, torch.dtype | torch.memory_format | type) or not callable(found):
            return found
        torch.compiler.reset()  # every sample has sizes of its own, and after eight of them it would no longer compile
        return torch.compile(lambda *args, **kwargs: found(*args, **kwargs), dynamic=False)

    def strides(self, tensor: Any) -> None:
        return None

    def _unsupported(self, error: Exception) -> str:
        """Aot autograd says so when it is asked for a second order."""
        return str(error) if "does not currently support double backward" in str(error) else super()._unsupported(error)


def load(name: str, device: str = "cpu") -> Torch:
    """torch, torch:threads=2, torch:mkldnn=off, torch:channels-last or torch:compile.

    Raises ValueError for another name.
    """
    if name == "torch":
        return Torch(device=device)
    variants: dict[str, Any] = {
        "torch:threads=2": Threads,
        "torch:mkldnn=off": WithoutMkldnn,
        "torch:channels-last": ChannelsLast,
        "torch:compile": Compiled,
    }
    if name not in variants:
        raise ValueError(f"no torch variant {name!r}; there are torch, {', '.join(variants)}")
    found: Torch = variants[name]()
    return found


def build() -> str:
    """What decides the bits that torch gives: its release, how it was compiled, and what this processor can do."""
    return "\n".join([torch.__version__, torch.__config__.show(), torch.backends.cpu.get_cpu_capability()])


def assert_close(candidate: Array, reference: Array) -> bool:
    """Whether `torch.testing.assert_close` accepts the pair with its default tolerances; NaN equals NaN."""
    convert = Torch().to_tensor
    pair = [convert(numpy.ascontiguousarray(array)) for array in (candidate, reference)]
    try:
        torch.testing.assert_close(*pair, equal_nan=True)
    except AssertionError:
        return False
    return True
