"""How often the gate cries wolf, and how often it sees what is planted.

    python benchmarks/gate.py accuracy [--candidate refnet] [--share 0.1]   rounding errors, on emulated machines
    python benchmarks/gate.py record | resample | live                      timings (`gate_speed.py`)
    python benchmarks/gate.py noise [--runs 200] [--rows 60]                timings, from synthetic noise (`gate_noise.py`)

`accuracy` runs cases as on three machines, with AVX-512, AVX2 and SSE4: numpy, OpenBLAS, torch and oneDNN are told through
their environment variables to leave the wider vectors alone, and other bits come out. Each machine's run is the baseline
for each other's, and its draws on other numbers are the second look; any alarm is false. It prints how rounding errors
spread from draw to draw by number of elements (the constants of `conformance/gate/accuracy.py` are fitted to it). Detection:
the same with the errors of one operation doubled, for each operation that has any.
"""

import argparse
import itertools
import multiprocessing
import os
import random
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gate_noise
import gate_speed
import pandas

from conformance.gate import accuracy
from conformance.gate.change import WORSE

_STATE: dict[str, Any] = {}


# --- rounding errors ----------------------------------------------------------------------------------------------

OLDER = {"NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR", "OPENBLAS_CORETYPE": "Haswell"} | {
    "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"
}  # fmt: skip
OLDEST = {"NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR", "OPENBLAS_CORETYPE": "Nehalem"} | {
    "ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"
}  # fmt: skip
MACHINES: dict[str, dict[str, str]] = {"this": {}, "AVX2": OLDER, "SSE4": OLDEST}


def prepare(candidate: str) -> None:
    import torch

    from conformance.candidates import load
    from conformance.case import GRADIENT, OUTPUT, SECOND
    from conformance.cases import catalogue

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    measured = frozenset({OUTPUT, GRADIENT, SECOND})
    cases = {name: replace(case, checks=case.checks & measured) for name, case in catalogue().items()}
    _STATE.update(candidate=load(candidate), cases=cases)


def draw(job: tuple[str, int]) -> tuple[int, list[Any]]:
    from conformance.comparison import compare
    from conformance.oracle import Truth

    name, seed = job
    case = _STATE["cases"][name]
    truth = Truth(case, case.sample(seed), f"gate {seed}") if seed else None
    return seed, compare(case, _STATE["candidate"], truth)


def draws(candidate: str, share: float, workers: int, machine: str) -> Any:
    """Records of all the cases of a random share of the operations, on one kind of machine; draw 0 is the run's own."""
    from conformance.cases import catalogue
    from conformance.record import to_frame

    found = catalogue()
    rng = random.Random(0)
    operations = sorted({case.operation.name for case in found.values()})
    chosen = {name for name in operations if rng.random() < share}
    names = [n for n, c in found.items() if c.operation.name in chosen and not c.timeout and "output" in c.checks]
    seeds = (0, *accuracy.SEEDS)
    records: dict[int, list[Any]] = {seed: [] for seed in seeds}
    before = dict(os.environ)
    os.environ.update(MACHINES[machine])
    with multiprocessing.get_context("spawn").Pool(workers, prepare, (candidate,)) as pool:
        for seed, done in pool.imap_unordered(draw, [(name, seed) for name in names for seed in seeds], chunksize=8):
            records[seed] += done
    os.environ.clear()
    os.environ.update(before)
    return pandas.concat([to_frame(each).assign(draw=seed, machine=machine) for seed, each in records.items()])


def of_accuracy(options: argparse.Namespace) -> int:
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", CONFORM_CACHE="")
    began = time.monotonic()
    if options.draws and options.draws.exists():
        kept = pandas.read_parquet(options.draws)
    else:
        kept = pandas.concat(draws(options.candidate, options.share, options.workers, machine) for machine in MACHINES)
        if options.draws:
            kept.to_parquet(options.draws)
    frames = dict(iter(kept.groupby(["machine", "draw"])))
    print(f"{kept['case'].nunique()} cases, {kept['operation'].nunique()} operations")
    spread([accuracy.tensors(frames["this", seed]) for seed in (0, *accuracy.SEEDS)])
    wolves, pairs, groups, seen, planted = Counter[str](), 0, 0, 0, 0
    for base, other in itertools.permutations(MACHINES, 2):
        then, now = frames[base, 0], frames[other, 0]
        later = [frames[other, seed] for seed in accuracy.SEEDS]
        wolves.update(named(accuracy.compare(then, now, only(later))))
        pairs += 1
        groups += accuracy.tensors(now).groupby(accuracy.GROUP).ngroups
        for operation in sorted(set(now["operation"].astype(str))):
            if not (measured := enlarged(then, operation, 1.0))["rms_z"].gt(0).any():
                continue  # exact: there is nothing to enlarge
            mine = [enlarged(frame, operation, options.factor) for frame in (now, *later)]
            planted += 1
            seen += any(change.kind == WORSE for change in accuracy.compare(measured, mine[0], only(mine[1:])))
    alarms = sum(count for name, count in wolves.items() if name.startswith(WORSE))
    print(
        f"same program, other machine: {pairs} comparisons, {groups} groups, {wolves.total()} suspicious, {alarms} alarms"
    )
    for name, count in wolves.most_common():
        print(f"  {count} times: {name}")
    print(
        f"one operation's errors {options.factor:g} times as large: seen in {seen} of {planted} ({seen / planted:.1%})"
    )
    print(f"{time.monotonic() - began:.0f} s")
    return 0


