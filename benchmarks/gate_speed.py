"""How often the gate cries wolf over timings, and what it sees: with real processes.

    python benchmarks/gate.py record RUNS [--processes 26]                 time rows, a fresh process at a time
    python benchmarks/gate.py record SLOW --processes 10 --like RUNS --lenet 1.1 --operations 1.5     the same, slowed
    python benchmarks/gate.py resample RUNS [--slower SLOW]                thousands of decisions from these
    python benchmarks/gate.py live RUNS [--times 5] [--lenet 1.1]          whole decisions, timed as they are made

A decision is the gate's own: a baseline pooled from some processes, a run that is looked at first, and as many processes
as the test of what looked slower wants. `resample` deals the recorded processes out anew for each decision, none of them
twice, so that the difference of their means is as uncertain as that of processes that were made for it. Planted are
factors by which a row's ratio is multiplied, and, with `--slower`, processes in which refnet really had more to do
(`slowed.py`): 10% in LeNet-5's step, half as much again in single operations.
"""

import argparse
import json
import math
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy
import pandas
import slowed

from conformance.gate import ratios, speed
from conformance.gate.change import SLOWER
from conformance.gate.ratios import Key
from conformance.gate.retiming import Retiming
from conformance.gate.sequential import PROCESSES, Measure
from conformance.gate.snapshot import KEY, MEASURED

FACTORS = (1.05, 1.1, 1.2, 1.5)
WIDE = 48  # characters of a row's name
DAY = 86400.0  # seconds: a recording is not bounded
BOTH = "forward+backward"
LENET: dict[Key, tuple[str, str]] = {
    (f"LeNet-5 batch {n}", "step", 1, "float32"): (slowed.OF_LENET, f"{n}x10") for n in (1, 8, 64, 256)
}
OPERATIONS: dict[Key, tuple[str, str]] = {
    (name, BOTH, 1, "float32"): (function, shape)
    for name, function, shape in (
        ("matmul 6x400x6400", "matmul", "6x400"),
        ("layer_norm 512x768", "nn.functional.layer_norm", "512x768"),
        ("gelu 64x84", "nn.functional.gelu", "64x84"),
        ("relu 8x64x56x56", "nn.functional.relu", "8x64x56x56"),
    )
}  # rows that can be slowed without slowing another one, and where
ROWS: tuple[Key, ...] = (
    *LENET,
    ("LeNet-5 batch 64", "inference", 1, "float32"),
    ("Adam LeNet-5", "step", 1, "float32"),
    *OPERATIONS,
    ("conv2d 64x6x14x14 16 of 5x5", BOTH, 1, "float32"),
    ("batch_norm 64x6x28x28 training", BOTH, 1, "float32"),
    ("cross_entropy 64x10", BOTH, 1, "float32"),
)


# --- real processes -----------------------------------------------------------------------------------------------


def record(options: argparse.Namespace) -> int:
    """Each process's table as a file of the folder; what is there already stays."""
    options.folder.mkdir(parents=True, exist_ok=True)
    candidate, keys = program(options)
    processes = Retiming(candidate, limit=DAY)
    first = len(read(options.folder))
    processes.number = first
    for i in range(first, first + options.processes):
        frame = processes(keys)
        if frame is None:
            raise SystemExit("a process took longer than a day")
        frame.to_parquet(options.folder / f"{i:03d}.parquet", index=False)
        print(f"{i:4d}: {len(frame)} rows, {processes.spent:.0f} s so far, load {os.getloadavg()[0]:.1f}", flush=True)
    return 0


def program(options: argparse.Namespace) -> tuple[str, Sequence[Key]]:
    """The candidate and its rows; slowed where that is wanted, and then only what can be."""
    if options.lenet == options.operations == 1.0:
        return "refnet", ROWS
    if options.like is None:
        raise SystemExit("--like: the folder of a recording says how long the calls take that are to be slower")
    usual = pandas.concat(read(options.like)).groupby(KEY)["candidate_s"].quantile(0.25)
    plan: dict[str, dict[str, int]] = {}
    keys: list[Key] = []
    for rows, factor in ((LENET, options.lenet), (OPERATIONS, options.operations)):
        if factor != 1.0:
            plan |= slowed.plan([(*place, usual[key]) for key, place in rows.items()], factor)
            keys += rows
    os.environ[slowed.SLOWED] = json.dumps(plan)
    beside = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *([beside] if beside else [])])
    return "slowed:refnet", keys


