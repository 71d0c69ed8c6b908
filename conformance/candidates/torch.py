"""torch as a candidate, in its variants, and torch at float64 as the oracle. The only file that imports torch.

On a GPU torch computes in full precision and in a fixed order wherever it lets one choose: no TF32, no sums of half
types at less than float32 (`ready`); for comparisons cuDNN's deterministic algorithms too (`reproducible`).
"""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any

import ml_dtypes
import numpy
import torch

from conformance.candidates.namespace import Namespace
from conformance.draw import Array
from conformance.gpus import CPU, kind

_BFLOAT16 = ml_dtypes.bfloat16


class Torch(Namespace):
    """torch on arrays, bfloat16 included (numpy and torch exchange it as 16 bits)."""

    def __init__(self, name: str = "torch", device: str = CPU) -> None:
        super().__init__(torch, name, device)

    @contextmanager
    def placed(self) -> Iterator[None]:
        with nullcontext() if self.device == CPU else torch.device(self.device):
            yield

    def from_array(self, array: Array) -> Any:
        if array.dtype == _BFLOAT16:
            return torch.from_numpy(array.view("uint16")).view(torch.bfloat16)
        return torch.from_numpy(array)

    def seed(self) -> None:
        if self.device == CPU:
            torch.default_generator.manual_seed(0)  # torch.manual_seed also queues a call with its stack: a millisecond
        else:
            torch.manual_seed(0)

    def to_array(self, tensor: Any) -> Array:
        tensor = tensor.detach().cpu()
        if tensor._is_zerotensor():  # stands for zeros without having memory
            tensor = tensor.clone()
        tensor = tensor.resolve_conj().resolve_neg()  # conjugates and negatives that are only marked as such
        if tensor.dtype == torch.bfloat16:
            return tensor.view(torch.uint16).numpy().view(_BFLOAT16)
        return tensor.numpy()

    def varies(self, run: Callable[[], Any]) -> str:
        """What torch says of the order of adding in what `run` does: "" where it says that the order is fixed."""
        if not self.on_gpu:
            return ""
        before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.use_deterministic_algorithms(True, warn_only=True)
            try:
                run()
            finally:
                torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        said = [str(warning.message) for warning in caught if "deterministic" in str(warning.message)]
        return said[0].partition(". ")[0] if said else ""


class Oracle(Torch):
    """torch at float64, whatever floating dtype the operation names."""

    def __init__(self, device: str = CPU) -> None:
        super().__init__("torch float64", device)

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


class WithoutCudnn(Torch):
    """torch on a GPU without cuDNN: its own convolutions (im2col and cuBLAS), recurrent cells and batch norm."""

    limits = ("the memory format of results is not compared: cuDNN's convolutions choose it",)

    def __init__(self, device: str) -> None:
        super().__init__("torch:cudnn=off", device)

    @contextmanager
    def context(self) -> Iterator[None]:
        with torch.backends.cudnn.flags(enabled=False, allow_tf32=False):
            yield

    def strides(self, tensor: Any) -> None:
        return None


class Reduced(Torch):
    """torch on a GPU with TF32: 10 bits of every factor. No implementation of float32: it has to fail."""

    def __init__(self, device: str) -> None:
        super().__init__("torch:tf32", device)

    @contextmanager
    def context(self) -> Iterator[None]:
        matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
        before = matmul.allow_tf32, cudnn.allow_tf32
        matmul.allow_tf32 = True
        cudnn.set_flags(_allow_tf32=True)
        try:
            yield
        finally:
            matmul.allow_tf32 = before[0]
            cudnn.set_flags(_allow_tf32=before[1])


class ChannelsLast(Torch):
    """torch with every 4-D and 5-D tensor stored channels last: the strides of its results are its own."""

    limits = ("the memory format of results is not compared: its inputs are stored channels last on purpose",)

    def __init__(self, device: str = CPU) -> None:
        super().__init__("torch:channels-last", device)

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

    def __init__(self, device: str = CPU) -> None:
        super().__init__("torch:compile", device)

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


