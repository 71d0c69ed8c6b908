"""A run that is killed and resumed ends as the one that was not: every parameter, state, generator and curve, bit for bit."""

import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

import refnet
from refnet.train import CheckpointError, Interrupted, Trainer, checkpoint

ROOT = Path(__file__).resolve().parents[3]
OPTIMIZERS = sorted(
    name
    for name, value in vars(refnet.optim).items()
    if isinstance(value, type) and issubclass(value, refnet.optim.Optimizer) and value is not refnet.optim.Optimizer
)
SETTINGS: dict[str, dict[str, Any]] = {
    "SGD": {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3},
    "AdamW": {"amsgrad": True},
    "RMSprop": {"momentum": 0.9, "centered": True},
    "LBFGS": {"lr": 0.01, "max_iter": 3},
}
NEED_SPECIAL_GRADIENTS = ("SparseAdam",)  # sparse ones
SCHEDULERS: dict[str, dict[str, Any]] = {
    "StepLR": {"step_size": 1, "gamma": 0.5},
    "MultiStepLR": {"milestones": [1, 2, 2]},
    "ConstantLR": {"total_iters": 2},
    "LinearLR": {"total_iters": 2},
    "ExponentialLR": {"gamma": 0.9},
    "PolynomialLR": {"total_iters": 2},
    "CosineAnnealingLR": {"T_max": 3},
    "CosineAnnealingWarmRestarts": {"T_0": 2},
    "ReduceLROnPlateau": {"patience": 0, "threshold": 0.5},
    "LambdaLR": {"lr_lambda": lambda epoch: 0.9**epoch},
    "MultiplicativeLR": {"lr_lambda": lambda epoch: 0.9},
    "CyclicLR": {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3},
    "OneCycleLR": {"max_lr": 0.1, "total_steps": 21},
}


class Killed(Exception):
    """What ends a run without its having any say, as far as one process can."""


def run_of(
    path: Path, *, library: Any = refnet, optimizer: str = "SGD", scheduler: str = "", data: str = "arrays",
    kill_at: int = 0, epochs: int = 3, **settings: Any,
) -> Trainer:  # fmt: skip
    """Train from scratch, or resume; with `kill_at` the run dies after that many updates."""
    library.manual_seed(0)
    random.seed(0)
    numpy.random.seed(0)
    nn = library.nn
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 3))
    parameters = [p for p in model.parameters() if optimizer != "Muon" or p.ndim == 2]  # it takes matrices only
    made = getattr(library.optim, optimizer)(parameters, **SETTINGS.get(optimizer, {}))
    schedule = schedule_of(library, scheduler, made)
    per = "batch" if scheduler in ("CyclicLR", "OneCycleLR") else "epoch"
    trainer = Trainer(model, nn.CrossEntropyLoss(), made, scheduler=schedule, scheduler_per=per, library=library)
    count = 0

    def before_update(*arguments: Any) -> None:
        nonlocal count
        if kill_at and count == kill_at:
            raise Killed
        count += 1

    made.register_step_pre_hook(before_update)
    X = numpy.random.default_rng(0).standard_normal((50, 4)).astype("float32")
    y = (X[:, 0] > 0).astype("int64") + (X[:, 1] > 0)
    given = (X, y) if data == "arrays" else (loader_of(library, X, y, data), None)
    arguments = {"batch_size": 8, "eval_every": 1, "patience": None, "checkpoint_every": 2, **settings}
    trainer.fit(*given, X, y, epochs, checkpoint=path, progress="quiet", **arguments)
    return trainer


def schedule_of(library: Any, name: str, optimizer: Any) -> Any:
    schedules = library.optim.lr_scheduler
    if name in ("SequentialLR", "ChainedScheduler"):
        parts = [schedules.ConstantLR(optimizer, 0.5), schedules.MultiStepLR(optimizer, [1, 2])]
        if name == "ChainedScheduler":
            return schedules.ChainedScheduler(parts, optimizer)
        return schedules.SequentialLR(optimizer, parts, milestones=[1])
    return getattr(schedules, name)(optimizer, **SCHEDULERS[name]) if name else None


