"""Parametrizations: a parameter or buffer that is computed, at every access, from other tensors.

``register_parametrization(layer, "weight", f)`` moves the weight to ``layer.parametrizations.weight.original`` and makes
``layer.weight`` a property that is f of it: layer's class becomes a subclass of its own, made for this one object, with
the property in it. Several parametrizations of one tensor are applied in the order of registration. `right_inverse`, where
a parametrization has it, goes back: it gives the original for a value, at registration and at ``layer.weight = value``.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from refnet._check import check
from refnet._tape import TensorBase, set_grad
from refnet.nn.modules.container import ModuleDict, ModuleList
from refnet.nn.modules.module import Module
from refnet.nn.parameter import Parameter
from refnet.tensor import Tensor

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

_cache: dict[tuple[int, str], Any] = {}  # values by (identity of the module, name), while `cached` is on
_cache_depth = 0


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor once inside the ``with`` block; the values are forgotten after.

    >>> import refnet
    >>> class Doubled(refnet.nn.Module):
    ...     def forward(self, x):
    ...         return 2 * x
    >>> layer = register_parametrization(refnet.nn.Linear(2, 2), "weight", Doubled())
    >>> layer.weight is layer.weight
    False
    >>> with cached():
    ...     layer.weight is layer.weight
    True
    """
    global _cache_depth
    _cache_depth += 1
    try:
        yield
    finally:
        _cache_depth -= 1
        if not _cache_depth:
            _cache.clear()


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, and the tensors they start from: made by `register_parametrization`.

    What the first parametrization takes is `original`, or `original0`, `original1`, ... where its `right_inverse` returns
    several tensors. With `unsafe` the result may be of another shape or dtype than the tensor was.
    """

    def __init__(self, modules: Sequence[Module], original: Tensor | Parameter, unsafe: bool = False) -> None:
        check(len(modules) > 0, lambda: "ParametrizationList requires one or more modules.", ValueError)
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        new = self._start(original)
        self.is_tensor = isinstance(new, TensorBase)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            for what in ("dtype", "device"):
                check(
                    getattr(original, what) == getattr(new, what),
                    lambda what=what: (  # type: ignore[misc]
                        f"When `right_inverse` outputs one tensor, it may not change the {what}.\n"
                        f"original.{what}: {getattr(original, what)}\n"
                        f"right_inverse(original).{what}: {getattr(new, what)}"
                    ),
                    ValueError,
                )
            _set(original, new)
            _own(self, "original", original)
        else:
            for i, part in enumerate(new):
                check(
                    isinstance(part, TensorBase),
                    lambda i=i, part=part: (  # type: ignore[misc]
                        "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                        f"Got element {i} of the sequence with type {type(part).__name__}."
                    ),
                    ValueError,
                )
                if isinstance(original, Parameter):
                    part = Parameter(part, original.requires_grad)
                part.requires_grad_(original.requires_grad)
                _own(self, f"original{i}", part)
        if not unsafe:
            self._check_result(shape, dtype)

    def _start(self, original: Any) -> Any:
        """What the parametrizations start from, to give `original`."""
        new = original
        with set_grad(False):
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    try:
                        new = module.right_inverse(new)
                    except NotImplementedError:
                        continue
        check(
            isinstance(new, TensorBase | Sequence),
            lambda: (
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            ),
            ValueError,
        )
        return new

    def _check_result(self, shape: Any, dtype: Any) -> None:
        result = self()
        check(
            isinstance(result, TensorBase),
            lambda: f"A parametrization must return a tensor. Got {type(result).__name__}.",
            ValueError,
        )
        for what, before, after in (("dtype", dtype, result.dtype), ("shape", shape, result.shape)):
            check(
                before == after,
                lambda what=what, before=before, after=after: (  # type: ignore[misc]
                    f"Registering a parametrization may not change the {what} of the tensor, unless `unsafe` flag is "
                    f"enabled.\nunparametrized {what}: {before}\nparametrized {what}: {after}"
                ),
                ValueError,
            )

    def right_inverse(self, value: Any) -> None:
        """Store what gives `value`: the `right_inverse` of each parametrization, the last one first."""
        with set_grad(False):
            for module in reversed(list(self)):
                check(
                    hasattr(module, "right_inverse"),
                    lambda module=module: f"parametrization {type(module).__name__} does not implement right_inverse.",  # type: ignore[misc]
                )
                value = module.right_inverse(value)
            if self.is_tensor:
                check(
                    isinstance(value, TensorBase),
                    lambda: f"`right_inverse` should return a tensor. Got {type(value).__name__}",
                    ValueError,
                )
                check(
                    value.dtype == self.original.dtype,
                    lambda: (
                        f"The tensor returned by `right_inverse` has dtype {value.dtype} while `original` has dtype "
                        f"{self.original.dtype}"
                    ),
                    ValueError,
                )
                _set(self.original, value)
            else:
                self._set_all(value)

    def _set_all(self, values: Any) -> None:
        check(
            isinstance(values, Sequence),
            lambda: f"'right_inverse' must return a sequence of tensors. Got {type(values).__name__}.",
            ValueError,
        )
        check(
            len(values) == self.ntensors,
            lambda: (
                f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. Got a sequence of length "
                f"{len(values)}."
            ),
            ValueError,
        )
        for i, tensor in enumerate(values):
            check(
                isinstance(tensor, TensorBase),
                lambda i=i, tensor=tensor: (  # type: ignore[misc]
                    f"'right_inverse' must return a sequence of tensors. Got element {i} of type {type(tensor).__name__}."
                ),
                ValueError,
            )
            original = getattr(self, f"original{i}")
            check(
                original.dtype == tensor.dtype,
                lambda i=i, tensor=tensor, original=original: (  # type: ignore[misc]
                    f"Tensor {i} returned by `right_inverse` has dtype {tensor.dtype} while `original{i}` has dtype "
                    f"{original.dtype}"
                ),
                ValueError,
            )
            _set(original, tensor)

    def forward(self) -> Any:
        first, *rest = list(self)
        names = ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]
        x = first(*[getattr(self, name) for name in names])
        for module in rest:
            x = module(x)
        return x


def _set(target: Any, source: Any) -> None:
    """Let `target`, which stays the same object, hold the memory of `source`."""
    if target is not source:
        target.data = source.data


def _own(module: Module, name: str, tensor: Any) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Make the parameter or buffer `tensor_name` of `module` a function of what it was; returns the module.

    - parametrization: a module from the original tensor, or the result of the parametrization registered before, to
      the tensor that is used. It takes on the mode, training or not, of `module`.
    - unsafe: let the shape and the dtype change, and check nothing.

    ValueError where `module` has no such tensor, or where the parametrization changes shape or dtype.

    >>> import refnet
    >>> class Symmetric(refnet.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    ...     def right_inverse(self, a):
    ...         return a.triu()
    >>> layer = register_parametrization(refnet.nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all()), list(layer.state_dict())
    (True, ['bias', 'parametrizations.weight.original'])
    """
    parametrization.train(module.training)
    holder: Any = module
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_further(getattr(module, tensor_name), tensor_name, parametrization)
        holder.parametrizations[tensor_name].append(parametrization)
        holder.parametrizations[tensor_name].unsafe |= unsafe
        return module
    check(
        tensor_name in module._buffers or tensor_name in module._parameters,
        lambda: (
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name '{tensor_name}'"
        ),
        ValueError,
    )
    made = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe=unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        _give_own_class(module)
        holder.parametrizations = ModuleDict()
    _add_property(module, tensor_name)
    holder.parametrizations[tensor_name] = made
    return module


