"""One implementation against the cases of its subject: is it flagged, by the verdict and by fixed tolerances?"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from conformance import known
from conformance.attempt import run_once
from conformance.candidates import load
from conformance.candidates.protocol import Candidate
from conformance.case import GRADIENT, OUTPUT
from conformance.comparison import compare
from conformance.oracle import Truth
from conformance.prove.rules import RULES
from conformance.prove.subject import Subject, variant
from conformance.verdict import WITHIN_BOUND

# torch in other settings: legitimate implementations of everything.
TORCH = ("torch", "torch:threads=2", "torch:mkldnn=off", "torch:channels-last")
VERDICT, GRADE_A = "verdict (grade B)", "verdict (grade A)"


@dataclass(frozen=True)
class Trial:
    """What one implementation was found to be on one case; `flagged` by the name of each rule."""

    family: str
    subject: str
    implementation: str
    fault: bool
    below_rounding: str
    case: str
    regime: str
    outputs: int
    flagged: dict[str, int]  # how many of the outputs
    worst: str  # of what the verdict flags: check, tensor, category, z
    cause: str
    known: str  # why torch itself is wrong here: no implementation to go by


def trials(subject: Subject, regimes: Sequence[str] = (), seeds: int = 1, hurry: bool = False) -> Iterator[Trial]:
    """Every implementation on every case, `seeds` samples of each. `hurry` leaves a fault alone once it is caught."""
    cases = subject.cases(regimes)
    truths = [Truth(case, case.sample(k), str(k or "")) for case in cases for k in range(seeds)]
    ledger = known.load()
    chosen: list[tuple[str, bool, Candidate]] = [(name, False, load(name)) for name in TORCH]
    chosen += [(name, False, variant(subject, name, each)) for name, each in subject.legitimate.items()]
    chosen += [(name, True, variant(subject, name, each)) for name, each in subject.faults.items()]
    for name, fault, candidate in chosen:
        for truth in truths:
            found = _trial(subject, name, fault, candidate, truth, ledger)
            yield found
            if fault and hurry and found.flagged[VERDICT]:
                break


def work(job: tuple[int, tuple[str, ...], int, bool]) -> list[Trial]:
    """The trials of subject number so-and-so, in a process of its own: (number, regimes, seeds, hurry)."""
    import torch

    from conformance.prove.subjects import subjects

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    number, regimes, seeds, hurry = job
    subject = subjects()[number]
    wanted = tuple(regime for regime in regimes if regime in subject.regimes)
    return [] if regimes and not wanted else list(trials(subject, wanted, seeds, hurry))


def _trial(
    subject: Subject, name: str, fault: bool, candidate: Candidate, truth: Truth, ledger: Sequence[known.Difference]
) -> Trial:
    case = truth.case
    records = compare(case, candidate, truth)
    bad = [record for record in records if record.bad]
    mine = [entry for entry in ledger if entry.candidate == candidate.name]
    reasons = {entry.reason for entry in mine for record in bad if entry.covers(record)}
    bad = [record for record in bad if not any(entry.covers(record) for entry in mine)]
    amber = [record for record in records if record.grade == WITHIN_BOUND]
    raised = bool(bad) and bad[0].category == "exception"
    pairs = [] if raised else list(_pairs(candidate, truth))
    flagged = {
        VERDICT: len({(r.check, r.tensor) for r in bad}),
        GRADE_A: len({(r.check, r.tensor) for r in bad + amber}),
    }
    for rule, accepts in RULES.items():
        flagged[rule] = raised + sum(not accepts(*pair) for pair in pairs)
    if reasons:
        flagged = dict.fromkeys(flagged, 0)
    worst = f"{bad[0].check} {bad[0].tensor}: {bad[0].category}, z = {bad[0].z:.3g}" if bad else ""
    return Trial(
        subject.family,
        subject.operation,
        name,
        fault,
        subject.below_rounding.get(name, ""),
        case.id,
        regime=case.label,
        outputs=len(records),
        flagged=flagged,
        worst=worst,
        cause=next((record.cause for record in bad if record.cause), ""),
        known="; ".join(sorted(reasons)),
    )


def _pairs(candidate: Candidate, truth: Truth) -> Iterator[tuple[Any, Any, bool]]:
    """(candidate's, torch's, whether it is a gradient) for every tensor that both have."""
    values = run_once(candidate, truth)
    for (check, tensor), theirs in truth.references.items():
        mine = values.get((check, tensor))
        if theirs is not None and mine is not None and check in (OUTPUT, GRADIENT) and not tensor.endswith(" after"):
            yield numpy.asarray(mine), theirs, check == GRADIENT
