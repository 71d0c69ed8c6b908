"""Parameters and buffers: the tensors a module owns, and their uninitialized forms for lazy modules."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

from refnet import _dtype
from refnet._device import placed
from refnet._memory_format import memory_format, preserve_format
from refnet._tape import TensorBase
from refnet.creation import empty
from refnet.tensor import Tensor


class Parameter(Tensor):
    """A tensor that a module counts among its parameters when it is assigned as an attribute.

    ``Parameter(data)`` shares the memory of `data` and starts a history of its own: it is always a leaf.

    - data: a tensor; an empty float tensor when left out.
    - requires_grad: True by default, also inside `no_grad`.

    Raises RuntimeError when an integer or bool tensor is to require gradients.

    >>> import refnet
    >>> refnet.nn.Parameter(refnet.tensor([1.0, 2.0]))
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Self:
        made: Self = _share(cls, empty(0) if data is None else data, requires_grad)
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> "Parameter":
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.detach().clone(), self.requires_grad)
        return memo[id(self)]  # type: ignore[no-any-return]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self), (self.detach(), self.requires_grad)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


def _share(cls: type[Any], data: Any, requires_grad: bool) -> Any:
    """A leaf of class `cls` over the memory of `data`."""
    if not isinstance(data, TensorBase):
        raise TypeError(f"{cls.__name__}(): argument 'data' must be Tensor, not {type(data).__name__}")
    tensor: Any = object.__new__(cls)
    tensor._array = data._array
    tensor.device = data.device
    tensor._version_cell = data._version_cell
    if requires_grad:
        tensor.requires_grad_()
    return tensor


class _BufferType(type(Tensor)):  # type: ignore[misc]  # whatever makes Tensor makes Buffer
    """``isinstance(x, Buffer)`` asks whether `x` was made by `Buffer`: the object itself is a plain tensor."""

    def __instancecheck__(cls, instance: object) -> bool:
        if cls is Buffer:
            return isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)
        return super().__instancecheck__(instance)  # type: ignore[no-any-return]


class Buffer(Tensor, metaclass=_BufferType):
    """A tensor that a module counts among its buffers when it is assigned as an attribute.

    - data: a tensor; an empty float tensor when left out. Memory is shared.
    - persistent: whether the module's `state_dict` has it.

    >>> import refnet
    >>> module = refnet.nn.Module()
    >>> module.mean = refnet.nn.Buffer(refnet.zeros(2))
    >>> list(module.state_dict())
    ['mean']
    """

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Any:
        data = empty(0) if data is None else data
        buffer = _share(Tensor, data, data.requires_grad)
        buffer.persistent = persistent
        buffer._is_buffer = True
        return buffer


# --- uninitialized ------------------------------------------------------------------------------------------------


class UninitializedTensorMixin:
    """A tensor whose shape is not known yet: it has a dtype and a device, and no memory.

    `materialize` turns it, in place, into an ordinary tensor. Until then asking for its shape or values raises, and
    only a change of dtype or device is possible.
    """

    cls_to_become: ClassVar[type[Tensor]]
    _hidden: Any

    @property
    def _array(self) -> Any:
        raise ValueError(
            "Attempted to use an uninitialized parameter. This error happens when you are using a `LazyModule` or "
            f"explicitly manipulating `refnet.nn.parameter.{type(self).__name__}` objects. When using LazyModules "
            "Call `forward` with a dummy batch to initialize the parameters before calling refnet functions"
        )

    @_array.setter
    def _array(self, array: Any) -> None:
        self._hidden = array

    @property
    def shape(self) -> Any:
        """Raises RuntimeError: there is none yet."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call `forward` "
            "to initialize the parameters before accessing their attributes."
        )

    @property
    def dtype(self) -> Any:
        """The type it will have."""
        return _dtype.from_numpy(self._hidden.dtype)

    @property
    def data(self) -> Any:
        """An empty tensor of its dtype and device."""
        return empty(0, dtype=self.dtype, device=self.device)

    @data.setter
    def data(self, replacement: Any) -> None:
        self._hidden = replacement._hidden if is_lazy(replacement) else replacement._array
        self.device = replacement.device

    def is_floating_point(self) -> bool:
        """Whether its dtype is floating."""
        return bool(self.dtype.is_floating_point)

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Change dtype or device, as `Tensor.to` does."""
        self.data = self.data.to(*args, **kwargs)
        return self

    def half(self, memory_format: memory_format = preserve_format) -> Any:
        """Become float16."""
        return self.to(_dtype.float16, memory_format=memory_format)

    def float(self, memory_format: memory_format = preserve_format) -> Any:
        """Become float32."""
        return self.to(_dtype.float32, memory_format=memory_format)

    def double(self, memory_format: memory_format = preserve_format) -> Any:
        """Become float64."""
        return self.to(_dtype.float64, memory_format=memory_format)

    def bfloat16(self, memory_format: memory_format = preserve_format) -> Any:
        """Become bfloat16."""
        return self.to(_dtype.bfloat16, memory_format=memory_format)

    def cpu(self, memory_format: memory_format = preserve_format) -> Any:
        """Move to host memory."""
        return self.to("cpu")

    def cuda(
        self, device: Any = None, non_blocking: bool = False, memory_format: memory_format = preserve_format
    ) -> Any:
        """Move to a GPU."""
        return self.to("cuda" if device is None else device)

    def materialize(self, shape: Sequence[int], device: Any = None, dtype: Any = None) -> None:
        """Become an ordinary tensor of this shape, its values undefined, of its own dtype and device unless given."""
        made = empty(
            tuple(shape),
            dtype=self.dtype if dtype is None else dtype,
            device=self.device if device is None else placed(device),
        )
        del self._hidden
        self.__class__ = self.cls_to_become  # type: ignore[assignment]
        self._array = made._array
        self.device = made.device

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return _rebuild_uninitialized, (type(self), self.requires_grad, self.device, self.dtype)  # type: ignore[attr-defined]

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            rebuild: Callable[..., Any]
            rebuild, arguments = self.__reduce_ex__(4)
            memo[id(self)] = rebuild(*arguments)
        return memo[id(self)]


def _rebuild_uninitialized(cls: type[Any], requires_grad: bool, device: Any, dtype: Any) -> Any:
    return cls(requires_grad, device=device, dtype=dtype)


def is_lazy(param: Any) -> bool:
    """Whether `param` is an `UninitializedParameter` or an `UninitializedBuffer`."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is inferred at the first forward; it becomes a `Parameter`.

    >>> import refnet
    >>> p = refnet.nn.UninitializedParameter()
    >>> p.materialize((2, 3))
    >>> type(p).__name__, tuple(p.shape), p.requires_grad
    ('Parameter', (2, 3), True)
    """

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return _share(cls, empty(0, device=device, dtype=dtype), requires_grad)


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is inferred at the first forward; it becomes a plain tensor."""

    cls_to_become = Tensor

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        buffer = _share(cls, empty(0, device=device, dtype=dtype), requires_grad)
        buffer.persistent = persistent
        buffer._is_buffer = True
        return buffer
