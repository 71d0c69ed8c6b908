"""cupy, found at its first use; the GPU in use; and what crosses between the host and a GPU.

`import refnet` does not import cupy. The first thing that needs a GPU does, and says what is missing.

A thread has a current GPU, which "cuda" without a number means (`refnet.cuda.set_device`). cupy has one of its own, on
which kernels run and memory is allocated, so work on a tensor of another GPU first has to `enter` that one: asking a
device for its array module does it. cupy's current GPU is therefore whichever refnet used last.
"""

import functools
import importlib
import math
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy

from refnet._check import check

Array = Any

_NO_DRIVER = (
    "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from "
    "http://www.nvidia.com/Download/index.aspx"
)
_NO_GPU = "No CUDA GPUs are available"
_INSUFFICIENT_DRIVER = 35  # cudaErrorInsufficientDriver


class _Thread(threading.local):
    index = 0


_thread = _Thread()


# --- is there one -------------------------------------------------------------------------------------------------


def cupy() -> ModuleType:
    """cupy; RuntimeError that says which of cupy, a driver and a GPU is missing."""
    module = _import()
    if not _usable(module):
        raise RuntimeError(_why_unusable(module))
    return module


def _import() -> ModuleType:
    found = sys.modules.get("cupy")
    if found is not None:
        return found
    try:
        return importlib.import_module("cupy")
    except ImportError as missing:
        raise RuntimeError(
            "device 'cuda' needs cupy, which is not installed: pip install 'refnet[cuda]'"
            if isinstance(missing, ModuleNotFoundError) and missing.name == "cupy"
            else f"device 'cuda' needs cupy, whose import failed: {missing}"
        ) from missing


at_first_use: list[Callable[[ModuleType], None]] = []  # what is to be called with cupy before anything else is


@functools.cache
def _usable(module: ModuleType) -> bool:
    """Whether a GPU answers. If so, cupy is set up: this runs once."""
    if _count_in(module) == 0:
        return False
    for set_up in at_first_use:
        set_up(module)
    return True


def _count_in(module: ModuleType) -> int:
    try:
        return int(module.cuda.runtime.getDeviceCount())
    except module.cuda.runtime.CUDARuntimeError:
        return 0


def _why_unusable(module: ModuleType) -> str:
    """torch's sentence for what is wrong."""
    runtime = module.cuda.runtime
    try:
        runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        if error.status != _INSUFFICIENT_DRIVER:
            return f"{_NO_GPU} ({error})"
        version = int(runtime.driverGetVersion())
        if version == 0:
            return _NO_DRIVER
        return (
            f"The NVIDIA driver on your system is too old (found version {version}). Please update your GPU driver by "
            "downloading and installing a new version from the URL: http://www.nvidia.com/Download/index.aspx "
            f"(cupy {module.__version__} needs CUDA {runtime.runtimeGetVersion()})"
        )
    return _NO_GPU


def count() -> int:
    """The number of GPUs; 0 where cupy, a driver or a GPU is missing."""
    try:
        return _count_in(_import())
    except Exception:  # an installation of cupy can be broken in any way, and then there is no GPU to use
        return 0


def is_loaded() -> bool:
    """Whether cupy is there already, and a GPU answers."""
    module = sys.modules.get("cupy")
    return module is not None and _usable(module)


def capturing() -> bool:
    """Whether this thread's current stream captures a graph."""
    return is_loaded() and bool(cupy().cuda.get_current_stream().is_capturing())


# --- which one ----------------------------------------------------------------------------------------------------


def current() -> int:
    """The index of this thread's current GPU."""
    return _thread.index


def set_current(index: int) -> None:
    """Change it. RuntimeError for a GPU that is not there."""
    check_index(index)
    _thread.index = index
    enter(index)


def check_index(index: int) -> None:
    """RuntimeError for a GPU that is not there."""
    there = _count_in(cupy())
    check(
        0 <= index < there,
        lambda: (
            "CUDA error: invalid device ordinal\nGPU device may be out of range, do you have enough GPUs? "
            f"Got device {index}, and there are {there}."
        ),
    )


