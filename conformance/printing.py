"""What the command line prints: records as lines or as JSON, with colours on a terminal only."""

import json
import math
import os
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from conformance.against import Against
from conformance.case import BITS, GRADIENT, SECOND, Case
from conformance.gpus import CPU, kind
from conformance.record import BAD, COLUMNS, KNOWN, PASS, UNSUPPORTED, Record
from conformance.run import Outcome

MOST = 8  # operations that are named
_COLOURS = {PASS: "32", KNOWN: "36", UNSUPPORTED: "33"} | dict.fromkeys(BAD, "31")


def describe(record: Record, coloured: bool = False) -> str:
    """A record as a few lines."""
    lines = [f"{_painted(record.status) if coloured else record.status} {record.case}"]
    lines.append(f"  {compared(record)}")
    if record.grade or record.category:
        lines[-1] += f": {record.grade or record.category}"
    if record.message:
        lines += [f"  {line}" for line in record.message.strip().splitlines()]
    if record.cause:
        lines.append(f"  likely cause: {record.cause}")
    if record.index:
        where = f"  at {record.index}: candidate {record.candidate!r}, torch {record.torch!r}"
        judged = f", oracle {record.oracle!r}, z = {record.z:.3g}, allowed error {record.allowed:.3g}"
        lines.append(where if record.check == BITS else where + judged)  # bits are equal or not
    return "\n".join(lines)


def compared(record: Record) -> str:
    """What was compared: `output out`, `gradient of input 0`, `layout gapped gradient of weight`."""
    if not record.tensor or not record.check.endswith((GRADIENT, SECOND)):
        return f"{record.check} {record.tensor}".rstrip()
    return f"{record.check} of {'input ' if record.tensor.isdecimal() else ''}{record.tensor}"


def again(command: str, candidate: str, extra: Sequence[str], case: str, held: Against | None = None) -> str:
    """The command line that does something (`explain`, `repro`) with one case, on the device that it was on."""
    words = ["conform", command, *(["--candidate", candidate] if candidate != "refnet" else [])]
    words += (held or Against()).words
    return shlex.join([*words, *(word for module in extra for word in ("--cases", module)), case])


def by_operation(failures: Iterable[Record]) -> str:
    """The operations that fail most, with how many of their comparisons do."""
    counts = Counter(record.operation for record in failures).most_common()
    shown = [f"{name} ({count})" for name, count in counts[:MOST]]
    return ", ".join([*shown, f"and {len(counts) - MOST} more operations"] if len(counts) > MOST else shown)


def in_colour() -> bool:
    """Whether standard output is a terminal whose user has nothing against colours (https://no-color.org)."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def _painted(status: str) -> str:
    return f"\x1b[{_COLOURS[status]}m{status}\x1b[0m"


# --- JSON ---------------------------------------------------------------------------------------------------------


def of_record(record: Record) -> dict[str, Any]:
    """A record's fields; what was not measured is None, as JSON has no NaN (nor infinities: they are strings)."""
    return {column: _number(getattr(record, column)) for column in COLUMNS}


def of_case(case: Case) -> dict[str, Any]:
    """What a case is."""
    return {
        "case": case.id,
        "family": case.family,
        "operation": case.operation.name,
        "dtype": case.dtype,
        "checks": sorted(case.checks),
        "layouts": list(case.layouts),
    }


def of_outcome(outcome: Outcome, status: int, report: str) -> dict[str, Any]:
    """What came of a run: the counts, and every failure with its evidence."""
    statuses = [record.status for record in outcome.records]
    return {
        "candidate": outcome.candidate,
        "conforms": not outcome.failures and outcome.complete and not outcome.idle,
        "complete": outcome.complete,
        "exit status": status,
        "cases": len(outcome.cases),
        "comparisons": len(statuses),
        "seconds": round(outcome.seconds, 1),
        "statuses": {name: statuses.count(name) for name in dict.fromkeys(statuses)},
        "failures": [of_record(record) | {"again": _again(outcome, record.case)} for record in outcome.failures],
        "report": report,
    }


def _again(outcome: Outcome, case: str) -> str:
    """A case as a script, or on a GPU compared again."""
    held = Against.of(outcome.identity)
    return again("repro" if kind(held.device) == CPU else "explain", outcome.candidate, outcome.extra, case, held)


def as_json(value: Any) -> str:
    """JSON for people and programs: indented, names in their own alphabets."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=_number)


def of_records(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Several records."""
    return [of_record(record) for record in records]


def of_table(frame: Any) -> list[dict[str, Any]]:
    """The rows of a DataFrame; none where there is none."""
    rows = frame.to_dict("records") if frame is not None else []
    return [{name: _number(value) for name, value in row.items()} for row in rows]


def _number(value: Any) -> Any:
    """A number as JSON knows it."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value if isinstance(value, bool | int | float | str | type(None)) else str(value)