def _check_further(before: Any, name: str, parametrization: Any) -> None:
    """A parametrization of an already parametrized tensor must keep its shape and dtype, both ways."""
    after = parametrization(before)
    check(
        isinstance(after, TensorBase),
        lambda: f"A parametrization must return a tensor. Got {type(after).__name__}.",
        ValueError,
    )
    for what in ("dtype", "shape"):
        check(
            getattr(before, what) == getattr(after, what),
            lambda what=what: (  # type: ignore[misc]
                f"Registering a parametrization may not change the {what} of the tensor, unless the `unsafe` flag is "
                f"enabled.\nmodule.{name}.{what}: {getattr(before, what)}\n"
                f"parametrization(module.{name}).{what}: {getattr(after, what)}"
            ),
            ValueError,
        )
    if not hasattr(parametrization, "right_inverse"):
        return
    try:
        back = parametrization.right_inverse(after)
    except NotImplementedError:
        return
    check(
        isinstance(back, TensorBase),
        lambda: f"parametrization.right_inverse must return a tensor. Got: {type(back).__name__}",
        ValueError,
    )
    for what in ("dtype", "shape"):
        check(
            getattr(before, what) == getattr(back, what),
            lambda what=what: (  # type: ignore[misc]
                f"The tensor returned by parametrization.right_inverse must have the same {what} as module.{name}, "
                f"unless the `unsafe` flag is enabled.\nmodule.{name}.{what}: {getattr(before, what)}\n"
                f"returned {what}: {getattr(back, what)}"
            ),
            ValueError,
        )


