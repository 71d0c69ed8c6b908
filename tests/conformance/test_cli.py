"""The command: reports and exit statuses; runs that are interrupted, killed, resumed, split and merged."""

import json
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas
import pytest
from in_process import InProcess

from conformance import journal, known, usage
from conformance.case import Case
from conformance.cases import catalogue
from conformance.cli import CLOSED, describe, main
from conformance.printing import by_operation, of_table
from conformance.record import FAIL, Record
from conformance.report import about, read, records

HERE = Path(__file__).parent
FEW = ["--cases", "few_cases", "--family", "few_cases", "--ops", "tanh,exp,square,erf,expm1", "--dtype", "float32"]


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> type[InProcess]:
    monkeypatch.setattr("conformance.cli.Workers", InProcess)
    return InProcess


def conform(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, which takes Ctrl-C even where the tests run in the background."""

    def heed_interrupts() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    environment = {**os.environ, **environment, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    command = [sys.executable, "-m", "conformance", *map(str, arguments)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, preexec_fn=heed_interrupts
    )


def evidence(folder: Path) -> Any:
    """The records of a report, without the time they took."""
    return read(folder).drop(columns="seconds").astype(str)


# --- what a run leaves --------------------------------------------------------------------------------------------


def test_a_run_that_conforms(tmp_path: Path, capsys: Any) -> None:
    """With real workers, report and all."""
    out = tmp_path / "latest"
    assert main(["--candidate", "torch", "--ops", "tanh", "-k", "([17])", "--out", str(out)]) == 0
    assert "torch: conforms" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["latest"], "the journal of a finished run is removed"
    written = json.loads((out / "environment.json").read_text(encoding="utf-8"))
    assert written["complete"] is True and written["identity"]["candidate"] == "torch"
    assert {path.name for path in out.iterdir()} == {
        "records.parquet", "records.csv", "summary.md", "report.html", "environment.json",
    }  # fmt: skip


def test_a_run_that_fails(tmp_path: Path, capsys: Any, in_process: Any) -> None:
    out = tmp_path / "latest"
    assert main(["run", "--candidate", "misbehaving:wrong_in_exp", *FEW, "--out", str(out)]) == 1
    printed = capsys.readouterr()
    assert "the worst:\nFAIL exp([" in printed.out and "FAIL exp([17]) float32 few" in printed.err
    assert "conform explain --candidate misbehaving:wrong_in_exp --cases few_cases 'exp([17]) float32 few'" in (
        out / "summary.md"
    ).read_text(encoding="utf-8")
    frame = read(out)
    assert set(frame[frame["status"] == FAIL]["operation"].astype(str)) == {"exp"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "--ops", "no_such_operation"], "no case matches --ops no_such_operation;"),
        (["list", "--ops", "tanh,softmx"], "no case matches --ops softmx; did you mean softmax"),
        (["list", "--dtype", "float32,flaot64"], "no case matches --dtype flaot64; did you mean float64"),
        (["list", "--check", "xyz"], "no case matches --check xyz: there are bits, "),
        (["list", "--family", "poll"], "no case matches --family poll; did you mean pool"),
        (["explain", "no such case"], "no case is called 'no such case'"),
        (["explain", "tanh([3]) float32"], "tanh([33]) float32"),
        (["explain", "tanh([17]) float32", "--candidate", "no_such_package"], "no_such_package"),
        (["explain", "tanh([17]) float32", "--candidate", "torch:gpu=9"], "no torch variant"),
        (["run", "--last-failed", "--out", "nowhere"], "no report in nowhere"),
        (["run", "--resume", "--out", "nowhere"], "no journal nowhere.journal"),
        (["merge", "nowhere", "--out", "elsewhere"], "no report in nowhere"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("conform: ") and message in error
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--workers", "0"],
        ["run", "--shard", "3/2"],
        ["run", "--shard", "0/2"],
        ["run", "--shard", "half"],
        ["run", "--source", "op_db,elsewhere"],
        ["merge", "somewhere"],
    ],
)
def test_wrong_options_are_usage_errors(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    assert ending.value.code == 2


def test_a_candidate_that_cannot_be_loaded_is_a_usage_error(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "latest"
    assert main(["run", "--candidate", "no_such_package", "--ops", "tanh", "--workers", "1", "--out", str(out)]) == 2
    assert capsys.readouterr().err == "conform: No module named 'no_such_package'\n"
    assert not any(tmp_path.iterdir())


def test_explain(capsys: Any) -> None:
    assert main(["explain", "tanh([17]) float32", "--candidate", "torch"]) == 0
    assert "second-order" in capsys.readouterr().out
    assert main(["explain", "exp([17]) float32", "--candidate", "misbehaving:wrong_in_exp"]) == 1


def test_explain_and_repro_as_a_user_types_them(tmp_path: Path, capsys: Any) -> None:
    chosen = ["exp([17]) float32", "--candidate", "misbehaving:wrong_in_exp"]
    assert main(["explain", *chosen, "--json"]) == 1
    failed = [r for r in json.loads(capsys.readouterr().out) if r["status"] == FAIL]
    assert failed[0]["category"] == "bound" and failed[0]["z"] > 8
    script = tmp_path / "repro.py"
    assert main(["repro", *chosen, "--out", str(script), "--shrink", "0"]) == 1
    assert "import torch" in script.read_text(encoding="utf-8") and f"script: {script}" in capsys.readouterr().out
    assert main(["repro", "tanh([17]) float32", "--candidate", "torch"]) == 0
    assert "nothing fails in 'tanh([17]) float32'" in capsys.readouterr().err


def test_a_reader_that_has_enough_ends_it_quietly(monkeypatch: Any, capsys: Any) -> None:
    """`conform list | head -n 1`"""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert main(["list", "--ops", "tanh"]) == CLOSED
    assert capsys.readouterr().err == ""


def test_json_is_all_that_is_printed(tmp_path: Path, capsys: Any, in_process: Any) -> None:
    assert main(["list", *FEW, "--json"]) == 0
    assert {row["operation"] for row in json.loads(capsys.readouterr().out)} >= {"tanh", "exp"}
    out = tmp_path / "latest"
    assert main(["run", "--candidate", "misbehaving:wrong_in_exp", *FEW, "--out", str(out), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["conforms"] is False and found["exit status"] == 1 and found["report"] == str(out)
    assert found["failures"][0]["again"].startswith("conform repro --candidate misbehaving:wrong_in_exp --cases")
    assert main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["packages"]["torch"].startswith("2.")


def test_a_runner_of_github_gets_annotations(tmp_path: Path, capsys: Any, in_process: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "job"))
    assert main(["run", "--candidate", "misbehaving:wrong_in_exp", *FEW, "--out", str(tmp_path / "latest")]) == 1
    assert "::error title=FAIL exp(" in capsys.readouterr().out
    assert "FAILURES" in (tmp_path / "job").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "given", [["run", "--timeout", "-1"], ["run", "--memory", "-1"], ["repro", "case", "--shrink", "long"]]
)
def test_numbers_out_of_range_are_refused_before_anything_happens(given: list[str], capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 2 and f"argument {given[-2]}: expected a number" in capsys.readouterr().err


def test_a_candidate_that_has_nothing_does_not_conform(tmp_path: Path, in_process: Any, capsys: Any) -> None:
    """A misspelt function must not look like success; of a shard nobody expects that it has anything to do."""
    given = ["run", "--candidate", "few_cases", *FEW, "--out", str(tmp_path / "latest")]
    assert main([*given, "--json"]) == 2
    printed = json.loads(capsys.readouterr().out)
    assert printed["conforms"] is False and printed["statuses"].keys() == {"UNSUPPORTED"}
    page = (tmp_path / "latest/report.html").read_text(encoding="utf-8")
    assert '<span class="verdict open">nothing compared</span>' in page
    assert main([*given, "--shard", "1/1"]) == 0
    assert "few_cases: nothing compared" in capsys.readouterr().out


def test_a_module_that_cannot_be_loaded_is_wrong_usage(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    (tmp_path / "unfinished_kernels.py").write_text("def tanh(x): return undefined\n\nundefined\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["explain", "tanh([7]) float32", "--candidate", "unfinished_kernels"]) == 2
    assert "NameError: name 'undefined'" in capsys.readouterr().err


def test_cases_in_examples_of_the_help_are_there() -> None:
    names = set(catalogue())
    shown = re.findall(r"'(\w+\([^']*\) float32)'", "".join(vars(usage)[name] for name in HELP))
    assert shown and set(shown) <= names, set(shown) - names


HELP = ("EXAMPLES", "RUN", "LIST", "EXPLAIN", "REPRO")


def test_operations_that_fail_are_counted() -> None:
    failures = [Record("case", "family", f"op{i % 10}", "float32", "output", "out", FAIL) for i in range(25)]
    assert by_operation(failures[:1]) == "op0 (1)"
    assert by_operation(failures).startswith("op0 (3), op1 (3)") and by_operation(failures).endswith(
        "2 more operations"
    )


def test_tables_as_json() -> None:
    frame = pandas.DataFrame({"ratio": [1.5, math.nan], "threads": [1, 2], "name": ["a", "b"]})
    assert of_table(frame) == [
        {"ratio": 1.5, "threads": 1, "name": "a"}, {"ratio": None, "threads": 2, "name": "b"},
    ]  # fmt: skip
    assert of_table(None) == []


def test_describe_says_what_is_known() -> None:
    text = describe(
        Record(
            "op([3]) float32", "family", "op", "float32", "gradient", "x", FAIL, category="bound", message="far off",
            cause="twice the truth", index="[1]", candidate=2.0, torch=1.0, oracle=1.0, z=99.0, allowed=0.5,
        )
    )  # fmt: skip
    assert text.splitlines() == [
        "FAIL op([3]) float32",
        "  gradient of x: bound",
        "  far off",
        "  likely cause: twice the truth",
        "  at [1]: candidate 2.0, torch 1.0, oracle 1.0, z = 99, allowed error 0.5",
    ]


# --- going on -----------------------------------------------------------------------------------------------------


def test_ctrl_c_and_resume(tmp_path: Path, in_process: Any, capsys: Any, monkeypatch: Any) -> None:
    """A partial report, a message that says how to go on, and the rest when one does."""
    whole, out = tmp_path / "whole", tmp_path / "latest"
    options = ["--candidate", "misbehaving:wrong_in_exp", *FEW]
    main(["run", *options, "--out", str(whole)])
    every = list(in_process.ran)

    def interrupted(self: InProcess, cases: Sequence[Case]) -> Iterator[tuple[Case, list[Record]]]:
        for number, finished in enumerate(InProcess.run(self, cases)):
            if number == 2:
                raise KeyboardInterrupt
            yield finished

    monkeypatch.setattr("conformance.cli.Workers", type("Interrupted", (InProcess,), {"run": interrupted}))
    capsys.readouterr()
    assert main(["run", *options, "--out", str(out)]) == 3
    printed = capsys.readouterr().out
    assert "to go on: conform run --resume --candidate misbehaving:wrong_in_exp --cases few_cases" in printed
    assert len(set(read(out)["case"])) == 2 and about(out)["complete"] is False
    assert "incomplete" in (out / "summary.md").read_text(encoding="utf-8")

    monkeypatch.setattr("conformance.cli.Workers", InProcess)
    assert main(["run", "--resume", *options, "--dtype", "float64", "-k", "tanh", "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert "--dtype: '[\"float32\"]' in the journal, '[\"float64\"]' in this run" in error

    assert main(["run", "--resume", *options, "--out", str(out)]) == 1
    assert in_process.ran == every[2:], "what was done is not done again"
    assert evidence(out).equals(evidence(whole))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "whole"]


def test_a_run_that_was_stopped_is_continued(tmp_path: Path) -> None:
    """kill -9 in the middle of a case, then a true Ctrl-C: real processes, real signals."""
    out = tmp_path / "latest"
    options = ["run", "--candidate", "misbehaving:stopping", *FEW, "--workers", "1", "--out", out]

    def done() -> int:
        return len(journal.read(tmp_path / "latest.journal")[1])

    killed = conform(*options, MISBEHAVED=str(tmp_path))
    assert killed.returncode == -9, killed.stderr
    assert not out.exists()
    after_kill = done()
    assert after_kill >= 1, "the cases before the one that killed it, less those in flight"

    interrupted = conform(*options, "--resume", MISBEHAVED=str(tmp_path))
    assert interrupted.returncode == 3, interrupted.stderr
    assert f"{after_kill} of 7 cases are done already" in interrupted.stderr
    after_interrupt = done()
    assert after_kill < after_interrupt < 7
    assert len(set(read(out)["case"])) == after_interrupt and about(out)["complete"] is False

    resumed = conform(*options, "--resume", MISBEHAVED=str(tmp_path))
    assert resumed.returncode == 0, resumed.stderr
    assert len(set(read(out)["case"])) == 7 and about(out)["complete"] is True
    assert not (tmp_path / "latest.journal").exists()


def test_last_failed(tmp_path: Path, in_process: Any, capsys: Any) -> None:
    out = ["--out", str(tmp_path / "latest")]
    options = ["run", "--candidate", "misbehaving:wrong_in_exp", *FEW]
    assert main([*options, *out]) == 1
    failed = {record.case for record in records(tmp_path / "latest") if record.bad}
    assert failed == {"exp([17]) float32 few", "exp([5]) float32 few", "exp([2,3]) float32 few"}
    assert main([*options, "--last-failed", *out]) == 1
    assert set(in_process.ran) == failed == set(read(tmp_path / "latest")["case"])
    assert main([*options, "--last-failed", "--ops", "tanh", *out]) == 2
    assert "nothing that is chosen failed" in capsys.readouterr().err
    assert main([*options, "--candidate", "torch", "--last-failed", *out]) == 0
    assert main([*options, "--last-failed", *out]) == 2


# --- parts of a whole ---------------------------------------------------------------------------------------------


def test_shards_merge_to_the_whole(tmp_path: Path, in_process: Any, capsys: Any, monkeypatch: Any) -> None:
    """Listed differences too: one is needed in a single shard only, another nowhere."""
    candidate = "misbehaving:wrong_in_exp"
    ledger = [
        known.Difference(candidate, "*([17]) float32 few", "output", "so it is in exp"),
        known.Difference(candidate, "*([17]) float32 few", "gradient", "so it is in exp"),
        known.Difference(candidate, "erf(*) float32 few", "gradient", "so it was"),
    ]
    monkeypatch.setattr(known, "load", lambda: ledger)
    options = ["run", "--candidate", candidate, *FEW]
    main([*options, "--out", str(tmp_path / "whole")])
    parts = [tmp_path / f"part{i}" for i in range(1, 6)]
    endings = [main([*options, "--shard", f"{i}/5", "--out", str(part)]) for i, part in enumerate(parts, 1)]
    assert [about(part)["cases"] for part in parts] == [3, 1, 1, 2, 0], "a shard may have nothing to do"
    assert endings == [1, 0, 1, 1, 0], "a listed difference is not missed where not all of its cases ran"

    merged = tmp_path / "merged"
    capsys.readouterr()
    assert main(["merge", *map(str, reversed(parts)), "--out", str(merged)]) == 1
    assert "misbehaving:wrong_in_exp: " in capsys.readouterr().out
    assert evidence(merged).equals(evidence(tmp_path / "whole"))
    assert [part["shard"] for part in about(merged)["parts"]] == ["5/5", "4/5", "3/5", "2/5", "1/5"]
    stale = [record.message for record in records(merged) if record.check == "known"]
    assert len(stale) == 1 and "so it was" in stale[0]

    again = tmp_path / "again"
    assert main(["merge", str(merged), str(parts[0]), "--out", str(again)]) == 1, (
        "the same records twice are no conflict"
    )
    assert evidence(again).equals(evidence(merged))
    fewer = [*map(str, parts[:2]), *map(str, parts[3:])]
    assert main(["merge", *fewer, "--out", str(again)]) == 3
    assert "incomplete: shard 3/5 is missing" in capsys.readouterr().out
    assert main(["merge", *fewer, "--out", str(again), "--json"]) == 3
    printed = capsys.readouterr()
    assert json.loads(printed.out)["exit status"] == 3 and "incomplete: shard 3/5 is missing" in printed.err


def test_what_does_not_belong_together_is_not_merged(tmp_path: Path, in_process: Any, capsys: Any) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, candidate in ((first, "torch"), (second, "misbehaving:wrong_in_exp")):
        main(["run", "--candidate", candidate, *FEW, "--ops", "exp", "--out", str(folder)])
    merge = ["merge", str(first), str(second), "--out", str(tmp_path / "merged")]
    assert main(merge) == 2
    error = capsys.readouterr().err
    assert "candidate: 'torch' in" in error and "'misbehaving:wrong_in_exp' in" in error

    path = second / "environment.json"
    surroundings = about(second) | {"identity": about(first)["identity"]}
    path.write_text(json.dumps(surroundings), encoding="utf-8")
    assert main(merge) == 2
    assert "hold different records of 'exp([17]) float32 few'" in capsys.readouterr().err
    older = surroundings | {"identity": about(first)["identity"] | {"torch": "1.0"}}
    path.write_text(json.dumps(older), encoding="utf-8")
    assert main(merge) == 2
    assert "torch: " in (error := capsys.readouterr().err) and "'1.0' in" in error
    assert not (tmp_path / "merged").exists()
