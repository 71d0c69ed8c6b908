"""The gate on timings: what several processes say, the first look, the test of what looked slower, timing again."""

import argparse
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest
from timing_tables import TABLE, slower, timings

from conformance.gate import ratios, retiming, speed
from conformance.gate.ratios import Key, Ratio
from conformance.gate.retiming import Retiming
from conformance.gate.sequential import ALARMS, FEWEST, LOOKS, PROCESSES, Row, decide
from conformance.options import parser

ROW: Key = ("LeNet-5 3", "step", 2, "float32")


def processes(rng: Any, table: dict[str, float], deviation: float = 0.02, **more: Any) -> Iterator[Any]:
    """Tables of one process after another, each with a bias of its own in every row."""
    while True:
        yield timings({name: ratio * math.exp(rng.normal(0, deviation)) for name, ratio in table.items()}, **more)


def pool(rng: Any, number: int, table: dict[str, float] = TABLE, **more: Any) -> Any:
    """A baseline."""
    return ratios.together([table for table, _ in zip(processes(rng, table, **more), range(number), strict=False)])


def called(then: Any, now: Any, *, seen: Any = None, **options: Any) -> list[tuple[str, str]]:
    """(kind, row) of what changed, where every process that is made again says `seen`."""
    measure = None if seen is None else lambda keys: seen
    return [(c.kind, c.name.partition(",")[0]) for c in speed.compare(then, now, measure, **options).changes]


# --- several processes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chance", "freedom", "expected"),
    [(0.025, math.inf, 1.95996), (0.025, 10, 2.22814), (1e-4, 15, 4.8800), (1e-4, 6, 8.0248), (0.005, 30, 2.75000)],
)
def test_students_quantile(chance: float, freedom: float, expected: float) -> None:
    assert ratios.quantile(chance, freedom) == pytest.approx(expected, rel=0.02)


def test_pooling_narrows_the_noise_and_disagreement_widens_it() -> None:
    rng = numpy.random.default_rng(0)
    nine = ratios.ratios(pool(rng, 9, deviation=0.01))
    assert all(ratio.deviation < 0.012 and ratio.processes == 9 for ratio in nine.values())
    assert all(abs(ratio.log - math.log(TABLE[str(key[0])])) < 0.02 for key, ratio in nine.items())
    far = ratios.together([timings(TABLE), timings({name: 1.3 * ratio for name, ratio in TABLE.items()})])
    assert all(ratio.deviation > 0.1 for ratio in ratios.ratios(far).values())
    part = ratios.together([timings(TABLE), timings(TABLE).iloc[1:]])
    assert "LeNet-5 0" not in set(part["name"]), "a row that not every run has"


def test_one_process_leans_on_the_baselines_spread() -> None:
    (seen,) = ratios.pooled([ROW], [ratios.ratios(timings(TABLE))], {ROW: 0.1}).values()
    assert seen.processes == 1 and seen.deviation == pytest.approx(0.1)


# --- the first look, and all of it --------------------------------------------------------------------------------


def test_speed() -> None:
    base = ratios.together([timings(TABLE)] * 9)
    assert called(base, base) == []
    assert called(base, timings(slower("LeNet-5 3", 1.5))) == [("slower", "LeNet-5 3")]
    assert called(base, timings(slower("LeNet-5 3", 0.5))) == [("faster", "LeNet-5 3")]
    assert called(base, timings(slower("LeNet-5 3", 1.1))) == [], "one look is not enough for so little"
    ten = timings(slower("LeNet-5 3", 1.1))
    assert called(base, ten, seen=ten) == [("slower", "LeNet-5 3")]
    assert called(base, ten, seen=timings(TABLE)) == [], "it was slow once"
    assert called(base, ten, seen=timings(TABLE).iloc[:2]) == [], "a row that could not be timed again: one look"
    much = timings(slower("LeNet-5 3", 1.5))
    assert called(base, much, seen=timings(TABLE).iloc[:2]) == [("slower", "LeNet-5 3")]
    assert called(timings(TABLE), ten, seen=ten) == [], "a baseline of one run"
    noisy = ratios.together([timings(TABLE, null=(0.8, 1.2))] * 3)
    assert called(noisy, ten, seen=ten) == [], "the null test shows a noisy machine"
    assert called(ratios.together([timings(TABLE, wide=0.2)] * 3), ten, seen=ten) == [], "a wide interval"
    assert called(base, timings(TABLE | {"LeNet-5 99": 1.0})) == [("new", "LeNet-5 99")]
    missing = speed.compare(base, base.iloc[1:]).missing
    assert [key[0] for key in missing] == ["LeNet-5 0"]


