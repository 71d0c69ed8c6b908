"""A module's state as a dictionary: `state_dict`, `load_state_dict`, and the hooks around them."""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from refnet._check import check
from refnet._tape import RemovableHandle, TensorBase, set_grad
from refnet.creation import as_tensor
from refnet.nn.modules._hooks import add_hook
from refnet.nn.parameter import Parameter, is_lazy

Hook = Callable[..., Any]
_EXTRA_STATE = "_extra_state"


class _IncompatibleKeys(NamedTuple):
    """What `load_state_dict` returns: keys the module has and the state lacks, and the other way round."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class _StateHook(NamedTuple):
    function: Hook
    public: bool  # registered by the public method, which does not let a hook return anything


class _LoadHook(NamedTuple):
    function: Hook
    with_module: bool


class Stateful:
    """The state methods of `Module`."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    _state_dict_pre_hooks: list[Hook]
    _state_dict_hooks: list[_StateHook]
    _load_state_dict_pre_hooks: list[_LoadHook]
    _load_state_dict_post_hooks: list[Hook]
    _version = 1  # of the layout of a class's state; written to `_metadata`, read by `_load_from_state_dict`

    def _make_state_hook_lists(self) -> None:
        kinds = ("_state_dict_pre_hooks", "_state_dict_hooks", "_load_state_dict_pre_hooks")
        for name in (*kinds, "_load_state_dict_post_hooks"):
            object.__setattr__(self, name, [])

    def get_extra_state(self) -> Any:
        """What `state_dict` stores beside tensors, under "_extra_state"; override together with `set_extra_state`."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called; override it in "
            f"{type(self).__name__} to store extra state."
        )

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called; override it in "
            f"{type(self).__name__} to load extra state."
        )

    # --- saving ---------------------------------------------------------------------------------------------------

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """The parameters and persistent buffers of this module and all below it, by dotted name.

        - destination: a mapping to fill; an OrderedDict, with an attribute `_metadata` (each module's version), when
          left out.
        - prefix: put before every name.
        - keep_vars: give the tensors themselves, not detached ones. Either way memory is shared.

        >>> import refnet
        >>> list(refnet.nn.Sequential(refnet.nn.Linear(2, 3), refnet.nn.Tanh()).state_dict())
        ['0.weight', '0.bias']
        """
        if args:
            warnings.warn(
                "Positional args are being deprecated, use kwargs instead: state_dict(destination=, prefix=, "
                "keep_vars=).",
                FutureWarning,
                stacklevel=2,
            )
            destination = args[0] if destination is None else destination
            prefix = args[1] if len(args) > 1 and prefix == "" else prefix
            keep_vars = args[2] if len(args) > 2 and keep_vars is False else keep_vars
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for before in tuple(self._state_dict_pre_hooks):
            before(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for after, public in tuple(self._state_dict_hooks):
            replaced = after(self, destination, prefix, metadata)
            if replaced is not None:
                check(not public, lambda: "state_dict post-hook must return None")
                destination = replaced
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put this module's own state, not that of modules below, into `destination`."""
        for name, tensor in self._own_state().items():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if type(self).get_extra_state is not Stateful.get_extra_state:
            destination[prefix + _EXTRA_STATE] = self.get_extra_state()

    def _own_state(self) -> dict[str, Any]:
        """Own parameters and persistent buffers that are not None."""
        buffers = {n: b for n, b in self._buffers.items() if n not in self._non_persistent_buffers_set}
        return {n: t for n, t in (*self._parameters.items(), *buffers.items()) if t is not None}

    # --- loading --------------------------------------------------------------------------------------------------

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy the tensors of `state_dict` into this module and all below it, by name.

        Values are copied into the module's tensors, keeping their dtype and device; with `assign` the given tensors
        take their place (an optimizer made before would keep the old ones). Tensors of another library that numpy
        can read are accepted.

        Returns the missing and the unexpected keys. Raises RuntimeError that lists them all when `strict`, and for
        sizes that differ in any case; TypeError when `state_dict` is no mapping.
        """
        check(
            isinstance(state_dict, Mapping),
            lambda: f"Expected state_dict to be dict-like, got {type(state_dict)}.",
            TypeError,
        )
        metadata = getattr(state_dict, "_metadata", None)
        state: Any = OrderedDict(state_dict)  # a copy that hooks may modify
        if metadata is not None:
            state._metadata = metadata
        missing: list[str] = []
        unexpected: list[str] = []
        errors: list[str] = []

        def load(module: Stateful, state: Any, prefix: str) -> None:
            local = {} if metadata is None else metadata.get(prefix[:-1], {})
            if assign:
                local["assign_to_params_buffers"] = True
            module._load_from_state_dict(state, prefix, local, True, missing, unexpected, errors)
            for name, child in module._modules.items():
                if child is not None:
                    below = f"{prefix}{name}."
                    load(child, {k: v for k, v in state.items() if k.startswith(below)}, below)
            incompatible = _IncompatibleKeys(missing, unexpected)
            for hook in tuple(module._load_state_dict_post_hooks):
                check(
                    hook(module, incompatible) is None,
                    lambda: (
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return "
                        "new values, if incompatible_keys need to be modified, it should be done inplace."
                    ),
                    AssertionError,
                )

        load(self, state, "")
        if strict:
            for kind, keys in (("Unexpected", unexpected), ("Missing", missing)):
                if keys:
                    errors.insert(0, f"{kind} key(s) in state_dict: " + ", ".join(f'"{k}"' for k in keys) + ". ")
        check(
            not errors,
            lambda: f"Error(s) in loading state_dict for {type(self).__name__}:\n\t" + "\n\t".join(errors),
        )
        return _IncompatibleKeys(missing, unexpected)

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Copy this module's own state, not that of modules below; note what is missing, unexpected or wrong.

        Override it to read an older layout, by ``local_metadata.get("version")``.
        """
        for hook, with_module in tuple(self._load_state_dict_pre_hooks):
            leading = (self,) if with_module else ()
            notes = (strict, missing_keys, unexpected_keys, error_msgs)
            hook(*leading, state_dict, prefix, local_metadata, *notes)
        own = self._own_state()
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, current in own.items():
            if prefix + name in state_dict:
                error = self._load_one(name, current, prefix + name, state_dict[prefix + name], assign)
                if error:
                    error_msgs.append(error)
            elif strict:
                missing_keys.append(prefix + name)
        extra = prefix + _EXTRA_STATE
        if type(self).set_extra_state is not Stateful.set_extra_state:
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)
        if strict:
            for key in state_dict:
                if key.startswith(prefix) and key != extra:
                    name, dot, _ = key[len(prefix) :].partition(".")
                    if name not in (self._modules if dot else own):
                        unexpected_keys.append(key)

    def _load_one(self, name: str, current: Any, key: str, given: Any, assign: bool) -> str:
        """Load one tensor; returns what is wrong with it, or nothing."""
        if not isinstance(given, TensorBase):
            if not hasattr(given, "__torch_function__"):
                return (
                    f'While copying the parameter named "{key}", expected refnet.Tensor or Tensor-like object from '
                    f"checkpoint but received {type(given)}"
                )
            given = as_tensor(given)
        if is_lazy(current) and is_lazy(given) and not assign:
            return ""  # both still wait for their shape
        if not is_lazy(current):
            if len(current.shape) == 0 and tuple(given.shape) == (1,):  # scalars of old checkpoints
                given = given[0]
            if given.shape != current.shape:
                return (
                    f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, the shape in "
                    f"current model is {current.shape}."
                )
        try:
            with set_grad(False):
                if not assign:
                    current.copy_(given)
                elif isinstance(current, Parameter):
                    if not isinstance(given, Parameter):
                        given = Parameter(given, requires_grad=current.requires_grad)
                    setattr(self, name, given.requires_grad_(current.requires_grad))
                else:
                    setattr(self, name, given)
        except Exception as error:
            return (
                f'While copying the parameter named "{key}", whose dimensions in the model are {current.size()} and '
                f"whose dimensions in the checkpoint are {given.size()}, an exception occurred : {error.args}."
            )
        return ""

    # --- hooks ----------------------------------------------------------------------------------------------------

    def register_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before `state_dict` reads this module."""
        return add_hook(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after; it modifies in place, returns None."""
        return add_hook(self._state_dict_hooks, _StateHook(hook, True))

    def _register_state_dict_hook(self, hook: Hook) -> RemovableHandle:
        """As `register_state_dict_post_hook`; what the hook returns replaces the result."""
        return add_hook(self._state_dict_hooks, _StateHook(hook, False))

    def register_load_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call a hook before this module's state is loaded.

        ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)``
        """
        return add_hook(self._load_state_dict_pre_hooks, _LoadHook(hook, True))

    def _register_load_state_dict_pre_hook(self, hook: Hook, with_module: bool = False) -> RemovableHandle:
        """As `register_load_state_dict_pre_hook`, by default without the module as the first argument."""
        return add_hook(self._load_state_dict_pre_hooks, _LoadHook(hook, with_module))

    def register_load_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after this module's state is loaded.

        It may modify the two lists in place, and returns None.
        """
        return add_hook(self._load_state_dict_post_hooks, hook)
