"""Devices and their array modules: the one place where numpy and cupy differ.

A device is a name ("cpu", "cuda:0") and the array module `xp` that computes on it. Kernels take `xp` as their
first argument and use only what both modules have; what they do not share is a function of this file, where it concerns
memory, and of `refnet._ops._arrays`, where it concerns numbers.
"""

import functools
import importlib
from types import ModuleType
from typing import Any

import numpy

from refnet import _gpu
from refnet._check import check

Array = Any  # numpy.ndarray or cupy.ndarray, of any dtype


class device:
    """Where a tensor lives: ``device("cpu")``, ``device("cuda")``, ``device("cuda:1")``, ``device("cuda", 1)``.

    A tensor's own device has a number; "cuda" without one is whichever GPU is current when it is used. An int is the
    GPU of that number. In a ``with`` block a device is where tensors are made that are told no other.

    Raises RuntimeError for a name that is no device, and at the first use of ``xp`` when cupy or a GPU is missing.

    >>> device("cpu")
    device(type='cpu')
    >>> device("cuda", 1).index
    1
    """

    __slots__ = ("index", "type", "xp")

    type: str
    index: int | None
    xp: ModuleType

    def __new__(cls, type: "str | int | device" = "cpu", index: int | None = None) -> "device":
        name = type
        if isinstance(name, device):
            return name
        if index is None:
            return _gpu_number(name) if isinstance(name, int) and not isinstance(name, bool) else _device(name)
        check(
            isinstance(name, str) and ":" not in name,
            lambda: f"type (string) must not include an index because index was passed: {name}",
        )
        check(index >= 0, lambda: "Device index must not be negative")
        return _device(f"{name}:{index}")

    def __getattr__(self, name: str) -> Any:
        """Find the array module of a GPU at its first use, so that naming a device costs nothing.

        Where there are several GPUs it is looked up every time, and this one entered: what cupy does next is done here.
        """
        if name != "xp":
            raise AttributeError(f"'device' object has no attribute {name!r}")
        module, only = _gpu.array_module(self.index)
        if only:
            self.xp = module
        return module

    def __repr__(self) -> str:
        where = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{where})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self) -> tuple[Any, ...]:
        return device, (str(self),)

    def __enter__(self) -> "device":
        _default.append(_as_default(self))
        return self

    def __exit__(self, *_: object) -> None:
        _default.pop()


@functools.cache
def _device(name: str) -> device:
    """The one `device` object of a name, so that devices compare by identity."""
    check(isinstance(name, str), lambda: f"device(): expected a string, got {type(name).__name__}", TypeError)
    kind, _, index = name.partition(":")
    check(
        kind in ("cpu", "cuda")
        and (not index or (index.isdecimal() and str(int(index)) == index))
        and not name.endswith(":"),
        lambda: f"Invalid device string: {name!r}; expected 'cpu', 'cuda' or 'cuda:<index>'",
    )
    made = object.__new__(device)
    made.type = kind
    made.index = int(index) if index else None
    if kind == "cpu":
        made.xp = numpy
    return made


def _gpu_number(index: int) -> device:
    """The GPU that a bare number means."""
    check(_gpu.count() > 0, lambda: "Cannot access accelerator device when none is available.")
    check(index >= 0, lambda: "Device index must not be negative")
    return _device(f"cuda:{index}")


def gpu_index(where: Any) -> int:
    """The number of a GPU given as a number, a name or a device; the current one's for None, "cuda" and a negative number.

    ValueError for a device that is none.
    """
    if where is None:
        return _gpu.current()
    if isinstance(where, int):
        return _gpu.current() if where < 0 else where
    found = device(where)
    check(found.type == "cuda", lambda: f"Expected a cuda device, but got: {found}", ValueError)
    return _gpu.current() if found.index is None else found.index


cpu = device("cpu")
_default = [cpu]  # of tensors that are told no other; one more for each ``with`` block


def placed(where: "device | str | int | None") -> device:
    """The device of a tensor that is to be made at `where`: a GPU with its number; None is the default device.

    >>> placed(None)
    device(type='cpu')
    """
    found = _default[-1] if where is None else device(where)
    if found is cpu:
        return found
    return _device(f"cuda:{_gpu.current()}") if found.type == "cuda" and found.index is None else found


def get_default_device() -> device:
    """Where tensors are made that are told no other; a GPU with its number.

    >>> get_default_device()
    device(type='cpu')
    """
    return placed(None)


def set_default_device(device: "device | str | int | None") -> None:
    """Make tensors at `device` when they are told no other; None is the CPU. RuntimeError without such a device.

    >>> set_default_device("cpu")
    """
    _default[-1] = _as_default(device)


def _as_default(where: "device | str | int | None") -> device:
    found = cpu if where is None else device(where)
    _ = found.xp  # a missing GPU is said here, rather than by the next function that makes a tensor
    return found


