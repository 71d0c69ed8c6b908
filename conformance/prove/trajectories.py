"""Is `conform train` right? Faults planted in training are caught within twenty steps, legitimate training passes.

The command `python -m conformance.prove.trajectories`. Exit status: 0 so it is, 1 it is not.

Every trial is torch with one name of its namespace replaced, or torch in another arithmetic, held against torch. A
variant of torch is judged by an envelope that it is not part of, and Monte-Carlo runs by other seeds than theirs.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STEPS = 20
BATCH = 128  # sixteen steps an epoch of the sample: the last, partial batch and the second shuffle are among the twenty
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class Finding:
    """What came of a trial."""

    trial: str
    recipe: str
    optimizer: str
    fault: bool
    verdict: str
    step: int  # of the departure; 0 for none, -1 where an exception ended the training
    tensor: str
    ratio: float  # at the departure; the worst where there is none
    cause: str
    below_rounding: str = ""

    @property
    def right(self) -> bool:
        """Whether a fault was caught, or legitimate training passed."""
        if self.step < 0:  # it raised: no verdict on training
            return False
        return self.fault == (self.step > 0) or bool(self.below_rounding)


def work(trial_name: str) -> Finding:
    """Run one trial."""
    from conformance.candidates import load
    from conformance.candidates.torch import Torch
    from conformance.prove.subject import Overlay
    from conformance.prove.training import TRIALS
    from conformance.trajectory.lockstep import DEFAULT, monte_carlo, train
    from conformance.trajectory.plan import Plan
    from conformance.trajectory.report import verdict

    trial = next(trial for trial in TRIALS if trial.name == trial_name)
    plan = Plan(trial.recipe, trial.optimizer, trial.options, trial.scheduler, batch_size=BATCH, steps=STEPS)
    # Two threads give the bits of one on tensors of this size, and cost the most.
    variants = [name for name in DEFAULT if name != "threads=2" and f"torch:{name}" != trial.library]
    if trial.library.startswith("monte-carlo "):
        candidate: Any = monte_carlo(int(trial.library.partition(" ")[2]), plan)
    elif trial.library:
        candidate = load(trial.library)
    else:
        candidate = Torch(f"torch with {trial.replaces}: {trial.name}")
        if trial.make is not None:
            candidate.torch = Overlay(candidate.torch, trial.replaces, trial.make(candidate.torch))
    outcome = train(candidate, plan, variants=variants)
    departure, raised = outcome.departure, outcome.raised
    worst = max(outcome.rows, key=lambda row: row.ratio, default=None)
    row = departure.row if departure else worst
    return Finding(
        trial.name,
        trial.recipe,
        trial.optimizer,
        trial.fault,
        verdict(outcome),
        departure.row.step if departure else (-1 if raised else 0),
        f"{row.kind} {row.tensor}" if row else "",
        row.ratio if row else float("nan"),
        departure.cause if departure else trial.below_rounding,
        trial.below_rounding,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(argv)
    os.environ.update(dict.fromkeys(THREADS, "1"))
    from conformance.prove.training import TRIALS

    chosen = [trial.name for trial in TRIALS if all(word in f"{trial.recipe} {trial.name}" for word in options.words)]
    if not chosen:
        print("no trial has these words", file=sys.stderr)
        return 2
    began = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(min(options.workers, len(chosen))) as pool:
        findings = []
        for done, finding in enumerate(pool.imap(work, chosen), 1):
            findings.append(finding)
            if done % 10 == 0:
                left = (time.monotonic() - began) / done * (len(chosen) - done)
                print(f"{done}/{len(chosen)} trials, {left:.0f} s left", file=sys.stderr, flush=True)
    text = table(findings)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "trajectories.md").write_text(text, encoding="utf-8")
    print(text)
    wrong = [finding for finding in findings if not finding.right]
    for finding in wrong:
        print(f"{'MISSED' if finding.fault else 'FLAGGED'} {finding.recipe}, {finding.trial}: {finding.verdict}")
    print(f"{time.monotonic() - began:.0f} s; report: {options.out / 'trajectories.md'}")
    return 1 if wrong else 0


def table(findings: Sequence[Finding]) -> str:
    """The findings as Markdown."""
    from tabulate import tabulate

    faults = [finding for finding in findings if finding.fault]
    legitimate = [finding for finding in findings if not finding.fault]
    text = [
        "# Training with planted faults",
        "",
        f"{sum(f.step > 0 for f in faults)} of {len(faults)} faults are caught within {STEPS} steps, "
        f"{sum(f.right for f in legitimate)} of {len(legitimate)} legitimate trainings pass.",
        "",
        tabulate(
            [
                (
                    f.trial,
                    f.recipe,
                    f.optimizer,
                    f.step if f.step > 0 else ("below rounding" if f.below_rounding and f.right else "MISSED"),
                    f.tensor,
                    f"{f.ratio:.3g}",
                    f.cause,
                )
                for f in faults
            ],
            ["fault", "model", "optimizer", "caught at step", "tensor", "ratio", "likely cause"],
            tablefmt="pipe",
        ),
        "",
        tabulate(
            [
                (f.trial, f.recipe, f.optimizer, "passes" if f.right else f.verdict, f"{f.ratio:.3g}", f.tensor)
                for f in legitimate
            ],
            ["legitimate", "model", "optimizer", "verdict", "worst ratio", "tensor"],
            tablefmt="pipe",
        ),
        "",
    ]
    return "\n".join(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance.prove.trajectories", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("-k", dest="words", action="append", default=[], help="only trials with this word")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("reports/proof"), help="folder of the report (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
