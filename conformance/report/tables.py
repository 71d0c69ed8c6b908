"""The records of a run, counted: by operation, by check, by family; the slowest cases; what is known, what is missing.

Every function takes the records as a DataFrame (`conformance.report.read`) and returns another one, in which a row reads
by itself.
"""

from pathlib import Path
from typing import Any

import numpy

from conformance.draw import Array
from conformance.record import BAD, KNOWN, PASS, UNSUPPORTED
from conformance.verdict import CLOSER

# What a check is, without which layout or which tensor: the first word of its name.
KINDS = ("output", "gradient", "second-order", "layout", "error")
SLOWEST = 50  # cases
TOLD_FROM = r" \(told from .*\)$"  # how sure a cause is: it differs between cases of one fault


def by_operation(frame: Any) -> Any:
    """A row for each operation: verdicts, kinds of check, who is closer to the oracle, the widest verdict, the time."""
    import pandas

    operation = _key(frame, "operation")
    kind = _kind(frame["check"])
    counted = pandas.DataFrame({name: kind == name for name in KINDS}, index=frame.index)
    counted = counted.assign(seconds=frame["seconds"]).groupby(operation, observed=True).sum()
    groups = frame.groupby(operation, observed=True)
    table = pandas.DataFrame({"family": groups["family"].first().astype(str), "cases": groups["case"].nunique()})
    table = table.join(_verdicts(frame, operation)).join(counted[list(KINDS)])
    table = table.join(accuracy(frame, operation).drop(columns="tensors"))
    return _named(table.join(_widest(frame, operation)).join(counted["seconds"]), "operation")


def by_check(frame: Any) -> Any:
    """A row for each check: how often it was made, and what came of it."""
    check = _key(frame, "check")
    size = frame.groupby(check, observed=True).size().to_frame("comparisons")
    return _named(size.join(_verdicts(frame, check)).join(_widest(frame, check)), "check")


def _key(frame: Any, column: str) -> Any:
    """What to group by. Categories are grouped without looking at the words again."""
    return frame[column].astype("category")


def _kind(check: Any) -> Array:
    """The first word of each check."""
    known = check.astype("category").cat
    return numpy.array([str(name).partition(" ")[0] for name in known.categories], dtype=object)[known.codes]


def _named(table: Any, name: str) -> Any:
    table.index = table.index.astype(str).rename(name)
    return table.reset_index()


def _verdicts(frame: Any, by: Any) -> Any:
    """Passed, failed, known, unsupported: a column each."""
    import pandas

    status = frame["status"]
    chosen = {
        "passed": status == PASS,
        "failed": status.isin(BAD),
        "known": status == KNOWN,
        "unsupported": status == UNSUPPORTED,
    }
    return pandas.DataFrame(chosen).groupby(by, observed=True).sum()


def _widest(frame: Any, by: Any) -> Any:
    """The largest z that passed."""
    return frame["z"].where(frame["status"] == PASS).groupby(by, observed=True).max().rename("widest z")


def accuracy(frame: Any, by: Any) -> Any:
    """Tensors that passed with other bits than torch's: who is closer to the oracle, and the typical rms z of both.

    Closer means a root mean square error more than 1.5 times smaller; typical is the median over the tensors.
    """
    import pandas

    measured = frame[(frame["status"] == PASS) & frame["rms_z"].notna() & ~frame["identical"].astype(bool)]
    mine, torch = measured["rms_z"], measured["torch_rms_z"]
    closer, farther = mine * CLOSER < torch, torch * CLOSER < mine
    counted = pandas.DataFrame({"tensors": True, "closer": closer, "tied": ~closer & ~farther, "farther": farther})
    typical = pandas.DataFrame({"rms z": mine, "torch's rms z": torch})
    by = by[measured.index]
    return counted.groupby(by, observed=True).sum().join(typical.groupby(by, observed=True).median())


def groups(frame: Any) -> Any:
    """Failures that look alike, counted: of one operation, of one kind, with one likely cause.

    Where there were no numbers to look at, what was said stands for the cause.
    """
    failing = frame[frame["status"].isin(BAD)]
    said = failing["message"].str.split("\n", n=1).str[0].where(failing["index"] == "", "")
    cause = failing["cause"].str.replace(TOLD_FROM, "", regex=True)
    category, status = failing["category"].astype(str), failing["status"].astype(str)
    keys = {
        "operation": failing["operation"].astype(str),
        "what": category.where(category != "", status),
        "likely cause": cause.where(cause != "", said),
    }
    alike = failing.assign(**keys, check=_kind(failing["check"])).groupby(list(keys))
    columns = {"checks": ("check", _listed), "dtypes": ("dtype", _listed)}
    found = alike.agg(failures=("case", "size"), cases=("case", "nunique"), **columns)
    return found.reset_index().sort_values("failures", ascending=False)


def _listed(words: Any) -> str:
    return ", ".join(sorted(set(words.astype(str))))


def by_family(frame: Any) -> Any:
    """A row for each family in which a result differs from torch's bits: who is closer to the oracle."""
    return _named(accuracy(frame, _key(frame, "family")), "family")


def slowest(frame: Any) -> Any:
    """The cases that took longest, reference and oracle included."""
    timed = frame[frame["seconds"].notna()].sort_values("seconds", ascending=False).head(SLOWEST)
    return timed[["case", "operation", "dtype", "seconds"]].astype({"operation": str, "dtype": str})


def reasons(frame: Any, status: str) -> Any:
    """How often each operation gave each reason for a status: what differs on purpose, what is not supported."""
    chosen = frame[frame["status"] == status]
    keys = [chosen["operation"].astype(str), chosen["message"].rename("reason")]
    return chosen.groupby(keys).size().rename("comparisons").reset_index()


ALL = {
    "failures": groups,
    "operations": by_operation,
    "checks": by_check,
    "accuracy": by_family,
    "known": lambda frame: reasons(frame, KNOWN),
    "unsupported": lambda frame: reasons(frame, UNSUPPORTED),
    "slowest": slowest,
}


def write(frame: Any, folder: Path) -> list[Path]:
    """Every table as CSV, Parquet and Markdown into a folder; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, table in ALL.items():
        found = table(frame)
        paths = [folder / f"{name}.{kind}" for kind in ("csv", "parquet", "md")]
        found.to_csv(paths[0], index=False)
        found.to_parquet(paths[1], index=False)
        paths[2].write_text(found.to_markdown(index=False, floatfmt=".4g") + "\n", encoding="utf-8")
        made += paths
    return made
