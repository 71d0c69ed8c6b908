"""What the command line of `conform` understands."""

import argparse
import math
from pathlib import Path
from typing import Any

from conformance import usage
from conformance.cases import SOURCES
from conformance.config import Repeated
from conformance.gpus import CPU
from conformance.run import DEFAULT_TIMEOUT, Selection, Shard
from conformance.timing.others import ALL as OTHERS
from conformance.timing.sweep import Sweep
from conformance.trajectory.data import IMAGES, SAMPLE
from conformance.trajectory.lockstep import DEFAULT, DEFAULT_ON_GPU, ON_GPU, VARIANTS
from conformance.trajectory.plan import OPTIMIZERS, SCHEDULERS
from conformance.trajectory.recipes import RECIPES


class _Typed(argparse.HelpFormatter):
    """Descriptions are wrapped; examples and exit statuses stay as they are typed."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text:
            return "".join(f"{indent}{line}" for line in text.splitlines(keepends=True))
        return super()._fill_text(text, width, indent)


def parser() -> argparse.ArgumentParser:
    """The parser; the chosen command is the option `command`."""
    top = argparse.ArgumentParser(
        prog="conform",
        description="Compare an implementation with torch: outputs, gradients, strides, errors, training steps.",
        epilog=usage.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"conform {_version()}")
    commands = top.add_subparsers(required=True, metavar="COMMAND", dest="command")

    running = _command(commands, "run", "compare, and write a report (the default)", usage.RUN)
    _choosing(running)
    _json(running)
    running.add_argument("--shard", type=shard, metavar="I/N", help="only part I of N; the case's id decides which")
    running.add_argument("--last-failed", action="store_true", help="only the cases that failed in the report at --out")
    running.add_argument("--resume", action="store_true", help="continue a run of the same options that was cut short")
    running.add_argument("--workers", type=_positive, help="worker processes (default: one per processor)")
    running.add_argument(
        "--timeout", type=_duration, default=DEFAULT_TIMEOUT, help="seconds a case may take (%(default)g)"
    )
    running.add_argument(
        "--memory",
        type=_amount,
        metavar="GIB",
        help="memory a worker may take; a case beyond it is OOM (nine tenths of the machine's; 0: no limit)",
    )
    running.add_argument("--out", type=Path, default=Path("reports/latest"), help="folder of the report (%(default)s)")
    running.add_argument("--list", action="store_true", help="list the chosen cases instead of running them")

    merging = _command(commands, "merge", "put the reports of shards or hosts together", usage.MERGE)
    merging.add_argument("reports", type=Path, nargs="+", metavar="DIR", help="folders of reports")
    merging.add_argument("--out", type=Path, required=True, help="folder of the merged report")
    _json(merging)

    listing = _command(commands, "list", "list cases", usage.LIST)
    _choosing(listing)
    _json(listing)
    listing.set_defaults(shard=None, last_failed=False)

    explaining = _command(commands, "explain", "run one case again and show every comparison", usage.EXPLAIN)
    _one_case(explaining)
    _json(explaining)

    reproducing = _command(commands, "repro", "write a script that shows one failure without the harness", usage.REPRO)
    _one_case(reproducing)
    reproducing.add_argument("--check", default="", help="the failure of this check: output, gradient, unchanged, ...")
    reproducing.add_argument("--out", type=Path, metavar="FILE", help="the script (standard output); arrays beside it")
    reproducing.add_argument(
        "--shrink", type=_amount, default=30.0, metavar="SECONDS", help="spent on smaller arrays (%(default)g)"
    )

    training = commands.add_parser(
        "train",
        help="train a model in torch and in the candidate from the same seed, and compare every step",
        description="Train a model in torch and in the candidate from the same seed, and compare every step: batches, "
        "losses, gradients, parameters, buffers, optimizer state, generator state. What is allowed is how far torch's own "
        "runs go from torch at float64.",
        epilog="examples:\n  conform train lenet5 --optimizer adam --steps 20\n  conform train lenet5 --candidate torch:threads=2\n\n"
        "exit status: 0 inside torch's own envelope, or not supported (it says which), 1 outside, 2 wrong usage,\n"
        "3 interrupted",
        formatter_class=_Typed,
    )
    _training(training)

    timing = commands.add_parser(
        "time",
        help="how fast the candidate is beside torch: ratios with their intervals",
        description="Time the candidate and torch in interleaved pairs: single operations, LeNet-5, sweeps. A null test, torch "
        "against torch, says what difference can be seen; results are judged on other inputs afterwards.",
        epilog="examples:\n  conform time --quick\n  conform time --ops conv2d --sweep batch=1..256\n\n"
        "exit status: 0 timed, 1 results are wrong, 2 wrong usage, 3 interrupted",
        formatter_class=_Typed,
    )
    _timing(timing)

    gating = commands.add_parser(
        "gate",
        help="what got worse since the baseline: verdicts, coverage, accuracy, speed",
        description="Compare the last run with the baseline. Fails on verdicts that got worse, cases that vanished, rounding "
        "errors that grew and ratios to torch's time that got slower beyond noise, listed differences that are gone. What "
        "looks worse is done again before it is called so: failing cases on the same and on other numbers, rounding errors "
        "on other numbers, slow rows in up to 16 fresh processes and at most 3 minutes.",
        epilog="examples:\n  conform gate\n  conform gate --baseline reports/baseline --json\n  conform gate --update-baseline\n\n"
        "exit status: 0 nothing got worse, 1 something did, 2 wrong usage, 3 not everything could be compared",
        formatter_class=_Typed,
    )
    _gating(gating)

    reporting = commands.add_parser(
        "report",
        help="make report.html again from what is in the folder of a report",
        description="Make report.html again from the files in the folder of a report: its records, and timings, coverage, the "
        "gate's table and trajectories (also those in the folder `trajectories` beside it) where they are there.",
        epilog=usage.REPORT,
        formatter_class=_Typed,
    )
    reporting.add_argument(
        "folder", type=Path, nargs="?", default=Path("reports/latest"), metavar="DIR", help="(%(default)s)"
    )
    reporting.add_argument(
        "--tables", action="store_true", help="write the tables as CSV, Parquet and Markdown into DIR/tables too"
    )
    reporting.add_argument("--png", action="store_true", help="write the figures as PNG files into DIR/figures too")

    versions = _command(
        commands,
        "version",
        "the versions of everything that a verdict hangs on",
        "example:\n  conform version --json\n\nexit status: 0, 2 wrong usage\n",
    )
    _json(versions)
    return top


def _command(commands: Any, name: str, text: str, examples: str) -> argparse.ArgumentParser:
    """A sub-command whose help ends with examples as they are typed."""
    description = f"{text[0].upper()}{text[1:]}."
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=description,
        epilog=examples,
        formatter_class=_Typed,
    )
    return made


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON on standard output, and nothing else there")


def _one_case(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", metavar="CASE", help="the id of a case, as reports and `conform list` print it")
    _candidate(parser)
    parser.add_argument("--timeout", type=_duration, default=DEFAULT_TIMEOUT, help="seconds it may take (%(default)g)")


def selection(options: argparse.Namespace) -> Selection:
    """The cases that the options choose."""
    words = tuple(options.words)
    return Selection(options.ops, options.family, options.dtype, options.check, words, options.shard)


def patterns(text: str) -> tuple[str, ...]:
    """The parts of a list separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def sources(text: str) -> tuple[str, ...]:
    """Sources of cases, separated by commas."""
    given = SOURCES if text == "all" else patterns(text)
    unknown = [name for name in given if name not in SOURCES]
    if unknown or not given:
        raise argparse.ArgumentTypeError(f"the sources are {', '.join(SOURCES)}, or all; got {text!r}")
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


