"""Timing on a GPU, on a pretended one: the clock of events, rotated inputs, the emptied cache, captured steps."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

from conformance.candidates import load
from conformance.candidates.torch import Torch
from conformance.case import args
from conformance.draw import normal
from conformance.timing import lenet, operations
from conformance.timing.gpu import Clock, Flush, captured, copies, peak_mib, rotating
from conformance.timing.machine import gpu_rates
from conformance.timing.row import BOTH_CAPTURED, CAPTURED, FORWARD, STEP, Gpu, Untimed, ready
from conformance.timing.run import Bench


class Device:
    """A GPU whose time passes by what is queued: torch's namespace, as far as timing asks it."""

    def __init__(self) -> None:
        self.now, self.waits = 0.0, 0
        self.cuda = SimpleNamespace(Event=self.event, synchronize=self.synchronize)

    def synchronize(self) -> None:
        self.waits += 1

    def event(self, enable_timing: bool = False) -> Any:
        assert enable_timing
        made = SimpleNamespace(at=0.0)
        made.record = lambda: setattr(made, "at", self.now)
        made.elapsed_time = lambda later: float(
            numpy.float32((later.at - made.at) * 1e3)
        )  # milliseconds, in single precision
        return made


def test_the_clock_stays_fine_however_long_it_runs() -> None:
    device = Device()
    clock = Clock(device)
    for _ in range(3000):
        device.now += 0.7
        before = clock()
        device.now += 1e-6
        assert clock() - before == pytest.approx(1e-6, abs=1e-7)
    assert clock() == pytest.approx(3000 * 0.700001, rel=1e-6)
    assert device.waits > 6000


@pytest.mark.parametrize(
    ("nbytes", "cache", "number"), [(64, 50 << 20, 32), (48 << 20, 50 << 20, 4), (1 << 30, 50 << 20, 2), (0, 1, 3)]
)
def test_copies_do_not_fit_into_the_cache(nbytes: int, cache: int, number: int) -> None:
    assert copies(nbytes, cache) == number


def test_calls_rotate() -> None:
    call = rotating([lambda: "a", lambda: "b", lambda: "c"])
    assert [call() for _ in range(5)] == ["a", "b", "c", "a", "b"]


def flushes(log: list[str]) -> Callable[[], Any]:
    @contextmanager
    def flush() -> Iterator[None]:
        log.append("flush")
        yield

    return flush


def test_a_row_is_timed_on_copies_with_an_emptied_cache() -> None:
    """Every sample begins with a flush; the calls of a sample take other arrays in turn."""
    log: list[str] = []
    gpu = Gpu(cache=1 << 16, flush=flushes(log))
    row = next(row for row in operations.pointwise("tanh", 64, 84) if row.what == FORWARD)
    side = ready(row, load("torch"), "torch", gpu)
    assert side.context is gpu.flush
    view = next(row for row in operations.pair("t", "Tensor.t", args(normal(64, 84))) if row.what == FORWARD)
    call = ready(view, load("torch"), "torch", gpu).call
    assert len({call().data_ptr() for _ in range(20)}) == copies(64 * 84 * 4, 1 << 16) == 8
    bench = Bench(load("torch"), load("torch"), pairs=3, seconds=1, fewest=3, least=1e-4, limit=0.02, gpu=gpu)  # type: ignore[arg-type]
    timing = bench.time(row, 1)
    assert timing.ratio > 0 and not timing.wrong
    assert log.count("flush") >= 3 * 3 * 2


def test_the_flush_writes_over_twice_the_cache() -> None:
    import torch

    properties = SimpleNamespace(L2_cache_size=1 << 10)
    cuda = SimpleNamespace(get_device_properties=lambda device: properties)
    flush = Flush(SimpleNamespace(cuda=cuda, empty=torch.empty, uint8=torch.uint8), "cpu")
    with flush():
        pass
    assert flush._memory.numel() == 2 << 10 and not flush._memory.any()


# --- captured steps -------------------------------------------------------------------------------------------------


