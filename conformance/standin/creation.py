"""Arrays from nothing and from the host: where cupy differs most from numpy, and mixes with it least."""

from typing import Any

import numpy

from conformance.draw import Array
from conformance.standin import transfers
from conformance.standin.casting import cast, dtype_of
from conformance.standin.lending import DLPACK_CUDA
from conformance.standin.names import named
from conformance.standin.ndarray import change, host_of, launch, ndarray, new, packed_like
from conformance.standin.runtime import capture, machine


def array(
    obj: Any,
    dtype: Any = None,
    copy: bool = True,
    order: str = "K",
    subok: bool = False,
    ndmin: int = 0,
    *,
    blocking: bool = False,
) -> ndarray:
    """An array from anything: device arrays are copied there, the rest comes from the host."""
    kind = None if dtype is None else dtype_of(dtype)
    if type(obj) is ndarray:
        made = obj.astype(kind or obj.dtype, order=order, copy=bool(copy))
    elif isinstance(obj, list | tuple) and (inside := _device_arrays(obj)):
        hosts = _hosts(obj)
        made = launch(lambda: numpy.array(hosts, kind), inside)
    else:
        source = numpy.asarray(obj, kind)
        dtype_of(source.dtype)
        if source.ndim and isinstance(obj, list | tuple | numpy.ndarray):
            order = (
                order if order in "CF" else "F" if source.flags.f_contiguous and not source.flags.c_contiguous else "C"
            )
            made = ndarray(source.shape, source.dtype, None, None, order)
            _send(source, made)
        else:
            made = _scalar(source)
    return made.reshape((1,) * (ndmin - made.ndim) + made.shape) if made.ndim < ndmin else made


def asarray(a: Any, dtype: Any = None, order: Any = None, *, blocking: bool = False) -> ndarray:
    """The array itself where it is one of that type, else a new one."""
    if type(a) is ndarray and (dtype is None or a.dtype == dtype_of(dtype)) and order in (None, "K", "A"):
        return a
    return array(a, dtype, copy=False, order=order or "K", blocking=blocking)


asanyarray = asarray


def ascontiguousarray(a: Any, dtype: Any = None) -> ndarray:
    """C-contiguous, with at least one dimension: a copy where it is not."""
    made = array(a, dtype, copy=False, order="C")
    return made.reshape(1) if made.ndim == 0 else made


def asfortranarray(a: Any, dtype: Any = None) -> ndarray:
    """F-contiguous: a copy where it is not."""
    return array(a, dtype, copy=False, order="F")


def asnumpy(a: Any, stream: Any = None, order: str = "C", out: Any = None, *, blocking: bool = True) -> Array:
    """A copy in host memory."""
    return a.get(stream, order, out, blocking) if type(a) is ndarray else numpy.asarray(a, order=order)  # type: ignore[call-overload]


def copy(a: Any, order: str = "K") -> ndarray:
    """A copy; the strides are kept as closely as a packed array allows."""
    return array(a, copy=True, order=order) if type(a) is not ndarray else a.copy(order=order)


def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = None) -> None:
    """Copy into an array, where a mask holds."""
    if type(src) is not ndarray and not isinstance(src, bool | int | float | complex | numpy.generic):
        raise TypeError(f"Unsupported type {type(src)}")
    source, target = host_of(src), host_of(dst)
    kind = source.dtype if isinstance(source, numpy.ndarray | numpy.generic) else None
    if kind is not None and not numpy.can_cast(kind, dst.dtype, casting):  # type: ignore[arg-type]
        raise TypeError(f"Cannot cast {kind} to {dst.dtype} in {casting} casting mode")
    reads = [a for a in (src, where) if type(a) is ndarray]
    mask = True if where is None else host_of(where)
    change(dst, lambda: numpy.copyto(target, cast(numpy.asarray(source), target.dtype), where=mask), reads)