def _amount(text: str) -> float:
    found = _decimal(text)
    if not 0 <= found < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, got {text}")
    return found


def _duration(text: str) -> float:
    found = _decimal(text)
    if not 0 < found < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, got {text}")
    return found


def _decimal(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}") from None


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
        "torch:channels-last, torch:compile, torch:cudnn=off (on a GPU), refnet:cupy=stand-in, a module of functions "
        "over numpy arrays, one that mirrors torch, or "
        "package.module:attribute; package.module:function=conv2d is a function of torch tensors",
    )
    _device(parser)
    parser.add_argument(
        "--reference",
        default="",
        metavar="NAME[@DEVICE]",
        help="what the candidate is held against at the case's dtype (torch, on the candidate's device); refnet@cpu "
        "compares devices",
    )
    parser.add_argument(
        "--oracle-device", type=device, default=CPU, metavar="DEVICE", help="where torch runs at float64 (%(default)s)"
    )
    parser.add_argument("--cases", action=Repeated, default=[], metavar="MODULE", help="a module with more CASES")


def _device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device",
        type=device,
        default=CPU,
        help="where the candidate runs, and torch beside it: cpu, cuda, cuda:1 (%(default)s)",
    )


def device(text: str) -> str:
    """The name of a device."""
    name, colon, number = text.partition(":")
    if name not in (CPU, "cuda") or (colon and not number.isdecimal()) or (colon and name == CPU):
        raise argparse.ArgumentTypeError(f"the devices are cpu, cuda and cuda:<number>; got {text!r}")
    return text


