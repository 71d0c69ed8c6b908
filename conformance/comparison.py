"""One case: run torch, the oracle and the candidate, and write down every comparison."""

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy

from conformance import bits, messages, record
from conformance.candidates.functions import Functions
from conformance.candidates.protocol import Candidate, Raised, Result, Value
from conformance.case import (
    BITS,
    ERROR,
    EXPANDED,
    GRADIENT,
    LAYOUTS,
    MEMORY_FORMAT,
    OUTPUT,
    REPEAT,
    SECOND,
    UNCHANGED,
    Case,
)
from conformance.decide import decide
from conformance.draw import Array, numpy_dtype
from conformance.judging import judge_tensor
from conformance.layout import Arranged, applies, arrange, first_row_repeated, memory_format
from conformance.oracle import Truth, reference_candidate, with_changed_inputs
from conformance.probing import Key
from conformance.record import Record
from conformance.variant import WORDS, described, incomparable, variants
from conformance.verdict import Verdict

Strides = dict[str, tuple[int, ...] | None]  # of torch's results, by name


def compare(case: Case, candidate: Candidate, truth: Truth | None = None) -> list[Record]:
    """Every comparison of the case. A case always leaves at least one record.

    A `truth` of the case that is there already (for another candidate) is used again.
    """
    began = time.perf_counter()
    records = list(_Comparison(case, candidate, truth or Truth(case, case.sample())).records())
    records[0].seconds = time.perf_counter() - began
    return records


class _Run:
    """One run of the candidate on arrays of its own, which can be looked at afterwards."""

    def __init__(self, candidate: Candidate, truth: Truth, layout: str, order: int) -> None:
        sample = truth.sample
        wanted = [
            layout if layout != EXPANDED or differentiable else ""  # what is written to cannot be expanded
            for differentiable in sample.differentiable
        ]
        self.inputs = [arrange(array, name) for array, name in zip(sample.arrays, wanted, strict=True)]
        seeds_layout = "" if layout == EXPANDED else layout  # cotangents differ from row to row
        self.seeds = [None if array is None else arrange(array, seeds_layout) for array in truth.cotangents]
        self.seeds_given = [None if arranged is None else _bits(arranged.array) for arranged in self.seeds]
        self.gaps = [_gap_bits(arranged) for arranged in self.inputs]
        self.given = sample.with_arrays([arranged.array for arranged in self.inputs])
        cotangents = [None if arranged is None else arranged.array for arranged in self.seeds]
        directions = [array.copy() for array in truth.directions] if order > 1 else []
        self.result: Result = candidate.run(truth.case.operation, self.given, order, cotangents, directions)
        self.values: dict[Key, Array | None] = with_changed_inputs(self.result, sample)


def run_once(candidate: Candidate, truth: Truth) -> dict[Key, Array | None]:
    """What the candidate gives for every tensor of a truth."""
    return _Run(candidate, truth, "", truth.order).values


