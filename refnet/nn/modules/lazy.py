"""Modules that learn the shape of their parameters from the first input they see."""

from typing import Any

from refnet._tape import set_grad
from refnet.nn.modules.module import Module
from refnet.nn.parameter import is_lazy


class LazyModuleMixin(Module):
    """Makes a layer lazy: list it first, ``class LazyLinear(LazyModuleMixin, Linear)``.

    A lazy class gives its parameters as `UninitializedParameter` (and buffers as `UninitializedBuffer`), defines
    ``initialize_parameters(*inputs)``, which materializes and initializes them, and names in `cls_to_become` the
    ordinary class that the module becomes after its first call. Loading a state materializes them too.

    >>> import refnet
    >>> layer = refnet.nn.LazyLinear(3)
    >>> _ = layer(refnet.ones(5, 4))
    >>> layer
    Linear(in_features=4, out_features=3, bias=True)
    """

    cls_to_become: type[Module] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materialize and initialize the parameters to suit these inputs of `forward`."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer of this module still waits for its shape."""
        return any(is_lazy(t) for t in (*self._parameters.values(), *self._buffers.values()))

    def _infer_parameters(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """The forward pre-hook: initialize, take both hooks back, and become the ordinary class."""
        module.initialize_parameters(*args, **kwargs)
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook
        del module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _lazy_load_hook(self, state_dict: Any, prefix: str, *_: Any) -> None:
        """Give uninitialized parameters the shape of what is about to be loaded into them."""
        for name, tensor in (*self._parameters.items(), *self._buffers.items()):
            given = state_dict.get(prefix + name)
            if is_lazy(tensor) and given is not None and not is_lazy(given):
                with set_grad(False):
                    tensor.materialize(given.shape)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        for name, tensor in self._own_state().items():
            destination[prefix + name] = tensor if keep_vars or is_lazy(tensor) else tensor.detach()
