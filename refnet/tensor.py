"""Tensor: an array, where it lives, and how it came about. Its methods are one line each over `_ops`."""

import builtins
import weakref
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Self

import numpy

from refnet import _dtype, _engine, _gpu, _tape
from refnet._check import check
from refnet._device import Array, address, cpu, device, device_of_array, moved, placed, storage, to_numpy
from refnet._inplace import fill, in_place, update
from refnet._memory_format import NDIM, ORDER, contiguous_format, memory_format, preserve_format
from refnet._ops import (
    bessel,
    closeness,
    copies,
    determinant,
    differences,
    entropy,
    floating_point,
    gamma,
    getitem,
    masks,
    matrix_function,
    matrix_norm,
    order_statistics,
    pointwise,
    pseudoinverse,
    rearrange,
    rectifier,
    reduce,
    replaced,
    resize,
    scan,
    search,
    signs,
    special,
    spectral,
    statistics,
    windows,
)
from refnet._ops import cholesky as factors
from refnet._ops import diagonal as diagonals
from refnet._ops import index as positions
from refnet._ops import lu as packed
from refnet._ops import matmul as products
from refnet._ops import products as moreproducts
from refnet._ops import qr as orthogonal
from refnet._ops import scatter_reduce as reducing
from refnet._ops import shape as shapes
from refnet._ops import softmax as stable
from refnet._ops import solve as systems
from refnet._ops import sort as sorting
from refnet._ops import split as pieces
from refnet._ops import unique as distinct
from refnet._ops._dims import dim_of, infer_shape, sizes_of
from refnet._ops.transfer import transfer
from refnet._tape import RemovableHandle, TensorBase
from refnet.random import functions as draws


class Size(tuple[int, ...]):
    """A tensor's shape: a tuple with torch's name and `numel`.

    >>> Size((2, 3)).numel(), Size((2, 3))[0]
    (6, 2)
    """

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        n = 1
        for size in self:
            n *= size
        return n

    def __repr__(self) -> str:
        return f"refnet.Size({list(self)})"

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return Size(found) if isinstance(found, tuple) else found

    def __add__(self, other: Any) -> "Size":
        return Size(super().__add__(tuple(other)))


_Operand = TensorBase | int | float | numpy.generic | numpy.ndarray


def _operand(value: Any) -> Any:
    return Tensor(value) if isinstance(value, numpy.ndarray) else value


def _binary(function: Callable[..., Any]) -> Callable[..., Any]:
    """An operator: `x + y` for a tensor, number or array y; NotImplemented for anything else."""

    def operator(self: Any, other: Any) -> Any:
        if isinstance(other, TensorBase):
            return function(self, other)
        return function(self, _operand(other)) if isinstance(other, _Operand) else NotImplemented

    return operator


def _reflected(function: Callable[..., Any]) -> Callable[..., Any]:
    """The operator of the right operand: `2 - x`."""

    def operator(self: Any, other: Any) -> Any:
        check(
            isinstance(self, TensorBase),
            lambda: f"a descriptor of 'Tensor' objects doesn't apply to a '{type(self).__name__}' object",
            TypeError,
        )
        return function(_operand(other), self) if isinstance(other, _Operand) else NotImplemented

    return operator


def _augmented(function: Callable[..., Any]) -> Callable[..., Any]:
    """The in-place operator: `x += y`."""

    def operator(self: Any, other: Any) -> Any:
        return update(self, function, _operand(other)) if isinstance(other, _Operand) else NotImplemented

    return operator


