"""Layers that normalize each sample by itself: layer, RMS and group norm, local response norm."""

from collections.abc import Sequence
from typing import Any

from refnet._check import check
from refnet.creation import empty
from refnet.nn import init
from refnet.nn.functional.layer_norm import group_norm, layer_norm, rms_norm
from refnet.nn.functional.local_norm import cross_map_norm, local_response_norm
from refnet.nn.modules.module import Module
from refnet.nn.parameter import Parameter


class _Affine(Module):
    """A weight that starts at 1 and a bias that starts at 0, or None where there is none."""

    weight: Parameter | None
    bias: Parameter | None

    def _register(self, name: str, shape: Any, wanted: bool, options: dict[str, Any]) -> None:
        self.register_parameter(name, Parameter(empty(shape, **options)) if wanted else None)

    def reset_parameters(self) -> None:
        """Weight 1 and bias 0."""
        for name, fill in (("weight", init.ones_), ("bias", init.zeros_)):
            parameter = self._parameters.get(name)
            if parameter is not None:
                fill(parameter)


def _shape_of(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


class LayerNorm(_Affine):
    """(x - mean) / sqrt(var + eps) weight + bias over the last dimensions: see `refnet.nn.functional.layer_norm`.

    Weight and bias have the shape `normalized_shape` and start at 1 and 0; `elementwise_affine` False leaves both away.

    >>> import refnet
    >>> refnet.nn.LayerNorm(2)(refnet.tensor([[1.0, 3.0], [10.0, 50.0]])).detach()
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape_of(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        options = {"device": device, "dtype": dtype}
        self._register("weight", self.normalized_shape, elementwise_affine, options)
        self._register("bias", self.normalized_shape, elementwise_affine and bias, options)
        self.reset_parameters()

    def forward(self, input: Any) -> Any:
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(_Affine):
    """x / sqrt(mean x^2 + eps) weight over the last dimensions: see `refnet.nn.functional.rms_norm`.

    >>> import refnet
    >>> refnet.nn.RMSNorm(2)(refnet.tensor([1.0, 7.0])).detach()
    tensor([0.2000, 1.4000])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape_of(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._register("weight", self.normalized_shape, elementwise_affine, {"device": device, "dtype": dtype})
        self.reset_parameters()

    def forward(self, x: Any) -> Any:
        return rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Affine):
    """Layer norm of each group of channels of (N, C, ...): see `refnet.nn.functional.group_norm`.

    Weight and bias are (C,) and start at 1 and 0. ValueError where the channels do not divide into the groups.

    >>> import refnet
    >>> refnet.nn.GroupNorm(2, 4)(refnet.tensor([[1.0, 3.0, 10.0, 50.0]] * 2))[0].detach()
    tensor([-1.0000,  1.0000, -1.0000,  1.0000])
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check(num_groups != 0, lambda: "integer modulo by zero: num_groups is 0", ZeroDivisionError)
        check(
            num_channels % num_groups == 0,
            lambda: f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})",
            ValueError,
        )
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        options = {"device": device, "dtype": dtype}
        self._register("weight", num_channels, affine, options)
        self._register("bias", num_channels, affine and bias, options)
        self.reset_parameters()

    def forward(self, input: Any) -> Any:
        return group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={self.bias is not None}"


class LocalResponseNorm(Module):
    """x_c divided by a power of the squares of the channels around c: see `refnet.nn.functional.local_response_norm`."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Any) -> Any:
        return local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(Module):
    """`LocalResponseNorm` of images under an old name and with the sums of torch's layer: see `cross_map_norm`."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Any) -> Any:
        return cross_map_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