_ANYWHERE = {"torch:channels-last": ChannelsLast, "torch:compile": Compiled}
_ON_CPU: dict[str, Callable[[], Torch]] = {"torch:threads=2": Threads, "torch:mkldnn=off": WithoutMkldnn}
_ON_GPU: dict[str, Callable[[str], Torch]] = {"torch:cudnn=off": WithoutCudnn, "torch:tf32": Reduced}


def load(name: str, device: str = CPU) -> Torch:
    """torch, torch:channels-last or torch:compile; on the CPU torch:threads=2 or torch:mkldnn=off, on a GPU
    torch:cudnn=off or torch:tf32.

    Raises ValueError for another name, and for a device that torch cannot use here.
    """
    where = ready(device)
    if name == "torch":
        return Torch(device=where)
    if name in _ANYWHERE:
        return _ANYWHERE[name](where)
    if name in _ON_CPU and where == CPU:
        return _ON_CPU[name]()
    if name in _ON_GPU and where != CPU:
        return _ON_GPU[name](where)
    there = ["torch", *_ANYWHERE, *(_ON_CPU if where == CPU else _ON_GPU)]
    raise ValueError(f"no torch variant {name!r} on {where}; there are {', '.join(there)}")


def ready(device: str) -> str:
    """The device, made ready. Raises ValueError that says what is missing where torch cannot use it."""
    if kind(device) == CPU:
        return CPU
    if kind(device) != "cuda":
        raise ValueError(f"the devices are cpu, cuda and cuda:<number>; got {device!r}")
    if torch.version.cuda is None:
        raise ValueError(
            f"device {device!r}: torch {torch.__version__} was built without CUDA. Install a build with it, or hold the "
            "candidate against torch on the CPU: --reference torch@cpu"
        )
    if not torch.cuda.is_available():
        raise ValueError(
            f"device {device!r}: torch {torch.__version__} finds no GPU that it can use: is there a driver (nvidia-smi) "
            f"for CUDA {torch.version.cuda}, and does CUDA_VISIBLE_DEVICES leave one?"
        )
    count = torch.cuda.device_count()
    number = int(device.partition(":")[2] or 0)
    if number >= count:
        raise ValueError(f"device {device!r}: torch sees {count} GPU{'s' * (count > 1)}, cuda:0 to cuda:{count - 1}")
    if ":" in device:
        torch.cuda.set_device(device)  # streams and events that name no device are its own
    _full_precision()
    return device


@lru_cache(maxsize=1)
def _full_precision() -> None:
    """Sums at float32 and products of all its digits, from now on.

    cuDNN is told by `set_flags`: assignments are refused once torch's databases are imported.
    """
    matmul = torch.backends.cuda.matmul
    matmul.allow_tf32 = False
    torch.backends.cudnn.set_flags(_allow_tf32=False)
    matmul.allow_fp16_reduced_precision_reduction = False
    matmul.allow_bf16_reduced_precision_reduction = False


def reproducible() -> None:
    """A fixed order of adding from now on, wherever torch lets one choose. What is timed is timed without it."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS starts
    torch.backends.cudnn.set_flags(_benchmark=False, _deterministic=True)


def facts(device: str) -> dict[str, str]:
    """The build of torch's CUDA, and what it sees of a GPU; nothing for the CPU."""
    if kind(device) != "cuda" or torch.version.cuda is None or not torch.cuda.is_available():
        return {}
    seen = torch.cuda.get_device_properties(device)
    return {
        "torch cuda": str(torch.version.cuda),
        "cudnn": str(torch.backends.cudnn.version()),
        "gpu": seen.name,
        "compute capability": f"{seen.major}.{seen.minor}",
        "multiprocessors": str(seen.multi_processor_count),
        "gpu memory": f"{seen.total_memory / 2**30:.1f} GiB",
    }


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
