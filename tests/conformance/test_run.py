"""The command: workers that die or hang, exit statuses, reports, selection, the ledger."""

import json
from pathlib import Path
from typing import Any

import pytest

from conformance import known
from conformance.cli import main
from conformance.isolate import Workers
from conformance.record import CRASH, FAIL, HANG, KNOWN, PASS, Record
from conformance.report import read
from conformance.run import Selection, run, select


def test_a_run_survives_a_crash_and_a_hang(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "latest"
    arguments = ["run", "--candidate", "planted:unreliable", "--ops", "sin,cos,exp,tanh", "-k", "([17])"]
    status = main([*arguments, "--timeout", "3", "--workers", "2", "--out", str(out)])
    frame = read(out)
    endings = {op: set(rows["status"]) for op, rows in frame.groupby(frame["operation"].astype(str))}
    assert status == 1
    assert endings["sin"] == {CRASH} and endings["cos"] == {HANG} and endings["tanh"] == {PASS}
    assert FAIL in endings["exp"]
    assert "exit code 3" in frame[frame["status"] == CRASH]["message"].iloc[0]
    summary = (out / "summary.md").read_text(encoding="utf-8")
    assert "conform explain 'exp([17]) float32'" in summary and "sin([17]) float32" in summary
    assert json.loads((out / "environment.json").read_text(encoding="utf-8"))["complete"] is True
    assert (out / "records.csv").exists() and [p.name for p in tmp_path.iterdir()] == ["latest"]
    assert "the worst:" in capsys.readouterr().out


def test_torch_conforms_to_itself(tmp_path: Path, capsys: Any) -> None:
    arguments = [
        "--candidate",
        "torch",
        "--ops",
        "tanh,add",
        "--dtype",
        "float32,float64",
        "--out",
        str(tmp_path / "r"),
    ]
    assert main(arguments) == 0
    assert "conforms" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--ops", "no_such_operation"],
        ["explain", "no such case"],
        ["explain", "tanh([17]) float32", "--candidate", "no_such_package"],
        ["explain", "tanh([17]) float32", "--candidate", "torch:gpu=9"],
    ],
)
def test_wrong_usage(arguments: list[str], capsys: Any) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("conform: ")


def test_wrong_options_are_usage_errors() -> None:
    with pytest.raises(SystemExit) as ending:
        main(["run", "--workers", "0"])
    assert ending.value.code == 2


def test_explain(capsys: Any) -> None:
    assert main(["explain", "tanh([17]) float32", "--candidate", "torch"]) == 0
    assert "second-order" in capsys.readouterr().out
    assert main(["explain", "exp([17]) float32", "--candidate", "planted:unreliable"]) == 1


def test_ctrl_c_leaves_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = select(Selection(operations=("tanh",), words=("([17])",)))
    record = Record(cases[0].id, "pointwise", "tanh", "float32", "output", "out", PASS)

    def interrupted(*_: Any) -> Any:
        yield cases[0], [record]
        raise KeyboardInterrupt

    monkeypatch.setattr(Workers, "run", interrupted)
    outcome = run("torch", cases)
    assert outcome.records == [record] and not outcome.complete


def test_selection() -> None:
    chosen = select(Selection(operations=("tan*",), dtypes=("float64",)))
    assert chosen and {case.dtype for case in chosen} == {"float64"}
    assert {case.operation.name for case in chosen} >= {"tan", "tanh"}
    everything = select(Selection())
    assert len({case.id for case in everything}) == len(everything) > 3000


def entry(case: str, check: str = "*") -> known.Difference:
    return known.Difference("refnet", case, check, "meant")


def record(status: str) -> Record:
    return Record("op([3]) float32", "family", "op", "float32", "gradient", "0", status)


def test_known_differences() -> None:
    (listed,) = known.apply([record(FAIL)], "refnet", [entry("op([3])*", "gradient")])
    assert listed.status == KNOWN and listed.message.startswith("meant")
    assert [r.status for r in known.apply([record(FAIL)], "other", [entry("op*")])] == [FAIL]
    assert [r.status for r in known.apply([record(FAIL)], "refnet", [entry("op[4]*")])] == [FAIL]


def test_a_known_difference_that_no_longer_differs_fails() -> None:
    passed, stale = known.apply([record(PASS)], "refnet", [entry("op*")])
    assert passed.status == PASS and stale.status == FAIL and "does not differ any more" in stale.message


def test_a_difference_without_a_reason_is_refused(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.toml"
    ledger.write_text('[[difference]]\ncase = "op*"\n', encoding="utf-8")
    with pytest.raises(ValueError, match="reason"):
        known.load(ledger)
