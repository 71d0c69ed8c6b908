"""`conform time`."""

import argparse
import math
import os
import sys
import time
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import chain
from typing import Any

from conformance import against, gpus
from conformance.against import Against
from conformance.candidates import load
from conformance.gpus import is_gpu, lost
from conformance.timing import lenet, memory, operations, others, report, study, sweep
from conformance.timing.gpu import in_words
from conformance.timing.measure import FEWEST, LEAST, Side
from conformance.timing.row import LENET, Row, Untimed, titled
from conformance.timing.run import CANDIDATE, Bench, Outcome, Timing, relate
from conformance.timing.statistics import Interval
from conformance.timing.threads import limited, processors
from conformance.timing.undisturbed import settle_heap

PAIRS = 40
SECONDS = 900.0  # for all rows
SHARE_OF_OTHERS = 10.0  # seconds for a row beside other libraries, compilation not counted
QUICK_SECONDS = 30.0  # start-up and the machine's own rates come on top
QUICK_LEAST = 2e-4
# One of each kind that is fast enough for twenty rounds in about a second.
QUICK = (
    "LeNet-5 batch 1",
    "LeNet-5 batch 64",
    "matmul 6x400x6400",
    "conv2d 64x1x32x32 6 of 5x5",
    "conv2d 64x6x14x14 16 of 5x5",
    "max_pool2d 64x6x28x28 2x2 stride 2",
    "avg_pool2d 64x6x28x28 2x2 stride 2",
    "batch_norm 64x6x28x28 training",
    "layer_norm 512x768",
    "linear 64x120-84",
    "tanh 64x84",
    "gelu 64x84",
    "cross_entropy 64x10",
    "Adam LeNet-5",
    "conv2d 1x1x3x3 16 of 3x3: *",
)

Job = tuple[Row, int]  # a row and its number of threads


def run(options: argparse.Namespace) -> int:
    """Time, print and write the report; returns the exit status."""
    held = Against(options.device)
    against.use(held, fixed_order=False)  # what is timed is judged afterwards
    candidate, torch = load(options.candidate, options.device), load("torch", options.device)
    threads = options.threads or ((1,) if options.quick or is_gpu(options.device) else tuple(sorted({1, processors()})))
    jobs = [job for job in _jobs(options, candidate, threads) if _chosen(options, *job)]
    if not jobs:
        raise ValueError("no row matches; `conform time --list` shows all of them")
    if options.list:
        print("\n".join(dict.fromkeys(str(row) for row, _ in jobs)))
        return 0
    bench = Bench.on(
        options.device,
        candidate,
        torch,  # type: ignore[arg-type]  # torch has torch's namespace
        options.pairs or (FEWEST if options.quick else PAIRS),
        options.seconds or (QUICK_SECONDS if options.quick else SECONDS),
        seed=options.seed,
        least=QUICK_LEAST if options.quick else LEAST,
        limit=0.3 if options.quick else 1.0,
    )
    short = options.quick or options.row  # one asks for rows by name to have just these timed again
    usual = () if short or is_gpu(options.device) else others.ALL
    names = usual if options.others is None else options.others
    wanted = {"memories": options.memory and not short, "rates": options.rates, "anyway": bool(options.row)}
    outcome = _timed(bench, jobs, names, options.candidate, **wanted)
    report.write(outcome, options.out, bench, drawn=options.rates)
    print(f"\n{report.in_words(outcome)}\nreport: {options.out / 'timings.md'}")
    if outcome.wrong or outcome.raised:
        return 1
    return 0 if outcome.complete else 3


def _jobs(options: argparse.Namespace, candidate: Any, threads: tuple[int, ...]) -> Iterator[Job]:
    """Every row that there is, at each number of threads."""
    axes = options.sweep
    if is_gpu(options.device) and not axes:
        yield from ((row, threads[0]) for row in chain(lenet.rows(), lenet.captured_rows(), operations.table()))
        return
    if not axes and not options.quick:
        axes = [sweep.Sweep.of(axis) for axis in (sweep.BATCH, sweep.CHANNELS, sweep.SIZE, sweep.THREADS)]
    if not options.sweep:
        for row in chain(lenet.rows(), lenet.replayed_rows(), operations.table(), study.rows(candidate)):
            yield from ((row, number) for number in threads)
    for row, number in sweep.rows(axes):
        yield row, number or max(threads)


def _chosen(options: argparse.Namespace, row: Row, threads: int) -> bool:
    if options.row:
        return not {row.name, str(row), titled(row.name, row.what, threads)}.isdisjoint(options.row)
    if options.quick and not any(fnmatchcase(row.name, pattern) for pattern in QUICK):
        return False
    return not options.only or any(
        fnmatchcase(text.lower(), f"*{pattern.lower()}*")
        for pattern in options.only
        for text in (row.name, row.what, row.group)
    )


