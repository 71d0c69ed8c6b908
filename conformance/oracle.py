"""What is true about a case: torch at its dtype, torch at float64, and the scale of error that rounding explains.

One `Truth` serves all checks of a case and all candidates. The probes behind a scale are run only when a verdict asks.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy

from conformance import against
from conformance.candidates.protocol import Candidate, Raised, Result
from conformance.case import GRADIENT, OUTPUT, SECOND, Case, Sample
from conformance.decide import decide
from conformance.draw import HALVES, Array, numpy_dtype
from conformance.moves import Move, flush, same, to_float32, upcast
from conformance.probing import Arrays, Key, Scales, one_by_one, probe
from conformance.scale import Scale, allowed_scale, unit
from conformance.scale_cache import cached, source_of
from conformance.verdict import FAIL, Residue, Verdict

_DOUBLE = unit(numpy.float64) / unit(numpy.float32)


def _sides() -> tuple[Any, Any]:
    """The reference and the oracle."""
    found = against.chosen().sides
    return found.reference, found.oracle


def reference_candidate() -> Candidate:
    """torch at the case's dtype (or what stands in its place), as a candidate."""
    found: Candidate = _sides()[0]
    return found


ALIKE = 0.05  # of the norm: rounding to bfloat16 is less by far, another mask is more
_KEPT = 1 << 24  # bytes of answers to "what if"


