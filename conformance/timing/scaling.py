"""How time grows with size: the points of every sweep, and the exponents fitted through them."""

from typing import Any

from conformance.timing.row import SWEEP
from conformance.timing.run import Outcome, Timing
from conformance.timing.statistics import exponent

FITTED = 3  # sizes: fewer say nothing about an exponent
EXPONENTS = [f"{side}{end}" for side in ("candidate", "torch") for end in ("", "_low", "_high")]


def series(outcome: Outcome) -> dict[tuple[str, str, int, str], list[tuple[float, Timing]]]:
    """The points of every sweep, by (sweep, what, threads, axis); of a sweep over threads, threads are no key (0)."""
    found: dict[tuple[str, str, int, str], list[tuple[float, Timing]]] = {}
    for timing in outcome.timings:
        if timing.crowded and timing.threads > 1:  # it says how the threads were kept waiting
            continue
        for axis, size in outcome.axes.get((timing.name, timing.what, timing.threads), {}).items():
            title = "conv2d 3x3" if timing.group == SWEEP else timing.group
            threads = 0 if axis == "threads" else timing.threads
            found.setdefault((title, timing.what, threads, axis), []).append((size, timing))
    return {key: sorted(points, key=lambda point: point[0]) for key, points in found.items()}


def exponents(outcome: Outcome) -> list[dict[str, Any]]:
    """The fitted exponent of every sweep with enough sizes, for both sides."""
    lines = []
    for (title, what, threads, axis), points in series(outcome).items():
        if len(points) < (2 if axis == "threads" else FITTED):
            continue
        line: dict[str, Any] = {"sweep": title, "what": what, "threads": threads, "axis": axis}
        for side in ("candidate", "torch"):
            fit = exponent([size for size, _ in points], [getattr(timing, f"{side}_s") for _, timing in points])
            line |= {side: fit.value, f"{side}_low": fit.low, f"{side}_high": fit.high}
        lines.append(line)
    return lines
