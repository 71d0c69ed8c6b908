"""Figures of a report: what the tables say, to look at.

A figure is drawn once. For a page its colours are names of the page's style sheet, so that it follows the reader's light
or dark setting, and its letters are text; for a file they are what the style sheet says for light.
"""

import io
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from conformance.draw import Array
from conformance.record import PASS
from conformance.verdict import LAMBDA

# What a colour is for, and its value on white; the style sheet has the same names, for light and for dark.
COLORS = {"ink": "#1c2430", "faint": "#c9d1db", "candidate": "#1664c4", "torch": "#c4561a", "bad": "#c0182b"}
COLORS |= {"good": "#1b7a3e", "known": "#8a5a00"}
LEGEND = {"frameon": False, "labelcolor": COLORS["ink"], "fontsize": 8}
WIDTH = 6.4  # inches
CELLS = 48  # along each axis of a density
SPARSE = 200  # so many points are drawn one by one
FAR = 60.0  # powers of two: farther from one rounding nothing needs to be told apart
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# A row of a sweep says in its name what changes and what it has come to.
SWEEP = r"^sweep of (?P<axis>\w+): \S+ (?P<batch>\d+)x(?P<channels>\d+)x(?P<size>\d+)x"
UNITS = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}


@dataclass(frozen=True)
class Figure:
    """A drawing with the sentence that goes with it."""

    name: str
    caption: str
    drawing: Any

    def svg(self) -> str:
        """For a page: colours by name, no width of its own."""
        import matplotlib

        written = io.StringIO()
        with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": self.name}):
            self.drawing.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        text = written.getvalue()
        text = text[text.index("<svg") :]
        text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
        text = re.sub(r'<g id="[^"]*"', "<g", text)
        text = re.sub(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", rf'<svg \1 role="img" aria-label="{self.name}">', text)
        for name, value in COLORS.items():
            text = text.replace(value, f"var(--{name})")
        return re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)

    def png(self, folder: Path) -> Path:
        """A file for where there is no browser."""
        path = folder / f"{self.name.replace(' ', '-')}.png"
        self.drawing.savefig(path, dpi=120, facecolor="white")
        return path


# --- the comparison ------------------------------------------------------------------------------------------------


def conditioning(frame: Any) -> Figure | None:
    """The error of every tensor's worst element against what is allowed there, both in units of u |oracle|."""
    places = frame[(frame["z"] > 0) & (frame["oracle"] != 0) & (frame["allowed"] > 0)]
    if places.empty:
        return None
    scale = places["oracle"].abs() * places["dtype"].astype(str).map(UNITS)
    passed = (places["status"] == PASS).to_numpy()
    # Of what passes, z and the allowed error are in one unit; oracles are too coarse to subtract from at float64.
    error = numpy.where(
        passed, places["z"] * places["allowed"] / LAMBDA, (places["candidate"] - places["oracle"]).abs()
    )
    with numpy.errstate(all="ignore"):
        x, y = numpy.log2((places["allowed"] / scale).to_numpy()), numpy.log2(error / scale.to_numpy())
    use = numpy.isfinite(x) & numpy.isfinite(y)
    x, y, passed = x[use], y[use], passed[use]
    if not len(x):
        return None
    drawing, axes = _axes(3.8)
    (low, high), (bottom, top) = _sight(x), _sight(y)
    near = passed & (x > low) & (x < high) & (y > bottom) & (y < top)
    if near.sum() > SPARSE:
        _density(axes, x[near], y[near], ((low, high), (bottom, top)))
    elif near.any():
        axes.plot(x[near], y[near], ".", color=COLORS["candidate"], markersize=5, label="passes")
    x, y = numpy.clip(x, low, high), numpy.clip(y, bottom, top)
    axes.plot([low, high], [low, high], color=COLORS["ink"], linewidth=1, linestyle="--", label="allowed")
    if not passed.all():
        axes.plot(x[~passed], y[~passed], "x", color=COLORS["bad"], markersize=4, label="fails")
    axes.set_xlim(low - 1, high + 1)
    axes.set_ylim(bottom - 1, top + 1)
    axes.set_xlabel("allowed error, in roundings of the number itself")
    axes.set_ylabel("error of the candidate")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_power)
    _legend(axes, loc="lower right")
    return Figure(
        "error against conditioning",
        "The worst element of every tensor. To the right the inputs' own rounding moves the result more, and more error "
        "is allowed. Above the line a comparison fails, unless ill-conditioning or the order of a long sum explains more "
        "(within-bound). Stronger colour: more tensors. Failures beyond the figure are at its edge.",
        drawing,
    )


def _sight(values: Array) -> tuple[float, float]:
    """From where to where a figure goes: all but the farthest few."""
    low, high = (float(edge) for edge in numpy.percentile(values, [0.5, 99.5]))
    return max(low - 2, -FAR), min(high + 2, FAR)


