"""The gate: each kind of change planted in small frames, the second looks, what is written, and a real run."""

import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy
import pandas
import pytest
from in_process import InProcess
from planted import Planted
from timing_tables import TABLE, slower, timings

from conformance.cases import catalogue
from conformance.cli import main
from conformance.gate import accuracy, again, change, compare, ratios, render, snapshot, surroundings, verdicts
from conformance.gate.change import Change, Findings
from conformance.gate.compare import Repeat
from conformance.gate.snapshot import Snapshot
from conformance.record import COLUMNS, Record, to_frame

HERE = Path(__file__).parent
ABOUT = {
    "candidate": "refnet",
    "identity": {"candidate": "refnet", "device": "cpu", "candidate sources": "abc", "torch": "2.13.0+cpu"},
    "complete": True,
    "sources": ["own"],
    "extra cases": [],
    "checks": [],
    "shard": None,
    "processor": "a processor",
    "packages": {"torch": "2.13.0+cpu", "numpy": "2.4.6"},
}


def rows(*given: tuple[str, str, str] | tuple[str, str, str, str]) -> Any:
    """Records of (case, tensor, status) or (case, check, tensor, status)."""
    made = []
    for case, *middle, tensor, status in given:
        made.append(Record(case, "family", "operation", "float32", middle[0] if middle else "output", tensor, status))
    return to_frame(made).astype({"check": str, "status": str})


def changed(then: Any, now: Any, existing: Sequence[str] = ()) -> list[tuple[str, str]]:
    """(kind, case) of the verdicts' changes."""
    return [(c.kind, c.name) for c in verdicts.compare(then, now, lambda: existing)[0]]


# --- verdicts -----------------------------------------------------------------------------------------------------

THEN = (("a", "out", "PASS"), ("b", "out", "PASS"))


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        (THEN, THEN, []),
        (THEN, (("a", "out", "FAIL"), ("b", "out", "PASS")), [("new-fail", "a")]),
        (THEN, (("a", "run", "", "CRASH"), ("b", "out", "PASS")), [("new-fail", "a")]),
        (THEN, (("a", "run", "", "UNSUPPORTED"), ("b", "out", "PASS")), [("worse", "a")]),
        (THEN, (("a", "out", "KNOWN"), ("b", "out", "PASS")), [("worse", "a")]),
        (THEN, (("a", "out", "PASS"),), [("vanished", "b")]),
        ((*THEN, ("b", "x", "PASS")), THEN, [("vanished", "b")]),
        (THEN, (*THEN, ("b", "x", "PASS")), []),
        (THEN, (*THEN, ("b", "x", "FAIL")), [("new-fail", "b")]),
        (THEN, (*THEN, ("b", "x", "UNSUPPORTED")), []),
        (THEN, (*THEN, ("c", "out", "PASS")), [("new", "family")]),
        (THEN, (*THEN, ("c", "out", "FAIL")), [("new-fail", "c"), ("new", "family")]),
        ((("a", "out", "FAIL"),), (("a", "out", "PASS"),), [("fixed", "a")]),
        ((("a", "out", "FAIL"),), (("a", "out", "FAIL"),), []),
        ((("a", "run", "", "UNSUPPORTED"),), (("a", "out", "PASS"),), [("fixed", "a")]),
        ((("a", "run", "", "HANG"),), (("a", "out", "FAIL"),), [("new-fail", "a")]),
        ((("a", "out", "KNOWN"),), (("a", "out", "PASS"), ("a", "known", "", "FAIL")), [("stale", "a"), ("fixed", "a")]),
        ((("a", "known", "", "FAIL"), *THEN), THEN, []),
    ],
)  # fmt: skip
def test_verdicts(then: Any, now: Any, expected: Any) -> None:
    assert changed(rows(*then), rows(*now)) == expected


def test_a_case_that_was_not_run_has_not_vanished() -> None:
    found, not_run = verdicts.compare(rows(*THEN), rows(("a", "out", "PASS")), lambda: ["a", "b"])
    assert not found and not_run == ["b"]


def test_one_row_a_case_with_the_first_failure_written_out() -> None:
    now = rows(("a", "out", "FAIL"), ("a", "x", "FAIL"))
    now["message"] = ["off by 3\nand more", ""]
    (found,) = verdicts.compare(rows(("a", "out", "PASS"), ("a", "x", "PASS")), now, list)[0]
    assert found.detail == "output out and 1 more: off by 3" and (found.then, found.now) == ("PASS", "FAIL")


# --- accuracy -----------------------------------------------------------------------------------------------------


