"""The verdict on one tensor of a case, with everything a case can be asked: further samples, flushed inputs, causes."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy

from conformance.case import OUTPUT
from conformance.draw import Array
from conformance.oracle import Truth
from conformance.probing import Key
from conformance.verdict import EXCESS, FAIL, FEW, FLUSHED, WITHIN_BOUND, Verdict, unlike_rounding

Again = Callable[[Truth], Array | None]  # what the candidate gives for this tensor on another sample


def judge_tensor(truth: Truth, key: Key, mine: Array, again: Again | None = None) -> Verdict:
    """The verdict on what a candidate gives for one tensor; a failure comes with a likely cause where one fits.

    `again` runs the candidate on further samples: a small output within the bound needs company to be judged.
    """
    verdict = truth.judge(key, mine)
    if verdict.grade == WITHIN_BOUND and again is not None and 0 < mine.size < FEW:
        verdict = _in_company(truth, key, mine.size, verdict, again)
    if verdict.ok:
        return verdict
    return _flushing(truth, key, mine, verdict) or replace(verdict, cause=_cause(truth, key, mine, verdict))


def _in_company(truth: Truth, key: Key, size: int, verdict: Verdict, again: Again) -> Verdict:
    """A small output within the bound, together with the same output of further samples.

    With fewer than 16 elements nothing can be said to be systematic or isolated; over several samples it can.
    """
    residues = [verdict.residue]
    for k in range(1, math.ceil(FEW / size) + 1):
        other = truth.another(k)
        if OUTPUT in other.forward.raised or other.references.get(key) is None:
            continue
        mine = again(other)
        if mine is None:
            continue
        found = other.judge(key, mine)
        if not found.ok:
            return replace(found, message=f"{found.message} (in another sample of this case)")
        residues.append(found.residue or other.residue(key, mine))
    excess = unlike_rounding([residue for residue in residues if residue is not None])
    if not excess:
        return verdict
    message = f"over {len(residues)} samples, elements {EXCESS[excess]}"
    return replace(verdict, grade=FAIL, category=excess, message=message)


def _flushing(truth: Truth, key: Key, mine: Array, verdict: Verdict) -> Verdict | None:
    """A pass for one who takes subnormal numbers as zeros, when that explains the difference.

    The candidate gives what the oracle gives with subnormal inputs set to zero, or is no farther from the oracle than
    that is: then subnormal numbers on the way were flushed.
    """
    flushed = truth.flushed
    if flushed is None or OUTPUT in flushed.forward.raised or flushed.references.get(key) is None:
        return None
    found = replace(verdict, grade=FLUSHED, category="subnormal", failing=0)
    if flushed.judge(key, mine).ok:
        return found
    oracle, without = truth.truths.get(key), flushed.truths.get(key)
    if verdict.category == "non-finite":  # another class is no number that could be near
        return None
    if oracle is None or without is None or verdict.wrong is None or verdict.wrong.shape != oracle.shape:
        return None
    with numpy.errstate(all="ignore"):
        near = numpy.abs(mine.astype(numpy.float64) - oracle) <= numpy.abs(without - oracle)
    return found if near[verdict.wrong].all() else None


def _cause(truth: Truth, key: Key, mine: Array, verdict: Verdict) -> str:
    """What else the candidate's numbers are equal to."""
    from conformance.causes import Evidence, likely_cause

    reference, oracle = truth.references[key], truth.truths.get(key)
    if reference is None or oracle is None or verdict.category == "dtype":
        return ""
    evidence = Evidence(
        operation=truth.case.operation.name,
        check=key[0],
        tensor=key[1],
        candidate=mine,
        reference=reference,
        truth=oracle,
        sample=truth.sample,
        wrong=numpy.asarray(True) if verdict.wrong is None else verdict.wrong,
        rerun=lambda sample: truth.what_if(sample).get(key),
        under_ones=lambda: truth.what_if(ones=True).get(key),
        moved=lambda move: truth.what_if(move=move).get(key),
    )
    try:
        return likely_cause(evidence)
    except Exception as error:  # the failure itself must not be lost with its explanation
        return f"(not found: looking for it raised {type(error).__name__}: {error})"
