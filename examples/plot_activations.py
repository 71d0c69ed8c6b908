"""A fully connected layer, and the activations that may follow it, drawn."""

import sys
import tempfile
from pathlib import Path

from matplotlib.figure import Figure

import refnet
from refnet.nn import functional as F

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())

# A fully connected layer: y = x W^T + b.
x, weight, bias = (
    refnet.tensor([[1.0, 2.0]]),
    refnet.tensor([[1.0, -1.0], [0.5, 0.5], [0.0, -2.0]]),
    refnet.tensor([0.0, 1.0, 0.0]),
)
y = F.linear(x, weight, bias)
print("linear:", y.tolist())
assert y.tolist() == [[-1.0, 2.5, -4.0]]
assert F.relu(y).tolist() == [[0.0, 2.5, 0.0]]
assert refnet.allclose(F.leaky_relu(y, 0.1), refnet.tensor([[-0.1, 2.5, -0.4]]))  # torch's own default slope is 0.01

grid = refnet.linspace(-5, 5, 201, requires_grad=True)
activations = {
    "ReLU: max(x, 0)": F.relu(grid),
    "LeakyReLU: x, or 0.1 x below 0": F.leaky_relu(grid, 0.1),
    "sigmoid: 1 / (1 + exp(-x))": F.sigmoid(grid),
    "tanh": F.tanh(grid),
}
assert refnet.allclose(activations["tanh"], 2 * F.sigmoid(2 * grid) - 1, atol=1e-6)  # they are one another, stretched

figure = Figure(figsize=(8, 6), layout="constrained")
for axes, (title, values) in zip(figure.subplots(2, 2).flat, activations.items(), strict=True):
    (slope,) = refnet.autograd.grad(values.sum(), grid)
    axes.plot(grid.detach().numpy(), values.detach().numpy(), label="value")
    axes.plot(grid.detach().numpy(), slope.numpy(), "--", label="derivative")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend()
figure.savefig(folder / "activations.png")
print("drawn:", ", ".join(activations))
