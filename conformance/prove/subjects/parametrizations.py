"""Weights computed from other tensors: which norm, which singular value, which statistics."""

import functools
from typing import Any

from conformance.case import OUTPUT, Arguments, args
from conformance.draw import positive
from conformance.prove.regimes import TAME, Make
from conformance.prove.subject import Subject

ONCE = frozenset({OUTPUT})


def linear_of(torch: Any, weight: Any) -> Any:
    """A layer with this weight, without bias."""
    layer = torch.nn.Linear(*weight.shape[::-1], bias=False, dtype=weight.dtype)
    with torch.no_grad():
        layer.weight.copy_(weight)
    return layer


# --- weight norm --------------------------------------------------------------------------------------------------------


def normed(torch: Any, weight: Any, seed: Any, *, dim: int | None) -> Any:
    """The weight, with its length doubled, and the gradients of length and direction."""
    layer = torch.nn.utils.parametrizations.weight_norm(linear_of(torch, weight), dim=dim)
    length, direction = layer.parametrizations.weight.original0, layer.parametrizations.weight.original1
    with torch.no_grad():
        length.mul_(2)
        direction.mul_(3)
    found = layer.weight
    return [found, length.detach().clone(), *torch.autograd.grad(found, [length, direction], seed)]


def weight_norm(
    torch: Any, layer: Any, name: str = "weight", dim: int | None = 0, *, other: bool = False, whole: bool = False,
    frozen: bool = False, p: float = 2.0, eps: float = 0.0,
) -> Any:  # fmt: skip
    """g v / |v|. `other`: the norm along dim; `whole`: of all; `frozen`: no gradient through the norm."""

    class Norm(torch.nn.Module):  # type: ignore[misc]
        def length(self, v: Any) -> Any:
            if dim is None or whole:
                return torch.linalg.vector_norm(v, p)
            dims = [d for d in range(v.ndim) if (d == dim) == other]
            return torch.linalg.vector_norm(v, p, dims, keepdim=True)

        def forward(self, g: Any, v: Any) -> Any:
            length = self.length(v) + eps
            return v / (length.detach() if frozen else length) * g

        def right_inverse(self, weight: Any) -> Any:
            return self.length(weight), weight

    return torch.nn.utils.parametrize.register_parametrization(layer, name, Norm(), unsafe=True)


def _weights(make: Make) -> list[Arguments]:
    return [args(make(3, 4).fixed(), make(3, 4).fixed(), dim=dim) for dim in (0, 1, None)]


# --- spectral norm ------------------------------------------------------------------------------------------------------


def spectral(torch: Any, weight: Any, seed: Any, *, steps: int) -> Any:
    """The weight at two accesses in training and two in evaluation, its gradient, and the vectors."""
    layer = torch.nn.utils.parametrizations.spectral_norm(linear_of(torch, weight), n_power_iterations=steps)
    inner = layer.parametrizations.weight[0]
    inner._u = torch.linspace(0.25, 1, weight.shape[0], dtype=weight.dtype)
    inner._v = torch.linspace(0.25, 1, weight.shape[1], dtype=weight.dtype)
    found = [layer.weight, layer.weight.detach()]
    gradient = torch.autograd.grad(found[0], layer.parametrizations.weight.original, seed)
    layer.eval()
    return [*found, *gradient, layer.weight.detach(), layer.weight.detach(), inner._u.clone(), inner._v.clone()]