def enter(index: int) -> None:
    """Let what cupy does next happen on the GPU `index`."""
    runtime = cupy().cuda.runtime
    if runtime.getDevice() != index:
        runtime.setDevice(index)


def array_module(index: int | None) -> tuple[ModuleType, bool]:
    """cupy, on the GPU `index` (None: the current one), and whether it is so for good: there is no other GPU."""
    module = cupy()
    only = _count_in(module) == 1
    where = current() if index is None else index
    if where != 0 or not only:
        check_index(where)
        enter(where)
    return module, only


# --- to and from the host -----------------------------------------------------------------------------------------


def send(array: Any, *, non_blocking: bool = False) -> Array:
    """A host array on the GPU entered last, in the same memory layout.

    The copy is queued on the current stream. Blocking, the array may be written to as soon as this returns: it is
    either done or has been staged in pinned memory. Not blocking, an array in pinned memory is read by the GPU later
    and kept alive until then; any other is staged at once.
    """
    module = cupy()
    check_dtype(array.dtype, module)
    if array.ndim == 0:  # a number goes along with the launch of a kernel
        return module.full((), array.item(), array.dtype)
    _refuse_in_capture("a copy from host memory, which every replay would read anew,")
    order = _axes_outermost_first(array)
    dense = array.transpose(order)
    inverse = numpy.argsort(order)
    if non_blocking and dense.size and dense.flags.c_contiguous and is_pinned(dense):
        sent = module.ndarray(dense.shape, dense.dtype)
        stream = module.cuda.get_current_stream()
        sent.data.copy_from_host_async(dense.ctypes.data, dense.nbytes, stream)
        keep_until_done(dense, stream)
    else:
        sent = module.asarray(numpy.ascontiguousarray(dense).reshape(dense.shape))
    return sent.transpose(*map(int, inverse)) if dense.ndim > 1 else sent


def fetch(array: Array, *, non_blocking: bool = False) -> Any:
    """An array of a GPU on the host, in the same memory layout.

    The host waits for the current stream, unless the copy is not to block: then it goes to pinned memory, and the
    values are there after the stream has been synchronised.
    """
    _refuse_in_capture("a copy to host memory")
    order = _axes_outermost_first(array)
    dense = array.transpose(*order) if array.ndim > 1 else array
    inverse = numpy.argsort(order)
    if non_blocking and array.size:
        module = cupy()
        if not dense.flags.c_contiguous:
            dense = module.ascontiguousarray(dense)
        target = empty_pinned(dense.shape, dense.dtype)
        stream = module.cuda.get_current_stream()
        dense.data.copy_to_host_async(target.ctypes.data, dense.nbytes, stream)
        keep_until_done((dense, target), stream)
        return target.transpose(inverse)
    return dense.get().transpose(inverse)


def _refuse_in_capture(what: str) -> None:
    """RuntimeError while a graph is captured: cupy would record some copies, and what they do later is not what is meant."""
    check(not capturing(), lambda: f"{what} is not permitted when stream is capturing (refnet.cuda.CUDAGraph)")


def across(array: Array, index: int) -> Array:
    """An array of one GPU on another, in the same memory layout.

    Queued on the current streams of both: the copy waits for what was queued on the first, and the first stream for
    the copy, so that the memory is not used again too early.
    """
    module = cupy()
    source = int(array.data.device_id)
    order = _axes_outermost_first(array)
    enter(source)
    dense = array.transpose(*order) if array.ndim > 1 else array
    if not dense.flags.c_contiguous:
        dense = module.ascontiguousarray(dense)
    origin = module.cuda.get_current_stream()
    ready = origin.record(module.cuda.Event(disable_timing=True))
    enter(index)
    stream = module.cuda.get_current_stream()
    stream.wait_event(ready)
    copied = module.ndarray(dense.shape, dense.dtype)
    copied.data.copy_from_device_async(dense.data, dense.nbytes, stream)
    done = stream.record(module.cuda.Event(disable_timing=True))
    enter(source)
    origin.wait_event(done)
    enter(index)
    return copied.transpose(*map(int, numpy.argsort(order))) if dense.ndim > 1 else copied


