"""`conform time`: statistics and measurement on simulated clocks, rows, checks, reports. No test asserts a real time."""

import gc
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

from conformance.candidates import load
from conformance.case import Operation, args
from conformance.cli import main
from conformance.draw import normal
from conformance.timing import check, company, lenet, memory, operations, others, report, study, sweep
from conformance.timing.machine import Rates
from conformance.timing.measure import Side, interleaved, quiet, sample, warm
from conformance.timing.row import BOTH, CAPTURED, CAPTURED_INFERENCE, FORWARD, Row, Untimed, ready, traffic
from conformance.timing.run import CANDIDATE, Bench, Beside, Outcome, Timing, relate
from conformance.timing.scaling import exponents
from conformance.timing.statistics import exponent, geometric_mean, median_ratio
from conformance.timing.threads import limited

GATED = ["name", "what", "threads", "dtype", "ratio", "low", "high", "null_low", "null_high"]
GATED += ["candidate_s", "torch_s", "overhead", "pairs"]


class Simulated:
    """A clock that only calls advance: each costs what it says, times noise that neighbours share."""

    def __init__(self, noise: Callable[[int], float] = lambda n: 1.0) -> None:
        self.now, self.calls, self.noise, self.order = 0.0, 0, noise, list[str]()

    def __call__(self) -> float:
        return self.now

    def side(self, name: str, seconds: Callable[[int], float]) -> Side:
        count = 0

        def call() -> None:
            nonlocal count
            count += 1
            self.calls += 1
            self.order.append(name)
            self.now += seconds(count) * self.noise(self.calls)

        return Side(name, call)


# --- statistics ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pairs", "spread", "outliers"), [(20, 0.1, 0.0), (40, 0.3, 0.0), (40, 0.05, 0.2)])
def test_the_interval_of_a_ratio_covers_it(pairs: int, spread: float, outliers: float) -> None:
    """At its nominal 95% but for the bootstrap's error in small samples; also when a neighbour hits every fifth sample."""
    rng = numpy.random.default_rng(1)
    covered = 0
    for _ in range(200):
        times = rng.lognormal(0, spread, (pairs, 2)) * numpy.where(rng.random((pairs, 2)) < outliers, 3.0, 1.0)
        found = median_ratio(1.3 * times[:, 0], times[:, 1], rng)
        assert found.low <= found.value <= found.high
        covered += found.low <= 1.3 <= found.high
    assert covered >= 180


def test_paired_ratios_cancel_what_the_pair_shares() -> None:
    rng = numpy.random.default_rng(2)
    drift = rng.lognormal(0, 1.0, 30)
    found = median_ratio(0.7 * drift, drift, rng)
    assert (found.low, found.value, found.high) == pytest.approx((0.7, 0.7, 0.7))


@pytest.mark.parametrize("lengths", [(3, 4), (0, 0)])
def test_times_have_to_be_paired(lengths: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="expected pairs of times"):
        median_ratio(*(numpy.ones(n) for n in lengths), numpy.random.default_rng(0))


@pytest.mark.parametrize("true", [0.0, 1.0, 2.0, -0.8])
def test_exponents(true: float) -> None:
    rng = numpy.random.default_rng(3)
    sizes = [1, 2, 4, 8, 16, 32, 64]
    covered = 0
    for _ in range(200):
        found = exponent(sizes, [size**true * rng.lognormal(0, 0.1) for size in sizes])
        covered += found.low <= true <= found.high
    assert 180 <= covered <= 199
    assert exponent([1, 2], [1.0, 4.0]).value == 2.0
    assert exponent([1, 2], [1.0, 4.0]).high == math.inf
    with pytest.raises(ValueError, match="two different sizes"):
        exponent([4, 4], [1.0, 1.0])


def test_the_t_quantile_goes_over_into_its_expansion() -> None:
    """t(0.975) at 11, 20 and 100 degrees of freedom is 2.201, 2.086 and 1.984."""
    from conformance.timing.statistics import _student

    assert [_student(n) for n in (11, 20, 100)] == pytest.approx([2.201, 2.086, 1.984], rel=1e-3)


