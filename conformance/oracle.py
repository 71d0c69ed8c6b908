"""What is true about a case: torch at its dtype, torch at float64, and the scale of error that rounding explains.

One `Truth` serves all checks of a case and all candidates. The probes behind a scale are run only when a verdict asks.

Probing moves the inputs by a hash of their magnitude, so equal numbers move equally: ties, pairs of opposite sign and
zeros stay what they are.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import ml_dtypes
import numpy

from conformance.candidates.protocol import Candidate, Result
from conformance.case import GRADIENT, OUTPUT, SECOND, Case, Sample
from conformance.draw import Array, is_floating, numpy_dtype
from conformance.scale import Scale, allowed_scale, find_jumps, slope_of, smallest_normal, unit
from conformance.scale_cache import cached, source_of
from conformance.verdict import FAIL, Residue, Verdict, decide

PROBES = 4
ARITHMETIC_PROBES = 12  # M decides most verdicts: with few probes some elements of a large tensor look too quiet
_DOUBLE = unit(numpy.float64) / unit(numpy.float32)
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

    def under(self, cotangents: Sequence[Array | None]) -> None:
        """Take these cotangents instead of drawing them, one per array among the outputs. ValueError if they cannot be."""
        arrays = [value.array for value in self.forward.outputs if value.array is not None]
        if len(cotangents) != len(arrays):
            raise ValueError(f"got {len(cotangents)} cotangents for {len(arrays)} outputs")
        for given, array in zip(cotangents, arrays, strict=True):
            if given is not None and (given.shape, given.dtype) != (array.shape, array.dtype):
                raise ValueError(
                    f"a cotangent is {given.dtype}{list(given.shape)}, its output {array.dtype}{list(array.shape)}"
                )
        self.__dict__["cotangents"] = list(cotangents)

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

    # --- other samples -------------------------------------------------------------------------------------------

    def another(self, number: int) -> "Truth":
        """The truth of the same case on numbers drawn anew."""
        sample = self.case.arguments.sample(self.case.rng(f"sample {number}"), self.case.dtype)
        return Truth(self.case, sample, f"{self.purpose} {number}")

    @cached_property
    def flushed(self) -> "Truth | None":
        """The truth with subnormal inputs taken as zeros, under the same cotangents; None where there are none."""
        arrays = [flush(array) for array in self.sample.arrays]
        if all(a.tobytes() == b.tobytes() for a, b in zip(arrays, self.sample.arrays, strict=True)):
            return None
        found = Truth(self.case, self.sample.with_arrays(arrays), self.purpose)
        if OUTPUT not in found.forward.raised and self.order:
            found.under(self.cotangents)
        return found

    def what_if(
        self, sample: Sample | None = None, *, ones: bool = False, move: "Move | None" = None
    ) -> dict[Key, Array | None]:
        """The oracle's arrays if the sample were another, the cotangents ones, or every number passed through `move`."""

        def moved(array: Array) -> Array:
            return upcast(array if move is None else move(array))

        sample = sample or self.sample
        sample = sample.with_arrays([moved(array) for array in sample.arrays])
        given = [numpy.ones_like(a) if ones and a is not None else a for a in self.cotangents]
        cotangents = [None if array is None else moved(array) for array in given]
        directions = [moved(array) for array in self.directions]
        return with_changed_inputs(_run(_sides()[1], self.case, sample, self.order, cotangents, directions), sample)

    # --- the verdict ---------------------------------------------------------------------------------------------

    def judge(self, key: Key, mine: Array) -> Verdict:
        """The verdict on what a candidate gives for one tensor."""
        reference, oracle = self.references[key], self.truths.get(key)
        if reference is None:  # a second derivative that torch leaves out is zero
            reference = numpy.zeros_like(mine)
        oracle = numpy.zeros(reference.shape) if oracle is None else oracle
        if reference.shape != oracle.shape:
            return Verdict(FAIL, "case", "the oracle's result has another shape than torch's")
        terms = max([1, *(array.size for array in self.sample.arrays)])
        return decide(mine, reference, oracle, _Probes(self, key), exact=self.case.exact, terms=terms)

    def residue(self, key: Key, mine: Array) -> Residue:
        """Where the errors of a tensor that is as good as torch stand: what it adds to a look at several."""
        t = numpy.asarray(self.truths[key], dtype=numpy.float64)
        scale = self.scale(key)
        bound = numpy.sqrt(allowed_scale(t, scale, mine.dtype) ** 2 + scale.conditioning**2)
        difference = mine.astype(numpy.float64) - t
        slope = math.hypot(unit(mine.dtype), scale.slope)
        return Residue(difference.reshape(-1), t.reshape(-1), bound.reshape(-1), slope)

    def scale(self, key: Key) -> Scale:
        """E, D, M and the jumps of one tensor.

        A float64 tensor has no better oracle than torch float64 itself: its scales are those of the same sample at
        float32, times 2^-29, the ratio of the two roundings.
        """
        truth = numpy.asarray(self.truths[key], dtype=numpy.float64)
        reference = self.references[key]
        double = reference is not None and reference.dtype == numpy.float64
        nothing = Scale(numpy.zeros(truth.shape), numpy.zeros(truth.shape))
        found = (self._lowered if double else self._native).get(key, nothing)
        return found.times(_DOUBLE) if double else found

    @cached_property
    def _native(self) -> "Scales":
        return cached(lambda: self._fingerprint("native"), lambda: self._probe(_same))

    @cached_property
    def _lowered(self) -> "Scales":
        return cached(lambda: self._fingerprint("lowered"), lambda: self._probe(_to_float32))

    def _fingerprint(self, purpose: str) -> Iterator[bytes]:
        """Everything that the scales depend on: the call, its program, the numbers, and how probing is done."""
        operation = self.case.operation
        yield f"{self.case.id}\n{self.order}\n{purpose}\n{PROBES} {ARITHMETIC_PROBES} {STEPS}\n".encode()
        yield source_of(operation.program).encode()
        for array in (*self.sample.arrays, *self.cotangents, *self.directions):
            yield b"none" if array is None else f"{array.dtype} {array.shape}".encode() + array.tobytes()

    def _probe(self, lower: "Move") -> "Scales":
        """The scales of every tensor, from the sample after `lower`."""
        from conformance.monte_carlo import MonteCarlo

        torch, oracle = _sides()
        error, conditioning, arithmetic = _MeanSquare(), _MeanSquare(), _MeanSquare()
        centre = with_changed_inputs(self._evaluate(oracle, lambda x: upcast(lower(x))), self.sample)
        values = [centre]  # at float64, near the sample: what the tensors may be
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
            values.append(high)
        for k in range(1, PROBES):

            def jittered(array: Array, k: int = k) -> Array:
                return move_inside_rounding(lower(array), k)

            values.append(with_changed_inputs(self._evaluate(oracle, jittered), self.sample))
            conditioning.add(values[-1], centre)
        dtype = numpy.dtype(numpy.float32) if self.case.dtype == "float64" else numpy_dtype(self.case.dtype)

        # Undisturbed it must reproduce the oracle. Where it does not (a kernel that writes to an argument writes to
        # the disturbed copy: a running mean stays as it was), the spread would be a fault of its own: M is 0 there.
        undisturbed = self._disturbed(MonteCarlo(dtype, 1, amplitude=0.0), lower)
        faithful = {key: array for key, array in centre.items() if _reproduces(undisturbed.get(key), array)}
        for k in range(ARITHMETIC_PROBES):
            run = self._disturbed(MonteCarlo(dtype, k + 1), lower)
            arithmetic.add(run, faithful)
            values.append({key: array for key, array in run.items() if key in faithful})
        found = {}
        for key, array in centre.items():
            if array is not None and is_floating(array):
                e, d, m = (part.root(key, array.shape) for part in (error, conditioning, arithmetic))
                near = [run[key] for run in values[1:] if key in run]
                jumps = _jumps([array, *near], unit(dtype))
                found[key] = Scale(e, d, m, jumps, _slope(near[PROBES - 1 :], array))
        return found

    def _disturbed(self, side: Any, lower: "Move") -> dict[Key, Array | None]:
        return with_changed_inputs(self._evaluate(side, lambda x: upcast(lower(x))), self.sample)

    # --- on demand -----------------------------------------------------------------------------------------------

    def digits(self, key: Key, places: Sequence[int]) -> tuple[Array, Array] | None:
        """Elements in higher precision, where the operation has such a form."""
        from conformance.precise import elements

        check, tensor = key
        wanted = numpy.asarray(places)
        operation = self.case.operation
        if operation.program is not None:
            return None
        return elements(operation.name, self.sample, check, tensor, wanted, self.cotangents, self.directions)

    def one_by_one(self, key: Key) -> Scale | None:
        """N, and the factor that it explains, of one tensor."""
        reference = self.references[key]
        double = reference is not None and reference.dtype == numpy.float64
        found = (self._lowered_sums if double else self._native_sums).get(key)
        return found.times(_DOUBLE) if found is not None and double else found

    @cached_property
    def _native_sums(self) -> "Scales":
        return self._sums(_same)

    @cached_property
    def _lowered_sums(self) -> "Scales":
        return self._sums(_to_float32)

    def _sums(self, lower: "Move") -> "Scales":
        """How far results move when every sum on the way is added term after term."""
        from conformance.monte_carlo import MonteCarlo

        dtype = numpy_dtype("float32" if self.case.dtype == "float64" else self.case.dtype)
        centre = self._disturbed(MonteCarlo(dtype, 1, amplitude=0.0), lower)
        total, runs = _MeanSquare(), []
        for k in range(PROBES):
            runs.append(self._disturbed(MonteCarlo(dtype, k + 1, sequential=True), lower))
            total.add(runs[-1], centre)
        found = {}
        for key, array in centre.items():
            if array is not None and is_floating(array):
                zero = numpy.zeros(array.shape)
                slope = _slope([run.get(key) for run in runs], array)
                found[key] = Scale(zero, zero, total.root(key, array.shape), slope=slope)
        return found

    def terms(self, key: Key, place: int) -> list[Array]:
        """The terms (d out_i / d x_j) x_j of one element, for each input: what a sum for it adds up.

        For a gradient the derivatives are those of the second order, and cotangents are inputs too.
        """
        check, tensor = key
        sample = self.sample.with_arrays([upcast(array) for array in self.sample.arrays])
        if not self.order or check == SECOND or tensor.endswith(" after"):
            return []
        cotangents = [None if array is None else upcast(array) for array in self.cotangents]
        if check == OUTPUT:
            names = [value.name for value in self.forward.outputs if value.array is not None]
            one_hot = [None if a is None else numpy.zeros_like(a) for a in cotangents]
            chosen = one_hot[names.index(tensor)]
            if chosen is None:
                return []
            chosen.reshape(-1)[place] = 1.0
            rows = _run(_sides()[1], self.case, sample, 1, one_hot).gradients or {}
        else:
            names = [name for name, wanted in zip(sample.names, sample.differentiable, strict=True) if wanted]
            arrays = dict(zip(sample.names, sample.arrays, strict=True))
            directions = [numpy.zeros_like(arrays[name]) for name in names]
            directions[names.index(tensor)].reshape(-1)[place] = 1.0
            rows = _run(_sides()[1], self.case, sample, 2, cotangents, directions).second or {}
        factors = dict(zip(sample.names, sample.arrays, strict=True))
        factors |= {f"cotangent {i}": a for i, a in enumerate(a for a in cotangents if a is not None)}
        return [(row * factors[name]).reshape(-1) for name, row in rows.items() if row is not None]