class Graphs:
    """torch.cuda as far as recording asks it; what is recorded runs when it is replayed, not before."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.recording = False
        self.stream_ = SimpleNamespace(wait_stream=lambda other: self.log.append("wait"))

    def Stream(self) -> Any:
        return self.stream_

    def current_stream(self) -> Any:
        return self.stream_

    @contextmanager
    def stream(self, stream: Any) -> Iterator[None]:
        yield

    def CUDAGraph(self) -> Any:
        return SimpleNamespace(replay=lambda: self.log.append("replay"))

    @contextmanager
    def graph(self, graph: Any) -> Iterator[None]:
        self.recording = True
        yield
        self.recording = False


def test_a_step_is_recorded_once_and_replayed_on_copied_inputs() -> None:
    import torch

    cuda = Graphs()
    images, seen = torch.ones(3), []

    def step(given: Any) -> None:
        seen.append((given, cuda.recording))

    replay = captured(SimpleNamespace(cuda=cuda), step, images)
    assert [recording for _, recording in seen] == [False, False, False, True]
    kept = seen[0][0]
    assert kept is not images and all(given is kept for given, _ in seen)
    images.fill_(7)
    replay(), replay()
    assert cuda.log[-2:] == ["replay", "replay"] and len(seen) == 4 and float(kept.sum()) == 21


def test_a_library_may_record_in_its_own_way() -> None:
    calls: list[Any] = []
    cuda = SimpleNamespace(captured_step=lambda step, *inputs, warmup: lambda *given: calls.append((warmup, given)))
    captured(SimpleNamespace(cuda=cuda), print, 1, 2)()
    assert calls == [(3, (1, 2))] * 5  # three to warm up, one to record, one that was asked for


def test_rows_of_captured_steps() -> None:
    rows = list(lenet.captured_rows((8, 64)))
    assert [row.what for row in rows] == [CAPTURED, BOTH_CAPTURED] * 2
    assert rows[0].baseline is lenet.step and rows[1].baseline is None
    without = Torch()
    without.torch = SimpleNamespace(**{**vars(without.torch), "cuda": SimpleNamespace()})
    with pytest.raises(Untimed, match="no graphs of kernels"):
        ready(rows[1], without, "", Gpu(1, flushes([])))


def test_the_candidate_of_a_captured_row_stands_beside_torch_eager() -> None:
    def setup(torch: Any, tensors: Any) -> Any:
        return lambda: "captured"

    row = next(row for row in lenet.rows((1,)) if row.what == STEP)
    changed = next(iter(lenet.captured_rows((1,))))
    bench = Bench(load("torch"), load("torch"), 1, 1)  # type: ignore[arg-type]
    mine = bench._side(replace(changed, setup=setup, baseline=lenet.step), "candidate")
    theirs = bench._side(replace(changed, setup=setup, baseline=lenet.step), "torch")
    assert mine.call() == "captured" and theirs.call() != "captured" and row.group == changed.group


def test_peak_memory_is_above_what_was_there() -> None:
    cuda = SimpleNamespace(
        synchronize=lambda: None,
        empty_cache=lambda: None,
        reset_peak_memory_stats=lambda: None,
        memory_reserved=lambda: 1 << 20,
        max_memory_reserved=lambda: 5 << 20,
    )
    assert peak_mib(SimpleNamespace(cuda=cuda), lambda: None) == 4.0


def test_the_rates_of_a_device() -> None:
    import torch

    found = gpu_rates(torch, "cpu", clock=time.perf_counter, edge=64, copied=1 << 16)
    assert found.gflops > 0 and found.gbytes_s > 0 and found.threads == 1


def test_the_command_on_a_device(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """From the options to the report, with torch on the CPU as the GPU."""
    import torch
    from pretending import Pretending

    from conformance import against, candidates
    from conformance.cli import main
    from conformance.timing import command, run

    def event(enable_timing: bool = False) -> Any:
        made = SimpleNamespace(at=0.0)
        made.record = lambda: setattr(made, "at", time.perf_counter())
        made.elapsed_time = lambda later: (later.at - made.at) * 1e3
        return made

    fakes = {"Event": event, "synchronize": lambda *_: None, "get_device_properties": lambda _: SimpleNamespace()}
    for name, fake in fakes.items():
        monkeypatch.setattr(torch.cuda, name, fake)
    for place in (command, candidates):
        monkeypatch.setattr(place, "load", lambda name, device="cpu": Pretending(name))
    log: list[str] = []
    monkeypatch.setattr(run, "Flush", lambda library, device: flushes(log))
    monkeypatch.setattr(run, "gpu_rates", lambda library, device, clock: run.Rates(1, 10.0, 20.0))
    before = against.chosen()
    try:
        words = ["--quick", "--row", "tanh 64x84", "--row", "LeNet-5 batch 8", "--out", str(tmp_path)]
        assert main(["time", "--device", "cuda", "--candidate", "pretending", *words]) == 0
    finally:
        against.use(before)
    page = (tmp_path / "timings.md").read_text()
    assert "Times are the GPU's own" in page and "20.0 GB/s copying" in page
    rows = (tmp_path / "timings.csv").read_text()
    assert "tanh 64x84,forward," in rows and "LeNet-5 batch 8,step," in rows and len(log) > 100
    # torch's own recording needs a GPU: the rows say why they are missing
    assert "captured" not in rows and "LeNet-5 batch 8 [captured step]" in page


def test_refnet_on_the_stand_in_is_ready_for_every_kind_of_row() -> None:
    """LeNet-5 eager and captured, forward and backward of an operation: what a GPU will be asked runs."""
    candidate: Any = load("refnet:cupy=stand-in", "cuda")
    rows = [*lenet.rows((2,)), *lenet.captured_rows((2,)), *operations.product(6, 4, 8)]
    with candidate.reached():
        for row in rows:
            side = ready(row, candidate, "", Gpu(1 << 10, flushes([])))
            with side.context():
                found = side.call()
            assert "cuda" in str((found[0] if isinstance(found, tuple) else found).device), row
