"""Scripts that stand for a failure: they run without the harness, are small, and notice when the failure is gone."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import crooked
import numpy
import pytest

from conformance.candidates import load
from conformance.case import Case, args, named, ops
from conformance.cases import FORWARD, normal
from conformance.repro import reproduce
from conformance.repro.sides import side_of
from conformance.repro.sources import CannotWrite, arguments, program

HERE = Path(__file__).parent


def script(case: Case, name: str, **options: Any) -> Any:
    return reproduce(case, load(name), name, timeout=30, **options)


def ending(text: str, capsys: Any) -> tuple[int, str]:
    """Run a script in this process: (its exit status, what it printed). An exception counts as 1, as in Python."""
    assert "conformance." not in text.partition('"""\n\n')[2], "a script needs nothing of the harness"
    capsys.readouterr()
    try:
        exec(compile(text, "repro.py", "exec"), {"__name__": "__main__", "__file__": "repro.py"})
    except SystemExit as ended:
        return int(ended.code or 0), capsys.readouterr().out
    except Exception as error:
        return 1, f"{capsys.readouterr().out}{type(error).__name__}: {error}"
    return 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "check", "said"),
    [
        ("exp", "output", "of which rounding explains"),
        ("tanh", "output", "TypeError: the function returned a str"),
        ("cos", "output", "nan"),
        ("erf", "output", "candidate float64[1, 1]"),
        ("square", "unchanged", "before:"),
        ("sinh", "output", "ValueError: no idea"),
        ("sin", "gradient", "of which rounding explains"),
        ("clone", "unchanged", "shares its memory"),
    ],
)
def test_a_script_fails_until_the_candidate_is_mended(name: str, check: str, said: str, capsys: Any) -> None:
    (case,) = ops(name, [args(normal(2, 6))])
    found = script(case, "crooked")
    assert found is not None and found.record.check == check and found.arrays is None
    status, printed = ending(found.script, capsys)
    assert status == 1 and said in printed, printed
    assert "reshape((1, 1))" in found.script, "one element is enough"
    if name == "erf":  # numpy has none to mend it with
        return
    crooked.mended.add(name)
    try:
        assert ending(found.script, capsys)[0] == 0
        assert script(case, "crooked") is None
    finally:
        crooked.mended.clear()


def test_a_crash_is_reproduced_in_a_process_of_its_own(tmp_path: Path) -> None:
    (case,) = ops("expm1", [args(normal(4))])
    found = script(case, "crooked")
    assert found.record.status == "CRASH"
    (tmp_path / "repro.py").write_text(found.script, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(HERE)}
    ended = subprocess.run([sys.executable, "repro.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode == 3, ended.stderr


@pytest.mark.parametrize("check", ["output", "gradient", "second-order", "layout gapped"])
def test_every_order_and_layout(check: str, capsys: Any) -> None:
    (case,) = ops("exp", [args(normal(9))])
    found = script(case, "misbehaving:wrong_in_exp", check=check)
    status, printed = ending(found.script, capsys)
    assert status == 1 and printed.startswith(check.removeprefix("layout gapped") or "output"), printed


def sums_rows(torch: Any, x: Any, *, times: float) -> Any:
    return helper(torch, x) * times


def helper(torch: Any, x: Any) -> Any:
    return torch.exp(x).sum(1)


def test_a_program_is_written_out(capsys: Any) -> None:
    (case,) = ops("sums", [args(normal(3, 4), times=2.0)], program=sums_rows, checks=FORWARD, layouts=())
    with pytest.raises(ValueError, match="adapter of its own"):
        side_of("somewhere:adapter", object(), case.operation)  # type: ignore[arg-type]
    name, text = program(sums_rows)
    assert name == "sums_rows" and text.index("def helper") < text.index("def sums_rows")


def test_what_has_no_source_is_refused() -> None:
    with pytest.raises(CannotWrite, match="made by another function"):
        program(_closure())
    with pytest.raises(CannotWrite, match="an argument is a builtins.object"):
        arguments((object(),), {}, str)
    assert arguments((named("float32"), 1.5), {"dim": (1,)}, lambda n: f"torch.{n}") == "torch.float32, 1.5, dim=(1,)"
    assert arguments((float("nan"),), {}, str) == "float('nan')"


def _closure() -> Any:
    inner = 1

    def made(torch: Any, x: Any) -> Any:
        return x * inner

    return made


def test_large_arrays_go_beside_the_script(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("conformance.repro.script.INLINE", 100)
    (case,) = ops("exp", [args(normal(30, 30))], checks={"output"}, layouts=())
    with pytest.raises(ValueError, match="--out FILE"):
        script(case, "misbehaving:wrong_in_exp", seconds=0)
    found = script(case, "misbehaving:wrong_in_exp", seconds=0, beside=tmp_path / "repro.npz")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "repro.npz").write_bytes(found.arrays)
    with numpy.load(tmp_path / "repro.npz") as stored:
        assert stored["array0"].shape == (30, 30)
    assert ending(found.script, capsys)[0] == 1
