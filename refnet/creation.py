"""Making tensors: from data, and filled in a pattern."""

import math
from typing import Any

import numpy

from refnet import _dtype, _gpu, _tape
from refnet._check import check
from refnet._device import cpu, empty_in_layout, moved, placed, to_numpy
from refnet._memory_format import ORDER, contiguous_format, memory_format, preserve_format
from refnet._ops._dims import sizes_of
from refnet._ops.diagonal import triangle_positions
from refnet._ops.pointwise import write_out
from refnet._ops.resize import span
from refnet._tape import TensorBase
from refnet.tensor import Tensor


def _make(values: Any, device: Any, requires_grad: bool, out: Any = None) -> Any:
    """A tensor of values that were computed on the host."""
    where = placed(device if out is None else out.device)
    return _made(values if where is cpu else moved(values, where), where, requires_grad, out)


def _made(array: Any, where: Any, requires_grad: bool, out: Any = None) -> Any:
    made = _tape.wrap(array, where)
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
    if _is_of_a_gpu(data):
        data, device = Tensor(data), placed(device)
    if isinstance(data, TensorBase):
        where = data.device if device is None else placed(device)
        if where is not cpu or data.device is not cpu:
            made = data.detach().to(where, dtype)  # type: ignore[attr-defined]
            made = made.clone(memory_format=contiguous_format) if made._array is data._array else made.contiguous()
            return made.requires_grad_() if requires_grad else made
        device = cpu
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


def _is_of_a_gpu(data: Any) -> bool:
    """Whether it is another library's array on a GPU."""
    return not isinstance(data, TensorBase | numpy.ndarray | list | float | int) and hasattr(
        data, "__cuda_array_interface__"
    )


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Any:
    """`data` as a tensor, sharing its memory (and history) where type and device allow.

    An array of another library on a GPU (`__cuda_array_interface__`) stays there if `device` says so: the CPU is the
    default, as for all data.
    """
    if _is_of_a_gpu(data):
        data, device = Tensor(data), placed(device)
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


_DLPACK_CUDA = 2  # kDLCUDA, the memory of a GPU


def from_dlpack(ext_tensor: Any) -> Any:
    """A tensor over memory that another library lends through DLPack: of the host, or of a GPU.

    Work that was queued on the memory of a GPU comes before what is queued on the current stream from now on.
    """
    kind, index = ext_tensor.__dlpack_device__()
    if kind != _DLPACK_CUDA:
        return Tensor(numpy.from_dlpack(ext_tensor))
    return Tensor(placed(f"cuda:{index}").xp.from_dlpack(ext_tensor))


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
    kind = _type(dtype, _dtype.of_scalar(fill_value))
    value = numpy.asarray(fill_value).astype(kind)
    return _filled("full", (size, value), kind, device, requires_grad, out)


def _filled(how: str, arguments: tuple[Any, ...], kind: Any, device: Any, requires_grad: bool, out: Any) -> Any:
    """What the function `how` of the array module makes, on the device itself: a tensor on a GPU is filled there."""
    where = placed(device if out is None else out.device)
    xp = where.xp
    if where is not cpu:
        _gpu.check_dtype(kind, xp)
        arguments = tuple(x.item() if isinstance(x, numpy.ndarray) else x for x in arguments)
    return _made(getattr(xp, how)(*arguments, dtype=kind), where, requires_grad, out)


def _check_sizes(size: tuple[int, ...]) -> None:
    for n in size:
        check(n >= 0, lambda n=n: f"Trying to create tensor with negative dimension {n}: {list(size)}")  # type: ignore[misc]


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, out: Any = None) -> Any:
    """Zeros: zeros(2, 3) or zeros((2, 3))."""
    shape = sizes_of(size, "zeros")
    _check_sizes(shape)
    return _filled("zeros", (shape,), _type(dtype), device, requires_grad, out)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, out: Any = None) -> Any:
    """Ones: ones(2, 3) or ones((2, 3))."""
    shape = sizes_of(size, "ones")
    _check_sizes(shape)
    return _filled("ones", (shape,), _type(dtype), device, requires_grad, out)


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
    made = _filled("empty", (shape,), _type(dtype), device, requires_grad, out)
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
    where = input.device if device is None else placed(device)
    if order == "C":
        values = where.xp.empty(input._array.shape, kind)
    else:
        values = empty_in_layout(input._array, where, kind)
    values[...] = value
    made = _made(values, where, requires_grad)
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
    dtype = dtype if out is None else out.dtype
    if dtype is not None and not dtype.is_floating_point and (out is not None or dtype is _dtype.int64):
        start, end, step = int(start), int(end), int(step)  # the result's type takes the bounds first
    check(step != 0, lambda: "step must be nonzero", RuntimeError if out is None else ValueError)
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
    if kind.kind in "iu":
        start, step = int(start), int(step)
    compute = "int64" if all(isinstance(v, int) for v in (start, end, step)) else "float64"
    where = placed(device if out is None else out.device)
    return _made((start + where.xp.arange(count, dtype=compute) * step).astype(kind), where, requires_grad, out)


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
    start, end = _ends(start, end, steps, "linspace")
    kind = _type(dtype)
    return _make(_evenly(start, end, steps, kind).astype(kind), device, requires_grad, out)


