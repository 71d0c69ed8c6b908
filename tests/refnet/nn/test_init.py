"""`nn.init` fills with torch's values from torch's seed, and warns and fails where torch does."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch

import refnet

TENSORS = """
T.zeros(20, 30)
T.zeros(30, 20, dtype=T.float64)
T.zeros(6, 4, 3)
T.zeros(4, 6, 3, 3, dtype=T.float16)
T.zeros(3, 4, 3, 3, 3, dtype=T.bfloat16)
T.zeros(5)
T.zeros(0, 4)
T.zeros(20, 30).t()
""".strip().splitlines()
FILLS = """
uniform_(w)
uniform_(w, -1, 2)
uniform_(w, generator=g)
normal_(w, 1, 2)
normal_(w, generator=g)
trunc_normal_(w)
trunc_normal_(w, std=.02)
trunc_normal_(w, 1, 2, -1, 0)
trunc_normal_(w, 0, 1, 1.5, 2)
trunc_normal_(w, 0, 1, -.1, .1, generator=g)
trunc_normal_(w, 5, 1, -1, 1)
constant_(w, .3)
ones_(w)
zeros_(w)
eye_(w)
dirac_(w)
dirac_(w, 2)
dirac_(w, 7)
xavier_uniform_(w)
xavier_uniform_(w, gain=2)
xavier_normal_(w, generator=g)
kaiming_uniform_(w)
kaiming_uniform_(w, a=5**.5)
kaiming_uniform_(w, mode='fan_out', nonlinearity='tanh')
kaiming_uniform_(w, mode='sideways')
kaiming_uniform_(w, nonlinearity='swish')
kaiming_normal_(w, nonlinearity='selu')
kaiming_normal_(w, a=True)
sparse_(w, .3)
sparse_(w, .3, std=2, generator=g)
uniform(w)
xavier_normal(w)
eye(w)
""".strip().splitlines()


def outcome(T: Any, tensor: str, fill: str) -> Any:
    T.manual_seed(5)
    w = eval(tensor, {"T": T}).requires_grad_()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            made = eval(f"init.{fill}", {"init": T.nn.init, "w": w, "g": T.Generator().manual_seed(8)})
        except Exception as error:
            return type(error)
    assert made is w
    assert made.requires_grad
    assert made.is_leaf
    bare = made.detach()
    values = bare._array if T is refnet else bare.to(torch.float64).numpy()
    state = bytes(T.get_rng_state().numpy())
    return np.asarray(values, np.float64).tobytes(), [(w.category, str(w.message)) for w in seen], state


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("tensor", TENSORS)
def test_fills_are_torchs(tensor: str, fill: str) -> None:
    assert outcome(refnet, tensor, fill) == outcome(torch, tensor, fill)


@pytest.mark.parametrize("shape", [(20, 30), (30, 20), (6, 4, 3), (1, 5), (5, 5)])
@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("gain", [1, 2.5])
def test_orthogonal(shape: tuple[int, ...], kind: str, gain: float) -> None:
    filled = []
    for T in (refnet, torch):
        T.manual_seed(1)
        w = T.empty(*shape, dtype=getattr(T, kind))
        filled.append(np.asarray(T.nn.init.orthogonal_(w, gain).numpy()))
    eps = np.finfo(kind).eps
    # Householder QR: |Q - Q_exact| is a small multiple of the rank times eps for these well-conditioned matrices.
    assert np.abs(filled[0] - filled[1]).max() <= 8 * max(shape) * gain * eps
    q = filled[0].reshape(shape[0], -1) / gain
    gram = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
    assert np.abs(gram - np.eye(len(gram))).max() <= 4 * max(shape) * eps
    assert bytes(refnet.get_rng_state().numpy()) == bytes(torch.get_rng_state().numpy())


@pytest.mark.parametrize("tensor", ["T.zeros(5)", "T.zeros(4, 4, dtype=T.float16)"])
def test_orthogonal_errors(tensor: str) -> None:
    with pytest.raises(Exception) as expected:
        torch.nn.init.orthogonal_(eval(tensor, {"T": torch}))
    with pytest.raises(expected.type):
        refnet.nn.init.orthogonal_(eval(tensor, {"T": refnet}))


def test_orthogonal_leaves_an_empty_tensor_alone() -> None:
    w = refnet.empty(0, 4)
    assert refnet.nn.init.orthogonal_(w) is w


NAMES = ("linear", "conv1d", "conv_transpose3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu")


@pytest.mark.parametrize("param", [None, 0.2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_gain(name: str, param: Any) -> None:
    assert refnet.nn.init.calculate_gain(name, param) == torch.nn.init.calculate_gain(name, param)


@pytest.mark.parametrize(("name", "param"), [("swish", None), ("leaky_relu", True), ("leaky_relu", "steep")])
def test_gain_errors(name: str, param: Any) -> None:
    with pytest.raises(ValueError):
        torch.nn.init.calculate_gain(name, param)
    with pytest.raises(ValueError, match=r"Unsupported nonlinearity|not a valid number"):
        refnet.nn.init.calculate_gain(name, param)


def test_every_name_of_torch_exists() -> None:
    for name in torch.nn.init.__all__:
        assert callable(getattr(refnet.nn.init, name))
