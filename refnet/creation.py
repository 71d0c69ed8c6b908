"""Making tensors: from data, and filled in a pattern."""

import math
from typing import Any

import numpy

from refnet import _dtype, _tape
from refnet._check import check
from refnet._device import device as Device
from refnet._device import to_numpy
from refnet._memory_format import ORDER, contiguous_format, memory_format, preserve_format
from refnet._ops._dims import sizes_of
from refnet._ops.pointwise import write_out
from refnet._tape import TensorBase
from refnet.tensor import Tensor

_default_device = Device("cpu")


def _make(values: Any, device: Any, requires_grad: bool, out: Any = None) -> Any:
    where = _default_device if device is None else Device(device)
    made = _tape.wrap(values if where.xp is numpy else where.xp.asarray(values), where)
    if out is not None:
        made = write_out(made, out, "out")
    return made.requires_grad_() if requires_grad else made


def _type(dtype: Any, default: Any = None) -> Any:
    """The numpy type asked for, else that of the default."""
    if dtype is None:
        dtype = _dtype.get_default_dtype() if default is None else default
    return _dtype.check_dtype(dtype, "creation").numpy


# --- from data ----------------------------------------------------------------------------------------------------


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """A tensor with a copy of `data`: a number, nested sequences of numbers or tensors, an array, or a tensor.

    Python bools give bool, ints int64, floats the default dtype; arrays keep their type. ValueError for ragged
    sequences, TypeError for what is no number.

    >>> import refnet
    >>> refnet.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    >>> refnet.tensor(1.5).dtype
    refnet.float32
    """
    if device is None and isinstance(data, TensorBase):
        device = data.device
    values = _values(data, dtype)
    return _make(
        numpy.array(values, dtype=None if dtype is None else _type(dtype), order="C", copy=True),
        device,
        requires_grad,
    )


def _values(data: Any, dtype: Any) -> Any:
    """`data` as a numpy array of the type torch infers."""
    if isinstance(data, TensorBase):
        return to_numpy(data._array)
    if isinstance(data, numpy.ndarray | numpy.generic):
        _dtype.from_numpy(data.dtype)
        return data
    if hasattr(data, "__array__"):
        return numpy.asarray(data)
    leaf = _first_leaf(data)
    if isinstance(leaf, TensorBase | numpy.ndarray):
        data = _unwrap(data)
    try:
        values = numpy.array(data)
    except ValueError as error:
        raise ValueError(_ragged(data)) from error
    except OverflowError as error:
        raise ValueError("Overflow when unpacking long long") from error
    if values.dtype.kind in "OUSMmc":
        bad = leaf if leaf is not None else data
        check(
            values.dtype.kind != "O" or not isinstance(bad, int),
            lambda: f"Overflow when unpacking long long: {bad}",
            ValueError,
        )
        check(not isinstance(data, list | tuple), lambda: f"too many dimensions {type(bad).__name__!r}", ValueError)
        raise TypeError(
            f"tensor(): could not infer the dtype of {type(bad).__name__}; expected numbers, sequences or arrays"
        )
    if values.dtype == numpy.float64 and not isinstance(leaf, numpy.floating | numpy.ndarray | TensorBase):
        values = values.astype(_dtype.get_default_dtype().numpy) if dtype is None else values
    return values


def _first_leaf(data: Any) -> Any:
    while isinstance(data, list | tuple):
        if not data:
            return 0.0
        data = data[0]
    return data


def _unwrap(data: Any) -> Any:
    if isinstance(data, list | tuple):
        return [_unwrap(x) for x in data]
    return to_numpy(data._array) if isinstance(data, TensorBase) else data


