r"""conformance under pytest: every operation and dtype is a test, and a fixture judges arrays in anybody's tests.

    pytest --conform-candidate=refnet
    pytest --conform-candidate=mypackage.kernels --conform-ops='conv*' --conform-dtype=float32 --conform-out=reports/ci
    pytest --conform-candidate=refnet -n 4 --dist worksteal

The options are those of `conform run`, with `--conform-` in front; what they leave open stands in `[tool.conform]` of
pyproject.toml, as for `conform run` (a candidate there does not turn the comparison on, nor does `out` write a report:
other runs of pytest read the same file). A test is a group of cases, one for each family,
operation and dtype, so that pytest's own cost a test does not matter; it fails when a case does, with the records as
`conform` prints them, and it is skipped when the candidate does not have the operation. Without paths on the command
line nothing else is collected; with paths, their tests are too. `-k`, `--lf`, `-x` and `--junitxml` work as for any test.

Each pytest process keeps one worker process for the comparisons, with one thread: a case that crashes, hangs or runs out
of memory is a failure with that name, and the tests behind it go on.

pytest-xdist spreads the tests over processes (`-n 4 --dist worksteal`) and over hosts by its ssh gateways. Each host needs
the same checkout and environment. Write options with `=`: xdist takes a word that names a local path, such as the folder
of an old report, for a folder of tests to copy.

    pytest --conform-candidate=refnet --dist worksteal \
        --tx '4*popen' --tx '8*ssh=me@host//python=/opt/venv/bin/python//chdir=/srv/checkout'

The records of all of them travel back to the process that was started. There `--conform-out` writes the report that
`conform run` writes, and which `conform merge` takes too; listed differences that are gone are found over the whole.

Nothing here imports torch, or more of conformance than it has to, unless the options or the fixture are used.
"""

import time
from collections.abc import Generator, Iterable
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conformance.case import Case
    from conformance.isolate import Workers
    from conformance.record import Record

