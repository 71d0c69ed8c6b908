"""How often a verdict depends on luck: the same cases on other numbers, seed after seed.

    python benchmarks/flakiness.py [--candidate refnet] [--seeds 100] [--share 0.05] [--workers 2]

For each seed a random share of the cases is compared on samples and cotangents drawn anew; over many seeds every case
comes up many times. A legitimate candidate may not fail once. Prints comparisons, grades and every failure.
"""

import argparse
import multiprocessing
import os
import random
import sys
import time
import warnings
from collections import Counter
from typing import Any

_STATE: dict[str, Any] = {}


def prepare(candidate: str) -> None:
    import torch

    from conformance.candidates import load
    from conformance.cases import catalogue

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    _STATE.update(candidate=load(candidate), cases=catalogue())


def trial(job: tuple[str, int]) -> list[Any]:
    from conformance.comparison import compare
    from conformance.oracle import Truth

    name, seed = job
    case = _STATE["cases"][name]
    return compare(case, _STATE["candidate"], Truth(case, case.sample(seed), str(seed)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidate", default="refnet")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--share", type=float, default=0.05, help="of the cases, for each seed")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", CONFORM_CACHE="")
    from conformance.cases import catalogue

    names = [name for name, case in catalogue().items() if not case.timeout and "error" not in case.checks]
    rng = random.Random(0)
    jobs = [(name, seed) for seed in range(1, options.seeds + 1) for name in names if rng.random() < options.share]
    began, grades, failures = time.monotonic(), Counter[str](), []
    with multiprocessing.get_context("spawn").Pool(options.workers, prepare, (options.candidate,)) as pool:
        for records in pool.imap_unordered(trial, jobs, chunksize=16):
            grades.update(record.grade or record.status for record in records)
            failures += [record for record in records if record.bad]
    for record in failures:
        print(f"FAIL {record.case}: {record.check} {record.tensor}: {record.category}, z = {record.z:.3g}")
    print(
        f"{options.candidate}: {options.seeds} seeds, {len(jobs)} runs of {len(names)} cases, {grades.total()} comparisons"
    )
    print(", ".join(f"{grade} {count}" for grade, count in grades.most_common()))
    print(f"{len(failures)} failures, {time.monotonic() - began:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
