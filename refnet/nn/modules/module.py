"""`Module`: the base of every layer and model. Its call with hooks is in `_hooks.py`, its state in `_state.py`."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

from refnet import _dtype
from refnet._check import check, typename
from refnet._device import placed
from refnet._tape import RemovableHandle, TensorBase, set_grad
from refnet.creation import empty_like
from refnet.nn.modules._hooks import Hooked, add_hook
from refnet.nn.modules._hooks import register_module_forward_hook as register_module_forward_hook
from refnet.nn.modules._hooks import register_module_forward_pre_hook as register_module_forward_pre_hook
from refnet.nn.modules._hooks import register_module_full_backward_hook as register_module_full_backward_hook
from refnet.nn.modules._hooks import register_module_full_backward_pre_hook as register_module_full_backward_pre_hook
from refnet.nn.modules._state import Stateful
from refnet.nn.parameter import Buffer, Parameter
from refnet.tensor import Tensor

Registration = Callable[[Any, str, Any], Any]

_parameter_registration: list[Registration] = []
_buffer_registration: list[Registration] = []
_module_registration: list[Registration] = []


def register_module_parameter_registration_hook(hook: Registration) -> RemovableHandle:
    """Call ``hook(module, name, parameter)`` at every registration; what it returns is registered instead."""
    return add_hook(_parameter_registration, hook)


def register_module_buffer_registration_hook(hook: Registration) -> RemovableHandle:
    """Call ``hook(module, name, buffer)`` at every registration; what it returns is registered instead."""
    return add_hook(_buffer_registration, hook)


def register_module_module_registration_hook(hook: Registration) -> RemovableHandle:
    """Call ``hook(module, name, submodule)`` at every registration; what it returns is registered instead."""
    return add_hook(_module_registration, hook)


class Module(Hooked, Stateful):
    """A computation with parameters, buffers and submodules, each known by the attribute it is assigned to.

    Subclasses call ``super().__init__()`` first, assign what they own, and define `forward`. Names nest with dots,
    and every listing is in the order of assignment.

    >>> import refnet
    >>> class Scale(refnet.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = refnet.nn.Parameter(refnet.tensor(3.0))
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> Scale()(refnet.tensor([1.0, 2.0])).tolist()
    [3.0, 6.0]
    >>> [name for name, _ in Scale().named_parameters()]
    ['factor']
    """

    training: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        check(
            not kwargs,
            lambda: f"{name}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'",
            TypeError,
        )
        check(
            not args,
            lambda: f"{name}.__init__() takes 1 positional argument but {len(args) + 1} were given",
            TypeError,
        )
        # object.__setattr__, because __setattr__ below needs these
        for attribute, value in (("training", True), ("_parameters", {}), ("_buffers", {}), ("_modules", {})):
            object.__setattr__(self, attribute, value)
        object.__setattr__(self, "_non_persistent_buffers_set", set())
        self._make_hook_lists()
        self._make_state_hook_lists()

    def forward(self, *input: Any) -> Any:
        """The computation; every subclass defines it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    # --- registration ---------------------------------------------------------------------------------------------

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Own `param` under `name`; None reserves the name, and the state then lacks it."""
        self._check_name("parameter", "_parameters", name)
        if param is not None:
            check(
                isinstance(param, Parameter),
                lambda: (
                    f"cannot assign '{typename(param)}' object to parameter '{name}' "
                    "(refnet.nn.Parameter or None required)"
                ),
                TypeError,
            )
            check(
                param.grad_fn is None,
                lambda: (
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                    f"explicitly. To express '{name}' as a function of another Tensor, compute the value in the "
                    "forward() method."
                ),
                ValueError,
            )
            param = _registered(_parameter_registration, self, name, param)
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Own `tensor` under `name` as a buffer: state that is not trained. Not `persistent`: not in `state_dict`."""
        self._check_name("buffer", "_buffers", name)
        check(
            tensor is None or isinstance(tensor, TensorBase),
            lambda: f"cannot assign '{typename(tensor)}' object to buffer '{name}' (refnet Tensor or None required)",
            TypeError,
        )
        self._buffers[name] = _registered(_buffer_registration, self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: "Module | None") -> None:
        """Own `module` under `name`; None reserves the name."""
        check(
            module is None or isinstance(module, Module),
            lambda: f"{typename(module)} is not a Module subclass",
            TypeError,
        )
        self._check_name("module", "_modules", name)
        self._modules[name] = _registered(_module_registration, self, name, module)

    def register_module(self, name: str, module: "Module | None") -> None:
        """The same as `add_module`."""
        self.add_module(name, module)

    def _check_name(self, kind: str, table: str, name: str) -> None:
        check(table in self.__dict__, lambda: f"cannot assign {kind} before Module.__init__() call", AttributeError)
        check(isinstance(name, str), lambda: f"{kind} name should be a string. Got {typename(name)}", TypeError)
        got = f", got: {name}" if kind == "module" else ""
        check("." not in name, lambda: f'{kind} name can\'t contain "."{got}', KeyError)
        check(name != "", lambda: f'{kind} name can\'t be empty string ""', KeyError)
        check(
            name in self.__dict__[table] or not hasattr(self, name),
            lambda: f"attribute '{name}' already exists",
            KeyError,
        )

    # --- attributes -----------------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        for table in ("_parameters", "_buffers", "_modules"):
            owned = self.__dict__.get(table)
            if owned is not None and name in owned:
                return owned[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if isinstance(value, Parameter):
            check(
                "_parameters" in own,
                lambda: "cannot assign parameters before Module.__init__() call",
                AttributeError,
            )
            self._forget(name, "_buffers", "_modules")
            self.register_parameter(name, value)
        elif name in own.get("_parameters", ()):
            _check_kind(value is None, value, f"as parameter '{name}' (refnet.nn.Parameter or None expected)")
            self._parameters[name] = None
        elif isinstance(value, Module):
            check("_modules" in own, lambda: "cannot assign module before Module.__init__() call", AttributeError)
            self._forget(name, "_parameters", "_buffers")
            self._modules[name] = _registered(_module_registration, self, name, value)
        elif name in own.get("_modules", ()):
            _check_kind(value is None, value, f"as child module '{name}' (refnet.nn.Module or None expected)")
            self._modules[name] = _registered(_module_registration, self, name, None)
        elif isinstance(value, Buffer) or name in own.get("_buffers", ()):
            is_buffer = value is None or isinstance(value, TensorBase)
            _check_kind(is_buffer, value, f"as buffer '{name}' (refnet.nn.Buffer, refnet.Tensor or None expected)")
            persistent = getattr(value, "persistent", None) if isinstance(value, Buffer) else None
            if persistent is None:
                persistent = name not in self._non_persistent_buffers_set
            self.register_buffer(name, value, persistent)
        else:
            object.__setattr__(self, name, value)

    def _forget(self, name: str, *tables: str) -> None:
        """Take `name` from the attributes and the tables, so that it can be registered anew."""
        self.__dict__.pop(name, None)
        for table in tables:
            self.__dict__[table].pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __delattr__(self, name: str) -> None:
        for table in (self._parameters, self._buffers, self._modules):
            if name in table:
                del table[name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = [*super().__dir__(), *self._parameters, *self._modules, *self._buffers]
        return sorted(name for name in set(names) if not name[0].isdigit())

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    # --- traversal ------------------------------------------------------------------------------------------------

    def named_modules(
        self, memo: "set[Module] | None" = None, prefix: str = "", remove_duplicate: bool = True
    ) -> "Iterator[tuple[str, Module]]":
        """This module under `prefix`, then all below it; one that appears twice comes once, by its first name."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, _join(prefix, name), remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> "Iterator[Module]":
        """This module and all below it."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> "Iterator[tuple[str, Module]]":
        """The modules directly below, each once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> "Iterator[Module]":
        """The modules directly below, each once."""
        for _, module in self.named_children():
            yield module

    def _named_members(
        self,
        members: "Callable[[Module], Iterable[tuple[str, Any]]]",
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        for module_prefix, module in modules if recurse else [(prefix, self)]:
            for name, member in members(module):
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield _join(module_prefix, name), member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Dotted names and parameters in definition order; a shared one comes once unless `remove_duplicate=False`."""
        return self._named_members(lambda m: m._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters in definition order, those of modules below too if `recurse`."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Dotted names and buffers in definition order."""
        return self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers in definition order."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def get_submodule(self, target: str) -> "Module":
        """The module of a dotted name; "" is this one. AttributeError where the path does not lead to a module."""
        module: Module = self
        for name in target.split(".") if target else ():
            check(
                hasattr(module, name),
                lambda: f"{module._get_name()} has no attribute `{name}`",  # noqa: B023
                AttributeError,
            )
            module = getattr(module, name)
            check(isinstance(module, Module), lambda: f"`{name}` is not an nn.Module", AttributeError)  # noqa: B023
        return module

    def set_submodule(self, target: str, module: "Module", strict: bool = False) -> None:
        """Put `module` at a dotted name whose parent exists; with `strict` the name itself must exist too."""
        check(target != "", lambda: "Cannot set the submodule without a target name!", ValueError)
        check(isinstance(module, Module), lambda: f"`module` is not an nn.Module, found {type(module)}", ValueError)
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict or hasattr(parent, name):
            parent.get_submodule(name)
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of a dotted name; AttributeError where there is none."""
        return self._member(target, Parameter, "an nn.Parameter")  # type: ignore[no-any-return]

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of a dotted name; AttributeError where there is none."""
        path, _, name = target.rpartition(".")
        buffer = self._member(target, object, "")
        check(name in self.get_submodule(path)._buffers, lambda: f"`{name}` is not a buffer", AttributeError)
        return buffer  # type: ignore[no-any-return]

    def _member(self, target: str, kind: type, what: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        check(hasattr(module, name), lambda: f"{module._get_name()} has no attribute `{name}`", AttributeError)
        member = getattr(module, name)
        check(isinstance(member, kind), lambda: f"`{name}` is not {what}", AttributeError)
        return member

    # --- modes and gradients --------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Set training mode here and below: dropout drops, batch norm uses and updates batch statistics."""
        check(isinstance(mode, bool), lambda: "training mode is expected to be boolean", ValueError)
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode here and below; the same as ``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Let all parameters require gradients, or freeze them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; fill them with zeros instead if not `set_to_none`."""
        for parameter in self.parameters():
            clear_grad(parameter, set_to_none)

    # --- conversion -----------------------------------------------------------------------------------------------

    def apply(self, fn: "Callable[[Module], None]") -> Self:
        """Call `fn` on every module below, then on this one; typically to initialize.

        >>> import refnet
        >>> seen = []
        >>> _ = refnet.nn.Sequential(refnet.nn.Tanh()).apply(lambda m: seen.append(type(m).__name__))
        >>> seen
        ['Tanh', 'Sequential']
        """
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn: Callable[[Any], Any], recurse: bool = True) -> Self:
        """Replace the memory of every parameter and its gradient, and every buffer, by what `fn` makes of it."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        with set_grad(False):
            for parameter in self._parameters.values():
                if parameter is None:
                    continue
                gradient = parameter.grad
                parameter.grad = None  # it may be of another type than the parameter until both are converted
                parameter.data = fn(parameter)
                if gradient is not None:
                    gradient.data = fn(gradient)
                    parameter.grad = gradient
            for name, buffer in self._buffers.items():
                if buffer is not None:
                    self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move or convert parameters and buffers in place, and return self.

        ``to(device=None, dtype=None, non_blocking=False)``, ``to(dtype)``, ``to(tensor)`` (its dtype and device),
        ``to(memory_format=...)`` (4- and 5-dimensional ones). Only floating tensors change dtype.

        Raises TypeError for a dtype that is not floating.
        """
        device, dtype, memory_format, non_blocking = _parse_to(*args, **kwargs)
        check(
            dtype is None or dtype.is_floating_point,
            lambda: f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}",
            TypeError,
        )

        def convert(tensor: Any) -> Any:
            target = dtype if dtype is not None and tensor.is_floating_point() else tensor.dtype
            where = tensor.device if device is None else device
            if memory_format is not None and tensor.dim() in (4, 5):
                return tensor.to(where, target, memory_format=memory_format, non_blocking=non_blocking)
            return tensor.to(where, target, non_blocking=non_blocking)

        return self._apply(convert)

    def type(self, dst_type: Any) -> Self:
        """Convert every parameter and buffer to `dst_type`."""
        return self._apply(lambda tensor: tensor.to(dst_type))

    def float(self) -> Self:
        """Convert floating parameters and buffers to float32."""
        return self.to(_dtype.float32)

    def double(self) -> Self:
        """Convert floating parameters and buffers to float64."""
        return self.to(_dtype.float64)

    def half(self) -> Self:
        """Convert floating parameters and buffers to float16."""
        return self.to(_dtype.float16)

    def bfloat16(self) -> Self:
        """Convert floating parameters and buffers to bfloat16."""
        return self.to(_dtype.bfloat16)

    def cpu(self) -> Self:
        """Move to host memory."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> Self:
        """Move to a GPU: the current one, or the given index or device."""
        return self._apply(lambda tensor: tensor.cuda(device))

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Move to a device without copying values: they are undefined after."""
        return self._apply(lambda tensor: empty_like(tensor, device=device), recurse)

    # --- text -----------------------------------------------------------------------------------------------------

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What `repr` shows of this module's own settings; override it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        own = extra.split("\n") if extra else []
        if len(own) <= 1 and not self._modules:
            return f"{self._get_name()}({extra})"
        children = [f"({name}): {indented(repr(module))}" for name, module in self._modules.items()]
        return f"{self._get_name()}(\n  " + "\n  ".join([*own, *children]) + "\n)"


def indented(text: str) -> str:
    """`text` with all lines but the first moved two columns right."""
    return text.replace("\n", "\n  ")


def clear_grad(parameter: Any, set_to_none: bool) -> None:
    """Forget a gradient, or make it a constant zero in place."""
    if parameter.grad is None:
        return
    if set_to_none:
        parameter.grad = None
        return
    if parameter.grad.grad_fn is not None:
        parameter.grad.detach_()
    else:
        parameter.grad.requires_grad_(False)
    parameter.grad.zero_()


def _check_kind(condition: bool, value: Any, message: str) -> None:
    check(condition, lambda: f"cannot assign '{typename(value)}' {message}", TypeError)


def _registered(hooks: list[Registration], module: Module, name: str, value: Any) -> Any:
    """`value`, or what the registration hooks put in its place."""
    for hook in tuple(hooks):
        replaced = hook(module, name, value)
        value = value if replaced is None else replaced
    return value


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _parse_to(
    *args: Any,
    device: Any = None,
    dtype: Any = None,
    tensor: Any = None,
    non_blocking: bool = False,
    memory_format: Any = None,
) -> tuple[Any, Any, Any, bool]:
    """Device, dtype, memory format and whether not to wait for copies, out of the forms of `Module.to`."""
    positional = list(args)
    if positional and isinstance(positional[0], TensorBase):
        tensor = positional.pop(0)
    elif positional and isinstance(positional[0], _dtype.dtype):
        dtype = positional.pop(0)
    elif positional:
        device = positional.pop(0)
        if positional and (positional[0] is None or isinstance(positional[0], _dtype.dtype)):
            dtype = positional.pop(0)
    check(
        len(positional) <= 1 and all(isinstance(p, bool) for p in positional),
        lambda: f"to() received an invalid combination of arguments - got ({', '.join(map(typename, args))})",
        TypeError,
    )
    if dtype is not None:
        _dtype.check_dtype(dtype, "to")
    non_blocking = bool(positional[0]) if positional else non_blocking
    if tensor is not None:
        return tensor.device, tensor.dtype, memory_format, non_blocking
    return None if device is None else placed(device), dtype, memory_format, non_blocking
