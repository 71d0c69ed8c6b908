"""What a cause is looked for in, and what a guess says."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy

from conformance.case import GRADIENT, SECOND, Sample
from conformance.draw import Array, is_floating
from conformance.scale import unit

Rerun = Callable[[Sample], Array | None]
Rounding = Callable[[Array], Array]


@dataclass(frozen=True)
class Evidence:
    """One failing tensor, and ways to ask the oracle what it would be if something else were computed."""

    operation: str  # torch's name
    check: str  # output, gradient, second-order
    tensor: str  # out, or the input's name
    candidate: Array
    reference: Array  # torch at the same dtype
    truth: Array  # the oracle, float64
    sample: Sample
    wrong: Array  # mask of the failing elements; of another shape where the arrays do not lie side by side
    rerun: Rerun  # the oracle's value of this tensor for a changed sample, None if torch refuses
    under_ones: Callable[[], Array | None] | None = None  # likewise under cotangents of ones
    # Likewise with every input, cotangent and direction passed through a function.
    moved: Callable[[Rounding], Array | None] | None = None

    # The same numbers at float64.

    @cached_property
    def c(self) -> Array:
        """The candidate."""
        return numpy.asarray(self.candidate).astype(numpy.float64)

    @cached_property
    def r(self) -> Array:
        """Torch at the same dtype."""
        return numpy.asarray(self.reference).astype(numpy.float64)

    @cached_property
    def t(self) -> Array:
        """The oracle."""
        return numpy.asarray(self.truth).astype(numpy.float64)

    @cached_property
    def sizes(self) -> tuple[float, float]:
        """The root mean square of the truth, and of torch's own error."""
        return rms(self.t), rms(self.r - self.t) if self.r.shape == self.t.shape else 0.0

    @cached_property
    def comparable(self) -> bool:
        """Whether candidate and truth lie side by side."""
        return bool(self.c.shape == self.t.shape)

    @cached_property
    def floating(self) -> bool:
        """Whether the candidate's numbers are rounded at all."""
        return is_floating(numpy.asarray(self.candidate))

    @cached_property
    def u(self) -> float:
        """The unit roundoff of the candidate's dtype; 0 for integers and booleans."""
        return unit(numpy.asarray(self.candidate).dtype) if self.floating else 0.0

    @cached_property
    def failing(self) -> Array:
        """Mask of the elements to be explained, in the candidate's shape."""
        wrong = numpy.asarray(self.wrong, dtype=bool)
        if wrong.shape == self.c.shape and wrong.any():
            return wrong
        if not self.comparable:
            return numpy.ones(self.c.shape, dtype=bool)
        return numpy.asarray(distance(self.c, self.t) > 8 * self.u * numpy.abs(numpy.nan_to_num(self.t)))

    @property
    def derivative(self) -> bool:
        """Whether the tensor is a derivative."""
        return self.check in (GRADIENT, SECOND)

    @cached_property
    def own_input(self) -> Array | None:
        """For a derivative, the input that it belongs to."""
        if not self.derivative or self.tensor not in self.sample.names:
            return None
        return self.sample.arrays[self.sample.names.index(self.tensor)]

    def with_array(self, place: int, array: Array) -> Array | None:
        """The tensor with another array in one place."""
        arrays = list(self.sample.arrays)
        arrays[place] = array
        return self.rerun(self.sample.with_arrays(arrays))

    def rounded(self, rounding: Rounding) -> Array | None:
        """The tensor with everything that goes in rounded: cotangents too, where they can be reached."""
        if self.moved is not None:
            return self.moved(rounding)
        return self.rerun(self.sample.with_arrays([rounding(array) for array in self.sample.arrays]))

    def limited(self, reruns: int) -> "Evidence":
        """The same evidence, with so many runs of the oracle; after them the answer is None, as if torch refused."""
        left = [reruns]

        def counted(call: Callable[..., Array | None]) -> Callable[..., Array | None]:
            def asked(*arguments: Any) -> Array | None:
                if left[0] <= 0:
                    return None
                left[0] -= 1
                with warnings.catch_warnings():  # that torch advises against the changed call is no news to the user
                    warnings.simplefilter("ignore")
                    return call(*arguments)

            return asked

        return replace(
            self,
            rerun=counted(self.rerun),
            under_ones=counted(self.under_ones) if self.under_ones is not None else None,
            moved=counted(self.moved) if self.moved is not None else None,
        )


@dataclass(frozen=True)
class Guess:
    """A value that the candidate may have computed, and how it would be said: `<the candidate> <sentence>`."""

    sentence: str
    value: Array
    bits: float = 0.0  # what was chosen to make it fit: a fitted number, one of so many alternatives
    silent: Array | None = None  # elements that it says nothing about
    seen: Array | None = None  # what it is to equal, where that is not the candidate itself but, say, its sum
    anywhere: bool = True  # whether it may hold for the failing elements alone


def distance(left: Array, right: Array) -> Array:
    """|left - right|: 0 between equal infinities and NaNs, infinite between a number and what is none."""
    with numpy.errstate(all="ignore"):
        found = numpy.abs(left - right)
    same = (left == right) | (numpy.isnan(left) & numpy.isnan(right))
    return numpy.where(same, 0.0, numpy.where(numpy.isnan(found), numpy.inf, found))


def rms(array: Array) -> float:
    """The root mean square of what is finite."""
    finite = array[numpy.isfinite(array)]
    with numpy.errstate(all="ignore"):
        largest = float(numpy.abs(finite).max()) if finite.size else 0.0
        return largest * math.sqrt(float(numpy.mean((finite / largest) ** 2))) if largest else 0.0