def test_the_mean_of_ratios() -> None:
    assert geometric_mean([0.25, 4.0, 1.0]) == pytest.approx(1.0)
    assert math.isnan(geometric_mean([]))


# --- measurement --------------------------------------------------------------------------------------------------


def test_short_calls_are_looped_until_a_sample_is_long_enough() -> None:
    clock = Simulated()
    found = warm(clock.side("a", lambda n: 3e-6), least=5e-4, clock=clock)
    assert found.stable and found.seconds == pytest.approx(3e-6) and found.loops == pytest.approx(167, abs=1)
    assert warm(clock.side("b", lambda n: 0.2), least=5e-4, clock=clock).loops == 1


def test_warm_up_lasts_until_calls_do_not_become_faster() -> None:
    clock = Simulated()
    found = warm(clock.side("a", lambda n: 1e-3 * max(1.0, 10 - 0.5 * n)), clock=clock)
    assert found.stable and found.seconds == pytest.approx(1e-3)


def test_warm_up_ends_when_its_time_is_up() -> None:
    clock = Simulated()
    assert not warm(clock.side("a", lambda n: 0.1 * 0.8**n), limit=0.35, clock=clock).stable


def test_a_side_that_never_moves_the_clock_comes_to_an_end() -> None:
    clock = Simulated()
    clock.now = 0.0
    ticking = clock.side("a", lambda n: 0.0 if n < 5000 else 1e-3)
    assert warm(ticking, clock=clock).loops >= 1


def test_rounds_hold_every_side_once_in_an_order_drawn_anew() -> None:
    clock = Simulated()
    sides = [clock.side(name, lambda n: 0.01) for name in "abc"]
    times = interleaved(sides, 24, numpy.random.default_rng(0), clock=clock)
    assert times.seconds.shape == (24, 3) and times.sides == ("a", "b", "c") and times.stable
    rounds = ["".join(clock.order[-72:][i : i + 3]) for i in range(0, 72, 3)]
    assert {"".join(sorted(one)) for one in rounds} == {"abc"} and len(set(rounds)) > 3


def test_ratios_hold_on_a_machine_that_gets_slower() -> None:
    """The machine slows down tenfold during the run; a is 1.25 times b in truth."""
    clock = Simulated(lambda n: 1.0 + n / 20)
    sides = [clock.side("a", lambda n: 0.0125), clock.side("b", lambda n: 0.01)]
    rng = numpy.random.default_rng(0)
    times = interleaved(sides, 60, rng, clock=clock)
    found = median_ratio(times.of("a"), times.of("b"), rng)
    assert found.low < 1.25 < found.high and found.high - found.low < 0.1
    assert times.seconds[-1, 0] > 5 * times.seconds[0, 0] * 0.5


@pytest.mark.parametrize(("seconds", "rounds"), [(math.inf, 100), (5.0, 56), (0.1, 20)])
def test_rounds_fit_the_time_but_twenty_are_taken_anyway(seconds: float, rounds: int) -> None:
    clock = Simulated()
    sides = [clock.side(name, lambda n: 0.04) for name in "ab"]
    times = interleaved(sides, 100, numpy.random.default_rng(0), seconds=seconds, clock=clock)
    assert len(times.seconds) == pytest.approx(rounds, abs=5)


def test_a_sample_waits_for_threads_that_spin() -> None:
    """They use a processor for 10 ms after a call; silence comes with the first step in which they do not."""
    now, spun = 0.0, 0.0

    def sleep(seconds: float) -> None:
        nonlocal now, spun
        spun += seconds if now < 0.01 else 0.0
        now += seconds

    quiet(clock=lambda: now, used=lambda: spun, sleep=sleep)
    assert now == pytest.approx(0.012)
    now, spun = 0.0, 0.0
    quiet(0.005, clock=lambda: now, used=lambda: spun, sleep=sleep)
    assert now == pytest.approx(0.006)


