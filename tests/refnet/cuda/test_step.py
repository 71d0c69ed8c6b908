"""A captured training step trains as the same step uncaptured does, bit for bit."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import refnet
import refnet.nn.functional as F
from refnet import cuda
from refnet.models import LeNet5


def trained(make: Callable[[], tuple[Any, Callable[..., Any]]], inputs: list[tuple[Any, ...]], captured: bool) -> Any:
    """Results of all steps, and the parameters after."""
    refnet.manual_seed(0)
    model, step = make()
    if captured:
        step = cuda.captured_step(step, *[x.cuda() for x in inputs[0]], warmup=1)
    results = [step(*[x.cuda() for x in given]).tolist() for given in inputs]
    if captured:
        assert step.recorded  # type: ignore[attr-defined]
    return results, [p.tolist() for p in model.parameters()]


def lenet5() -> tuple[Any, Callable[..., Any]]:
    model = LeNet5(dropout=0.5).cuda()
    optimizer = refnet.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)

    def step(images: Any, labels: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    return model, step


def batches(n: int = 6) -> list[tuple[Any, ...]]:
    refnet.manual_seed(1)
    return [(refnet.randn(4, 3),) for _ in range(n)]


@pytest.mark.usefixtures("gpu")
def test_lenet5_with_dropout_trains_identically() -> None:
    refnet.manual_seed(1)
    inputs = [(refnet.randn(2, 1, 28, 28), refnet.randint(0, 10, (2,))) for _ in range(4)]
    assert trained(lenet5, inputs, captured=True) == trained(lenet5, inputs, captured=False)


def small(optimizer_of: Callable[[Any], Any]) -> Callable[[], tuple[Any, Callable[..., Any]]]:
    def make() -> tuple[Any, Callable[..., Any]]:
        model = refnet.nn.Sequential(refnet.nn.Linear(3, 3), refnet.nn.BatchNorm1d(3), refnet.nn.Linear(3, 1)).cuda()
        optimizer = optimizer_of(model.parameters())

        def step(x: Any) -> Any:
            optimizer.zero_grad()
            loss = model(x).square().mean()
            loss.backward()
            optimizer.step()
            return loss

        return model, step

    return make


o = refnet.optim
OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "SGD": lambda p, **_: o.SGD(p, lr=0.1),
    "SGD nesterov": lambda p, **_: o.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda p, **k: o.Adam(p, lr=0.1, **k),
    "Adam amsgrad": lambda p, **k: o.Adam(p, lr=0.1, amsgrad=True, weight_decay=0.1, maximize=True, **k),
    "AdamW": lambda p, **k: o.AdamW(p, lr=0.1, **k),
    "Adamax": lambda p, **k: o.Adamax(p, lr=0.1, **k),
    "NAdam": lambda p, **k: o.NAdam(p, lr=0.1, weight_decay=0.1, **k),
    "RAdam": lambda p, **k: o.RAdam(p, lr=0.1, betas=(0.9, 0.9), **k),
    "RMSprop": lambda p, **k: o.RMSprop(p, lr=0.1, centered=True, momentum=0.5, **k),
    "Adadelta": lambda p, **k: o.Adadelta(p, **k),
    "ASGD": lambda p, **k: o.ASGD(p, lr=0.1, t0=2, **k),
    "Rprop": lambda p, **k: o.Rprop(p, lr=0.1, **k),
}


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_step_identically(name: str) -> None:
    """Steps that are counted on the GPU, captured and not, and steps that are counted on the host."""
    eager = trained(small(OPTIMIZERS[name]), batches(), captured=False)
    counting = small(lambda p: OPTIMIZERS[name](p, capturable=True))
    assert trained(counting, batches(), captured=True) == trained(counting, batches(), captured=False)
    if name != "ASGD":  # its rates are rounded to float32 on the way, or not
        assert trained(counting, batches(), captured=False) == eager


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if not name.startswith("SGD")])
def test_steps_that_the_host_counts_are_not_captured(name: str) -> None:
    _, step = small(OPTIMIZERS[name])()
    step = cuda.captured_step(step, refnet.zeros(4, 3, device="cuda"), warmup=1)
    step(refnet.ones(4, 3))
    with pytest.raises(RuntimeError, match=r"but param_groups' capturable is False"):
        step(refnet.ones(4, 3))


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_a_rate_on_the_gpu_can_change(name: str) -> None:
    def run(captured: bool) -> Any:
        refnet.manual_seed(0)
        rate = refnet.tensor(0.1, device="cuda")
        kind = (lambda p: o.SGD(p, lr=rate)) if name == "SGD" else (lambda p: o.Adam(p, lr=rate, capturable=True))
        model, step = small(kind)()
        if captured:
            step = cuda.captured_step(step, refnet.zeros(4, 3, device="cuda"), warmup=1)
        for (x,) in batches():
            step(x.cuda())
            rate.mul_(0.5)
        return [p.tolist() for p in model.parameters()]

    assert run(True) == run(False)


@pytest.mark.usefixtures("gpu")
def test_what_a_captured_step_takes_and_gives() -> None:
    x = refnet.zeros(2, device="cuda")
    step = cuda.captured_step(lambda x, y: {"sum": x + y, "both": (x * y, [x])}, x, x, warmup=1)
    ones, twos = refnet.ones(2), refnet.full((2,), 2.0)
    eager = step(ones, twos)
    found = step(ones, twos)
    assert {name: found["sum"].tolist() for name, found in (("eager", eager), ("graph", found))} == {
        "eager": [3.0, 3.0],
        "graph": [3.0, 3.0],
    }
    again = step(twos.cuda(), twos.pin_memory())
    assert again is found and found["sum"].tolist() == found["both"][0].tolist() == [4.0, 4.0]
    assert eager["sum"].tolist() == [3.0, 3.0]
    with pytest.raises(TypeError, match="expected 2 inputs, got 1"):
        step(ones)
    with pytest.raises(ValueError, match=r"input 1 must be a tensor like its sample, .*float32 of shape \[2\]; got"):
        step(ones, refnet.ones(3))


MISUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: cuda.captured_step(lambda: None), ValueError, "needs sample inputs"),
    (lambda: cuda.captured_step(lambda x: x, refnet.ones(1)), TypeError, "must be a tensor on a GPU, got one on cpu"),
    (lambda: cuda.captured_step(lambda x: x, 3), TypeError, "must be a tensor on a GPU, got int"),
    (lambda: cuda.captured_step(lambda x: x, refnet.ones(1), warmup=0), ValueError, "got warmup=0"),
    (lambda: cuda.captured_step(lambda x: 3, refnet.ones(1).cuda())(refnet.ones(1)), TypeError, "got int"),
]


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(("use", "error", "message"), MISUSED)
def test_misuse_is_named(use: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        use()


@pytest.mark.usefixtures("gpu")
def test_a_step_that_waits_for_the_gpu_is_refused_at_its_line() -> None:
    def step(x: Any) -> Any:
        return x / x.sum().item()

    captured = cuda.captured_step(step, refnet.ones(2, device="cuda"), warmup=1)
    captured(refnet.ones(2))
    with pytest.raises(RuntimeError, match="not permitted when stream is capturing"):
        captured(refnet.ones(2))


def test_the_example_of_the_documentation_runs() -> None:
    """On the stand-in, where there is no GPU; in a process of its own, which keeps it."""
    root = Path(__file__).resolve().parents[3]
    (example,) = re.findall(r"```python save=captured.py\n(.*?)```", (root / "docs/gpu.md").read_text(), re.DOTALL)
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", example], env=environment, capture_output=True, text=True)
    assert done.stdout == "True True\n", done.stderr
