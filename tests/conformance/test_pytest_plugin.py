"""The pytest plugin: groups of cases as tests, alone and under xdist, one report, and the fixture."""

import csv
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from in_process import InProcess

from conformance.cli import main
from conformance.record import FAIL
from conformance.report import about

pytest_plugins = ["pytester"]

HERE = Path(__file__).parent
INSTALLED = any(point.name == "conformance" for point in entry_points(group="pytest11"))
FEW = ["--conform-cases", "few_cases", "--conform-family", "few_cases", "--conform-ops", "tanh,exp,linear"]
WRONG = ["--conform-candidate", "misbehaving:wrong_in_exp", *FEW]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Any:
    """pytest in a process of its own, in an empty folder with one ordinary test."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), *sys.path]))
    pytester.makepyfile(test_ordinary="def test_ordinary():\n    pass\n")
    load = [] if INSTALLED else ["-p", "conformance.pytest_plugin"]
    return lambda *arguments: pytester.runpytest_subprocess(*load, "-p", "no:cacheprovider", *map(str, arguments))


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of `conform run` with the options of `WRONG`.

    It is made here, before pytester takes note of the modules there are: it unloads all others, and torch and pandas cannot
    be loaded twice.
    """
    out = tmp_path_factory.mktemp("command") / "report"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("conformance.cli.Workers", InProcess)
        options = [option.replace("--conform-", "--") for option in WRONG]
        assert main(["run", *options, "--out", str(out)]) == 1
    return out


def evidence(report: Path) -> list[dict[str, str]]:
    """The records of a report, without the time they took."""
    with (report / "records.csv").open(encoding="utf-8", newline="") as file:
        return [row | {"seconds": ""} for row in csv.DictReader(file)]


def test_groups_of_cases_are_tests(run: Any, command: Path, tmp_path: Path) -> None:
    """One a family, operation and dtype; a failing one shows its records; the report is that of `conform run`."""
    result = run(*WRONG, "-v", "--conform-out", tmp_path / "plain")
    assert result.ret == 1
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines_random(
        [
            "conform::few_cases::tanh[[]float32[]] PASSED*",
            "conform::few_cases::tanh[[]float64[]] PASSED*",
            "conform::few_cases::*linear[[]float32[]] PASSED*",
            "conform::few_cases::exp[[]float32[]] FAILED*",
        ]
    )
    shown = ["FAIL exp([[]17[]]) float32 few", "  output out: *", "  at [[]*candidate*torch*oracle*z = *"]
    result.stdout.fnmatch_lines([*shown, "FAIL exp([[]2,3[]]) float32 few", "*wrong_in_exp: * FAILURES"])
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")
    result.stdout.no_fnmatch_line("*test_ordinary*")
    assert {row["operation"] for row in evidence(tmp_path / "plain") if row["status"] == FAIL} == {"exp"}

    spread = run(*WRONG, "-n", "2", "--dist", "worksteal", "--conform-out", tmp_path / "spread")
    spread.assert_outcomes(passed=3, failed=1)
    assert evidence(tmp_path / "spread") == evidence(tmp_path / "plain")
    assert about(tmp_path / "spread")["complete"] is True and about(tmp_path / "spread")["workers"] == 2
    assert evidence(command) == evidence(tmp_path / "plain")


def test_what_the_options_leave_open_stands_in_pyproject(run: Any, pytester: pytest.Pytester) -> None:
    table = '[tool.conform]\ncases = "few_cases"\nfamily = "few_cases"\n[tool.conform.run]\nops = ["exp", "linear"]\n'
    pytester.makepyprojecttoml(table)
    result = run("--conform-candidate", "torch", "--conform-ops", "tanh")
    result.assert_outcomes(passed=2)
    pytester.makepyprojecttoml('[tool.conform]\nopps = "exp"\n')
    result = run("--conform-candidate", "torch")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*unknown key 'opps'; did you mean 'ops'?*"])


def test_what_crashes_fails_and_what_is_not_there_is_skipped(run: Any, pytester: pytest.Pytester) -> None:
    """Beside an ordinary test that was asked for; -k chooses, and the report says that not all was run."""
    pytester.makepyfile(numpy_functions="def sinh(x):\n    import os\n    os._exit(3)\n")
    pytester.makeini("[pytest]\npythonpath = .\n")
    chosen = ["-k", "ordinary or sinh or linear", "-rs", "--conform-out", pytester.path / "report"]
    given = [*FEW, "--conform-ops", "tanh,sinh,linear"]
    result = run("test_ordinary.py", "--conform-candidate", "numpy_functions", *given, *chosen)
    result.assert_outcomes(passed=1, failed=1, skipped=1, deselected=2)
    result.stdout.fnmatch_lines(
        ["CRASH sinh([[]17[]]) float32 few", "*the worker died: exit code 3", "SKIPPED*linear*"]
    )
    assert about(pytester.path / "report")["complete"] is False


@pytest.mark.parametrize(
    ("arguments", "ending", "message"),
    [
        (["--conform-ops", "nothing"], pytest.ExitCode.INTERRUPTED, "no case matches --ops nothing"),
        (["--conform-source", "elsewhere"], pytest.ExitCode.USAGE_ERROR, "a --conform option is wrong"),
    ],
)
def test_wrong_options(run: Any, arguments: list[str], ending: int, message: str) -> None:
    result = run("--conform-candidate", "torch", *arguments)
    assert result.ret == ending
    assert message in result.stdout.str() + result.stderr.str()


def test_a_candidate_that_cannot_be_loaded_stops_the_session(run: Any) -> None:
    result = run("--conform-candidate", "no_such_package", *FEW)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["No module named 'no_such_package'"])


def test_the_fixture(pytester: pytest.Pytester, run: Any) -> None:
    pytester.makepyfile(
        """
        import numpy

        def test_judges(conform):
            x = numpy.linspace(-2, 2, 33, dtype="float32")
            assert conform.judge(numpy.tanh(x), "tanh", x).ok
            conform.assert_conforms(numpy.tanh(x), "tanh", x)

        def test_refuses(conform):
            x = numpy.linspace(-2, 2, 33, dtype="float32")
            conform.assert_conforms(numpy.tanh(x) * numpy.float32(1.001), "tanh", x)
        """
    )
    run().assert_outcomes(passed=2, failed=1)


def test_without_options_it_costs_nothing() -> None:
    program = "import sys, pytest, conformance.pytest_plugin; print(*{'torch', 'pandas', 'conformance.run'} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    assert loaded.stdout.strip() == ""