def loader_of(library: Any, X: Any, y: Any, kind: str) -> Any:
    data = library.utils.data

    class Jittered(data.Dataset):  # type: ignore[misc, name-defined]
        """Draws while a row is fetched, from three generators."""

        def __len__(self) -> int:
            return len(X)

        def __getitem__(self, index: int) -> Any:
            noise = 0.1 * library.randn(4) + random.random() + numpy.random.rand()
            return library.as_tensor(X[index]) + noise.to(library.float32), int(y[index])

    if kind == "jittered":
        return data.DataLoader(Jittered(), batch_size=8, shuffle=True)
    rows = data.TensorDataset(library.as_tensor(X), library.as_tensor(y))
    if kind == "workers":
        return data.DataLoader(rows, batch_size=8, shuffle=True, num_workers=1)
    generator = library.Generator().manual_seed(3)
    if kind == "weighted":
        sampler = data.WeightedRandomSampler([1.0 + i % 3 for i in range(len(X))], len(X), generator=generator)
        return data.DataLoader(rows, batch_size=8, sampler=sampler)
    return data.DataLoader(rows, batch_size=8, shuffle=True, generator=generator)


def assert_same_run(a: Path, b: Path) -> None:
    """Everything in two checkpoints but the clock, and in words what differs."""
    contents = [checkpoint.read(path) for path in (a, b)]
    for content in contents:
        del content["times"]
        del content["position"]["seconds"]
        content["generators"].pop("epoch")  # of use in the middle of an epoch only
    parts = [{**content, **content.pop("states")} for content in contents]
    different = [key for key in parts[0] if checkpoint.digest(parts[0][key]) != checkpoint.digest(parts[1][key])]
    assert not different
    assert parts[0].keys() == parts[1].keys()


KILLS = [3, 7, 14, 17]  # in the first epoch, at its end (7 batches), at the end of the second, in the third


@pytest.mark.parametrize("optimizer", [name for name in OPTIMIZERS if name not in NEED_SPECIAL_GRADIENTS])
def test_every_optimizer_resumes(optimizer: str, tmp_path: Path) -> None:
    whole = run_of(tmp_path / "whole.safetensors", optimizer=optimizer)
    for kill_at in (3, 14):
        path = tmp_path / f"{kill_at}.safetensors"
        with pytest.raises(Killed):
            run_of(path, optimizer=optimizer, kill_at=kill_at)
        resumed = run_of(path, optimizer=optimizer, resume=True)
        assert_same_run(path, tmp_path / "whole.safetensors")
        assert checkpoint.digest(resumed.model.state_dict()) == checkpoint.digest(whole.model.state_dict())
        assert resumed.curves.csv() == whole.curves.csv()


@pytest.mark.parametrize("scheduler", [*SCHEDULERS, "SequentialLR", "ChainedScheduler"])
def test_every_schedule_resumes(scheduler: str, tmp_path: Path) -> None:
    for library in (refnet, torch):
        paths = [tmp_path / f"{library.__name__}-{kind}.safetensors" for kind in ("whole", "killed")]
        run_of(paths[0], library=library, scheduler=scheduler)
        with pytest.raises(Killed):
            run_of(paths[1], library=library, scheduler=scheduler, kill_at=10)
        run_of(paths[1], library=library, scheduler=scheduler, resume=True)
        assert_same_run(*paths)


def test_all_schedules_are_tried() -> None:
    base = refnet.optim.lr_scheduler.LRScheduler
    public = {
        name
        for name, value in vars(refnet.optim.lr_scheduler).items()
        if isinstance(value, type) and issubclass(value, base) and value is not base
    }
    assert public == {*SCHEDULERS, "SequentialLR", "ChainedScheduler"}


@pytest.mark.parametrize("kill_at", KILLS)
@pytest.mark.parametrize("data", ["arrays", "jittered", "workers", "weighted", "own generator"])
def test_every_kind_of_data_resumes(data: str, kill_at: int, tmp_path: Path) -> None:
    paths = [tmp_path / "whole.safetensors", tmp_path / "killed.safetensors"]
    run_of(paths[0], data=data)
    with pytest.raises(Killed):
        run_of(paths[1], data=data, kill_at=kill_at)
    run_of(paths[1], data=data, resume=True)
    assert_same_run(*paths)


@pytest.mark.parametrize("kill_at", KILLS)
def test_torch_resumes_too(kill_at: int, tmp_path: Path) -> None:
    paths = [tmp_path / "whole.safetensors", tmp_path / "killed.safetensors"]
    for optimizer in ("SGD", "Adam"):
        run_of(paths[0], library=torch, optimizer=optimizer)
        with pytest.raises(Killed):
            run_of(paths[1], library=torch, optimizer=optimizer, kill_at=kill_at)
        run_of(paths[1], library=torch, optimizer=optimizer, resume=True)
        assert_same_run(*paths)


