"""Whether `conform time` measures what is there: ratios that are known beforehand, again and again.

    python benchmarks/timing.py [--repeats 50] [--pairs 40] [--ratios 1.0 1.02 1.1 1.5] [--size 96] [--drift]

Both sides multiply the same matrices; one does it more often, so that the ratio of their times is known. Prints for each
ratio how often the 95% interval holds it, how often it excludes 1 (for 1.0 a false alarm, else a detection), and how wide
it is. `--drift` runs two other processes that come and go meanwhile: a noisy neighbour.
"""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable

import numpy

from conformance.timing.company import Moment
from conformance.timing.measure import Side, interleaved
from conformance.timing.statistics import Interval, median_ratio
from conformance.timing.threads import limited

PRODUCTS = 100  # of the side that does fewer


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--ratios", type=float, nargs="+", default=[1.0, 1.02, 1.1, 1.5])
    parser.add_argument("--size", type=int, default=96, help="of the square matrices")
    parser.add_argument("--drift", action="store_true")
    options = parser.parse_args()
    neighbours = [multiprocessing.Process(target=come_and_go, args=(k,), daemon=True) for k in range(2 * options.drift)]
    for neighbour in neighbours:
        neighbour.start()
    print(f"{options.repeats} intervals from {options.pairs} pairs each")
    print(f"{'ratio':>6} {'holds it':>9} {'excludes 1':>11} {'width':>7} {'others busy':>12}")
    for ratio in options.ratios:
        moment = Moment.now()
        found = [measured(ratio, options.size, options.pairs, seed) for seed in range(options.repeats)]
        true = round(PRODUCTS * ratio) / PRODUCTS
        holds = sum(one.low <= true <= one.high for one in found) / len(found)
        excludes = sum(not one.low <= 1.0 <= one.high for one in found) / len(found)
        width = float(numpy.median([one.high / one.low - 1 for one in found]))
        others = moment.others_since()
        print(
            f"{true:6.2f} {holds:9.0%} {excludes:11.0%} {width:7.1%} {others if others is None else round(others, 2):>12}"
        )
    for neighbour in neighbours:
        neighbour.terminate()
    return 0


def measured(ratio: float, size: int, pairs: int, seed: int) -> Interval:
    """One run: the ratio of a side that does `ratio` times the other's work."""
    rng = numpy.random.default_rng(seed)
    a = rng.standard_normal((size, size), dtype=numpy.float32)
    out = numpy.empty_like(a)

    def work(products: int) -> Callable[[], None]:
        def call() -> None:
            for _ in range(products):
                numpy.matmul(a, a, out=out)

        return call

    sides = [Side("more", work(round(PRODUCTS * ratio))), Side("less", work(PRODUCTS))]
    with limited(1, []):
        times = interleaved(sides, pairs, rng)
    return median_ratio(times.of("more"), times.of("less"), rng)


def come_and_go(seed: int) -> None:
    """Busy for a while, idle for a while, both of random length."""
    rng = numpy.random.default_rng(seed)
    while True:
        end = time.monotonic() + rng.exponential(0.05)
        while time.monotonic() < end:
            pass
        time.sleep(rng.exponential(0.05))


if __name__ == "__main__":
    sys.exit(main())