def _dims_method(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A method that takes its sizes or dimensions separately or as one sequence: x.permute(1, 0), x.permute((1, 0))."""

    def method(self: Any, *sizes: Any) -> Any:
        return function(self, sizes_of(sizes, name))

    method.__name__, method.__doc__ = name, function.__doc__
    return method


class Tensor(TensorBase):
    """A multi-dimensional array of one dtype that remembers how it was computed.

    `data` must be an array (numpy, or cupy for a tensor on a GPU) or a tensor; the memory is shared. To convert
    numbers and lists use `refnet.tensor`. Raises TypeError that names the type it got.

    >>> import numpy as np
    >>> x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.], dtype=refnet.float64)
    """

    __array_priority__ = 1000  # numpy's operators leave `array + tensor` to the tensor
    name: str | None = None

    _array: Array
    device: device
    _class_of_slices: ClassVar[Any]

    def __new__(cls, data: Any = None, requires_grad: bool = False, name: str | None = None) -> Self:
        if isinstance(data, TensorBase):
            array, where, cell = data._array, data.device, data._version_cell
        else:
            check(
                hasattr(data, "__array_interface__") or hasattr(data, "__cuda_array_interface__"),
                lambda: (
                    f"Tensor(): argument 'data' must be an array, not {type(data).__name__}; "
                    "refnet.tensor(data) converts numbers and sequences"
                ),
                TypeError,
            )
            array, cell = (numpy if hasattr(data, "__array_interface__") else device("cuda").xp).asarray(data), [0]
            where = device_of_array(array)
            _dtype.from_numpy(array.dtype)
        made: Self = object.__new__(cls)
        made._array, made.device, made._version_cell = array, where, cell
        if _tape.mode.inference:
            made._inference = True
        if requires_grad:
            made.requires_grad_()
        if name is not None:
            made.name = name
        return made

    # --- what it is -----------------------------------------------------------------------------------------------

    @property
    def dtype(self) -> _dtype.dtype:
        """The element type."""
        private = self._batch_last  # `_held`, in line: these three are asked for all the time
        return _dtype.from_numpy((self._array if private is None else private).dtype)

    @property
    def shape(self) -> Size:
        """The size of each dimension."""
        private = self._batch_last
        return Size((self._array if private is None else private).shape)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        private = self._batch_last
        return (self._array if private is None else private).ndim  # type: ignore[no-any-return]

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension."""
        if dim is None:
            return self.shape
        check(self.ndim > 0, lambda: f"Dimension specified as {dim} but tensor has no dimensions", IndexError)
        return self.shape[dim_of(dim, self.ndim)]

    def dim(self) -> int:
        """The number of dimensions."""
        return int(self._held.ndim)

    def numel(self) -> int:
        """The number of elements."""
        return int(self._held.size)

    nelement = numel
    ndimension = dim

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return int(self._held.itemsize)

    def element_size(self) -> int:
        """Bytes per element."""
        return self.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.numel() * self.itemsize

    def stride(self, dim: int | None = None) -> Any:
        """How many elements of memory lie between neighbours, along each dimension or along one."""
        array = self._array
        if array.size == 0:  # numpy gives 0 for all; torch counts as if sizes of 0 were 1
            steps = [1] * array.ndim
            for d in range(array.ndim - 1, 0, -1):
                steps[d - 1] = steps[d] * max(array.shape[d], 1)
        else:
            steps = [s // array.itemsize for s in array.strides]
        return tuple(steps) if dim is None else steps[dim_of(dim, self.ndim)]

    def storage_offset(self) -> int:
        """The position of the first element in the storage, in elements."""
        return (address(self._array) - address(storage(self._array))) // self.itemsize

    def data_ptr(self) -> int:
        """The address of the first element."""
        return address(self._array)

    def is_contiguous(self, memory_format: memory_format = contiguous_format) -> bool:
        """Whether the elements lie in memory densely in the order of `memory_format`."""
        if memory_format is contiguous_format:
            return self._batch_last is not None or bool(self._array.flags.c_contiguous)
        ndim = NDIM.get(memory_format)
        check(ndim is not None, lambda: f"unsupported memory format: {memory_format}")
        return self.ndim == ndim and bool(self.device.xp.moveaxis(self._array, 1, -1).flags.c_contiguous)

    def is_floating_point(self) -> bool:
        """Whether the dtype is a floating type."""
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """False: there are no complex tensors."""
        return False

    def is_signed(self) -> bool:
        """Whether the dtype has negative values."""
        return self.dtype.is_signed

    @property
    def is_cuda(self) -> bool:
        """Whether it lives on a GPU."""
        return self.device.type == "cuda"

    def get_device(self) -> int:
        """The index of the GPU, or -1 on the CPU."""
        return -1 if self.device.type == "cpu" else self.device.index or 0

    def is_same_size(self, other: "Tensor") -> bool:
        """Whether the shapes are equal."""
        return self.shape == other.shape

    # --- the graph ------------------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether operations on it are recorded. Set it, or call `requires_grad_`, on leaves."""
        if self._base is not None:
            _tape.edge_of(self)  # the base may have got a history since
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Say whether gradients are wanted; floating leaves only. Returns self."""
        check(
            requires_grad or self._node is None,
            lambda: (
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a "
                "subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            ),
        )
        check(
            not requires_grad or self.dtype.is_floating_point,
            lambda: f"only Tensors of floating point dtype can require gradients, got {self.dtype}",
        )
        check(
            not (requires_grad and self._inference) or _tape.mode.inference,
            lambda: "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.",
        )
        if self._node is None:
            self._requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by the user rather than by a recorded operation."""
        return not self.requires_grad or self._node is None

    @property
    def grad_fn(self) -> Any:
        """The node that made it; None for a leaf."""
        return self._node if self.requires_grad else None

    @property
    def grad(self) -> Any:
        """The gradient accumulated by `backward`, or None."""
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            check(
                isinstance(value, TensorBase),
                lambda: f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}",
                TypeError,
            )
            check(value is not self, lambda: "can't assign Variable as its own grad")
            check(
                value.device is self.device,
                lambda: (
                    f"assigned grad has data located on a different device: got {value.device}, expected {self.device}"
                ),
            )
            check(
                value.dtype is self.dtype,
                lambda: f"assigned grad has data of a different type: got {value.dtype}, expected {self.dtype}",
            )
            check(
                value.shape == self.shape,
                lambda: (
                    f"assigned grad has data of a different size: got {list(value.shape)}, expected {list(self.shape)}"
                ),
            )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def _version(self) -> int:
        check(not self._inference, lambda: "Inference tensors do not track version counter.")
        return self._version_cell[0]

    def is_inference(self) -> bool:
        """Whether it was made inside `inference_mode`."""
        return self._inference

    def _is_view(self) -> bool:
        return self._base is not None

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on a non-leaf."""
        return self._node is not None and self._node.retain is not None

    def retain_grad(self) -> None:
        """Have `backward` store this non-leaf's gradient in `grad`."""
        check(self.requires_grad, lambda: "can't retain_grad on Tensor that has requires_grad=False")
        if self._node is not None:
            self._node.retain = weakref.ref(self)

    def register_hook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Call ``hook(grad)`` when this tensor's gradient is complete; a tensor it returns replaces the gradient."""
        check(self.requires_grad, lambda: "cannot register a hook on a tensor that doesn't require gradient")
        owner: Any = self if self._node is None else self._node
        attribute = "_hooks" if self._node is None else "hooks"
        if getattr(owner, attribute) is None:
            setattr(owner, attribute, [])
        return RemovableHandle(getattr(owner, attribute), hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Any], None]) -> RemovableHandle:
        """Call ``hook(self)`` after `backward` added to this leaf's `grad`."""
        check(self.requires_grad, lambda: "cannot register a hook on a tensor that doesn't require gradient")
        check(self._node is None, lambda: "post accumulate grad hooks cannot be registered on non-leaf tensors")
        if self._after_accumulate is None:
            self._after_accumulate = []
        return RemovableHandle(self._after_accumulate, hook)

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add to the `grad` of every leaf the gradient of <gradient, self>; see `refnet.autograd.backward`."""
        _engine.backward(self, gradient, retain_graph, create_graph, inputs)

    def detach(self) -> "Tensor":
        """The same memory, without the history."""
        out: Tensor = _tape.wrap(self._array, self.device)
        out._version_cell = self._version_cell
        out._inference = self._inference
        return out

    def detach_(self) -> Self:
        """Forget the history. Returns self."""
        check(
            self._base is None,
            lambda: "Can't detach views in-place. Use detach() instead.",
        )
        self._node, self._requires_grad = None, False
        return self

    @property
    def data(self) -> "Tensor":
        """The same memory without history and without a shared version: writes to it are not detected."""
        return _tape.wrap(self._array, self.device)  # type: ignore[no-any-return]

    @data.setter
    def data(self, value: "Tensor") -> None:
        check(
            isinstance(value, TensorBase),
            lambda: f"data must be a Tensor, not {type(value).__name__}",
            TypeError,
        )
        self._array, self._batch_last, self.device = value._array, None, value.device

    # --- to other forms -------------------------------------------------------------------------------------------

    def item(self) -> Any:
        """The only element, as a Python number."""
        check(self.numel() == 1, lambda: f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
        value = to_numpy(self._array).reshape(()).item()
        return value if isinstance(value, int | float) else float(value)

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        values = to_numpy(self._array)
        return (values.astype(numpy.float32) if values.dtype.kind == "V" else values).tolist()

    def numpy(self, *, force: bool = False) -> Any:
        """The values as a numpy array that shares this memory; `force` detaches and copies to the host as needed."""
        if not force:
            check(
                not self.requires_grad,
                lambda: "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.",
            )
            check(
                self.device.type == "cpu",
                lambda: (
                    f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to "
                    "host memory first."
                ),
                TypeError,
            )
        check(self._array.dtype.kind != "V", lambda: "Got unsupported ScalarType BFloat16", TypeError)
        return to_numpy(self._array)

    def __array__(self, dtype: Any = None, copy: builtins.bool | None = None) -> Any:
        return numpy.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **kwargs: Any) -> Any:
        check(
            not self.requires_grad,
            lambda: "Can't export tensors that require gradient, use tensor.detach()",
            BufferError,
        )
        _ = self.device.xp  # of several GPUs, this one is to be current
        return self._array.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> Any:
        return self._array.__dlpack_device__()

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """How other libraries find the memory of a tensor on a GPU."""
        check(
            self.is_cuda,
            lambda: (
                f"Can't get __cuda_array_interface__ on non-CUDA tensor type: refnet.{self.dtype.name} If CUDA data is "
                "required use tensor.cuda() to copy tensor to device memory."
            ),
            AttributeError,
        )
        check(
            not self.requires_grad,
            lambda: (
                "Can't get __cuda_array_interface__ on Variable that requires grad. If gradients aren't required, use "
                "var.detach() to get Variable that doesn't require grad."
            ),
        )
        found: dict[str, Any] = self._array.__cuda_array_interface__
        return found

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """to(dtype), to(device), to(device, dtype), to(other): converted, or self where nothing changes.

        Keywords: device, dtype, non_blocking, copy, memory_format. To a GPU the copy is queued on the current stream,
        and the host may go on writing to self. From a GPU the host waits for it. With `non_blocking` it does not: a
        pinned tensor is read by the GPU later (leave it as it is until the stream came by), and what comes from a GPU
        arrives in pinned memory, where it is valid after a synchronisation.
        """
        where, dtype, copy, layout, non_blocking = _parse_to(args, kwargs)
        where = self.device if where is None else where
        dtype = self.dtype if dtype is None else dtype
        same_layout = layout is preserve_format or self.is_contiguous(layout)
        if where is self.device and dtype is self.dtype and same_layout and not copy:
            return self
        if where is not self.device:
            return transfer(self, where=where, non_blocking=non_blocking).to(dtype, memory_format=layout)
        if where.type == "cuda":
            _gpu.check_dtype(dtype.numpy, where.xp)
        return shapes.copy(self, order=ORDER[layout], dtype=None if dtype is self.dtype else dtype.numpy)

    def type(self, dtype: Any = None) -> Any:
        """The name of the type, or a tensor converted to `dtype`."""
        return f"refnet.{self.dtype.name}" if dtype is None else self.to(dtype)

    def type_as(self, other: "Tensor") -> Any:
        """Converted to the dtype of `other`."""
        return self.to(other.dtype)

    def double(self, memory_format: memory_format = preserve_format) -> Any:
        """As float64."""
        return self.to(_dtype.float64, memory_format=memory_format)

    def float(self, memory_format: memory_format = preserve_format) -> Any:
        """As float32."""
        return self.to(_dtype.float32, memory_format=memory_format)

    def half(self, memory_format: memory_format = preserve_format) -> Any:
        """As float16."""
        return self.to(_dtype.float16, memory_format=memory_format)

    def bfloat16(self, memory_format: memory_format = preserve_format) -> Any:
        """As bfloat16."""
        return self.to(_dtype.bfloat16, memory_format=memory_format)

    def long(self, memory_format: memory_format = preserve_format) -> Any:
        """As int64."""
        return self.to(_dtype.int64, memory_format=memory_format)

    def int(self, memory_format: memory_format = preserve_format) -> Any:
        """As int32."""
        return self.to(_dtype.int32, memory_format=memory_format)

    def short(self, memory_format: memory_format = preserve_format) -> Any:
        """As int16."""
        return self.to(_dtype.int16, memory_format=memory_format)

    def byte(self, memory_format: memory_format = preserve_format) -> Any:
        """As uint8."""
        return self.to(_dtype.uint8, memory_format=memory_format)

    def char(self, memory_format: memory_format = preserve_format) -> Any:
        """As int8."""
        return self.to(_dtype.int8, memory_format=memory_format)

    def chalf(self) -> Any:
        """Refused: there are no complex tensors."""
        return signs.no_complex("chalf")

    def cfloat(self, memory_format: memory_format = preserve_format) -> Any:
        """Refused: there are no complex tensors."""
        return signs.no_complex("cfloat")

    def cdouble(self, memory_format: memory_format = preserve_format) -> Any:
        """Refused: there are no complex tensors."""
        return signs.no_complex("cdouble")

    def bool(self, memory_format: memory_format = preserve_format) -> Any:
        """As bool: whether not 0."""
        return self.to(_dtype.bool_, memory_format=memory_format)

    def cpu(self, memory_format: memory_format = preserve_format) -> Any:
        """On the CPU."""
        return self.to(cpu, memory_format=memory_format)

    def cuda(
        self,
        device: Any = None,
        non_blocking: builtins.bool = False,
        memory_format: memory_format = preserve_format,
    ) -> Any:
        """On a GPU: the current one, or the given index or device."""
        where = placed("cuda" if device is None else f"cuda:{device}" if type(device) is builtins.int else device)
        check(where.type == "cuda", lambda: "Invalid device, must be cuda device")
        return self.to(where, non_blocking=non_blocking, memory_format=memory_format)

    def pin_memory(self, device: Any = None) -> Any:
        """A copy in pinned host memory, which a GPU reads without staging; self if it is there already."""
        check(
            self.device.type == "cpu",
            lambda: f"cannot pin 'refnet.cuda.{type(self).__name__}' only dense CPU tensors can be pinned",
        )
        return self if self.is_pinned() else _tape.wrap(_gpu.pin(self._array), cpu)

    def is_pinned(self, device: Any = None) -> builtins.bool:
        """Whether it is in pinned host memory."""
        return self.device.type == "cpu" and _gpu.is_pinned(self._array)

    def record_stream(self, stream: Any) -> None:
        """Say that `stream` uses this memory too: when freed, it is used again only after what is queued there.

        For a tensor that was made on another stream. Call it before taking views: those taken earlier do not know.
        """
        check(self.is_cuda, lambda: f"record_stream expects a tensor on a GPU, got one on {self.device}")
        self._array = _gpu.record_stream(self._array, stream.native)

    def contiguous(self, memory_format: memory_format = contiguous_format) -> Any:
        """self if its memory is in that format, else a copy that is."""
        return self if self.is_contiguous(memory_format) else shapes.copy(self, order=ORDER[memory_format])

    def clone(self, *, memory_format: memory_format = preserve_format) -> Any:
        """A copy that gradients pass through."""
        return shapes.copy(self, order=ORDER[memory_format])

    # --- new tensors like this one ----------------------------------------------------------------------------------

    def new_full(
        self,
        size: Any,
        fill_value: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: builtins.bool = False,
    ) -> Any:
        """A tensor of the given size filled with a value, of this dtype and device unless told otherwise."""
        like = self._array.dtype if dtype is None else dtype.numpy
        size = sizes_of((size,), "new_full") if isinstance(size, tuple | list) else (size,)
        where = self.device if device is None else placed(device)
        return _tape.wrap(where.xp.full(size, fill_value, like), where).requires_grad_(requires_grad)

    def new_zeros(self, *size: Any, **options: Any) -> Any:
        """Zeros of the given size, of this dtype and device."""
        return self.new_full(sizes_of(size, "new_zeros"), 0, **options)

    def new_ones(self, *size: Any, **options: Any) -> Any:
        """Ones of the given size, of this dtype and device."""
        return self.new_full(sizes_of(size, "new_ones"), 1, **options)

    def new_empty(self, *size: Any, **options: Any) -> Any:
        """A tensor of the given size, of this dtype and device, with zeros in it."""
        return self.new_full(sizes_of(size, "new_empty"), 0, **options)

    def new_empty_strided(self, size: Any, stride: Any, **options: Any) -> Any:
        """A tensor of the given size and strides (in elements), of this dtype and device, with zeros in it."""
        return self.new_full((resize.span(size, stride),), 0, **options).as_strided(tuple(size), tuple(stride))

    def new_tensor(
        self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: builtins.bool = False
    ) -> Any:
        """`data` copied into a tensor of this dtype unless told otherwise."""
        like = self._array.dtype if dtype is None else dtype.numpy
        where = self.device if device is None else placed(device)
        array = data._array if isinstance(data, TensorBase) else numpy.asarray(data)
        if array.dtype is not like or device_of_array(array) is where:
            array = array.astype(like)  # a copy
        return _tape.wrap(array if device_of_array(array) is where else moved(array, where), where).requires_grad_(
            requires_grad
        )

    # --- elements -------------------------------------------------------------------------------------------------

    __getitem__ = getitem.getitem

    def __setitem__(self, key: Any, value: Any) -> None:
        basic, rest = getitem.split_key(self, key)
        region = self if basic is None else shapes.basic_index(self, key=basic)
        value = _operand(value)
        if rest is None:
            region.copy_(getitem.drop_leading_ones(value, region.ndim))
        else:
            update(region, getitem.set_fancy, value, rest)

    def __len__(self) -> Any:
        check(self.ndim > 0, lambda: "len() of a 0-d tensor", TypeError)
        return self._held.shape[0]

    def __iter__(self) -> Iterator[Any]:
        check(self.ndim > 0, lambda: "iteration over a 0-d tensor", TypeError)
        return iter(self.unbind(0))

    def __contains__(self, value: Any) -> Any:
        check(
            isinstance(value, _Operand),
            lambda: f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(value)}.",
        )
        return bool_of((self == value).any())

    def __bool__(self) -> Any:
        check(
            self.numel() == 1,
            lambda: (
                f"Boolean value of Tensor with {'no values' if self.numel() == 0 else 'more than one value'} is ambiguous"
            ),
        )
        return bool_of(self)

    def __float__(self) -> Any:
        return numpy.float64(self.item()).item()

    def __int__(self) -> Any:
        return self.item().__trunc__()

    def __index__(self) -> Any:
        check(
            not self.is_floating_point() and self.numel() == 1,
            lambda: "only integer tensors of a single element can be converted to an index",
            TypeError,
        )
        return self.item().__index__()

    def __hash__(self) -> Any:
        return id(self)

    def __repr__(self) -> str:
        from refnet._format import format_tensor

        return format_tensor(self)

    def __format__(self, spec: str) -> str:
        return self.item().__format__(spec) if self.ndim == 0 else object.__format__(self, spec)

    def __deepcopy__(self, memo: dict[Any, Any]) -> Any:
        check(
            self.is_leaf,
            lambda: (
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment. "
                "If you were attempting to deepcopy a module, this may be because of a parameter that was computed."
            ),
        )
        made = object.__new__(type(self))
        memo[id(self)] = made
        made.__dict__.update({k: v for k, v in self.__dict__.items() if k in ("name", "device", "_requires_grad")})
        made._array = self.device.xp.array(self._array, order="K")
        made._version_cell = [0]
        if self._grad is not None:
            made._grad = self._grad.__deepcopy__(memo)
        return made

    def __reduce__(self) -> Any:
        return _rebuild, (
            type(self),
            numpy.asarray(to_numpy(self._array), order="C"),
            str(self.device),
            self._requires_grad,
        )

    # --- operators ------------------------------------------------------------------------------------------------

    __add__, __radd__ = _binary(pointwise.add), _reflected(pointwise.add)
    __sub__ = _binary(pointwise.sub)
    __rsub__ = _reflected(pointwise.sub)
    __mul__, __rmul__ = _binary(pointwise.mul), _reflected(pointwise.mul)
    __truediv__ = _binary(pointwise.true_divide)
    __rtruediv__ = _reflected(pointwise.true_divide)
    __floordiv__ = _binary(pointwise.floor_divide)
    __rfloordiv__ = _reflected(pointwise.floor_divide)
    __mod__ = _binary(pointwise.remainder)
    __rmod__ = _reflected(pointwise.remainder)
    __pow__ = _binary(pointwise.power)
    __rpow__ = _reflected(pointwise.power)
    __matmul__ = _binary(products.matmul)
    __rmatmul__ = _reflected(products.matmul)
    __and__, __rand__ = _binary(pointwise.bitwise_and), _reflected(pointwise.bitwise_and)
    __or__, __ror__ = _binary(pointwise.bitwise_or), _reflected(pointwise.bitwise_or)
    __xor__, __rxor__ = _binary(pointwise.bitwise_xor), _reflected(pointwise.bitwise_xor)
    __lshift__ = _binary(pointwise.bitwise_left_shift)
    __rshift__ = _binary(pointwise.bitwise_right_shift)
    __invert__ = pointwise.bitwise_not
    __neg__ = pointwise.neg
    __abs__ = pointwise.abs

    def __rdiv__(self, other: Any) -> Any:
        return self.reciprocal() * other

    def __pos__(self) -> Any:
        return self

    __eq__ = _binary(pointwise.eq)
    __ne__ = _binary(pointwise.ne)
    __lt__ = _binary(pointwise.lt)
    __le__ = _binary(pointwise.le)
    __gt__ = _binary(pointwise.gt)
    __ge__ = _binary(pointwise.ge)

    __iadd__ = _augmented(pointwise.add)
    __isub__ = _augmented(pointwise.sub)
    __imul__ = _augmented(pointwise.mul)
    __itruediv__ = _augmented(pointwise.true_divide)
    __ifloordiv__ = _augmented(pointwise.floor_divide)
    __imod__ = _augmented(pointwise.remainder)
    __ipow__ = _augmented(pointwise.power)
    __iand__ = _augmented(pointwise.bitwise_and)
    __ior__ = _augmented(pointwise.bitwise_or)
    __ixor__ = _augmented(pointwise.bitwise_xor)

    # --- elementwise ----------------------------------------------------------------------------------------------

    add, add_ = pointwise.add, in_place(pointwise.add)
    sub, sub_ = pointwise.sub, in_place(pointwise.sub)
    subtract, subtract_ = sub, sub_
    mul, mul_ = pointwise.mul, in_place(pointwise.mul)
    multiply, multiply_ = mul, mul_
    div, div_ = pointwise.div, in_place(pointwise.div)
    divide, divide_ = div, div_
    true_divide, true_divide_ = pointwise.true_divide, in_place(pointwise.true_divide)
    floor_divide, floor_divide_ = pointwise.floor_divide, in_place(pointwise.floor_divide)
    remainder, remainder_ = pointwise.remainder, in_place(pointwise.remainder)
    fmod, fmod_ = pointwise.fmod, in_place(pointwise.fmod)
    pow, pow_ = pointwise.pow, in_place(pointwise.pow)
    neg, neg_ = pointwise.neg, in_place(pointwise.neg)
    negative, negative_ = neg, neg_
    abs, abs_ = pointwise.abs, in_place(pointwise.abs)
    absolute, absolute_ = abs, abs_
    sign, sign_ = pointwise.sign, in_place(pointwise.sign)
    reciprocal, reciprocal_ = pointwise.reciprocal, in_place(pointwise.reciprocal)
    square, square_ = pointwise.square, in_place(pointwise.square)
    sqrt, sqrt_ = pointwise.sqrt, in_place(pointwise.sqrt)
    rsqrt, rsqrt_ = pointwise.rsqrt, in_place(pointwise.rsqrt)
    exp, exp_ = pointwise.exp, in_place(pointwise.exp)
    exp2, exp2_ = pointwise.exp2, in_place(pointwise.exp2)
    expm1, expm1_ = pointwise.expm1, in_place(pointwise.expm1)
    log, log_ = pointwise.log, in_place(pointwise.log)
    log1p, log1p_ = pointwise.log1p, in_place(pointwise.log1p)
    log2, log2_ = pointwise.log2, in_place(pointwise.log2)
    log10, log10_ = pointwise.log10, in_place(pointwise.log10)
    sin, sin_ = pointwise.sin, in_place(pointwise.sin)
    cos, cos_ = pointwise.cos, in_place(pointwise.cos)
    tan, tan_ = pointwise.tan, in_place(pointwise.tan)
    asin, acos, atan, atan2 = pointwise.asin, pointwise.acos, pointwise.atan, pointwise.atan2
    sinh, cosh, asinh, acosh, atanh = (
        pointwise.sinh, pointwise.cosh, pointwise.asinh, pointwise.acosh, pointwise.atanh,
    )  # fmt: skip
    hypot, logaddexp, logit = pointwise.hypot, pointwise.logaddexp, pointwise.logit
    lerp, lerp_ = pointwise.lerp, in_place(pointwise.lerp)
    addcmul, addcmul_ = pointwise.addcmul, in_place(pointwise.addcmul)
    addcdiv, addcdiv_ = pointwise.addcdiv, in_place(pointwise.addcdiv)
    frac, nan_to_num, deg2rad, rad2deg = (
        pointwise.frac,
        pointwise.nan_to_num,
        pointwise.deg2rad,
        pointwise.rad2deg,
    )
    fmax, fmin = pointwise.fmax, pointwise.fmin
    tanh, tanh_ = pointwise.tanh, in_place(pointwise.tanh)
    sigmoid, sigmoid_ = pointwise.sigmoid, in_place(pointwise.sigmoid)
    relu, relu_ = pointwise.relu, in_place(pointwise.relu)
    prelu, hardshrink = rectifier.prelu, rectifier.hardshrink
    erf, erf_ = special.erf, in_place(special.erf)
    erfc, erfc_ = special.erfc, in_place(special.erfc)
    erfinv, erfinv_ = special.erfinv, in_place(special.erfinv)
    sinc, sinc_ = special.sinc, in_place(special.sinc)
    i0, i0_ = bessel.i0, in_place(bessel.i0)
    lgamma, lgamma_ = gamma.lgamma, in_place(gamma.lgamma)
    digamma, digamma_ = gamma.digamma, in_place(gamma.digamma)
    mvlgamma, mvlgamma_ = gamma.mvlgamma, in_place(gamma.mvlgamma)
    igamma, igamma_ = gamma.igamma, in_place(gamma.igamma)
    igammac, igammac_ = gamma.igammac, in_place(gamma.igammac)
    xlogy, xlogy_ = entropy.xlogy, in_place(entropy.xlogy)
    logaddexp2, angle = entropy.logaddexp2, signs.angle
    sgn, sgn_ = signs.sgn, in_place(signs.sgn)
    copysign, copysign_ = signs.copysign, in_place(signs.copysign)
    heaviside, heaviside_ = signs.heaviside, in_place(signs.heaviside)
    isposinf, isneginf, isreal = signs.isposinf, signs.isneginf, signs.isreal
    conj, conj_physical, resolve_conj, resolve_neg = (
        signs.conj,
        signs.conj_physical,
        signs.resolve_conj,
        signs.resolve_neg,
    )
    real, imag = property(signs.real), property(signs.imag)
    frexp, gcd, lcm = floating_point.frexp, floating_point.gcd, floating_point.lcm
    gcd_, lcm_ = in_place(floating_point.gcd), in_place(floating_point.lcm)
    nextafter, nextafter_ = floating_point.nextafter, in_place(floating_point.nextafter)
    ldexp, ldexp_ = floating_point.ldexp, in_place(floating_point.ldexp)
    float_power, float_power_ = floating_point.float_power, in_place(floating_point.float_power)

    def polygamma(self, n: builtins.int) -> Any:
        """The n-th derivative of digamma(self), n >= 0."""
        return gamma.polygamma(n, self)

    def polygamma_(self, n: builtins.int) -> Self:
        """The n-th derivative of digamma(self), written into self."""
        update(self, lambda x: gamma.polygamma(n, x))
        return self

    softmax, log_softmax = stable.softmax, stable.log_softmax
    maximum, minimum = pointwise.maximum, pointwise.minimum
    clamp, clamp_ = pointwise.clamp, in_place(pointwise.clamp)
    clip, clip_ = clamp, clamp_
    clamp_min, clamp_min_ = pointwise.clamp_min, in_place(pointwise.clamp_min)
    clamp_max, clamp_max_ = pointwise.clamp_max, in_place(pointwise.clamp_max)
    floor, floor_ = pointwise.floor, in_place(pointwise.floor)
    ceil, ceil_ = pointwise.ceil, in_place(pointwise.ceil)
    trunc, trunc_ = pointwise.trunc, in_place(pointwise.trunc)
    round, round_ = pointwise.round, in_place(pointwise.round)
    eq, ne, lt, le, gt, ge = (
        pointwise.eq, pointwise.ne, pointwise.lt, pointwise.le, pointwise.gt, pointwise.ge,
    )  # fmt: skip
    logical_and, logical_or = pointwise.logical_and, pointwise.logical_or
    logical_xor, logical_not = pointwise.logical_xor, pointwise.logical_not
    bitwise_and, bitwise_or = pointwise.bitwise_and, pointwise.bitwise_or
    bitwise_xor, bitwise_not = pointwise.bitwise_xor, pointwise.bitwise_not
    isnan, isinf, isfinite, signbit = pointwise.isnan, pointwise.isinf, pointwise.isfinite, pointwise.signbit

    def where(self, condition: Any, other: Any) -> Any:
        """self where condition, else other."""
        return pointwise.where(condition, self, other)

    # --- shape ----------------------------------------------------------------------------------------------------

    def view(self, *size: Any) -> Any:
        """The same memory in another shape (one size may be -1), or its bytes as another dtype."""
        if len(size) == 1 and isinstance(size[0], _dtype.dtype):
            seen = _tape.wrap(self._array.view(size[0].numpy), self.device)
            _tape.mark_view(seen, self.detach())
            return seen
        return shapes.view(self, shape=infer_shape(sizes_of(size, "view"), self.numel()))

    def view_as(self, other: "Tensor") -> Any:
        """The same memory in the shape of `other`."""
        return self.view(other.shape)

    def reshape(self, *size: Any) -> Any:
        """In another shape: a view where the strides allow it, else a copy. One size may be -1."""
        return shapes.reshape(self, sizes_of(size, "reshape"))

    def reshape_as(self, other: "Tensor") -> Any:
        """In the shape of `other`."""
        return shapes.reshape(self, other.shape)

    def transpose_(self, dim0: Any, dim1: Any) -> Any:
        """Exchange two dimensions of self, in place."""
        return _restride(self, shapes.transpose(self, dim0, dim1))

    def squeeze_(self, dim: Any = None) -> Any:
        """Drop dimensions of size 1 of self, in place."""
        return _restride(self, shapes.squeeze(self, dim))

    def unsqueeze_(self, dim: Any) -> Any:
        """Add a dimension of size 1 to self, in place."""
        return _restride(self, shapes.unsqueeze(self, dim))

    flatten, unflatten, ravel = shapes.flatten, shapes.unflatten, shapes.flatten
    squeeze, unsqueeze = shapes.squeeze, shapes.unsqueeze
    permute = _dims_method(shapes.permute, "permute")
    transpose = swapaxes = swapdims = shapes.transpose
    movedim = moveaxis = shapes.movedim
    t = shapes.t
    expand = _dims_method(shapes.expand, "expand")
    repeat = _dims_method(shapes.repeat, "repeat")
    tile = _dims_method(shapes.tile, "tile")
    flip = _dims_method(shapes.flip, "flip")
    broadcast_to = shapes.expand
    narrow, select, unbind, split, chunk = (
        shapes.narrow,
        shapes.select,
        shapes.unbind,
        shapes.split,
        shapes.chunk,
    )
    as_strided, roll, triu, tril = shapes.as_strided, shapes.roll, shapes.triu, shapes.tril
    swapdims_ = swapaxes_ = transpose_
    fliplr, flipud, rot90 = rearrange.fliplr, rearrange.flipud, rearrange.rot90
    repeat_interleave = rearrange.repeat_interleave
    diag, diag_embed, diagflat = diagonals.diag, diagonals.diag_embed, diagonals.diagflat
    diagonal, trace = diagonals.diagonal, diagonals.trace
    triu_, tril_ = in_place(shapes.triu), in_place(shapes.tril)
    split_with_sizes, unsafe_split, unsafe_chunk = pieces.split_with_sizes, pieces.unsafe_split, pieces.unsafe_chunk
    hsplit, vsplit, dsplit = pieces.hsplit, pieces.vsplit, pieces.dsplit
    tensor_split = pieces.tensor_split
    unfold, narrow_copy = windows.unfold, copies.narrow_copy
    diagonal_scatter, select_scatter = replaced.diagonal_scatter, replaced.select_scatter
    slice_scatter, as_strided_scatter = replaced.slice_scatter, replaced.as_strided_scatter
    resize_, resize_as_ = resize.resize_, resize.resize_as_

    def t_(self) -> Any:
        """Transpose a matrix in place."""
        return _restride(self, shapes.t(self))

    def expand_as(self, other: "Tensor") -> Any:
        """Expanded to the shape of `other`."""
        return shapes.expand(self, other.shape)

    @property
    def T(self) -> Any:
        """The dimensions in reverse order."""
        return shapes.permute(self, tuple(range(self.ndim))[::-1])

    @property
    def mT(self) -> Any:
        """The last two dimensions exchanged."""
        check(
            self.ndim >= 2,
            lambda: f"tensor.mT is only supported on matrices or batches of matrices. Got {self.ndim}-D tensor.",
        )
        return shapes.transpose(self, -2, -1)

    @property
    def H(self) -> Any:
        """The transpose of a matrix: numbers are real."""
        check(
            self.ndim in (0, 2),
            lambda: f"tensor.H is only supported on matrices (2-D tensors). Got {self.ndim}-D tensor.",
        )
        return shapes.transpose(self, 0, 1) if self.ndim else shapes.permute(self, ())

    @property
    def mH(self) -> Any:
        """The last two dimensions exchanged: numbers are real."""
        check(
            self.ndim >= 2,
            lambda: f"tensor.mH is only supported on matrices or batches of matrices. Got {self.ndim}-D tensor.",
        )
        return shapes.transpose(self, -2, -1)

    def adjoint(self) -> Any:
        """The last two dimensions exchanged: numbers are real."""
        return self.mH

    # --- reductions and products ------------------------------------------------------------------------------------

    sum, mean, prod, var, std = reduce.sum, reduce.mean, reduce.prod, reduce.var, reduce.std
    max, min, amax, amin = reduce.max, reduce.min, reduce.amax, reduce.amin
    argmax, argmin, all, any = reduce.argmax, reduce.argmin, reduce.all, reduce.any
    cumsum, logsumexp, count_nonzero = reduce.cumsum, reduce.logsumexp, reduce.count_nonzero
    sum_to_size = _dims_method(reduce.sum_to_size, "sum_to_size")
    matmul, mm, bmm, mv, dot, outer = (
        products.matmul,
        products.mm,
        products.bmm,
        products.mv,
        products.dot,
        products.outer,
    )
    addmm, addmv, baddbmm = products.addmm, products.addmv, products.baddbmm
    inner, kron, vdot, cross = moreproducts.inner, moreproducts.kron, moreproducts.vdot, moreproducts.legacy_cross
    addr, addr_ = moreproducts.addr, in_place(moreproducts.addr)
    addbmm, addbmm_ = moreproducts.addbmm, in_place(moreproducts.addbmm)
    det, logdet, slogdet = determinant.det, determinant.logdet, determinant.legacy_slogdet
    inverse, pinverse, triangular_solve = systems.inverse, pseudoinverse.pinverse, systems.triangular_solve
    cholesky_solve, cholesky_inverse = factors.cholesky_solve, factors.cholesky_inverse
    cholesky, lu, qr, svd = factors.legacy_cholesky, packed.legacy_lu, orthogonal.legacy_qr, spectral.legacy_svd
    lu_solve = packed.legacy_lu_solve
    matrix_power, matrix_exp = matrix_function.matrix_power, matrix_function.matrix_exp
    norm = matrix_norm.legacy_norm
    nansum, cumprod, aminmax = reduce.nansum, reduce.cumprod, reduce.aminmax
    cumsum_, cumprod_ = in_place(reduce.cumsum), in_place(reduce.cumprod)
    cummax, cummin, logcumsumexp = scan.cummax, scan.cummin, scan.logcumsumexp
    diff, nanmean, dist = differences.diff, statistics.nanmean, statistics.dist
    cov, corrcoef = statistics.cov, statistics.corrcoef
    renorm, renorm_ = statistics.renorm, in_place(statistics.renorm)
    median, nanmedian = order_statistics.median, order_statistics.nanmedian
    kthvalue, mode = order_statistics.kthvalue, order_statistics.mode
    quantile, nanquantile = order_statistics.quantile, order_statistics.nanquantile
    equal, isclose, allclose = closeness.equal, closeness.isclose, closeness.allclose

    # --- by position ------------------------------------------------------------------------------------------------

    gather, index_select, masked_select, nonzero = (
        positions.gather,
        positions.index_select,
        positions.masked_select,
        positions.nonzero,
    )
    take, take_along_dim = positions.take_along, positions.take_along_dim
    scatter, scatter_ = positions.scatter, in_place(positions.scatter)
    scatter_add, scatter_add_ = positions.scatter_add, in_place(positions.scatter_add)
    index_add, index_add_ = positions.index_add, in_place(positions.index_add)
    index_copy, index_copy_ = positions.index_copy, in_place(positions.index_copy)
    index_fill, index_fill_ = positions.index_fill, in_place(positions.index_fill)
    index_put, index_put_ = positions.index_put, in_place(positions.index_put)
    masked_fill, masked_fill_ = positions.masked_fill, in_place(positions.masked_fill)
    masked_scatter, masked_scatter_ = positions.masked_scatter, in_place(positions.masked_scatter)
    sort, argsort, topk, msort = sorting.sort, sorting.argsort, sorting.topk, sorting.msort
    put, put_ = positions.put_along, in_place(positions.put_along)
    argwhere, nonzero_static = masks.argwhere, masks.nonzero_static
    scatter_reduce, scatter_reduce_ = reducing.scatter_reduce, in_place(reducing.scatter_reduce)
    index_reduce, index_reduce_ = reducing.index_reduce, in_place(reducing.index_reduce)
    bincount, histc, bucketize = search.bincount, search.histc, search.bucketize
    unique, unique_consecutive = distinct.unique, distinct.unique_consecutive

    def isin(self, test_elements: Any, *, assume_unique: builtins.bool = False, invert: builtins.bool = False) -> Any:
        """Whether each element is among test_elements."""
        return search.isin(self, test_elements, assume_unique=assume_unique, invert=invert)

    def copy_(self, src: Any, non_blocking: Any = False) -> Self:
        """Write the values of `src`, broadcast and converted, into self; gradients go to `src`."""
        if not isinstance(src, TensorBase):
            src = self.new_tensor(src)
        if src.device is not self.device:
            src = src.to(self.device, non_blocking=non_blocking)
        update(self, positions.overwrite, src)
        return self

    def fill_(self, value: Any) -> Self:
        """Set every element to `value`, a number or a 0-d tensor."""
        check(
            not isinstance(value, TensorBase) or value._array.ndim == 0,
            lambda: f"fill_ only supports 0-dimension value tensor but got tensor with {value._array.ndim} dimensions.",
        )
        return self.copy_(value)

    def zero_(self) -> Self:
        """Set every element to 0."""
        fill(self, 0, "zero")
        return self

    # --- random fills -----------------------------------------------------------------------------------------------

    uniform_, normal_, bernoulli_ = draws.uniform_, draws.normal_, draws.bernoulli_
    random_, exponential_ = draws.random_, draws.exponential_
    cauchy_, log_normal_, geometric_ = draws.cauchy_, draws.log_normal_, draws.geometric_
    bernoulli, multinomial = draws.bernoulli, draws.multinomial


def bool_of(tensor: Any) -> Any:
    """The truth of a one-element tensor."""
    return tensor.item() != 0


def _restride(self: Any, seen: Any) -> Any:
    """Make self look at its memory as `seen` does."""
    check(
        not (_tape.mode.grad and self.requires_grad and self.is_leaf),
        lambda: "a leaf Variable that requires grad is being used in an in-place operation.",
    )
    self._array = seen._array
    if seen._requires_grad:
        self._node, self._requires_grad = seen._node, True
    return self


def _rebuild(kind: Any, array: Any, where: str, requires_grad: bool) -> Any:
    made = object.__new__(kind)
    made.device, made._version_cell, made._requires_grad = placed(where), [0], requires_grad
    made._array = array if made.device is cpu else moved(array, made.device)
    return made


def _parse_to(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, bool, memory_format, bool]:
    """The overloads of `Tensor.to`: device, dtype, whether to copy, memory format, whether not to wait."""
    where, dtype = kwargs.pop("device", None), kwargs.pop("dtype", None)
    other = kwargs.pop("other", None)
    flags = []
    for arg in args:
        if isinstance(arg, _dtype.dtype):
            dtype = arg
        elif isinstance(arg, str | device) or type(arg) is int:
            where = arg
        elif isinstance(arg, TensorBase):
            other = arg
        elif isinstance(arg, bool):
            flags.append(arg)
        elif arg is not None:
            raise TypeError(f"to() received an invalid combination of arguments - got ({type(arg).__name__})")
    if other is not None:
        where, dtype = other.device, other.dtype
    copy = kwargs.pop("copy", flags[1] if len(flags) > 1 else False)
    non_blocking = kwargs.pop("non_blocking", bool(flags and flags[0]))
    layout = kwargs.pop("memory_format", None) or preserve_format
    check(not kwargs, lambda: f"to() got an unexpected keyword argument {next(iter(kwargs))!r}", TypeError)
    if dtype is not None:
        _dtype.check_dtype(dtype, "to")
    return (None if where is None else placed(where)), dtype, copy, layout, non_blocking


_tape.tensor_class(Tensor)
