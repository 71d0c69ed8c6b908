"""The 2-2-2 network that many texts work through by hand (after Matt Mazur's step-by-step example of 2015).

Two inputs, two hidden units, two outputs, sigmoid everywhere; the error is the sum of 0.5 (target - output)^2. The
biases stay as they are.
"""

from typing import Any

import refnet


def matrix(*rows: list[float]) -> Any:
    """Weights, a row per unit."""
    return refnet.tensor(rows, dtype=refnet.float64, requires_grad=True)


x = refnet.tensor([0.05, 0.10], dtype=refnet.float64)
target = refnet.tensor([0.01, 0.99], dtype=refnet.float64)
w_hidden = matrix([0.15, 0.20], [0.25, 0.30])  # w1 w2, w3 w4
w_output = matrix([0.40, 0.45], [0.50, 0.55])  # w5 w6, w7 w8
b1, b2, lr = 0.35, 0.60, 0.5


def forward() -> tuple[refnet.Tensor, refnet.Tensor, refnet.Tensor]:
    """Hidden units, output units, total error."""
    h = refnet.sigmoid(w_hidden @ x + b1)
    o = refnet.sigmoid(w_output @ h + b2)
    return h, o, (0.5 * (target - o) ** 2).sum()


optimizer = refnet.optim.SGD([w_hidden, w_output], lr=lr)

# The first round, in steps.
h, o, error = forward()
print(f"total error: {error.item():.9f}")
assert round(error.item(), 9) == 0.298371109
error.backward()

# dE/dw5 = (out - target) out (1 - out) h1, as the text multiplies it out.
assert w_output.grad is not None
print(f"dE/dw5: {w_output.grad[0, 0].item():.9f}")
assert round(w_output.grad[0, 0].item(), 9) == 0.082167041

optimizer.step()
print(f"w5: {w_output[0, 0].item():.8f}, w1: {w_hidden[0, 0].item():.9f}")
assert round(w_output[0, 0].item(), 8) == 0.35891648 and round(w_hidden[0, 0].item(), 9) == 0.149780716
print(f"error after one round: {forward()[2].item():.9f}")
assert round(forward()[2].item(), 9) == 0.291027774

# The text prints 0.291027924 here. That is not the error of the weights it prints: it comes about if the hidden layer's
# gradient is taken through output weights that are updated already. The engine refuses such a mix-up (a tensor changed
# after it was saved for backward is an error), so it takes the chain rule by hand to show it.
with refnet.no_grad():
    right = w_hidden.clone()
    delta = (o - target) * o * (1 - o)  # dE/d(sum into each output unit)
    w_hidden.copy_(matrix([0.15, 0.20], [0.25, 0.30]) - lr * refnet.outer(w_output.T @ delta * h * (1 - h), x))
    print(f"the text's: {forward()[2].item():.9f}")
    assert round(forward()[2].item(), 9) == 0.291027924
    w_hidden.copy_(right)

# 10,000 rounds: forward, backward, update. The last forward is that of round 10,000.
for _ in range(2, 10_001):
    optimizer.zero_grad()
    error = forward()[2]
    error.backward()
    optimizer.step()
print(f"error in round 10,000: {error.item():.10f}")
assert round(error.item(), 10) == 0.0000351085