def test_a_killed_run_may_be_killed_again(tmp_path: Path) -> None:
    paths = [tmp_path / "whole.safetensors", tmp_path / "killed.safetensors"]
    run_of(paths[0])
    for resume, kill_at in ((False, 5), (True, 5), (True, 1), (True, 9)):
        with pytest.raises(Killed):
            run_of(paths[1], resume=resume, kill_at=kill_at)
    run_of(paths[1], resume=True)
    assert_same_run(*paths)


def test_early_stopping_and_longer_training(tmp_path: Path) -> None:
    """A run with fewer epochs goes on, and one that stopped early stays stopped."""
    paths = [tmp_path / "whole.safetensors", tmp_path / "shorter.safetensors"]
    run_of(paths[0], epochs=4)
    run_of(paths[1], epochs=2)
    run_of(paths[1], epochs=4, resume=True)
    assert_same_run(*paths)
    first = run_of(paths[0], epochs=40, patience=1, optimizer="Adam")
    assert len(first.curves) < 40 and first.stopping.stops
    before = paths[0].read_bytes()
    again = run_of(paths[0], epochs=40, patience=1, optimizer="Adam", resume=True)
    assert again.curves.csv() == first.curves.csv() and paths[0].read_bytes() == before
    assert checkpoint.digest(again.model.state_dict()) == checkpoint.digest(first.model.state_dict())


def test_the_restored_generator_is_torchs(tmp_path: Path) -> None:
    run_of(tmp_path / "a.safetensors")
    state = checkpoint.read(tmp_path / "a.safetensors")["generators"]["now"]["default"]
    assert state.shape == (5056,) and torch.Generator().set_state(torch.from_numpy(state.numpy())) is not None


# --- from outside: signals ------------------------------------------------------------------------------------------

PROGRAM = """
    import os, signal, sys
    from test_checkpoint import run_of
    from pathlib import Path
    from refnet.train import Interrupted, Trainer

    path, resume, at, number = Path(sys.argv[1]), sys.argv[2] == "resume", int(sys.argv[3]), int(sys.argv[4])
    count = 0
    update = Trainer._update

    def counted(self, batch):
        global count
        done = update(self, batch)
        count += 1
        if count == at:
            os.kill(os.getpid(), number)
        return done

    Trainer._update = counted
    try:
        run_of(path, resume=resume)
    except Interrupted as interrupted:
        print(interrupted)
        sys.exit(128 + interrupted.signal)
"""


def program(path: Path, resume: bool, at: int, number: int) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), str(Path(__file__).parent)))}
    arguments = [str(path), "resume" if resume else "begin", str(at), str(number)]
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), *arguments], capture_output=True, text=True, env=environment
    )


