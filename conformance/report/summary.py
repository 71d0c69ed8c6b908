"""summary.md: what a reader wants to know first."""

import shlex
from pathlib import Path
from typing import Any

from conformance.against import Against
from conformance.record import BAD, KNOWN, PASS, STATUSES, UNSUPPORTED
from conformance.report.coverage import markdown
from conformance.report.grid import grid, of_frame
from conformance.run import Outcome
from conformance.verdict import FLUSHED, WITHIN_BOUND, Closeness

SHOWN = 50  # failures written out; the rest are in records.csv


def summary(outcome: Outcome, frame: Any, about: dict[str, Any], covered: Any = None) -> str:
    """The report as Markdown. `covered` is the coverage of the databases, where there is one."""
    import jinja2

    failures = frame[frame["status"].isin(BAD)]
    template = jinja2.Template(
        Path(__file__).with_name("summary.md.j2").read_text(encoding="utf-8"), keep_trailing_newline=True
    )
    rendered: str = template.render(
        about=about,
        verdict=verdict(outcome),
        cases=len(outcome.cases),
        records=len(frame),
        statuses=_counts(frame, "status", STATUSES),
        grades=_counts(frame[(frame["status"] == PASS) & (frame["grade"] != "")], "grade"),
        families=_families(frame),
        failures=failures.head(SHOWN).to_dict("records"),
        more=max(len(failures) - SHOWN, 0),
        closer=_closer(frame[(frame["status"] == PASS) & frame["rms_z"].notna()]),
        notable=_notable(frame[frame["status"] == PASS]),
        known=_reasons(frame[frame["status"] == KNOWN]),
        unsupported=_reasons(frame[frame["status"] == UNSUPPORTED]),
        widest=_widest(frame),
        coverage=markdown(covered) if covered is not None else "",
        quote=shlex.quote,
        again=_options(outcome),
    )
    return rendered


def _options(outcome: Outcome) -> str:
    """What `conform explain` needs to find the candidate and the cases."""
    words = ["--candidate", outcome.candidate] if outcome.candidate != "refnet" else []
    words += Against.of(outcome.identity).words
    words += [word for module in outcome.extra for word in ("--cases", module)]
    return f"{shlex.join(words)} " if words else ""


def verdict(outcome: Outcome) -> str:
    """A word on the whole."""
    if outcome.failures:
        return f"{len(outcome.failures)} FAILURES"
    if not outcome.complete:
        return "incomplete"
    return "nothing compared, for it has nothing of what was chosen" if outcome.idle else "conforms"


def _counts(frame: Any, column: str, order: tuple[str, ...] = ()) -> str:
    counts = frame[column].astype(str).value_counts()
    names = [*order, *(name for name in counts.index if name not in order)]
    rows = [(name, int(counts.get(name, 0))) for name in names if counts.get(name, 0)]
    return grid(rows, [column, "comparisons"])


def _families(frame: Any) -> str:
    """Pass / fail / unsupported per family, with the kinds of check that were made."""
    import pandas

    if frame.empty:
        return "Nothing was run."
    table = pandas.crosstab(frame["family"].astype(str), frame["status"].astype(str))
    table = table[[status for status in STATUSES if status in table.columns]]
    table.insert(0, "cases", frame.groupby(frame["family"].astype(str))["case"].nunique())
    kinds = frame["check"].astype(str).str.partition(" ")[0]
    for kind in ("output", "gradient", "second-order", "layout", "error"):
        table[kind] = (kinds == kind).groupby(frame["family"].astype(str)).sum()
    return of_frame(table)


def _closer(frame: Any) -> str:
    """Who is closer to the oracle, family by family; equal bits are left out."""
    import pandas

    differing = frame[~frame["identical"].astype(bool)]
    if differing.empty:
        return "Every floating result has torch's own bits."
    who = [
        Closeness(rms_z=a, torch_rms_z=b).who for a, b in zip(differing["rms_z"], differing["torch_rms_z"], strict=True)
    ]
    table = pandas.crosstab(differing["family"].astype(str), pandas.Series(who, index=differing.index, name="closer"))
    names = [name for name in ("candidate", "tied", "torch") if name in table.columns]
    return of_frame(table[names])


def _notable(frame: Any) -> str:
    """What passes and yet deserves a look: within the bound, flushed, or void."""
    chosen = frame[frame["grade"].isin([WITHIN_BOUND, FLUSHED]) | (frame["category"] == "void")]
    if chosen.empty:
        return ""
    rows = [(r.case, r.check, r.tensor, r.grade, r.category, f"{r.z:.3g}") for r in chosen.head(SHOWN).itertuples()]
    more = f"\n\n... and {len(chosen) - SHOWN} more in `records.csv`." if len(chosen) > SHOWN else ""
    return grid(rows, ["case", "check", "tensor", "grade", "category", "z"]) + more


def _reasons(frame: Any) -> str:
    """How often each operation gave each reason."""
    if frame.empty:
        return ""
    counted = frame.groupby([frame["operation"].astype(str), frame["message"]]).size()
    rows = [(operation, reason.replace("|", "\\|"), n) for (operation, reason), n in counted.items()]
    return grid(rows, ["operation", "reason", "comparisons"])


def _widest(frame: Any) -> str:
    passed = frame[(frame["status"] == PASS) & frame["z"].notna()]
    top = passed.sort_values("z", ascending=False).head(10)
    rows = [(r.case, r.check, r.tensor, f"{r.z:.2f}", r.grade) for r in top.itertuples()]
    return grid(rows, ["case", "check", "tensor", "z", "grade"])