def read(folder: Path) -> list[Any]:
    """The tables of a recording, a process each."""
    return [pandas.read_parquet(path) for path in sorted(folder.glob("*.parquet"))]


def live(options: argparse.Namespace) -> int:
    """Whole decisions: a process for the first look, then what the test wants."""
    options.like = options.folder
    candidate, keys = program(options)
    baseline = ratios.together(read(options.folder)[: options.baseline])
    baseline = baseline[[key in keys for key in rows_of(baseline)]]
    failing = 0
    for i in range(options.times):
        began = time.monotonic()
        now = Retiming(candidate, limit=DAY)(keys)
        first = time.monotonic() - began
        again = Retiming(candidate)
        again.number = 1
        table = speed.compare(baseline, now, again)
        called = [change for change in table.changes if change.kind == SLOWER]
        failing += bool(called)
        found = table.again
        looked = len(found.slower) + len(found.cleared) + len(found.undecided) + len(found.untimed)
        print(
            f"{i + 1}: {looked} of {table.compared} rows suspicious, {len(found.cleared)} cleared, {len(found.undecided)} "
            f"undecided, {len(found.untimed)} not timed again; {again.number - 1} processes in {again.spent:.0f} s after "
            f"{first:.0f} s; load {os.getloadavg()[0]:.1f}"
        )
        for change in called:
            print(f"     {change.name}: {change.detail}")
        sys.stdout.flush()
    print(f"slower rows in {failing} of {options.times} decisions")
    return 0


def rows_of(frame: Any) -> list[Key]:
    """The keys of a table."""
    return list(zip(*(frame[column].tolist() for column in KEY), strict=True))


# --- resampled ----------------------------------------------------------------------------------------------------


class Pool:
    """Recorded processes, dealt out anew for each decision."""

    def __init__(self, tables: Sequence[Any], slower: Sequence[Any], baseline: int, copies: int) -> None:
        if len(tables) < baseline + 1 + PROCESSES:
            raise SystemExit(f"{baseline + 1 + PROCESSES} recorded processes are needed, got {len(tables)}")
        self.tables = [table[[*KEY, *MEASURED]] for table in tables]
        self.slower = [table[[*KEY, *MEASURED]].set_index(KEY, drop=False) for table in slower]
        self.baseline, self.copies = baseline, copies
        self.rng = random.Random(0)
        self.processes, self.decisions, self.visible = 0, 0, list[float]()

    def dealt(self) -> list[Any]:
        """Tables in a random order; `copies` of the rows, each in an order of its own, make a table larger."""
        orders = [self.rng.sample(self.tables, len(self.tables)) for _ in range(self.copies)]
        if self.copies == 1:
            return orders[0]
        return [
            pandas.concat([table.assign(name=table["name"] + "*" * i) for i, table in enumerate(each)])
            for each in zip(*orders, strict=True)
        ]

    def called(self, key: Key | None = None, factor: float | None = None) -> set[str]:
        """The rows that one decision calls slower; one row by a factor, or as it was really slowed."""
        tables = self.dealt()
        baseline = ratios.together(tables[: self.baseline])
        rest = iter(tables[self.baseline :])
        if key is not None and factor is not None:
            rest = (multiplied(table, key, factor) for table in rest)
        elif key is not None:
            drawn = self.rng.choices(self.slower, k=len(tables))
            rest = (replaced(table, key, other) for table, other in zip(rest, drawn, strict=False))
        found = speed.compare(baseline, next(rest), self.measure(rest))
        self.decisions += 1
        self.visible = found.visible
        return {change.name for change in found.changes if change.kind == SLOWER}

    def measure(self, rest: Iterator[Any]) -> Measure:
        """The next processes, one after the other."""

        def measured(keys: Sequence[Key]) -> Any | None:
            self.processes += 1
            return next(rest, None)

        return measured


