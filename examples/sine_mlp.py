"""A multilayer perceptron learns y = sin(2 pi x) from noisy samples."""

import math
import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import refnet
from refnet.models import MLP

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())

generator = np.random.default_rng(0)
x_data = generator.random((100, 1))
y_data = np.sin(2 * math.pi * x_data) + 0.2 * generator.random((100, 1))  # noise between 0 and 0.2
x, y = refnet.from_numpy(x_data).float(), refnet.from_numpy(y_data).float()

refnet.manual_seed(0)
model = MLP((10, 1), refnet.sigmoid)  # ten hidden units, one output; the input size comes from the first batch
model(x[:1])
optimizer = refnet.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
losses = []
for epoch in range(1500):
    optimizer.zero_grad()
    loss = refnet.nn.functional.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    if epoch % 300 == 0:
        print(f"epoch {epoch}: loss {loss.item():.4f}")
print(f"loss at the end: {losses[-1]:.4f}")

# What no curve can explain is the noise: uniform over 0.2, it has a variance of 0.2^2 / 12 = 0.0033.
assert losses[-1] < 0.01 < losses[0] / 10

grid = refnet.linspace(0, 1, 101).unsqueeze(1)
with refnet.no_grad():
    fit = model(grid)
# The noise lifts the curve by its mean, 0.1.
assert (fit - refnet.sin(2 * math.pi * grid) - 0.1).abs().mean().item() < 0.1

figure = Figure(layout="constrained")
axes = figure.subplots()
axes.scatter(x_data, y_data, s=10, label="samples")
axes.plot(grid.numpy(), fit.numpy(), color="C1", label="MLP((10, 1))")
axes.set(xlabel="x", ylabel="y", title="y = sin(2 pi x) + noise")
axes.legend()
figure.savefig(folder / "sine_mlp.png")
