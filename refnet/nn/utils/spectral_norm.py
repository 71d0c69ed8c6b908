"""The older spectral norm: a hook that computes the weight before each forward. See `parametrizations.spectral_norm`."""

from typing import Any

from refnet._check import check
from refnet._tape import set_grad
from refnet.nn.modules.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from refnet.nn.modules.module import Module
from refnet.nn.parameter import Parameter, is_lazy
from refnet.nn.utils import _spectral_norm as power


class SpectralNorm:
    """The hook: it sets ``module.weight`` from ``module.weight_orig`` and the vectors ``weight_u`` and ``weight_v``.

    In training each call first takes `n_power_iterations` steps, which write into the vectors.
    """

    _version = 1  # of the layout of the state: 1 has v in it

    def __init__(self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        self.name, self.dim, self.eps = name, dim, eps
        check(
            n_power_iterations > 0,
            lambda: f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}",
            ValueError,
        )
        self.n_power_iterations = n_power_iterations

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Any:
        """The original weight over its largest singular value."""
        weight, u, v = (getattr(module, self.name + suffix) for suffix in ("_orig", "_u", "_v"))
        matrix = power.matrix_of(weight, self.dim)
        if do_power_iteration:
            with set_grad(False):
                for _ in range(self.n_power_iterations):
                    power.right(matrix, u, v, self.eps)
                    power.left(matrix, u, v, self.eps)
                u, v = u.clone(), v.clone()  # the next call writes into these; a graph may still need them
        return weight / power.sigma(matrix, u, v)

    @staticmethod
    def apply(module: Module, name: str, n_power_iterations: int, dim: int, eps: float) -> "SpectralNorm":
        """Move the weight of `module` aside, draw the vectors, and register the hooks."""
        for entry in module._forward_pre_hooks:
            check(
                not (isinstance(entry.function, SpectralNorm) and entry.function.name == name),
                lambda: f"Cannot register two spectral_norm hooks on the same parameter {name}",
            )
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        check(
            weight is not None,
            lambda: f"`SpectralNorm` cannot be applied as parameter `{name}` is None",
            ValueError,
        )
        check(
            not is_lazy(weight),
            lambda: (
                "The module passed to `SpectralNorm` can't have uninitialized parameters. Make sure to run the dummy "
                "forward before applying spectral normalization"
            ),
            ValueError,
        )
        with set_grad(False):
            u, v = power.drawn_vectors(power.matrix_of(weight, dim), eps)
        delattr(module, name)
        module.register_parameter(name + "_orig", weight)
        setattr(module, name, weight.data)
        module.register_buffer(name + "_u", u)
        module.register_buffer(name + "_v", v)
        module.register_forward_pre_hook(hook)
        module._register_state_dict_hook(SpectralNormStateDictHook(hook))
        module._register_load_state_dict_pre_hook(SpectralNormLoadStateDictPreHook(hook))
        return hook

    def remove(self, module: Module) -> None:
        """Make the normalized weight a parameter."""
        with set_grad(False):
            weight = self.compute_weight(module, do_power_iteration=False)
        for suffix in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + suffix)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, do_power_iteration=module.training))

    def solve_v(self, weight: Any, u: Any, wanted: Any) -> Any:
        """The v of a state without it: normal to nothing but u^T W, scaled so that u^T W v is what sigma was."""
        matrix = power.matrix_of(weight, self.dim)
        v = (matrix.t().mm(matrix)).pinverse().mv(matrix.t().mv(u))
        return v.mul_(wanted / power.sigma(matrix, u, v))


class SpectralNormStateDictHook:
    """Notes the layout's version in the state's metadata."""

    def __init__(self, hook: SpectralNorm) -> None:
        self.hook = hook

    def __call__(self, module: Module, state_dict: Any, prefix: str, local_metadata: dict[str, Any]) -> None:
        versions = local_metadata.setdefault("spectral_norm", {})
        key = self.hook.name + ".version"
        check(key not in versions, lambda: f"Unexpected key in metadata['spectral_norm']: {key}")
        versions[key] = self.hook._version


class SpectralNormLoadStateDictPreHook:
    """Reads states of before version 1, which have the normalized weight in place of v."""

    def __init__(self, hook: SpectralNorm) -> None:
        self.hook = hook

    def __call__(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        key = prefix + self.hook.name
        version = local_metadata.get("spectral_norm", {}).get(self.hook.name + ".version")
        if version is not None and version >= 1:
            return
        complete = all(key + suffix in state_dict for suffix in ("_orig", "_u", "_v"))
        if version is None and complete and key not in state_dict:
            return
        missing = [key + suffix for suffix in ("_orig", "", "_u") if key + suffix not in state_dict]
        if missing:
            missing_keys.extend(missing if strict else [])
            return
        with set_grad(False):
            original, u = state_dict[key + "_orig"], state_dict[key + "_u"]
            wanted = (original / state_dict.pop(key)).mean()
            state_dict[key + "_v"] = self.hook.solve_v(original, u, wanted)


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a parameter by its largest singular value, as a matrix whose rows are dimension `dim`; returns the module.

    The original becomes ``name_orig``; buffers ``name_u`` and ``name_v`` hold the singular vectors, which in training
    each forward brings closer by `n_power_iterations` steps. `dim` is 1 for transposed convolutions, else 0.
    """
    transposed = isinstance(module, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d)
    SpectralNorm.apply(module, name, n_power_iterations, int(transposed) if dim is None else dim, eps)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make the normalized weight a parameter; ValueError where there is no spectral norm. Returns the module."""
    for position, entry in enumerate(module._forward_pre_hooks):
        if isinstance(entry.function, SpectralNorm) and entry.function.name == name:
            entry.function.remove(module)
            del module._forward_pre_hooks[position]
            break
    else:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    tables: tuple[list[Any], ...] = (module._state_dict_hooks, module._load_state_dict_pre_hooks)
    for hooks in tables:
        for position, kept in enumerate(hooks):
            if _belongs_to(kept.function, name):
                del hooks[position]
                break
    return module


def _belongs_to(hook: Any, name: str) -> bool:
    kinds = SpectralNormStateDictHook | SpectralNormLoadStateDictPreHook
    return isinstance(hook, kinds) and hook.hook.name == name