class Truth:
    """Torch's results on a sample of a case: `reference` at its dtype, `oracle` at float64, `scale` on demand."""

    def __init__(self, case: Case, sample: Sample, purpose: str = "") -> None:
        self.case = case
        self.sample = sample
        self.purpose = purpose
        self.order = 2 if SECOND in case.checks else 1 if GRADIENT in case.checks else 0
        if not any(sample.differentiable):
            self.order = 0
        self._answers: dict[Any, Arrays] = {}
        self._room = _KEPT

    # --- what the candidate is fed -------------------------------------------------------------------------------

    @cached_property
    def forward(self) -> Result:
        """The reference's outputs alone: their shapes say what cotangents to draw."""
        return _run(_sides()[0], self.case, self.sample, self.order)

    @cached_property
    def refused(self) -> Raised | None:
        """What torch raises on the CPU."""
        return _run(against.chosen().sides.refusing, self.case, self.sample, 0).raised.get(OUTPUT)

    @property
    def refused_without_numbers(self) -> bool:
        """Whether shapes and dtypes alone make torch refuse: then every device has to."""
        raised = _run(against.chosen().sides.shapes, self.case, self.sample, 0).raised.get(OUTPUT)
        refused = self.refused
        if raised is None or refused is None or "meta" in raised.message.lower():  # it needs the numbers
            return False
        return raised.kind == refused.kind

    @property
    def lost(self) -> Raised | None:
        """The error of the reference after which the process cannot use its GPU, where there was one."""
        if against.chosen().plain:
            return None
        runs = (self.forward, self.reference)
        return next((raised for run in runs for raised in run.raised.values() if raised.lost), None)

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
        return self._evaluate(_sides()[0], same)

    @cached_property
    def oracle(self) -> Result:
        """torch at float64 on the same numbers."""
        return self._evaluate(_sides()[1], upcast)

    @cached_property
    def truths(self) -> Arrays:
        """The oracle's arrays, by check and name; inputs that the call changed are among the outputs."""
        return with_changed_inputs(self.oracle, self.sample)

    @cached_property
    def references(self) -> Arrays:
        """The reference's arrays, likewise."""
        return with_changed_inputs(self.reference, self.sample)

    def _evaluate(self, side: Any, move: Move) -> Result:
        sample = self.sample.with_arrays([move(array) for array in self.sample.arrays])
        cotangents = [None if array is None else move(array) for array in self.cotangents]
        return _run(side, self.case, sample, self.order, cotangents, [move(array) for array in self.directions])

    def drawn_alike(self, key: Key) -> bool:
        """Whether the oracle saw the random numbers that the reference saw: else they are nowhere near each other."""
        reference, oracle = self.references.get(key), self.truths.get(key)
        if reference is None or oracle is None or reference.shape != oracle.shape:
            return reference is oracle
        r, t = reference.astype(numpy.float64), oracle.astype(numpy.float64)
        use = numpy.isfinite(r) & numpy.isfinite(t)
        return bool(numpy.linalg.norm((r - t)[use]) <= ALIKE * numpy.linalg.norm(t[use]))

    @property
    def varies(self) -> str:
        """What torch says of its own order of adding on a GPU: "" where it is fixed, and on the CPU."""
        reference = _sides()[0]
        varies = getattr(reference, "varies", None)
        if varies is None:
            return ""
        found: str = varies(lambda: self._evaluate(reference, same))
        return found

    # --- other samples -------------------------------------------------------------------------------------------

    def another(self, number: int) -> "Truth":
        """The truth of the same case on numbers drawn anew."""
        sample = self.case.sample(number)
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

    def what_if(self, sample: Sample | None = None, *, ones: bool = False, move: Move | None = None) -> Arrays:
        """The oracle's arrays if the sample were another, the cotangents ones, or every number passed through `move`.

        The failing tensors of a case ask the same questions; answers are kept up to `_KEPT` bytes.
        """
        asked = (_fingerprint(sample or self.sample), ones, move)
        if asked not in self._answers:
            found = self._ask(sample or self.sample, ones, move)
            size = sum(array.nbytes for array in found.values() if array is not None)
            if size > self._room:
                self._answers.clear()
                self._room = _KEPT
            self._room -= size
            self._answers[asked] = found
        return self._answers[asked]

    def _ask(self, sample: Sample, ones: bool, move: Move | None) -> Arrays:
        def moved(array: Array) -> Array:
            return upcast(array if move is None else move(array))

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
    def _native(self) -> Scales:
        return self._probed("native", same)

    @cached_property
    def _lowered(self) -> Scales:
        return self._probed("lowered", to_float32)

    def _probed(self, purpose: str, lower: Move) -> Scales:
        """The scales of the sample after `lower`, kept on disk."""
        known = (self.references, self.truths) if lower is same else None
        compute = partial(probe, self._arrays, *_sides(), self._probed_dtype, lower, known)
        program = self.case.operation.program
        if program is not None and "<" in getattr(program, "__qualname__", "<"):
            return compute()  # a lambda or a closure: no source says all that it depends on
        return cached(lambda: self._fingerprint(purpose), compute)

    @property
    def _probed_dtype(self) -> Any:
        """float64 is probed at float32; of integers come results of the default dtype, which is float32."""
        return numpy_dtype(self.case.dtype if self.case.dtype in HALVES else "float32")

    def _arrays(self, side: Candidate, move: Move) -> Arrays:
        return with_changed_inputs(self._evaluate(side, move), self.sample)

    def _fingerprint(self, purpose: str) -> Iterator[bytes]:
        """Everything that the scales depend on: the call, its program, the numbers, and how probing is done."""
        operation = self.case.operation
        yield f"{self.case.id}\n{self.order}\n{purpose}\n{against.chosen().key}\n".encode()
        yield source_of(operation.program).encode()
        for array in (*self.sample.arrays, *self.cotangents, *self.directions):
            yield b"none" if array is None else f"{array.dtype} {array.shape}".encode() + array.tobytes()

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
    def _native_sums(self) -> Scales:
        return one_by_one(self._arrays, self._probed_dtype, same)

    @cached_property
    def _lowered_sums(self) -> Scales:
        return one_by_one(self._arrays, self._probed_dtype, to_float32)

    def rows(self, key: Key, place: int) -> list[tuple[Array, Array]]:
        """(d out_i / d x_j, x_j) of one element, for each input x; empty where there is no way.

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
        return [(row.reshape(-1), factors[name].reshape(-1)) for name, row in rows.items() if row is not None]


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
        return [row * factor for row, factor in self.truth.rows(self.key, place)]

    def touched(self, place: int) -> bool:
        return any(row.any() for row, _ in self.truth.rows(self.key, place))


def _fingerprint(sample: Sample) -> str:
    """What tells one sample from another."""
    digest = hashlib.sha256(repr((sample.args, sample.kwargs)).encode())
    for array in sample.arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(numpy.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


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


def with_changed_inputs(result: Result, sample: Sample) -> Arrays:
    """The arrays of a result, and as `<input> after` every array that the call left behind."""
    found = result.arrays()
    for name, array in zip(sample.names, result.after, strict=False):
        found[(OUTPUT, f"{name} after")] = array
    return found
