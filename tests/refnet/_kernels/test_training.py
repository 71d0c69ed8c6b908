"""A training step of LeNet-5 by kernels: the numbers of the CPU, few launches, and the same captured in a graph."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from on_host import needs_compiler

import refnet
from conformance import standin
from conformance.standin import kernels
from refnet.models import LeNet5

pytestmark = needs_compiler

STEPS, BATCH = 4, 8


def trained(device: str, pool: str, make: Callable[[Any], Any], captured_from: int = STEPS) -> tuple[list[float], Any]:
    """The losses of a few steps, of which those from a number on are replays of a graph, and the state at the end."""
    refnet.manual_seed(0)
    model = LeNet5(pool=pool, dropout=0.0).to(device)
    optimizer = make(model.parameters())
    rng = np.random.default_rng(0)
    images = [rng.normal(size=(BATCH, 1, 28, 28)).astype("float32") for _ in range(STEPS)]
    classes = [rng.integers(0, 10, BATCH) for _ in range(STEPS)]
    x, target = refnet.tensor(images[0], device=device), refnet.tensor(classes[0], device=device)

    def step() -> Any:
        optimizer.zero_grad()
        loss = refnet.nn.functional.cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
        return loss

    losses, graph, loss = [], None, None
    for number in range(STEPS):
        x.copy_(refnet.tensor(images[number], device=device))
        target.copy_(refnet.tensor(classes[number], device=device))
        if number < captured_from:
            loss = step()
        else:
            if graph is None:
                graph = refnet.cuda.CUDAGraph()
                with refnet.cuda.graph(graph):
                    loss = step()
            graph.replay()
        losses.append(loss.item())
    return losses, {name: value.cpu().numpy() for name, value in model.state_dict().items()}


def sgd(parameters: Any) -> Any:
    return refnet.optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=1e-3)


def adamw(parameters: Any) -> Any:
    return refnet.optim.AdamW(parameters, lr=1e-3, eps=1e-4, capturable=True)


def on_cpu(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return sgd if make is sgd else lambda parameters: refnet.optim.AdamW(parameters, lr=1e-3, eps=1e-4)


@pytest.mark.parametrize("pool", ["avg", "max"])
@pytest.mark.parametrize("make", [sgd, adamw])
def test_the_numbers_are_those_of_the_cpu(pool: str, make: Callable[[Any], Any]) -> None:
    expected, state = trained("cpu", pool, on_cpu(make))
    with standin.installed():
        losses, found = trained("cuda", pool, make)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    for name, value in state.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-3, atol=1e-4, err_msg=name)


def test_a_captured_step_is_the_step() -> None:
    with standin.installed():
        eager, state = trained("cuda", "max", adamw)
        replayed, found = trained("cuda", "max", adamw, captured_from=2)
    assert replayed == eager
    for name, value in state.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_a_step_takes_few_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[str] = []
    run = kernels.RawKernel.__call__

    def noted(self: Any, *args: Any, **options: Any) -> None:
        launched.append(self.name)
        run(self, *args, **options)

    monkeypatch.setattr(kernels.RawKernel, "__call__", noted)
    with standin.installed():
        trained("cuda", "max", sgd)
    assert len(launched) == 44 * STEPS