@dataclass(frozen=True)
class _Probes:
    """What a verdict may ask about one tensor of a truth."""

    truth: Truth
    key: Key

    def scale(self) -> Scale:
        return self.truth.scale(self.key)

    def digits(self, places: Sequence[int]) -> tuple[Array, Array] | None:
        return self.truth.digits(self.key, places)

    def one_by_one(self) -> Scale | None:
        return self.truth.one_by_one(self.key)

    def terms(self, place: int) -> list[Array]:
        return self.truth.terms(self.key, place)


def _jumps(values: Sequence[Array | None], u: float) -> dict[int, Array]:
    there = [array for array in values if array is not None]
    same = [array for array in there if array.shape == there[0].shape]
    return find_jumps(same, u) if same[0].size else {}


def _slope(values: Sequence[Array | None], centre: Array) -> float:
    """rms over the disturbed runs of the factor by which the whole tensor is off."""
    same = [array for array in values if array is not None and array.shape == centre.shape]
    with numpy.errstate(all="ignore"):
        slopes = [slope_of(array - centre, centre)[0] for array in same]
    return float(numpy.sqrt(numpy.mean(numpy.square(slopes)))) if slopes else 0.0


Move = Callable[[Array], Array]
Scales = dict[Key, Scale]


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

    def root(self, key: Key, shape: tuple[int, ...]) -> Array:
        """At float32 where its range is enough: a scale needs no more digits, and there are many on disk."""
        if key not in self.sums:
            return numpy.zeros(shape, numpy.float32)
        with numpy.errstate(all="ignore"):
            found = numpy.sqrt(self.sums[key] / numpy.maximum(self.counts[key], 1))
            short = found.astype(numpy.float32)
        lost = (found != 0) & ((short == 0) | numpy.isinf(short))
        return found if lost.any() else short


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


def flush(array: Array) -> Array:
    """Subnormal numbers of the array's dtype as zeros of the same sign."""
    if not is_floating(array):
        return array
    tiny = numpy.abs(array.astype(numpy.float64)) < smallest_normal(array.dtype)
    return numpy.where(tiny, numpy.copysign(numpy.zeros_like(array), array), array).astype(array.dtype)


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