def errors(
    rng: Any, factors: dict[str, float] | None = None, *, cases: int = 12, elements: int = 40, unit: float = 1.0
) -> Any:
    """Records of three operations whose rms z has the noise of so many elements; `factors` enlarge some of them."""
    made = []
    for operation in ("add", "mul", "conv"):
        for case in range(cases):
            z = 0.5 * math.exp(rng.normal(0, 1 / math.sqrt(elements)))
            z *= (factors or {}).get(operation, 1.0) * (factors or {}).get(f"{operation} {case}", 1.0)
            row = Record(f"{operation} {case}", "f", operation, "float32", "output", "out", "PASS", elements=elements)
            made.append(replace(row, rms_z=z * unit, torch_rms_z=0.5 * unit, probed=unit != 1.0))
    return to_frame(made)


def worse(then: Any, now: Any, redraw: Any = None) -> list[tuple[str, str]]:
    return [(c.kind, c.name.partition(" ")[0]) for c in accuracy.compare(then, now, redraw)]


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ({}, []),
        ({"mul": 1.3}, []),
        ({"mul": 2.5}, [("worse", "mul")]),
        ({"mul": 0.3}, [("fixed", "mul")]),
        ({"conv 3": 12.0}, [("worse", "conv")]),
    ],
)
@pytest.mark.parametrize("unit", [1.0, 0.7], ids=["same unit", "probed now"])
def test_accuracy(factors: dict[str, float], expected: Any, unit: float) -> None:
    rng = numpy.random.default_rng(3)

    def redraw(cases: Sequence[str], seeds: Sequence[int]) -> list[Any]:
        frames = [errors(rng, factors, unit=unit) for _ in seeds]
        return [frame[frame["case"].isin(cases)] for frame in frames]

    assert worse(errors(rng), errors(rng, factors, unit=unit), redraw) == expected


def test_accuracy_that_is_not_worse_on_other_numbers_is_flaky() -> None:
    rng = numpy.random.default_rng(0)
    found = worse(errors(rng), errors(rng, {"mul": 3.0}), lambda cases, seeds: [errors(rng) for _ in seeds])
    assert found == [("flaky", "mul")]


def test_accuracy_does_not_cry_wolf() -> None:
    """Errors drawn anew, tensors of 4 elements, and no second look."""
    rng = numpy.random.default_rng(1)
    assert not any(worse(errors(rng, elements=4), errors(rng, elements=4)) for _ in range(20))


def test_accuracy_without_a_common_unit_is_no_change() -> None:
    rng = numpy.random.default_rng(0)
    then, now = errors(rng), errors(rng, unit=50.0)
    then["torch_rms_z"] = 0.0
    assert worse(then, now) == []


# --- surroundings -------------------------------------------------------------------------------------------------


def made(records: Any = None, timings: Any = None, **about: Any) -> Snapshot:
    return Snapshot({**ABOUT, **about}, rows(*THEN) if records is None else records, timings, None, Path("somewhere"))


def compared(then: Snapshot, now: Snapshot, repeat: Repeat | None = None) -> Findings:
    return compare(then, now, lambda: {"a", "b"}, repeat)


def test_nothing_changed() -> None:
    found = compared(made(), made())
    assert found.status() == 0 and not found.changes and not found.incomparable
    assert render.verdict(found) == "gate passes: nothing changed"


def test_another_torch_is_not_comparable() -> None:
    other = {"torch": "2.14.0", "numpy": "2.4.6"}
    found = compared(made(timings=timings(TABLE)), made(timings=timings(slower("LeNet-5 3", 3.0)), packages=other))
    assert not found.changes and found.status() == 3 and found.status(partial=True) == 0
    assert [reason.partition(":")[0] for reason in found.incomparable] == ["accuracy", "speed"]
    assert "torch 2.13.0 in the baseline, 2.14.0 now" in found.incomparable[0]
    assert "torch: 2.13.0+cpu in the baseline, 2.14.0 now" in found.notes
    failing = compared(made(), made(rows(("a", "out", "FAIL"), ("b", "out", "PASS")), packages=other))
    assert failing.status() == 1, "a failure is one under any torch"


def test_what_else_differs_is_said() -> None:
    found = compared(made(), made(processor="another", packages={"torch": "2.13.0", "numpy": "2.5.0"}))
    assert found.status() == 0
    assert "numpy: 2.4.6 in the baseline, 2.5.0 now" in found.notes
    assert "processor: a processor in the baseline, another now" in found.notes
    assert not surroundings.same_processor({}, {}), "unknown processors are not the same"


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"complete": False}, "interrupted"),
        ({"checks": ["gradient"]}, "only the checks gradient were run"),
    ],
)
def test_a_part_of_a_run_is_no_pass(about: dict[str, Any], words: str) -> None:
    found = compared(made(), made(**about))
    assert found.status() == 3 and words in found.incomparable[0]


