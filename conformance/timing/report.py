"""Reports of timings: timings.parquet and .csv, beside.csv, sweeps.csv, timings.md, timings.json and figures.

They are written one by one into the folder, which may hold the report of a comparison too.
"""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from conformance.identity import identity
from conformance.report.environment import machine
from conformance.report.folder import can_draw
from conformance.report.grid import grid
from conformance.timing import study
from conformance.timing.row import BOTH, CAPTURED, CAPTURED_INFERENCE, FORWARD, LENET, OPERATIONS, STUDY, SWEEP
from conformance.timing.run import COLUMNS, Bench, Beside, Outcome, Timing
from conformance.timing.scaling import EXPONENTS, exponents
from conformance.timing.statistics import Interval, geometric_mean
from conformance.timing.threads import blas, processors


def write(outcome: Outcome, folder: Path, bench: Bench, *, drawn: bool = True) -> None:
    """Write the report into `folder`, each file replaced as a whole; figures where they are to be `drawn`."""
    folder.mkdir(parents=True, exist_ok=True)
    frame = to_frame(outcome.timings)
    _replace(folder / "timings.parquet", lambda path: frame.to_parquet(path, index=False))
    _replace(folder / "timings.csv", lambda path: frame.to_csv(path, index=False))
    _csv(folder / "beside.csv", [asdict(line) for line in outcome.beside], [f.name for f in fields(Beside)])
    found = exponents(outcome)
    _csv(folder / "sweeps.csv", found, ["sweep", "what", "threads", "axis", *EXPONENTS])
    text = json.dumps(about(outcome, bench), indent=2) + "\n"
    _replace(folder / "timings.json", lambda path: path.write_text(text, encoding="utf-8"))
    page = markdown(outcome, bench)
    _replace(folder / "timings.md", lambda path: path.write_text(page, encoding="utf-8"))
    if drawn and outcome.timings and can_draw():
        from conformance.timing import figures

        _replace(folder / "ratios.png", lambda path: figures.ratios(outcome.timings, path))
        if found:
            _replace(folder / "sweeps.png", lambda path: figures.sweeps(outcome, path))


def _replace(path: Path, write: Any) -> None:
    new = path.with_name(f".{path.stem}.new{path.suffix}")
    write(new)
    os.replace(new, path)


def _csv(path: Path, lines: list[dict[str, Any]], columns: list[str]) -> None:
    import pandas

    frame = pandas.DataFrame(lines, columns=columns)
    _replace(path, lambda new: frame.to_csv(new, index=False))


def to_frame(timings: Sequence[Timing]) -> Any:
    """A pandas DataFrame with a line per row of the table."""
    import pandas

    return pandas.DataFrame([[getattr(timing, name) for name in COLUMNS] for timing in timings], columns=list(COLUMNS))


def about(outcome: Outcome, bench: Bench) -> dict[str, Any]:
    """What the timings were made on."""
    return {
        "candidate": outcome.candidate,
        "identity": identity(outcome.candidate, bench.torch.device),
        **machine(),
        "processors": processors(),
        "blas": blas(),
        "load before and after": [round(load, 2) for load in outcome.load],
        **({"gpus before and after": outcome.gpus} if bench.gpu else {}),
        "rates": [asdict(rate) for rate in outcome.rates.values()],
        "pairs": bench.pairs,
        "seed": bench.seed,
        "seconds": round(outcome.seconds, 1),
        "complete": outcome.complete,
        "untimed": [{"what": what, "why": why} for what, why in outcome.untimed],
    }


_ON_GPU = (
    "Times are the GPU's own, from event to event in the stream: launches that the GPU has to wait for count. Inputs "
    "rotate through copies that do not fit into its L2 cache together, and the cache is overwritten before every sample. "
    "*captured step* is the candidate's step replayed as a graph of kernels beside torch's eager step."
)


_CAPTURED = (
    "*captured step* and *captured inference* are the candidate's, noted once and replayed without Python "
    "(`captured_step`), beside torch's eager ones."
)


