"""Layers of borders, blocks and pixels: printed form, state and result beside torch's."""

import pickle

import numpy as np
import pytest
import torch

import refnet

SHAPE = (2, 4, 6, 4, 6)
LAYERS = [
    (f"{kind}Pad{n}d", (sides, *value), n + 2)
    for kind, value in (("Zero", ()), ("Constant", (2.5,)), ("Reflection", ()), ("Replication", ()), ("Circular", ()))
    for n in (1, 2, 3)
    for sides in (1, [1, 2, 0, 1, 2, 1][: 2 * n])
]
LAYERS += [
    ("PixelShuffle", (2,), 4),
    ("PixelUnshuffle", (2,), 4),
    ("ChannelShuffle", (2,), 4),
    ("Unfold", ((2, 3),), 4),
    ("Fold", ((3, 3), 2), 3),
    ("Upsample", (7,), 3),
    ("UpsamplingNearest2d", (None, 2), 4),
    ("UpsamplingBilinear2d", ((3, 8),), 4),
    ("CrossMapLRN2d", (3, 0.5), 4),
]


@pytest.mark.parametrize(("kind", "arguments", "rank"), LAYERS, ids=str)
def test_layer_is_torchs(kind, arguments, rank) -> None:
    shape = (2, 4, 4) if kind == "Fold" else SHAPE[:rank]
    x = np.random.default_rng(0).standard_normal(shape).astype("float32")
    found = []
    for library in (torch, refnet):
        layer = getattr(library.nn, kind)(*arguments)
        copy = pickle.loads(pickle.dumps(layer))
        found.append((repr(layer), repr(copy), dict(layer.state_dict()), copy(library.tensor(x)).numpy()))
    assert found[1][:3] == found[0][:3]
    np.testing.assert_allclose(found[1][3], found[0][3], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_zero_padding_is_constant_padding(n) -> None:
    assert issubclass(getattr(refnet.nn, f"ZeroPad{n}d"), getattr(refnet.nn, f"ConstantPad{n}d"))


def test_the_gradient_of_channel_norms_is_a_derivative() -> None:
    """torch's own is not: it fails torch's gradcheck."""
    x = refnet.tensor(np.random.default_rng(0).standard_normal((1, 5, 2, 2)), requires_grad=True)
    assert refnet.autograd.gradcheck(refnet.nn.CrossMapLRN2d(3, 0.5, 0.75, 1.5), (x,))
    theirs = torch.tensor(x.detach().numpy(), requires_grad=True)
    assert not torch.autograd.gradcheck(torch.nn.CrossMapLRN2d(3, 0.5, 0.75, 1.5), (theirs,), raise_exception=False)
