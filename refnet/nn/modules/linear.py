"""Fully connected layers, the identity, and reshaping layers."""

from typing import Any

from refnet.creation import empty
from refnet.nn import init
from refnet.nn.functional.linear import linear
from refnet.nn.modules.lazy import LazyModuleMixin
from refnet.nn.modules.module import Module
from refnet.nn.parameter import Parameter, UninitializedParameter


class Identity(Module):
    """Its input, whatever arguments it is made with."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        return input


class Linear(Module):
    """y = x W^T + b, for x (..., in_features): see `refnet.nn.functional.linear`.

    W (out, in) and b (out,) start uniform in +-1 / sqrt(in_features).

    >>> import refnet
    >>> refnet.nn.Linear(3, 2)(refnet.zeros(5, 3)).shape
    refnet.Size([5, 2])
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        options = {"device": device, "dtype": dtype}
        self.weight = self._new_parameter((out_features, in_features), options)
        if bias:
            self.bias = self._new_parameter((out_features,), options)
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _new_parameter(self, shape: tuple[int, ...], options: dict[str, Any]) -> Parameter:
        return Parameter(empty(shape, **options))

    def reset_parameters(self) -> None:
        """Draw weight and bias uniformly from +-1 / sqrt(in_features) (Kaiming-uniform with a = sqrt 5)."""
        init.kaiming_uniform_(self.weight, a=5**0.5)
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / fan_in**0.5 if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Any) -> Any:
        return linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class LazyLinear(LazyModuleMixin, Linear):
    """A `Linear` that takes `in_features` from its first input.

    >>> import refnet
    >>> layer = refnet.nn.LazyLinear(2)
    >>> _ = layer(refnet.zeros(5, 3))
    >>> layer
    Linear(in_features=3, out_features=2, bias=True)
    """

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(0, out_features, bias, device, dtype)

    def _new_parameter(self, shape: tuple[int, ...], options: dict[str, Any]) -> Parameter:
        waiting: Parameter = UninitializedParameter(**options)
        return waiting

    def reset_parameters(self) -> None:
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Any) -> None:
        """Take `in_features` from the last dimension of an input and initialize."""
        if self.has_uninitialized_params():
            self.in_features = input.shape[-1]
            weight: Any = self.weight
            weight.materialize((self.out_features, self.in_features))
            bias: Any = self.bias
            if bias is not None:
                bias.materialize((self.out_features,))
            self.reset_parameters()