def _ends(start: Any, end: Any, steps: Any, name: str) -> tuple[float, float]:
    """Two numbers or 0-d tensors as numbers, and torch's errors for others and for a bad number of steps."""
    base = "float base = 10.0, " if name == "logspace" else ""
    check(
        hasattr(steps, "__index__"),
        lambda: (
            f"{name}() received an invalid combination of arguments - got "
            f"({type(start).__name__}, {type(end).__name__}, {type(steps).__name__}), but expected (Number start, Number "
            f"end, int steps, {base}*, Tensor out = None, torch.dtype dtype = None, torch.layout layout = None, "
            "torch.device device = None, bool pin_memory = False, bool requires_grad = False)"
        ),
        TypeError,
    )
    tensors = [(what, x.ndim) for what, x in (("start", start), ("end", end)) if isinstance(x, Tensor)]
    check(
        all(ndim == 0 for _, ndim in tensors),
        lambda: (
            f"{name} only supports 0-dimensional start and end tensors, but got "
            f"{' and '.join(f'{what} with {ndim} dimension(s)' for what, ndim in tensors)}."
        ),
    )
    check(steps >= 0, lambda: f"number of steps must be non-negative, got {steps}")
    return float(start), float(end)


def _evenly(start: float, end: float, steps: int, kind: Any) -> Any:
    """Counted from the nearer end, in the precision of numpy type `kind`, as torch does; integers as float64."""
    compute: Any = _dtype.opmath(kind)
    if kind.kind in "iu":
        start, end = (int(numpy.asarray(int(bound)).astype(kind)) for bound in (start, end))
        compute = numpy.dtype("float64")
    if steps == 1:
        return numpy.array([start])
    first, last = numpy.asarray(start, compute), numpy.asarray(end, compute)
    step = numpy.asarray((last - first) / numpy.asarray(max(steps - 1, 1), compute))
    # Product and sum are rounded once (a fused multiply-add): the wider type holds the product exactly.
    wide: Any = numpy.float64 if compute.itemsize < 8 else numpy.longdouble
    i: Any = numpy.arange(steps, dtype=wide)
    from_start, from_end = first + step * i, last - step * (steps - 1 - i)
    return numpy.where(i < steps // 2, from_start, from_end).astype(compute)


def logspace(start: Any, end: Any, steps: int, base: float = 10.0, **options: Any) -> Any:
    """base raised to `steps` numbers evenly spaced from start to end."""
    start, end = _ends(start, end, steps, "logspace")
    kind = _type(options.pop("dtype", None))
    exponents = _evenly(start, end, steps, kind if kind.kind in "iu" else numpy.dtype("float64"))
    powers = numpy.power(base, exponents).astype(kind)
    return _make(powers, options.pop("device", None), options.pop("requires_grad", False), options.pop("out", None))


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
    return _filled("eye", (n, m), _type(dtype), device, requires_grad, out)


def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """A 0-d tensor of one number, of the default dtype unless told otherwise.

    >>> scalar_tensor(3)
    tensor(3.)
    """
    return _make(numpy.asarray(s).astype(_type(dtype)), device, requires_grad)


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = _dtype.int64, device: Any = None) -> Any:
    """Where the elements of the lower triangle of a (row, col) matrix are: their rows, then their columns.

    >>> tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    kind = _dtype.check_dtype(dtype, "tril_indices")
    return _make(triangle_positions(numpy, row, col, offset, kind, upper=False), device, False)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = _dtype.int64, device: Any = None) -> Any:
    """Where the elements of the upper triangle of a (row, col) matrix are: their rows, then their columns.

    >>> triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    kind = _dtype.check_dtype(dtype, "triu_indices")
    return _make(triangle_positions(numpy, row, col, offset, kind, upper=True), device, False)


# --- of given strides ---------------------------------------------------------------------------------------------


def empty_strided(size: Any, stride: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """A tensor of the given size and strides, in elements; its values are whatever the memory held.

    >>> empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    memory = empty(span(size, stride), dtype=dtype, device=device)
    return memory.as_strided(tuple(size), tuple(stride)).detach().requires_grad_(requires_grad)


def empty_permuted(
    size: Any, physical_layout: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Any:
    """A tensor of the given size that lies in memory densely, its dimensions from the outermost to the innermost.

    >>> empty_permuted((2, 3, 4), (0, 2, 1)).stride()
    (12, 1, 3)
    """
    size, layout = tuple(size), tuple(physical_layout)
    check(
        len(layout) == len(size),
        lambda: (
            f"Number of dimensions in the tensor input does not match the length of the physical layout; i.e. len(size) = "
            f"{len(size)} is not equal to len(physical_layout) = {len(layout)}"
        ),
    )
    for d in layout:
        check(
            0 <= d < len(size) and layout.count(d) == 1,
            lambda d=d: (
                f"Dimension out of range (expected to be between 0 and {len(size) - 1}, but got {d})."  # type: ignore[misc]
                if not 0 <= d < len(size)
                else "Duplicate dim not allowed"
            ),
        )
    memory = empty(tuple(size[d] for d in layout), dtype=dtype, device=device)
    back = tuple(layout.index(d) for d in range(len(size)))
    return memory.permute(back).detach().requires_grad_(requires_grad)
