"""Whether captured steps do what the step does: any case of the catalogue as a step, replayed on numbers that it never saw.

A candidate with `captured_step` (refnet) runs the operation of a case, and its backward where the case has one, once as it
is and once captured. Results on new numbers must agree bit for bit, or the capture must have been refused. Torch has
no part in it: what the operation itself gives is judged elsewhere.
"""

import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy

from conformance.candidates.namespace import Namespace
from conformance.case import ERROR, GRADIENT, Case, Sample, substitute
from conformance.draw import Array

REPLAYED, REFUSED, DIFFERENT, UNFIT = "replayed", "refused", "different", "unfit"
_LEFT_OUT = ("captured", "data", "lenet")  # families: what captures steps itself, loads data, trains


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    - REPLAYED: replays gave the step's bits. REFUSED: captured_step said that it cannot, and `why`.
    - DIFFERENT: replays gave other bits, or failed; `why` says where.
    - UNFIT: there is nothing to capture: no tensors go in, or none come out, or samples differ in shape.
    """

    what: str
    why: str = ""


def capture(candidate: Namespace, case: Case, warmup: int = 2) -> Outcome:
    """Run a case captured, on samples 0, 0 and 0, then replay it on 1 and 0, and compare with the step on these."""
    torch = candidate.torch
    samples = [case.sample(number) for number in (0, 1)]
    if ERROR in case.checks or not samples[0].arrays or _forms(samples[0]) != _forms(samples[1]):
        return Outcome(UNFIT)

    def on(sample: Sample) -> list[Any]:
        return [candidate.to_tensor(array.copy(order="K")) for array in sample.arrays]

    def seeded(function: Callable[..., Any], sample: Sample) -> list[Array]:
        torch.manual_seed(7)
        return [candidate.to_array(x).copy(order="K") for x in function(*on(sample))]

    step = _step(candidate, case, samples[0])
    try:
        expected = [seeded(step, sample) for sample in samples]
        again = seeded(step, samples[0])
    except Exception:  # the case is about what is not done
        return Outcome(UNFIT)
    if (
        not expected[0]
        or _difference(expected[0], again)
        or list(map(_form, expected[0])) != list(map(_form, expected[1]))
    ):
        return Outcome(UNFIT)
    captured = torch.captured_step(step, *on(samples[0]), warmup=warmup)
    try:
        for _ in range(warmup + 1):
            seeded(captured, samples[0])
    except RuntimeError as error:
        return Outcome(REFUSED, str(error))
    for number in (1, 0):
        try:
            found = seeded(captured, samples[number])
        except RuntimeError as error:
            return Outcome(DIFFERENT, f"{type(error).__name__}: {error}")
        wrong = _difference(found, expected[number])
        if wrong:
            return Outcome(DIFFERENT, f"sample {number}: {wrong}")
    if getattr(captured, "reruns", 0):
        return Outcome(REFUSED, "a condition on values was not what it was, and the step ran itself")
    return Outcome(REPLAYED)


def _step(candidate: Namespace, case: Case, sample: Sample) -> Callable[..., list[Any]]:
    """The operation of a case, and its backward, as a function of tensors that returns tensors."""
    torch = candidate.torch
    backward = GRADIENT in case.checks and any(sample.differentiable)

    def step(*tensors: Any) -> list[Any]:
        own = [
            x.detach().requires_grad_() if backward and differentiable else x
            for x, differentiable in zip(tensors, sample.differentiable, strict=True)
        ]
        args = substitute(sample.args, own, candidate.resolve)
        kwargs = substitute(sample.kwargs, own, candidate.resolve)
        if case.operation.program is not None:
            outputs = _tensors(torch, case.operation.program(torch, *args, **kwargs))
        else:
            outputs = _tensors(torch, candidate.resolve(case.operation.name)(*args, **kwargs))
        live = [x for x in outputs if x.requires_grad]
        if not backward or not live:
            return outputs
        inputs = [x for x in own if x.requires_grad and x.is_leaf]
        cotangents = [torch.linspace(-1, 1, x.numel()).to(x.dtype).reshape(x.shape) for x in live]
        gradients = torch.autograd.grad(live, inputs, cotangents, allow_unused=True)
        return outputs + [x for x in gradients if x is not None]

    return step


def _tensors(torch: Any, output: Any) -> list[Any]:
    if isinstance(output, torch.Tensor):
        return [output]
    if isinstance(output, dict):
        output = list(output.values())
    return [x for item in output for x in _tensors(torch, item)] if isinstance(output, list | tuple) else []


def _form(array: Array) -> tuple[Any, ...]:
    return array.shape, array.dtype


def _forms(sample: Sample) -> list[Any]:
    return [*map(_form, sample.arrays), repr(sample.args), repr(sorted(sample.kwargs.items(), key=str))]


def _difference(found: Sequence[Array], expected: Sequence[Array]) -> str:
    """Where two lists of arrays differ in a bit, nan apart; "" where they do not."""
    if list(map(_form, found)) != list(map(_form, expected)):
        return f"results {list(map(_form, found))}, expected {list(map(_form, expected))}"
    for number, (a, b) in enumerate(zip(found, expected, strict=True)):
        if a.tobytes() != b.tobytes():
            wrong = ~((a == b) | ((a != a) & (b != b)))
            if a.dtype.kind == "f":
                wrong |= (numpy.signbit(a) != numpy.signbit(b)) & (a == a)
            if wrong.any():
                return f"{int(wrong.sum())} of {a.size} elements of result {number} differ"
    return ""


def first_cases(cases: Iterable[Case]) -> list[Case]:
    """The first case of every operation, in float32, that is not about an error, nor about loading data or a training."""
    found: dict[str, Case] = {}
    for case in cases:
        if case.dtype == "float32" and ERROR not in case.checks and case.family not in _LEFT_OUT:
            found.setdefault(case.operation.name, case)
    return list(found.values())


@cache
def refused() -> dict[str, str]:
    """The operations that are known to be refused, with the reason: `captured.toml` beside this file."""
    rows = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["operations"]
    return {name: row["reason"] for row in rows for name in row["names"]}