class _Comparison:
    def __init__(self, case: Case, candidate: Candidate, truth: Truth) -> None:
        self.case = case
        self.candidate = candidate
        self.truth = truth
        self.judged: dict[Key, tuple[Array, Record]] = {}  # what the candidate gave, and what was said about it

    # --- records -------------------------------------------------------------------------------------------------

    def record(self, check: str, tensor: str, status: str, **evidence: Any) -> Record:
        case = self.case
        return Record(case.id, case.family, case.operation.name, case.dtype, check, tensor, status, **evidence)

    def fail(self, check: str, tensor: str, category: str, message: str) -> Record:
        return self.record(check, tensor, record.FAIL, category=category, message=message)

    def passed(self, check: str, tensor: str = "", message: str = "") -> Record:
        return self.record(check, tensor, record.PASS, grade="exact", message=message)

    # --- the checks ----------------------------------------------------------------------------------------------

    def records(self) -> Iterator[Record]:
        sample = self.truth.sample
        reason = self.candidate.supports(self.case.operation, sample)
        if reason:
            yield self.record("run", "", record.UNSUPPORTED, message=reason)
            return
        if ERROR in self.case.checks:
            yield self.refusal()
            return
        broken = self.truth.forward.raised.get(OUTPUT)
        if broken is not None:
            yield self.fail("run", "", "case", f"torch itself cannot run this case: {broken.kind}: {broken.message}")
            return

        if BITS in self.case.checks or self.case.streams:
            reason = incomparable(
                (WORDS, *self.case.streams), _namespace(reference_candidate()), _namespace(self.candidate)
            )
            if reason:
                yield self.record(BITS, bits.GENERATOR, record.UNSUPPORTED, message=reason)
                return
        if BITS in self.case.checks:
            yield from self.draws()
            return
        base = _Run(self.candidate, self.truth, "", self.truth.order)
        strides = {value.name: value.strides for value in self.truth.reference.outputs}
        yield from self.results(self.truth, base, "", self.truth.order, strides)
        if OUTPUT in base.result.raised:
            return
        if UNCHANGED in self.case.checks:
            found = self.unchanged(base)
            yield found if found.bad else self.unshared(base) or found
        if REPEAT in self.case.checks:
            yield self.repeat(base)
        if LAYOUTS in self.case.checks:
            for layout in self.case.layouts:
                yield from self.other_strides(layout)

    def refusal(self) -> Record:
        """The same exception type, and a message that names the same cause."""
        torch = self.truth.forward.raised.get(OUTPUT)
        if torch is None:
            return self.fail(ERROR, "", "case", "torch does not refuse this")
        mine = _Run(self.candidate, self.truth, "", 0).result.raised.get(OUTPUT)
        wanted = f"torch: {torch.kind}: {_line(torch.message)}"
        if mine is None:
            return self.fail(ERROR, "", "exception", f"no exception; {wanted}")
        got = f"got {mine.kind}: {_line(mine.message)}"
        if mine.unsupported and mine.kind != torch.kind:
            return self.record(ERROR, "", record.UNSUPPORTED, message=mine.unsupported)
        if mine.kind != torch.kind:
            return self.fail(ERROR, "", "exception", f"{got}; {wanted}")
        lacking = messages.missing(torch.message, mine.message, self.case.arguments.keywords)
        if lacking and mine.unsupported:
            return self.record(ERROR, "", record.UNSUPPORTED, message=mine.unsupported)
        if lacking:
            return self.fail(ERROR, "", "message", f"does not name {', '.join(lacking)}; {got}; {wanted}")
        return self.passed(ERROR, "", _line(mine.message))

    def draws(self) -> Iterator[Record]:
        """Random draws: every result, and the generator's state, bit for bit. One record names the first difference."""
        run = _Run(self.candidate, self.truth, "", 0)
        raised = run.result.raised.get(OUTPUT)
        if raised is not None:
            yield self.raised(BITS, raised)
            return
        formats = MEMORY_FORMAT in self.case.checks
        found = bits.first_difference(run.result, self.truth.forward, self.truth.sample.names, formats)
        count = bits.elements(self.truth.forward)
        if found is not None:
            yield self.record(BITS, found.tensor, record.FAIL, elements=count, **found.evidence)
            return
        message = f"torch draws {described(variants(_namespace(reference_candidate())))}"
        yield self.record(BITS, "", record.PASS, grade="exact", message=message, elements=count, identical=True)
        if UNCHANGED in self.case.checks:
            yield self.unchanged(run)
        if REPEAT in self.case.checks:
            yield self.repeat(run)

    def results(self, truth: Truth, run: _Run, prefix: str, order: int, strides: Strides) -> Iterator[Record]:
        """Outputs, then gradients, then second order: as many as were asked for. `prefix` is the layout's name."""
        yield from self.outputs(truth, run, prefix or OUTPUT, strides)
        if OUTPUT in run.result.raised or not any(array is not None for array in truth.cotangents):
            return
        for check, level in ((GRADIENT, 1), (SECOND, 2)):
            if level <= order:
                yield from self.derivatives(truth, run, check, f"{prefix} {check}".strip())

    def outputs(self, truth: Truth, run: _Run, check: str, strides: Strides) -> Iterator[Record]:
        raised = run.result.raised.get(OUTPUT)
        if raised is not None:
            yield self.raised(check, raised)
            return
        theirs, ours = truth.reference.outputs, run.result.outputs
        if [value.name for value in theirs] != [value.name for value in ours]:
            names = ", ".join(value.name for value in ours), ", ".join(value.name for value in theirs)
            yield self.fail(check, "out", "shape", f"the results are ({names[0]}), but should be ({names[1]})")
            return
        broken = truth.oracle.raised.get(OUTPUT)
        if broken is not None:
            yield self.fail(
                check, "", "case", f"torch cannot run this at float64: {broken.kind}: {_line(broken.message)}"
            )
            return
        for torch, oracle, mine in zip(theirs, truth.oracle.outputs, ours, strict=True):
            yield self.output(truth, check, torch, oracle, mine, strides.get(torch.name))
        for name, given, left in zip(truth.sample.names, truth.sample.arrays, truth.reference.after, strict=True):
            if _bits(given) != _bits(left):  # torch changes this input: so must the candidate
                key = (OUTPUT, f"{name} after")
                yield self.judge(truth, key, run.values[key], check)

    def output(
        self, truth: Truth, check: str, torch: Value, oracle: Value, mine: Value, strides: tuple[int, ...] | None
    ) -> Record:
        """One result: its numbers, whether it requires a gradient, and its memory format."""
        if torch.array is None or mine.array is None:
            return self.plain(check, torch, oracle, mine)
        found = self.judge(truth, (OUTPUT, torch.name), mine.array, check)
        if found.status == record.FAIL:
            return found
        if mine.requires_grad not in (None, torch.requires_grad):
            category = "missing-gradient" if torch.requires_grad else "extra-gradient"
            message = f"requires_grad is {mine.requires_grad}, in torch {torch.requires_grad}"
            return self.fail(check, torch.name, category, message)
        if MEMORY_FORMAT in self.case.checks and mine.strides is not None and strides is not None:
            got, wanted = memory_format(mine.array.shape, mine.strides), memory_format(mine.array.shape, strides)
            if got != wanted:
                message = f"{got}, but should be {wanted}: strides {mine.strides}, torch's {strides}"
                return self.fail(check, torch.name, "layout", message)
        return found

    def plain(self, check: str, torch: Value, oracle: Value, mine: Value) -> Record:
        """Python values: equal, or for a float as close as an element of a tensor has to be."""
        if torch.array is None and mine.array is None:
            if all(_is_float(v.plain) for v in (mine, torch, oracle)):
                arrays = [numpy.asarray(v.plain) for v in (mine, torch, oracle)]
                dtype = numpy_dtype(self.case.dtype)
                verdict = decide(arrays[0].astype(dtype), arrays[1].astype(dtype), arrays[2].astype(numpy.float64))
                return self.of_verdict(check, torch.name, verdict, arrays[0].size)
            if type(torch.plain) is type(mine.plain) and torch.plain == mine.plain:
                return self.passed(check, torch.name)
        texts = ["a tensor" if v.array is not None else repr(v.plain) for v in (mine, torch)]
        return self.fail(check, torch.name, "value", f"{texts[0]}, but should be {texts[1]}")

    def derivatives(self, truth: Truth, run: _Run, check: str, shown: str) -> Iterator[Record]:
        refused = truth.reference.raised.get(check) or truth.reference.raised.get(GRADIENT)
        if refused is not None:
            message = f"torch has no {check} here: {refused.kind}: {_line(refused.message)}"
            yield self.record(shown, "", record.UNSUPPORTED, message=message)
            return
        raised = run.result.raised.get(check)
        first = run.result.raised.get(GRADIENT)
        if raised is None and first is not None and first.unsupported:
            raised = first  # without a gradient there is no second order either
        if raised is not None:
            yield self.raised(shown, raised)
            return
        second = check == SECOND
        theirs = truth.reference.second if second else truth.reference.gradients
        ours = run.result.second if second else run.result.gradients
        for name, torch in (theirs or {}).items():
            if ours is None or name not in ours:
                why = "no gradient was computed" if GRADIENT not in run.result.raised else "the gradient failed"
                yield self.fail(shown, name, "missing-gradient", why)
                continue
            mine = ours[name]
            if second:  # a zero and a missing second derivative mean the same, and torch itself is not consistent
                shape = torch if torch is not None else mine
                torch = torch if torch is not None or shape is None else numpy.zeros_like(shape)
                mine = mine if mine is not None or shape is None else numpy.zeros_like(shape)
            if torch is None and mine is None:
                yield self.passed(shown, name, "no gradient, as in torch")
            elif torch is None:
                yield self.fail(shown, name, "extra-gradient", "torch gives this input no gradient")
            elif mine is None:
                yield self.fail(shown, name, "missing-gradient", "this input gets no gradient")
            else:
                yield self.judge(truth, (check, name), mine, shown)

    def unchanged(self, run: _Run) -> Record:
        """Inputs keep their bits, unless torch changes them; cotangents and the gaps between elements keep theirs."""
        torch_left = self.truth.reference.after
        for i, (name, arranged) in enumerate(zip(self.truth.sample.names, run.inputs, strict=True)):
            given = self.truth.sample.arrays[i]
            torch_changed = _bits(given) != _bits(torch_left[i]) if torch_left else False
            after = [arranged.array, *run.result.after[i : i + 1]]
            if not torch_changed and any(_bits(array) != _bits(given) for array in after):
                return self.fail(UNCHANGED, name, "mutated-input", _difference(given, after[-1]))
            if _gap_bits(arranged) != run.gaps[i]:
                return self.fail(UNCHANGED, name, "mutated-input", "wrote between the elements of a strided input")
        for i, (seed, given_bits) in enumerate(zip(run.seeds, run.seeds_given, strict=True)):
            if seed is not None and _bits(seed.array) != given_bits:
                return self.fail(UNCHANGED, f"cotangent {i}", "mutated-input", "the cotangent was overwritten")
        return self.passed(UNCHANGED)

    def unshared(self, run: _Run) -> Record | None:
        """A result that is a view of an input where torch's has memory of its own: writing to one changes the other.

        It is asked of plain functions, whose arrays are the caller's. A namespace keeps its own books of what shares what.
        """
        if not isinstance(self.candidate, Functions):
            return None
        for out, name in sorted(_shared(run.result, self.truth) - _shared(self.truth.reference, self.truth)):
            message = f"{out} shares memory with input {name}; torch's has memory of its own"
            return self.fail(UNCHANGED, out, "aliased-input", message)
        return None

    def repeat(self, base: _Run) -> Record:
        """A second run on fresh copies gives the same bits."""
        again = _Run(self.candidate, self.truth, "", self.truth.order)
        for key, first in base.values.items():
            second = again.values.get(key)
            if (first is None) != (second is None) or (first is not None and _bits(first) != _bits(second)):
                message = f"{key[0]}: a second run on the same inputs gives other bits"
                if first is not None and second is not None:
                    message += f": {_difference(first, second)}"
                return self.fail(REPEAT, key[1], "nondeterministic", message)
        plain = [[v.plain for v in run.result.outputs if v.array is None] for run in (base, again)]
        if repr(plain[0]) != repr(plain[1]):
            return self.fail(REPEAT, "", "nondeterministic", f"{plain[0]} first, then {plain[1]}")
        return self.passed(REPEAT)

    def other_strides(self, layout: str) -> Iterator[Record]:
        """The same sample from other memory; an expanded one has numbers of its own, and so a truth of its own."""
        truth = self.truth
        if layout == EXPANDED:
            truth = self.expanded or truth
            if truth is self.truth:
                return
        elif not any(applies(array, layout) for array in truth.sample.arrays):
            return
        order = min(truth.order, 1)  # without create_graph: the plain backward pass
        torch = _Run(reference_candidate(), truth, layout, order).result
        refused = next(iter(torch.raised.items()), None)
        if refused is not None:
            check, raised = refused
            message = f"torch has no {check} in this layout: {raised.kind}: {_line(raised.message)}"
            yield self.record(f"layout {layout}", "", record.UNSUPPORTED, message=message)
            if check == OUTPUT:
                return
        strides = {value.name: value.strides for value in torch.outputs}
        run = _Run(self.candidate, truth, layout, order)
        yield from self.results(truth, run, f"layout {layout}", 0 if refused is not None else order, strides)
        if OUTPUT not in run.result.raised and UNCHANGED in self.case.checks and layout != EXPANDED:
            yield replace(self.unchanged(run), check=f"layout {layout} {UNCHANGED}")

    @cached_property
    def expanded(self) -> Truth | None:
        """The same case with the first row of every differentiable input repeated."""
        sample = self.truth.sample
        flags = [
            differentiable and applies(array, EXPANDED)
            for array, differentiable in zip(sample.arrays, sample.differentiable, strict=True)
        ]
        if not any(flags):
            return None
        arrays = [first_row_repeated(a) if flag else a for a, flag in zip(sample.arrays, flags, strict=True)]
        case = replace(self.case, checks=self.case.checks - {SECOND})
        truth = Truth(case, sample.with_arrays(arrays), EXPANDED)
        return None if OUTPUT in truth.forward.raised else truth

    # --- one tensor ----------------------------------------------------------------------------------------------

    def judge(self, truth: Truth, key: Key, mine: Array | None, check: str) -> Record:
        """The verdict on one tensor; the same bits in another layout get the same verdict."""
        if mine is None:
            return self.fail(check, key[1], "missing-gradient", "nothing to compare")
        same_truth = truth is self.truth
        if same_truth and key in self.judged and _same(self.judged[key][0], mine):
            return replace(self.judged[key][1], check=check)
        verdict = judge_tensor(truth, key, mine, lambda other: run_once(self.candidate, other).get(key))
        found = self.of_verdict(check, key[1], verdict, mine.size)
        reference = truth.references[key]
        found.identical = reference is not None and _same(mine, reference)
        if same_truth:
            self.judged[key] = (mine, found)
        return found

    def of_verdict(self, check: str, tensor: str, verdict: Verdict, elements: int) -> Record:
        return self.record(
            check,
            tensor,
            record.PASS if verdict.ok else record.FAIL,
            grade=verdict.grade if verdict.ok else "",
            category=verdict.category,
            message=verdict.message,
            index="" if verdict.index is None else str(list(verdict.index)),
            candidate=verdict.candidate,
            torch=verdict.torch,
            oracle=verdict.oracle,
            z=verdict.z,
            allowed=verdict.allowed,
            failing=verdict.failing,
            elements=elements,
            probed=verdict.probed,
            cause=verdict.cause,
            closer=verdict.closeness.closer,
            farther=verdict.closeness.farther,
            rms_z=verdict.closeness.rms_z,
            torch_rms_z=verdict.closeness.torch_rms_z,
        )

    def raised(self, check: str, raised: Raised) -> Record:
        """An exception where torch has none: not there, out of memory, or wrong."""
        if raised.unsupported:
            return self.record(check, "", record.UNSUPPORTED, message=raised.unsupported)
        message = f"{raised.kind}: {_line(raised.message)}"
        if raised.kind in ("MemoryError", "OutOfMemoryError"):
            return self.record(check, "", record.OOM, category="exception", message=message)
        return self.fail(check, "", "exception", f"{message}\n{raised.trace}")


