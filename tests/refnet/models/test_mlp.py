"""MLP: sizes from the first batch, and a curve it learns."""

import math

import numpy
import pytest
import torch

import refnet
from refnet.models import MLP


def test_same_as_torchs_layers() -> None:
    ours = MLP((10, 5, 1), refnet.tanh).double()
    x = numpy.linspace(-1, 1, 12).reshape(4, 3)
    out = ours(refnet.from_numpy(x))
    theirs = [torch.nn.Linear(i, o, dtype=torch.float64) for i, o in ((3, 10), (10, 5), (5, 1))]
    for layer, reference in zip(ours.layers, theirs, strict=True):
        reference.load_state_dict({k: torch.from_numpy(v.numpy().copy()) for k, v in layer.state_dict().items()})
    h = torch.tanh(theirs[1](torch.tanh(theirs[0](torch.from_numpy(x)))))
    numpy.testing.assert_allclose(out.detach().numpy(), theirs[2](h).detach().numpy(), rtol=1e-14, atol=1e-14)


def test_sigmoid_is_the_default_and_modules_are_registered() -> None:
    model = MLP((4, 2))
    assert isinstance(model.activation, refnet.nn.Sigmoid)
    assert [name for name, _ in model.named_children()] == ["layers", "activation"]
    assert MLP((3,))(refnet.ones(2, 5)).shape == (2, 3)
    assert [name for name, _ in MLP((2, 1), bias=False).named_parameters()] == ["layers.0.weight", "layers.1.weight"]
    with pytest.raises(ValueError, match="expected at least one layer size"):
        MLP(())


def test_learns_a_sine() -> None:
    """y = sin(2 pi x) + noise; the noise is uniform on [0, 1), so that the best mean squared error is 1/12."""
    rng = numpy.random.default_rng(0)
    x = refnet.from_numpy(rng.random((100, 1), dtype=numpy.float32))
    y = (2 * math.pi * x).sin() + refnet.from_numpy(rng.random((100, 1), dtype=numpy.float32))
    refnet.manual_seed(0)
    model = MLP((10, 1), refnet.sigmoid)
    model(x)
    optimizer = refnet.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(600):
        optimizer.zero_grad()
        loss = refnet.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.11