_OPTIONS = {
    "candidate": "compare this implementation with torch: refnet, torch:threads=2, a module of functions, ...",
    "device": "where the candidate runs",
    "ops": "operations, patterns separated by commas",
    "family": "families of cases: conv,pool,...",
    "dtype": "dtypes: float32,bfloat16,...",
    "check": "checks: output,gradient,second-order,error,...",
    "source": "where cases come from: own, op_db, module_db, optim_db (torch's), several of them, or all",
    "timeout": "seconds a case may take",
    "memory": "GiB that a worker may take",
    "out": "folder for the report",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """`conform run`'s options, with `--conform-` in front."""
    group = parser.getgroup("conformance", "comparing an implementation with torch")
    for name, text in _OPTIONS.items():
        group.addoption(f"--conform-{name}", metavar=name.upper(), help=text)
    group.addoption("--conform-cases", action="append", default=[], metavar="MODULE", help="a module with more CASES")


def pytest_configure(config: pytest.Config) -> None:
    """Without a candidate there is nothing to do."""
    if config.getoption("conform_candidate"):
        if config.args_source is not config.ArgsSource.ARGS:
            config.args = []
        config.pluginmanager.register(Conformance(config), "conformance-run")


@pytest.fixture
def conform() -> SimpleNamespace:
    """`conform.assert_conforms(array, function, inputs)` and `conform.judge`: see `conformance.assert_conforms`."""
    from conformance import assert_conforms, judge

    return SimpleNamespace(assert_conforms=assert_conforms, judge=judge)


class Disagreement(Exception):
    """A candidate that does not conform: the records that say so."""

    def __init__(self, records: list["Record"]) -> None:
        from conformance.cli import describe

        super().__init__("\n\n".join(map(describe, records)))


class Conformance:
    """The plugin of a session that compares: in every process it runs cases, in the first one it gathers records."""

    def __init__(self, config: pytest.Config) -> None:
        from conformance import config as configuration
        from conformance.options import parser

        given = ["run"]
        for name in _OPTIONS:
            value = config.getoption(f"conform_{name}")
            given += [f"--{name}", value] if value is not None else []
        for module in config.getoption("conform_cases"):
            given += ["--cases", module]
        understood = parser()
        path = configuration.find(config.invocation_params.dir)
        try:
            if path is not None:
                configuration.apply(understood, configuration.read(path), str(path))
            self.options = understood.parse_args(given)
        except ValueError as error:
            raise pytest.UsageError(str(error)) from error
        except SystemExit as error:
            raise pytest.UsageError("a --conform option is wrong, as said above") from error
        self.config = config
        self.gathers = not hasattr(config, "workerinput")  # a worker of xdist only runs
        self.by_case: dict[str, list[Record]] = {}
        self.processes: set[str] = set()
        self.said = ""
        self.began = time.monotonic()

    # --- in every process ----------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Generator[None, Any, Any]:
        """Our tests stand beside the files that the session collects."""
        report = yield
        if isinstance(collector, pytest.Session) and report.passed:
            report.result.append(Operations.from_parent(collector, name="conform", nodeid="conform", plugin=self))
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """The records go where the report goes: xdist sends its attributes to the first process."""
        report = yield
        if isinstance(item, Group) and call.when == "call":
            from conformance.journal import line_of

            report.conformance = [line_of(case, records) for case, records in item.found.items()]
        return report

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Stop the workers; in the first process, the report."""
        if "workers" in self.__dict__:
            self.workers.close()
        if self.gathers and self.by_case:
            self._report(session)

    @cached_property
    def workers(self) -> "Workers":
        """The worker process of this pytest process, started by its first test."""
        from conformance.against import Against
        from conformance.isolate import Workers

        options = self.options
        return Workers(
            1,
            options.candidate,
            Against(options.device),
            options.cases,
            options.timeout,
            sources=options.source,
            memory=options.memory,
            checks=options.check,
        )

    @cached_property
    def cases(self) -> list["Case"]:
        """The chosen cases."""
        from conformance.options import selection
        from conformance.run import select

        return select(selection(self.options), self.options.cases, self.options.source)

    # --- in the first process ------------------------------------------------------------------------------------

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather what the tests found, here or in xdist's workers."""
        if self.gathers:
            from conformance.journal import of_line

            self.by_case.update(map(of_line, getattr(report, "conformance", ())))
            self.processes.add(getattr(report, "worker_id", ""))  # xdist's name for the process

    def _report(self, session: pytest.Session) -> None:
        """Known differences over the whole, and the report. A listed difference that has gone fails the session."""
        from conformance.identity import identity
        from conformance.report.summary import verdict
        from conformance.run import Outcome, settled

        options = self.options
        outcome = Outcome(options.candidate, self.cases, extra=tuple(options.cases), sources=options.source)
        outcome.checks = options.check
        outcome.identity = identity(options.candidate, options.device, options.cases)
        outcome.complete = all(case.id in self.by_case for case in self.cases)
        outcome.workers = len(self.processes)
        outcome.records = settled(outcome, self.by_case)
        outcome.seconds = time.monotonic() - self.began
        self.said = f"{outcome.candidate}: {verdict(outcome)}"
        stale = [record.message for record in outcome.records if record.check == "known"]
        if stale:
            self.said = "\n".join([self.said, *stale])
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self.config.getoption("conform_out"):
            from conformance import report

            report.write(outcome, options.out)
            self.said += f"\nreport: {options.out / 'summary.md'}"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The verdict on the whole, and where the report is."""
        if self.said:
            terminalreporter.section("conformance")
            terminalreporter.line(self.said)


class Operations(pytest.Collector):
    """All groups of cases."""

    def __init__(self, *, plugin: Conformance, **options: Any) -> None:
        super().__init__(**options)
        self.plugin = plugin

    def collect(self) -> Iterable["Group"]:
        groups: dict[str, list[Case]] = {}
        try:
            cases = self.plugin.cases
        except ValueError as error:
            raise self.CollectError(str(error)) from None
        for case in cases:
            groups.setdefault(f"{case.family}::{case.operation.name}[{case.dtype}]", []).append(case)
        if not groups:
            raise self.CollectError("no case matches the --conform options; `conform list` shows all of them")
        for name, cases in groups.items():
            yield Group.from_parent(self, name=name, plugin=self.plugin, cases=cases)


class Group(pytest.Item):
    """The cases of one operation and dtype."""

    def __init__(self, *, plugin: Conformance, cases: list["Case"], **options: Any) -> None:
        super().__init__(**options)
        self.plugin = plugin
        self.cases = cases
        self.found: dict[str, list[Record]] = {}

    def runtest(self) -> None:
        from conformance import known
        from conformance.record import UNSUPPORTED
        from conformance.run import kept
        from conformance.worker import CannotStart

        options = self.plugin.options
        try:
            for case, records in self.plugin.workers.run(self.cases):
                self.found[case.id] = records
        except CannotStart as error:  # nor would it for the next test
            self.session.shouldfail = str(error)
            raise
        mine = [record for case in self.cases for record in kept(self.found[case.id], options.check)]
        # Whether a listed difference has gone only the whole can say: here none counts as complete.
        settled = known.apply(mine, options.candidate, known.load(), not_run=self.found)
        bad = [record for record in settled if record.bad]
        if bad:
            raise Disagreement(bad)
        if settled and all(record.status == UNSUPPORTED for record in settled):
            pytest.skip(settled[0].message)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The records, without the traceback through this file."""
        from conformance.worker import CannotStart

        if isinstance(excinfo.value, Disagreement | CannotStart):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.name
