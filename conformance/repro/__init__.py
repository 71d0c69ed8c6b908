"""`conform repro`: a script that shows one failure without the harness.

The script needs numpy, torch and the candidate. It holds the inputs of the case, cut to the smallest part that still
fails, the call as one would write it, and what the verdict said: the true value and the error that rounding explains.
It prints both values and ends with 1 as long as they are farther apart than that.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path

from conformance.alone import compare_alone
from conformance.candidates import Candidate
from conformance.case import Case
from conformance.record import Record
from conformance.repro.script import written
from conformance.repro.shrink import only, shrink

SECONDS = 30.0  # spent on looking for smaller arrays


@dataclass(frozen=True)
class Reproduction:
    """A script, and the arrays that are too large to stand in it (the content of an npz file)."""

    script: str
    arrays: bytes | None
    record: Record


def reproduce(
    case: Case,
    candidate: Candidate,
    name: str,
    *,
    timeout: float,
    check: str = "",
    seconds: float = SECONDS,
    beside: Path | None = None,
) -> Reproduction | None:
    """The script for the first failure of a case (of one `check`, where given); None when nothing fails.

    `name` is what the user calls the candidate, `beside` the npz file that large arrays may go to. Raises ValueError
    when the case or the candidate cannot be written down without the harness, or large arrays have no file to go to.
    """

    def compare(tried: Case) -> list[Record]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of dozens of smaller arrays; the script shows those that matter
            return compare_alone(tried, candidate, timeout)

    failures = [record for record in compare(case) if record.bad and check in record.check]
    if not failures:
        return None
    record = failures[0]
    part = only(case, record)
    again = next((r for r in compare(part) if r.bad and (r.check, r.tensor) == (record.check, record.tensor)), None)
    if again is None:  # it fails only in the company of the other checks
        part, again = case, record
    part, again = shrink(part, again, compare, seconds)
    script, arrays = written(part, candidate, name, again, timeout, beside, record)
    return Reproduction(script, arrays, again)