def _axes_outermost_first(array: Array) -> tuple[int, ...]:
    """The dimensions by falling stride: transposed so, a dense array is C-contiguous."""
    if array.flags.c_contiguous:
        return tuple(range(array.ndim))
    return tuple(sorted(range(array.ndim), key=lambda d: (-array.strides[d], d)))


def check_dtype(kind: Any, module: ModuleType) -> None:
    """RuntimeError for a type that this version of cupy has no arithmetic for."""
    if kind.kind != "V":
        return
    version = module.__version__
    check(
        int(version.partition(".")[0]) >= 14,
        lambda: f"dtype bfloat16 on device 'cuda' needs cupy 14 or newer, whose functions take it; got cupy {version}",
    )


# --- pinned memory, and memory in use -----------------------------------------------------------------------------


def empty_pinned(shape: tuple[int, ...], kind: Any) -> Any:
    """A numpy array in pinned memory. RuntimeError without a GPU."""
    cupy()
    nbytes = math.prod(shape) * kind.itemsize
    if nbytes == 0:
        return numpy.empty(shape, kind)
    flat = importlib.import_module("cupyx").empty_pinned((nbytes,), numpy.uint8)
    return numpy.ndarray(shape, kind, flat)


def pin(array: Any) -> Any:
    """A copy of a host array in pinned memory, in the same memory layout."""
    check(count() > 0, lambda: "Cannot access accelerator device when none is available.")
    order = _axes_outermost_first(array)
    dense = array.transpose(order)
    pinned = empty_pinned(dense.shape, dense.dtype)
    pinned[...] = dense
    return pinned.transpose(numpy.argsort(order))


def is_pinned(array: Any) -> bool:
    """Whether a host array is in pinned memory; it cannot be before anything used a GPU."""
    if array.size == 0 or not is_loaded():
        return False
    runtime = cupy().cuda.runtime
    return bool(runtime.pointerGetAttributes(int(array.ctypes.data)).type == runtime.memoryTypeHost)


_in_use: list[tuple[Any, Any]] = []  # what a GPU still works with, and the event after which it no longer does
_kept_for_graphs: list[Any] = []
_in_use_lock = threading.Lock()


def keep_until_done(thing: Any, stream: Any) -> None:
    """Keep an object alive until everything queued on `stream`, of the GPU entered last, is done.

    For good, if the stream captures: an event in a graph is never done.
    """
    if stream.is_capturing():
        _kept_for_graphs.append(thing)
        return
    event = stream.record(cupy().cuda.Event(disable_timing=True))
    with _in_use_lock:
        if not capturing():  # a thread that captures must not ask whether an event is done: it would spoil the capture
            _in_use[:] = [entry for entry in _in_use if not entry[1].done]
        _in_use.append((thing, event))


class _Recorded:
    """Memory that other streams use too. When the last array over it is gone, it waits for what they have queued."""

    def __init__(self, array: Array) -> None:
        self.array = array
        self.memory = array.data.mem
        self.streams: list[Any] = []

    def __del__(self, over: Callable[[], bool] = sys.is_finalizing) -> None:  # modules are gone by then
        if over():
            return
        before = cupy().cuda.runtime.getDevice()
        enter(self.memory.device_id)
        for stream in self.streams:
            keep_until_done(self.array, stream)
        enter(before)


def record_stream(array: Array, stream: Any) -> Array:
    """The same memory, which is not used for anything else before what `stream` has queued when it is freed is done.

    The pool gives memory back to the stream it was allocated on, as soon as nothing refers to it, and knows of no
    other stream. So a block that does goes through an owner of its own, which puts the return off.
    """
    memory = array.data.mem
    owner = getattr(memory, "_owner", None)
    if not isinstance(owner, _Recorded):
        owner = _Recorded(array)
        cuda = cupy().cuda
        shared = cuda.UnownedMemory(memory.ptr, memory.size, owner, memory.device_id)
        pointer = cuda.MemoryPointer(shared, array.data.ptr - memory.ptr)
        array = cupy().ndarray(array.shape, array.dtype, pointer, array.strides)
    if stream not in owner.streams:
        owner.streams.append(stream)
    return array
