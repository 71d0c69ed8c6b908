"""The command `python -m conformance.prove.mutation`.

Exit status: 0 every mutant (or the share of `--at-least`) is caught or has a reason, 1 cases are missing, 2 wrong usage,
3 stopped before the end.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
EVERY = 10.0  # seconds between lines of progress


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(argv)
    os.environ.update(dict.fromkeys(_THREADS, "1"))  # before numpy is imported: one thread a process
    from conformance.prove.mutation import targets

    root = Path.cwd()
    try:
        table = targets.load()
        chosen = table.chosen(options.files, root)
        if options.families:
            families = tuple(options.families.split(","))
            chosen = [(path, targets.Target(target.files, families)) for path, target in chosen]
    except ValueError as error:
        print(f"mutation: {error}", file=sys.stderr)
        return 2
    return _run(options, options.candidate or table.candidate, chosen, root)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance.prove.mutation",
        description="Plant small faults in a candidate's sources, one at a time, and see whether its cases notice.",
    )
    parser.add_argument("--files", action="append", default=[], metavar="PATTERN", help="of the targets' files")
    parser.add_argument("--families", help="run these families of cases instead of those in targets.toml")
    parser.add_argument("--candidate", help="default: the one in targets.toml")
    parser.add_argument("--sample", type=int, metavar="N", help="only N mutants, the same N every time")
    parser.add_argument("--seed", type=int, default=0, help="which N (%(default)s)")
    parser.add_argument("--cases", type=int, metavar="N", help="at most N cases a mutant, the most different ones")
    parser.add_argument("--unexplained", action="store_true", help="do not try survivors with a reason again")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="trials at a time (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("reports/mutation"), help="folder of the report (%(default)s)")
    parser.add_argument(
        "--at-least", type=float, default=100.0, metavar="PERCENT", help="the score that is enough (%(default)g)"
    )
    parser.add_argument("--list", action="store_true", help="list the mutants instead of trying them")
    return parser


def _run(options: argparse.Namespace, candidate: str, chosen: Sequence[tuple[Path, object]], root: Path) -> int:
    from conformance.prove.mutation.mutants import Mutant, Source, read

    if options.list:
        for path, _ in chosen:
            for mutant in read(path, path.relative_to(root).as_posix()).mutants:
                print(mutant.id)
        return 0
    from conformance.cases import catalogue
    from conformance.prove.mutation import report, survivors, trial
    from conformance.prove.mutation.campaign import Campaign, Result
    from conformance.prove.mutation.journal import Journal

    reasons = survivors.load()
    began = spoke = time.monotonic()
    fresh = 0
    counts: Counter[str] = Counter()

    def tick(result: Result, done: int, total: int) -> None:
        nonlocal spoke, fresh
        fresh += 1
        counts[result.outcome.status] += 1
        if time.monotonic() - spoke > EVERY:
            spoke = time.monotonic()
            rate = fresh / (spoke - began)
            seen = ", ".join(f"{n} {status}" for status, n in counts.most_common())
            _say(f"{done}/{total} mutants, {rate:.1f}/s, {(total - done) / rate:.0f} s left: {seen}")

    def explained(mutant: Mutant, source: Source) -> bool:
        line = source.text.splitlines()[mutant.line - 1].strip() if options.unexplained else ""
        return options.unexplained and survivors.reason_for(mutant, line, reasons) is not None

    campaign = Campaign(
        candidate,
        list(chosen),  # type: ignore[arg-type]  # pairs of a path and a target
        catalogue(),
        Journal(options.out / "journal.jsonl"),
        root,
        options.workers,
        options.sample,
        options.seed,
        options.cases,
        explained,
        _say,
        tick,
    )
    results: list[Result] = []
    complete = True
    try:
        results.extend(campaign.run())
    except KeyboardInterrupt:
        complete = False
    lines = {source.file: source.text.splitlines() for source in campaign.sources.values()}
    rows = report.judged(results, lines, reasons)
    report.write(rows, reasons, options.out)
    print("\n".join(report.table(rows)))
    slow = sum(row.result.outcome.status == trial.HANG for row in rows)
    print(f"{len(rows)} mutants in {time.monotonic() - began:.0f} s, {fresh} of them tried now, {slow} ran for ever")
    print(f"report: {options.out / 'mutation.md'}")
    if not complete:
        return 3
    return 0 if 100 * report.score(rows) >= options.at_least else 1


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
