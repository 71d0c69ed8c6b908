"""How often the gate cries wolf, and how often it sees what is planted.

    python benchmarks/gate.py accuracy [--candidate refnet] [--share 0.1]   rounding errors, on emulated machines
    python benchmarks/gate.py speed [--runs 1000] [--rows 60] [--pairs 40]              timings, from synthetic noise
    python benchmarks/gate.py speed --reports RUN1 RUN2 RUN3 ...                        timings, from repeated `conform time`

`accuracy` runs cases as on three machines, with AVX-512, AVX2 and SSE4: numpy, OpenBLAS, torch and oneDNN are told through
their environment variables to leave the wider vectors alone, and other bits come out. Each machine's run is the baseline
for each other's, and its draws on other numbers are the second look; any alarm is false. It prints how rounding errors
spread from draw to draw by number of elements (the constants of `conformance/gate/accuracy.py` are fitted to it). Detection:
the same with the errors of one operation doubled, for each operation that has any.

`speed` makes timing tables of pairs whose noise is heavy-tailed (Student's t with 3 degrees of freedom), drifts, has spikes
(another program takes the core), and has a bias of its own in each run (heavy-tailed too); medians and intervals come from the
pairs as `conform time` takes them. Then it lets the gate compare tables of the same program, and tables with one row slower. With
`--reports`, folders of repeated runs of one commit take the place of the synthetic tables, and slowdowns are planted by
multiplying a row's ratio and interval.
"""

import argparse
import itertools
import math
import multiprocessing
import os
import random
import sys
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pandas

from conformance.gate import accuracy, snapshot, speed
from conformance.gate.change import SLOWER, WORSE

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


# --- timings ------------------------------------------------------------------------------------------------------


def table(rng: Any, logs: Any, pairs: int, jitter: float, bias: float) -> Any:
    """A timing table of one process; `logs` are the true logarithms of the rows' ratios."""
    rows = len(logs)
    level = jitter * numpy.exp(rng.normal(0, 0.4, (rows, 1)))  # some rows are noisier than others
    process = bias * rng.standard_t(3, rows) / math.sqrt(3)
    ratio = noisy(rng, rows, pairs, level) + (logs + process)[:, None]
    null = noisy(rng, rows, pairs, level)
    middle, low, high = interval(ratio)
    _, null_low, null_high = interval(null)
    return pandas.DataFrame(
        {
            "name": [f"row {i}" for i in range(rows)],
            "what": "step",
            "threads": 1,
            "dtype": "float32",
            "ratio": middle,
            "low": low,
            "high": high,
            "null_low": null_low,
            "null_high": null_high,
        }
    )


def noisy(rng: Any, rows: int, pairs: int, level: Any) -> Any:
    """(rows, pairs): log ratios of two times that were taken one after the other, of the same program."""
    drift = numpy.cumsum(rng.normal(0, 0.02, (rows, 2 * pairs)), axis=1)  # warms, throttles, changes its neighbours
    jittered = drift + level * rng.standard_t(3, (rows, 2 * pairs)) / math.sqrt(3)
    spikes = (rng.random((rows, 2 * pairs)) < 0.03) * rng.exponential(0.5, (rows, 2 * pairs))
    times = (jittered + spikes).reshape(rows, pairs, 2)
    swap = numpy.where(rng.random((rows, pairs)) < 0.5, 1.0, -1.0)  # the order within a pair is random
    return swap * (times[..., 0] - times[..., 1])


def interval(logs: Any) -> tuple[Any, Any, Any]:
    """The median ratio of every row, and the 95% interval of order statistics that a bootstrap of the median tends to."""
    count = logs.shape[1]
    ordered = numpy.sort(logs, axis=1)
    below = max(int(count / 2 - 1.96 * math.sqrt(count) / 2) - 1, 0)
    ends = ordered[:, below], ordered[:, count - 1 - below]
    return numpy.exp(numpy.median(logs, axis=1)), numpy.exp(ends[0]), numpy.exp(ends[1])


def of_speed(options: argparse.Namespace) -> int:
    return of_reports(options) if options.reports else of_noise(options)


