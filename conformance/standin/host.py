"""What of an array reaches the host: every way there is counted (`transfers`)."""

from typing import Any

import numpy

from conformance.draw import Array
from conformance.standin import transfers
from conformance.standin.names import StandInError, named
from conformance.standin.runtime import machine


class Readable:
    """What `ndarray` inherits."""

    __slots__ = ()

    _host: Array
    data: Any

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> Array:
        """A copy in host memory; without `blocking` it is there when the stream has been synchronised."""
        if not blocking:
            return self._get_later(stream, order, out)
        transfers.read("ndarray.get", self.data.mem)
        if out is None:
            return numpy.array(self._host, order=order, copy=True)  # type: ignore[call-overload]
        if out.dtype != self._host.dtype:
            raise TypeError(f"{out.dtype} array cannot be obtained from {self._host.dtype} array")
        if out.shape != self._host.shape:
            raise ValueError(f"Shape mismatch. Expected shape: {self._host.shape}, actual shape: {out.shape}")
        out[...] = self._host
        return out

    def _get_later(self, stream: Any, order: str, out: Any) -> Array:
        packed = self if self._host.flags.c_contiguous else named("ascontiguousarray")(self)
        target = numpy.empty(self._host.shape, self._host.dtype) if out is None else out
        if not target.flags.c_contiguous or order != "C":
            raise StandInError("ndarray.get(blocking=False) of the stand-in fills C-contiguous arrays")
        packed.data.copy_to_host_async(target.__array_interface__["data"][0], self._host.nbytes, stream)
        return target

    def set(self, arr: Array, stream: Any = None) -> None:
        """Copy from host memory."""
        if not isinstance(arr, numpy.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if arr.dtype != self._host.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self._host.dtype} array")
        if arr.shape != self._host.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self._host.shape}, new shape: {arr.shape}")
        if not (self._host.flags.c_contiguous or self._host.flags.f_contiguous):
            raise RuntimeError("Cannot set to non-contiguous array")
        transfers.write("ndarray.set")
        laid_out = numpy.ascontiguousarray(arr) if self._host.flags.c_contiguous else numpy.asfortranarray(arr)
        address = laid_out.__array_interface__["data"][0]
        if stream is None and machine.current_stream() == 0:
            self.data.copy_from_host(address, self._host.nbytes)
        else:
            self.data.copy_from_host_async(address, self._host.nbytes, stream)

    def item(self) -> Any:
        """The element as a Python number; cupy's takes no index."""
        if self._host.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        transfers.read("ndarray.item", self.data.mem)
        return self._host.item()

    def tolist(self) -> Any:
        """The elements as nested lists."""
        transfers.read("ndarray.tolist", self.data.mem)
        return self._host.tolist()

    def tobytes(self, order: str = "C") -> bytes:
        """The elements as bytes."""
        transfers.read("ndarray.tobytes", self.data.mem)
        return bytes(self._host.tobytes(order))

    def __bool__(self) -> bool:
        if self._host.size == 1:
            transfers.read("bool", self.data.mem)
        return bool(self._host)

    def __int__(self) -> int:
        transfers.read("int", self.data.mem)
        return int(self._host)

    def __float__(self) -> float:
        transfers.read("float", self.data.mem)
        return float(self._host)

    def __complex__(self) -> complex:
        transfers.read("complex", self.data.mem)
        return complex(self._host)

    def __index__(self) -> int:
        raise TypeError("'ndarray' object cannot be interpreted as an integer")

    def __repr__(self) -> str:
        with transfers.announced():
            transfers.read("repr", self.data.mem)
        return repr(self._host)

    def __str__(self) -> str:
        with transfers.announced():
            transfers.read("str", self.data.mem)
        return str(self._host)

    def __format__(self, specification: str) -> str:
        transfers.read("format", self.data.mem)
        return format(self._host, specification)

    def __reduce__(self) -> tuple[Any, ...]:
        return named("array"), (self.get(),)
