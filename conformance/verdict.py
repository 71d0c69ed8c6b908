"""What a verdict says, what it may ask, and its words. `decide.py` makes it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy

from conformance.draw import Array
from conformance.scale import Scale, isolated, slope_of

LAMBDA = 8.0  # torch's own worst z was measured at 3.5, other legitimate implementations at 7.6
FEW = 16  # elements looked at one by one: their terms, their digits
CLOSER = 1.5  # a root mean square error so many times smaller is closer to the truth

EXACT = "exact"  # the oracle's own numbers
CORRECTLY_ROUNDED = "correctly-rounded"  # the closest number of the dtype, everywhere
AS_GOOD_AS_TORCH = "as-good-as-torch"
WITHIN_BOUND = "within-bound"
FLUSHED = "flushed"  # right, for one who takes subnormal inputs as zeros
FAIL = "FAIL"


class Probes(Protocol):
    """What a verdict may ask about a tensor: the further down, the costlier, and only when nothing else settles it."""

    def scale(self) -> Scale:
        """E, D, M and the jumps."""
        ...

    def digits(self, places: Sequence[int]) -> tuple[Array, Array] | None:
        """The elements at these flat indices in higher precision, as the sum of two float64; None: there is no way."""
        ...

    def one_by_one(self) -> Scale | None:
        """As `arithmetic` of a scale: N, how far the tensor moves when sums are added term after term."""
        ...

    def terms(self, place: int) -> list[Array]:
        """The terms (d out_i / d x_j) x_j of one element, an array for each input; empty: there is no way."""
        ...

    def touched(self, place: int) -> bool:
        """Whether any d out_i / d x_j differs from zero: no zero by construction."""
        ...


@dataclass(frozen=True)
class Closeness:
    """Who is closer to the oracle, element by element and on the whole. Errors are in units of A (u |t| if unprobed)."""

    closer: float = math.nan  # share of elements where the candidate is
    farther: float = math.nan  # share where torch is; the rest are tied
    rms_z: float = math.nan
    torch_rms_z: float = math.nan
    torch_z: float = math.nan  # torch's worst

    @property
    def who(self) -> str:
        """candidate or torch, when its rms error is more than 1.5 times smaller; else tied."""
        if self.rms_z * CLOSER < self.torch_rms_z:
            return "candidate"
        return "torch" if self.torch_rms_z * CLOSER < self.rms_z else "tied"


@dataclass(frozen=True)
class Verdict:
    """What came of one comparison, with the worst element as evidence."""

    grade: str
    # Of a failure: bound, isolated, systematic, normwise, non-finite, structural-zero, shape, dtype, integer.
    # Of a pass, where there is something to know: subnormal, overflow-prone, discontinuity, ill-conditioned, and void
    # (torch itself is nowhere near the oracle: the case says nothing).
    category: str = ""
    message: str = ""
    index: tuple[int, ...] | None = None
    candidate: float = math.nan
    torch: float = math.nan
    oracle: float = math.nan
    z: float = math.nan  # |c - t| in units of the allowed scale A (of u |t| where no scale was needed)
    allowed: float = math.nan  # the largest |c - t| that passes at this element
    failing: int = 0  # elements that fail
    probed: bool = False  # whether the free screen left something open
    closeness: Closeness = Closeness()
    cause: str = ""  # of a failure, where one fits
    # Which elements fail; None where the arrays cannot even be laid side by side.
    wrong: Array | None = field(default=None, compare=False, repr=False)
    # Of what passes within the bound: for a look at several small outputs together.
    residue: "Residue | None" = field(default=None, compare=False, repr=False)

    @property
    def ok(self) -> bool:
        """Whether it passes."""
        return self.grade != FAIL

    def __str__(self) -> str:
        lines = [f"{self.grade}: {self.category}" if self.category else self.grade]
        lines += [self.message] if self.message else []
        if self.index is not None:
            lines.append(
                f"at {list(self.index)}: candidate {self.candidate!r}, torch {self.torch!r}, oracle {self.oracle!r}, "
                f"z = {self.z:.3g}, allowed error {self.allowed:.3g}"
            )
        lines += [f"likely cause: {self.cause}"] if self.cause else []
        near = self.closeness
        if near.rms_z == near.rms_z:
            lines.append(
                f"closer to the truth: {near.who} (rms z {near.rms_z:.2g}, torch {near.torch_rms_z:.2g}; closer in "
                f"{near.closer:.0%} of the elements, farther in {near.farther:.0%})"
            )
        return "\n".join(lines)


EXCESS = {
    "systematic": "are off by an amount that grows with the value: a factor, not rounding",
    "isolated": "stand apart from the others, which are as good as torch",
}


@dataclass(frozen=True)
class Residue:
    """What passes within the bound: where rounding errors of one tensor stand, for a look at them together."""

    difference: Array  # c - t
    truth: Array
    bound: Array  # B
    slope: float  # the factor between c - t and t that rounding explains


def unlike_rounding(residues: Sequence[Residue]) -> str:
    """Why differences within the bound are no rounding after all: systematic, isolated, or "" when they may be.

    Of several tensors together, such as the same small output of several samples.
    """
    parts = [(r.difference, r.truth, r.bound) for r in residues]
    difference, truth, bound = (numpy.concatenate(part) for part in zip(*parts, strict=True))
    if difference.size < FEW:
        return ""
    slope, doubt = slope_of(difference, truth)
    if abs(slope) > LAMBDA * max(r.slope for r in residues) + 4 * doubt:
        return "systematic"
    return "isolated" if isolated(numpy.abs(difference) / bound, LAMBDA) else ""
