"""Figures of timings: ratios with their intervals, and sweeps with their exponents."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conformance.timing.run import Outcome, Timing
from conformance.timing.scaling import exponents, series

CANDIDATE_COLOR, TORCH_COLOR, NULL_COLOR = "tab:blue", "tab:orange", "0.8"


def ratios(timings: Sequence[Timing], path: Path) -> None:
    """A line per row: the ratio with its interval, over the interval of the null test; left of 1 is faster than torch."""
    figure, axes = _subplots(1, (9, 1.5 + 0.2 * len(timings)))
    places = range(len(timings) - 1, -1, -1)
    for place, t in zip(places, timings, strict=True):
        axes.barh(place, t.null_high - t.null_low, left=t.null_low, height=0.8, color=NULL_COLOR)
        axes.plot([t.low, t.high], [place, place], color=CANDIDATE_COLOR)
        axes.plot(
            [t.ratio],
            [place],
            marker="o",
            markersize=4,
            color=CANDIDATE_COLOR,
            fillstyle="none" if t.overhead else "full",
        )
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yticks(list(places), [f"{t.name} [{t.what}] {t.threads}" for t in timings], fontsize=6)
    axes.set_ylim(-1, len(timings))
    axes.set_xlabel("candidate / torch (grey: torch / torch; hollow: overhead)")
    _save(figure, path)


def sweeps(outcome: Outcome, path: Path) -> None:
    """Seconds against size in logarithms, one panel a sweep, both sides with their exponents."""
    fits = {(line["sweep"], line["what"], line["threads"], line["axis"]): line for line in exponents(outcome)}
    drawn = [(key, points) for key, points in series(outcome).items() if key in fits]
    columns = min(4, len(drawn))
    figure, panels = _subplots(len(drawn), (4 * columns, 3 * -(-len(drawn) // columns)), columns)
    for axes, (key, points) in zip(panels.flat if len(drawn) > 1 else [panels], drawn, strict=False):
        sizes = [size for size, _ in points]
        for side, color in (("candidate", CANDIDATE_COLOR), ("torch", TORCH_COLOR)):
            seconds = [getattr(timing, f"{side}_s") for _, timing in points]
            axes.loglog(sizes, seconds, marker="o", color=color, label=f"{side}: {key[3]}^{fits[key][side]:.2f}")
        title, what, threads, axis = key
        axes.set_title(f"{title}, {what}{f', threads {threads}' if threads else ''}", fontsize=8)
        axes.set_xlabel(axis)
        axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
        axes.minorticks_off()
        axes.set_ylabel("seconds")
        axes.legend(fontsize=7)
    for axes in figure.axes[len(drawn) :]:
        axes.set_visible(False)
    _save(figure, path)


def _subplots(count: int, size: tuple[float, float], columns: int = 1) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(-(-count // columns), columns, figsize=size)
    return figure, axes


def _save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot

    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
