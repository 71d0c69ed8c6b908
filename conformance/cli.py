"""The command `conform`.

Exit status: 0 the candidate conforms, 1 it does not, 2 wrong usage, 3 the run is incomplete (interrupted).
"""

import argparse
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from conformance.case import BITS, Case
from conformance.cases import SOURCES, catalogue
from conformance.identity import identity
from conformance.isolate import Workers
from conformance.journal import Header, Journal, beside
from conformance.options import parser, selection
from conformance.record import KNOWN, PASS, UNSUPPORTED, Record
from conformance.run import Outcome, run, select
from conformance.worker import CannotStart


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    if not given or (given[0].startswith("-") and given[0] not in ("-h", "--help", "--version")):
        given.insert(0, "run")
    options = parser().parse_args(given)
    options.given = given
    commands = {
        "run": _run,
        "merge": _merge,
        "list": _list,
        "explain": _explain,
        "train": _train,
        "time": _time,
        "gate": _gate,
    }
    try:
        return commands[options.command](options)
    except (ValueError, ImportError, CannotStart) as error:
        print(f"conform: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("conform: interrupted before the first case", file=sys.stderr)
        return 3


# --- run ----------------------------------------------------------------------------------------------------------


def _run(options: argparse.Namespace) -> int:
    if options.list:
        return _list(options)
    with _terminable(), _workers(options) as pool:
        if "op_db" in options.source:
            pool.start()  # drawing its samples, to list the cases, takes as long as the workers need to start
        return _compare(options, pool)


def _workers(options: argparse.Namespace) -> Workers:
    return Workers(
        options.workers,
        options.candidate,
        options.device,
        options.cases,
        options.timeout,
        sources=options.source,
        memory=options.memory,
    )


def _compare(options: argparse.Namespace, pool: Workers) -> int:
    """Run the chosen cases, with a journal, and write the report."""
    from conformance import report
    from conformance.progress import Progress

    cases = [] if options.resume else _chosen(options)
    path = beside(options.out)
    if path.exists() and not options.resume:
        print(f"{path} of an unfinished run is discarded; --resume would have gone on with it", file=sys.stderr)
    with Journal(path, _header(options, cases), resume=options.resume) as journal:
        if options.resume:
            cases = _journalled(options, journal)
            print(f"{len(journal.done)} of {len(cases)} cases are done already", file=sys.stderr)
        with Progress(len(cases), len(journal.done)) as progress:
            outcome = run(
                options.candidate,
                cases,
                extra=options.cases,
                sources=options.source,
                selection=selection(options),
                journal=journal,
                pool=pool,
                finished=progress,
            )
        report.write(outcome, options.out)
        if outcome.complete:
            journal.remove()
    status = _tell(outcome, options.out)
    if not outcome.complete:
        again = [word for word in options.given if word != "--resume"]
        print(f"interrupted; to go on: conform {shlex.join([again[0], '--resume', *again[1:]])}")
    return status


def _header(options: argparse.Namespace, cases: list[Case]) -> Header:
    """What this run is, for its journal."""
    choice = {
        "--ops": options.ops,
        "--family": options.family,
        "--dtype": options.dtype,
        "--check": options.check,
        "-k": options.words,
        "--source": options.source,
        "--cases": options.cases,
        "--shard": None if options.shard is None else str(options.shard),
        "--last-failed": options.last_failed,
    }
    who = identity(options.candidate, options.device, options.cases)
    return Header(who, choice, tuple(case.id for case in cases))


def _chosen(options: argparse.Namespace) -> list[Case]:
    """The cases that the options choose. ValueError when there are none; a shard of some may be empty."""
    cases = select(replace(selection(options), shard=None), options.cases, options.source)
    if not cases:
        raise ValueError("no case matches; `conform list` shows all of them")
    if options.last_failed:
        failed = _last_failed(options.out)
        cases = [case for case in cases if case.id in failed]
        if not cases:
            raise ValueError(f"nothing that is chosen failed in {options.out}: {len(failed)} cases failed there at all")
    return [case for case in cases if options.shard is None or case in options.shard]


def _last_failed(folder: Path) -> set[str]:
    """The ids of the cases with a failure in a report."""
    from conformance import report

    report.about(folder)
    return {record.case for record in report.records(folder) if record.bad}


def _journalled(options: argparse.Namespace, journal: Journal) -> list[Case]:
    """The cases of the run that is resumed: with --last-failed, the report that chose them may be gone."""
    there = catalogue(options.cases, sources=options.source)
    cases = []
    for name in journal.header.cases:
        case = there.get(name)
        if case is None:
            raise ValueError(f"{journal.path} has a case {name!r}, which there is not any more")
        cases.append(case)
    return cases


@contextmanager
def _terminable() -> Iterator[None]:
    """A job that is cancelled with SIGTERM leaves what it has done, as after Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():  # Python lets no other thread do this
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _tell(outcome: Outcome, folder: Path) -> int:
    """Say what came of it; returns the exit status."""
    from conformance.report.summary import verdict

    failures = outcome.failures
    counts = {status: sum(r.status == status for r in outcome.records) for status in (PASS, KNOWN, UNSUPPORTED)}
    print(f"{outcome.candidate}: {verdict(outcome)}")
    print(
        f"{len(outcome.cases)} cases, {len(outcome.records)} comparisons in {outcome.seconds:.0f} s: "
        f"{counts[PASS]} passed, {len(failures)} failed, {counts[KNOWN]} known differences, "
        f"{counts[UNSUPPORTED]} not supported"
    )
    if failures:
        worst = max(failures, key=lambda record: record.z if record.z == record.z else -1.0)
        print("\nthe worst:\n" + describe(worst))
    print(f"report: {folder / 'summary.md'}")
    if not outcome.complete:
        return 3
    return 1 if failures else 0


def describe(record: Record) -> str:
    """A record as a few lines."""
    lines = [f"{record.status} {record.case}", f"  {record.check} {record.tensor}".rstrip()]
    if record.grade or record.category:
        lines[-1] += f": {record.grade or record.category}"
    if record.message:
        lines += [f"  {line}" for line in record.message.strip().splitlines()]
    if record.cause:
        lines.append(f"  likely cause: {record.cause}")
    if record.index:
        where = f"  at {record.index}: candidate {record.candidate!r}, torch {record.torch!r}"
        judged = f", oracle {record.oracle!r}, z = {record.z:.3g}, allowed error {record.allowed:.3g}"
        lines.append(where if record.check == BITS else where + judged)  # bits are equal or not
    return "\n".join(lines)


# --- the others ---------------------------------------------------------------------------------------------------


def _merge(options: argparse.Namespace) -> int:
    from conformance import report
    from conformance.merge import merge

    outcome, lacking = merge(options.reports)
    report.write(outcome, options.out)
    status = _tell(outcome, options.out)
    for reason in lacking:
        print(f"incomplete: {reason}")
    return status


def _list(options: argparse.Namespace) -> int:
    for case in _chosen(options):
        print(case.id)
    return 0


def _train(options: argparse.Namespace) -> int:
    from conformance.trajectory import command

    with _terminable():
        return command.run(options)


def _time(options: argparse.Namespace) -> int:
    from conformance.timing import command

    return command.run(options)


def _gate(options: argparse.Namespace) -> int:
    from conformance.gate import command

    return command.run(options)


def _explain(options: argparse.Namespace) -> int:
    from conformance.candidates import load
    from conformance.comparison import compare

    cases = catalogue(options.cases, sources=SOURCES)
    if options.case not in cases:
        near = [name for name in catalogue(options.cases) if options.case.lower() in name.lower()][:5]
        hint = "".join(f"\n  {name}" for name in near)
        raise ValueError(
            f"no case is called {options.case!r}; `conform list` shows all{hint and ', for instance' + hint}"
        )
    records = compare(cases[options.case], load(options.candidate, options.device))
    for record in records:
        print(describe(record))
    return 1 if any(record.bad for record in records) else 0
