# PYTHON_ARGCOMPLETE_OK
"""The command `conform`.

Exit status: 0 the candidate conforms, 1 it does not, 2 wrong usage, or the candidate has nothing of what was chosen, 3 the
run is incomplete (interrupted).
"""

import argparse
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import replace
from pathlib import Path

from conformance import against, config, github, known
from conformance.against import Against
from conformance.candidates.protocol import Candidate
from conformance.case import Case
from conformance.cases import SOURCES, catalogue
from conformance.gpus import CPU, kind
from conformance.isolate import Workers, one_thread
from conformance.journal import Header, Journal, beside
from conformance.options import parser, selection
from conformance.printing import again, as_json, by_operation, in_colour, of_case, of_outcome, of_records, of_table
from conformance.printing import describe as describe
from conformance.record import KNOWN, PASS, UNSUPPORTED
from conformance.run import Outcome, run, select, who
from conformance.sources.databases import DATABASES, left_out
from conformance.worker import CannotStart, why

CLOSED = 141  # 128 + SIGPIPE: what a shell says of a command whose output nobody reads any more


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    if not given or (given[0].startswith("-") and given[0] not in ("-h", "--help", "--version")):
        given.insert(0, "run")
    if os.getcwd() not in sys.path:  # modules of kernels and cases lie where one works: `conform` starts elsewhere
        sys.path.append(os.getcwd())
    commands = {
        "run": _run,
        "merge": _merge,
        "list": _list,
        "explain": _explain,
        "train": _train,
        "time": _time,
        "gate": _gate,
        "report": _report,
        "repro": _repro,
        "version": _version,
    }
    try:
        understood = parser()
        _complete(understood)
        _configure(understood)
        options = understood.parse_args(given)
        options.given = given
        status = commands[options.command](options)
        sys.stdout.flush()
        return status
    except (ValueError, ImportError, CannotStart) as error:
        print(f"conform: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("conform: interrupted; nothing was written", file=sys.stderr)
        return 3
    except BrokenPipeError:  # who reads has enough, as `head` has: the rest goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED


def _complete(understood: argparse.ArgumentParser) -> None:
    """Answer the shell when it asks how a line could go on (and end), where argcomplete is installed."""
    if "_ARGCOMPLETE" in os.environ:
        from conformance.completion import complete

        complete(understood)


def _configure(understood: argparse.ArgumentParser) -> None:
    """The options of [tool.conform]; the command line overrides them."""
    path = config.find(Path.cwd())
    if path is not None:
        config.apply(understood, config.read(path), str(path))


# --- run ----------------------------------------------------------------------------------------------------------


def _run(options: argparse.Namespace) -> int:
    if options.list:
        return _list(options)
    with _terminable(), _workers(options) as pool:
        if any(name in DATABASES for name in options.source):
            pool.start()  # drawing their samples, to list the cases, takes as long as the workers need to start
        return _compare(options, pool)


def _workers(options: argparse.Namespace) -> Workers:
    return Workers(
        options.workers,
        options.candidate,
        _held(options),
        options.cases,
        options.timeout,
        sources=options.source,
        memory=options.memory,
        checks=options.check,
    )


def _held(options: argparse.Namespace) -> Against:
    """What the candidate is held against."""
    return Against(options.device, options.reference, options.oracle_device)


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
        listed = [entry for entry in known.load() if entry.candidate == options.candidate]
        with Progress(len(cases), len(journal.done), known=listed) as progress:
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
        if any(name in DATABASES for name in options.source):
            outcome.left_out = left_out(options.source, options.ops, options.dtype)
        report.write(outcome, options.out)
        _page(options.out)
        if outcome.complete:
            journal.remove()
    status = _tell(outcome, options.out, options.json)
    if not outcome.complete:
        words = [word for word in options.given if word != "--resume"]
        line = f"interrupted; to go on: conform {shlex.join([words[0], '--resume', *words[1:]])}"
        print(line, file=sys.stderr if options.json else sys.stdout)
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
    return Header(who(options.candidate, options.cases, _held(options)), choice, tuple(case.id for case in cases))


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


def _tell(outcome: Outcome, folder: Path, in_json: bool = False) -> int:
    """Say what came of it; returns the exit status."""
    failures = outcome.failures
    nothing = outcome.idle and outcome.shard is None  # a shard may have nothing to do
    status = 3 if not outcome.complete else 1 if failures else 2 if nothing else 0
    github.summarize((folder / "summary.md").read_text(encoding="utf-8"))
    notes = github.annotations((f"{r.status} {r.case}", describe(r)) for r in failures)
    for line in notes:
        print(line, file=sys.stderr if in_json else sys.stdout)
    if in_json:
        print(as_json(of_outcome(outcome, status, str(folder))))
    else:
        _say(outcome, folder)
    return status


def _say(outcome: Outcome, folder: Path) -> None:
    """The outcome in a few lines."""
    from conformance.report.summary import verdict

    failures = outcome.failures
    counts = {status: sum(r.status == status for r in outcome.records) for status in (PASS, KNOWN, UNSUPPORTED)}
    done = "" if outcome.complete else f"{len({record.case for record in outcome.records})} of "
    print(f"{outcome.candidate}: {verdict(outcome)}")
    print(
        f"{done}{len(outcome.cases)} cases, {len(outcome.records)} comparisons in {outcome.seconds:.0f} s: "
        f"{counts[PASS]} passed, {len(failures)} failed, {counts[KNOWN]} known differences, "
        f"{counts[UNSUPPORTED]} not supported"
    )
    if failures:
        worst = max(failures, key=lambda record: record.z if record.z == record.z else -1.0)
        print(f"failing: {by_operation(failures)}")
        print("\nthe worst:\n" + describe(worst, in_colour()))
        print(f"  {_shown(outcome.candidate, outcome.extra, worst.case, Against.of(outcome.identity))}\n")
    pages = [name for name in ("report.html", "summary.md") if (folder / name).exists()]
    print(f"report: {', '.join(str(folder / name) for name in pages)}")


def _shown(candidate: str, extra: Sequence[str], case: str, held: Against) -> str:
    """What to do with a failure: a script, or on a GPU the comparison again."""
    if kind(held.device) == CPU:
        return f"as a script: {again('repro', candidate, extra, case, held)}"
    return f"again: {again('explain', candidate, extra, case, held)}"


# --- the others ---------------------------------------------------------------------------------------------------


def _merge(options: argparse.Namespace) -> int:
    from conformance import report
    from conformance.merge import merge

    outcome, lacking = merge(options.reports)
    report.write(outcome, options.out)
    _page(options.out)
    status = _tell(outcome, options.out, options.json)
    for reason in lacking:
        print(f"incomplete: {reason}", file=sys.stderr if options.json else sys.stdout)
    return status


def _list(options: argparse.Namespace) -> int:
    cases = _chosen(options)
    print(as_json(list(map(of_case, cases))) if options.json else "\n".join(case.id for case in cases))
    return 0


def _train(options: argparse.Namespace) -> int:
    from conformance.trajectory import command

    with _terminable(), _words_aside(options.json):
        status = command.run(options)
    if options.json:
        from conformance.report import beside

        found = beside.training(options.out or command.REPORTS / options.recipe)
        print(as_json({"exit status": status, **found}))
    return status


def _time(options: argparse.Namespace) -> int:
    from conformance.timing import command

    in_json = options.json and not options.list
    with _words_aside(in_json):
        status = command.run(options)
    if not options.list:
        _renew(options.out)
    if in_json:
        from conformance.report import beside

        rows = of_table(beside.timings(options.out))
        print(as_json({"exit status": status, "rows": rows, "report": str(options.out)}))
    return status


@contextmanager
def _words_aside(aside: bool) -> Iterator[None]:
    """What is printed goes to the standard error, where the standard output is for JSON."""
    with redirect_stdout(sys.stderr) if aside else nullcontext():
        yield


def _gate(options: argparse.Namespace) -> int:
    from conformance.gate import command

    status = command.run(options)
    _renew(options.report)
    return status


def _report(options: argparse.Namespace) -> int:
    from conformance.report import html, read, tables

    made = [html.write(options.folder)]
    if options.png:
        made += html.pictures(options.folder)
    if options.tables:
        made += tables.write(read(options.folder), options.folder / "tables")
    print("\n".join(map(str, made)))
    return 0


def _page(folder: Path) -> None:
    """report.html, without which a report is still a report: whatever happens here, the run was made."""
    from conformance.report import html

    try:
        html.write(folder)
    except Exception as error:
        print(f"no report.html: {type(error).__name__}: {error}; later: conform report {folder}", file=sys.stderr)


def _renew(folder: Path) -> None:
    """The page of a report to which something was added."""
    if (folder / "report.html").exists():
        _page(folder)


def _explain(options: argparse.Namespace) -> int:
    case, candidate = _one(options)
    from conformance.alone import compare_alone

    records = compare_alone(case, candidate, options.timeout)
    if options.json:
        print(as_json(of_records(records)))
    else:
        for record in records:
            print(describe(record, in_colour()))
        if any(record.bad for record in records):
            print(_shown(options.candidate, options.cases, case.id, _held(options)))
    return 1 if any(record.bad for record in records) else 0


def _repro(options: argparse.Namespace) -> int:
    if kind(options.device) != CPU:
        raise ValueError("scripts are for the CPU: `conform explain` compares a case on a GPU again")
    case, candidate = _one(options)
    from conformance.repro import reproduce

    beside = None if options.out is None else options.out.with_suffix(".npz")
    found = reproduce(
        case,
        candidate,
        options.candidate,
        timeout=options.timeout,
        check=options.check,
        seconds=options.shrink,
        beside=beside,
    )
    if found is None:
        print(f"nothing fails in {case.id!r}: there is nothing to reproduce", file=sys.stderr)
        return 0
    if options.out is None:
        print(found.script, end="")
    else:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(found.script, encoding="utf-8")
        if beside is not None and found.arrays is not None:
            beside.write_bytes(found.arrays)
        print(f"{describe(found.record, in_colour())}\nscript: {options.out}")
    return 1


def _one(options: argparse.Namespace) -> tuple[Case, Candidate]:
    """The case and the candidate that were named."""
    from conformance.candidates import load

    with one_thread():  # torch and numpy read it when they are loaded: what forks must have no threads
        cases = catalogue(options.cases, sources=SOURCES)
        if options.case not in cases:
            hint = "".join(f"\n  {name}" for name in _near(options.case, catalogue(options.cases)))
            raise ValueError(
                f"no case is called {options.case!r}; `conform list` shows all{hint and ', for instance' + hint}"
            )
        against.use(_held(options))
        try:
            return cases[options.case], load(options.candidate, options.device)
        except Exception as error:  # whatever a module of somebody's does when it is loaded
            raise CannotStart(why(error)) from error


def _near(sought: str, names: Iterable[str]) -> list[str]:
    """A few names like the one that was sought: of the same operation, with it inside, of much the same letters."""
    from difflib import get_close_matches

    sought, there = sought.lower(), list(names)
    same = [name for name in there if name.partition("(")[0].lower() == sought.partition("(")[0]]
    inside = [name for name in there if sought in name.lower()]
    return get_close_matches(sought, same, 5, 0) or inside[:5] or get_close_matches(sought, there, 5)


def _version(options: argparse.Namespace) -> int:
    from conformance.report.environment import machine

    found = machine()
    if options.json:
        print(as_json(found))
        return 0
    packages = found.pop("packages")
    rows = {"conform": packages["refnet"], **packages, **found}
    for name, value in rows.items():
        print(f"{name:<12}{value}")
    return 0
