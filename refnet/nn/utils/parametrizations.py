"""Parametrizations that come with the library: weight norm, spectral norm, orthogonal matrices."""

from typing import Any

from refnet._check import check
from refnet._tape import TensorBase, set_grad
from refnet.nn.functional.local_norm import normalize
from refnet.nn.modules.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from refnet.nn.modules.module import Module
from refnet.nn.utils import _spectral_norm as power
from refnet.nn.utils._orthogonal import OrthogonalMap, _Orthogonal
from refnet.nn.utils._weight_norm import norm_except_dim, scaled_direction
from refnet.nn.utils.parametrize import register_parametrization

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def _weight_of(module: Module, name: str) -> Any:
    weight = getattr(module, name, None)
    check(
        isinstance(weight, TensorBase),
        lambda: f"Module '{module}' has no parameter or buffer with name '{name}'",
        ValueError,
    )
    return weight


# --- weight norm ------------------------------------------------------------------------------------------------------


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Any, weight_v: Any) -> Any:
        return scaled_direction(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Any) -> tuple[Any, Any]:
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """w = g v / |v|, the norm over all dimensions but `dim`, or over all of them for None; returns the module.

    g is ``parametrizations.weight.original0``, v ``original1``. States of the older `nn.utils.weight_norm` load too
    (Salimans and Kingma 2016).

    >>> import refnet
    >>> layer = weight_norm(refnet.nn.Linear(3, 2))
    >>> layer
    ParametrizedLinear(
      in_features=3, out_features=2, bias=True
      (parametrizations): ModuleDict(
        (weight): ParametrizationList(
          (0): _WeightNorm()
        )
      )
    )
    >>> layer.parametrizations.weight.original0.shape
    refnet.Size([2, 1])
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def read_older(state_dict: Any, prefix: str, *_: Any) -> None:
        old = [f"{prefix}{name}_{which}" for which in ("g", "v")]
        if all(key in state_dict for key in old):
            for i, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(read_older)
    return module


# --- spectral norm ----------------------------------------------------------------------------------------------------


class _SpectralNorm(Module):
    _u: Any
    _v: Any

    def __init__(self, weight: Any, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        ndim = weight.ndim
        check(
            -ndim <= dim < ndim,
            lambda: f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})",
            IndexError,
        )
        check(
            n_power_iterations > 0,
            lambda: f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}",
            ValueError,
        )
        self.dim = dim % ndim
        self.eps = eps
        if ndim > 1:  # the norm of a vector needs no iteration
            self.n_power_iterations = n_power_iterations
            with set_grad(False):
                matrix = power.matrix_of(weight, self.dim)
                u, v = power.drawn_vectors(matrix, eps)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)
            self._iterate(matrix, 15)

    def _iterate(self, matrix: Any, steps: int) -> None:
        """Bring the singular vectors closer, in their own memory."""
        with set_grad(False):
            for _ in range(steps):
                power.left(matrix, self._u, self._v, self.eps)
                power.right(matrix, self._u, self._v, self.eps)

    def forward(self, weight: Any) -> Any:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = power.matrix_of(weight, self.dim)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        # Copies, because the next access writes into the vectors, and a graph may still need these.
        return weight / power.sigma(matrix, self._u.clone(), self._v.clone())

    def right_inverse(self, value: Any) -> Any:
        return value


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a parameter by its largest singular value, as a matrix whose rows are dimension `dim`; returns the module.

    In training, each access to the weight first takes `n_power_iterations` steps of the power method. `dim` is 1 for
    transposed convolutions, else 0. A vector is divided by its norm (Miyato et al. 2018).

    >>> import refnet
    >>> layer = spectral_norm(refnet.nn.Linear(3, 2)).eval()
    >>> [name for name, _ in layer.named_buffers()]
    ['parametrizations.weight.0._u', 'parametrizations.weight.0._v']
    """
    weight = _weight_of(module, name)
    transposed = isinstance(module, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d)
    made = _SpectralNorm(weight, n_power_iterations, int(transposed) if dim is None else dim, eps)
    return register_parametrization(module, name, made)


# --- orthogonal matrices ----------------------------------------------------------------------------------------------


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Keep a matrix orthonormal, in its columns or, where it is wide, in its rows; returns the module.

    - orthogonal_map: "matrix_exp" (the default for square matrices), "cayley" or "householder" (the default for others).
    - use_trivialization: keep the matrix that was there, made orthogonal, as a base, and turn from it.

    ValueError for what is no matrix or stack of matrices.

    >>> import refnet
    >>> layer = orthogonal(refnet.nn.Linear(4, 3))
    >>> q = layer.weight.detach()
    >>> refnet.allclose(q @ q.mT, refnet.eye(3), atol=1e-6)
    True
    """
    weight = _weight_of(module, name)
    check(
        weight.ndim >= 2,
        lambda: f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.",
        ValueError,
    )
    default = "matrix_exp" if weight.shape[-2] == weight.shape[-1] else "householder"
    chosen = default if orthogonal_map is None else orthogonal_map
    check(
        chosen in OrthogonalMap.__members__,
        lambda: f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}',
        ValueError,
    )
    made = _Orthogonal(weight, OrthogonalMap[chosen], use_trivialization=use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)
