"""What is true about a case: torch at its dtype, torch at float64, and the scale of error that rounding explains.

One `Truth` serves all checks of a case and all candidates. The probes behind a scale are run only when a verdict asks.

Probing moves the inputs by a hash of their magnitude, so equal numbers move equally: ties, pairs of opposite sign and
zeros stay what they are.
"""

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Any

import ml_dtypes
import numpy

from conformance.candidates.protocol import Candidate, Result
from conformance.case import GRADIENT, OUTPUT, SECOND, Case, Sample
from conformance.draw import Array, is_floating, numpy_dtype
from conformance.verdict import Scale, unit

PROBES = 4
ARITHMETIC_PROBES = 12  # M decides most verdicts: with few probes some elements of a large tensor look too quiet
STEPS = 4  # an input moves by up to this many representable numbers
Key = tuple[str, str]  # check, name of the tensor


@lru_cache(maxsize=1)
def _sides() -> tuple[Any, Any]:
    from conformance.candidates.torch import Oracle, Torch

    return Torch("torch reference"), Oracle()


def reference_candidate() -> Candidate:
    """torch at the case's dtype, as a candidate."""
    found: Candidate = _sides()[0]
    return found


class Truth:
    """Torch's results on a sample of a case: `reference` at its dtype, `oracle` at float64, `scale` on demand."""

    def __init__(self, case: Case, sample: Sample, purpose: str = "") -> None:
        self.case = case
        self.sample = sample
        self.purpose = purpose
        self.order = 2 if SECOND in case.checks else 1 if GRADIENT in case.checks else 0
        if not any(sample.differentiable):
            self.order = 0

    # --- what the candidate is fed -------------------------------------------------------------------------------

    @cached_property
    def forward(self) -> Result:
        """The reference's outputs alone: their shapes say what cotangents to draw."""
        return _run(_sides()[0], self.case, self.sample, self.order)

    @cached_property
    def cotangents(self) -> list[Array | None]:
        """One per array among the outputs: random numbers, or None where torch does not differentiate the output."""
        if not self.order:
            return []
        rng = self.case.rng(f"cotangents {self.purpose}")
        arrays = [(v.array, v.requires_grad) for v in self.forward.outputs if v.array is not None]
        return [
            numpy.asarray(rng.standard_normal(array.shape)).astype(array.dtype) if wanted else None
            for array, wanted in arrays
        ]

    @cached_property
    def directions(self) -> list[Array]:
        """v of the second order: one per differentiable input."""
        if self.order < 2:
            return []
        rng = self.case.rng(f"directions {self.purpose}")
        arrays = [a for a, wanted in zip(self.sample.arrays, self.sample.differentiable, strict=True) if wanted]
        return [rng.standard_normal(array.shape).astype(array.dtype) for array in arrays]

    # --- what torch makes of it ----------------------------------------------------------------------------------

    @cached_property
    def reference(self) -> Result:
        """torch at the case's dtype, with gradients as far as the case wants them."""
        if not any(array is not None for array in self.cotangents):
            return self.forward
        return self._evaluate(_sides()[0], _same)

    @cached_property
    def oracle(self) -> Result:
        """torch at float64 on the same numbers."""
        return self._evaluate(_sides()[1], upcast)

    @cached_property
    def truths(self) -> dict[Key, Array | None]:
        """The oracle's arrays, by check and name; inputs that the call changed are among the outputs."""
        return with_changed_inputs(self.oracle, self.sample)

    @cached_property
    def references(self) -> dict[Key, Array | None]:
        """The reference's arrays, likewise."""
        return with_changed_inputs(self.reference, self.sample)

    def _evaluate(self, side: Any, move: "Move") -> Result:
        sample = self.sample.with_arrays([move(array) for array in self.sample.arrays])
        cotangents = [None if array is None else move(array) for array in self.cotangents]
        return _run(side, self.case, sample, self.order, cotangents, [move(array) for array in self.directions])

    # --- the scale -----------------------------------------------------------------------------------------------

    def scale(self, key: Key) -> Scale:
        """E and D of one tensor.

        A float64 tensor has no better oracle than torch float64 itself: its E and D are those of the same sample at
        float32, times 2^-29, the ratio of the two roundings.
        """
        truth = numpy.asarray(self.truths[key], dtype=numpy.float64)
        reference = self.references[key]
        double = reference is not None and reference.dtype == numpy.float64
        error, conditioning, arithmetic = self._lowered if double else self._native
        factor = unit(numpy.float64) / unit(numpy.float32) if double else 1.0
        nothing = numpy.zeros(truth.shape)
        found = (part.get(key, nothing) * factor for part in (error, conditioning, arithmetic))
        return Scale(*found)

    @cached_property
    def _native(self) -> "Scales":
        return self._probe(_same)

    @cached_property
    def _lowered(self) -> "Scales":
        return self._probe(_to_float32)

    def _probe(self, lower: "Move") -> "Scales":
        """E, D and M of every tensor, from the sample after `lower`."""
        from conformance.monte_carlo import MonteCarlo

        torch, oracle = _sides()
        error, conditioning = _MeanSquare(), _MeanSquare()
        centre = with_changed_inputs(self._evaluate(oracle, lambda x: upcast(lower(x))), self.sample)
        for k in range(PROBES):
            if k == 0 and lower is _same:
                error.add(self.references, self.truths)
                continue

            def moved(array: Array, k: int = k) -> Array:
                return move_by_steps(lower(array), k) if k else lower(array)

            def moved_up(array: Array, moved: Move = moved) -> Array:
                return upcast(moved(array))

            low = with_changed_inputs(self._evaluate(torch, moved), self.sample)
            high = with_changed_inputs(self._evaluate(oracle, moved_up), self.sample)
            error.add(low, high)
        for k in range(1, PROBES):

            def jittered(array: Array, k: int = k) -> Array:
                return move_inside_rounding(lower(array), k)

            conditioning.add(with_changed_inputs(self._evaluate(oracle, jittered), self.sample), centre)
        dtype = numpy.dtype(numpy.float32) if self.case.dtype == "float64" else numpy_dtype(self.case.dtype)

        def arithmetic_of(u: float, seed: int) -> dict[Key, Array | None]:
            run = self._evaluate(MonteCarlo(u, seed), lambda x: upcast(lower(x)))
            return with_changed_inputs(run, self.sample)

        # Undisturbed it must reproduce the oracle. Where it does not (a kernel that writes to an argument writes to
        # the disturbed copy: a running mean stays as it was), the spread would be a fault of its own: M is 0 there.
        undisturbed = arithmetic_of(0.0, 1)
        faithful = {key: array for key, array in centre.items() if _reproduces(undisturbed.get(key), array)}
        arithmetic = _MeanSquare()
        for k in range(ARITHMETIC_PROBES):
            arithmetic.add(arithmetic_of(unit(dtype), k + 1), faithful)
        return error.roots(), conditioning.roots(), arithmetic.roots()