def spectral_norm(
    torch: Any, layer: Any, name: str = "weight", n_power_iterations: int = 1, *, always: bool = False,
    reverse: bool = False, frozen: bool = False, extra: int = 0,
) -> Any:  # fmt: skip
    """W / u^T W v. `always`: steps in evaluation too; `reverse`: v before u; `frozen`: sigma a constant."""

    class Norm(torch.nn.Module):  # type: ignore[misc]
        _u: Any
        _v: Any

        def __init__(self, weight: Any) -> None:
            super().__init__()
            self.register_buffer("_u", weight.new_ones(weight.shape[0]))
            self.register_buffer("_v", weight.new_ones(weight.shape[1]))

        def step(self, w: Any) -> None:
            for which in "vu" if reverse else "uv":
                if which == "u":
                    self._u = torch.nn.functional.normalize(w @ self._v, dim=0)
                else:
                    self._v = torch.nn.functional.normalize(w.T @ self._u, dim=0)

        def forward(self, weight: Any) -> Any:
            if self.training or always:
                with torch.no_grad():
                    for _ in range(n_power_iterations + extra):
                        self.step(weight)
            sigma = torch.einsum("i,ij,j->", self._u, weight, self._v)
            return weight / (sigma.detach() if frozen else sigma)

    return torch.nn.utils.parametrize.register_parametrization(layer, name, Norm(layer.weight))


def _spectra(make: Make) -> list[Arguments]:
    return [args(make(3, 4).fixed(), make(3, 4).fixed(), steps=steps) for steps in (1, 2)]


# --- fusion -------------------------------------------------------------------------------------------------------------


def fused(torch: Any, weight: Any, bias: Any, mean: Any, variance: Any, scale: Any, shift: Any) -> Any:
    """The weight and the bias of a convolution with a batch norm folded in, plain and transposed."""
    found = []
    for transpose in (False, True):
        given = (weight.transpose(0, 1) if transpose else weight, bias, mean, variance, 1e-3, scale, shift)
        found += [x.detach() for x in torch.nn.utils.fuse_conv_bn_weights(*given, transpose=transpose)]
    return found


def fuse(
    torch: Any, weight: Any, bias: Any, mean: Any, variance: Any, eps: float, scale: Any, shift: Any,
    transpose: bool = False, *, added: bool = True, moved: bool = True, ignored: bool = False,
) -> Any:  # fmt: skip
    """s W and (b - mean) s + shift, s = scale / sqrt(variance + eps).

    Not `added`: eps left out; not `moved`: the bias is not scaled; `ignored`: transpose is not heeded.
    """
    factor = scale / torch.sqrt(variance + (eps if added else 0))
    along = [1, -1] if transpose and not ignored else [-1, 1]
    made = weight * factor.reshape(along + [1] * (weight.ndim - 2))
    return made, (bias - mean) * factor + shift if moved else bias - mean * factor + shift


def _moments(make: Make) -> list[Arguments]:
    vectors = [make(3).fixed(), make(3).fixed(), positive(3).fixed(), make(3).fixed(), make(3).fixed()]
    return [args(make(3, 3, 2, 2).fixed(), *vectors)]


SUBJECTS = [
    Subject(
        "weight norm of a layer",
        _weights,
        {"by vector_norm": weight_norm},
        {
            "norm along the dimension": functools.partial(weight_norm, other=True),
            "norm of all": functools.partial(weight_norm, whole=True),
            "no gradient through the norm": functools.partial(weight_norm, frozen=True),
            "sum of magnitudes": functools.partial(weight_norm, p=1.0),
            "1e-3 added to the norm": functools.partial(weight_norm, eps=1e-3),
        },
        TAME,
        program=normed,
        replaces="nn.utils.parametrizations.weight_norm",
        checks=ONCE,
    ),
    Subject(
        "spectral norm of a layer",
        _spectra,
        {"by einsum": spectral_norm},
        {
            "steps in evaluation": functools.partial(spectral_norm, always=True),
            "v before u": functools.partial(spectral_norm, reverse=True),
            "sigma without gradient": functools.partial(spectral_norm, frozen=True),
            "one step too many": functools.partial(spectral_norm, extra=1),
        },
        TAME,
        program=spectral,
        replaces="nn.utils.parametrizations.spectral_norm",
        checks=ONCE,
    ),
    Subject(
        "batch norm folded in",
        _moments,
        {"by sqrt": fuse},
        {
            "eps left out": functools.partial(fuse, added=False),
            "bias not scaled": functools.partial(fuse, moved=False),
            "transpose not heeded": functools.partial(fuse, ignored=True),
        },
        TAME,
        program=fused,
        replaces="nn.utils.fuse_conv_bn_weights",
        checks=ONCE,
    ),
]
