"""The gate's decisions about timings, on tables of synthetic noise: `python benchmarks/gate.py noise`.

The pairs' noise is heavy-tailed (Student's t with 3 degrees of freedom), drifts, has spikes (another program takes the
core), and a process has a bias of its own (heavy-tailed too); medians and intervals come from the pairs as `conform time`
takes them. The gate then compares tables of the same program, and tables with one row slower.
"""

import argparse
import math
from collections.abc import Sequence
from typing import Any

import numpy
import pandas

from conformance.gate import ratios, speed
from conformance.gate.change import SLOWER
from conformance.gate.ratios import Key


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


def noise(options: argparse.Namespace) -> int:
    print(
        f"{options.runs} comparisons, {options.rows} rows, {options.pairs} pairs a row, baselines of {options.baseline_runs} runs, bias between runs "
        f"{options.bias:g} (deviation of the logarithm)"
    )
    print(
        f"{'jitter':>7} {'looks':>6} {'timed':>9} {'false alarms':>13} {'seen: x1.1':>11} {'x1.2':>6} {'x1.5':>6} {'visible':>8}"
    )
    for jitter in options.jitter:
        for looks in (2, 1):
            trial = Trial(options, jitter, looks)
            alarms = trial.alarms(options.runs)
            seen = [trial.seen(math.log(factor), options.runs // 4) for factor in (1.1, 1.2, 1.5)]
            print(
                f"{jitter:>7g} {looks:>6} {trial.timed / options.runs / options.rows:>9.2f} {alarms:>13.2%} "
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
        self.timed, self.visible = 0, 0.0

    def compare(self, slower: float = 0.0) -> set[str]:
        """The rows that are called slower, when row 0 is."""
        now = self.logs.copy()
        now[0] += slower

        def made(logs: Any) -> Any:
            return table(self.rng, logs, self.options.pairs, self.jitter, self.options.bias)

        def again(keys: Sequence[Key]) -> Any:
            self.timed += len(keys)
            return made(now)

        runs = [made(self.logs) for _ in range(self.options.baseline_runs)]
        baseline = ratios.together(runs) if len(runs) > 1 else runs[0]
        found = speed.compare(baseline, made(now), again if self.looks == 2 else None)
        self.visible = float(numpy.median(found.visible))
        return {change.name.partition(",")[0] for change in found.changes if change.kind == SLOWER}

    def alarms(self, runs: int) -> float:
        """The share of comparisons of the same program with any alarm."""
        return sum(bool(self.compare()) for _ in range(runs)) / runs

    def seen(self, slower: float, runs: int) -> float:
        """The share of comparisons in which the slower row is called so."""
        before = self.timed
        share = sum("row 0" in self.compare(slower) for _ in range(runs)) / runs
        self.timed = before
        return share