def _ragged(data: Any) -> str:
    """Where the lengths of nested sequences stop agreeing, in torch's words."""
    level, depth = [data], 0
    while all(isinstance(x, list | tuple) for x in level):
        sizes = [len(x) for x in level]
        if len(set(sizes)) > 1:
            other = next(n for n in sizes if n != sizes[0])
            return f"expected sequence of length {sizes[0]} at dim {depth} (got {other})"
        level, depth = [y for x in level for y in x], depth + 1
    return f"too many dimensions: sequences and numbers are mixed at dim {depth}"


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Any:
    """`data` as a tensor, sharing its memory (and history) where type and device allow."""
    if isinstance(data, TensorBase):
        return data.to(device=device, dtype=dtype)  # type: ignore[attr-defined]
    if isinstance(data, numpy.ndarray) and (dtype is None or data.dtype == dtype.numpy) and device is None:
        return from_numpy(data)
    return tensor(data, dtype=dtype, device=device)


def from_numpy(ndarray: Any) -> Any:
    """A tensor over the memory of a numpy array.

    TypeError for another object or for an element type that tensors do not have; ValueError for negative strides.
    """
    check(
        isinstance(ndarray, numpy.ndarray),
        lambda: f"expected np.ndarray (got {type(ndarray).__name__})",
        TypeError,
    )
    _dtype.from_numpy(ndarray.dtype)
    check(
        all(s >= 0 for s in ndarray.strides),
        lambda: (
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
            "currently supported. (You can probably work around this by making a copy of your array with array.copy().)"
        ),
        ValueError,
    )
    return Tensor(ndarray)


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Any:
    """`obj` as a tensor; copied if `copy`, never copied if it is False, else only where needed."""
    if copy:
        return tensor(obj, dtype=dtype, device=device, requires_grad=requires_grad)
    made = as_tensor(obj, dtype, device)
    return made.requires_grad_(requires_grad) if requires_grad else made


def from_dlpack(ext_tensor: Any) -> Any:
    """A tensor over memory that another library lends through DLPack."""
    return Tensor(numpy.from_dlpack(ext_tensor))


# --- filled -------------------------------------------------------------------------------------------------------


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Any = None,
) -> Any:
    """A tensor of the given size with every element `fill_value`, whose type it takes unless told otherwise.

    >>> full((2,), 7)
    tensor([7, 7])
    """
    size = sizes_of((size,), "full") if isinstance(size, list | tuple) else (size,)
    _check_sizes(size)
    if isinstance(fill_value, TensorBase):
        fill_value = fill_value.item()  # type: ignore[attr-defined]
    return _make(numpy.full(size, fill_value, _type(dtype, _dtype.of_scalar(fill_value))), device, requires_grad, out)


def _check_sizes(size: tuple[int, ...]) -> None:
    for n in size:
        check(n >= 0, lambda n=n: f"Trying to create tensor with negative dimension {n}: {list(size)}")  # type: ignore[misc]


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, out: Any = None) -> Any:
    """Zeros: zeros(2, 3) or zeros((2, 3))."""
    shape = sizes_of(size, "zeros")
    _check_sizes(shape)
    return _make(numpy.zeros(shape, _type(dtype)), device, requires_grad, out)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, out: Any = None) -> Any:
    """Ones: ones(2, 3) or ones((2, 3))."""
    shape = sizes_of(size, "ones")
    _check_sizes(shape)
    return _make(numpy.ones(shape, _type(dtype)), device, requires_grad, out)


def empty(
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: memory_format = contiguous_format,
    out: Any = None,
) -> Any:
    """A tensor whose values are whatever the memory held."""
    shape = sizes_of(size, "empty")
    _check_sizes(shape)
    made = _make(numpy.empty(shape, _type(dtype)), device, requires_grad, out)
    return made if memory_format is contiguous_format else made.contiguous(memory_format=memory_format)


def zeros_like(input: Any, **options: Any) -> Any:
    """Zeros in the shape, dtype, device and memory layout of input, unless told otherwise."""
    return _like(input, 0, **options)