def named(changes: Sequence[Any]) -> list[str]:
    """What looked worse, in words."""
    return [f"{change.kind} {change.name}, {change.now} times" for change in changes if change.kind != "fixed"]


def only(frames: Sequence[Any]) -> accuracy.Redraw:
    """Draws that are there already, as the gate's second look."""
    return lambda cases, seeds: [frame[frame["case"].isin(cases)] for frame in frames]


def enlarged(frame: Any, operation: str, factor: float) -> Any:
    """The records of one operation, its rounding errors multiplied."""
    chosen = frame[frame["operation"].astype(str) == operation].copy()
    chosen["rms_z"] *= factor
    return chosen


def spread(tables: Sequence[Any]) -> None:
    """The deviation of log rms z from draw to draw, by number of elements, beside what the gate takes it to be."""
    moved = [accuracy.changes_of_cases(a, b) for a, b in itertools.combinations(tables, 2)]
    every = pandas.concat(moved)
    every = every[every["d"] != 0]
    bins = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 10**9]
    print(f"{'elements':>12} {'cases':>7} {'measured':>9} {'taken':>6} {'99% in units of it':>19}")
    for interval, rows in every.groupby(pandas.cut(every["n"], bins), observed=True):
        taken = float((rows["variance"] ** 0.5).mean())
        tail = float((rows["d"].abs() / rows["variance"] ** 0.5).quantile(0.99))
        print(f"{interval!s:>12} {len(rows):>7} {rows['d'].std():>9.3f} {taken:>6.3f} {tail:>19.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="command")
    rounding = commands.add_parser("accuracy", help="rounding errors")
    rounding.add_argument("--candidate", default="refnet")
    rounding.add_argument("--share", type=float, default=0.1, help="of the operations")
    rounding.add_argument("--factor", type=float, default=2.0, help="by which planted errors are larger")
    rounding.add_argument(
        "--draws", type=Path, metavar="FILE", help="keep the draws in this file, or take them from it"
    )
    rounding.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    _timings(commands)
    synthetic = commands.add_parser("noise", help="timings, from synthetic noise")
    synthetic.add_argument("--runs", type=int, default=200)
    synthetic.add_argument("--rows", type=int, default=60)
    synthetic.add_argument("--pairs", type=int, default=40)
    synthetic.add_argument("--baseline-runs", type=int, default=9, help="from which the baseline is pooled")
    synthetic.add_argument("--jitter", type=float, nargs="+", default=[0.02, 0.05, 0.1], help="of one time, as a share")
    synthetic.add_argument("--bias", type=float, default=0.02, help="of a process")
    options = parser.parse_args()
    run: Callable[[argparse.Namespace], int] = {
        "accuracy": of_accuracy,
        "record": gate_speed.record,
        "resample": gate_speed.resample,
        "live": gate_speed.live,
        "noise": gate_noise.noise,
    }[options.command]
    return run(options)


def _timings(commands: Any) -> None:
    """The commands on timings of real processes."""
    recording = commands.add_parser("record", help="time rows, a fresh process at a time")
    resampling = commands.add_parser("resample", help="decisions from recorded processes")
    deciding = commands.add_parser("live", help="decisions that are timed as they are made, with a recorded baseline")
    for each in (recording, resampling, deciding):
        each.add_argument("folder", type=Path, help="of the recording")
    recording.add_argument("--processes", type=int, default=26)
    recording.add_argument("--like", type=Path, metavar="DIR", help="a recording of the program that is to be slowed")
    for each in (recording, deciding):
        each.add_argument(
            "--lenet", type=float, default=1.0, metavar="FACTOR", help="how much slower LeNet-5's step is"
        )
        each.add_argument("--operations", type=float, default=1.0, metavar="FACTOR", help="and single operations")
    resampling.add_argument("--slower", type=Path, metavar="DIR", help="a recording of a program that was slowed")
    for each in (resampling, deciding):
        each.add_argument("--baseline", type=int, default=9, help="processes in a baseline (%(default)s)")
    resampling.add_argument("--copies", type=int, default=1, help="of the rows, to make a larger table")
    resampling.add_argument(
        "--decisions", type=int, default=4000, help="(%(default)s; a twentieth of it for each row and factor)"
    )
    deciding.add_argument("--times", type=int, default=5, help="(%(default)s)")


if __name__ == "__main__":
    sys.exit(main())
