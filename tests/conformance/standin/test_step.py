"""A training step on a GPU neither waits for it nor copies to it: every optimizer, on LeNet-5 and on the stand-in."""

import math
from typing import Any

import pytest

import refnet
from conformance import standin
from refnet import nn, optim
from refnet.models import LeNet5

WAIT = {"Adafactor", "LBFGS"}  # the size of a step is decided on the host, as torch's is
SPARSE = {"SparseAdam"}

OPTIMIZERS = sorted(
    name
    for name, value in vars(optim).items()
    if isinstance(value, type)
    and issubclass(value, optim.Optimizer)
    and value is not optim.Optimizer
    and name not in WAIT | SPARSE
)


def step(model: Any, optimizer: Any, images: Any, classes: Any) -> Any:
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(images), classes)
    loss.backward()
    optimizer.step()
    return loss


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_stays_on_the_device(name: str) -> None:
    with standin.installed():
        refnet.manual_seed(0)
        model = nn.Linear(784, 10, bias=False) if name == "Muon" else LeNet5()  # Muon is for matrices alone
        model.to("cuda")
        optimizer = getattr(optim, name)(model.parameters(), lr=0.01)
        images = refnet.randn(4, *((784,) if name == "Muon" else (1, 28, 28)), device="cuda")
        classes = refnet.arange(4, device="cuda")
        step(model, optimizer, images, classes)
        with standin.counted() as seen, standin.forbidden(writes=True):
            for _ in range(2):
                loss = step(model, optimizer, images, classes)
        assert not seen.reads
        assert math.isfinite(loss.item())
