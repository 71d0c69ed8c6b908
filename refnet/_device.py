"""Devices and their array modules: the one place where numpy and cupy differ.

A device is a name ("cpu", "cuda:0") and the array module `xp` that computes on it. Kernels take `xp` as their
first argument and use only what both modules have; what they do not share is a function of this file.
"""

import functools
import importlib
from types import ModuleType
from typing import Any

import numpy

from refnet._check import check

Array = Any  # numpy.ndarray or cupy.ndarray, of any dtype


class device:
    """Where a tensor lives: ``device("cpu")``, ``device("cuda")``, ``device("cuda:1")``, ``device("cuda", 1)``.

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

    def __new__(cls, name: "str | device" = "cpu", index: int | None = None) -> "device":
        if isinstance(name, device):
            return name
        if index is None:
            return _device(name)
        check(
            ":" not in name,
            lambda: f"type (string) must not include an index because index was passed: {name}",
        )
        return _device(f"{name}:{index}")

    def __getattr__(self, name: str) -> Any:
        """Find the array module of a GPU at its first use, so that naming a device costs nothing."""
        if name != "xp":
            raise AttributeError(f"'device' object has no attribute {name!r}")
        self.xp = _cupy()
        return self.xp

    def __repr__(self) -> str:
        where = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{where})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self) -> tuple[Any, ...]:
        return device, (str(self),)


@functools.cache
def _device(name: str) -> device:
    """The one `device` object of a name, so that devices compare by identity."""
    check(isinstance(name, str), lambda: f"device(): expected a string, got {type(name).__name__}", TypeError)
    kind, _, index = name.partition(":")
    check(
        kind in ("cpu", "cuda") and (not index or index.isdigit()) and not name.endswith(":"),
        lambda: f"Invalid device string: {name!r}; expected 'cpu', 'cuda' or 'cuda:<index>'",
    )
    made = object.__new__(device)
    made.type = kind
    made.index = int(index) if index else None
    if kind == "cpu":
        made.xp = numpy
    return made


def _cupy() -> ModuleType:
    try:
        return importlib.import_module("cupy")
    except ImportError as missing:
        raise RuntimeError("device 'cuda' needs cupy, which is not installed: pip install 'refnet[cuda]'") from missing


cpu = device("cpu")


def strided(array: Array, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> Array:
    """A writable view of the memory of `array`: `strides` and `offset` in bytes, from its first element."""
    if not isinstance(array, numpy.ndarray):  # cupy
        cupy = importlib.import_module("cupy")
        return cupy.ndarray(shape, array.dtype, array.data + offset, strides)
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
    """The whole allocation that `array` looks into, as a flat array."""
    owner = array
    while (below := _below(owner)) is not None and below.dtype == array.dtype:
        owner = below
    if not owner.flags.c_contiguous:
        owner = owner.transpose(sorted(range(owner.ndim), key=lambda d: -owner.strides[d]))
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


def to_numpy(array: Array) -> Any:
    """The values in host memory; shares memory where they already are there."""
    return array if isinstance(array, numpy.ndarray) else array.get()