def empty(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    """New memory, full of NaN and -1 here."""
    return ndarray(shape, dtype, None, None, order)


def zeros(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    """Zeros."""
    return new(shape, dtype, order, 0)


def ones(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    """Ones."""
    return new(shape, dtype, order, 1)


def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C") -> ndarray:
    """One number everywhere."""
    if dtype is None:
        dtype = fill_value.dtype if type(fill_value) is ndarray else numpy.asarray(fill_value).dtype
    made = ndarray(shape, dtype, None, None, order)
    made[...] = fill_value
    return made


def empty_like(a: Any, dtype: Any = None, order: str = "K", subok: Any = None, shape: Any = None) -> ndarray:
    """New memory of an array's shape, type and order of dimensions."""
    _not_supported(subok)
    kind = dtype_of(dtype or a.dtype)
    model = numpy.empty_like(host_of(a), kind, order, shape=shape)  # type: ignore[call-overload]
    return packed_like(model, "K")


def zeros_like(a: Any, dtype: Any = None, order: str = "K", subok: Any = None, shape: Any = None) -> ndarray:
    """Zeros of an array's shape."""
    return _filled_like(a, 0, dtype, order, subok, shape)


def ones_like(a: Any, dtype: Any = None, order: str = "K", subok: Any = None, shape: Any = None) -> ndarray:
    """Ones of an array's shape."""
    return _filled_like(a, 1, dtype, order, subok, shape)


def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: Any = None, shape: Any = None
) -> ndarray:
    """One number everywhere, in an array's shape."""
    return _filled_like(a, fill_value, dtype, order, subok, shape)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> ndarray:
    """Start, start + step, ...: computed as ``start + i * step``, where numpy takes the difference of the first two."""
    bounds = [start, stop, step]
    if any(type(b) is ndarray or isinstance(b, numpy.ndarray) for b in bounds):
        raise TypeError("cupy.arange takes numbers of the host: an array would have to be read")
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    if dtype is None:
        dtype = numpy.asarray(start + step + stop).dtype if any(isinstance(b, float) for b in bounds) else None
        dtype = dtype or numpy.result_type(*[numpy.asarray(b).dtype for b in (start, stop, step)])
    kind = dtype_of(dtype)
    count = max(int(numpy.ceil((stop - start) / step)), 0)
    return launch(lambda: _steps(start, step, count, kind), [])  # type: ignore[no-any-return]


def _steps(start: Any, step: Any, count: int, kind: Any) -> Array:
    if kind.kind == "b":
        return numpy.arange(start, start + count * step, step).astype(kind)
    work = numpy.dtype(numpy.float32) if kind == numpy.float16 else kind
    first, delta = numpy.asarray(start).astype(work), numpy.asarray(step).astype(work)
    return (first + numpy.arange(count).astype(work) * delta).astype(kind)


def from_dlpack(array: Any) -> ndarray:  # cupy's name
    """What another library has on the device; here only the stand-in's own arrays, and what holds one, are."""
    if array.__dlpack_device__()[0] != DLPACK_CUDA:
        raise BufferError(f"from_dlpack: a {type(array).__name__} is not on the stand-in's device")
    lent = array.__dlpack__(stream=machine.current_stream() or 1)
    return lent.array.view()  # type: ignore[no-any-return]


def as_strided(x: ndarray, shape: Any = None, strides: Any = None) -> ndarray:
    """A view that does not know its base."""
    return ndarray(
        x.shape if shape is None else tuple(shape), x.dtype, x.data, x.strides if strides is None else strides
    )


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """Elements of x or y by a condition, which must be an array."""
    if (x is None) != (y is None):
        raise ValueError("Must provide both 'x' and 'y' or neither.")
    if x is None:
        return named("nonzero")(condition)
    return named("_where")(condition.astype("?"), x, y)


def clip(a: Any, a_min: Any, a_max: Any, out: Any = None) -> Any:
    """Between two bounds; the type of the array and of the bounds."""
    if a_min is None and a_max is None:
        raise ValueError("array_clip: must set either max or min")
    kind = a.dtype
    limits = numpy.iinfo(kind) if kind.kind in "iu" else None
    if a_min is None:
        a_min = int(limits.min) if limits else -numpy.inf
    if a_max is None:
        a_max = int(limits.max) if limits else numpy.inf
    return named("_clip")(a, a_min, a_max, out=out)


def _filled_like(a: Any, value: Any, dtype: Any, order: str, subok: Any, shape: Any) -> ndarray:
    made = empty_like(a, dtype, order, subok, shape)
    made[...] = value
    return made


def _not_supported(subok: Any) -> None:
    if subok is not None:
        raise TypeError("subok is not supported yet")


def _send(source: Array, made: ndarray) -> None:
    """Copy from the host: cupy puts the numbers into pinned memory of its own first, so that they may change later."""
    transfers.write("cupy.array")
    host = made._host

    def copied() -> None:
        host[...] = source

    capture.submit(copied, writes=[made.data.mem])


def _scalar(source: Array) -> ndarray:
    """A number: it goes along with the launch, nothing is copied."""
    made = ndarray(source.shape, source.dtype)
    host = made._host

    def fill() -> None:
        host[...] = source

    capture.submit(fill, writes=[made.data.mem])
    return made


def _device_arrays(values: Any) -> list[ndarray]:
    found: list[ndarray] = []
    for value in values:
        if type(value) is ndarray:
            found.append(value)
        elif isinstance(value, list | tuple):
            found.extend(_device_arrays(value))
    return found


def _hosts(values: Any) -> Any:
    return [_hosts(v) if isinstance(v, list | tuple) else host_of(v) for v in values]