def test_speed_on_another_processor() -> None:
    """Everything 40% slower is the machine; what stands out is not."""
    now = timings({name: ratio * 1.4 for name, ratio in slower("LeNet-5 3", 2.0).items()})
    assert called(timings(TABLE), now, same_processor=False) == [("slower", "LeNet-5 3")]
    assert called(timings(TABLE), now, seen=now, same_processor=False) == [("slower", "LeNet-5 3")]
    assert len(called(timings(TABLE), now)) == 10


def test_speed_of_everything() -> None:
    """A slowdown of all rows is no restless machine; rows that scatter are."""
    base = ratios.together([timings(TABLE)] * 3)
    assert len(called(base, timings({name: ratio * 1.3 for name, ratio in TABLE.items()}))) == 10
    rng = numpy.random.default_rng(0)
    restless = timings({name: ratio * math.exp(rng.normal(0, 0.1)) for name, ratio in TABLE.items()})
    assert called(base, restless) == []


def test_a_row_without_a_ratio_is_not_compared() -> None:
    broken = timings(TABLE)
    broken.loc[0, "ratio"] = math.nan
    table = speed.compare(timings(TABLE), broken)
    assert table.compared == 9 and [key[0] for key in table.missing] == ["LeNet-5 0"]


@pytest.mark.parametrize(("kind", "factor", "deviation"), [("LeNet-5", 1.1, 0.02), ("operation", 1.5, 0.08)])
def test_false_alarms_and_detection(kind: str, factor: float, deviation: float) -> None:
    """At most a hundredth of decisions is an alarm; 10% in LeNet-5 and half as much again in an operation are seen."""
    rng = numpy.random.default_rng(5)
    usual = {name.replace("LeNet-5", kind): ratio for name, ratio in TABLE.items()}
    row = f"{kind} 3"

    def decision(now: dict[str, float]) -> list[str]:
        later = processes(rng, now, deviation)
        found = speed.compare(pool(rng, 9, usual, deviation=deviation), next(later), lambda keys: next(later))
        return [change.name.partition(",")[0] for change in found.changes if change.kind == "slower"]

    assert sum(bool(decision(usual)) for _ in range(60)) <= 1
    assert sum(row in decision(usual | {row: usual[row] * factor}) for _ in range(60)) >= 57


# --- the test of a row --------------------------------------------------------------------------------------------

BEFORE = Ratio(0.0, 0.005, 12.0, 9)


def decided(change: float, processes: int = 99, rows: int = 20) -> tuple[str, int]:
    """What becomes of a row that every process says is slower by so much, and after how many processes."""
    count = 0

    def measure(keys: Sequence[Key]) -> Any | None:
        nonlocal count
        count += 1
        return timings({"LeNet-5 3": math.exp(change)}) if count <= processes else None

    found = decide({ROW: Row(BEFORE, math.log(1.1), rows)}, measure)
    (name,) = (name for name in ("slower", "cleared", "undecided", "untimed") if getattr(found, name))
    return name, min(count, processes)


@pytest.mark.parametrize(
    ("change", "processes", "expected"),
    [
        (0.0, 99, ("cleared", FEWEST)),
        (-0.5, 99, ("cleared", FEWEST)),
        (0.5, 99, ("slower", min(LOOKS))),
        (math.log(1.08), 99, ("slower", 4)),
        (math.log(1.08), 5, ("slower", 4)),
        (math.log(1.08), 3, ("untimed", 3)),
        (0.5, 0, ("untimed", 0)),
    ],
)
def test_a_decision(change: float, processes: int, expected: tuple[str, int]) -> None:
    assert decided(change, processes) == expected