def test_silence_comes_before_every_sample_off_the_clock() -> None:
    clock, silences = Simulated(), list[int]()

    def silence() -> None:
        silences.append(clock.calls)
        clock.now += 0.05

    sides = [clock.side(name, lambda n: 0.01) for name in "ab"]
    times = interleaved(sides, 100, numpy.random.default_rng(0), seconds=5.0, clock=clock, silence=silence)
    assert times.seconds == pytest.approx(0.01) and len(silences) == 2 * len(times.seconds) + 2
    assert 35 <= len(times.seconds) <= 45  # 0.12 s a round


def test_the_collector_rests_meanwhile() -> None:
    seen = []
    clock = Simulated()
    watched = clock.side("a", lambda n: seen.append(gc.isenabled()) or 0.01)  # type: ignore[func-returns-value]
    interleaved([watched], 20, numpy.random.default_rng(0), clock=clock)
    assert gc.isenabled() and not any(seen)


def test_the_context_is_entered_off_the_clock() -> None:
    from contextlib import contextmanager

    clock = Simulated()

    @contextmanager
    def slow() -> Any:
        clock.now += 1.0
        yield
        clock.now += 1.0

    side = clock.side("a", lambda n: 0.01)
    assert sample(Side("a", side.call, slow), 3, clock) == pytest.approx(0.01)


# --- rows ---------------------------------------------------------------------------------------------------------


def every_row() -> list[Row]:
    sweeps = [sweep.Sweep.of(axis) for axis in sweep.DEFAULT]
    return [
        *lenet.rows(),
        *lenet.replayed_rows(),
        *operations.table(),
        *study.rows(load("refnet")),
        *(row for row, _ in sweep.rows(sweeps)),
    ]


def test_rows_have_names_of_their_own() -> None:
    names = [str(row) for row in every_row()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["refnet", "torch", "torch:channels-last"])
def test_every_kind_of_row_runs(name: str) -> None:
    """On next to nothing, and the checks find nothing wrong."""
    candidate, seen = load(name), set[tuple[str, str]]()
    for row in operations.table():
        kind = (row.operation.name, row.what)
        tiny = row.shrunk()
        if kind not in seen and tiny is not None:
            seen.add(kind)
            ready(tiny, candidate, CANDIDATE).call()
            assert check.wrong(tiny, candidate) == ""
    assert len(seen) > 25


def test_lenet_runs_with_one_image_and_with_several() -> None:
    candidate = load("refnet")
    for row in (*lenet.rows((1, 2)), *lenet.replayed_rows((1, 2))):
        ready(row, candidate, CANDIDATE).call()
        assert check.wrong(row, candidate) == ""


def test_captured_rows_stand_beside_what_is_not_captured() -> None:
    rows = {row.what: row for row in lenet.replayed_rows((2,))}
    assert rows[CAPTURED].baseline is lenet.step and rows[CAPTURED_INFERENCE].baseline is lenet.inference
    with pytest.raises(Untimed, match="another record of a step"):
        ready(rows[CAPTURED], load("torch"), CANDIDATE)  # type: ignore[arg-type]


def test_the_study_text_has_a_row_for_each_algorithm() -> None:
    found = [(row.name.rpartition(" ")[2], row.what) for row in study.rows(load("refnet"))]
    assert found == [("naive", FORWARD), ("im2col", FORWARD), ("fast", FORWARD), ("fast", BOTH)]
    for row in study.rows(load("refnet")):
        assert check.wrong(row, load("refnet")) == ""
    assert [row.variant for row in study.rows(load("torch"))] == [None, None]


SMALL = operations.convolution(2, 3, 5, 4, 3)