def _density(axes: Any, x: Any, y: Any, sight: tuple[tuple[float, float], tuple[float, float]]) -> None:
    """How many points are where, as squares."""
    counts, across, up = numpy.histogram2d(x, y, bins=CELLS, range=sight)
    rows, columns = numpy.nonzero(counts.T)
    sides = (across[1] - across[0], up[1] - up[0])
    shade = numpy.log1p(counts[columns, rows]) / math.log1p(counts.max())
    levels = 0.2 + 0.2 * numpy.rint(4 * shade)
    for level in numpy.unique(levels):
        chosen = levels == level
        axes.add_patch(_squares(across[columns[chosen]], up[rows[chosen]], sides, float(level)))


def _squares(left: Array, bottom: Array, sides: tuple[float, float], shade: float) -> Any:
    """Squares by their lower left corners, as one path."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Outline

    right, top = left + sides[0], bottom + sides[1]
    corners = numpy.stack([[left, bottom], [right, bottom], [right, top], [left, top]]).transpose(2, 0, 1)
    outline = Outline.make_compound_path_from_polys(corners)
    return PathPatch(outline, facecolor=COLORS["candidate"], edgecolor="none", alpha=shade)


def _power(value: float, _: int | None = None) -> str:
    """2 to a whole power, for an axis in logarithms to base 2."""
    return "2" + str(int(value)).translate(RAISED) if value == int(value) else ""


def accuracy(frame: Any) -> Figure | None:
    """How large errors are, the candidate's and torch's: a histogram of the root mean square of z over a tensor."""
    measured = frame[(frame["status"] == PASS) & (frame["rms_z"] > 0) & (frame["torch_rms_z"] > 0)]
    measured = measured[~measured["identical"].astype(bool)]
    if measured.empty:
        return None
    both = numpy.log2(measured[["rms_z", "torch_rms_z"]].to_numpy())
    low, high = numpy.percentile(both, [0.1, 99.9])
    edges = numpy.arange(math.floor(low), math.ceil(high) + 1.01, 0.25)
    drawing, axes = _axes(3.2)
    for values, side in zip(both.T, ("candidate", "torch"), strict=True):
        counts, _ = numpy.histogram(numpy.clip(values, edges[0], edges[-1]), bins=edges)
        axes.stairs(counts, edges, color=COLORS[side], linewidth=1.8, label=side)
        axes.stairs(counts, edges, color=COLORS[side], fill=True, alpha=0.15)
    axes.xaxis.set_major_formatter(_power)
    axes.set_xlabel("root mean square of z over a tensor")
    axes.set_ylabel("tensors")
    _legend(axes)
    return Figure(
        "accuracy",
        f"Errors of the {len(measured)} tensors whose bits are not torch's own, in units of the error that rounding "
        "explains. Farther left is closer to the oracle.",
        drawing,
    )


def closer(table: Any) -> Figure | None:
    """Family by family, how many tensors are closer to the oracle, tied or farther; `table` as of `tables.by_family`."""
    if table.empty:
        return None
    table = table.sort_values("tensors").tail(30)
    drawing, axes = _axes(1.2 + 0.2 * len(table), names=True)
    places, left = range(len(table)), numpy.zeros(len(table))
    for column, color in (("closer", "candidate"), ("tied", "faint"), ("farther", "torch")):
        shares = 100 * (table[column] / table["tensors"]).to_numpy()
        axes.barh(places, shares, left=left, color=COLORS[color], height=0.75, label=column)
        left += shares
    axes.set_yticks(places, [f"{row.family} ({row.tensors})" for row in table.itertuples()])
    axes.set_xlim(0, 100)
    axes.set_ylim(-0.6, len(table) - 0.4)
    axes.set_xlabel("% of the tensors whose bits are not torch's")
    _legend(axes, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return Figure(
        "closer to the oracle",
        "Closer or farther: the root mean square error is more than 1.5 times smaller or larger than torch's. In "
        "brackets the number of tensors.",
        drawing,
    )


# --- timings -------------------------------------------------------------------------------------------------------


def ratios(timings: Any) -> Figure | None:
    """A line for each row of the timings: the ratio with its interval, over the interval of the null test."""
    if timings.empty:
        return None
    drawing, axes = _axes(1.2 + 0.17 * len(timings), names=True)
    places = numpy.arange(len(timings))[::-1]
    low, high = timings["null_low"], timings["null_high"]
    axes.barh(places, high - low, left=low, height=0.8, color=COLORS["faint"], label="torch / torch")
    axes.hlines(places, timings["low"], timings["high"], color=COLORS["candidate"], linewidth=1.4)
    axes.plot(timings["ratio"], places, "o", markersize=3.2, color=COLORS["candidate"], label="candidate / torch")
    axes.axvline(1.0, color=COLORS["ink"], linewidth=0.8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_yticks(places, [f"{t.name} [{t.what}] {t.threads}" for t in timings.itertuples()], fontsize=6.5)
    axes.set_ylim(-1, len(timings))
    axes.set_xlabel("time of the candidate / time of torch")
    _legend(axes, ncols=2, loc="lower center", bbox_to_anchor=(0.4, 1.0))
    return Figure(
        "timing ratios",
        "Left of 1 the candidate is faster. The line is the 95% interval of the median; inside the grey bar, what torch "
        "beside torch shows, a difference means nothing. After the name: what is timed, and threads.",
        drawing,
    )


def scaling(timings: Any) -> Figure | None:
    """Seconds against size along every sweep, both sides, in logarithms."""
    found = timings["name"].str.extract(SWEEP).dropna()
    if found.empty:
        return None
    chosen = timings.loc[found.index].assign(axis=found["axis"])
    chosen["size"] = chosen["threads"].where(chosen["axis"] == "threads", 0)
    for axis in ("batch", "channels", "size"):
        chosen.loc[chosen["axis"] == axis, "size"] = found[axis][chosen["axis"] == axis].astype(int)
    chosen["threads"] = chosen["threads"].where(chosen["axis"] != "threads", 0)
    groups = list(chosen.groupby(["axis", "threads"], sort=False))
    drawing, panels = _axes(2.4 * -(-len(groups) // 2), rows=-(-len(groups) // 2), columns=2, names=True)
    for axes, ((axis, threads), rows) in zip(panels, groups, strict=False):
        for what, style in zip(rows["what"].unique(), ("-", "--"), strict=False):
            line = rows[rows["what"] == what].sort_values("size")
            for side in ("candidate", "torch"):
                label, color = f"{side}, {what}", COLORS[side]
                axes.loglog(line["size"], line[f"{side}_s"], style, marker="o", markersize=3, label=label, color=color)
        axes.set_xlabel(axis if not threads else f"{axis}, {threads} thread{'s' if threads > 1 else ''}")
        axes.set_xticks(sorted(rows["size"].unique()), [str(size) for size in sorted(rows["size"].unique())])
        axes.minorticks_off()
        axes.set_ylabel("seconds")
    handles, labels = panels[0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside upper center", ncols=2, **LEGEND)
    for axes in panels[len(groups) :]:
        axes.set_visible(False)
    return Figure(
        "scaling", "Time of a 3 x 3 convolution along sweeps; a straight line is a power of the size.", drawing
    )


# --- training ------------------------------------------------------------------------------------------------------


def training(name: str, losses: Any, steps: Any) -> Figure | None:
    """The loss over the steps with the spread of torch's own runs, and the worst ratio of every kind of tensor."""
    if losses.empty:
        return None
    drawing, (curve, ratio) = _axes(4.6, rows=2)
    curve.fill_between(
        losses["step"], losses["lowest"], losses["highest"], color=COLORS["torch"], alpha=0.3, linewidth=0
    )
    curve.plot(losses["step"], losses["torch"], color=COLORS["torch"], linewidth=2.2, alpha=0.6, label="torch")
    curve.plot(losses["step"], losses["candidate"], color=COLORS["candidate"], linewidth=1, label="candidate")
    curve.set_ylabel("loss")
    _legend(curve)
    worst = steps[numpy.isfinite(steps["ratio"]) & (steps["ratio"] > 0)]
    worst = worst.groupby(["kind", "step"])["ratio"].max().reset_index()
    for style, (kind, rows) in zip(_styles(), worst.groupby("kind"), strict=False):
        ratio.plot(rows["step"], rows["ratio"], label=str(kind), linewidth=1, **style)
    ratio.axhline(1.0, color=COLORS["bad"], linestyle="--", linewidth=1)
    ratio.set_yscale("log")
    ratio.set_ylabel("distance / allowed")
    ratio.set_xlabel("step")
    ratio.xaxis.get_major_locator().set_params(integer=True)
    _legend(ratio, ncols=6, fontsize=6.5, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return Figure(
        f"training {name}",
        "Above: the loss, with the spread of torch's own runs. Below: the worst tensor of every kind; above the dashed "
        "line the candidate has left torch's own envelope.",
        drawing,
    )


def _styles() -> list[dict[str, Any]]:
    return [
        {"color": COLORS[c], "linestyle": dash} for dash in ("-", ":") for c in ("candidate", "torch", "good", "known")
    ]


# --- drawing -------------------------------------------------------------------------------------------------------


def _axes(height: float, rows: int = 1, columns: int = 1, *, names: bool = False) -> tuple[Any, Any]:
    """A drawing in the colours of the page, without a window. `names`: whether words of any length are at its left."""
    import matplotlib
    from matplotlib.figure import Figure as Drawing

    ink = COLORS["ink"]
    style = {"text.color": ink, "axes.labelcolor": ink, "axes.edgecolor": ink, "xtick.color": ink, "ytick.color": ink}
    shape = {"axes.facecolor": "none", "axes.spines.top": False, "axes.spines.right": False, "font.size": 9}
    with matplotlib.rc_context({**style, **shape}):
        drawing = Drawing(figsize=(WIDTH, height), layout="constrained" if names else None)
        if not names:  # measuring every word takes longer than drawing
            rest = {"hspace": 0.25, "wspace": 0.3}
            drawing.subplots_adjust(0.72 / WIDTH, 0.5 / height, 1 - 0.1 / WIDTH, 1 - 0.12 / height, **rest)
        panels = drawing.subplots(rows, columns, sharex=columns == 1, squeeze=False)
        return drawing, panels[0, 0] if rows * columns == 1 else list(panels.flat)


def _legend(axes: Any, **where: Any) -> None:
    axes.legend(**{**LEGEND, **where})