# --- words --------------------------------------------------------------------------------------------------------


def in_words(outcome: Outcome) -> str:
    """The whole in a few lines."""
    lines = [f"{outcome.candidate}: {len(outcome.timings)} rows timed in {outcome.seconds:.0f} s"]
    for threads in sorted({timing.threads for timing in outcome.timings}):
        some = [t for t in outcome.timings if t.threads == threads and not (t.crowded and threads > 1)]
        if not some:
            continue
        for what in (FORWARD, BOTH):
            table = [t for t in some if t.group == OPERATIONS and t.what == what]
            if table:
                worst = max(table, key=lambda timing: timing.ratio)
                mean = geometric_mean([timing.ratio for timing in table])
                lines.append(
                    f"operations, {what}, {_threads(threads)}: geometric mean {mean:.2f} of {len(table)} rows, "
                    f"worst {worst.ratio:.2f} ({worst.name})"
                )
        for what in ("step", CAPTURED, "inference", CAPTURED_INFERENCE):
            found = [t for t in some if t.group == LENET and t.what == what]
            if found:
                said = ", ".join(f"{t.ratio:.2f} at {t.name.rpartition(' ')[2]}" for t in found)
                lines.append(f"LeNet-5 {what}, {_threads(threads)}: {said}")
        seen = math.exp(_median([max(math.log(t.null_high), -math.log(t.null_low)) for t in some])) - 1
        lines.append(
            f"null test, {_threads(threads)}: torch differs from torch by up to {100 * seen:.1f}% in half of the rows"
        )
    if outcome.wrong:
        lines.append(f"WRONG results in {len(outcome.wrong)} rows: {', '.join(t.name for t in outcome.wrong)}")
    if outcome.crowded:
        several = any(timing.threads > 1 for timing in outcome.crowded)
        lines.append(
            f"{len(outcome.crowded)} rows are crowded: other programs kept the processors busy meanwhile"
            f"{', and with several threads such ratios mean nothing (they are in no number above)' if several else ''}"
        )
    if outcome.raised:
        lines.append(f"ERRORS in {len(outcome.raised)} rows: {', '.join(name for name, _ in outcome.raised)}")
    if outcome.untimed:
        lines.append(f"{len(outcome.untimed)} not timed; the report says why")
    if not outcome.complete:
        lines.append("interrupted")
    return "\n".join(lines)


def markdown(outcome: Outcome, bench: Bench) -> str:
    """timings.md."""
    parts = [
        f"# Timings of {outcome.candidate} beside torch",
        "```\n" + in_words(outcome) + "\n```",
        f"Ratios are candidate / torch eager, both in one process with the same number of threads: the median of "
        f"{_pairs(outcome)} interleaved pairs in random order, and its 95% bootstrap interval. *Null* is the interval of "
        "torch against torch in the same rounds: a ratio inside it is no difference. *Overhead* marks rows where a call "
        "on next to nothing takes half of a side's time, *crowded* rows during which other programs kept a processor from its thread. After timing, results were compared with torch on other inputs.",
        *([_ON_GPU] if bench.gpu else [_CAPTURED]),
        _rates(outcome),
    ]
    for group in (LENET, OPERATIONS, STUDY, SWEEP):
        found = [timing for timing in outcome.timings if timing.group == group]
        if found:
            parts += [f"## {group[0].upper()}{group[1:]}", _study(found) if group == STUDY else _table(found)]
        if group == LENET and outcome.beside:
            parts += ["Beside other libraries:", _beside(outcome.beside)]
    fits = exponents(outcome)
    if fits:
        parts += ["## Exponents", "time ~ size^k, with the 95% interval of the fit", _fits(fits)]
    memories = [timing for timing in outcome.timings if not math.isnan(timing.candidate_mib)]
    if memories:
        parts += [
            "## Peak memory",
            "MiB above what the process had after its imports, each library in its own process.",
        ]
        lines = [[str(t.name), t.what, t.threads, f"{t.candidate_mib:.1f}", f"{t.torch_mib:.1f}"] for t in memories]
        parts.append(grid(lines, ["row", "what", "threads", "candidate", "torch"]))
    if outcome.raised:
        parts += ["## Errors", "\n".join(f"- {what}: {why}" for what, why in outcome.raised)]
    if outcome.untimed:
        parts += ["## Not timed", "\n".join(f"- {what}: {why}" for what, why in outcome.untimed)]
    return "\n\n".join(parts) + "\n"