def test_operations_and_bytes_are_counted() -> None:
    forward, both = SMALL
    assert forward.flops == 2 * 2 * 4 * 3 * 3 * 3 * 9 and both.flops == 3 * forward.flops
    x, w, b, out = 2 * 3 * 5 * 5, 4 * 3 * 3 * 3, 4, 2 * 4 * 3 * 3
    assert traffic(forward, load("torch")) == 4 * (x + w + b + out)  # type: ignore[arg-type]
    assert traffic(both, load("torch")) == 4 * (2 * (x + w + b + out) + x + w + b)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("candidate", "row", "reason"),
    [
        ("timed_functions", Row("x", FORWARD, "", Operation("nn.functional.gelu"), args(normal(3))), "has no gelu"),
        ("timed_functions", Row("x", BOTH, "", Operation("nn.functional.relu"), args(normal(3))), "no relu_backward"),
        ("timed_functions", next(lenet.rows()), "cannot run a program"),
        ("torch", next(iter(study.rows(load("refnet")))), "no algorithms to choose from"),
    ],
)
def test_what_cannot_be_timed_says_why(candidate: str, row: Row, reason: str) -> None:
    with pytest.raises(Untimed, match=reason):
        ready(row, load(candidate), CANDIDATE)


def test_functions_are_timed_forward_and_backward() -> None:
    candidate = load("timed_functions")
    forward, both = operations.pointwise("tanh", 2, 3)
    numpy.testing.assert_allclose(ready(forward, candidate, "").call(), numpy.tanh(forward.sample().arrays[0]))
    assert ready(both, candidate, "").call().shape == (2, 3)
    assert check.wrong(both, candidate) == ""


@pytest.mark.parametrize(
    ("text", "sizes"), [("batch=1..8", (1, 2, 4, 8)), ("size=7..20", (7, 14, 20)), ("channels", (4, 8, 16, 32, 64))]
)
def test_sweeps_double(text: str, sizes: tuple[int, ...]) -> None:
    assert sweep.Sweep.of(text).sizes == sizes


@pytest.mark.parametrize("text", ["depth", "batch=", "batch=8..4", "batch=0..4", "batch=a..b", "batch=4"])
def test_other_sweeps_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"axes of sweeps are|expected batch=LOW"):
        sweep.Sweep.of(text)


# --- threads ------------------------------------------------------------------------------------------------------


class Library:
    """Something with torch's names."""

    count = 5

    def get_num_threads(self) -> int:
        return self.count

    def set_num_threads(self, number: int) -> None:
        self.count = number


def test_threads_are_set_and_restored() -> None:
    from threadpoolctl import threadpool_info

    def blas() -> list[int]:
        return [info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"]

    library, before = Library(), blas()
    with pytest.raises(RuntimeError, match="within"), limited(1, [library, None]):
        assert library.count == 1 and set(blas()) <= {1}
        raise RuntimeError("within")
    assert library.count == 5 and blas() == before


# --- checks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "found"),
    [("tanh", ""), ("sigmoid", "0 elements|bound|systematic|isolated|out"), ("relu", "out"), ("broken", "no result")],
)
def test_wrong_results_are_found_on_other_inputs(function: str, found: str) -> None:
    """`sigmoid` returns what it returned first, `relu` its last buffer, which is right for what was timed only."""
    candidate = load("timed_functions")
    name = "tanh" if function == "tanh" else function
    row = Row(name, FORWARD, "", Operation(f"nn.functional.{name}" if name != "broken" else "exp"), args(normal(4, 5)))
    if function != "broken":
        ready(row, candidate, "").call()
    said = check.wrong(row, candidate)
    assert (said == "") == (found == "") and (not found or any(word in said for word in found.split("|")))


@pytest.mark.parametrize(
    ("mine", "accepted"), [([1.0, 2.0], True), ([1.00001, 2.0], False), ([math.nan, 2.0], False), ([[1.0, 2.0]], False)]
)
def test_errors_of_torchs_size_are_accepted(mine: list[Any], accepted: bool) -> None:
    oracle = numpy.array([1.0, 2.0]) + 1e-8
    reference = numpy.array([1.0, 2.0], numpy.float32)
    assert check.errs_like_torch(numpy.array(mine, numpy.float32), reference, oracle) == accepted


# --- bench, report, command ---------------------------------------------------------------------------------------


