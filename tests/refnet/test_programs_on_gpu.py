"""Whole programs on device "cuda", which the stand-in for cupy plays: they give what they give on the CPU."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

import refnet
import refnet.nn.functional as F
from conformance import standin
from refnet import func, nn
from refnet.train import Trainer
from refnet.utils.data import DataLoader, RandomSampler, TensorDataset, WeightedRandomSampler, random_split

RNG = numpy.random.default_rng(0)
X = RNG.normal(size=(24, 4)).astype("float32")
Y = RNG.integers(0, 3, 24)
IMAGES = RNG.normal(size=(4, 1, 28, 28)).astype("float32")


def network() -> nn.Module:
    """The same one every time, made on the CPU."""
    refnet.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3))


def lenet(device: str) -> Any:
    refnet.manual_seed(0)
    model = refnet.models.LeNet5().to(device).eval()
    loss = F.cross_entropy(model(refnet.tensor(IMAGES, device=device)), refnet.tensor([0, 1, 2, 3], device=device))
    loss.backward()
    return [loss, *(parameter.grad for parameter in model.parameters())]


def trained_by_loader(device: str, pin: bool = False) -> Any:
    model = network().to(device)
    optimizer = refnet.optim.SGD(model.parameters(), lr=0.1)
    loader = DataLoader(
        TensorDataset(refnet.tensor(X), refnet.tensor(Y)), batch_size=7, shuffle=True, pin_memory=pin, num_workers=2
    )
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x.to(device, non_blocking=True)), y.to(device, non_blocking=True)).backward()
        optimizer.step()
    return list(model.state_dict().values())


def trained(device: str) -> Any:
    model = network()
    optimizer = refnet.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, device=device)
    curves = trainer.fit(X, Y, X, Y, epochs=4, eval_every=2, batch_size=7, progress="quiet")
    return [refnet.tensor(curves.last("test_loss")), *model.state_dict().values()]


def differentiated(device: str) -> Any:
    model, x = network().to(device).eval(), refnet.tensor(X, device=device)
    parameters = dict(model.named_parameters())
    gradients = func.grad(lambda p: func.functional_call(model, p, (x,)).square().sum())(parameters)
    return list(gradients.values())


def masked(device: str) -> Any:
    x, mask = refnet.tensor(X, device=device), refnet.tensor(X > 0, device=device)
    names = ("sum", "mean", "amax", "amin", "prod", "var", "std", "logsumexp", "softmax", "cumsum", "median")
    return [getattr(refnet.masked, name)(x, 1, mask=mask) for name in names]


def parametrized(device: str) -> Any:
    utils, x = nn.utils.parametrizations, refnet.tensor(X, device=device)
    layers = (utils.weight_norm, utils.orthogonal)
    refnet.manual_seed(0)
    return [wrapped(nn.Linear(4, 4).to(device))(x) for wrapped in layers]


def windows(device: str) -> Any:
    made = refnet.signal.windows
    plain = (made.hann, made.hamming, made.blackman, made.bartlett, made.kaiser, made.cosine, made.nuttall)
    return [window(9, device=device) for window in plain]


def saved(device: str) -> Any:
    file, model = io.BytesIO(), network().to(device)
    refnet.save(model.state_dict(), file)
    file.seek(0)
    return list(refnet.load(file, map_location=device).values())


def drawn(device: str) -> Any:
    """Samplers draw on the CPU, also while tensors are made on a GPU."""
    refnet.manual_seed(3)
    before = refnet.get_default_device()
    refnet.set_default_device(device)
    try:
        order = [*RandomSampler(range(9)), *WeightedRandomSampler([0.1, 0.5, 0.2], 5)]
        parts = [list(part.indices) for part in random_split(range(9), [4, 5])]
    finally:
        refnet.set_default_device(before)
    return [refnet.tensor(order), *map(refnet.tensor, parts)]


def exported(device: str) -> Any:
    pytest.importorskip("onnx")
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten())
    refnet.manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    file = io.BytesIO()
    refnet.onnx.export(model.to(device).eval(), (refnet.tensor(IMAGES[:1], device=device),), file)
    return [refnet.tensor(list(file.getvalue()))]


PROGRAMS: list[Callable[[str], Any]] = [
    lenet,
    trained_by_loader,
    lambda device: trained_by_loader(device, pin=device == "cuda"),
    trained,
    differentiated,
    masked,
    parametrized,
    windows,
    saved,
    drawn,
    exported,
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_gives_what_it_gives_on_the_cpu(program: Callable[[str], Any]) -> None:
    expected = [tensor.detach().numpy() for tensor in program("cpu")]
    with standin.installed():
        found = [tensor.detach().cpu().numpy() for tensor in program("cuda")]
    assert len(found) == len(expected)
    for mine, other in zip(found, expected, strict=True):
        assert mine.dtype == other.dtype
        numpy.testing.assert_allclose(mine, other, rtol=2e-4, atol=2e-5)


def test_gradcheck_on_a_gpu() -> None:
    with standin.installed():
        x = refnet.tensor(X[:2], dtype=refnet.float64, device="cuda", requires_grad=True)
        assert refnet.autograd.gradcheck(lambda a: a.sin() * a, (x,))
        assert refnet.autograd.gradcheck(lambda a: a.sin() * a, (x,), fast_mode=True)
        assert refnet.autograd.gradgradcheck(lambda a: a.exp(), (x,))


@pytest.mark.parametrize(("kind", "message"), [("solve", "singular"), ("inv", "singular"), ("cholesky", "definite")])
def test_singular_matrices_are_refused(kind: str, message: str) -> None:
    """cupy alone goes on with numbers that mean nothing; torch raises the same on CUDA."""
    with standin.installed():
        a = refnet.tensor([[1.0, 2.0], [2.0, 4.0]], device="cuda")
        more = (a[:, :1],) if kind == "solve" else ()
        with pytest.raises(refnet.linalg.LinAlgError, match=message):
            getattr(refnet.linalg, kind)(a, *more)


def test_a_checkpoint_goes_on_bit_for_bit(tmp_path: Path) -> None:
    def fit(epochs: int, **options: Any) -> list[Any]:
        model = network()
        trainer = Trainer(model, nn.CrossEntropyLoss(), refnet.optim.Adam(model.parameters()), device="cuda")
        trainer.fit(X, Y, epochs=epochs, batch_size=7, progress="quiet", **options)
        return [value.cpu().numpy() for value in model.state_dict().values()]

    with standin.installed():
        path = tmp_path / "run.safetensors"
        fit(2, checkpoint=path)
        resumed, whole = fit(4, checkpoint=path, resume=True), fit(4)
    assert all((a == b).all() for a, b in zip(resumed, whole, strict=True))