@pytest.mark.parametrize("at", [10, 14], ids=["within an epoch", "at its last batch"])
def test_sigkill(at: int, tmp_path: Path) -> None:
    paths = [tmp_path / "whole.safetensors", tmp_path / "killed.safetensors"]
    run_of(paths[0])
    killed = program(paths[1], False, at, signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    run_of(paths[1], resume=True)
    assert_same_run(*paths)


@pytest.mark.parametrize(("number", "at", "batch"), [(signal.SIGINT, 10, 3), (signal.SIGTERM, 14, 0)])
def test_signals_save_and_stop(number: int, at: int, batch: int, tmp_path: Path) -> None:
    paths = [tmp_path / "whole.safetensors", tmp_path / "stopped.safetensors"]
    run_of(paths[0])
    stopped = program(paths[1], False, at, number)
    assert stopped.returncode == 128 + number, stopped.stderr
    assert f"{paths[1]} has everything to go on from" in stopped.stdout
    position = checkpoint.read(paths[1])["position"]
    assert (position["step"], position["batch"]) == (at, batch)
    run_of(paths[1], resume=True)
    assert_same_run(*paths)


def test_handlers_come_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    run_of(tmp_path / "a.safetensors", epochs=1)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert issubclass(Interrupted, KeyboardInterrupt)


# --- files that do not fit ------------------------------------------------------------------------------------------


def flip(content: bytes) -> bytes:
    """One bit of the last tensor's data."""
    return content[:-1] + bytes([content[-1] ^ 1])


DAMAGE: list[tuple[str, Any, str]] = [
    ("truncated", lambda content: content[: len(content) // 2], "is damaged, or no checkpoint"),
    ("empty", lambda content: b"", "is damaged, or no checkpoint.*it is empty"),
    ("other", lambda content: b"\x80\x04pickle", "it is a pickle"),
    ("a bit", flip, "array '.*' is damaged"),
    ("a name", lambda content: content.replace(b"momentum", b"momentun", 1), "is damaged"),
]


@pytest.mark.parametrize(("name", "damage", "message"), DAMAGE, ids=[row[0] for row in DAMAGE])
def test_a_damaged_checkpoint_is_refused_and_left(name: str, damage: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    run_of(path, epochs=1)
    damaged = damage(path.read_bytes())
    assert damaged != path.read_bytes()
    path.write_bytes(damaged)
    with pytest.raises(CheckpointError, match=message):
        run_of(path, resume=True)
    assert path.read_bytes() == damaged and [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


def test_other_files_are_no_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    refnet.save({"weight": refnet.ones(2)}, path)
    with pytest.raises(CheckpointError, match=r"no checkpoint of training: expected the kind .*, got None"):
        checkpoint.read(path)
    refnet.save({"kind": checkpoint.KIND, "version": 9, "content": {}}, path)
    with pytest.raises(CheckpointError, match="is a checkpoint of version 9, expected 1"):
        checkpoint.read(path)
    with pytest.raises(FileNotFoundError, match=r"no checkpoint to resume from: .*missing\.safetensors"):
        run_of(tmp_path / "missing.safetensors", resume=True)


MISMATCH: list[tuple[dict[str, Any], str]] = [
    ({"optimizer": "Adam"}, "optimizer: 'SGD' in the checkpoint, 'Adam' here"),
    ({"scheduler": "StepLR"}, "scheduler: None in the checkpoint, 'StepLR' here"),
    ({"batch_size": 9}, "training data: .*'batches': 7.* in the checkpoint, .*'batches': 6.* here"),
    ({"data": "workers"}, "training data: .*'crc32'"),
    ({"library": torch}, "library: 'refnet' in the checkpoint, 'torch' here"),
    ({"eval_every": 2}, "eval_every: 1 in the checkpoint, 2 here"),
    ({"seed": 2}, "seed: 1 in the checkpoint, 2 here"),
]


@pytest.mark.parametrize(("changed", "message"), MISMATCH, ids=[next(iter(row[0])) for row in MISMATCH])
def test_a_checkpoint_of_another_run_is_refused(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    run_of(path, epochs=1)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=message):
        run_of(path, resume=True, **changed)
    assert path.read_bytes() == before


def test_a_checkpoint_of_another_model_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    X, y = numpy.ones((4, 3), "float32"), numpy.zeros(4, "int64")
    trainers = []
    for width in (5, 6):
        model = refnet.nn.Sequential(refnet.nn.Linear(3, width), refnet.nn.Linear(width, 2))
        optimizer = refnet.optim.SGD(model.parameters(), lr=0.1)
        trainers.append(Trainer(model, refnet.nn.CrossEntropyLoss(), optimizer))
    trainers[0].fit(X, y, epochs=1, checkpoint=path, progress="quiet")
    before, state = path.read_bytes(), checkpoint.digest(trainers[1].model.state_dict())
    generator = refnet.get_rng_state()
    message = (
        r"does not fit this model: 0.weight: float32\[5, 3\] in the checkpoint, float32\[6, 3\] here; "
        r"0.bias: .*; 1.weight: "
    )
    with pytest.raises(CheckpointError, match=message):
        trainers[1].fit(X, y, epochs=1, checkpoint=path, resume=True, progress="quiet")
    assert path.read_bytes() == before
    assert checkpoint.digest(trainers[1].model.state_dict()) == state
    assert (refnet.get_rng_state() == generator).all()


def test_a_failing_write_keeps_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.safetensors"
    checkpoint.write(path, {"step": 1})

    def fail(*arguments: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        checkpoint.write(path, {"step": 2})
    assert checkpoint.read(path) == {"step": 1} and [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


def test_digest_sees_every_bit() -> None:
    values = [0.0, -0.0, 0, False, None, "", [], (), {}, refnet.zeros(1), refnet.zeros(1, 1), refnet.zeros(1).double()]
    values += [refnet.tensor([-0.0]), numpy.zeros(1), [0], (0,), {"a": 0}, {"b": 0}, [[0], []], [[], [0]]]
    digests = [checkpoint.digest(value) for value in values]
    assert len(set(digests)) == len(values)