def _namespace(candidate: Candidate) -> Any:
    """What programs see as torch; None where a candidate is no namespace."""
    return getattr(candidate, "torch", None)


def _is_float(value: Any) -> bool:
    """A Python float, or several of them."""
    return isinstance(value, float) or (
        isinstance(value, tuple) and bool(value) and all(isinstance(item, float) for item in value)
    )


def _shared(result: Result, truth: Truth) -> set[tuple[str, str]]:
    """(result, input) for everything that was returned over an input's memory."""
    inputs = list(zip(truth.sample.names, result.after, strict=False))
    return {
        (value.name, name)
        for value in result.outputs
        for name, array in inputs
        if value.array is not None and numpy.may_share_memory(value.array, array)
    }


def _bits(array: Array) -> bytes:
    found: bytes = numpy.ascontiguousarray(array).tobytes()
    return found


def _gap_bits(arranged: Arranged) -> bytes:
    """What lies between the elements of a gapped array."""
    return _bits(arranged.storage[..., 1::2]) if arranged.storage.size > arranged.array.size else b""


def _same(left: Array, right: Array) -> bool:
    return left.dtype == right.dtype and left.shape == right.shape and _bits(left) == _bits(right)


def _line(message: str) -> str:
    """The first line of a message, short enough for a table."""
    first = message.strip().partition("\n")[0]
    return first if len(first) <= 300 else first[:297] + "..."


def _difference(before: Array, after: Array) -> str:
    """Where two arrays first differ, bit for bit."""
    if before.shape != after.shape or before.dtype != after.dtype:
        return f"{before.dtype}{list(before.shape)} became {after.dtype}{list(after.shape)}"
    width = before.dtype.itemsize
    rows = [numpy.frombuffer(_bits(a), numpy.uint8).reshape(-1, width) for a in (before, after)]
    changed = (rows[0] != rows[1]).any(axis=1)
    place = int(changed.argmax())
    index = [int(i) for i in numpy.unravel_index(place, before.shape)]
    values = [numpy.ascontiguousarray(a).reshape(-1)[place] for a in (before, after)]
    return f"{int(changed.sum())} of {changed.size} elements changed, first at {index}: {values[0]} became {values[1]}"
