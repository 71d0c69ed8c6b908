"""Failures to explain: an operation of torch's, what a faulty one gives in its place, and the evidence of that."""

from collections.abc import Callable
from typing import Any

import numpy

from conformance.case import GRADIENT, OUTPUT, Arguments, ops
from conformance.causes import Evidence, likely_cause
from conformance.causes.evidence import distance
from conformance.draw import is_floating
from conformance.oracle import Truth, with_changed_inputs
from conformance.scale import unit

Fault = Callable[..., Any]


def evidence(
    operation: str,
    arguments: Arguments,
    fault: Fault | None = None,
    key: tuple[str, str] = (OUTPUT, "out"),
    *,
    numbers: Callable[[Any], Any] | None = None,
    dtype: str = "float32",
) -> Evidence:
    """The evidence on what `fault` (in torch) gives, or on `numbers(the truth)`."""
    from planted import Planted

    checks = {OUTPUT} if key[0] == OUTPUT else {OUTPUT, GRADIENT}
    case = ops(operation, [arguments], dtypes=(dtype,), checks=checks, label="cause")[0]
    truth = Truth(case, case.sample())
    reference, oracle = truth.references[key], truth.truths[key]
    assert reference is not None and oracle is not None
    if numbers is not None:
        mine = numpy.asarray(numbers(oracle)).astype(reference.dtype)
    else:
        assert fault is not None
        candidate = Planted(**{operation.replace(".", "__"): fault})
        given = truth.sample.with_arrays([array.copy() for array in truth.sample.arrays])
        run = candidate.run(case.operation, given, truth.order, truth.cotangents, truth.directions)
        assert not run.raised, run.raised
        found = with_changed_inputs(run, truth.sample)[key]
        assert found is not None
        mine = found
    wrong = numpy.asarray(True)
    if mine.shape == oracle.shape and is_floating(reference):
        t = oracle.astype("float64")
        apart = distance(mine.astype("float64"), t)
        wrong = (apart > 8 * unit(reference.dtype) * numpy.abs(t)) & ~(numpy.isnan(mine) & numpy.isnan(t))
        wrong |= (mine == 0) & (numpy.signbit(mine) != numpy.signbit(t))
    elif mine.shape == oracle.shape:
        wrong = mine != reference
    return Evidence(
        operation=operation,
        check=key[0],
        tensor=key[1],
        candidate=mine,
        reference=reference,
        truth=oracle,
        sample=truth.sample,
        wrong=wrong,
        rerun=lambda sample: truth.what_if(sample).get(key),
        under_ones=lambda: truth.what_if(ones=True).get(key),
        moved=lambda rounding: truth.what_if(move=rounding).get(key),
    )


def cause(*arguments: Any, **options: Any) -> str:
    """The likely cause of that failure."""
    return likely_cause(evidence(*arguments, **options))