def _timed(
    bench: Bench, jobs: list[Job], names: tuple[str, ...], name: str, *, memories: bool, rates: bool, anyway: bool
) -> Outcome:
    """Time all rows, `anyway` also after the time for them is spent; after Ctrl-C what there is by then."""
    outcome = Outcome(name)
    began, spent = time.monotonic(), 0.0
    outcome.load.append(os.getloadavg()[0])
    outcome.gpus.append(in_words(gpus.found()) if bench.gpu else "")
    settle_heap()
    print(f"{bench.candidate.name}: {len(jobs)} rows; ratios of candidate to torch with their 95% intervals")
    try:
        for number in sorted({threads for _, threads in jobs} if rates else ()):
            outcome.rates[number] = bench.rates(number)
        for i, (row, threads) in enumerate(jobs):
            start = time.monotonic()
            share = (bench.seconds - spent) / (len(jobs) - i)
            if share <= 0 and not anyway:
                outcome.untimed.append((f"{row}, {threads} threads", f"the {bench.seconds:g} s for all rows are spent"))
                continue
            _one(bench, outcome, row, threads, max(share, 0.0))
            spent += time.monotonic() - start
        for number, before in outcome.rates.items():
            outcome.rates[number] = before.best(bench.rates(number))
        _others(bench, outcome, jobs, names)
        if memories:
            _memories(outcome, jobs, bench.torch.device)
    except KeyboardInterrupt:
        outcome.complete = False
    relate(outcome.timings, outcome.rates)
    outcome.gpus.append(in_words(gpus.found()) if bench.gpu else "")
    outcome.load.append(os.getloadavg()[0])
    outcome.seconds = time.monotonic() - began
    return outcome


def _one(bench: Bench, outcome: Outcome, row: Row, threads: int, seconds: float) -> None:
    try:
        timing = bench.time(row, threads, seconds)
    except Untimed as reason:
        outcome.untimed.append((f"{row}, {threads} threads", str(reason)))
        print(f"{'-':>24}  {row}, {threads} threads: {reason}")
        return
    except Exception as error:
        if bench.gpu is None or lost(f"{type(error).__name__}: {error}"):
            raise
        outcome.raised.append((f"{row}", f"{type(error).__name__}: {error}"))
        print(f"{'RAISED':>24}  {row}: {outcome.raised[-1][1]}", flush=True)
        return
    outcome.timings.append(timing)
    outcome.axes[row.name, row.what, threads] = row.axes
    print(_line(timing), flush=True)


def _line(timing: Timing) -> str:
    ratio = Interval(timing.ratio, timing.low, timing.high)
    remarks = ["overhead"] * timing.overhead + ["not stable"] * (not timing.stable)
    remarks += [f"crowded: others used {timing.others_busy:.1f} processors"] * timing.crowded
    remarks += [f"WRONG: {timing.wrong}"] if timing.wrong else []
    title = titled(timing.name, timing.what, timing.threads)
    return f"{ratio!s:>24}  {title}{''.join(f'; {remark}' for remark in remarks)}"


def _others(bench: Bench, outcome: Outcome, jobs: list[Job], names: tuple[str, ...]) -> None:
    """LeNet-5 beside other libraries, with as many threads as there are: not all of them can be told to take fewer."""
    chosen = [job for job in jobs if names and job[0].group == LENET]
    for row, threads in chosen:
        if threads < max(number for _, number in chosen):
            continue
        sides = []
        for name in names:
            try:
                with limited(threads, bench.libraries):
                    batch = int(row.axes["batch"])
                    call = others.build(name, bench.torch.torch, batch, row.what.removeprefix("captured "), threads)
                sides.append(Side(name, call))
            except Untimed as reason:
                outcome.untimed.append((f"{name}: {row}, {threads} threads", str(reason)))
        if not sides:
            continue
        for found in bench.beside(row, threads, sides, SHARE_OF_OTHERS):
            outcome.beside.append(found)
            ratio = Interval(found.ratio, found.low, found.high)
            print(f"{ratio!s:>24}  of {found.other}: {row}, {threads} threads", flush=True)


def _memories(outcome: Outcome, jobs: list[Job], device: str) -> None:
    """Peak memory of the rows that ask for it, at the most threads each was timed with."""
    most: dict[tuple[str, str], int] = {}
    for row, threads in jobs:
        if row.memory:
            most[row.name, row.what] = max(threads, most.get((row.name, row.what), 0))
    for timing in outcome.timings:
        if most.get((timing.name, timing.what)) == timing.threads:
            for side, name in ((CANDIDATE, outcome.candidate), ("torch", "torch")):
                found = memory.measured(name, timing.name, timing.what, timing.threads, device)
                setattr(timing, f"{side}_mib", math.nan if found is None else found)
            print(
                f"{timing.candidate_mib:10.1f} MiB, torch {timing.torch_mib:.1f} MiB: peak of {timing.name} [{timing.what}]",
                file=sys.stderr,
            )
