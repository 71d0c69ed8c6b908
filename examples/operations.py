"""A network operation by operation: shapes are checked on the way back, too.

A study text builds layers from `Operation`s: a weight multiplication, a bias addition, an activation. Each checks that
its gradient has the shape of what it is the gradient of. Here modules are the layers, the engine does the checks, and
hooks look on.
"""

from typing import Any

import refnet
from refnet import nn

x = refnet.rand(4, 3, requires_grad=True)
dense = nn.Sequential(nn.Linear(3, 2), nn.Sigmoid())  # a study text: Dense(neurons=2, activation=Sigmoid())
linear = nn.Sequential(nn.Linear(3, 2), nn.Identity())  # activation=Linear()
assert refnet.equal(linear(x), x @ linear[0].weight.T + linear[0].bias)

# Hooks see what goes through a module, forward and backward.
shapes: list[tuple[object, ...]] = []
dense[0].register_forward_hook(
    lambda module, args, out: shapes.append(("forward", tuple(args[0].shape), tuple(out.shape)))
)
dense[0].register_full_backward_hook(
    lambda module, grad_in, grad_out: shapes.append(("backward", tuple(grad_out[0].shape)))
)
dense(x).sum().backward()
print(shapes)
assert shapes == [("forward", (4, 3), (4, 2)), ("backward", (4, 2))]
assert all(parameter.grad.shape == parameter.shape for parameter in dense.parameters())


class Careless(refnet.autograd.Function):
    """An operation that returns a gradient of the wrong shape."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g[:, :2] * 2  # (4, 2) for an input of (4, 3)


# The error names the operation, what it got and what it expected.
try:
    Careless.apply(x).sum().backward()
except RuntimeError as error:
    print(error)
    assert "Careless" in str(error) and "[4, 2]" in str(error) and "[4, 3]" in str(error)
else:
    raise SystemExit("the wrong shape was not noticed")

# Shapes that do not fit are refused on the way forward as well.
try:
    dense(refnet.rand(4, 5))
except RuntimeError as error:
    print(error)
