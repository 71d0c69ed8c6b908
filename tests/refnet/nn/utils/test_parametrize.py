"""Parametrized modules as objects: copies, pickles, optimizers, states that travel to torch and back."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import refnet
from refnet.nn.utils import parametrize

Library = Any


def weight_normed(t: Library) -> Any:
    return t.nn.utils.parametrizations.weight_norm(t.nn.Conv2d(3, 4, 2))


def spectral_normed(t: Library) -> Any:
    return t.nn.utils.parametrizations.spectral_norm(t.nn.Linear(5, 4))


def orthogonal(t: Library) -> Any:
    return t.nn.utils.parametrizations.orthogonal(t.nn.Linear(4, 4))


def older_spectral_norm(t: Library) -> Any:
    return t.nn.utils.spectral_norm(t.nn.Linear(5, 4))


BUILDS: list[Callable[[Library], Any]] = [weight_normed, spectral_normed, orthogonal, older_spectral_norm]


def numbers(model: Any) -> dict[str, np.ndarray]:
    return {name: x.detach().numpy().copy() for name, x in model.state_dict().items()}


def same(mine: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> None:
    assert list(mine) == list(theirs)
    for name, x in mine.items():
        np.testing.assert_array_equal(x, theirs[name], err_msg=name)


@pytest.mark.parametrize("build", BUILDS)
def test_states_travel_both_ways(build: Callable[[Library], Any], tmp_path: Path) -> None:
    refnet.manual_seed(1)
    torch.manual_seed(2)
    ours, theirs = build(refnet), build(torch)
    refnet.save(ours.state_dict(), tmp_path / "ours.safetensors")
    theirs.load_state_dict(load_file(tmp_path / "ours.safetensors"))
    same(numbers(ours), numbers(theirs))
    other = build(torch)
    save_file({name: x.contiguous() for name, x in other.state_dict().items()}, tmp_path / "theirs.safetensors")
    ours.load_state_dict(refnet.load(tmp_path / "theirs.safetensors"))
    same(numbers(ours), numbers(other))
    np.testing.assert_allclose(
        ours.eval().weight.detach().numpy(), other.eval().weight.detach().numpy(), rtol=1e-5, atol=1e-6
    )


def test_the_same_vectors_are_drawn() -> None:
    """Bit for bit the draws; dividing by a norm rounds, so the vectors may differ in the last place."""
    seen = []
    for t in (refnet, torch):
        t.manual_seed(0)
        layer = t.nn.utils.spectral_norm(t.nn.Linear(20, 33))
        seen.append([layer.weight_u.numpy(), layer.weight_v.numpy(), t.get_rng_state().numpy()])
    for mine, theirs in zip(*seen, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-7)


@pytest.mark.parametrize("build", BUILDS[:3])
def test_a_copy_is_independent(build: Callable[[Library], Any]) -> None:
    layer = build(refnet).eval()
    replica = copy.deepcopy(layer)
    before = layer.weight.detach().clone()
    assert type(replica).__name__ == type(layer).__name__
    np.testing.assert_array_equal(replica.weight.detach().numpy(), before.numpy())
    with refnet.no_grad():
        for parameter in replica.parameters():
            parameter.mul_(0.5)
    np.testing.assert_array_equal(layer.weight.detach().numpy(), before.numpy())
    parametrize.remove_parametrizations(replica, "weight")
    assert parametrize.is_parametrized(layer) and not parametrize.is_parametrized(replica)


def test_pickling_is_refused() -> None:
    with pytest.raises(RuntimeError, match="only supported through state_dict"):
        pickle.dumps(weight_normed(refnet))


def test_the_class_is_the_objects_own() -> None:
    first, second = weight_normed(refnet), refnet.nn.Conv2d(3, 4, 2)
    assert type(second) is refnet.nn.Conv2d and isinstance(first, refnet.nn.Conv2d)
    parametrize.remove_parametrizations(first, "weight")
    assert type(first) is refnet.nn.Conv2d
    assert isinstance(first.weight, refnet.nn.Parameter)


def test_an_optimizer_moves_what_the_weight_comes_from() -> None:
    layer = spectral_normed(refnet)
    original = layer.parametrizations.weight.original
    optimizer = refnet.optim.SGD(layer.parameters(), lr=0.1)
    layer(refnet.ones(2, 5)).sum().backward()
    before = original.detach().clone()
    optimizer.step()
    assert not refnet.equal(original, before)
    parametrize.remove_parametrizations(layer.eval(), "weight")
    assert layer.weight is original, "the optimizer goes on with the same parameter"


def test_a_buffer_can_be_parametrized() -> None:
    layer = refnet.nn.BatchNorm1d(2)
    parametrize.register_parametrization(layer, "running_var", refnet.nn.Softplus())
    assert list(layer.state_dict()) == [
        "weight", "bias", "running_mean", "num_batches_tracked", "parametrizations.running_var.original",
    ]  # fmt: skip
    assert not isinstance(layer.parametrizations.running_var.original, refnet.nn.Parameter)


def test_modes_follow_the_module() -> None:
    layer = refnet.nn.Linear(2, 2).eval()
    spectral = refnet.nn.utils.parametrizations.spectral_norm(layer)
    assert not spectral.parametrizations.weight[0].training


def test_unsafe_allows_another_shape() -> None:
    class Flat(refnet.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.flatten()

    layer = refnet.nn.Linear(2, 3)
    with pytest.raises(ValueError, match="may not change the shape"):
        parametrize.register_parametrization(layer, "weight", Flat())
    assert "weight" in layer._parameters, "a refused registration leaves the module as it was"
    parametrize.register_parametrization(layer, "weight", Flat(), unsafe=True)
    assert layer.weight.shape == (6,)


def test_an_older_state_of_spectral_norm_gets_its_v() -> None:
    """A state of before version 1 has the normalized weight in place of v; torch solves for v the same way."""
    seen = []
    weight = np.random.default_rng(0).standard_normal((5, 4)).astype("float32")
    for t in (refnet, torch):
        layer = t.nn.utils.spectral_norm(t.nn.Linear(4, 5))
        array = t.from_numpy(weight.copy())
        u = t.ones(5) / 2
        state = {"weight_orig": array, "weight": array / 3, "weight_u": u, "bias": t.zeros(5)}
        layer.load_state_dict(state)
        seen.append(layer.weight_v.numpy())
    np.testing.assert_allclose(seen[0], seen[1], rtol=1e-3)  # through the inverse of W^T W


def test_memory_formats_of_weights() -> None:
    model = refnet.nn.Sequential(refnet.nn.Conv2d(3, 4, 2), refnet.nn.Conv3d(3, 4, 2), refnet.nn.Linear(2, 2))
    assert refnet.nn.utils.convert_conv2d_weight_memory_format(model, refnet.channels_last) is model
    refnet.nn.utils.convert_conv3d_weight_memory_format(model, refnet.channels_last_3d)
    assert model[0].weight.is_contiguous(memory_format=refnet.channels_last)
    assert model[1].weight.is_contiguous(memory_format=refnet.channels_last_3d)
