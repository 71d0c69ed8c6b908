"""``python -m refnet.train``: its files, its errors, resuming, and the same run in torch beside it."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

import refnet
from refnet.models.lenet import lenet5_of
from refnet.train import _extra, against, checkpoint, options
from refnet.train.command_line import main

ROOT = Path(__file__).resolve().parents[3]
SMALL = ["--data", "sample", "--limit", "128", "--epochs", "2", "--batch-size", "32", "--quiet", "--no-figure"]


def train(out: Path, *arguments: str) -> int:
    return main([*SMALL, "--out", str(out), *arguments])


def files(folder: Path) -> dict[str, bytes]:
    """What a run gives, without the clock."""
    kept = (path for path in folder.iterdir() if "times" not in path.name and "checkpoint" not in path.name)
    return {path.name: path.read_bytes() for path in sorted(kept)}


def test_writes_curves_model_checkpoint_and_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--data", "sample", "--limit", "128", "--epochs", "2", "--out", str(tmp_path / "a" / "b")])
    assert status == 0
    folder = tmp_path / "a" / "b"
    names = ["checkpoint.safetensors", "curves-times.csv", "curves.csv", "curves.png", "model.safetensors"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert (folder / "curves.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    header, *rows = (folder / "curves.csv").read_text().splitlines()
    assert header == "epoch,step,lr,loss,accuracy,test_loss,test_accuracy,generator" and len(rows) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "the packaged sample of Fashion-MNIST: 128 images for training, 128 for testing"
    assert lines[1].startswith("epoch 1/2  loss ") and lines[1].endswith(" left") and "images/s" in lines[1]
    assert lines[-1].startswith("best model: epoch ")
    model = lenet5_of(torch)()
    model.load_state_dict(safetensors.torch.load_file(folder / "model.safetensors"))


def test_the_same_options_give_the_same_files(tmp_path: Path) -> None:
    assert train(tmp_path / "a") == train(tmp_path / "b") == train(tmp_path / "c", "--seed", "1") == 0
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert files(tmp_path / "a") != files(tmp_path / "c")


def test_full_data_when_present_else_the_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = options.parser().parse_args(["--limit", "3"])
    if options.SYSTEM_FOLDER.is_dir():
        assert options.load_data(chosen).source == f"Fashion-MNIST from {options.SYSTEM_FOLDER}"
    monkeypatch.setattr(options, "SYSTEM_FOLDER", tmp_path / "nowhere")
    data = options.load_data(chosen)
    assert data.source == "the packaged sample of Fashion-MNIST"
    assert data.images.shape == (3, 1, 28, 28) and data.images.max() == 1 and data.classes.tolist() == [9, 0, 0]
    chosen.data = refnet.datasets.FashionMNIST.sample().folder  # as a folder given by name: not the full data
    with pytest.raises(RuntimeError, match="expected uint8 of shape"):
        options.load_data(chosen)


def test_quiet_is_quiet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--optimizer", "adamw", "--lr", "0.002", "--scheduler", "cosine"],
        ["--optimizer", "Adam:betas=(0.8, 0.99),amsgrad=True", "--weight-decay", "0.01"],
        ["--momentum", "0", "--scheduler", "StepLR:step_size=1,gamma=0.5", "--eval-every", "2"],
        ["--pool", "max", "--no-batch-norm", "--dropout", "0", "--workers", "1", "--threads", "1"],
    ],
)
def test_options_reach_what_they_name(arguments: list[str], tmp_path: Path) -> None:
    assert train(tmp_path, *arguments) == 0
    content = checkpoint.read(tmp_path / "checkpoint.safetensors")
    group = content["states"]["optimizer"]["param_groups"][0]
    rates = [row["lr"] for row in content["curves"]]
    if "adamw" in arguments:
        assert content["setup"]["optimizer"] == "AdamW" and rates == pytest.approx([0.002, 0.001])
    elif "--weight-decay" in arguments:
        assert (group["betas"], group["amsgrad"], group["weight_decay"]) == ((0.8, 0.99), True, 0.01)
    elif "--momentum" in arguments:
        assert group["momentum"] == 0 and rates == [0.05, 0.025]
        assert "test_loss" not in content["curves"][0] and "test_loss" in content["curves"][1]
    else:
        assert "norm1.weight" not in content["states"]["model"]


def interrupted(out: Path, waits_for: str, number: int, *arguments: str) -> tuple[int, str]:
    """Exit status and errors of a run that gets a signal once a file is there."""
    command = [sys.executable, "-m", "refnet.train", *SMALL, "--out", str(out), *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while not (out / waits_for).exists() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(number)
    _, errors = process.communicate()
    return process.returncode, errors


def test_resuming_gives_the_files_of_the_whole_run(tmp_path: Path) -> None:
    """Killed without a warning, and interrupted while the other library trains."""
    common = ["--checkpoint-every", "1", "--patience", "0", "--epochs", "5"]
    both = [*common, "--against", "torch"]
    assert train(tmp_path / "whole", *both) == 0
    whole = files(tmp_path / "whole")
    del whole["comparison.md"]  # it tells the speed
    killed, stopped = tmp_path / "killed", tmp_path / "stopped"
    assert interrupted(killed, "checkpoint.safetensors", signal.SIGKILL, *common) == (-signal.SIGKILL, "")
    status, errors = interrupted(stopped, "torch-checkpoint.safetensors", signal.SIGINT, *both)
    assert status == 128 + signal.SIGINT, errors
    assert errors.endswith(f"To go on:\n  {Path(sys.executable).name} -m refnet.train --resume --out {stopped}\n")
    for out in (killed, stopped):
        assert main(["--resume", "--out", str(out), "--quiet"]) == 0
        for name, content in files(out).items():
            assert name == "comparison.md" or whole[name] == content, name
    assert files(stopped).keys() == {*whole, "comparison.md"}


def test_resuming_trains_further(tmp_path: Path) -> None:
    assert train(tmp_path / "whole", "--epochs", "3", "--patience", "0") == 0
    assert train(tmp_path / "parts", "--patience", "0") == 0
    assert main(["--resume", "--out", str(tmp_path / "parts"), "--epochs", "3", "--quiet"]) == 0
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


def test_resuming_keeps_to_the_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path, "--scheduler", "cosine") == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for arguments, message in [
        (["--resume", "--batch-size", "16"], "--resume: --batch-size was 32, got 16"),
        (["--resume", "--epochs", "9"], "--resume: --epochs was 2, got 9"),
        ([], "is a run already: --resume goes on with it, --overwrite starts anew"),
    ]:
        assert main(["--out", str(tmp_path), "--quiet", *arguments]) == 2
        assert message in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert train(tmp_path, "--overwrite", "--seed", "3") == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--optimizer", "Adagard"], r"--optimizer: got 'Adagard', expected one of .*Adam, AdamW"),
        (["--optimizer", "SGD:speed=3"], r"--optimizer: SGD takes no speed; it takes lr, momentum"),
        (["--optimizer", "SGD:lr"], r"expected NAME or NAME:key=value,key=value with plain values, got 'SGD:lr'"),
        (["--optimizer", "SGD:lr=__import__('os')"], r"with plain values"),
        (["--lr", "-1"], r"--optimizer: SGD: Invalid learning rate: -1"),
        (["--optimizer", "SGD:lr=0.1", "--lr", "0.2"], r"lr is given twice: --lr 0.2, and in 'SGD:lr=0.1'"),
        (["--optimizer", "Adam", "--momentum", "0.9"], r"Adam takes no momentum"),
        (["--scheduler", "StepLR"], r"--scheduler: StepLR: .*step_size"),
        (["--scheduler", "linear"], r"--scheduler: got 'linear', expected one of .*CosineAnnealingLR"),
        (["--dropout", "2"], r"--dropout: expected a probability from 0 to 1, got 2"),
        (["--data", "missing"], r"--data: FashionMNIST: .*missing"),
        (["--against", "no_such_library"], r"--against: cannot import no_such_library"),
        (["--against", "numpy"], r"--against: expected a library with torch's names; numpy has no .*nn"),
        (["--resume"], r"--resume: .*checkpoint.safetensors does not exist"),
    ],
)
def test_refuses(arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                 monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(options, "SYSTEM_FOLDER", tmp_path / "nowhere")
    monkeypatch.setattr(refnet.datasets.fashion_mnist, "SYSTEM_FOLDER", tmp_path / "nowhere")
    assert train(tmp_path / "out", *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("python -m refnet.train: error: ")
    assert re.search(message, error, re.DOTALL), error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [["--epochs", "0"], ["--patience", "-1"], ["--pool", "median"], ["--limit", "x"]])
def test_argparse_refuses(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        train(tmp_path, *arguments)
    assert stopped.value.code == 2 and "error: argument" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path) == 0
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert main(["--resume", "--out", str(tmp_path)]) == 2
    assert "checkpoint.safetensors is damaged" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_out_must_be_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert train(tmp_path / "file") == 2
    assert "--out: cannot make the folder" in capsys.readouterr().err


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    options_shown = "epochs batch-size lr optimizer momentum weight-decay scheduler dropout pool no-batch-norm seed "
    options_shown += "eval-every patience out resume checkpoint-every data limit workers threads against quiet"
    for name in options_shown.split():
        assert f"--{name}" in shown
    assert "examples:\n  python -m refnet.train" in shown


# --- what is missing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("package", "arguments"),
    [("matplotlib", []), ("rich", ["--progress", "bar"])],
)
def test_a_missing_extra_is_named(package: str, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                  capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    monkeypatch.setattr(_extra, "find_spec", lambda name: None if name == package else object())
    assert main(["--data", "sample", "--limit", "64", "--epochs", "1", "--out", str(tmp_path), *arguments]) == 2
    assert (
        f"needs the package {package}, which is not installed: pip install 'refnet[train]'" in capsys.readouterr().err
    )


def test_trains_without_the_extra() -> None:
    program = (
        "import sys\n"
        "for name in ('rich', 'matplotlib', 'safetensors', 'torch'): sys.modules[name] = None\n"
        "import refnet.train\n"
        "model = refnet.nn.Linear(2, 2)\n"
        "optimizer = refnet.optim.SGD(model.parameters(), lr=0.1)\n"
        "trainer = refnet.train.Trainer(model, refnet.nn.CrossEntropyLoss(), optimizer)\n"
        "trainer.fit(refnet.ones(4, 2), refnet.zeros(4, dtype=refnet.int64), epochs=1)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT,
                          env=os.environ | {"PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.returncode == 0 and done.stdout.startswith("epoch 1/1  loss "), done.stderr


# --- beside torch ---------------------------------------------------------------------------------------------------


def test_against_torch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path, "--against", "torch") == 0
    table = (tmp_path / "comparison.md").read_text()
    assert table.strip() == capsys.readouterr().out.strip()
    rows = {cells[1].strip(): [cell.strip() for cell in cells[2:5]] for line in table.splitlines()
            if (cells := line.split("|"))}  # fmt: skip
    assert rows["initial weights"][2] == "equal bit for bit (25 tensors)"
    for name in ("batches", "masks", "generator after each epoch"):
        assert rows[name][2] == "equal bit for bit (2 epochs)"
    assert abs(float(rows["training loss, epoch 2"][2])) < 1e-4
    assert rows["images/s in training"][2].endswith(" x")


def test_a_difference_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A torch whose dropout draws once more, and whose fc2 starts elsewhere."""
    draw, make = torch.nn.Dropout.forward, options.make_model

    def forward(self: Any, input: Any) -> Any:
        torch.rand(1)
        return draw(self, input)

    def make_other(chosen: Any, library: Any) -> Any:
        model = make(chosen, library)
        if library is torch:
            with torch.no_grad():
                model.fc2.weight[0, 0] += 1e-6
        return model

    monkeypatch.setattr(torch.nn.Dropout, "forward", forward)
    monkeypatch.setattr(options, "make_model", make_other)
    assert train(tmp_path, "--against", "torch") == 1
    shown = capsys.readouterr()
    assert "DIFFERENT in 1 of 25 tensors" in shown.out
    assert shown.err.splitlines() == [
        "different: the initial weights fc2.weight",
        "different: the batches of epoch 2",
        "different: the masks of epoch 1, 2",
        "different: the generator of epoch 1, 2",
    ]


def test_lenet_of_another_library_is_the_same_class_otherwise() -> None:
    refnet.manual_seed(0)
    torch.manual_seed(0)
    ours, theirs = lenet5_of(refnet)(pool="max"), lenet5_of(torch)(pool="max")
    assert type(theirs).__name__ == "LeNet5" and isinstance(theirs, torch.nn.Module)
    assert repr(ours) == repr(theirs)
    assert (ours.fc1.weight.numpy(force=True) == theirs.fc1.weight.detach().numpy()).all()
    assert against.library_named("refnet") is refnet
