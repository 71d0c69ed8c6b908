"""Linear regression, with one feature and with three, as modules of one's own."""

from typing import Any

import refnet
from refnet import nn


class LinearRegressionModel(nn.Module):
    """y = w x + b"""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(1, 1)

    def forward(self, x: Any) -> Any:
        return self.linear(x)


class MultivariateLinearRegressionModel(nn.Module):
    """y = w1 x1 + w2 x2 + w3 x3 + b"""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1)

    def forward(self, x: Any) -> Any:
        return self.linear(x)


def fit(model: nn.Module, x: refnet.Tensor, y: refnet.Tensor, lr: float) -> float:
    """2,000 steps of gradient descent on all rows; the last loss."""
    optimizer = refnet.optim.SGD(model.parameters(), lr=lr)
    for epoch in range(2001):
        loss = nn.functional.mse_loss(model(x), y)
        if epoch % 500 == 0:
            print(f"epoch {epoch:4}: loss {loss.item():.6f}")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return float(loss.item())


refnet.manual_seed(1)
model = LinearRegressionModel()
x, y = refnet.tensor([[1.0], [2.0], [3.0]]), refnet.tensor([[2.0], [4.0], [6.0]])  # y = 2 x
loss = fit(model, x, y, lr=0.01)
w, b = (parameter.item() for parameter in model.parameters())
prediction = model(refnet.tensor([[4.0]])).item()
print(f"y = {w:.4f} x + {b:.4f}; for 4 it gives {prediction:.4f}")
assert loss < 1e-6 and abs(w - 2) < 0.001 and abs(b) < 0.002
assert round(prediction, 4) == 7.9989  # as torch has it, from the same seed

# Three quiz scores of five people, and the final score.
refnet.manual_seed(1)
scores = MultivariateLinearRegressionModel()
x = refnet.tensor([[73.0, 80, 75], [93, 88, 93], [89, 91, 90], [96, 98, 100], [73, 66, 70]])
y = refnet.tensor([[152.0], [185], [180], [196], [142]])
loss = fit(scores, x, y, lr=1e-5)
prediction = scores(refnet.tensor([[73.0, 80, 75]])).item()
print(f"for scores 73, 80, 75: {prediction:.2f}, the row's target is 152")
assert loss < 0.21 and abs(prediction - 151.2305) < 0.01