def of_noise(options: argparse.Namespace) -> int:
    print(
        f"{options.runs} comparisons, {options.rows} rows, {options.pairs} pairs a row, baselines of {options.baseline_runs} runs, bias between runs "
        f"{options.bias:g} (deviation of the logarithm)"
    )
    print(
        f"{'jitter':>7} {'looks':>6} {'screened':>9} {'false alarms':>13} {'seen: x1.1':>11} {'x1.2':>6} {'x1.5':>6} {'visible':>8}"
    )
    for jitter in options.jitter:
        for looks in (2, 1):
            trial = Trial(options, jitter, looks)
            alarms = trial.alarms(options.runs)
            seen = [trial.seen(math.log(factor), options.runs // 4) for factor in (1.1, 1.2, 1.5)]
            print(
                f"{jitter:>7g} {looks:>6} {trial.screened / options.runs / options.rows:>9.2%} {alarms:>13.2%} "
                f"{seen[0]:>11.1%} {seen[1]:>6.1%} {seen[2]:>6.1%} {trial.visible:>8.3f}",
                flush=True,
            )
    return 0


class Trial:
    """Comparisons of synthetic tables at one level of noise, with a second look or without."""

    def __init__(self, options: argparse.Namespace, jitter: float, looks: int) -> None:
        self.options, self.jitter, self.looks = options, jitter, looks
        self.rng = numpy.random.default_rng(0)
        self.logs = self.rng.uniform(math.log(0.2), math.log(3), options.rows)
        self.screened, self.visible = 0, 0.0

    def compare(self, slower: float = 0.0) -> set[str]:
        """The rows that are called slower, when row 0 is."""
        now = self.logs.copy()
        now[0] += slower

        def made(logs: Any) -> Any:
            return table(self.rng, logs, self.options.pairs, self.jitter, self.options.bias)

        def again(keys: Sequence[speed.Key]) -> list[Any]:
            self.screened += len(keys)
            return [made(now) for _ in range(speed.PROCESSES)]

        runs = [made(self.logs) for _ in range(self.options.baseline_runs)]
        baseline = speed.together(runs) if len(runs) > 1 else runs[0]
        found = speed.compare(baseline, made(now), again if self.looks == 2 else None)
        self.visible = float(numpy.median(found.visible))
        return {change.name.partition(",")[0] for change in found.changes if change.kind == SLOWER}

    def alarms(self, runs: int) -> float:
        """The share of comparisons of the same program with any alarm."""
        return sum(bool(self.compare()) for _ in range(runs)) / runs

    def seen(self, slower: float, runs: int) -> float:
        """The share of comparisons in which the slower row is called so."""
        before = self.screened
        share = sum("row 0" in self.compare(slower) for _ in range(runs)) / runs
        self.screened = before
        return share


def of_reports(options: argparse.Namespace) -> int:
    """Baselines pooled from some of the repeated runs, each of the rest held against them, the others the second look."""
    tables = [pandas.read_parquet(folder / snapshot.TIMINGS) for folder in options.reports]
    pooled = options.baseline_runs
    if len(tables) < pooled + 2:
        raise SystemExit(f"at least {pooled + 2} reports of the same commit are needed, got {len(tables)}")
    rng = random.Random(0)
    comparisons, alarms, called = 0, 0, Counter[str]()
    seen: dict[tuple[float, str], list[bool]] = {}
    for chosen in itertools.combinations(range(len(tables)), pooled):
        baseline = speed.together([tables[i] for i in chosen])
        rest = [i for i in range(len(tables)) if i not in chosen]
        j = rng.choice(rest)
        others = [tables[i] for i in rest if i != j][: speed.PROCESSES]
        slower = called_slower(baseline, tables[j], others)
        comparisons, alarms = comparisons + 1, alarms + bool(slower)
        called.update(slower)
        for factor in (1.1, 1.2, 1.5):
            any_row = tables[j].iloc[rng.randrange(len(tables[j]))]
            for row in (any_row, *(line for _, line in tables[j].iterrows() if line["name"].startswith("LeNet"))):
                name = speed.label(tuple(row[snapshot.KEY]))
                now, *again = (planted(each, row, factor) for each in (tables[j], *others))
                kind = name if name.startswith("LeNet") else "any other row"
                seen.setdefault((factor, kind), []).append(name in called_slower(baseline, now, again))
    print(
        f"same program: {comparisons} comparisons of {len(tables[0])} rows, {alarms} with an alarm ({alarms / comparisons:.2%})"
    )
    for name, count in called.most_common(10):
        print(f"  {count} times: {name}")
    for (factor, name), outcomes in sorted(seen.items()):
        print(f"  x{factor}: seen in {sum(outcomes) / len(outcomes):>6.1%}  {name}")
    return 0


def called_slower(baseline: Any, now: Any, again: Sequence[Any]) -> set[str]:
    """The rows that the gate calls slower, when these are the second look."""
    found = speed.compare(baseline, now, lambda keys: again)
    return {change.name for change in found.changes if change.kind == SLOWER}


def planted(frame: Any, row: Any, factor: float) -> Any:
    """A timing table with one row slower."""
    mine = (frame[snapshot.KEY] == row[snapshot.KEY]).all(axis=1)
    made = frame.copy()
    made.loc[mine, ["ratio", "low", "high"]] *= factor
    return made


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
    timing = commands.add_parser("speed", help="timings")
    timing.add_argument("--runs", type=int, default=1000)
    timing.add_argument("--rows", type=int, default=60)
    timing.add_argument("--pairs", type=int, default=40)
    timing.add_argument("--baseline-runs", type=int, default=3, help="from which the baseline is pooled")
    timing.add_argument("--jitter", type=float, nargs="+", default=[0.02, 0.05, 0.1], help="of one time, as a share")
    timing.add_argument("--bias", type=float, default=0.02, help="of a run")
    timing.add_argument("--reports", type=Path, nargs="+", metavar="DIR", help="repeated runs of one commit")
    options = parser.parse_args()
    return of_accuracy(options) if options.command == "accuracy" else of_speed(options)


if __name__ == "__main__":
    sys.exit(main())
