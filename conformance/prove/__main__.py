"""The command `python -m conformance.prove`: is the harness itself right?

Legitimate implementations must not be flagged, planted faults must be caught. Exit status: 0 so it is, 1 it is not.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(argv)
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    from conformance.prove import tables
    from conformance.prove.subjects import subjects
    from conformance.prove.trial import work

    found = subjects()
    chosen = [i for i, subject in enumerate(found) if not options.family or subject.family in options.family]
    if not chosen:
        families = ", ".join(sorted({subject.family for subject in found}))
        print(f"no family {', '.join(options.family)}; there are {families}", file=sys.stderr)
        return 2
    began = time.monotonic()
    jobs = [(i, tuple(options.regime), options.seeds, options.short) for i in chosen]
    trials = []
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        for done, part in enumerate(pool.imap_unordered(work, jobs), 1):
            trials += part
            if part and done % 10 == 0:
                left = (time.monotonic() - began) / done * (len(jobs) - done)
                print(f"{done}/{len(jobs)} subjects, {left:.0f} s left", file=sys.stderr, flush=True)
    trials.sort(key=lambda trial: (trial.family, trial.subject))
    frame = tables.frame_of(trials)
    tables.write(frame, options.out)
    wrongly, missed = tables.failures(frame)
    print(tables.summary(frame).partition("\n## By family")[0])
    for row in wrongly.itertuples():
        print(f"FLAGGED {row.subject}, {row.implementation}: {row.case}: {row.worst}")
    for row in missed.itertuples():
        print(f"MISSED {row.subject}, {row.implementation}")
    print(f"{time.monotonic() - began:.0f} s; report: {options.out / 'summary.md'}")
    return 1 if len(wrongly) or len(missed) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m conformance.prove", description=__doc__.partition("\n")[0])
    parser.add_argument("--family", action="append", default=[], help="only this family of subjects; may be repeated")
    parser.add_argument("--regime", action="append", default=[], help="only this regime of inputs; may be repeated")
    parser.add_argument("--seeds", type=int, default=1, help="samples of every case (%(default)s)")
    parser.add_argument("--short", action="store_true", help="leave a fault alone once it is caught")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("reports/proof"), help="folder of the report (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