def multiplied(frame: Any, key: Key, factor: float) -> Any:
    """A table with one row slower."""
    mine = [row == key for row in rows_of(frame)]
    made = frame.copy()
    made.loc[mine, ["ratio", "low", "high"]] *= factor
    return made


def replaced(frame: Any, key: Key, other: Any) -> Any:
    """A table with one row from another."""
    mine = [row == key for row in rows_of(frame)]
    made = frame.copy()
    made.loc[mine, MEASURED] = other.loc[[key], MEASURED].to_numpy()
    return made


def resample(options: argparse.Namespace) -> int:
    """False alarms, then what is seen of planted slowdowns."""
    tables, slower = read(options.folder), read(options.slower) if options.slower else []
    pool = Pool(tables, slower, options.baseline, options.copies)
    rows = len(tables[0]) * options.copies
    print(f"{len(tables)} processes, tables of {rows} rows, baselines of {options.baseline} processes")
    spreads(tables, slower)
    named: Counter[str] = Counter()
    alarms = 0
    for _ in range(options.decisions):
        called = pool.called()
        alarms += bool(called)
        named.update(called)
    low, high = wilson(alarms, options.decisions)
    print(
        f"false alarms: {alarms} of {options.decisions} decisions, {alarms / options.decisions:.2%} ({low:.2%} to {high:.2%}); "
        f"{pool.processes / pool.decisions:.1f} processes a decision; {', '.join(f'{k} {n}' for k, n in named.most_common(5))}"
    )
    print(f"{'seen of a row that is slower':<{WIDE}}" + "".join(f"{f'x{f}':>7}" for f in FACTORS) + f"{'really':>9}")
    for key in rows_of(tables[0]):
        shares = [seen(pool, key, factor, options.decisions // 20) for factor in FACTORS]
        really = f"{seen(pool, key, None, options.decisions // 20):>9.1%}" if slowed_row(slower, key) else ""
        print(f"{titled(key):<{WIDE}}" + "".join(f"{share:>7.1%}" for share in shares) + really, flush=True)
    return 0


def titled(key: Key) -> str:
    """A row of one thread and one dtype."""
    return f"{key[0]}, {key[1]}"


def seen(pool: Pool, key: Key, factor: float | None, decisions: int) -> float:
    """The share of decisions in which a slower row is called so."""
    return sum(speed.label(key) in pool.called(key, factor) for _ in range(decisions)) / decisions


def slowed_row(slower: Sequence[Any], key: Key) -> bool:
    """Whether the row was really slowed."""
    return bool(slower) and key in rows_of(slower[0])


def spreads(tables: Sequence[Any], slower: Sequence[Any]) -> None:
    """How much a row's ratio differs from process to process, and how much slower the slowed are."""
    usual = pandas.concat(tables).groupby(KEY, sort=False)["ratio"].agg(lambda ratio: numpy.log(ratio).mean())
    spread = pandas.concat(tables).groupby(KEY, sort=False)["ratio"].agg(lambda ratio: numpy.log(ratio).std())
    really = pandas.concat(slower).groupby(KEY)["ratio"].agg(lambda ratio: numpy.log(ratio).mean()) if slower else {}
    print(f"{'row':<{WIDE}}{'ratio':>7}{'deviation':>11}{'slowed by':>11}")
    for key in usual.index:
        by = f"{math.exp(really[key] - usual[key]):>11.2f}" if key in really else ""
        print(f"{titled(key):<{WIDE}}{math.exp(usual[key]):>7.2f}{spread[key]:>11.3f}{by}")


def wilson(found: int, of: int) -> tuple[float, float]:
    """The 95% interval of a share (Wilson 1927)."""
    z, share = 1.96, found / of
    middle = share + z * z / (2 * of)
    reach = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, (middle - reach) / (1 + z * z / of)), (middle + reach) / (1 + z * z / of)
