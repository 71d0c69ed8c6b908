"""Rectifiers with a slope that is learned or drawn, and piecewise activations; each forward is one function call."""

from typing import Any

from refnet.creation import empty
from refnet.nn import init
from refnet.nn.functional import rectifier as functions
from refnet.nn.modules.module import Module
from refnet.nn.parameter import Parameter


class PReLU(Module):
    """x where x > 0, else weight x, with `num_parameters` weights: 1, or one for each channel of (N, C, ...).

    >>> import refnet
    >>> refnet.nn.PReLU()(refnet.tensor([-1.0, 2.0])).detach()
    tensor([-0.2500,  2.0000])
    """

    weight: Parameter

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set all weights to their initial value."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Any) -> Any:
        return functions.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class RReLU(Module):
    """x where x > 0, else r x, r drawn from [lower, upper) in training, their mean in evaluation."""

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def forward(self, input: Any) -> Any:
        return functions.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"lower={self.lower}, upper={self.upper}{', inplace=True' if self.inplace else ''}"


class _Silent(Module):
    """An activation with an `inplace` that its text does not show."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class Hardsigmoid(_Silent):
    """min(max(x + 3, 0), 6) / 6."""

    def forward(self, input: Any) -> Any:
        return functions.hardsigmoid(input, self.inplace)


class Hardswish(_Silent):
    """x min(max(x + 3, 0), 6) / 6."""

    def forward(self, input: Any) -> Any:
        return functions.hardswish(input, self.inplace)


class _Shrink(Module):
    """An activation that is 0 within `lambd` of 0."""

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        return str(self.lambd)


class Hardshrink(_Shrink):
    """x where |x| > lambd, else 0."""

    def forward(self, input: Any) -> Any:
        return functions.hardshrink(input, self.lambd)


class Softshrink(_Shrink):
    """x moved by lambd towards 0, and 0 where |x| <= lambd."""

    def forward(self, input: Any) -> Any:
        return functions.softshrink(input, self.lambd)
