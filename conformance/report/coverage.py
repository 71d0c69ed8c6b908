"""How much of torch a candidate has: every name that torch's databases test, and what this run says about it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.case import Operation, Sample
from conformance.record import BAD, KNOWN, PASS, UNSUPPORTED
from conformance.report.grid import of_frame
from conformance.report.missing import reason_for
from conformance.run import Outcome
from conformance.sources.databases import DATABASES, Listed, names

# What a name is, in the order of the table.
PASSING = "passing"  # compared, and nothing differs
KNOWN_DIFFERENCE = "known difference"  # nothing differs but what is listed, with a reason
FAILING = "failing"
NOT_COMPARED = "not compared"  # it is there, but the harness cannot look into its arguments or results
NOT_RUN = "not run"  # it is there, but its cases were not chosen, or the database has none that can be run
MISSING = "missing"
STATES = (PASSING, KNOWN_DIFFERENCE, FAILING, NOT_COMPARED, NOT_RUN, MISSING)

NOT_CHOSEN = "no case of it was chosen"
COLUMNS = ("source", "namespace", "name", "state", "cases", "comparisons", "not supported", "reason")


@dataclass(frozen=True)
class Found:
    """The records on the cases of one operation, counted."""

    cases: int
    comparisons: int
    failing: int
    known: int
    passing: int  # of results: that an error is refused too says little about what is computed
    unsupported: int
    reason: str  # the first one for which something is not supported

    def __add__(self, other: "Found") -> "Found":
        return Found(
            self.cases + other.cases,
            self.comparisons + other.comparisons,
            self.failing + other.failing,
            self.known + other.known,
            self.passing + other.passing,
            self.unsupported + other.unsupported,
            self.reason or other.reason,
        )


NOTHING = Found(0, 0, 0, 0, 0, 0, "")


def covered(outcome: Outcome, frame: Any) -> Any:
    """A DataFrame with a row for every name of the databases that the run took cases from."""
    import pandas

    supported = _Supported(outcome)
    found = counted(frame)
    left_out = dict(reversed(outcome.left_out))  # the first reason of several is kept
    rows = [
        row(listed, found, supported(listed), left_out)
        for source in DATABASES
        if source in outcome.sources
        for listed in names(source)
    ]
    return pandas.DataFrame(rows, columns=list(COLUMNS))


def counted(frame: Any) -> dict[str, Found]:
    """The records by operation, those of our own cases included."""
    found: dict[str, Found] = {}
    for operation, records in frame.groupby(frame["operation"].astype(str)):
        status, check = records["status"].astype(str), records["check"].astype(str)
        reasons = records["message"][status == UNSUPPORTED]
        found[str(operation)] = Found(
            records["case"].nunique(),
            len(records),
            int(status.isin(BAD).sum()),
            int((status == KNOWN).sum()),
            int(((status == PASS) & (check != "error")).sum()),
            int((status == UNSUPPORTED).sum()),
            str(reasons.iloc[0]) if len(reasons) else "",
        )
    return found


def row(listed: Listed, found: Mapping[str, Found], supported: bool, left_out: Mapping[str, str]) -> tuple[Any, ...]:
    """What is said about one name."""
    here = NOTHING
    for operation in sorted({listed.name, *listed.operations}):
        here += found.get(operation, NOTHING)
    said = state(listed, here, supported)
    reason = ""
    if said == MISSING:
        reason = reason_for(listed.name) or listed.reason
    elif said == NOT_COMPARED:
        reason = listed.reason
    elif said == NOT_RUN:
        reason = left_out.get(listed.name) or here.reason or next(_of(listed, left_out), NOT_CHOSEN)
    return (
        listed.source,
        listed.namespace,
        listed.name,
        said,
        here.cases,
        here.comparisons,
        here.unsupported,
        reason,
    )


def state(listed: Listed, found: Found, supported: bool) -> str:
    """One word on a name. What fails is there, whatever the namespace says."""
    if found.failing:
        return FAILING
    if found.known:
        return KNOWN_DIFFERENCE
    if listed.reason:  # refusals at most
        return NOT_COMPARED if supported and not reason_for(listed.name) else MISSING
    if found.passing:
        return PASSING
    return NOT_RUN if supported and not found.unsupported else MISSING


def _of(listed: Listed, left_out: Mapping[str, str]) -> Iterator[str]:
    """Reasons why samples of the name were left out."""
    wanted = {listed.name, *listed.operations}
    yield from (reason for place, reason in left_out.items() if place.split(" ")[0] in wanted)


class _Supported:
    """Whether the candidate has a name at all: asked of the candidate, which a broken one cannot answer."""

    def __init__(self, outcome: Outcome) -> None:
        from conformance.candidates import load

        try:
            self.candidate: Any = load(outcome.candidate, outcome.identity.get("device", "cpu"))
        except Exception:  # what cannot be loaded here was loaded by the workers: the records say what it has
            self.candidate = None

    def __call__(self, listed: Listed) -> bool:
        if self.candidate is None:
            return False
        nothing = Sample((), {}, (), (), ())
        wanted = [listed.name, f"Tensor.{listed.name}"] if listed.namespace == "torch" else [listed.name]
        return any(not self.candidate.supports(Operation(name), nothing) for name in wanted)


# --- tables --------------------------------------------------------------------------------------------------------


def by_namespace(table: Any) -> Any:
    """A row for each namespace: how many of its names are there, and in which state. The last row is the sum."""
    import pandas

    counts = pandas.crosstab(_place(table), table["state"].astype(str))
    for name in STATES:
        if name not in counts:
            counts[name] = 0
    counts = counts[list(STATES)]
    counts.insert(0, "names", counts.sum(axis=1))
    counts.insert(1, "implemented", counts["names"] - counts[MISSING])
    counts = counts.loc[sorted(counts.index, key=lambda name: (-int(counts["names"][name]), name))]
    counts.loc["all"] = counts.sum()
    counts.index.name = "namespace"
    return counts


def _place(table: Any) -> Any:
    """A namespace in a table: modules are classes, which stand apart from what else is in nn."""
    return table["namespace"].where(table["source"] != "module_db", "nn (modules)")


def markdown(table: Any) -> str:
    """The coverage for the summary: by namespace, then what is missing and why."""
    parts = [of_frame(by_namespace(table))]
    for title, states in (("Failing", (FAILING,)), ("Missing", (MISSING,)), ("There, and not judged", _UNJUDGED)):
        lines = list(_listed(table[table["state"].isin(states)]))
        if lines:
            parts.append("\n".join([f"{title}:", "", *lines]))
    return "\n\n".join(parts)


_UNJUDGED = (NOT_COMPARED, NOT_RUN)


def _listed(rows: Any) -> Iterator[str]:
    """One line for each reason, with the names it is given for."""
    for reason, group in rows.groupby("reason", sort=False):
        shown = "" if reason == NOT_CHOSEN else ": " + ", ".join(f"`{name}`" for name in group["name"])
        yield f"- {reason or 'no reason is registered'} ({len(group)}){shown}"
