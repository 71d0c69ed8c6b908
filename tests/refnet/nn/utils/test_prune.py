"""Pruning beside torch: masks, states, random draws, repeated pruning, and what is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.utils.prune

import refnet
import refnet.nn.utils.prune

Library = Any
WEIGHT = np.random.default_rng(0).standard_normal((6, 5)).astype("float32")


def made(t: Library) -> Any:
    """A layer with the weight above, and a generator in the same state."""
    layer = t.nn.Linear(5, 6)
    with t.no_grad():
        layer.weight.copy_(t.from_numpy(WEIGHT.copy()))
        layer.bias.zero_()
    t.manual_seed(0)
    return layer


def _globally(t: Library, layer: Any, **how: Any) -> None:
    prune = t.nn.utils.prune
    prune.global_unstructured([(layer, "weight"), (layer, "bias")], prune.L1Unstructured, **how)


PROGRAMS: dict[str, Callable[[Library, Any], Any]] = {
    "identity": lambda t, layer: t.nn.utils.prune.identity(layer, "weight"),
    "random": lambda t, layer: t.nn.utils.prune.random_unstructured(layer, "weight", 0.3),
    "least": lambda t, layer: t.nn.utils.prune.l1_unstructured(layer, "weight", 7),
    "least by score": lambda t, layer: t.nn.utils.prune.l1_unstructured(
        layer, "weight", 7, importance_scores=t.arange(30.0).reshape(6, 5)
    ),
    "random rows": lambda t, layer: t.nn.utils.prune.random_structured(layer, "weight", 2, dim=0),
    "columns": lambda t, layer: t.nn.utils.prune.ln_structured(layer, "weight", 0.4, n=2, dim=1),
    "columns by maximum": lambda t, layer: t.nn.utils.prune.ln_structured(layer, "weight", 2, n=float("inf"), dim=-1),
    "nothing": lambda t, layer: t.nn.utils.prune.ln_structured(layer, "weight", 0, n=1, dim=0),
    "mask": lambda t, layer: t.nn.utils.prune.custom_from_mask(layer, "bias", t.tensor([0, 1, 0, 1, 1, 1])),
    "all": lambda t, layer: _globally(t, layer, amount=12),
    "all by score": lambda t, layer: _globally(
        t, layer, amount=0.2, importance_scores={(layer, "bias"): t.arange(6.0)}
    ),
    "again": lambda t, layer: t.nn.utils.prune.l1_unstructured(
        t.nn.utils.prune.random_unstructured(layer, "weight", 10), "weight", 0.5
    ),
    "rows, then columns, then some": lambda t, layer: t.nn.utils.prune.random_unstructured(
        t.nn.utils.prune.ln_structured(
            t.nn.utils.prune.random_structured(layer, "weight", 1, dim=0), "weight", 2, n=1, dim=1
        ),
        "weight",
        3,
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_prunes_what_torch_prunes(name: str) -> None:
    seen = []
    for t in (refnet, torch):
        layer = made(t)
        PROGRAMS[name](t, layer)
        out = layer(t.ones(2, 5))
        out.sum().backward()
        grads = {n: p.grad.numpy().copy() for n, p in layer.named_parameters()}
        state = {n: x.detach().numpy().copy() for n, x in layer.state_dict().items()}
        weight = layer.weight.detach().numpy().copy()
        names = [part for part in ("weight", "bias") if hasattr(layer, part + "_mask")]
        pruned = t.nn.utils.prune.is_pruned(layer)
        for part in names:
            t.nn.utils.prune.remove(layer, part)
        last = {n: x.detach().numpy().copy() for n, x in layer.state_dict().items()}
        seen.append((state, grads, {"weight": weight}, last, pruned, t.nn.utils.prune.is_pruned(layer)))
    for mine, theirs in zip(seen[0][:4], seen[1][:4], strict=True):
        assert list(mine) == list(theirs)
        for key, x in mine.items():
            np.testing.assert_array_equal(x, theirs[key], err_msg=key)
    assert seen[0][4:] == seen[1][4:] == (True, False)


REFUSED: dict[str, Callable[[Library, Any], Any]] = {
    "a string": lambda t, layer: t.nn.utils.prune.random_unstructured(layer, "weight", "0.3"),
    "a share above one": lambda t, layer: t.nn.utils.prune.random_unstructured(layer, "weight", 1.5),
    "a negative number": lambda t, layer: t.nn.utils.prune.random_unstructured(layer, "weight", -1),
    "too many": lambda t, layer: t.nn.utils.prune.l1_unstructured(layer, "weight", 31),
    "channels of a vector": lambda t, layer: t.nn.utils.prune.random_structured(layer, "bias", 1, dim=0),
    "no such dimension": lambda t, layer: t.nn.utils.prune.random_structured(layer, "weight", 1, dim=2),
    "other scores": lambda t, layer: t.nn.utils.prune.l1_unstructured(layer, "weight", 1, t.ones(3)),
    "other mask": lambda t, layer: t.nn.utils.prune.custom_from_mask(layer, "weight", t.ones(3)),
    "not pruned": lambda t, layer: t.nn.utils.prune.remove(layer, "weight"),
    "structured for all": lambda t, layer: t.nn.utils.prune.global_unstructured(
        [(layer, "weight")], t.nn.utils.prune.LnStructured, amount=1, n=2
    ),
    "no pairs": lambda t, layer: t.nn.utils.prune.global_unstructured(3, t.nn.utils.prune.L1Unstructured, amount=1),
    "no dict": lambda t, layer: _globally(t, layer, amount=1, importance_scores=[1]),
    "no method": lambda t, layer: t.nn.utils.prune.PruningContainer().add_pruning_method(3),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_what_torch_refuses(name: str) -> None:
    errors = []
    for t in (refnet, torch):
        layer = made(t)
        with pytest.raises(Exception) as caught:
            REFUSED[name](t, layer)
        errors.append(type(caught.value))
        assert "weight" in layer._parameters, "a refused pruning leaves the module as it was"
    assert errors[0] is errors[1]


def test_a_tensor_alone() -> None:
    method = refnet.nn.utils.prune.L1Unstructured(amount=2)
    assert method.prune(refnet.tensor([3.0, -1.0, 2.0, 0.5])).tolist() == [3.0, 0.0, 2.0, 0.0]
    container = refnet.nn.utils.prune.PruningContainer()
    assert len(container) == 0 and list(container) == []
