"""How an optimizer steps, and what can happen right before it."""

from typing import Any

import refnet
from refnet import nn, optim

# SGD with momentum, followed by hand. torch, and so this engine, writes the velocity as
#     v <- a v + g            w <- w - lr v
# A study text writes v <- a v - lr g, w <- w + v. With a constant lr both go the same way (its v is -lr times ours).
lr, a = 0.1, 0.9
w = nn.Parameter(refnet.tensor([1.0, -2.0], dtype=refnet.float64))
optimizer = optim.SGD([w], lr=lr, momentum=a)
by_torch, by_text = w.detach().clone(), w.detach().clone()
v_torch = v_text = refnet.zeros(2, dtype=refnet.float64)
for _ in range(5):
    optimizer.zero_grad()
    (w**2).sum().backward()  # g = 2 w
    optimizer.step()
    v_torch = a * v_torch + 2 * by_torch
    by_torch = by_torch - lr * v_torch
    v_text = a * v_text - lr * 2 * by_text
    by_text = by_text + v_text
assert refnet.allclose(w, by_torch) and refnet.allclose(w, by_text)
print("w after five steps:", w.tolist())

# Weight decay adds `weight_decay * w` to the gradient; dampening and Nesterov change the velocity.
w = nn.Parameter(refnet.ones(1, dtype=refnet.float64))
optimizer = optim.SGD([w], lr=0.1, weight_decay=0.5)
w.grad = refnet.zeros(1, dtype=refnet.float64)
optimizer.step()
assert w.item() == 1 - 0.1 * 0.5
optim.SGD([w], lr=0.1, momentum=0.9, dampening=0.1)
optim.SGD([w], lr=0.1, momentum=0.9, nesterov=True)


def clip(optimizer: optim.Optimizer, args: Any, kwargs: Any) -> None:
    """Shorten the gradient of all parameters together to length 1, if it is longer."""
    nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)


# A hook runs right before every update.
model = nn.Linear(3, 1)
optimizer = optim.SGD(model.parameters(), lr=1.0)
optimizer.register_step_pre_hook(clip)
before = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
(1000 * model(refnet.ones(1, 3))).sum().backward()
optimizer.step()
moved = (nn.utils.parameters_to_vector(model.parameters()) - before).norm().item()
print(f"a gradient of length 2000, clipped: the step has length {moved:.5f}")
assert abs(moved - 1.0) < 1e-5
