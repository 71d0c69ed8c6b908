"""What is written down: one record per compared tensor, one column per field."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

PASS, FAIL, CRASH, HANG, OOM = "PASS", "FAIL", "CRASH", "HANG", "OOM"
UNSUPPORTED = "UNSUPPORTED"  # the candidate says that it does not have this; the reason is in `message`
KNOWN = "KNOWN"  # differs, and is listed with a reason in known_differences.toml
STATUSES = (PASS, KNOWN, UNSUPPORTED, FAIL, CRASH, HANG, OOM)
BAD = (FAIL, CRASH, HANG, OOM)


@dataclass(slots=True)
class Record:
    """One compared tensor (or one refusal, one crash): what was compared, the status, and the evidence."""

    case: str  # the case's id; `conform explain` takes it
    family: str  # the file of the case
    operation: str
    dtype: str
    check: str  # output, gradient, second-order, layout <which>, unchanged, repeat, error; "run" for a whole case
    tensor: str  # out, out[1], an input's name; "" where the check is not about one tensor
    status: str
    grade: str = ""  # exact, correctly-rounded, as-good-as-torch, within-bound, flushed; "" where nothing was measured
    category: str = ""  # of a failure: bound, non-finite, shape, ...; of a pass: subnormal, discontinuity, ...
    message: str = ""
    cause: str = ""  # of a failure: what else the candidate's numbers are equal to
    index: str = ""  # of the worst element
    candidate: float = math.nan  # the worst element: the candidate's number,
    torch: float = math.nan  # torch's at the same dtype,
    oracle: float = math.nan  # torch's at float64
    z: float = math.nan  # its error in units of the scale that rounding explains; up to 8 passes
    allowed: float = math.nan  # the largest error that passes there
    failing: int = 0  # elements that fail
    elements: int = 0  # elements compared
    probed: bool = False  # whether probing was needed to settle it
    identical: bool = False  # bit for bit what torch gives
    closer: float = math.nan  # share of elements closer to the oracle than torch's; of those farther
    farther: float = math.nan
    rms_z: float = math.nan  # the root mean square of z over the tensor, and torch's own
    torch_rms_z: float = math.nan
    seconds: float = math.nan  # the whole case, reference and oracle included; on the case's first record

    @property
    def bad(self) -> bool:
        """Whether the run fails because of it."""
        return self.status in BAD


def is_of(check: str, checks: Sequence[str]) -> bool:
    """Whether a record's check is one of the chosen (none: all), such as the gradient in a layout; "run" always is."""
    return not checks or check == "run" or any(part in check for part in checks)


COLUMNS = tuple(field.name for field in fields(Record))


def to_frame(records: Iterable[Record]) -> Any:
    """A pandas DataFrame with `COLUMNS`."""
    import pandas

    rows = [[getattr(record, column) for column in COLUMNS] for record in records]
    frame = pandas.DataFrame(rows, columns=list(COLUMNS))
    for column in ("family", "operation", "dtype", "check", "status", "grade", "category"):
        frame[column] = frame[column].astype("category")
    return frame
