"""A multilayer perceptron whose input size is inferred from the first batch."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from refnet._check import check
from refnet.nn.modules.activation import Sigmoid
from refnet.nn.modules.container import ModuleList
from refnet.nn.modules.linear import LazyLinear, Linear
from refnet.nn.modules.module import Module


class MLP(Module):
    """Fully connected layers with an activation between them, none after the last.

    x -> W_1 x + b_1 -> activation -> ... -> W_n x + b_n

    - out_features: the output size of each layer; the first layer's input size comes from the first batch.
    - activation: a function of a tensor, or a module; sigmoid by default.

    Shapes: (*, in) -> (*, out_features[-1]). Raises ValueError for an empty list of sizes.

    >>> import refnet
    >>> model = MLP((10, 1), refnet.sigmoid)
    >>> tuple(model(refnet.zeros(5, 3)).shape)
    (5, 1)
    >>> [name for name, _ in model.named_parameters()]
    ['layers.0.weight', 'layers.0.bias', 'layers.1.weight', 'layers.1.bias']
    """

    def __init__(
        self, out_features: Sequence[int], activation: Callable[[Any], Any] | None = None, *, bias: bool = True
    ) -> None:
        super().__init__()
        sizes = tuple(out_features)
        check(sizes, lambda: "MLP(): expected at least one layer size in out_features, got none", ValueError)
        rest = [Linear(inner, outer, bias=bias) for inner, outer in pairwise(sizes)]
        self.layers = ModuleList([LazyLinear(sizes[0], bias=bias), *rest])
        self.activation = Sigmoid() if activation is None else activation

    def forward(self, input: Any) -> Any:
        """The last layer's output."""
        *hidden, last = self.layers
        for layer in hidden:
            input = self.activation(layer(input))
        return last(input)