def test_a_row_beside_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a simulated clock that ticks at every look: every sample takes one tick, so all ratios are exactly 1."""
    ticks = iter(range(10**9))
    torch: Any = load("torch")
    bench = Bench(load("refnet"), torch, pairs=20, clock=lambda: 1e-3 * next(ticks))
    timing = bench.time(SMALL[0], 1)
    assert (timing.name, timing.what, timing.pairs) == (SMALL[0].name, FORWARD, 20)
    assert timing.ratio == pytest.approx(1.0) and timing.null_low == pytest.approx(1.0) and timing.wrong == ""
    assert timing.overhead and timing.candidate_overhead == pytest.approx(1.0)
    assert timing.torch_gflops == pytest.approx(SMALL[0].flops / timing.torch_s * 1e-9)
    relate([timing], {1: Rates(1, 10.0, 5.0)})
    assert timing.torch_of_gemm == pytest.approx(timing.torch_gflops / 10)


def test_only_the_candidate_uses_the_algorithm_of_a_row() -> None:
    ticks, torch = iter(range(10**9)), load("torch")
    bench = Bench(load("refnet"), torch, pairs=20, clock=lambda: 1e-3 * next(ticks))  # type: ignore[arg-type]
    assert [bench.time(row, 1).wrong for row in study.rows(load("refnet"))] == [""] * 4


@pytest.mark.parametrize(
    ("everybody", "own", "others"),
    [(12.0, 6.0, 0.6), (4.0, 4.5, 0.0), (None, 1.0, None)],
    ids=["busy", "idle", "untold"],
)
def test_processors_that_others_used(
    everybody: float | None, own: float, others: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = company.Moment(10.0, everybody, own)
    monkeypatch.setattr(company.Moment, "now", classmethod(lambda cls: later))
    assert company.Moment(0.0, 0.0, 0.0).others_since() == (None if others is None else pytest.approx(others))


def test_a_row_is_crowded_when_a_thread_has_no_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company, "processors", lambda: 2)
    found = [company.crowded(others, threads) for others, threads in ((0.1, 2), (0.5, 2), (1.0, 1), (1.5, 1))]
    assert found == [False, True, False, True]


def made(name: str, size: int, **changes: Any) -> Timing:
    given: dict[str, Any] = {"ratio": 0.5, "low": 0.4, "high": 0.6, "null_low": 0.98, "null_high": 1.03}
    given |= {"candidate_s": 1e-5 * size, "torch_s": 2e-5 * size, "overhead": False, "pairs": 20, "group": "sweep"}
    return Timing(name, FORWARD, 1, "float32", **(given | changes))


def test_reports(tmp_path: Path) -> None:
    (tmp_path / "records.parquet").write_text("of a comparison")
    outcome = Outcome(
        "refnet", [made(f"conv {n}", n) for n in (1, 2, 4)], load=[0.1, 0.2], rates={1: Rates(1, 9.0, 8.0)}
    )
    outcome.timings += [made("tanh", 3, group="operations")]
    outcome.axes = {(f"conv {n}", FORWARD, 1): {"batch": n} for n in (1, 2, 4)}
    outcome.beside = [Beside("LeNet-5 batch 1", "step", 1, "jax.jit", 0.5, 0.4, 0.6, 1e-3, 2e-3)]
    outcome.untimed = [("jax.jit: LeNet-5 batch 8 [step]", "jax is not installed")]
    torch: Any = load("torch")
    report.write(outcome, tmp_path, Bench(load("refnet"), torch, 20))
    names = {"timings.parquet", "timings.csv", "timings.md", "timings.json", "beside.csv", "sweeps.csv", "ratios.png"}
    assert {path.name for path in tmp_path.iterdir()} == names | {"sweeps.png", "records.parquet"}
    frame = pandas.read_parquet(tmp_path / "timings.parquet")
    assert set(GATED) <= set(frame.columns) and len(frame) == 4
    assert pandas.read_csv(tmp_path / "sweeps.csv").loc[0, ["candidate", "torch"]].tolist() == pytest.approx([1.0, 1.0])
    page = (tmp_path / "timings.md").read_text(encoding="utf-8")
    for words in ("0.50 (0.40 to 0.60)", "0.98 to 1.03", "jax is not installed", "geometric mean 0.50", "9 GFLOP/s"):
        assert words in page
    about = json.loads((tmp_path / "timings.json").read_text(encoding="utf-8"))
    assert (
        about["identity"]["candidate"] == "refnet" and about["packages"]["torch"] and about["rates"][0]["gflops"] == 9.0
    )


def test_a_sweep_over_threads_has_the_same_row_at_each_number() -> None:
    outcome = Outcome("refnet", [replace(made("conv", 8), threads=n, candidate_s=8e-5 / n) for n in (1, 2, 4)])
    outcome.axes = {("conv", FORWARD, n): {"threads": n} for n in (1, 2, 4)}
    outcome.timings.append(replace(outcome.timings[1], torch_s=1.0, crowded=True))
    (line,) = exponents(outcome)
    assert (line["axis"], line["threads"]) == ("threads", 0)
    assert line["candidate"] == pytest.approx(-1.0) and line["torch"] == pytest.approx(0.0)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--row", "tanh 64x84", "--threads", "1", "--seconds", "5", "--out", str(tmp_path / "out")]
    assert main(["time", *options]) == 0
    assert "tanh 64x84 [forward+backward], 1 thread" in capsys.readouterr().out
    frame = pandas.read_parquet(tmp_path / "out" / "timings.parquet")
    assert len(frame) >= 1 and set(frame["name"]) == {"tanh 64x84"}
    title = "tanh 64x84 [forward], 1 thread"
    assert main(["time", "--row", title, *options[2:6], "--no-rates", "--out", str(tmp_path / "one")]) == 0
    (line,) = pandas.read_parquet(tmp_path / "one" / "timings.parquet").to_dict("records")
    assert line["what"] == FORWARD and math.isnan(line["torch_of_copy"])
    assert not (tmp_path / "one" / "ratios.png").exists() and "processors. Load" in (
        (tmp_path / "one" / "timings.md").read_text(encoding="utf-8")
    )


def test_wrong_results_are_an_exit_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--only", "sigmoid 64x84", "--threads", "1", "--out", str(tmp_path)]
    assert main(["time", "--candidate", "timed_functions", *options]) == 1
    assert "WRONG" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "nothing like it"], "no row matches"),
        (["--sweep", "depth"], "axes of sweeps are"),
        (["--others", "caffe"], "the other libraries are"),
        (["--threads", "0"], "at least 1"),
        (["--candidate", "torch:threads=9", "--only", "tanh*"], "no torch variant"),
    ],
)
def test_wrong_usage(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status: Any = main(["time", *arguments])
    except SystemExit as ended:
        status = ended.code
    assert status == 2 and said in capsys.readouterr().err


def test_rows_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["time", "--list", "--only", "adam*"]) == 0
    assert capsys.readouterr().out.splitlines() == ["Adam LeNet-5 [step]", "Adam 2.1 M parameters [step]"]


# --- memory and others --------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_peak_memory_is_measured_in_a_process_of_its_own() -> None:
    found = memory.measured("refnet", "Adam 2.1 M parameters", "step", 1)
    assert found is not None and 30 < found < 500  # parameters, gradients and two moments: 34 MiB


def test_libraries_that_are_not_there_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    torch: Any = load("torch")
    for name, reason in (("jax.jit", "jax is not"), ("tinygrad", "tinygrad is not"), ("torch.compile", "C\\+\\+")):
        with pytest.raises(Untimed, match=reason):
            others.build(name, torch.torch, 1, "step", 1)


def test_another_network_is_not_timed_as_the_same() -> None:
    others.agree("x", numpy.ones(3), numpy.ones(3) + 1e-6)
    with pytest.raises(Untimed, match="other logits"):
        others.agree("x", numpy.ones(3), numpy.zeros(3))