def _rates(outcome: Outcome) -> str:
    known = machine()
    said = "; ".join(
        f"{_threads(rate.threads)}: {rate.gflops:.0f} GFLOP/s in matrix products, {rate.gbytes_s:.1f} GB/s copying"
        for rate in outcome.rates.values()
    )
    load = " and ".join(f"{value:.1f}" for value in outcome.load)
    packages = ", ".join(f"{name} {version}" for name, version in known["packages"].items())
    gpus = "".join(
        f" GPU {when}: {state}." for when, state in zip(("before", "after"), outcome.gpus, strict=False) if state
    )
    said = f"; {said}" if said else ""
    return f"{known['processor']}, {processors()} processors{said}. Load before and after: {load}.{gpus} {packages}."


def _table(timings: Sequence[Timing]) -> str:
    lines = [
        [
            t.name.removeprefix("sweep of "),
            t.what,
            t.threads,
            f"{'**WRONG** ' if t.wrong else ''}{Interval(t.ratio, t.low, t.high)}",
            f"{t.null_low:.2f} to {t.null_high:.2f}",
            f"{_time(t.candidate_s)} / {_time(t.torch_s)}",
            _share(t.candidate_gflops, t.candidate_of_gemm),
            _share(t.candidate_gbytes_s, t.candidate_of_copy),
            ", ".join(["overhead"] * t.overhead + ["crowded"] * t.crowded),
        ]
        for t in timings
    ]
    heads = ["row", "what", "threads", "ratio", "null", "candidate / torch", "GFLOP/s", "GB/s", ""]
    return grid(lines, heads)


def _study(timings: Sequence[Timing]) -> str:
    lines = [
        [
            t.name,
            t.what,
            t.threads,
            f"{study.CALLS * t.candidate_s:.4f} s",
            f"{study.CALLS * t.torch_s:.4f} s",
            str(Interval(t.ratio, t.low, t.high)),
        ]
        for t in timings
    ]
    return grid(lines, ["row", "what", "threads", f"{study.CALLS} calls", "torch", "ratio"])


def _beside(lines: Sequence[Beside]) -> str:
    rows = [
        [
            b.name,
            b.what,
            b.threads,
            b.other,
            str(Interval(b.ratio, b.low, b.high)),
            f"{_time(b.candidate_s)} / {_time(b.other_s)}",
        ]
        for b in lines
    ]
    return grid(rows, ["row", "what", "threads", "other", "candidate / other", "times"])


def _fits(lines: Sequence[dict[str, Any]]) -> str:
    def fit(line: dict[str, Any], side: str) -> str:
        if math.isinf(line[f"{side}_high"]):
            return f"{line[side]:.2f}"
        return str(Interval(line[side], line[f"{side}_low"], line[f"{side}_high"]))

    rows = [
        [line["sweep"], line["what"], line["threads"] or "", line["axis"], fit(line, "candidate"), fit(line, "torch")]
        for line in lines
    ]
    return grid(rows, ["sweep", "what", "threads", "axis", "candidate", "torch"])


def _pairs(outcome: Outcome) -> str:
    counts = sorted({timing.pairs for timing in outcome.timings})
    return f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(*counts)


def _threads(number: int) -> str:
    return "1 thread" if number == 1 else f"{number} threads"


def _share(rate: float, share: float) -> str:
    return "" if math.isnan(rate) else f"{rate:.3g} ({100 * share:.0f}%)"


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"


def _median(values: Sequence[float]) -> float:
    import numpy

    return float(numpy.median(values))
