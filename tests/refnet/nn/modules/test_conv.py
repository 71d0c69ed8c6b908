"""Convolution layers: torch's start values for the same seed, printed form, padding modes, lazy and sized forms."""

import numpy as np
import pytest
import torch

import refnet

LAYERS = [
    ("Conv1d", (3, 4, 5), {}),
    ("Conv2d", (4, 6, (3, 2)), {"stride": 2, "padding": 1, "dilation": (1, 2), "groups": 2}),
    ("Conv2d", (1, 6, 5), {"bias": False, "padding": "same"}),
    ("Conv3d", (2, 3, 2), {"padding_mode": "replicate", "padding": 1}),
    ("ConvTranspose1d", (3, 4, 5), {"output_padding": 1, "stride": 2}),
    ("ConvTranspose2d", (4, 6, 3), {"groups": 2, "bias": False}),
    ("ConvTranspose3d", (2, 3, 2), {"dilation": 2}),
]


def same(ours, theirs):
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "arguments", "options"), LAYERS, ids=str)
def test_layer_is_torchs(kind, arguments, options):
    """The same seed gives the same parameters bit for bit, the same text, and the same result."""
    made = []
    for library in (torch, refnet):
        library.manual_seed(3)
        made.append(getattr(library.nn, kind)(*arguments, **options))
    theirs, ours = made
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        np.testing.assert_array_equal(ours.state_dict()[name].numpy(), value.numpy(), err_msg=name)
    x = np.random.default_rng(0).standard_normal((2, arguments[0], 7, 6, 5)[: int(kind[-2]) + 2]).astype("float32")
    same(ours(refnet.tensor(x)), theirs(torch.tensor(x)))


@pytest.mark.parametrize(("kind", "arguments", "options"), LAYERS, ids=str)
def test_lazy_layer_becomes_the_layer(kind, arguments, options):
    x = np.ones((2, arguments[0], 7, 6, 5)[: int(kind[-2]) + 2], "float32")
    found = []
    for library in (torch, refnet):
        library.manual_seed(3)
        layer = getattr(library.nn, f"Lazy{kind}")(*arguments[1:], **options)
        found.append((layer(library.tensor(x)), type(layer).__name__, repr(layer)))
    assert found[1][1:] == found[0][1:]
    assert found[1][1] == kind
    same(found[1][0], found[0][0])


def test_transposed_size_on_request():
    layer = refnet.nn.ConvTranspose2d(2, 3, 3, stride=2)
    x = refnet.zeros(1, 2, 4, 4)
    assert tuple(layer(x, output_size=[10, 9]).shape) == (1, 3, 10, 9)
    with pytest.raises(ValueError, match=r"\[9, 9\] to \[10, 10\]"):
        layer(x, output_size=[11, 9])


REFUSED = [
    ("Conv2d", (4, 6, 3), {"groups": 3}),
    ("Conv2d", (4, 6, 3), {"groups": 0}),
    ("Conv2d", (4, 6, 3), {"padding": "full"}),
    ("Conv2d", (4, 6, 3), {"padding": "same", "stride": 2}),
    ("Conv2d", (4, 6, 3), {"padding_mode": "mirror"}),
    ("ConvTranspose2d", (4, 6, 3), {"padding_mode": "reflect"}),
]


@pytest.mark.parametrize(("kind", "arguments", "options"), REFUSED, ids=str)
def test_refused_as_torch_refuses(kind, arguments, options):
    with pytest.raises(Exception) as theirs:
        getattr(torch.nn, kind)(*arguments, **options)
    with pytest.raises(theirs.type):
        getattr(refnet.nn, kind)(*arguments, **options)
