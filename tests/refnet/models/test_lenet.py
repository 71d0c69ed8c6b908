"""LeNet-5 is the model that the comparison with torch trains: same state, same outputs, same losses."""

from typing import Any

import numpy
import pytest
import torch

import refnet
from conformance.cases.lenet import lenet5
from refnet.models import LeNet5

SETTINGS = [
    {"pool": "avg", "batch_norm": True, "dropout": 0.3},
    {"pool": "max", "batch_norm": True, "dropout": 0.0},
    {"pool": "avg", "batch_norm": False, "dropout": 0.3},
]


def batch(count: int, dtype: Any = numpy.float64) -> tuple[Any, Any]:
    """Real images and classes."""
    dataset = refnet.datasets.FashionMNIST.sample()
    return dataset.data[:count].numpy()[:, None].astype(dtype) / 255, dataset.targets[:count].numpy()


@pytest.mark.parametrize("settings", SETTINGS)
def test_loads_the_state_of_torchs_program(settings: dict[str, Any]) -> None:
    theirs = lenet5(torch, dtype=torch.float64, **settings)
    ours = LeNet5(**settings).double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    for key, value in theirs.state_dict().items():
        assert (ours.state_dict()[key].numpy() == value.numpy()).all()


@pytest.mark.parametrize("settings", SETTINGS)
def test_trains_as_torchs_program_does(settings: dict[str, Any]) -> None:
    """Three steps in float64, with the same dropout masks: a different formula would differ far beyond 1e-10."""
    images, classes = batch(24)
    losses = []
    state = lenet5(torch, dtype=torch.float64, **settings).state_dict()
    for t in (torch, refnet):
        model = lenet5(torch, dtype=torch.float64, **settings) if t is torch else LeNet5(**settings).double()
        model.load_state_dict(state)
        t.manual_seed(3)
        optimizer = t.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        seen = []
        for start in range(0, 24, 8):
            x, y = t.from_numpy(images[start : start + 8].copy()), t.from_numpy(classes[start : start + 8].copy())
            optimizer.zero_grad()
            loss = t.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
        x = t.from_numpy(images.copy())
        losses.append([*seen, *model.eval()(x).detach().numpy().reshape(-1).tolist()])
    numpy.testing.assert_allclose(losses[1], losses[0], rtol=1e-10, atol=1e-10)


def test_weights_are_xavier_uniform_and_biases_zero() -> None:
    refnet.manual_seed(0)
    model = LeNet5()
    for layer in (model.conv1, model.conv2, model.conv3, model.fc1, model.fc2):
        outputs, inputs, *kernel = layer.weight.shape
        bound = (6 / ((outputs + inputs) * int(numpy.prod(kernel)))) ** 0.5
        largest = layer.weight.abs().max().item()
        assert 0.9 * bound < largest <= bound
        assert (layer.bias == 0).all()


def test_seed_decides_the_weights() -> None:
    weights = []
    for seed in (1, 1, 2):
        refnet.manual_seed(seed)
        weights.append(LeNet5().conv1.weight.tolist())
    assert weights[0] == weights[1] != weights[2]


def test_options() -> None:
    model = LeNet5(features=128, classes=4, dropout=0.0, batch_norm=False)
    assert model(refnet.zeros(3, 1, 28, 28)).shape == (3, 4)
    assert model.conv3.weight.shape == (128, 16, 5, 5)
    assert list(model.named_buffers()) == []
    with pytest.raises(ValueError, match="expected pool to be 'avg' or 'max', got 'min'"):
        LeNet5(pool="min")


def test_dropout_acts_in_training_only() -> None:
    model = LeNet5()
    x = refnet.from_numpy(batch(4, numpy.float32)[0])
    assert (model.eval()(x) == model(x)).all()
    model.train()
    model.norm1.eval(), model.norm2.eval(), model.norm3.eval()
    assert not (model(x) == model(x)).all()
