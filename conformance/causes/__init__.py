"""A likely cause of a failure: what else the candidate's numbers are equal to.

A cause is never guessed from the operation's name. Each hypothesis says what value the candidate would have if it were
true (most of them by running the oracle once more with something changed: another argument, rounded inputs, ties broken
the other way), and is named only when that value matches the candidate to within a few roundings where the truth does
not, in more elements or digits than chance explains (`matching.py` counts the bits).

The more specific hypotheses come first. The number of runs of the oracle is limited by the size of the sample, not by
the clock: the same failure has the same cause on every machine.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy

from conformance.causes import formulas, numbers, operands, parameters, places, precision, special, ties
from conformance.causes.evidence import Evidence, Guess
from conformance.causes.matching import ENOUGH, FEW, Match, match

__all__ = ["Evidence", "likely_cause"]

Source = Callable[[Evidence], Iterable[Guess]]

RERUNS = 48  # of the oracle, for a small sample
LARGE = 20_000  # elements; beyond them fewer reruns, in proportion

# What happened, told from the classes of the numbers.
DESCRIPTIONS: tuple[Callable[[Evidence], str], ...] = (special.classes, special.signed_zeros)

# What need not run anything, and may hold for the failing elements alone.
IN_THE_NUMBERS: tuple[Source, ...] = (
    numbers.constants,
    numbers.signs,
    numbers.transposed,
    special.flushed_results,
    formulas.written_out,
    precision.results,
)
# What runs the oracle again: the specific before the general.
ONCE_MORE: tuple[Source, ...] = (
    special.flushed_inputs,
    special.nans,
    formulas.normalisations,
    parameters.changed,
    numbers.cotangent_ignored,
    ties.kinks,
    ties.winners,
    operands.turned,
    operands.exchanged,
    precision.inputs,
    precision.cotangents,
    operands.one_sample,
    formulas.indices,
)
# What would fit a specific cause as well, and says less.
GENERAL: tuple[Source, ...] = (
    numbers.other_shape,
    numbers.unchanged,
    numbers.factor,
    numbers.offset,
    numbers.shifted,
    numbers.permuted,
)
# What is tried last: many runs, and each fits little else.
LAST: tuple[Source, ...] = (operands.counted, operands.shifted, numbers.by_row)


def likely_cause(evidence: Evidence) -> str:
    """One sentence that explains the candidate's numbers, or "" where nothing does.

    It is a predicate: "equals the result with correction=0 (biased variance), not 1".
    """
    size = sum(array.size for array in evidence.sample.arrays) + numpy.asarray(evidence.truth).size
    limited = evidence.limited(max(6, min(RERUNS, RERUNS * LARGE // max(size, 1))))
    with numpy.errstate(all="ignore"):
        for description in DESCRIPTIONS:
            told = description(limited)
            if told:
                return told
        for sources in (IN_THE_NUMBERS, ONCE_MORE, GENERAL):
            found = _first(sources, limited)
            if found:
                return found
        where = places.place(limited)
        found = _in_part(limited, where) or _first(LAST, limited)
        return found or (f"is wrong only in {where}" if where else "")


def _first(sources: Iterable[Source], evidence: Evidence) -> str:
    for source in sources:
        for guess in source(evidence):
            strength = match(guess, evidence)
            if strength.bits >= ENOUGH:
                return guess.sentence + _how_sure(strength)
    return ""


def _how_sure(strength: Match) -> str:
    if strength.elements > FEW:
        return ""
    return f" (told from {strength.elements} element{'s' if strength.elements > 1 else ''} only)"


def _in_part(evidence: Evidence, where: str) -> str:
    """What the failing elements are, where the others are right."""
    failing = evidence.failing
    if not evidence.comparable or failing.all() or not failing.any():
        return ""
    shown = where or places.place(evidence, 0.0) or f"{int(failing.sum())} of {failing.size} elements"
    for source in (*IN_THE_NUMBERS, *GENERAL):
        for guess in source(evidence):
            if not guess.anywhere or numpy.shape(guess.value) != failing.shape:
                continue
            strength = match(replace(guess, value=numpy.where(failing, guess.value, evidence.t)), evidence)
            if strength.bits >= ENOUGH:
                return f"{guess.sentence}, but only in {shown}{_how_sure(strength)}"
    return ""