def _give_own_class(module: Module) -> None:
    """Let `module` be the one object of a subclass of its class, in which properties can be put."""

    def refuse(self: Any) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict(): save that, and load it into "
            "a module with the same parametrizations."
        )

    def copied(self: Any, memo: dict[int, Any]) -> Any:
        replica = self.__new__(type(self))
        memo[id(self)] = replica
        replica.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return replica

    cls = type(module)
    body: dict[str, Any] = {"__getstate__": refuse}
    if not hasattr(cls, "__deepcopy__"):
        body["__deepcopy__"] = copied
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), body)


def _add_property(module: Module, name: str) -> None:
    def computed(self: Any) -> Any:
        parametrization = self.parametrizations[name]
        if not _cache_depth:
            return parametrization()
        key = (id(self), name)
        if key not in _cache:
            _cache[key] = parametrization()
        return _cache[key]

    def inverted(self: Any, value: Any) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(computed, inverted))


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the named tensor of `module` is parametrized; with no name, whether any is."""
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make the tensor a plain parameter or buffer again; returns the module.

    It keeps the value that it now has or, not `leave_parametrized`, takes back the original: ValueError where that is
    several tensors. ValueError where the tensor is not parametrized.
    """
    check(
        is_parametrized(module, tensor_name),
        lambda: f"Module {module} does not have a parametrization on {tensor_name}",
        ValueError,
    )
    holder: Any = module
    parametrizations = holder.parametrizations[tensor_name]
    if parametrizations.is_tensor:
        original = parametrizations.original
        if leave_parametrized:
            with set_grad(False):
                _set(original, getattr(module, tensor_name))
    else:
        check(
            leave_parametrized,
            lambda: (
                "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
                "sequence of tensors."
            ),
            ValueError,
        )
        value = getattr(module, tensor_name)
        original = Parameter(value) if value.requires_grad else value
    delattr(type(module), tensor_name)
    del holder.parametrizations[tensor_name]
    _own(module, tensor_name, original)
    if not is_parametrized(module):
        del holder.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class that the module was made as."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give `to_module` the parametrizations of `from_module`, of one tensor or of all, and their originals.

    A tensor that `to_module` lacks is made. Returns `to_module`.
    """
    source: Any = from_module
    target: Any = to_module
    if not is_parametrized(from_module):
        return to_module
    for name in list(source.parametrizations) if tensor_name is None else [tensor_name]:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        for parametrization in source.parametrizations[name]:
            register_parametrization(to_module, name, parametrization)
        given, taken = source.parametrizations[name], target.parametrizations[name]
        names = ["original"] if given.is_tensor else [f"original{i}" for i in range(given.ntensors)]
        for original in names:
            setattr(taken, original, getattr(given, original))
    return to_module