def test_cases_and_rows_that_were_not_run() -> None:
    found = compared(made(timings=timings(TABLE)), made(rows(THEN[0]), timings(TABLE).iloc[1:]))
    assert found.status() == 3 and not found.failures
    assert found.incomparable == [
        "verdicts: 1 cases of the baseline were not run: b",
        "speed: 1 rows of the baseline were not timed: LeNet-5 0, step, 2 threads, float32",
    ]


def test_rows_on_threads_that_this_machine_has_not() -> None:
    many = timings(TABLE)
    many["threads"] = 16
    found = compared(made(timings=pandas.concat([timings(TABLE), many])), made(timings=timings(TABLE)))
    assert found.status() == 0 and any("rows on 16 threads are not compared" in note for note in found.notes)


def test_what_became_of_suspicious_rows_is_said() -> None:
    base = ratios.together([timings(TABLE)] * 9)
    now = timings(
        slower("LeNet-5 3", 1.1) | {"LeNet-5 4": 1.1 * TABLE["LeNet-5 4"], "LeNet-5 5": 1.1 * TABLE["LeNet-5 5"]}
    )
    again = timings(slower("LeNet-5 3", 1.1)).iloc[:5]  # number 4 was unlucky, and number 5 is not timed
    found = compared(made(timings=base), made(timings=now), Repeat(measure=lambda keys: again))
    assert [change.name.partition(",")[0] for change in found.failures] == ["LeNet-5 3"]
    assert "timed again in 4 processes" in found.failures[0].detail
    said = [note for note in found.notes if "suspicious" in note or "first look" in note or "at first" in note]
    assert said == [
        "speed: 3 rows looked slower at first; timed again in fresh processes, 1 are and 1 are not",
        "speed: 1 of them were not timed again, and the first look decided: LeNet-5 5, step, 2 threads, float32",
    ]


def test_timings_of_other_sources() -> None:
    now = replace(
        made(timings=timings(TABLE)), timed_on={**ABOUT, "identity": {**ABOUT["identity"], "candidate sources": "old"}}
    )  # type: ignore[dict-item]
    assert "other sources" in compared(made(timings=timings(TABLE)), now).incomparable[0]


def test_different_candidates_are_refused() -> None:
    other = {**ABOUT["identity"], "candidate": "torch"}  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="the baseline is of candidate 'refnet', the report of 'torch'"):
        compared(made(), made(identity=other))


def test_what_still_fails_is_a_note() -> None:
    failing = rows(("a", "out", "FAIL"), ("b", "out", "PASS"))
    found = compared(made(failing), made(failing))
    assert found.status() == 0 and found.notes[0].startswith("1 cases fail as they did in the baseline: a")


# --- again --------------------------------------------------------------------------------------------------------

FAILS = Change(change.NEW_FAIL, change.VERDICTS, "tanh([17]) float32 few", "PASS", "FAIL", "output out")


class OneCase(again.Program):
    """Stands for the processes: which of the runs of the case fail."""

    fails: list[bool]
    others: list[bool]

    def repeated(self, cases: Sequence[str], times: int) -> Any:
        for failed in self.fails[:times]:
            status = "FAIL" if failed else "PASS"
            yield {case: [Record(case, "f", "tanh", "float32", "output", "out", status)] for case in cases}

    def redrawn(self, cases: Sequence[str], seeds: Sequence[int]) -> Any:
        for case in cases:
            for seed in seeds:
                status = "FAIL" if self.others[seed - 1] else "PASS"
                yield case, seed, [Record(case, "f", "tanh", "float32", "output", "out", status)]


@pytest.mark.parametrize(
    ("fails", "others", "kind", "words"),
    [
        ([True] * 3, [True] * 4, "new-fail", "fails 3 of 3 times again, and on 4 of 4 other numbers"),
        ([True] * 3, [False] * 4, "new-fail", "fails 3 of 3 times again, and on 0 of 4 other numbers"),
        ([True, False, True], [True] * 4, "flaky", "failed in the run, and 2 of 3 times"),
        ([False] * 3, [False] * 4, "flaky", "failed in the run, and 0 of 3 times"),
    ],
)
def test_a_failure_is_run_again(fails: list[bool], others: list[bool], kind: str, words: str) -> None:
    program = type("P", (OneCase,), {"fails": fails, "others": others})("refnet")
    (found,) = again.failures([FAILS], program)
    assert found.kind == kind and words in found.detail


