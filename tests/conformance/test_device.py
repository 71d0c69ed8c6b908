"""Devices: what a candidate on one is held against, what a lost GPU costs, what says that there is none."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy
import pytest

from conformance import against, gpus
from conformance.against import Against
from conformance.candidates import load
from conformance.candidates.torch import Oracle, Torch
from conformance.case import EXPANDED, GAPPED, TRANSPOSED, Case
from conformance.cli import main
from conformance.comparison import compare
from conformance.identity import identity
from conformance.layout import arrange, memory_of
from conformance.monte_carlo import MonteCarlo
from conformance.oracle import Truth
from conformance.record import CRASH, FAIL, PASS, UNSUPPORTED, Record
from conformance.run import Selection, run, select
from conformance.worker import answer_on

ON_CPU = Against("cuda", "torch@cpu")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """What this process holds candidates against."""
    before = against.chosen()
    yield
    against.use(before)


def chosen() -> list[Case]:
    return select(Selection(families=("gpu_cases",)), ["gpu_cases"])


def by_operation(records: Iterable[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.operation.rpartition(".")[2], []).append(record)
    return found


def compared(candidate: str, held: Against) -> dict[str, list[Record]]:
    """The records of the cases, in this process."""
    against.use(held)
    made = load(candidate, held.device)
    return by_operation(record for case in chosen() for record in compare(case, made))


def test_a_lost_gpu_costs_one_case() -> None:
    """The worker is replaced: the cases that waited in it, and those behind, are none the worse."""
    cases = chosen()
    outcome = run("pretending:losing", cases, held=ON_CPU, workers=1, timeout=30, extra=["gpu_cases"])
    assert outcome.complete and {record.case for record in outcome.records} == {case.id for case in cases}
    assert outcome.identity["reference"] == "torch@cpu"
    found = by_operation(outcome.records)
    (lost,) = found["sin"]
    assert lost.status == CRASH and "lost its GPU" in lost.message and "illegal memory access" in lost.message
    assert {record.status for record in found["tanh"]} == {PASS}


def test_a_reference_that_loses_its_gpu_is_no_failure_of_the_candidate() -> None:
    against.use(Against("cpu", "pretending:losing@cuda"))
    (case,) = (case for case in chosen() if case.operation.name == "sin")
    status, _, message = answer_on(case, load("torch"))
    assert status == UNSUPPORTED and "pretending:losing on cuda loses its GPU" in str(message)


def test_draws_of_a_gpu_have_no_oracle() -> None:
    """On one side only they are not compared; on both they are, bit for bit, and results with them to rounding."""
    across = compared("pretending:drawing", ON_CPU)["dropout"]
    assert {record.status for record in across} == {UNSUPPORTED}
    assert all("generator" in record.message for record in across)
    alike = compared("pretending:drawing", Against("cuda", "pretending:drawing@cuda"))["dropout"]
    assert {record.status for record in alike} == {PASS}
    other = compared("pretending:redrawing", Against("cuda", "pretending:drawing@cuda"))["dropout"]
    assert {record.status for record in other if record.check == "bits"} == {FAIL}
    assert {record.status for record in other if record.check != "bits"} == {UNSUPPORTED}


def test_numbers_are_not_looked_at_on_a_gpu_but_shapes_are() -> None:
    found = compared("pretending:careless", ON_CPU)
    assert [record.status for record in found["linear"]] == [FAIL]
    assert [record.status for record in found["embedding"]] == [UNSUPPORTED]
    assert "on a GPU nobody looks at numbers" in found["embedding"][0].message


@pytest.mark.parametrize("layout", ["", TRANSPOSED, GAPPED, EXPANDED])
def test_strides_go_to_the_device(layout: str) -> None:
    array = arrange(numpy.arange(12.0).reshape(3, 4), layout).array
    memory, strides, offset = memory_of(array)
    again = numpy.lib.stride_tricks.as_strided(memory[offset:], array.shape, [8 * stride for stride in strides])
    assert numpy.array_equal(again, array)
    assert Torch("", "meta").to_tensor(array).stride() == Torch().to_tensor(array).stride()


def test_what_a_run_is_held_against_is_part_of_its_identity() -> None:
    plain, across = Against(), Against("cuda", "refnet@cpu", "cuda:1")
    assert plain.plain and plain.facts() == {} and not plain.across and plain.key == ""
    assert Against(reference="torch@cpu").plain and not Against("cuda").across
    assert across.across and across.where == "cpu" and across.name == "refnet"
    said = identity("refnet", "cuda", held=across)
    assert (said["device"], said["reference"], said["oracle"]) == ("cuda", "refnet@cpu", "cuda:1")
    assert {"gpu", "driver"} <= said.keys() and not {"gpu", "reference"} & identity("refnet", "cpu").keys()
    assert Against.of(said) == across
    assert Against("cuda", "torch@cpu").key != Against("cuda", "refnet@cpu").key


def test_scales_on_disk_are_of_one_reference_and_device() -> None:
    case = chosen()[1]
    keys = []
    for held in (Against(), Against(reference="torch@cpu"), Against("cuda", "refnet@cpu"), ON_CPU):
        against.use(held, fixed_order=False)
        keys.append(b"".join(Truth(case, case.sample())._fingerprint("native")))
    assert keys[0] == keys[1] and len(set(keys)) == 3


def test_the_sides_of_a_comparison() -> None:
    sides = Against("cuda", "refnet@cpu").sides
    assert (sides.reference.name, sides.oracle.name) == ("refnet", "torch float64")
    assert isinstance(sides.oracle, Oracle) and sides.refusing.device == "cpu"
    with pytest.raises(ValueError, match="needs torch's namespace"):
        _ = Against("cpu", "timed_functions").sides
    assert MonteCarlo(numpy.float32, 1).device == "cpu"  # its arithmetic is numpy's


# --- what is missing ------------------------------------------------------------------------------------------------


def without_cuda() -> bool:
    import torch

    return not torch.cuda.is_available()


@pytest.mark.skipif(not without_cuda(), reason="there is a GPU")
def test_a_missing_gpu_is_wrong_usage(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    given = ["run", "--candidate", "torch", "--ops", "tanh", "--device", "cuda", "--workers", "1"]
    assert main([*given, "--out", str(tmp_path / "out")]) == 2
    said = capfd.readouterr().err
    assert "device 'cuda'" in said and "--reference torch@cpu" in said and "Traceback" not in said


def test_devices_and_variants_that_are_none() -> None:
    with pytest.raises(SystemExit):
        main(["run", "--device", "gpu", "--list"])
    with pytest.raises(ValueError, match=r"no torch variant 'torch:cudnn=off' on cpu"):
        load("torch:cudnn=off")
    with pytest.raises(ValueError, match="the devices are cpu, cuda"):
        load("torch", "tpu")


def test_gpus_are_read_from_the_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(
        "#!/bin/sh\necho 'NVIDIA H200, 570.1, 143771, 345, 2619, 31, 76.1'\necho 'T4, 1, 15360, 1, 1, 40, [N/A]'\n"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    gpus.first_seen.cache_clear()
    try:
        first, second = gpus.found()
        assert (first.name, first.driver, first.sm_mhz) == ("NVIDIA H200", "570.1", 345.0)
        assert second.watts != second.watts
        assert gpus.facts("cuda:1")["gpu"] == "T4" and gpus.workers("cuda:1", 64) == 7 and gpus.workers("cpu", 64) == 64
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
        assert gpus.facts("cuda")["gpu"] == "T4"
        tool.write_text("#!/bin/sh\nexit 9\n")
        assert gpus.found() == []
    finally:
        gpus.first_seen.cache_clear()
    assert gpus.workers("cuda", 2) == 2


@pytest.mark.parametrize(
    ("message", "lost"),
    [
        ("AcceleratorError: CUDA error: device-side assert triggered", True),
        ("CUDARuntimeError: cudaErrorIllegalAddress: an illegal memory access was encountered", True),
        ("OutOfMemoryError: Out of memory allocating 512 bytes", False),
        ("RuntimeError: CUDA error: no kernel image is available", False),
    ],
)
def test_errors_after_which_a_process_is_of_no_use(message: str, lost: bool) -> None:
    assert gpus.lost(message) is lost
