"""The stand-in's `cupy.ndarray`: an array in device memory, which the host cannot look into.

It is no subclass of numpy's. Inside is a numpy array over the bytes of `data`, a pointer into the stand-in's device
memory; every operation on it is handed to `launch`, which runs it, or records it while the stream captures a graph.
What differs from numpy is what differs in cupy:

- nothing is converted silently, in neither direction; numpy arrays do not mix with it, Python and numpy scalars do;
- results have dimensions always: a sum is a 0-d array, an element is a 0-d view;
- results of computations are C-contiguous, whatever the strides of the operands; only `astype`, `copy(order="K")` and
  the `*_like` functions keep them;
- new memory holds NaN and -1, never zeros, so that what is read before it is written shows;
- there are no read-only arrays, but writing through a view that repeats elements is a race, and an error here.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy

from conformance.draw import Array
from conformance.standin.casting import cast, dtype_of
from conformance.standin.flags import Flags
from conformance.standin.host import Readable
from conformance.standin.lending import DLPACK_CUDA, Lent
from conformance.standin.methods import Methods
from conformance.standin.names import StandInError as StandInError
from conformance.standin.names import named as named
from conformance.standin.operators import Operators
from conformance.standin.runtime import capture, machine, streams
from conformance.standin.runtime import memory as device_memory


class ndarray(Readable, Methods, Operators):  # cupy's name; compares elementwise
    """An array on a device.

    `memptr` is a `cupy.cuda.MemoryPointer`; without one, memory is allocated.
    """

    __slots__ = ("__weakref__", "_host", "base", "data")

    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    _host: Array
    base: "ndarray | None"
    data: Any

    def __init__(
        self, shape: Any, dtype: Any = float, memptr: Any = None, strides: Any = None, order: Any = "C"
    ) -> None:
        if order not in ("C", "F", None):
            raise ValueError(f"order not understood. order={order}")
        if strides is not None and memptr is None:
            raise ValueError("memptr is required if strides is given.")
        dtype = dtype_of(dtype)
        shape = (int(shape),) if isinstance(shape, int | numpy.integer) else tuple(shape)
        if any(isinstance(n, ndarray) for n in shape):
            raise TypeError("'ndarray' object cannot be interpreted as an integer")
        if any(n < 0 for n in shape):
            raise ValueError("Negative dimensions are not allowed")
        if memptr is None:
            size = dtype.itemsize
            for n in shape:
                size *= int(n)
            memptr = device_memory.alloc(size)
        self.base = None
        self.data = memptr
        self._host = numpy.ndarray(shape, dtype, memptr.mem.buffer, memptr.ptr - memptr.mem.ptr, strides, order)

    # --- layout ---------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of every dimension; may be set where no copy is needed."""
        found: tuple[int, ...] = self._host.shape
        return found

    @shape.setter
    def shape(self, shape: Any) -> None:
        self._host = self._host.reshape(shape, copy=False)

    @property
    def strides(self) -> tuple[int, ...]:
        """The step of every dimension, in bytes."""
        found: tuple[int, ...] = self._host.strides
        return found

    @property
    def dtype(self) -> Any:
        """The type of the elements."""
        return self._host.dtype

    @property
    def ndim(self) -> int:
        """How many dimensions."""
        return int(self._host.ndim)

    @property
    def size(self) -> int:
        """How many elements."""
        return int(self._host.size)

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return int(self._host.itemsize)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return int(self._host.nbytes)

    @property
    def flags(self) -> Flags:
        """How the elements lie."""
        flags = self._host.flags
        return Flags(flags.c_contiguous, flags.f_contiguous, self.base is None)

    @property
    def device(self) -> Any:
        """The GPU it is on."""
        return self.data.device

    @property
    def T(self) -> "ndarray":  # numpy's name
        """The dimensions in reverse."""
        return self if self.ndim < 2 else view(self, self._host.T)

    @property
    def real(self) -> "ndarray":
        """The real part; itself where there is no other."""
        return view(self, self._host.real) if self.dtype.kind == "c" else self

    @real.setter
    def real(self, value: Any) -> None:
        self.real[...] = value

    @property
    def imag(self) -> "ndarray":
        """The imaginary part."""
        return view(self, self._host.imag) if self.dtype.kind == "c" else new(self.shape, self.dtype, value=0)

    @property
    def flat(self) -> Any:
        """Not here: cupy's is slow on a GPU, and nothing needs it."""
        raise NotImplementedError("ndarray.flat is not part of the stand-in")

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        strides = None if self._host.flags.c_contiguous else self.strides
        pointer = self.data.ptr if self.size else 0
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "descr": self.dtype.descr,
            "stream": 1,
            "version": 3,
            "strides": strides,
            "data": (pointer, False),
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        return DLPACK_CUDA, int(self.data.device_id)

    def __dlpack__(
        self, *, stream: int | None = None, max_version: Any = None, dl_device: Any = None, copy: Any = None
    ) -> Lent:
        """The array for another library, whose `stream` waits for what is queued on the current one."""
        if stream is not None and stream != -1:
            streams.ExternalStream(0 if stream == 1 else stream).wait_event(streams.get_current_stream().record())
        return Lent(self)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """A ufunc of numpy on device arrays is cupy's of that name; its other methods are not supported."""
        if method != "__call__":
            return NotImplemented
        out = kwargs.get("out")
        if out is not None:
            if len(out) != 1:
                raise ValueError("The 'out' parameter must have exactly one array value")
            kwargs["out"] = out[0]
        try:
            found = named(function.__name__)
        except AttributeError:
            return NotImplemented
        return found(*inputs, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """A function of numpy on device arrays is cupy's of that name."""
        module = ".".join(function.__module__.split(".")[1:])
        try:
            found = named(f"{module}.{function.__name__}" if module else function.__name__)
        except AttributeError:
            return NotImplemented
        if any(kind is not ndarray for kind in types):
            return NotImplemented
        return found(*args, **kwargs)

    # --- views and copies -----------------------------------------------------------------------------------------

    def view(self, dtype: Any = None, type: Any = None) -> "ndarray":  # cupy's name
        """The same memory, perhaps as another type."""
        return view(self, self._host.view() if dtype is None else self._host.view(dtype_of(dtype)))

    def reshape(self, *shape: Any, order: str = "C") -> "ndarray":
        """Another shape; a view where the strides allow it."""
        return named("reshape")(self, shape[0] if len(shape) == 1 else shape, order=order)  # type: ignore[no-any-return]

    def transpose(self, *axes: Any) -> "ndarray":
        """The dimensions in another order."""
        return view(self, self._host.transpose(*axes))

    def swapaxes(self, axis1: int, axis2: int) -> "ndarray":
        """Two dimensions swapped."""
        return view(self, self._host.swapaxes(axis1, axis2))

    def squeeze(self, axis: Any = None) -> "ndarray":
        """Without dimensions of one."""
        return view(self, self._host.squeeze(axis))

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> "ndarray":
        """A view of a diagonal."""
        return view(self, self._host.diagonal(offset, axis1, axis2))

    def ravel(self, order: str = "C") -> "ndarray":
        """One dimension; a view where the strides allow it."""
        return named("ravel")(self, order)  # type: ignore[no-any-return]

    def flatten(self, order: str = "C") -> "ndarray":
        """A copy in one dimension."""
        return launch(lambda: self._host.flatten(order), [self])  # type: ignore[no-any-return]

    def reduced_view(self, dtype: Any = None) -> "ndarray":
        """A view with as few dimensions as the strides allow; here only of a contiguous array."""
        return self.reshape(-1) if self._host.flags.c_contiguous and self.ndim > 1 else self

    def astype(
        self, dtype: Any, order: Any = "K", casting: Any = None, subok: Any = None, copy: bool = True
    ) -> "ndarray":
        """Another type; the strides are kept as closely as a packed array allows."""
        for name, value in (("casting", casting), ("subok", subok)):
            if value is not None:
                raise TypeError(f"{name} is not supported yet")
        dtype, order = dtype_of(dtype), order or "K"
        host = self._host
        if (
            not copy
            and dtype == host.dtype
            and (order in "KA" or (host.flags.f_contiguous if order == "F" else host.flags.c_contiguous))
        ):
            return self
        return launch(lambda: cast(host, dtype), [self], order=order)  # type: ignore[no-any-return]

    def copy(self, order: str = "C") -> "ndarray":
        """A copy, C-contiguous unless asked otherwise."""
        host = self._host
        return launch(lambda: host, [self], order=order)  # type: ignore[no-any-return]

    def fill(self, value: Any) -> None:
        """Set every element to a number."""
        if isinstance(value, numpy.ndarray):
            if value.shape != ():
                raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
            value = value.item()
        self[...] = value

    def __copy__(self) -> "ndarray":
        return self.copy()

    def __deepcopy__(self, memo: Any) -> "ndarray":
        return self.copy()

    # --- elements -------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return int(self._host.shape[0])

    def __iter__(self) -> Iterator["ndarray"]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> "ndarray":
        return named("_getitem")(self, index)  # type: ignore[no-any-return]

    def __setitem__(self, index: Any, value: Any) -> None:
        named("_setitem")(self, index, value)

    def scatter_add(self, slices: Any, value: Any) -> None:
        """Add to elements, duplicates included; atomic, in any order."""
        named("_scatter")(self, slices, value, "add")

    def scatter_max(self, slices: Any, value: Any) -> None:
        """Take the greater of element and value."""
        named("_scatter")(self, slices, value, "maximum")

    def scatter_min(self, slices: Any, value: Any) -> None:
        """Take the smaller of element and value."""
        named("_scatter")(self, slices, value, "minimum")


# --- how arrays come about ----------------------------------------------------------------------------------------


def new(shape: tuple[int, ...], dtype: Any, order: str = "C", value: Any = None) -> ndarray:
    """An array in new memory: filled with `value`, or with what nobody may read."""
    made = ndarray(shape, dtype, None, None, order)
    if value is not None:
        host = made._host

        def fill() -> None:
            host[...] = value

        capture.submit(fill, writes=[made.data.mem])
    return made


def view(source: ndarray, host: Array) -> ndarray:
    """An array over the memory of `source`, as `host`, a numpy view of the same memory."""
    if type(host) is not numpy.ndarray:
        raise TypeError(f"expected a numpy view, got {type(host).__name__}")
    made = object.__new__(ndarray)
    made._host = host
    made.base = source if source.base is None else source.base
    moved = host.__array_interface__["data"][0] - source._host.__array_interface__["data"][0] if host.size else 0
    made.data = source.data + moved if moved else source.data
    return made


def launch(compute: Callable[[], Any], reads: Sequence[ndarray], order: str = "C") -> Any:
    """The result of a computation on the device as a new array, or several as a tuple.

    `compute` gives numpy arrays from the numpy arrays inside `reads`. It is run at once; while the stream captures, once
    for the shapes of the results, and then at every replay.
    """
    with numpy.errstate(all="ignore"):
        results = compute()
    several = isinstance(results, tuple | list)
    values = [numpy.asarray(value) for value in (results if several else (results,))]
    made = [packed_like(value, order) for value in values]
    hosts = [array._host for array in made]  # a captured operation does not keep arrays: their memory is used again
    first = [values]

    def operation() -> None:
        if first:
            found = first.pop()
        else:
            with numpy.errstate(all="ignore"):
                again = compute()
            found = list(again) if several else [again]
        for host, value in zip(hosts, found, strict=True):
            host[...] = value

    if capture.capturing():
        first.clear()
    capture.submit(operation, reads=[a.data.mem for a in reads], writes=[a.data.mem for a in made])
    return tuple(made) if several else made[0]


def write(target: ndarray, compute: Callable[[], Any], reads: Sequence[ndarray]) -> None:
    """Put the result of a computation into `target`."""
    host = target._host
    _check_no_repeats(host)

    def operation() -> None:
        with numpy.errstate(all="ignore"):
            host[...] = cast(numpy.asarray(compute()), host.dtype)

    capture.submit(operation, reads=[a.data.mem for a in reads], writes=[target.data.mem])


def change(target: ndarray, operation: Callable[[], Any], reads: Sequence[ndarray]) -> None:
    """Run what writes into the memory of `target` by itself."""
    _check_no_repeats(target._host)

    def quiet() -> None:
        with numpy.errstate(all="ignore"):
            operation()

    capture.submit(quiet, reads=[a.data.mem for a in reads], writes=[target.data.mem])


def _check_no_repeats(host: Array) -> None:
    if any(stride == 0 and n > 1 for stride, n in zip(host.strides, host.shape, strict=True)) and host.size:
        raise StandInError(
            f"a write through a view of shape {host.shape} with strides {host.strides}, which repeats elements: on a GPU "
            "the threads race; numpy refuses it where the view is of broadcast_to"
        )


def packed_like(value: Array, order: str) -> ndarray:
    """Memory for a result: packed in the order of `value` for "K", C-contiguous otherwise unless asked."""
    if order in "CF":
        return ndarray(value.shape, value.dtype, None, None, order)
    shape = numpy.empty_like(value, order=order)  # type: ignore[call-overload]
    made = ndarray(value.shape, value.dtype)
    if shape.strides != made.strides and value.size:
        pointer = made.data
        made._host = numpy.ndarray(
            value.shape, value.dtype, pointer.mem.buffer, pointer.ptr - pointer.mem.ptr, shape.strides
        )
    return made


def host_of(value: Any) -> Any:
    """The numpy array inside, for what runs on the device; other values as they are, a numpy array refused."""
    if type(value) is ndarray:
        if value.data.device_id != machine.current_device():
            raise ValueError(
                f"The device where the array resides ({value.data.device_id}) is different from the current device "
                f"({machine.current_device()}). Peer access is unavailable between these devices."
            )
        return value._host
    if isinstance(value, numpy.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    return value
