"""What the command line of `conform` understands."""

import argparse
from pathlib import Path

from conformance.cases import SOURCES
from conformance.run import DEFAULT_TIMEOUT, Selection, Shard

EXAMPLES = """examples:
  conform                                        compare refnet with torch, on everything
  conform run --ops 'conv*,max_pool2d'           only some operations
  conform run --resume                           go on where a run was interrupted or killed
  conform run --last-failed                      only what failed in the last report
  conform run --candidate torch:threads=2        torch against itself: nothing may fail
  conform run --candidate mypackage.kernels      a module of plain functions over numpy arrays
  conform run --source op_db --dtype float32     the samples that torch tests itself with
  conform run --shard 1/4 --out reports/part1    a quarter of the cases; `conform merge` puts the quarters together
  conform merge reports/part* --out reports/all
  conform list --ops 'conv*'                     the cases, without running them
  conform explain 'tanh([3]) float32'            one case again, with every comparison

exit status: 0 the candidate conforms, 1 it does not, 2 wrong usage, 3 the run is incomplete
"""


def parser() -> argparse.ArgumentParser:
    """The parser; the chosen command is the option `command`."""
    top = argparse.ArgumentParser(
        prog="conform",
        description="Compare an implementation with torch: outputs, gradients, strides, errors, training steps.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"conform {_version()}")
    commands = top.add_subparsers(required=True, metavar="COMMAND", dest="command")

    running = commands.add_parser("run", help="compare, and write a report (the default)")
    _choosing(running)
    running.add_argument("--shard", type=shard, metavar="I/N", help="only part I of N; the case's id decides which")
    running.add_argument("--last-failed", action="store_true", help="only the cases that failed in the report at --out")
    running.add_argument("--resume", action="store_true", help="continue a run of the same options that was cut short")
    running.add_argument("--workers", type=_positive, help="worker processes (default: one per processor)")
    running.add_argument("--timeout", type=float, default=DEFAULT_TIMEOUT, help="seconds a case may take (%(default)g)")
    running.add_argument(
        "--memory", type=float, metavar="GIB", help="memory a worker may take; a case beyond it is OOM"
    )
    running.add_argument("--out", type=Path, default=Path("reports/latest"), help="folder of the report (%(default)s)")
    running.add_argument("--list", action="store_true", help="list the chosen cases instead of running them")

    merging = commands.add_parser("merge", help="put the reports of shards or hosts together")
    merging.add_argument("reports", type=Path, nargs="+", metavar="DIR", help="folders of reports")
    merging.add_argument("--out", type=Path, required=True, help="folder of the merged report")

    listing = commands.add_parser("list", help="list cases")
    _choosing(listing)
    listing.set_defaults(shard=None, last_failed=False)

    explaining = commands.add_parser("explain", help="run one case again and show every comparison")
    explaining.add_argument("case", help="the id of a case, as reports and `conform list` print it")
    _candidate(explaining)
    return top


def selection(options: argparse.Namespace) -> Selection:
    """The cases that the options choose."""
    words = tuple(options.words)
    return Selection(options.ops, options.family, options.dtype, options.check, words, options.shard)


def patterns(text: str) -> tuple[str, ...]:
    """The parts of a list separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def sources(text: str) -> tuple[str, ...]:
    """Sources of cases, separated by commas."""
    given = patterns(text)
    unknown = [name for name in given if name not in SOURCES]
    if unknown or not given:
        raise argparse.ArgumentTypeError(f"the sources are {', '.join(SOURCES)}; got {text!r}")
    return given


def shard(text: str) -> Shard:
    """The shard written as I/N."""
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise argparse.ArgumentTypeError(f"expected I/N with I from 1 to N, got {text!r}")
    return Shard(int(index), int(count))


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("refnet")
    except PackageNotFoundError:
        return "(not installed)"


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number of at least 1, got {text}")
    return int(text)


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
    parser.add_argument(
        "--source",
        type=sources,
        default=("own",),
        help="where cases come from: own (default), op_db (torch's), or both",
    )
    parser.add_argument("--ops", type=patterns, default=(), help="operations, patterns separated by commas")
    parser.add_argument("--family", type=patterns, default=(), help="families of cases: conv,pool,...")
    parser.add_argument("--dtype", type=patterns, default=(), help="dtypes: float32,bfloat16,...")
    parser.add_argument("--check", type=patterns, default=(), help="checks: output,gradient,second-order,error,...")
    parser.add_argument(
        "-k", dest="words", action="append", default=[], help="a word that the case's id contains; several: all of them"
    )
