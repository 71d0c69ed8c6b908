"""One element of a result, gradient or second derivative, rounded once from as many digits as it takes."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy

from conformance.case import GRADIENT, OUTPUT, SECOND, Sample
from conformance.draw import Array
from conformance.precise import activation, loss, norm, pointwise, product, reduction  # noqa: F401  they fill the table
from conformance.precise.blocks import Blocks, bind
from conformance.precise.jet import Jet, Number, exactly, mp, total

# Bits of the working precision. An answer counts when the next one rounds to the same pair. A zero, and an answer that
# never settles, counts at the last: 4,800 bits hold any sum of products of two float64 exactly.
LADDER = (200, 400, 1200, 2400, 4800)
LARGEST = 40_000  # jets that one call may handle: a few seconds

Element = Callable[[], Number]
# What mpmath raises where a function has no finite real value, or where it gives up.
_UNDEFINED = (ValueError, ZeroDivisionError, OverflowError, TypeError, mpmath.libmp.ComplexResult, mp.NoConvergence)


def has_form(name: str, sample: Sample) -> bool:
    """Whether elements of this operation can be computed here."""
    return bind(name, sample) is not None


def elements(
    operation: str,
    sample: Sample,
    check: str,
    tensor: str,
    indices: Array,
    cotangents: Sequence[Array | None] = (),
    directions: Sequence[Array] = (),
) -> tuple[Array, Array] | None:
    """The tensor's elements at `indices` (flat, C order): float64 closest to them, and what is left, as float64.

    An element at a pole, or outside the domain, or that reads a number that is not finite, is NaN in both; so are the
    last of the indices, where all would take too long. None where the operation, its arguments or the tensor have no
    high-precision form.

    `check`, `tensor`, `cotangents` and `directions` are as a candidate's `run` takes and names them.
    """
    results = bind(operation, sample)
    if results is None:
        return None
    question = _Question(results, sample, cotangents, directions)
    pairs = []
    for index in numpy.asarray(indices).reshape(-1):
        element = question.element(check, tensor, int(index))
        if element is None:
            return None
        pairs.append(_rounded(element) if question.cost <= LARGEST else (math.nan, math.nan))
    high, low = (numpy.asarray([pair[i] for pair in pairs], dtype=numpy.float64) for i in (0, 1))
    return high, low


class _Question:
    """The results of one call, and what to differentiate."""

    def __init__(
        self, results: list[Blocks], sample: Sample, cotangents: Sequence[Array | None], directions: Sequence[Array]
    ) -> None:
        self.results = results
        self.arrays = [array.reshape(-1) for array in sample.arrays]
        self.names = list(sample.names)
        self.seeds = [None if c is None else c.reshape(-1) for c in cotangents]
        wanted = [i for i, differentiable in enumerate(sample.differentiable) if differentiable]
        self.directions = {i: v.reshape(-1) for i, v in zip(wanted, directions, strict=False)}
        self.cost = 0

    def element(self, check: str, tensor: str, index: int) -> Element | None:
        """How to compute the element at the working precision of the moment."""
        if check == OUTPUT:
            number = self._output(tensor)
            return None if number is None else self._written(number, index, "x")
        if check == SECOND and tensor.startswith("cotangent "):
            live = [i for i, seed in enumerate(self.seeds) if seed is not None]
            return self._written(live[int(tensor.removeprefix("cotangent "))], index, "b")
        if check in (GRADIENT, SECOND) and tensor in self.names:
            return self._pulled(self.names.index(tensor), index, "a" if check == GRADIENT else "ab")
        return None

    def _output(self, tensor: str) -> int | None:
        names = ["out"] if len(self.results) == 1 else [f"out[{i}]" for i in range(len(self.results))]
        return names.index(tensor) if tensor in names else None

    def _written(self, number: int, index: int, part: str) -> Element | None:
        """An element of a result, or of its derivative along the directions."""
        blocks = self.results[number]
        found = numpy.argwhere(blocks.writes == index)
        if not len(found):
            return None
        *grid, place = (int(i) for i in found[0])
        self.cost += blocks.cost
        return lambda: getattr(self._block(blocks, tuple(grid), None, along=part == "b")[place], part)

    def _pulled(self, number: int, index: int, part: str) -> Element:
        """The sum, over all elements that read input `number` at `index`, of cotangent times derivative."""
        touched: list[tuple[Blocks, tuple[int, ...], Array]] = []
        for blocks, seed in zip(self.results, self.seeds, strict=True):
            if seed is None:
                continue
            reading = numpy.zeros(blocks.writes.shape[:-1], dtype=bool)
            for operand in blocks.operands:
                if operand.number == number:
                    reading |= (operand.places == index).any(axis=-1)
            touched += [(blocks, tuple(int(i) for i in grid), seed) for grid in numpy.argwhere(reading)]
        self.cost += sum(blocks.cost for blocks, _, _ in touched)

        def pulled() -> Number:
            terms: list[Jet] = []
            for blocks, grid, seed in touched:
                written = self._block(blocks, grid, (number, index), along=part == "ab")
                terms += [jet * exactly(float(seed[k])) for jet, k in zip(written, blocks.writes[grid], strict=True)]
            return getattr(total(terms), part)

        return pulled

    def _block(self, blocks: Blocks, grid: tuple[int, ...], unit: tuple[int, int] | None, along: bool) -> Sequence[Jet]:
        """What one block writes; a varies the element `unit`, b varies every input along its direction."""
        read = []
        for operand in blocks.operands:
            array, direction = self.arrays[operand.number], self.directions.get(operand.number)
            jets = []
            for place in operand.places[grid]:
                a = 1 if unit == (operand.number, place) else 0
                b = exactly(float(direction[place])) if along and direction is not None else 0
                jets.append(Jet(_finite(array[place]), a, b))
            read.append(jets)
        return blocks.formula(*read)


def _finite(number: Any) -> Number:
    x = float(number)
    if not math.isfinite(x):
        raise ValueError(f"{x} is not a finite number")
    return mp.mpf(x)


def _rounded(element: Element) -> tuple[float, float]:
    """The pair of float64 closest to the element; NaN where it has no finite value."""
    previous: tuple[float, float] | None = None
    for bits in LADDER:
        with mp.workprec(bits):
            try:
                pair = split(_known(element()))
            except _UNDEFINED:
                return math.nan, math.nan
        if pair == previous and pair[0] != 0.0:
            return pair
        previous = pair
    return pair


def _known(found: Number) -> Number:
    """The result as a finite real number: a complex one is a TypeError, an infinite one a ValueError."""
    number = mp.mpf(found)
    if not mp.isfinite(number):
        raise ValueError(f"a pole: {number}")
    return number


def split(number: Number) -> tuple[float, float]:
    """The closest float64 and the closest float64 to what is left; infinity, with nothing left, beyond the range.

    >>> with mp.workprec(200):
    ...     split(mp.mpf(1) / 3) == (1 / 3, 2.0**-54 / 3)
    True
    """
    high = nearest(number)
    if math.isinf(high):
        return high, 0.0
    with mp.workprec(LADDER[-1]):
        return high, nearest(number - mp.mpf(high))


def nearest(number: Number) -> float:
    """The float64 nearest to the number, ties to even, subnormal where it is that small.

    mpmath's own conversion rounds twice in the subnormal range.

    >>> nearest(mp.mpf(2) ** -1075), nearest(mp.mpf(2) ** -1074), nearest(mp.mpf(10) ** 400)
    (0.0, 5e-324, inf)
    """
    if mp.isnan(number) or mp.isinf(number) or number == 0:
        return float(number)
    sign, mantissa, exponent, length = number._mpf_
    dropped = max(length - 53, -1074 - exponent)
    if dropped > 0:
        mantissa, exponent = _shifted(mantissa, dropped), exponent + dropped
    try:
        magnitude = math.ldexp(mantissa, exponent)
    except OverflowError:
        magnitude = math.inf
    return -magnitude if sign else magnitude


def _shifted(mantissa: int, bits: int) -> int:
    """mantissa / 2^bits, rounded to the nearest whole number, ties to even."""
    if bits > mantissa.bit_length() + 1:
        return 0
    half, rest = 1 << (bits - 1), mantissa & ((1 << bits) - 1)
    quotient = mantissa >> bits
    return quotient + (rest > half or (rest == half and quotient & 1 == 1))
