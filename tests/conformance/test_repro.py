"""Scripts that stand for a failure: they run without the harness, are small, and notice when the failure is gone."""

import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import crooked
import numpy
import pytest

from conformance.candidates import load
from conformance.case import Case, Slot, args, named, ops
from conformance.cases import FORWARD, catalogue, normal
from conformance.repro import reproduce
from conformance.repro.script import taken
from conformance.repro.sides import side_of
from conformance.repro.sources import CannotWrite, Sources

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


def test_a_program_is_written_out() -> None:
    (case,) = ops("sums", [args(normal(3, 4), times=2.0)], program=sums_rows, checks=FORWARD, layouts=())
    with pytest.raises(ValueError, match="adapter of its own"):
        side_of("somewhere:adapter", object(), case.operation)  # type: ignore[arg-type]
    sources = Sources()
    assert sources.define(sums_rows) == "sums_rows" and sources.define(helper) == "helper", "one definition of each"
    assert sources.text.index("def helper") < sources.text.index("def sums_rows")


@dataclass(frozen=True)
class Scaled:
    """A factor and what it is for."""

    factor: float
    of: Callable[[Any], Any]


@contextmanager
def quietly() -> Iterator[None]:
    yield


def scaled(torch: Any, x: Any, kind: Scaled, *, signs: frozenset[int], places: range) -> Any:
    with quietly():
        return kind.of(x) * kind.factor * max(signs) + len(places)


def powers(*exponents: int) -> Callable[[Any], Any]:
    def power(x: Any) -> Any:
        return sum(base(x) ** n for n in exponents)

    base = lambda x: x + 1
    return power


@pytest.mark.parametrize("function", [powers(1, 2), powers(3), lambda x: x * 2])
def test_functions_that_functions_made(function: Any) -> None:
    """Closures, lambdas, decorated functions, objects with functions in them: what is written does the same."""
    given = (Slot(0), Scaled(0.5, function))
    options = {"signs": frozenset([1, -1]), "places": range(2, 5)}
    sources = Sources()
    name = sources.define(scaled)
    written = sources.arguments(given, options, str)
    found: dict[str, Any] = {"x": [3.0]}
    exec(f"from __future__ import annotations\nfrom typing import Any\n{sources.text}", found)
    assert eval(f"{name}(None, {written})", found) == scaled(None, 3.0, given[1], **options)


def test_every_program_there_is_can_be_written() -> None:
    """So that every failure has its script."""
    cases: dict[Any, list[Case]] = {}
    for case in catalogue().values():
        cases.setdefault(case.operation.program, []).append(case)
    del cases[None]
    for program, its_cases in cases.items():
        sources = Sources(taken())
        sources.define(program)
        for case in its_cases:
            sample = case.sample()
            sources.arguments(sample.args, sample.kwargs, str)


def test_what_has_no_source_is_refused() -> None:
    with pytest.raises(CannotWrite, match="no plain function"):
        Sources().define(functools.partial(helper, None))
    with pytest.raises(CannotWrite, match="two things called helper"):
        Sources({"helper"}).define(sums_rows)
    with pytest.raises(CannotWrite, match="an argument is a builtins.object"):
        Sources().arguments((object(),), {}, str)
    given = (named("float32"), 1.5, float("nan")), {"dim": (1,)}
    assert Sources().arguments(*given, lambda n: f"torch.{n}") == "torch.float32, 1.5, float('nan'), dim=(1,)"


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