def device_of_array(array: Array) -> device:
    """Where an array of numpy or cupy lives."""
    return cpu if isinstance(array, numpy.ndarray) else _device(f"cuda:{array.data.device_id}")


def strided(array: Array, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> Array:
    """A writable view of the memory of `array`: `strides` and `offset` in bytes, from its first element."""
    if not isinstance(array, numpy.ndarray):  # cupy
        cupy = importlib.import_module("cupy")
        return cupy.ndarray(shape, array.dtype, array.data + offset, strides)
    if type(array) is not numpy.ndarray:  # recorded, see `_recording`: what it makes is, too
        return strided(array.view(numpy.ndarray), shape, strides, offset).view(type(array))
    if array.flags.writeable and array.dtype.kind != "V":
        if array.flags.c_contiguous:
            return numpy.ndarray(shape, array.dtype, array, offset, strides)
        flat = storage(array)
        start = address(array) - address(flat)
        if 0 <= start <= flat.nbytes:  # else `storage` had to copy
            return numpy.ndarray(shape, array.dtype, flat, start + offset, strides)
    if offset:
        flat = storage(array)
        start = array.__array_interface__["data"][0] - flat.__array_interface__["data"][0] + offset
        array = flat[start // array.itemsize :]
    return numpy.lib.stride_tricks.as_strided(array, shape, strides)


def storage(array: Array) -> Array:
    """The whole allocation that `array` looks into, as a flat array.

    A view that `strided` made of a cupy array does not know its base. Its block of memory stands for it: that may be
    larger than what was asked for, because cupy's pool rounds up to 512 bytes.
    """
    if isinstance(array, numpy.ndarray) and type(array) is not numpy.ndarray:
        array = array.view(numpy.ndarray)
    owner = array
    while (below := _below(owner)) is not None and below.dtype == array.dtype:
        owner = below
    if not owner.flags.c_contiguous:
        owner = owner.transpose(sorted(range(owner.ndim), key=lambda d: -owner.strides[d]))
    if not isinstance(owner, numpy.ndarray) and not (owner.flags.c_contiguous and owner.data.ptr == owner.data.mem.ptr):
        cupy, memory = importlib.import_module("cupy"), owner.data.mem
        return cupy.ndarray(memory.size // owner.itemsize, owner.dtype, cupy.cuda.MemoryPointer(memory, 0))
    return owner.reshape(-1)


def _below(array: Array) -> Array | None:
    """The array that this one is a view of; numpy's as_strided puts an object of its own between them."""
    base = array.base
    if base is not None and not isinstance(base, type(array)):
        base = getattr(base, "base", None)
    return base if isinstance(base, type(array)) else None


def address(array: Array) -> int:
    """The memory address of the first element, in bytes."""
    if isinstance(array, numpy.ndarray):
        return int(array.__array_interface__["data"][0])
    return int(array.data.ptr)


def view_as_shape(array: Array, shape: tuple[int, ...]) -> Array | None:
    """`array` seen in another shape without copying, or None where its strides do not allow that."""
    if isinstance(array, numpy.ndarray):
        try:
            return array.reshape(shape, copy=False)
        except ValueError:
            return None
    seen = array.reshape(shape)
    return seen if seen.size == 0 or address(seen) == address(array) else None


def on_host(array: Array) -> bool:
    """Whether values, an array's or those of a sum over it, can be looked at without waiting for a GPU.

    Checks that every index is in range are made on the CPU only, since each would make the host wait. On a GPU a wrong
    index gives a wrong value: cupy counts it modulo the size. (torch stops the program there.)
    """
    return isinstance(array, numpy.ndarray | numpy.generic)


def to_numpy(array: Array) -> Any:
    """The values in host memory; shares memory where they already are there. On a GPU the host waits for them."""
    return array if isinstance(array, numpy.ndarray) else array.get()


def moved(array: Array, where: device, non_blocking: bool = False) -> Array:
    """The values of an array on another device, in the same memory layout."""
    if isinstance(array, numpy.ndarray):
        if where is cpu:
            return array.copy(order="K")
        _ = where.xp
        return _gpu.send(array, non_blocking=non_blocking)
    if where.type == "cpu":
        _gpu.enter(array.data.device_id)
        return _gpu.fetch(array, non_blocking=non_blocking)
    index = where.index if where.index is not None else _gpu.current()
    return _gpu.across(array, index)


def empty_in_layout(array: Array, where: device, kind: Any) -> Array:
    """Memory for the values of `array`, in its memory layout where that is dense, at `where`."""
    if where is device_of_array(array):
        return where.xp.empty_like(array, dtype=kind)
    order = sorted(range(array.ndim), key=lambda d: (-array.strides[d], d))
    made = where.xp.empty([array.shape[d] for d in order], kind)
    return made.transpose([order.index(d) for d in range(array.ndim)]) if order else made
