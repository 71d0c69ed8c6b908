"""`conform train NAME`."""

import argparse
import ast
import time
from pathlib import Path
from typing import Any

from conformance.against import Against
from conformance.candidates import load
from conformance.candidates.namespace import Namespace
from conformance.gpus import CPU
from conformance.trajectory import report
from conformance.trajectory.envelope import Row
from conformance.trajectory.lockstep import ON_GPU, VARIANTS, Outcome, train
from conformance.trajectory.plan import Plan

REPORTS = Path("reports/trajectories")
EVERY = 10.0  # seconds between lines of progress


def run(options: argparse.Namespace) -> int:
    """Compare, print and write the report; returns the exit status."""
    plan = plan_of(options)
    where = Against(options.device, options.reference).where
    there = VARIANTS if where == CPU else ON_GPU
    unknown = [name for name in options.variants or () if name not in there]
    if unknown:
        raise ValueError(f"the variants of torch on {where} are {', '.join(there)}; got {', '.join(unknown)}")
    candidate = load(options.candidate, options.device)
    if not isinstance(candidate, Namespace):
        print(f"{options.candidate}: not supported: training needs a candidate with torch's namespace, not functions")
        return 0
    print(f"{options.candidate}: {plan}")
    with candidate.reached():
        outcome = train(
            candidate,
            plan,
            samples=options.samples,
            variants=options.variants,
            torch_device=where,
            anchor_every=options.anchor_every,
            keep_going=options.keep_going,
            stepped=_Lines(plan.length),
        )
    outcome.candidate = options.candidate
    folder = options.out or REPORTS / plan.recipe
    report.write(outcome, folder, options.device)
    return _tell(outcome, folder)


def plan_of(options: argparse.Namespace) -> Plan:
    """The plan that the options choose. ValueError for what cannot be."""
    given: dict[str, Any] = {} if options.lr is None else {"lr": options.lr}
    for text in options.set:
        name, equals, value = text.partition("=")
        if not (name.isidentifier() and equals):
            raise ValueError(f"--set takes NAME=VALUE, an option of the optimizer; got {text!r}")
        try:
            given[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            raise ValueError(f"--set {text}: {value!r} is no Python number, truth value or tuple") from None
    return Plan(
        options.recipe,
        options.optimizer,
        given,
        options.scheduler,
        options.data,
        options.batch_size,
        options.epochs,
        options.steps,
        options.seed,
        host_masks=options.device != CPU,
    )


class _Lines:
    """A line at steps 1, 2, 5, 10, 20, 50, ... and at least every ten seconds."""

    def __init__(self, total: int) -> None:
        self.total, self.began, self.spoke = total, time.monotonic(), time.monotonic()
        print(f"{'step':>6}  {'distance of the loss':>20}  {'worst ratio':>11}  of")

    def __call__(self, step: int, rows: list[Row]) -> None:
        now = time.monotonic()
        round_number = str(step).rstrip("0") in ("1", "2", "5")
        if not (round_number or step == self.total or now - self.spoke > EVERY):
            return
        self.spoke = now
        worst = max(rows, key=lambda row: row.ratio)
        loss = next((f"{row.distance:.2g}" for row in rows if row.kind == "loss"), "")
        left = (now - self.began) / step * (self.total - step)
        end = f"  ({left:.0f} s left)" if step < self.total else ""
        print(f"{step:>6}  {loss:>20}  {worst.ratio:>11.3g}  {worst.kind} {worst.tensor}{end}", flush=True)


def _tell(outcome: Outcome, folder: Path) -> int:
    print(f"\n{outcome.candidate}: {report.verdict(outcome)}")
    if outcome.departure:
        print("\n".join(f"  {line}" for line in report.describe(outcome.departure)))
    if outcome.raised and not outcome.unsupported:
        print(outcome.raised.trace.rstrip())
    if outcome.rows:
        print(f"\n{report.table(outcome)}\n")
        print("\n".join(report.curves(outcome)))
    for step, reason in outcome.anchors:
        print(f"anchored at step {step}: {reason}")
    print(f"envelope: {', '.join(outcome.envelope)}; {outcome.total_seconds:.0f} s")
    print(f"report: {folder / 'summary.md'}")
    if not outcome.complete:
        return 3
    return 1 if outcome.bad else 0