def test_what_stays_undecided_is_no_change() -> None:
    """A baseline of one noisy process: 8% may be 10%, and may be nothing."""
    row = Row(Ratio(0.0, 0.03), math.log(1.1), 20)
    for processes in (99, 6):
        frames = iter([timings({"LeNet-5 3": 1.08})] * processes)
        found = decide({ROW: row}, lambda keys, frames=frames: next(frames, None))  # type: ignore[misc]
        assert found.undecided == [ROW]


def test_a_row_that_cannot_be_timed_does_not_hold_up_the_others() -> None:
    other = ("LeNet-5 4", *ROW[1:])
    rows = {ROW: Row(BEFORE, math.log(1.1), 20), other: Row(BEFORE, math.log(1.1), 20)}
    found = decide(rows, lambda keys: timings({"LeNet-5 4": 1.5}))
    assert found.untimed == [ROW] and list(found.slower) == [other]


def test_many_rows_take_turns() -> None:
    keys: list[Key] = [(f"LeNet-5 {i}", "step", 2, "float32") for i in range(10)]
    asked: list[Sequence[Key]] = []

    def measure(chosen: Sequence[Key]) -> Any:
        asked.append(chosen)
        return timings({str(key[0]): 1.5 for key in chosen})

    found = decide({key: Row(BEFORE, math.log(1.1), 50) for key in keys}, measure)
    assert list(found.slower) == keys and len(asked) == 3 * min(LOOKS)
    assert asked[0] == keys[:4] and asked[-1] == keys[8:]


def test_the_looks_spend_what_there_is() -> None:
    assert sum(LOOKS.values()) == pytest.approx(1.0) and max(LOOKS) == PROCESSES
    row = Row(Ratio(0.0, 0.02), 0.1, 20)
    seen = Ratio(0.0, 0.02)
    limits = [row.limit(seen, share, least=0.0) / row.noise(seen) for share in LOOKS.values()]
    chances = [20 * (1 - _normal(limit)) for limit in limits]
    assert sum(chances) == pytest.approx(ALARMS)


def _normal(x: float) -> float:
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


# --- timing again -------------------------------------------------------------------------------------------------


class Ended:
    """Stands for `subprocess.run`: writes a table, and lets as much time pass."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float = 0.0) -> None:
        self.calls: list[list[str]] = []
        self.now, self.seconds = 0.0, seconds
        monkeypatch.setattr(retiming.subprocess, "run", self)
        monkeypatch.setattr(retiming.time, "monotonic", lambda: self.now)

    def __call__(self, arguments: list[str], **_: Any) -> Any:
        self.calls.append(arguments)
        self.now += self.seconds
        timings(TABLE).to_parquet(Path(arguments[-1], "timings.parquet"))
        return argparse.Namespace(returncode=0, stderr="")


KEYS: list[Key] = [ROW, ("LeNet-5 3", "inference", 1, "float32")]


def test_rows_are_timed_again_in_processes_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line of `conform time`."""
    ended = Ended(monkeypatch)
    measure = Retiming("refnet")
    assert len(measure(KEYS)) == len(measure(KEYS)) == len(TABLE)
    first, second = (parser().parse_args(call[3:]) for call in ended.calls)
    assert first.row == ["LeNet-5 3 [step], 2 threads", "LeNet-5 3 [inference], 1 thread"] and first.threads == (1, 2)
    assert first.candidate == "refnet" and first.seed != second.seed and not first.rates


def test_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started that would not end in time, by what the processes before it took a row."""
    ended = Ended(monkeypatch, seconds=70.0)
    measure = Retiming("refnet", limit=180.0)
    assert measure(KEYS) is not None and measure(KEYS) is not None
    assert measure(KEYS) is None and measure(KEYS[:1]) is not None and measure(KEYS[:1]) is None
    assert len(ended.calls) == 3


def test_a_process_that_takes_too_long_or_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: Any, timeout: float, **__: Any) -> Any:
        raise retiming.subprocess.TimeoutExpired("conform", timeout)

    monkeypatch.setattr(retiming.subprocess, "run", late)
    assert Retiming("refnet")(KEYS) is None
    monkeypatch.setattr(retiming.subprocess, "run", lambda *_, **__: argparse.Namespace(returncode=2, stderr="no row"))
    with pytest.raises(ValueError, match="no row"):
        Retiming("refnet")(KEYS)
