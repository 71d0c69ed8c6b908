"""Modules collect parameters, name them after the place they have, and save and load them."""

import sys
import tempfile
from pathlib import Path
from typing import Any

import refnet
from refnet import nn

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())


class Block(nn.Module):
    """Two parameters of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.p1 = nn.Parameter(refnet.ones(1))
        self.p2 = nn.Parameter(refnet.full((1,), 2.0))


class Net(nn.Module):
    """A module in a module, between parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.l1 = Block()
        self.p3 = nn.Parameter(refnet.full((1,), 3.0))
        self.l2 = nn.Sequential(Block(), nn.Linear(2, 1))

    def forward(self, x: Any) -> Any:
        return self.l2[1](x) * self.p3 + self.l1.p1


# Assigning a parameter or module to an attribute registers it. The name of a nested one is its path, with dots
# (a study text flattens names with slashes: l1/p1), in the order of definition, own parameters before nested ones.
model = Net()
names = [name for name, _ in model.named_parameters()]
print(names)
assert names == ["p3", "l1.p1", "l1.p2", "l2.0.p1", "l2.0.p2", "l2.1.weight", "l2.1.bias"]

# `state_dict` is what is saved (a study text: `save_weights`, `load_weights`). No pickle: opening a file runs no code.
x = refnet.ones(4, 2)
for suffix in ("npz", "safetensors"):
    path = folder / f"weights.{suffix}"
    refnet.save(model.state_dict(), path)
    other = Net()  # other random weights
    assert not refnet.equal(other(x), model(x))
    other.load_state_dict(refnet.load(path))
    assert refnet.equal(other(x), model(x))
    print(path.name, "holds", list(refnet.load(path)))

# A name that is missing is an error, not a silent start from random weights.
state = model.state_dict()
del state["l1.p1"]
try:
    model.load_state_dict(state)
except RuntimeError as error:
    print(error)
    assert "l1.p1" in str(error)

# `zero_grad` (a study text: `cleargrads`) clears the gradients of all.
model(x).sum().backward()
assert model.p3.grad is not None
model.zero_grad()
assert model.p3.grad is None
