"""How long random draws take beside torch's, whose values they equal bit for bit.

    python benchmarks/random_draws.py [--quick] [--draws randn randperm] [--sizes 1000 100000]

Prints for each draw and size: torch's time, refnet's, and their ratio. Both run on one thread, in turns, for several
rounds; the least time of each counts, in seconds of processor time, so that other programs disturb little. A round is
as many calls as make about a tenth of a millisecond.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

Call = Callable[[], Any]

SIZES = (1_000, 100_000, 4_000_000)
CALLS_WORTH = 100_000  # elements a round draws at least


def _fills(name: str, *arguments: Any, dtype: str = "float32") -> Callable[[Any, int], Call]:
    """An in-place fill of one tensor, again and again."""

    def prepare(T: Any, n: int) -> Call:
        fill = getattr(T.empty(n, dtype=getattr(T, dtype)), name)
        return lambda: fill(*arguments)

    return prepare


def _drops(T: Any, n: int) -> Call:
    x = T.ones(n)
    return lambda: T.nn.functional.dropout(x, 0.3)


DRAWS: dict[str, Callable[[Any, int], Call]] = {
    "rand float32": lambda T, n: lambda: T.rand(n),
    "rand float64": lambda T, n: lambda: T.rand(n, dtype=T.float64),
    "uniform_(-.1, .1)": _fills("uniform_", -0.1, 0.1),
    "bernoulli_(.3)": _fills("bernoulli_", 0.3),
    "dropout(.3)": _drops,
    "randint(10)": lambda T, n: lambda: T.randint(10, (n,)),
    "random_ int64": _fills("random_", dtype="int64"),
    "exponential_": _fills("exponential_"),
    "geometric_(.3)": _fills("geometric_", 0.3),
    "randn float32": lambda T, n: lambda: T.randn(n),
    "normal_(.5, 2)": _fills("normal_", 0.5, 2.0),
    "randn float64": lambda T, n: lambda: T.randn(n, dtype=T.float64),
    "randperm": lambda T, n: lambda: T.randperm(n),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, without the largest size")
    parser.add_argument("--draws", nargs="+", default=list(DRAWS), metavar="DRAW", help="parts of names in the table")
    parser.add_argument("--sizes", nargs="+", type=int, default=None)
    options = parser.parse_args()
    sizes = options.sizes or (SIZES[:2] if options.quick else SIZES)
    import torch

    import refnet

    torch.set_num_threads(1)
    print(f"{'microseconds: torch, refnet, ratio':20}", *(f"{f'n = {n:,}':>30}" for n in sizes), sep="  ")
    for name, prepare in DRAWS.items():
        if not any(part in name for part in options.draws):
            continue
        print(f"{name:34}", end="")
        for n in sizes:
            rounds = (3 if options.quick else 7) if n >= CALLS_WORTH else (20 if options.quick else 60)
            theirs, ours = least(prepare(torch, n), prepare(refnet, n), n, rounds)
            print(f"  {theirs:10.1f} {ours:10.1f} {ours / theirs:6.2f}x", end="", flush=True)
        print()
    return 0


def least(one: Call, other: Call, n: int, rounds: int) -> tuple[float, float]:
    """The least time that a call of each took, in microseconds."""
    calls = max(CALLS_WORTH // n, 1)
    best = [float("inf"), float("inf")]
    one(), other()
    for _ in range(rounds):
        for which, call in enumerate((one, other)):
            began = time.thread_time()
            for _ in range(calls):
                call()
            best[which] = min(best[which], (time.thread_time() - began) / calls)
    return best[0] * 1e6, best[1] * 1e6


if __name__ == "__main__":
    sys.exit(main())
