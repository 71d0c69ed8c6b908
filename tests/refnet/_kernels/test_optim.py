"""Steps of optimizers by one launch against the array forms, bit for bit."""

from typing import Any

import numpy as np
import pytest
from on_host import needs_compiler

import refnet
from conformance import standin
from conformance.standin import kernels
from refnet._kernels import optim as steps

pytestmark = needs_compiler

SHAPES = [(3, 4), (), (1,), (40, 60), (0, 3), *[(2,)] * 60]  # more than one launch takes, and more than one chunk
SGD, ADAM, ADAMW = refnet.optim.SGD, refnet.optim.Adam, refnet.optim.AdamW

CALLS: list[tuple[Any, dict[str, Any]]] = [
    (SGD, {"lr": 0.1}),
    (SGD, {"lr": 0.1, "weight_decay": 0.01, "maximize": True}),
    (SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.25}),
    (SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (ADAM, {"lr": 0.01}),
    (ADAM, {"lr": 0.01, "betas": (0.3, 0.9), "weight_decay": 0.1, "eps": 1e-3}),
    (ADAM, {"lr": 0.01, "amsgrad": True, "maximize": True}),
    (ADAMW, {"lr": 0.01, "weight_decay": 0.3}),
    (ADAMW, {"lr": 0.01, "capturable": True, "amsgrad": True}),
]


def trained(optimizer: Any, options: dict[str, Any], kind: str, late: int = 0) -> tuple[list[Any], Any]:
    """Parameters after four steps with the same gradients, and the optimizer; `late` ones have none at first."""
    rng = np.random.default_rng(0)
    parameters = [
        refnet.tensor(rng.normal(size=shape).astype(kind), device="cuda", requires_grad=True) for shape in SHAPES
    ]
    made = optimizer(parameters, **options)
    for step in range(4):
        for number, parameter in enumerate(parameters):
            g = rng.normal(size=parameter.shape).astype(kind)
            if step == 3 and g.size > 100:
                g.reshape(-1)[5:8] = np.nan, np.inf, -np.inf
            parameter.grad = refnet.tensor(g, device="cuda") if step or number >= late else None
        made.step()
    return [p.detach().cpu().numpy() for p in parameters], made


def state_of(optimizer: Any) -> list[Any]:
    return [
        value.cpu().numpy()
        for own in optimizer.state_dict()["state"].values()
        for value in own.values()
        if value is not None
    ]


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("late", [0, 3])
@pytest.mark.parametrize(("optimizer", "options"), CALLS)
def test_steps(optimizer: Any, options: dict[str, Any], late: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[str] = []
    launch = kernels.RawKernel.__call__
    monkeypatch.setattr(
        kernels.RawKernel, "__call__", lambda self, *a, **k: (launched.append(self.name), launch(self, *a, **k))[1]
    )
    with standin.installed():
        ours, by_kernel = trained(optimizer, options, kind, late)
        count = len(launched)
        with refnet.backends.array_forms():
            theirs, by_arrays = trained(optimizer, options, kind, late)
        assert len(launched) == count > 0, "array_forms() launched kernels"
        for a, b in zip(ours + state_of(by_kernel), theirs + state_of(by_arrays), strict=True):
            assert a.dtype == b.dtype
            if options.get("capturable"):  # powers of the decay rates: ours in float64 throughout
                np.testing.assert_allclose(a, b, rtol=1e-5 if kind == "float32" else 1e-12, atol=1e-7)
            else:
                np.testing.assert_array_equal(a, b)


def test_few_launches(monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[str] = []
    launch = kernels.RawKernel.__call__
    monkeypatch.setattr(
        kernels.RawKernel, "__call__", lambda self, *a, **k: (launched.append(self.name), launch(self, *a, **k))[1]
    )
    with standin.installed():
        trained(ADAM, {"lr": 0.1}, "float32")
    assert launched == ["adam<float>"] * 4 * -(-len(SHAPES) // steps.MOST)


def test_a_learning_rate_on_the_gpu_stays_there() -> None:
    for optimizer in (SGD, ADAM):
        with standin.installed():
            rate = refnet.tensor(0.1, dtype=refnet.float64, device="cuda")
            ours, _ = trained(optimizer, {"lr": rate, **({"capturable": True} if optimizer is ADAM else {})}, "float64")
            with refnet.backends.array_forms():
                theirs, _ = trained(optimizer, {"lr": 0.1}, "float64")
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)


def test_versions_are_counted() -> None:
    """A graph that saved a parameter must notice the step."""
    with standin.installed():
        w = refnet.ones(3, device="cuda", requires_grad=True)
        loss = (w * w).sum()
        w.grad = refnet.ones(3, device="cuda")
        SGD([w], lr=0.1).step()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


def test_fused_false_leaves_the_step_to_the_array_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "sgd", lambda *a, **k: pytest.fail("the kernel ran"))
    with standin.installed():
        w = refnet.ones(3, device="cuda", requires_grad=True)
        w.grad = refnet.ones(3, device="cuda")
        SGD([w], lr=0.5, fused=False).step()
        assert w.detach().cpu().tolist() == [0.5] * 3


def test_the_arguments_fit_a_launch() -> None:
    """CUDA takes 4096 bytes of arguments."""
    assert steps.TENSORS.itemsize + 16 * 8 <= 4096