def ones_like(input: Any, **options: Any) -> Any:
    """Ones in the shape, dtype, device and memory layout of input, unless told otherwise."""
    return _like(input, 1, **options)


def full_like(input: Any, fill_value: Any, **options: Any) -> Any:
    """`fill_value` in the shape, dtype, device and memory layout of input, unless told otherwise."""
    return _like(input, fill_value, **options)


def empty_like(input: Any, **options: Any) -> Any:
    """A tensor in the shape, dtype, device and memory layout of input; its values are zeros."""
    return _like(input, 0, **options)


def _like(
    input: Any,
    value: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Any:
    check(
        isinstance(input, TensorBase),
        lambda: f"argument 'input' must be Tensor, not {type(input).__name__}",
        TypeError,
    )
    kind = input._array.dtype if dtype is None else _type(dtype)
    order = ORDER[memory_format]
    values = numpy.empty_like(to_numpy(input._array), dtype=kind, order="C" if order == "C" else "K")
    values[...] = value
    made = _make(values, input.device if device is None else device, requires_grad)
    return made if order != "channels_last" else made.contiguous(memory_format=memory_format)


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Any = None,
) -> Any:
    """start, start + step, ... below end: ceil((end - start) / step) numbers; arange(n) starts at 0.

    int64 if all are ints, else the default dtype.

    >>> arange(1, 2.5, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    if end is None:
        start, end = 0, start
    check(step != 0, lambda: "step must be nonzero")
    check(math.isfinite(start) and math.isfinite(end), lambda: f"unsupported range: {start} -> {end}")
    check(
        (step > 0 and end >= start) or (step < 0 and end <= start),
        lambda: "upper bound and lower bound inconsistent with step sign",
    )
    kind = _type(
        dtype,
        None if any(isinstance(v, float | numpy.floating) for v in (start, end, step)) else _dtype.int64,
    )
    count = math.ceil((end - start) / step)
    compute = "int64" if all(isinstance(v, int) for v in (start, end, step)) else "float64"
    return _make((start + numpy.arange(count, dtype=compute) * step).astype(kind), device, requires_grad, out)


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Any = None,
) -> Any:
    """`steps` numbers evenly spaced from start to end, both included."""
    check(steps >= 0, lambda: "number of steps must be non-negative")
    kind = _type(dtype)
    return _make(_linspace(float(start), float(end), steps, kind), device, requires_grad, out)


def _linspace(start: float, end: float, steps: int, kind: Any) -> Any:
    """Counted from the nearer end, in the result's own precision, as torch does."""
    if steps == 1:
        return numpy.array([start]).astype(kind)
    compute = numpy.float64 if kind.kind in "iu" else _dtype.opmath(kind)
    first, last = numpy.asarray(start, compute), numpy.asarray(end, compute)
    step = numpy.float64((last - first) / numpy.asarray(max(steps - 1, 1), compute))
    i = numpy.arange(steps)
    # Product and sum are rounded once (a fused multiply-add): in float64 the float32 product is exact.
    from_start, from_end = first + step * i, last - step * (steps - 1 - i)
    return numpy.where(i < steps // 2, from_start, from_end).astype(kind)


def logspace(start: Any, end: Any, steps: int, base: float = 10.0, **options: Any) -> Any:
    """base raised to `steps` numbers evenly spaced from start to end."""
    dtype = options.pop("dtype", None)
    powers = numpy.power(base, _linspace(float(start), float(end), steps, numpy.dtype("float64")))
    return _make(powers.astype(_type(dtype)), options.pop("device", None), options.pop("requires_grad", False))


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Any = None,
) -> Any:
    """The n x m matrix (square without m) with ones on the diagonal."""
    check(n >= 0, lambda: f"n must be greater or equal to 0, got {n}")
    check(m is None or m >= 0, lambda: f"m must be greater or equal to 0, got {m}")
    return _make(numpy.eye(n, m, dtype=_type(dtype)), device, requires_grad, out)
