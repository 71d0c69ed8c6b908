"""Reports of a comparison of trajectories: every step as a table, a summary to read, figures."""

import json
import math
from dataclasses import fields
from pathlib import Path
from typing import Any

from conformance.identity import identity
from conformance.report.environment import machine
from conformance.report.folder import can_draw, replaced
from conformance.report.grid import grid
from conformance.trajectory.envelope import LAMBDA, Row
from conformance.trajectory.lockstep import Departure, Outcome
from conformance.trajectory.run import EXACT, KINDS

BLUNT = 0.1  # an envelope as wide as this part of the numbers themselves says little
COLUMNS = tuple(field.name for field in fields(Row))


def write(outcome: Outcome, folder: Path, device: str = "cpu") -> None:
    """Write steps.parquet, steps.csv, losses.csv, summary.md, environment.json and trajectory.png into `folder`."""
    import pandas

    frame = to_frame(outcome.rows)
    curve = pandas.DataFrame(outcome.losses, columns=["step", "candidate", "torch", "lowest", "highest"])
    with replaced(folder) as made:
        frame.to_parquet(made / "steps.parquet", index=False)
        frame.to_csv(made / "steps.csv", index=False)
        curve.to_csv(made / "losses.csv", index=False)
        (made / "summary.md").write_text(summary(outcome), encoding="utf-8")
        about = {
            "identity": identity(outcome.candidate, device),
            "plan": str(outcome.plan),
            "envelope": outcome.envelope,
            "steps": outcome.steps,
            "seconds": {name: round(value, 2) for name, value in outcome.seconds.items()},
            **machine(),
        }
        (made / "environment.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        if outcome.losses and can_draw():
            figure(outcome, made / "trajectory.png")


def to_frame(rows: list[Row]) -> Any:
    """A pandas DataFrame with one line per tensor and step."""
    import pandas

    return pandas.DataFrame([[getattr(row, name) for name in COLUMNS] for row in rows], columns=list(COLUMNS))


# --- words ---------------------------------------------------------------------------------------------------------


def verdict(outcome: Outcome) -> str:
    """One line on the whole."""
    if outcome.raised is not None:
        if outcome.unsupported:
            return f"not supported: {outcome.unsupported}"
        return f"FAIL: {outcome.raised.kind} in step {outcome.raised_at}: {outcome.raised.message}"
    if outcome.departure is not None:
        row = outcome.departure.row
        return f"FAIL: leaves torch's envelope at step {row.step} with {row.kind} {row.tensor}"
    inside = f"inside torch's own envelope for {outcome.steps} steps"
    return inside if outcome.complete else f"interrupted; {inside}"


def describe(departure: Departure) -> list[str]:
    """The departure as lines."""
    row = departure.row
    if row.problem:
        lines = [f"step {row.step}: {row.kind} {row.tensor}: {row.problem}"]
    else:
        lines = [
            f"step {row.step}: {row.kind} {row.tensor} is {row.distance:.3g} away from torch at float64; allowed are "
            f"{row.allowed:.3g} (ratio {row.ratio:.3g}); torch's own runs are at most {row.torch:.3g} away"
        ]
    if departure.index:
        lines.append(
            f"worst element {departure.index}: candidate {departure.candidate!r}, torch {departure.torch!r}, "
            f"float64 {departure.float64!r}"
        )
    if departure.others:
        lines.append(f"{departure.others} other tensors are outside in the same step")
    if departure.again.startswith("taken"):
        lines.append(departure.again)
    return [*lines, f"likely cause: {departure.cause}"]


def table(outcome: Outcome) -> str:
    """The worst tensor of every kind, and how sharp the comparison is at the end."""
    lines = []
    for kind in KINDS:
        rows = [row for row in outcome.rows if row.kind == kind]
        if not rows:
            continue
        worst = max(rows, key=lambda row: row.ratio)
        outside = len({row.tensor for row in rows if row.outside})
        if kind in EXACT:
            status = "the same bytes" if not outside else f"{outside} differ"
            lines.append((kind, len({row.tensor for row in rows}), status, "", "", ""))
            continue
        sharp = sharpness(outcome, kind)
        where = f"{worst.tensor}, step {worst.step}" if worst.ratio else ""
        status = "inside" if not outside else f"{outside} outside"
        lines.append((kind, len({row.tensor for row in rows}), status, f"{worst.ratio:.3g}", where, f"{sharp:.1g}"))
    headers = ["what", "tensors", "verdict", "worst ratio", "where", "allowed / magnitude at the end"]
    return grid(lines, headers)


def sharpness(outcome: Outcome, kind: str) -> float:
    """The median over the tensors of a kind of what is allowed over the tensor's magnitude, at the last step."""
    import numpy

    last = max((row.step for row in outcome.rows if row.kind == kind), default=0)
    parts = [
        row.allowed / row.magnitude
        for row in outcome.rows
        if row.step == last and row.kind == kind and row.magnitude > 0 and not row.problem
    ]
    return float(numpy.median(parts)) if parts else 0.0


def curves(outcome: Outcome) -> list[str]:
    """How close the loss curves and the accuracies are."""
    lines = []
    if outcome.losses:
        mine = max(abs(candidate - torch) for _, candidate, torch, _, _ in outcome.losses)
        theirs = max(high - low for _, _, _, low, high in outcome.losses)
        last = outcome.losses[-1]
        lines.append(
            f"loss: {last[1]:.6f} at step {last[0]}, torch {last[2]:.6f}; largest difference over the steps {mine:.2g}, "
            f"among torch's own runs {theirs:.2g}"
        )
    for epoch, pair in enumerate(
        zip(*(outcome.accuracy.get(name, []) for name in ("candidate", "torch")), strict=False), 1
    ):
        own = [
            found[epoch - 1] for name, found in outcome.accuracy.items() if name != "candidate" and len(found) >= epoch
        ]
        lines.append(
            f"test accuracy after epoch {epoch}: {100 * pair[0]:.2f}%, torch {100 * pair[1]:.2f}% "
            f"(its runs {100 * min(own):.2f}% to {100 * max(own):.2f}%)"
        )
    blunt = sharpness(outcome, "parameter")
    if blunt > BLUNT:
        lines.append(
            f"torch's own runs have drifted apart: the envelope is {blunt:.2g} of the parameters themselves, and says "
            "little at the end; --anchor-every keeps it narrow"
        )
    return lines


def summary(outcome: Outcome) -> str:
    """The report as Markdown."""
    text = [f"# Training in {outcome.candidate} and in torch: {verdict(outcome)}", "", str(outcome.plan) + ".", ""]
    if outcome.departure:
        text += ["## Where it leaves", "", *[f"- {line}" for line in describe(outcome.departure)], ""]
    if outcome.raised and not outcome.unsupported:
        text += ["## What it raised", "", "```", outcome.raised.trace.rstrip(), "```", ""]
    if outcome.rows:
        text += [
            "## Every tensor of every step",
            "",
            f"The oracle is torch at float64; what is allowed is {LAMBDA:g} times the largest distance of torch's own runs "
            f"so far: {', '.join(outcome.envelope)}. Above ratio 1 the candidate is outside. `steps.csv` has every step.",
            "",
            table(outcome),
            "",
            *[f"- {line}" for line in curves(outcome)],
            "",
            "![loss curves and worst ratios](trajectory.png)",
            "",
        ]
    if outcome.anchors:
        text += [
            "## Anchors",
            "",
            "Here all runs of torch went on from the candidate's state:",
            "",
            *[f"- step {step}: {reason}" for step, reason in outcome.anchors],
            "",
        ]
    if outcome.steps:
        spent = ", ".join(f"{name} {1e3 * s / outcome.steps:.1f}" for name, s in outcome.seconds.items())
        text += ["## Time", "", f"{outcome.total_seconds:.0f} s in all; milliseconds a step: {spent}.", ""]
    return "\n".join(text)


# --- figures -------------------------------------------------------------------------------------------------------


def figure(outcome: Outcome, path: Path) -> None:
    """Loss curves with torch's own spread, and the worst ratio of every kind of tensor over the steps."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(8, 8), layout="constrained")
    FigureCanvasAgg(drawing)
    losses, gaps, ratios = drawing.subplots(3, 1, sharex=True, height_ratios=(2, 1, 2))
    steps, mine, torch, low, high = (list(column) for column in zip(*outcome.losses, strict=True))
    losses.plot(steps, torch, color="black", linewidth=2.5, alpha=0.4, label="torch")
    losses.plot(steps, mine, color="tab:orange", linewidth=1, label=outcome.candidate)
    losses.fill_between(steps, low, high, color="tab:blue", alpha=0.3, label="torch's own runs")
    losses.set_ylabel("loss")
    losses.legend()
    losses.set_title(str(outcome.plan).partition(";")[0])
    rows = [row for row in outcome.rows if row.kind == "loss"]
    gaps.plot([r.step for r in rows], [r.allowed for r in rows], color="black", linestyle="--", label="allowed")
    gaps.plot([r.step for r in rows], [r.torch for r in rows], color="tab:blue", label="torch's own, largest so far")
    gaps.plot(
        [r.step for r in rows], [r.distance or math.nan for r in rows], color="tab:orange", label=outcome.candidate
    )
    gaps.set_yscale("log")
    gaps.set_ylabel("distance of the loss\nfrom float64")
    gaps.legend(fontsize="small")
    for kind in KINDS:
        worst: dict[int, float] = {}
        for row in outcome.rows:
            if row.kind == kind and math.isfinite(row.ratio):
                worst[row.step] = max(worst.get(row.step, 0.0), row.ratio)
        if any(worst.values()):
            ratios.plot(
                list(worst), [value or math.nan for value in worst.values()], label=kind, marker=".", markersize=3
            )
    ratios.axhline(1.0, color="black", linestyle="--")
    ratios.set_yscale("log")
    ratios.set_ylabel("worst distance / allowed")
    ratios.set_xlabel("step")
    for step, _ in outcome.anchors:
        ratios.axvline(step, color="gray", linewidth=0.5)
    if ratios.get_legend_handles_labels()[0]:
        ratios.legend(fontsize="small")
    drawing.savefig(path, dpi=120)
