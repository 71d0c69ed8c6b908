"""The command `conform`.

Exit status: 0 the candidate conforms, 1 it does not, 2 wrong usage, 3 the run is incomplete (interrupted).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from conformance.record import Record
from conformance.run import DEFAULT_TIMEOUT, Selection, run, select

EXAMPLES = """examples:
  conform                                        compare refnet with torch, on everything
  conform run --ops 'conv*,max_pool2d'           only some operations
  conform run --candidate torch:threads=2        torch against itself: nothing may fail
  conform run --candidate mypackage.kernels      a module of plain functions over numpy arrays
  conform list --ops 'conv*'                     the cases, without running them
  conform explain 'tanh([3]) float32'            one case again, with every comparison
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    if not given or (given[0].startswith("-") and given[0] not in ("-h", "--help", "--version")):
        given.insert(0, "run")
    options = _parser().parse_args(given)
    try:
        status: int = options.command(options)
    except (ValueError, ImportError) as error:
        print(f"conform: {error}", file=sys.stderr)
        return 2
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="conform",
        description="Compare an implementation with torch: outputs, gradients, strides, errors, training steps.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"conform {_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    running = commands.add_parser("run", help="compare, and write a report (the default)")
    _choosing(running)
    running.add_argument("--workers", type=_positive, help="worker processes (default: one per processor)")
    running.add_argument("--timeout", type=float, default=DEFAULT_TIMEOUT, help="seconds a case may take (%(default)g)")
    running.add_argument("--out", type=Path, default=Path("reports/latest"), help="folder of the report (%(default)s)")
    running.add_argument("--list", action="store_true", help="list the chosen cases instead of running them")
    running.set_defaults(command=_run)

    listing = commands.add_parser("list", help="list cases")
    _choosing(listing)
    listing.set_defaults(command=_list)

    explaining = commands.add_parser("explain", help="run one case again and show every comparison")
    explaining.add_argument("case", help="the id of a case, as reports and `conform list` print it")
    _candidate(explaining)
    explaining.set_defaults(command=_explain)
    return parser


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("refnet")
    except PackageNotFoundError:
        return "(not installed)"


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a number of at least 1, got {text}")
    return number


def _patterns(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _candidate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--candidate",
        default="refnet",
        help="what to compare with torch: refnet (default), torch, torch:threads=2, torch:mkldnn=off, "
        "torch:channels-last, a module of functions, or package.module:attribute",
    )
    parser.add_argument("--device", default="cpu", help="where the candidate runs (%(default)s)")
    parser.add_argument("--cases", action="append", default=[], metavar="MODULE", help="a module with more CASES")


def _choosing(parser: argparse.ArgumentParser) -> None:
    _candidate(parser)
    parser.add_argument("--ops", type=_patterns, default=(), help="operations, patterns separated by commas")
    parser.add_argument("--family", type=_patterns, default=(), help="families of cases: conv,pool,...")
    parser.add_argument("--dtype", type=_patterns, default=(), help="dtypes: float32,bfloat16,...")
    parser.add_argument("--check", type=_patterns, default=(), help="checks: output,gradient,second-order,error,...")
    parser.add_argument("-k", dest="words", action="append", default=[], help="a word that the case's id contains")


def _selected(options: argparse.Namespace) -> list[object]:
    selection = Selection(options.ops, options.family, options.dtype, options.check, tuple(options.words))
    cases = select(selection, options.cases)
    if not cases:
        raise ValueError("no case matches; `conform list` shows all of them")
    return list(cases)


def _list(options: argparse.Namespace) -> int:
    for case in _selected(options):
        print(case.id)  # type: ignore[attr-defined]
    return 0


def _run(options: argparse.Namespace) -> int:
    if options.list:
        return _list(options)
    from conformance import report
    from conformance.progress import Progress
    from conformance.report.summary import verdict

    cases = _selected(options)
    with Progress(len(cases)) as progress:
        outcome = run(
            options.candidate,
            cases,  # type: ignore[arg-type]
            device=options.device,
            workers=options.workers,
            timeout=options.timeout,
            extra=options.cases,
            checks=options.check,
            finished=progress,
        )
    report.write(outcome, options.out)
    failures = outcome.failures
    counts = {status: sum(r.status == status for r in outcome.records) for status in ("PASS", "KNOWN", "UNSUPPORTED")}
    print(f"{options.candidate}: {verdict(outcome)}")
    print(
        f"{len(cases)} cases, {len(outcome.records)} comparisons in {outcome.seconds:.0f} s: {counts['PASS']} passed, "
        f"{len(failures)} failed, {counts['KNOWN']} known differences, {counts['UNSUPPORTED']} not supported"
    )
    if failures:
        worst = max(failures, key=lambda record: record.z if record.z == record.z else -1.0)
        print("\nthe worst:\n" + describe(worst))
    print(f"report: {options.out / 'summary.md'}")
    if failures:
        return 1
    return 0 if outcome.complete else 3


def describe(record: Record) -> str:
    """A record as a few lines."""
    lines = [f"{record.status} {record.case}", f"  {record.check} {record.tensor}".rstrip()]
    if record.grade or record.category:
        lines[-1] += f": {record.grade or record.category}"
    if record.message:
        lines += [f"  {line}" for line in record.message.strip().splitlines()]
    if record.index:
        lines.append(
            f"  at {record.index}: candidate {record.candidate!r}, torch {record.torch!r}, oracle {record.oracle!r}, "
            f"z = {record.z:.3g}, allowed error {record.allowed:.3g}"
        )
    return "\n".join(lines)


def _explain(options: argparse.Namespace) -> int:
    from conformance.candidates import load
    from conformance.cases import catalogue
    from conformance.comparison import compare

    cases = catalogue(options.cases)
    if options.case not in cases:
        near = [name for name in cases if options.case.lower() in name.lower()][:5]
        hint = "".join(f"\n  {name}" for name in near)
        raise ValueError(
            f"no case is called {options.case!r}; `conform list` shows all{hint and ', for instance' + hint}"
        )
    records = compare(cases[options.case], load(options.candidate, options.device))
    for record in records:
        print(describe(record))
    return 1 if any(record.bad for record in records) else 0
