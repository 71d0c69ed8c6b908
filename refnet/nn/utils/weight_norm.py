"""The older weight norm: a hook that computes the weight before each forward. See `parametrizations.weight_norm`."""

import warnings
from typing import Any

from refnet._check import check
from refnet.nn.modules.module import Module
from refnet.nn.parameter import Parameter, is_lazy
from refnet.nn.utils._weight_norm import norm_except_dim, scaled_direction


class WeightNorm:
    """The hook: it sets ``module.weight`` from ``module.weight_g`` and ``module.weight_v``."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Any:
        """The weight of the present length and direction."""
        return scaled_direction(getattr(module, self.name + "_v"), getattr(module, self.name + "_g"), self.dim)

    @staticmethod
    def apply(module: Module, name: str, dim: int | None) -> "WeightNorm":
        """Split the weight of `module` and register the hook."""
        warnings.warn(
            "`refnet.nn.utils.weight_norm` is deprecated in favor of `refnet.nn.utils.parametrizations.weight_norm`.",
            FutureWarning,
            stacklevel=3,
        )
        for entry in module._forward_pre_hooks:
            check(
                not (isinstance(entry.function, WeightNorm) and entry.function.name == name),
                lambda: f"Cannot register two weight_norm hooks on the same parameter {name}",
            )
        hook = WeightNorm(name, dim)
        weight = getattr(module, name)
        check(
            not is_lazy(weight),
            lambda: (
                "The module passed to `WeightNorm` can't have uninitialized parameters. Make sure to run the dummy "
                "forward before applying weight normalization"
            ),
            ValueError,
        )
        del module._parameters[name]
        module.register_parameter(name + "_g", Parameter(norm_except_dim(weight, hook.dim).data))
        module.register_parameter(name + "_v", Parameter(weight.data))
        setattr(module, name, hook.compute_weight(module))
        module.register_forward_pre_hook(hook)
        return hook

    def remove(self, module: Module) -> None:
        """Make the weight a parameter again."""
        weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[self.name + "_g"]
        del module._parameters[self.name + "_v"]
        setattr(module, self.name, Parameter(weight.data))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Replace a parameter by its length ``name_g``, along `dim` (None: of the whole), and its direction ``name_v``.

    Deprecated, with a FutureWarning. Returns the module; RuntimeError for a second time on one parameter.
    """
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make the parameter one again; ValueError where it has no weight norm. Returns the module."""
    for position, entry in enumerate(module._forward_pre_hooks):
        if isinstance(entry.function, WeightNorm) and entry.function.name == name:
            entry.function.remove(module)
            del module._forward_pre_hooks[position]
            return module
    raise ValueError(f"weight_norm of '{name}' not found in {module}")
