"""One case: run torch, the oracle and the candidate, and write down every comparison."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy

from conformance import against, bits, messages, record
from conformance.attempt import Attempt, bits_of, difference, run_once, same_bits, shared
from conformance.candidates.protocol import Candidate, Raised, Value
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
from conformance.layout import applies, first_row_repeated, memory_format
from conformance.oracle import Truth, reference_candidate
from conformance.probing import Key
from conformance.record import Record, is_of
from conformance.variant import WORDS, described, incomparable, variants
from conformance.verdict import Verdict

Strides = dict[str, tuple[int, ...] | None]  # of torch's results, by name

TWO_DEVICES = ("device type for generator but found", "to be on the same device")  # torch's words
SILENT = "StandInError"  # what the stand-in for cupy raises where cupy goes on with wrong numbers


class GpuLost(RuntimeError):
    """The candidate has left the GPU in a state in which this process can use it no more."""


class ReferenceLost(RuntimeError):
    """The reference has done so: there is nothing to hold the candidate against, and it must not be blamed."""


def compare(case: Case, candidate: Candidate, truth: Truth | None = None, checks: Sequence[str] = ()) -> list[Record]:
    """Every comparison of the case. A case always leaves at least one record.

    A `truth` of the case that is there already (for another candidate) is used again. With `checks`, only comparisons
    of those are made, and there may be none: the same records as among all of them.
    """
    began = time.perf_counter()
    compared = _Comparison(case, candidate, truth or Truth(case, case.sample()), checks)
    records = [found for found in compared.records() if compared.wanted(found.check)]
    if records:
        records[0].seconds = time.perf_counter() - began
    return records


class _Comparison:
    def __init__(self, case: Case, candidate: Candidate, truth: Truth, checks: Sequence[str] = ()) -> None:
        self.case = case
        self.candidate = candidate
        self.truth = truth
        self.checks = checks
        self.drew = (False, False)  # whether a GPU's own generator was asked: by the candidate, by the reference
        self.judged: dict[Key, tuple[Array, Record]] = {}  # what the candidate gave, and what was said about it

    # --- records -------------------------------------------------------------------------------------------------

    @property
    def reference(self) -> str:
        """Who is asked first, in words."""
        found = against.chosen()
        return f"{found.name} on {found.where}"

    def record(self, check: str, tensor: str, status: str, **evidence: Any) -> Record:
        case = self.case
        return Record(case.id, case.family, case.operation.name, case.dtype, check, tensor, status, **evidence)

    def fail(self, check: str, tensor: str, category: str, message: str) -> Record:
        return self.record(check, tensor, record.FAIL, category=category, message=message)

    def passed(self, check: str, tensor: str = "", message: str = "") -> Record:
        return self.record(check, tensor, record.PASS, grade="exact", message=message)

    def wanted(self, *checks: str) -> bool:
        """Whether records of any of these checks were asked for."""
        return any(is_of(check, self.checks) for check in checks)

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
        if self.truth.lost is not None:
            raise ReferenceLost(f"{self.reference} loses its GPU here: {_line(self.truth.lost.message)}")
        broken = self.truth.forward.raised.get(OUTPUT)
        if broken is not None and not against.chosen().plain:
            yield self.record(
                "run",
                "",
                record.UNSUPPORTED,
                message=f"{self.reference} cannot run this: {broken.kind}: {_line(broken.message)}",
            )
            return
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
        base = Attempt(self.candidate, self.truth, "", self.truth.order)
        hangs = bool(self.case.streams)  # what draws from a generator of its own leaves the default one alone
        self.drew = (
            base.result.drew_on_device or (hangs and _draws_on_gpu(self.candidate)),
            self.truth.reference.drew_on_device or (hangs and _draws_on_gpu(reference_candidate())),
        )
        strides = {value.name: value.strides for value in self.truth.reference.outputs}
        yield from self.results(self.truth, base, "", self.truth.order, strides)
        if OUTPUT in base.result.raised:
            return
        if UNCHANGED in self.case.checks:
            found = self.unchanged(base)
            yield found if found.bad else self.unshared(base) or found
        if REPEAT in self.case.checks and self.wanted(REPEAT):
            yield self.repeat(base)
        if LAYOUTS in self.case.checks:
            for layout in self.case.layouts:
                yield from self.other_strides(layout)

    def refusal(self) -> Record:
        """The same exception type, and a message that names the same cause."""
        torch = self.truth.refused
        if torch is None:
            return self.fail(ERROR, "", "case", "torch does not refuse this")
        mine = Attempt(self.candidate, self.truth, "", 0).result.raised.get(OUTPUT)
        wanted = f"torch: {torch.kind}: {_line(torch.message)}"
        if mine is not None and mine.lost:
            raise GpuLost(mine.message)
        unseen = mine is None or mine.kind == SILENT  # a real GPU would have raised nothing
        if unseen and _on_gpu(self.candidate) and not self.truth.refused_without_numbers:
            message = (
                f"torch refuses it on the CPU, for its numbers or for its kernels there ({wanted}); "
                "on a GPU nobody looks at numbers"
            )
            return self.record(ERROR, "", record.UNSUPPORTED, message=message)
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
        run = Attempt(self.candidate, self.truth, "", 0)
        raised = run.result.raised.get(OUTPUT)
        if raised is not None:
            yield self.raised(BITS, raised)
            return
        formats = MEMORY_FORMAT in self.case.checks
        found = bits.first_difference(run.result, self.truth.forward, self.truth.sample.names, formats)
        drawn_elsewhere = _draws_on_gpu(self.candidate) != _draws_on_gpu(reference_candidate())
        if (found is not None or run.result.drew_on_device) and drawn_elsewhere:
            message = "drawn by the generator of a GPU on one side: its stream is another than the CPU's, in torch too"
            yield self.record(BITS, bits.GENERATOR, record.UNSUPPORTED, message=message)
            return
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

    def results(self, truth: Truth, run: Attempt, prefix: str, order: int, strides: Strides) -> Iterator[Record]:
        """Outputs, then gradients, then second order: as many as were asked for. `prefix` is the layout's name."""
        if self.wanted(prefix or OUTPUT):
            yield from self.outputs(truth, run, prefix or OUTPUT, strides)
        if OUTPUT in run.result.raised or not any(array is not None for array in truth.cotangents):
            return
        for check, level in ((GRADIENT, 1), (SECOND, 2)):
            shown = f"{prefix} {check}".strip()
            if level <= order and self.wanted(shown):
                yield from self.derivatives(truth, run, check, shown)

    def outputs(self, truth: Truth, run: Attempt, check: str, strides: Strides) -> Iterator[Record]:
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
            if bits_of(given) != bits_of(left):  # torch changes this input: so must the candidate
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

    def derivatives(self, truth: Truth, run: Attempt, check: str, shown: str) -> Iterator[Record]:
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

    def unchanged(self, run: Attempt) -> Record:
        """Inputs keep their bits, unless torch changes them; cotangents and the gaps between elements keep theirs."""
        written = run.overwritten()
        if written is not None:
            return self.fail(UNCHANGED, written[0], "mutated-input", written[1])
        return self.passed(UNCHANGED)

    def unshared(self, run: Attempt) -> Record | None:
        """A result that is a view of an input where torch's has memory of its own: writing to one changes the other."""
        if against.chosen().across:  # what comes from another device is a copy
            return None
        for out, name in sorted(shared(run.result, self.truth) - shared(self.truth.reference, self.truth)):
            message = f"{out} shares memory with input {name}; torch's has memory of its own"
            return self.fail(UNCHANGED, out, "aliased-input", message)
        return None

    def repeat(self, base: Attempt) -> Record:
        """A second run on fresh copies gives the same bits."""
        again = Attempt(self.candidate, self.truth, "", self.truth.order)
        for key, first in base.values.items():
            second = again.values.get(key)
            if (first is None) != (second is None) or (first is not None and bits_of(first) != bits_of(second)):
                said = self.truth.varies
                if said:
                    message = f"other bits in a second run, as torch's may have on a GPU: {said}"
                    return self.record(REPEAT, key[1], record.UNSUPPORTED, message=message)
                message = f"{key[0]}: a second run on the same inputs gives other bits"
                if first is not None and second is not None:
                    message += f": {difference(first, second)}"
                return self.fail(REPEAT, key[1], "nondeterministic", message)
        plain = [[v.plain for v in run.result.outputs if v.array is None] for run in (base, again)]
        if repr(plain[0]) != repr(plain[1]):
            return self.fail(REPEAT, "", "nondeterministic", f"{plain[0]} first, then {plain[1]}")
        return self.passed(REPEAT)

    def other_strides(self, layout: str) -> Iterator[Record]:
        """The same sample from other memory; an expanded one has numbers of its own, and so a truth of its own."""
        shown = f"layout {layout}"
        if not self.wanted(shown, f"{shown} {GRADIENT}", f"{shown} {UNCHANGED}"):
            return
        truth = self.truth
        if layout == EXPANDED:
            truth = self.expanded or truth
            if truth is self.truth:
                return
        elif not any(applies(array, layout) for array in truth.sample.arrays):
            return
        order = min(truth.order, 1)  # without create_graph: the plain backward pass
        torch = Attempt(reference_candidate(), truth, layout, order).result
        refused = next(iter(torch.raised.items()), None)
        if refused is not None:
            check, raised = refused
            if raised.lost:
                raise ReferenceLost(f"{self.reference} loses its GPU in the layout {layout}: {_line(raised.message)}")
            message = f"torch has no {check} in this layout: {raised.kind}: {_line(raised.message)}"
            yield self.record(shown, "", record.UNSUPPORTED, message=message)
            if check == OUTPUT:
                return
        strides = {value.name: value.strides for value in torch.outputs}
        run = Attempt(self.candidate, truth, layout, order)
        yield from self.results(truth, run, shown, 0 if refused is not None else order, strides)
        if OUTPUT not in run.result.raised and UNCHANGED in self.case.checks and layout != EXPANDED:
            yield replace(self.unchanged(run), check=f"{shown} {UNCHANGED}")

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
        if same_truth and key in self.judged and same_bits(self.judged[key][0], mine):
            return replace(self.judged[key][1], check=check)
        if any(self.drew) and not (all(self.drew) and truth.drawn_alike(key)):
            return self.drawn_by_gpu(truth, key, mine, check)
        verdict = judge_tensor(truth, key, mine, lambda other: run_once(self.candidate, other).get(key))
        found = self.of_verdict(check, key[1], verdict, mine.size)
        reference = truth.references[key]
        found.identical = reference is not None and same_bits(mine, reference)
        if same_truth:
            self.judged[key] = (mine, found)
        return found

    def drawn_by_gpu(self, truth: Truth, key: Key, mine: Array, check: str) -> Record:
        """A tensor made of random numbers that only the GPUs drew: as torch's on the GPU, or nothing can be said."""
        reference = truth.references[key]
        if reference is not None:
            verdict = decide(mine, reference, reference.astype(numpy.float64))
            if verdict.ok:
                return self.of_verdict(check, key[1], verdict, mine.size)
        message = (
            "made of random numbers that a GPU's generator drew: there is no oracle for them, and the reference's result is "
            "not the same to rounding; the draws themselves are compared bit for bit by the cases of the check `bits`"
        )
        return self.record(check, key[1], record.UNSUPPORTED, message=message)

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
        if raised.lost:
            raise GpuLost(f"{raised.kind}: {_line(raised.message)}")
        if raised.unsupported:
            return self.record(check, "", record.UNSUPPORTED, message=raised.unsupported)
        across = _on_gpu(self.candidate) != _on_gpu(reference_candidate())
        if across and any(words in raised.message for words in TWO_DEVICES):
            message = f"the program mixes devices, which torch refuses as well: {_line(raised.message)}"
            return self.record(check, "", record.UNSUPPORTED, message=message)
        message = f"{raised.kind}: {_line(raised.message)}"
        if raised.kind in ("MemoryError", "OutOfMemoryError"):
            return self.record(check, "", record.OOM, category="exception", message=message)
        return self.fail(check, "", "exception", f"{message}\n{raised.trace}")


def _on_gpu(candidate: Candidate) -> bool:
    return bool(getattr(candidate, "on_gpu", False))


def _draws_on_gpu(candidate: Candidate) -> bool:
    return bool(getattr(candidate, "draws_on_device", False))


def _namespace(candidate: Candidate) -> Any:
    """What programs see as torch; None where a candidate is no namespace."""
    return getattr(candidate, "torch", None)


def _is_float(value: Any) -> bool:
    """A Python float, or several of them."""
    return isinstance(value, float) or (
        isinstance(value, tuple) and bool(value) and all(isinstance(item, float) for item in value)
    )


def _line(message: str) -> str:
    """The first line of a message, short enough for a table."""
    first = message.strip().partition("\n")[0]
    return first if len(first) <= 300 else first[:297] + "..."
