"""Rows of the timing table: what is called, on what, and how a library is made ready to be timed on it.

A row is an operation and its arguments, as a case of the comparison is, so that what was timed can be judged by the same
verdict (`check.py`). `ready` turns it into a call without arguments:

- forward: the call alone, on tensors that require no gradient;
- forward+backward: the call on inputs that require gradients, then the gradients under a cotangent drawn once;
- step, inference: what the row's own `setup` makes of a library with torch's namespace.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy

from conformance.candidates.functions import Functions, short_name
from conformance.candidates.namespace import Namespace
from conformance.candidates.protocol import Candidate
from conformance.case import CHECKS, GRADIENT, OUTPUT, Arguments, Case, Operation, Sample, substitute
from conformance.draw import Array
from conformance.timing.gpu import copies, rotating
from conformance.timing.measure import Call, Side

FORWARD, BOTH, STEP, INFERENCE = "forward", "forward+backward", "step", "inference"
CAPTURED, BOTH_CAPTURED = "captured step", "captured step, torch's captured too"
CAPTURED_INFERENCE = "captured inference"
OPERATIONS, LENET, STUDY, SWEEP = "operations", "LeNet-5", "study text", "sweep"

Setup = Callable[[Any, Any], Call]  # (torch-like namespace, its tensors for the sample's arrays) -> what is timed


class Untimed(Exception):
    """Why a side cannot be timed on a row."""


@dataclass(frozen=True)
class Row:
    """One line of the table: `name` and `what` name it, together with threads and dtype."""

    name: str
    what: str
    group: str
    operation: Operation
    arguments: Arguments
    flops: float = math.nan  # of a call
    smallest: Arguments | None = None  # the same operation on next to nothing: what a call costs anyway
    setup: Setup | None = None
    variant: tuple[str, str] | None = None  # (operation, algorithm) that the candidate has to use
    baseline: Setup | None = None  # what torch runs, where that is not `setup`
    checked: Case | None = None  # what is compared after timing; None: the row itself, on another sample
    memory: bool = False  # whether its peak memory is measured too
    dtype: str = "float32"
    axes: dict[str, float] = field(default_factory=dict, compare=False)  # sizes, by the name of the sweep's axis

    def __str__(self) -> str:
        return f"{self.name} [{self.what}]"

    @property
    def case(self) -> Case:
        """The case that says whether results are right."""
        checks = frozenset({OUTPUT, GRADIENT} if self.what == BOTH else {OUTPUT}) & CHECKS
        return self.checked or Case(self.operation, self.arguments, self.dtype, checks, (), label="timed")

    def shrunk(self) -> "Row | None":
        """The row on next to nothing; None where there is no such thing."""
        return None if self.smallest is None else replace(self, arguments=self.smallest)

    def sample(self) -> Sample:
        """The numbers that are timed."""
        return self.arguments.sample(numpy.random.default_rng(0), self.dtype)


def titled(name: str, what: str, threads: int) -> str:
    """A row on so many threads, as it is printed and as `conform time --row` takes it."""
    return f"{name} [{what}], {threads} thread{'s' * (threads > 1)}"


@dataclass(frozen=True)
class Gpu:
    """What timing on a GPU needs: the size of its cache, and a context that empties it."""

    cache: int
    flush: Callable[[], AbstractContextManager[Any]]


def ready(row: Row, candidate: Candidate, name: str, gpu: Gpu | None = None) -> Side:
    """A side that runs the row on arrays of its own; on a `gpu` on several copies of them, in turn.

    Raises Untimed, with the reason, where it cannot.
    """
    sample = row.sample()
    reason = candidate.supports(row.operation, sample)
    if reason:
        raise Untimed(reason)
    context = _context(row, candidate)
    number = 1 if gpu is None or row.setup is not None else copies(_bytes(sample), gpu.cache)
    try:
        with context(), getattr(candidate, "placed", nullcontext)():
            calls = [_call(row, candidate, sample) for _ in range(number)]
            for call in calls:
                call()
    except NotImplementedError as error:
        raise Untimed(str(error) or f"{candidate.name}: NotImplementedError") from error
    # A library's default device is a matter of making tensors: while calls are timed it would only cost.
    return Side(name, rotating(calls), context if gpu is None else gpu.flush)


def _bytes(sample: Sample) -> int:
    return sum(array.nbytes for array in sample.arrays)


def _context(row: Row, candidate: Candidate) -> Callable[[], AbstractContextManager[Any]]:
    if row.variant is None:
        return getattr(candidate, "context", nullcontext)
    using = getattr(candidate, "using", None)
    if using is None:
        raise Untimed(f"{candidate.name} has no algorithms to choose from")
    return partial(using, *row.variant)


def _call(row: Row, candidate: Candidate, sample: Sample) -> Call:
    if isinstance(candidate, Functions):
        return _of_functions(row, candidate, sample)
    if not isinstance(candidate, Namespace):
        raise Untimed(
            f"{candidate.name} has neither torch's namespace nor plain functions: its conversions would be timed"
        )
    tensors = [candidate.to_tensor(array.copy()) for array in sample.arrays]
    if row.setup is not None:
        candidate.seed()
        return row.setup(candidate.torch, substitute(sample.args, tensors, candidate.resolve))
    function = candidate.resolve(row.operation.name)
    leaves = []
    if row.what == BOTH:
        leaves = [
            tensor.requires_grad_() for tensor, wanted in zip(tensors, sample.differentiable, strict=True) if wanted
        ]
    args = substitute(sample.args, tensors, candidate.resolve)
    kwargs = substitute(sample.kwargs, tensors, candidate.resolve)
    forward = partial(function, *args, **kwargs)
    if row.what == FORWARD:
        return _laid_out(forward)
    cotangent = candidate.to_tensor(_cotangent(candidate.to_array(forward())))
    gradients = candidate.torch.autograd.grad
    return _laid_out(lambda: gradients((forward(),), leaves, (cotangent,)))


def _laid_out(call: Call) -> Call:
    """The call, and a look at where its results lie, if they are images: an engine may put off laying those out."""
    found = call()
    several = isinstance(found, tuple | list)
    if not all(getattr(x, "ndim", 0) == 4 and hasattr(x, "data_ptr") for x in (found[:1] if several else [found])):
        return call

    def laid_out() -> Any:
        found = call()
        for each in found if several else (found,):
            each.data_ptr()
        return found

    return laid_out


def _of_functions(row: Row, candidate: Functions, sample: Sample) -> Call:
    arrays = [array.copy() for array in sample.arrays]
    args = substitute(sample.args, arrays, numpy.dtype)
    kwargs = substitute(sample.kwargs, arrays, numpy.dtype)
    short = short_name(row.operation)
    forward = partial(getattr(candidate.module, short), *args, **kwargs)
    if row.what == FORWARD:
        return forward
    backward = getattr(candidate.module, f"{short}_backward", None)
    if backward is None:
        raise Untimed(f"{candidate.name} has no {short}_backward")
    cotangent = _cotangent(numpy.asarray(forward()))

    def both() -> Any:
        forward()
        return backward(cotangent, *args, **kwargs)

    return both


def _cotangent(output: Array) -> Array:
    return numpy.asarray(numpy.random.default_rng(1).standard_normal(output.shape)).astype(output.dtype)


def traffic(row: Row, torch: Namespace) -> float:
    """Bytes that any implementation has to move: inputs and results once, and for backward again.

    Backward reads the cotangent and the inputs, and writes a gradient for every input that has one. Not a number for
    programs, whose bytes nobody counts.
    """
    if row.setup is not None:
        return math.nan
    sample = row.sample()
    output = ready(replace(row, what=FORWARD, variant=None), torch, "").call()
    moved = sum(array.nbytes for array in sample.arrays) + torch.to_array(output).nbytes
    if row.what == FORWARD:
        return float(moved)
    gradients = sum(a.nbytes for a, wanted in zip(sample.arrays, sample.differentiable, strict=True) if wanted)
    return float(2 * moved + gradients)
