"""Whether results are right after timing, on other inputs than were timed.

A call that is timed is made thousands of times on the same arrays. What remembers a result, reuses a buffer that is still
in use, or has raced another thread looks fast and right on those. So the operation runs once more, in the same process,
with the same threads, on numbers that it has not seen.

No element of a tensor may be farther from torch at float64 than `LAMBDA` times the farthest element of torch at the row's
dtype. That is quick, and says that no error is of another size than torch's; it does not judge element by element, as
`conform run` does. Whatever does not meet it gets that verdict here too, and only what fails it is wrong.
"""

from contextlib import nullcontext
from functools import partial

import numpy

from conformance.attempt import run_once
from conformance.candidates.protocol import Candidate
from conformance.draw import Array, is_floating
from conformance.oracle import Truth
from conformance.timing.row import Row
from conformance.verdict import LAMBDA

SAMPLE = 1  # drawn for the check


def wrong(row: Row, candidate: Candidate) -> str:
    """What is wrong with the candidate's results, in words; "" when nothing is."""
    case = row.case
    truth = Truth(case, case.sample(SAMPLE), "timing")
    using = partial(getattr(candidate, "using", nullcontext), *row.variant) if row.variant else nullcontext
    with using():
        values = run_once(candidate, truth)
    missing = [key for key, there in truth.references.items() if there is not None and key not in values]
    if missing:
        return f"no result for {', '.join(' '.join(key) for key in missing)}"
    for key, mine in values.items():
        reference = truth.references.get(key)
        if mine is None or reference is None:
            if mine is not reference:
                return f"{' '.join(key)}: {'nothing' if mine is None else 'a result'}, unlike torch"
            continue
        if errs_like_torch(mine, reference, truth.truths.get(key)):
            continue
        verdict = truth.judge(key, mine)
        if not verdict.ok:
            return f"{' '.join(key)}: {verdict.category}: {verdict.message}"
    return ""


def errs_like_torch(mine: Array, reference: Array, oracle: Array | None) -> bool:
    """Whether no element errs more than LAMBDA times the largest error of torch."""
    if oracle is None or not is_floating(reference):
        return False
    if (mine.shape, mine.dtype) != (reference.shape, reference.dtype) or not numpy.isfinite(mine).all():
        return False
    with numpy.errstate(invalid="ignore"):
        errors = [numpy.abs(array.astype(numpy.float64) - oracle).max(initial=0.0) for array in (mine, reference)]
    return bool(errors[0] <= LAMBDA * errors[1])
