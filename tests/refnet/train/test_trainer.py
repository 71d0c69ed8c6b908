"""`Trainer.fit`: what it trains on, when it stops, and which model it leaves."""

import math
from collections.abc import Iterator
from typing import Any

import numpy
import pytest
import torch

import refnet
from refnet.train import EarlyStopping, Trainer

LIBRARIES = [refnet, torch]


def blobs(count: int = 60) -> tuple[Any, Any]:
    """Points around three centres, and which one."""
    rng = numpy.random.default_rng(0)
    classes = rng.integers(0, 3, count)
    return (rng.standard_normal((count, 4)) + 2 * numpy.eye(4)[classes]).astype("float32"), classes


def network(library: Any, seed: int = 0) -> Any:
    library.manual_seed(seed)
    nn = library.nn
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 3))


def trainer_of(library: Any = refnet, lr: float = 0.1, loss: Any = None, **settings: Any) -> Trainer:
    model = network(library)
    optimizer = library.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    loss = library.nn.CrossEntropyLoss() if loss is None else loss
    return Trainer(model, loss, optimizer, library=library, **settings)


def values(model: Any) -> dict[str, Any]:
    return {name: value.detach().numpy().copy() for name, value in model.state_dict().items()}


def assert_same(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert list(a) == list(b)
    for name in a:
        assert a[name].dtype == b[name].dtype and a[name].tobytes() == b[name].tobytes(), name


class ScriptedTest(refnet.utils.data.Dataset):
    """One test row that tells the loss below which evaluation this is."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return refnet.zeros(4), 0


class ScriptedLoss:
    """The cross entropy while training; in evaluations, the next of a list."""

    def __init__(self, losses: list[float]) -> None:
        self.losses: Iterator[float] = iter(losses)
        self.evaluations = 0

    def __call__(self, output: Any, target: Any) -> Any:
        if refnet.is_grad_enabled():
            return refnet.nn.functional.cross_entropy(output, target)
        self.evaluations += 1
        return refnet.tensor(next(self.losses), dtype=refnet.float64)


@pytest.mark.parametrize(
    ("losses", "patience", "stops_after", "best"),
    [
        ([0.5, 0.4, 0.3, 0.2], 1, 4, 4),
        ([0.5, 0.4, 0.41, 0.1], 1, 3, 2),
        ([0.5, 0.4, 0.4, 0.1], 1, 3, 2),  # equal rises
        ([0.5, math.nan, 0.1, 0.1], 1, 2, 1),
        ([0.5, math.inf, 0.1, 0.2], 2, 4, 3),
        ([0.5, 0.6, 0.4, 0.6, 0.7, 0.1], 2, 5, 3),  # in a row
        ([0.5, 0.6, 0.7, 0.8], None, 4, 1),
        ([math.nan, 0.5], 1, 1, 0),
    ],
)
def test_stops_when_the_loss_rises_and_restores_the_best(
    losses: list[float], patience: int | None, stops_after: int, best: int
) -> None:
    X, y = blobs()
    trainer = trainer_of(loss=ScriptedLoss(losses))
    states: list[Any] = []
    curves = trainer.fit(
        X, y, ScriptedTest(), None, len(losses), 1, patience=patience, progress="quiet",
        on_epoch=lambda row: states.append(values(trainer.model)),
    )  # fmt: skip
    assert len(curves) == stops_after and trainer.stopping.best_epoch == best
    assert_same(values(trainer.model), states[best - 1] if best else states[-1])
    assert trainer.last_model is not None
    assert_same({name: value.numpy() for name, value in trainer.last_model.items()}, states[-1])


def test_evaluates_every_so_often_and_at_the_end() -> None:
    X, y = blobs()
    curves = trainer_of().fit(X, y, X, y, epochs=5, eval_every=2, patience=None, progress="quiet")
    assert [value is not None for value in curves["test_loss"]] == [False, True, False, True, True]
    assert [row["epoch"] for row in curves] == [1, 2, 3, 4, 5] and curves.rows[-1]["step"] == 10


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.__name__)
def test_trains_as_the_loop_one_would_write(library: Any) -> None:
    X, y = blobs()
    trainer = trainer_of(library)
    trainer.fit(X, y, epochs=2, batch_size=16, seed=5, progress="quiet")
    model = network(library)
    optimizer = library.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    X, y = library.as_tensor(X), library.as_tensor(y)
    library.manual_seed(5)
    for _ in range(2):
        order = library.randperm(60)
        for start in range(0, 60, 16):
            rows = order[start : start + 16]
            optimizer.zero_grad()
            library.nn.functional.cross_entropy(model(X[rows]), y[rows]).backward()
            optimizer.step()
    assert_same(values(trainer.model), values(model))


def test_trains_alike_in_both_libraries() -> None:
    X, y = blobs()
    ours, theirs = (trainer_of(library).fit(X, y, X, y, 3, 1, 16, progress="quiet") for library in LIBRARIES)
    assert ours["generator"] == theirs["generator"]
    for column in ("loss", "accuracy", "test_loss", "test_accuracy"):
        numpy.testing.assert_allclose(ours[column], theirs[column], rtol=1e-5, err_msg=column)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("form", ["dataset", "loader"])
def test_takes_datasets_and_loaders(form: str, workers: int) -> None:
    X, y = blobs()
    data = refnet.utils.data
    dataset: Any = data.TensorDataset(refnet.as_tensor(X), refnet.as_tensor(y))
    if form == "loader":
        given = data.DataLoader(dataset, batch_size=16, shuffle=True, num_workers=workers)
        test = data.DataLoader(dataset, batch_size=16)
    else:
        given = test = dataset
    trainer = trainer_of()
    curves = trainer.fit(given, None, test, None, 2, 1, 16, workers=workers, patience=None, progress="quiet")
    direct = trainer_of()
    expected = direct.fit(X, y, X, y, 2, 1, 16, workers=1, patience=None, progress="quiet")
    assert curves["loss"] == expected["loss"] and curves["test_loss"] == expected["test_loss"]


def test_loss_and_metrics_are_means_over_rows() -> None:
    X, y = blobs(50)  # 32 + 18
    trainer = trainer_of(metrics={"margin": lambda output, target: output.max().item() * len(target)})
    measured = trainer.evaluate(X, y, batch_size=32)
    trainer.model.eval()
    with refnet.no_grad():
        output = trainer.model(refnet.as_tensor(X))
        loss = refnet.nn.functional.cross_entropy(output, refnet.as_tensor(y)).item()
    assert measured["loss"] == pytest.approx(loss, rel=1e-6)
    expected = (32 * output[:32].max().item() + 18 * output[32:].max().item()) / 50
    assert measured["margin"] == pytest.approx(expected, rel=1e-6)
    summed = trainer_of(loss=refnet.nn.CrossEntropyLoss(reduction="sum"))
    assert summed.evaluate(X, y)["loss"] == pytest.approx(loss, rel=1e-6)
    assert set(summed.evaluate(X, y)) == {"loss", "accuracy"}


def test_a_regression_has_no_accuracy() -> None:
    model = refnet.nn.Linear(4, 1)
    trainer = Trainer(model, refnet.nn.MSELoss(), refnet.optim.Adam(model.parameters()))
    X, _ = blobs()
    assert set(trainer.evaluate(X, X[:, :1])) == {"loss"}


def test_restart_and_going_on() -> None:
    X, y = blobs()
    trainer = trainer_of()
    first = trainer.fit(X, y, X, y, 4, 1, patience=None, progress="quiet")
    state = values(trainer.model)
    again = trainer.fit(X, y, X, y, 4, 1, patience=None, progress="quiet")
    assert again.csv() == first.csv()
    assert_same(values(trainer.model), state)
    more = trainer.fit(X, y, X, y, 2, 1, seed=None, restart=False, patience=None, progress="quiet")
    assert [row["epoch"] for row in more] == [1, 2, 3, 4, 5, 6]
    assert trainer.stopping.best_loss == min(more["test_loss"])


SCHEDULERS: list[tuple[str, dict[str, Any]]] = [
    ("StepLR", {"step_size": 1, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [1, 2], "gamma": 0.1}),
    ("CosineAnnealingLR", {"T_max": 3}),
    ("ReduceLROnPlateau", {"patience": 0, "threshold": 10.0}),
]


@pytest.mark.parametrize(("name", "settings"), SCHEDULERS)
def test_schedules_give_torchs_rates(name: str, settings: dict[str, Any]) -> None:
    X, y = blobs()
    rates = []
    for library in LIBRARIES:
        model = network(library)
        optimizer = library.optim.SGD(model.parameters(), lr=0.1)
        scheduler = getattr(library.optim.lr_scheduler, name)(optimizer, **settings)
        trainer = Trainer(model, library.nn.CrossEntropyLoss(), optimizer, scheduler=scheduler, library=library)
        rates.append(trainer.fit(X, y, X, y, 4, 1, patience=None, progress="quiet")["lr"])
    assert rates[0] == pytest.approx(rates[1], rel=1e-12) and len(set(rates[0])) > 1


def test_a_schedule_may_count_updates() -> None:
    X, y = blobs()
    model = network(refnet)
    optimizer = refnet.optim.SGD(model.parameters(), lr=1.0)
    scheduler = refnet.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    trainer = Trainer(model, refnet.nn.CrossEntropyLoss(), optimizer, scheduler=scheduler, scheduler_per="batch")
    assert trainer.fit(X, y, epochs=2, batch_size=20, progress="quiet")["lr"] == [0.125, 0.125**2]


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "message"),
    [
        (("X", "y"), {"epochs": 0}, ValueError, "epochs: expected a positive whole number, got 0"),
        (("X", "y"), {"batch_size": 2.5}, ValueError, "batch_size: expected a positive whole number, got 2.5"),
        (("X", "y"), {"patience": 0}, ValueError, "patience: expected a positive number of evaluations"),
        (("X", "y"), {"progress": "loud"}, ValueError, "expected one of auto, bar, lines, quiet; got 'loud'"),
        (("X", "y"), {"resume": True}, ValueError, "resume=True needs a checkpoint"),
        (("X", "y"), {"checkpoint": "a.pt"}, ValueError, r"expected checkpoint to be a \.safetensors file"),
        (("X", "y"), {"checkpoint": "missing/a.safetensors"}, ValueError, "in a folder that exists"),
        (("X", "short"), {}, ValueError, r"inputs of shape \[60, 4\] and targets of shape \[59\]"),
        (("X",), {}, TypeError, "expected arrays X and y, a Dataset, or a DataLoader"),
        (("loader", "y"), {}, ValueError, "a DataLoader brings its targets"),
    ],
)
def test_refuses(arguments: tuple[str, ...], settings: Any, error: Any, message: str) -> None:
    X, y = blobs()
    given = {"X": X, "y": y, "short": y[1:], "loader": refnet.utils.data.DataLoader([(X[0], 1)])}
    with pytest.raises(error, match=message):
        trainer_of().fit(*(given[name] for name in arguments), **{"progress": "quiet", **settings})


def test_refuses_models_it_cannot_train() -> None:
    X, y = blobs()
    model = refnet.models.MLP((5, 3))
    trainer = Trainer(model, refnet.nn.CrossEntropyLoss(), refnet.optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(ValueError, match=r"shape of layers\.0\.weight, layers\.0\.bias is not known yet"):
        trainer.fit(X, y, progress="quiet")
    with pytest.raises(TypeError, match="expected a model of torch, got refnet"):
        Trainer(model, None, None, library=torch)  # type: ignore[arg-type]


def test_early_stopping_goes_on_from_its_state() -> None:
    stopping = EarlyStopping(2)
    stopping.improves(0.5, 1), stopping.improves(0.6, 2)
    other = EarlyStopping(2).load_state_dict(stopping.state_dict())
    assert not other.improves(0.5, 3) and other.stops and other == EarlyStopping(2, 0.5, 1, 2)