Move = Callable[[Array], Array]
Scales = tuple[dict[Key, Array], dict[Key, Array], dict[Key, Array]]  # E, D, M


def _reproduces(array: Array | None, truth: Array | None) -> bool:
    """Whether two float64 results are the same, up to float64's own rounding on the scale of the tensor."""
    if array is None or truth is None or array.shape != truth.shape:
        return False
    with numpy.errstate(all="ignore"):
        finite = numpy.abs(truth[numpy.isfinite(truth)])
        largest = float(finite.max()) if finite.size else 0.0
        return bool(numpy.allclose(array, truth, rtol=0.0, atol=2.0**-40 * largest, equal_nan=True))


class _MeanSquare:
    """Running mean square of differences, per tensor; what is missing, not finite or of another shape is left out."""

    def __init__(self) -> None:
        self.sums: dict[Key, Array] = {}
        self.counts: dict[Key, Array] = {}

    def add(self, left: dict[Key, Array | None], right: dict[Key, Array | None]) -> None:
        for key, a in left.items():
            b = right.get(key)
            if a is None or b is None or a.shape != b.shape or not is_floating(b):
                continue
            with numpy.errstate(all="ignore"):
                squared = (a.astype(numpy.float64) - b.astype(numpy.float64)) ** 2
            good = numpy.isfinite(squared)
            if key in self.sums and self.sums[key].shape != squared.shape:
                continue
            self.sums[key] = self.sums.get(key, 0.0) + numpy.where(good, squared, 0.0)
            self.counts[key] = self.counts.get(key, 0) + good

    def roots(self) -> dict[Key, Array]:
        return {key: numpy.sqrt(total / numpy.maximum(self.counts[key], 1)) for key, total in self.sums.items()}