def _training(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", metavar="NAME", help=f"the model: {', '.join(RECIPES)}")
    parser.add_argument("--candidate", default="refnet", help="what trains beside torch (%(default)s)")
    _device(parser)
    parser.add_argument(
        "--reference",
        choices=("torch", "torch@cpu"),
        default="torch",
        help="where torch trains: on the candidate's device (torch), or on the CPU",
    )
    parser.add_argument("--optimizer", default="sgd", metavar="NAME", help=f"{', '.join(OPTIMIZERS)} (%(default)s)")
    parser.add_argument("--lr", type=float, help="learning rate (default: the optimizer's in this list)")
    parser.add_argument("--set", action=Repeated, default=[], metavar="NAME=VALUE", help="an option of the optimizer")
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
        help=f"variants of torch that make the envelope, of {', '.join(VARIANTS)} ({','.join(DEFAULT)}), on a GPU of "
        f"{', '.join(ON_GPU)} ({','.join(DEFAULT_ON_GPU)})",
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
    _json(parser)


def _timing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--candidate", default="refnet", help="what is timed beside torch (%(default)s)")
    _device(parser)
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
    parser.add_argument(
        "--row",
        action=Repeated,
        default=[],
        metavar="NAME",
        help="only these rows, by name or as a run prints them: 'LeNet-5 batch 64 [step], 1 thread'",
    )
    parser.add_argument("--quick", action="store_true", help="under a minute: fewer rows, twenty pairs, nothing else")
    parser.add_argument(
        "--threads", type=_numbers, metavar="N,...", help="numbers of threads (1 and all processors; --quick: 1)"
    )
    parser.add_argument("--pairs", type=_positive, help="rounds a row (40; --quick: 20)")
    parser.add_argument(
        "--seconds", type=_duration, help="for all rows together; 20 pairs a row are taken anyway (900)"
    )
    parser.add_argument(
        "--sweep",
        action=Repeated,
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
    parser.add_argument(
        "--no-rates", dest="rates", action="store_false", help="do not measure the machine's own rates, draw no figures"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the order of samples (%(default)s)")
    parser.add_argument("--list", action="store_true", help="list the chosen rows instead of timing them")
    _json(parser)
    parser.add_argument("--out", type=Path, default=Path("reports/latest"), help="folder of the report (%(default)s)")


def _gating(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--report", type=Path, default=Path("reports/latest"), help="folder of the run (%(default)s)")
    parser.add_argument(
        "--baseline", type=Path, default=Path("reports/baseline"), help="folder of the baseline (%(default)s)"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="the table as Markdown (REPORT/gate.md)")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="the same as JUnit XML (REPORT/gate.xml)")
    parser.add_argument("--quiet", action="store_true", help="print one line")
    _json(parser)
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
        help="with --update-baseline: folders of repeated `conform time` runs, pooled; nine or more, at several hours, see 10%% in LeNet-5's step",
    )


def _choosing(parser: argparse.ArgumentParser) -> None:
    _candidate(parser)
    parser.add_argument(
        "--source",
        type=sources,
        default=("own",),
        help="where cases come from: own (default), op_db, module_db, optim_db (torch's), several of them, or all",
    )
    parser.add_argument("--ops", type=patterns, default=(), help="operations, patterns separated by commas")
    parser.add_argument("--family", type=patterns, default=(), help="families of cases: conv,pool,...")
    parser.add_argument("--dtype", type=patterns, default=(), help="dtypes: float32,bfloat16,...")
    parser.add_argument("--check", type=patterns, default=(), help="checks: output,gradient,second-order,error,...")
    parser.add_argument(
        "-k", dest="words", action=Repeated, default=[], help="a word that the case's id contains; several: all of them"
    )
