"""`refnet.func` beside `torch.func`: nesting, what requires gradients outside, and what is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import refnet

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch.func.jvp uses it

Library = Any

PROGRAMS: dict[str, Callable[[Library, Any], Any]] = {
    "a gradient twice": lambda t, x: t.func.grad(lambda x: t.func.grad(lambda y: (y**3).sum())(x).sum())(x),
    "of an unused argument": lambda t, x: t.func.grad(lambda x, y: (y * 2).sum(), argnums=0)(x, x),
    "of a nest": lambda t, x: t.func.grad(lambda d: (d["a"] * d["b"][0]).sum())({"a": x, "b": [x, x]})["b"][0],
    "by the last argument": lambda t, x: t.func.grad(lambda x, y: (x * y).sum(), argnums=-1)(x, 2 * x),
    "pulled back twice": lambda t, x: t.func.vjp(t.func.vjp(lambda x: x * x * x, x)[1], x)[1]((x,))[0],
    "pushed through a gradient": lambda t, x: t.func.jvp(t.func.grad(lambda x: (x**3).sum()), (x,), (x,))[1],
    "with more": lambda t, x: t.func.vjp(lambda x: (x * x, x + 1), x, has_aux=True)[2],
    "pushed with more": lambda t, x: t.func.jvp(lambda x: (x * x, x + 1), (x,), (x,), has_aux=True)[1],
    "of a module": lambda t, x: t.func.grad(lambda p: t.func.functional_call(t.nn.Linear(3, 1), p, x).sum(), argnums=0)(
        {"weight": x.reshape(1, 3), "bias": x[:1]}
    )["weight"],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_computes_what_torch_does(name: str) -> None:
    values = np.array([0.5, -2.0, 3.0], dtype="float32")
    mine, theirs = (PROGRAMS[name](t, t.from_numpy(values.copy())) for t in (refnet, torch))
    assert mine.requires_grad == theirs.requires_grad
    np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-6)


@pytest.mark.parametrize("outer", ["argument", "closure"])
def test_an_outer_graph_goes_on(outer: str) -> None:
    found = []
    for t in (refnet, torch):
        x, y = (t.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
        if outer == "argument":
            gradient = t.func.grad(lambda x: (x**3).sum())(x)
        else:
            gradient = t.func.grad(lambda x: (x**2 * y).sum())(t.tensor([1.0, 2.0]))  # noqa: B023
        gradient.sum().backward()
        found.append([None if leaf.grad is None else leaf.grad.tolist() for leaf in (x, y)])
    assert found[0] == found[1]


REFUSED: dict[str, tuple[Callable[[Library, Any], Any], type[Exception]]] = {
    "a vector": (lambda t, x: t.func.grad(lambda x: x)(x), RuntimeError),
    "no tensor": (lambda t, x: t.func.grad(lambda x: 3)(x), RuntimeError),
    "no such argument": (lambda t, x: t.func.grad(lambda x: x.sum(), argnums=1)(x), RuntimeError),
    "no pair": (lambda t, x: t.func.grad(lambda x: x.sum(), has_aux=True)(x), RuntimeError),
    "no tuple": (lambda t, x: t.func.jvp(lambda x: x, x, (x,)), RuntimeError),
    "other cotangents": (lambda t, x: t.func.vjp(lambda x: (x, x), x)[1](x), RuntimeError),
    "names twice": (
        lambda t, x: t.func.functional_call(t.nn.Linear(3, 1), [{"bias": x}, {"bias": x}], x), ValueError,
    ),
    "no dicts": (lambda t, x: t.func.functional_call(t.nn.Linear(3, 1), 3, x), ValueError),
    "no models": (lambda t, x: t.func.stack_module_state([]), RuntimeError),
    "other modes": (
        lambda t, x: t.func.stack_module_state([t.nn.Linear(1, 1), t.nn.Linear(1, 1).eval()]), RuntimeError,
    ),
    "other classes": (lambda t, x: t.func.stack_module_state([t.nn.Linear(1, 1), t.nn.ReLU()]), RuntimeError),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_what_torch_refuses(name: str) -> None:
    program, error = REFUSED[name]
    for t in (refnet, torch):
        with pytest.raises(error):
            program(t, t.tensor([0.5, -2.0, 3.0]))


def test_stacked_states() -> None:
    models = [refnet.nn.Sequential(refnet.nn.Linear(3, 2), refnet.nn.BatchNorm1d(2)) for _ in range(3)]
    parameters, buffers = refnet.func.stack_module_state(models)
    assert parameters["0.weight"].shape == (3, 2, 3) and parameters["0.weight"].is_leaf
    assert parameters["0.weight"].requires_grad and not buffers["1.running_mean"].requires_grad
    assert list(buffers) == ["1.running_mean", "1.running_var", "1.num_batches_tracked"]


def test_a_buffer_that_forward_replaces_comes_back() -> None:
    class Counter(refnet.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("count", refnet.zeros(()))

        def forward(self, x: Any) -> Any:
            self.count = self.count + 1
            return x + self.count

    module, given = Counter(), {"count": refnet.tensor(5.0)}
    assert refnet.func.functional_call(module, given, refnet.zeros(())).item() == 6
    assert (given["count"].item(), module.count.item()) == (6, 0)


def test_the_deprecated_name_warns() -> None:
    with pytest.warns(FutureWarning, match="deprecated"):
        refnet.nn.utils.stateless.functional_call(refnet.nn.Linear(2, 1), {}, refnet.ones(2))