def test_many_failures_are_not_run_again() -> None:
    many = [replace(FAILS, name=f"case {i}") for i in range(again.MOST + 1)]
    found = again.failures(many, OneCase("refnet"))
    assert {c.kind for c in found} == {"new-fail"} and "not done again: 41 cases fail" in found[0].detail


def test_a_crash_on_other_numbers_ends_only_its_own_process() -> None:
    program = again.Program("misbehaving:everything", extra=("few_cases",))
    done = list(program.redrawn(["tanh([17]) float32 few", "sin([17]) float32 few", "erf([17]) float32 few"], [1]))
    assert [(case.partition("(")[0], records is None) for case, _, records in done] == [
        ("tanh", False),
        ("sin", True),
        ("erf", False),
    ]
    samples = {str(records[0].index) + str(records[0].oracle) for _, _, records in done if records}
    assert len(samples) == 2


# --- what is written ----------------------------------------------------------------------------------------------


def everything() -> Findings:
    found = Findings(notes=["a note"], incomparable=["speed: a reason"], compared={"verdicts conv": 7, "accuracy": 3})
    found.add(
        Change(kind, area, f"case|{kind} <[1,2]> \x00", "PASS", "FAIL", "why")
        for kind, area in zip(change.KINDS, change.AREAS * 3, strict=True)
    )
    return found


def test_text() -> None:
    lines = render.text(everything()).splitlines()
    assert lines[0].startswith("new-fail  case|new-fail <[1,2]>") and lines[0].endswith(": PASS -> FAIL")
    assert lines[-1] == "gate FAILS: " + ", ".join(f"1 {kind}" for kind in change.KINDS)
    assert "not comparable: speed: a reason" in lines and "note: a note" in lines


