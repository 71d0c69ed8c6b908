"""The bilinear layer."""

from typing import Any

from refnet._check import check
from refnet.creation import empty
from refnet.nn import init
from refnet.nn.functional.bilinear import bilinear
from refnet.nn.modules.module import Module
from refnet.nn.parameter import Parameter


class Bilinear(Module):
    """y = x1^T W x2 + b, for x1 (..., in1_features), x2 (..., in2_features): see `refnet.nn.functional.bilinear`.

    W (out, in1, in2) and b (out,) start uniform in +-1 / sqrt(in1_features).

    >>> import refnet
    >>> refnet.nn.Bilinear(3, 4, 2)(refnet.zeros(5, 3), refnet.zeros(5, 4)).shape
    refnet.Size([5, 2])
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        options = {"device": device, "dtype": dtype}
        self.weight = Parameter(empty((out_features, in1_features, in2_features), **options))
        self.bias = Parameter(empty(out_features, **options)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias uniformly from +-1 / sqrt(in1_features)."""
        check(
            self.in1_features > 0,
            lambda: f"in1_features must be > 0, but got (in1_features={self.in1_features})",
            ValueError,
        )
        bound = 1 / self.in1_features**0.5
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Any, input2: Any) -> Any:
        return bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )
