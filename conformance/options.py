"""What the command line of `conform` understands."""

import argparse
from pathlib import Path

from conformance.cases import SOURCES
from conformance.run import DEFAULT_TIMEOUT, Selection, Shard
from conformance.timing.others import ALL as OTHERS
from conformance.timing.sweep import Sweep
from conformance.trajectory.data import IMAGES, SAMPLE
from conformance.trajectory.lockstep import DEFAULT, VARIANTS
from conformance.trajectory.plan import OPTIMIZERS, SCHEDULERS
from conformance.trajectory.recipes import RECIPES

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
  conform train lenet5 --optimizer adam          the same seed in torch and in refnet: every step compared
  conform time                                   paired timings beside torch, with intervals and a null test
  conform gate                                   what got worse since the baseline: verdicts, accuracy, speed

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

    training = commands.add_parser(
        "train",
        help="train a model in torch and in the candidate from the same seed, and compare every step",
        description="Train a model in torch and in the candidate from the same seed, and compare every step: batches, "
        "losses, gradients, parameters, buffers, optimizer state, generator state. What is allowed is how far torch's own "
        "runs go from torch at float64.",
        epilog="exit status: 0 inside torch's own envelope, or not supported (it says which), 1 outside, 2 wrong usage, 3 interrupted",
    )
    _training(training)

    timing = commands.add_parser(
        "time",
        help="how fast the candidate is beside torch: ratios with their intervals",
        description="Time the candidate and torch in interleaved pairs: single operations, LeNet-5, sweeps. A null test, torch "
        "against torch, says what difference can be seen; results are judged on other inputs afterwards.",
        epilog="exit status: 0 timed, 1 results are wrong, 2 wrong usage, 3 interrupted",
    )
    _timing(timing)

    gating = commands.add_parser(
        "gate",
        help="what got worse since the baseline: verdicts, coverage, accuracy, speed",
        description="Compare the last run with the baseline. Fails on verdicts that got worse, cases that vanished, rounding "
        "errors that grew and ratios to torch's time that got slower beyond noise, listed differences that are gone. What "
        "looks worse is done again before it is called so: failing cases on the same and on other numbers, rounding errors "
        "on other numbers, slow rows in fresh processes.",
        epilog="exit status: 0 nothing got worse, 1 something did, 2 wrong usage, 3 not everything could be compared",
    )
    _gating(gating)
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


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, got {text}")
    return int(text)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(_positive(part) for part in patterns(text))


def _sweep(text: str) -> Sweep:
    try:
        return Sweep.of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _others(text: str) -> tuple[str, ...]:
    """Names of other libraries."""
    given = {"all": OTHERS, "none": ()}.get(text, patterns(text))
    unknown = [name for name in given if name not in OTHERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"the other libraries are {', '.join(OTHERS)}; got {text!r}")
    return given


def _candidate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--candidate",
        default="refnet",
        help="what to compare with torch: refnet (default), torch, torch:threads=2, torch:mkldnn=off, "
        "torch:channels-last, a module of functions, or package.module:attribute",
    )
    parser.add_argument("--device", default="cpu", help="where the candidate runs (%(default)s)")
    parser.add_argument("--cases", action="append", default=[], metavar="MODULE", help="a module with more CASES")


def _training(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", metavar="NAME", help=f"the model: {', '.join(RECIPES)}")
    parser.add_argument("--candidate", default="refnet", help="what trains beside torch (%(default)s)")
    parser.add_argument("--device", default="cpu", help="where the candidate runs (%(default)s)")
    parser.add_argument("--optimizer", default="sgd", metavar="NAME", help=f"{', '.join(OPTIMIZERS)} (%(default)s)")
    parser.add_argument("--lr", type=float, help="learning rate (default: the optimizer's in this list)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="an option of the optimizer")
    parser.add_argument(
        "--scheduler", default="", metavar="NAME", help=f"stepped after every batch: {', '.join(SCHEDULERS)} (none)"
    )
    parser.add_argument("--data", choices=IMAGES, default=SAMPLE, help="images to train on (%(default)s)")
    parser.add_argument("--batch-size", type=_positive, default=64, help="(%(default)s)")
    parser.add_argument("--epochs", type=_positive, help="passes over the data (1, or as many as --steps needs)")
    parser.add_argument("--steps", type=_positive, help="stop after so many batches")
    parser.add_argument("--seed", type=int, default=0, help="what manual_seed gets (%(default)s)")
    parser.add_argument(
        "--samples",
        type=_count,
        default=2,
        help="runs of torch in Monte-Carlo arithmetic: the first sums in trees, the second term by term, and so on; 0 for none (%(default)s)",
    )
    parser.add_argument(
        "--variants",
        type=patterns,
        default=DEFAULT,
        help=f"variants of torch that make the envelope, of {', '.join(VARIANTS)} ({','.join(DEFAULT)})",
    )
    parser.add_argument(
        "--anchor-every",
        type=_count,
        default=0,
        metavar="N",
        help="put torch's runs into the candidate's state every N steps: the envelope stays narrow (0: never)",
    )
    parser.add_argument("--keep-going", action="store_true", help="go on after the candidate has left the envelope")
    parser.add_argument("--out", type=Path, help="folder of the report (reports/trajectories/NAME)")


def _timing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--candidate", default="refnet", help="what is timed beside torch (%(default)s)")
    parser.add_argument(
        "--only",
        type=patterns,
        default=(),
        metavar="GLOBS",
        help="rows whose name, kind or group matches, such as 'conv*'",
    )
    parser.add_argument(
        "--ops", dest="only", type=patterns, metavar="GLOBS", help=argparse.SUPPRESS
    )  # as `conform run`
    parser.add_argument("--row", action="append", default=[], metavar="NAME", help="the rows of exactly this name")
    parser.add_argument("--quick", action="store_true", help="under a minute: fewer rows, twenty pairs, nothing else")
    parser.add_argument(
        "--threads", type=_numbers, metavar="N,...", help="numbers of threads (1 and all processors; --quick: 1)"
    )
    parser.add_argument("--pairs", type=_positive, help="rounds a row (40; --quick: 20)")
    parser.add_argument("--seconds", type=float, help="for all rows together; 20 pairs a row are taken anyway (900)")
    parser.add_argument(
        "--sweep",
        action="append",
        type=_sweep,
        default=[],
        metavar="AXIS[=LOW..HIGH]",
        help="only sweeps, over batch, channels, size or threads",
    )
    parser.add_argument(
        "--others",
        type=_others,
        metavar="NAMES",
        help="libraries that LeNet-5 is also timed in: torch.compile,jax.jit,tinygrad, all (default) or none (--quick, --row)",
    )
    parser.add_argument("--no-memory", dest="memory", action="store_false", help="do not measure peak memory")
    parser.add_argument("--seed", type=int, default=0, help="of the order of samples (%(default)s)")
    parser.add_argument("--list", action="store_true", help="list the chosen rows instead of timing them")
    parser.add_argument("--out", type=Path, default=Path("reports/latest"), help="folder of the report (%(default)s)")


def _gating(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--report", type=Path, default=Path("reports/latest"), help="folder of the run (%(default)s)")
    parser.add_argument(
        "--baseline", type=Path, default=Path("reports/baseline"), help="folder of the baseline (%(default)s)"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="the table as Markdown (REPORT/gate.md)")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="the same as JUnit XML (REPORT/gate.xml)")
    parser.add_argument("--quiet", action="store_true", help="print one line")
    parser.add_argument(
        "--no-again", dest="again", action="store_false", help="do nothing again: what looks worse is called so"
    )
    parser.add_argument(
        "--partial",
        action="store_true",
        help="pass although cases, rows or areas could not be compared (they are named)",
    )
    parser.add_argument(
        "--update-baseline",
        action="store_true",
        help="make the run the baseline, and say what that accepts; a part of a run is refused",
    )
    parser.add_argument(
        "--timings",
        type=Path,
        nargs="+",
        metavar="DIR",
        help="with --update-baseline: folders of repeated `conform time` runs, pooled (three nearly halve the noise)",
    )


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