def _run(
    side: Any,
    case: Case,
    sample: Sample,
    order: int,
    cotangents: Sequence[Array | None] = (),
    directions: Sequence[Array] = (),
) -> Result:
    """Run torch on copies: an operation may write to its inputs."""
    arrays = [numpy.array(array, order="C", copy=True) for array in sample.arrays]
    copies = [None if array is None else array.copy() for array in cotangents]
    found: Result = side.run(case.operation, sample.with_arrays(arrays), order, copies, list(directions))
    return found


def with_changed_inputs(result: Result, sample: Sample) -> dict[Key, Array | None]:
    """The arrays of a result, and as `<input> after` every array that the call left behind."""
    found = result.arrays()
    for name, array in zip(sample.names, result.after, strict=False):
        found[(OUTPUT, f"{name} after")] = array
    return found


# --- moving inputs -------------------------------------------------------------------------------------------------


def _same(array: Array) -> Array:
    return array


def upcast(array: Array) -> Array:
    """Floating numbers to float64; the rest as it is."""
    return array.astype(numpy.float64) if is_floating(array) else array


def _to_float32(array: Array) -> Array:
    if array.dtype != numpy.float64:
        return array
    with numpy.errstate(all="ignore"):
        return array.astype(numpy.float32)


def _noise(array: Array, seed: int) -> Array:
    """64 random bits per element, a function of the element's magnitude and the seed (splitmix64)."""
    bits = numpy.atleast_1d(numpy.abs(array.astype(numpy.float64))).view(numpy.uint64)
    z = bits + numpy.uint64((seed * 0x9E3779B97F4A7C15) % 2**64)
    z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return (z ^ (z >> numpy.uint64(31))).reshape(array.shape)


def move_by_steps(array: Array, seed: int) -> Array:
    """Every finite, nonzero number moved by -4 to 4 representable numbers, its sign kept.

    >>> moved = move_by_steps(numpy.array([1.0, -1.0, 0.0], "float32"), 1)
    >>> bool(moved[0] == -moved[1]), float(moved[2])
    (True, 0.0)
    """
    if not is_floating(array) or array.size == 0:
        return array
    array = numpy.ascontiguousarray(array).reshape(array.shape)
    integer = numpy.dtype(f"int{8 * array.dtype.itemsize}")
    sign_bit = integer.type(numpy.iinfo(integer).min)
    bits = numpy.asarray(array.view(integer))
    magnitude = bits & ~sign_bit
    steps = (_noise(array, seed) % numpy.uint64(2 * STEPS + 1)).astype(integer) - integer.type(STEPS)
    top = numpy.asarray(ml_dtypes.finfo(array.dtype).max, dtype=array.dtype).view(integer)
    movable = (magnitude > STEPS) & (magnitude <= top - STEPS)
    moved = numpy.where(movable, magnitude + steps, magnitude) | (bits & sign_bit)
    return numpy.asarray(moved, dtype=integer).view(array.dtype)


def move_inside_rounding(array: Array, seed: int) -> Array:
    """Every number at float64, moved by less than half a step of its own dtype: it would round back."""
    if not is_floating(array):
        return array
    share = (_noise(array, seed) >> numpy.uint64(11)).astype(numpy.float64) / 2.0**53 - 0.5  # in [-1/2, 1/2)
    x = array.astype(numpy.float64)
    with numpy.errstate(all="ignore"):
        _, exponent = numpy.frexp(x)
        eps = float(ml_dtypes.finfo(array.dtype).eps)
        step = numpy.ldexp(eps, exponent - 1)  # the distance to the next number: x = m 2^e with 1/2 <= m < 1
        moved = x + numpy.where(numpy.isfinite(x) & (x != 0), 0.98 * share * step, 0.0) * numpy.sign(x)
    return numpy.where(numpy.isfinite(x), moved, x)
