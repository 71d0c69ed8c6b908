"""The proof as tables: how many legitimate outputs each rule flags, how many faults it catches, and which not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conformance.prove.rules import RULES
from conformance.prove.trial import GRADE_A, VERDICT, Trial

RULE_NAMES = (VERDICT, GRADE_A, *RULES)


def frame_of(trials: Sequence[Trial]) -> Any:
    """A row per implementation and case, a column for each rule."""
    import pandas

    rows = []
    for trial in trials:
        row = {name: getattr(trial, name) for name in Trial.__dataclass_fields__ if name != "flagged"}
        rows.append(row | trial.flagged)
    return pandas.DataFrame(rows)


def failures(frame: Any) -> Any:
    """What must not be: legitimate cases that the verdict flags, and faults that it misses and nobody excused."""
    wrongly = frame[~frame["fault"] & (frame[VERDICT] > 0)]
    caught = by_implementation(frame)
    missed = caught[caught["fault"] & (caught[VERDICT] == 0) & (caught["below_rounding"] == "")]
    return wrongly, missed


def by_implementation(frame: Any) -> Any:
    """A row per implementation: on how many cases each rule flags it."""
    keys = ["family", "subject", "implementation", "fault", "below_rounding"]
    flagged = frame[list(RULE_NAMES)] > 0
    found = frame[keys].join(flagged).groupby(keys, sort=False, observed=True).sum().reset_index()
    cases = frame.groupby(keys, sort=False, observed=True)["case"].nunique().reset_index(drop=True)
    found.insert(len(keys), "cases", cases)
    return found


def summary(frame: Any) -> str:
    """As Markdown."""
    import pandas
    from tabulate import tabulate

    each = by_implementation(frame)
    rows = []
    for rule in RULE_NAMES:
        legitimate, faults = frame[~frame["fault"]], each[each["fault"]]
        flagged = int((each[~each["fault"]][rule] > 0).sum())
        rows.append((rule, int(legitimate[rule].sum()), flagged, int((faults[rule] > 0).sum())))
    legitimate, faults = each[~each["fault"]], each[each["fault"]]
    counts = (
        f"{len(legitimate)} legitimate implementations with {int(frame[~frame['fault']]['outputs'].sum())} outputs, "
        f"{len(faults)} planted faults, over {each.groupby(['family', 'subject']).ngroups} subjects in "
        f"{each['family'].nunique()} families."
    )
    headers = ["rule", "legitimate outputs flagged", "legitimate implementations flagged", "faults caught"]
    parts = ["# Proof of the harness", counts, tabulate(rows, headers, tablefmt="pipe")]
    table = pandas.DataFrame(
        {
            "legitimate": legitimate.groupby("family").size(),
            "flagged": legitimate[legitimate[VERDICT] > 0].groupby("family").size(),
            "faults": faults.groupby("family").size(),
            "caught": faults[faults[VERDICT] > 0].groupby("family").size(),
        }
    )
    parts += ["## By family", table.fillna(0).astype(int).to_markdown()]
    wrongly, missed = failures(frame)
    parts.append("## Legitimate implementations that are flagged")
    columns = ["subject", "implementation", "case", "worst"]
    parts.append(wrongly[columns].to_markdown(index=False) if len(wrongly) else "None.")
    parts.append("## Where torch itself is wrong")
    there = frame[frame["known"] != ""][["implementation", "case", "known"]]
    parts.append(there.to_markdown(index=False) if len(there) else "Nowhere.")
    parts.append("## Faults that are not caught")
    parts.append(missed[["subject", "implementation", "cases"]].to_markdown(index=False) if len(missed) else "None.")
    below = faults[(faults[VERDICT] == 0) & (faults["below_rounding"] != "")]
    parts.append("## Faults below rounding")
    shown = below[["subject", "implementation", "below_rounding"]]
    parts.append(shown.to_markdown(index=False) if len(below) else "None.")
    return "\n\n".join(parts) + "\n"


def write(frame: Any, folder: Path) -> None:
    """trials.csv, implementations.csv and summary.md."""
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / "trials.csv", index=False)
    by_implementation(frame).to_csv(folder / "implementations.csv", index=False)
    (folder / "summary.md").write_text(summary(frame), encoding="utf-8")