def test_markdown() -> None:
    written = render.markdown(everything())
    table = [line for line in written.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(change.KINDS)
    assert all(line.replace("\\|", "").count("|") == 6 for line in table), "a bar in a name ends no column"
    many = Findings()
    many.add(replace(FAILS, name=f"case {i}") for i in range(100))
    assert "and 75 more" in render.markdown(many) and "and 75 more" in render.text(many)


def test_junit() -> None:
    tree = ElementTree.fromstring(render.junit(everything()))
    suites = {suite.get("name"): suite for suite in tree}
    assert list(suites) == list(change.AREAS)
    assert len(tree.findall(".//failure")) == len(change.FAILING) + 1, "what could not be compared is no pass"
    assert len(tree.findall(".//skipped")) == 1
    assert suites["verdicts"].find("testcase[@name='verdicts conv: 7 compared']") is not None
    assert len(ElementTree.fromstring(render.junit(everything(), partial=True)).findall(".//failure")) == 5


# --- the command --------------------------------------------------------------------------------------------------

FEW = ["--cases", "few_cases", "--family", "few_cases", "--ops", "tanh,exp", "--dtype", "float32", "--workers", "1"]


def conform(candidate: str, out: Path) -> int:
    return main(["run", "--candidate", candidate, *FEW, "--out", str(out)])


def gate(report: Path, baseline: Path, *options: str) -> int:
    return main(["gate", "--report", str(report), "--baseline", str(baseline), *options])


def test_a_real_run(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    """A baseline, a run that fails always, a summary for the job, and the baseline's own format.

    The runs are made in this process, what is done again in processes of its own.
    """
    monkeypatch.setattr("conformance.cli.Workers", InProcess)
    base, report, job = tmp_path / "baseline", tmp_path / "latest", tmp_path / "job.md"
    assert conform("test_gate:correct", tmp_path / "first") == 0
    snapshot.write(snapshot.read(tmp_path / "first"), base)
    assert gate(tmp_path / "first", base, "--quiet") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "gate passes: nothing changed"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(job))
    monkeypatch.setenv("PLANTED", "1")  # the same candidate by name, another by what it does
    assert conform("test_gate:correct", report) == 1
    assert gate(report, base) == 1
    printed = capsys.readouterr().out
    assert "new-fail  exp([17]) float32 few: PASS -> FAIL" in printed and "fails 3 of 3 times again" in printed
    assert "other numbers" in printed and "gate FAILS: 3 new-fail" in printed
    assert job.read_text(encoding="utf-8").endswith((report / "gate.md").read_text(encoding="utf-8"))
    assert len(ElementTree.parse(report / "gate.xml").findall(".//failure")) == 3
    with pytest.raises(SystemExit):
        main(["gate", "--timings"])
    assert gate(report, base, "--update-baseline") == 2
    assert "is no whole run" in capsys.readouterr().err


def correct() -> Planted:
    """torch; with $PLANTED set, torch with a wrong exp."""
    return Planted(exp=lambda x: x.exp() * 1.001) if os.environ.get("PLANTED") else Planted()


@pytest.fixture
def whole(tmp_path: Path) -> Callable[..., Path]:
    """Writes a report of a whole run, in which every case passes but those given."""

    def written(name: str, timed: Any = None, **statuses: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        passing = [
            Record(case.id, case.family, case.operation.name, case.dtype, "output", "out", statuses.get(key, "PASS"))
            for key, case in zip((f"case{i}" for i in range(10**6)), catalogue().values(), strict=False)
        ]
        to_frame(passing).to_parquet(folder / "records.parquet", index=False)
        (folder / "environment.json").write_text(json.dumps(ABOUT), encoding="utf-8")
        if timed is not None:
            timed.to_parquet(folder / "timings.parquet", index=False)
        return folder

    return written


def test_update_baseline(whole: Callable[..., Path], tmp_path: Path, capsys: Any) -> None:
    base = tmp_path / "baseline"
    assert gate(whole("one", timings(TABLE)), base, "--update-baseline") == 0
    assert "there was none" in capsys.readouterr().out
    assert {path.name for path in base.iterdir()} == {"records.parquet", "timings.parquet", "environment.json"}
    assert sum(path.stat().st_size for path in base.iterdir()) < 600_000
    assert gate(tmp_path / "one", base) == 0
    failing = whole("two", case3="FAIL")
    assert gate(failing, base) == 1
    capsys.readouterr()
    assert gate(failing, base, "--update-baseline") == 0
    said = capsys.readouterr().out
    assert (
        "accepted: 1 new-fail" in said and "the baseline keeps those it has" in said and "1 failing comparisons" in said
    )
    assert gate(failing, base) == 0
    assert snapshot.read(base).timings is not None
    runs = [str(whole(f"run{i}", timings(TABLE))) for i in range(3)]
    assert gate(tmp_path / "one", base, "--update-baseline", "--timings", *runs) == 0
    assert set(snapshot.timings(base)["runs"]) == {3}


def test_a_baseline_says_what_the_report_does(whole: Callable[..., Path], tmp_path: Path) -> None:
    report = snapshot.read(whole("one"))
    rng = numpy.random.default_rng(0)
    report.records["rms_z"] = rng.uniform(0, 8, len(report.records))
    snapshot.write(report, tmp_path / "baseline")
    kept = snapshot.read(tmp_path / "baseline")
    assert kept.records[snapshot.TENSOR].equals(report.records[snapshot.TENSOR])
    numpy.testing.assert_allclose(kept.records["rms_z"], report.records["rms_z"], rtol=1e-3)
    assert set(snapshot.COLUMNS) <= set(COLUMNS)


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"complete": False}, "it was interrupted, or lacks shards"),
        ({"shard": "1/2"}, "it is shard 1/2"),
        ({"checks": ["gradient"]}, "only the checks gradient were run"),
    ],
)
def test_no_baseline_of_a_part(
    about: dict[str, Any], words: str, whole: Callable[..., Path], tmp_path: Path, capsys: Any
) -> None:
    folder = whole("one")
    (folder / "environment.json").write_text(json.dumps({**ABOUT, **about}), encoding="utf-8")
    assert gate(folder, tmp_path / "baseline", "--update-baseline") == 2
    assert words in capsys.readouterr().err and not (tmp_path / "baseline").exists()


def test_wrong_usage(tmp_path: Path, capsys: Any) -> None:
    assert gate(tmp_path, tmp_path) == 2
    assert "are the same folder" in capsys.readouterr().err
    assert gate(tmp_path / "nowhere", tmp_path / "baseline") == 2
    assert "there is no report in" in capsys.readouterr().err
    (tmp_path / "environment.json").write_text(json.dumps(ABOUT), encoding="utf-8")
    assert gate(tmp_path, tmp_path / "baseline") == 2
    assert "there is no records.parquet in" in capsys.readouterr().err
    pandas.DataFrame({"case": []}).to_parquet(tmp_path / "records.parquet")
    assert gate(tmp_path, tmp_path / "baseline") == 2
    assert "lacks the columns check, tensor" in capsys.readouterr().err
