"""Modules whose weights and masks are drawn: on the stand-in for a GPU, with the CPU's draws, they give what they give there.

A GPU's own draws are others, so that the harness has nothing to compare such programs with. Values, and gradients of
every parameter and input, of one case for every kind of module.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy
import pytest

import refnet
from conformance.candidates import load
from conformance.candidates.protocol import Result
from conformance.candidates.refnet import OnStandIn
from conformance.case import BITS, ERROR, GRADIENT, Case
from conformance.cases import (
    adaptive,
    attention,
    conv,
    distance,
    dropout,
    embedding,
    hooks,
    layer_norm,
    layers,
    modules,
    norm,
    parametrizations,
    rnn,
    transformer,
)
from conformance.draw import is_floating

FAMILIES = (
    adaptive,
    attention,
    conv,
    distance,
    dropout,
    embedding,
    hooks,
    layer_norm,
    layers,
    modules,
    norm,
    parametrizations,
    rnn,
    transformer,
)
TOLERANCE = {"float64": 1e-10, "float32": 2e-4, "float16": 2e-2, "bfloat16": 2e-1}


class OnCpuDraws(OnStandIn):
    """refnet on the stand-in, its random numbers from the CPU's generator."""

    @contextmanager
    def context(self) -> Iterator[None]:
        with super().context(), refnet.random.draws_from_cpu():
            yield


def programs() -> Iterator[Case]:
    """The first case of each program with each `kind=`, of those that are not about the random numbers themselves."""
    seen = set()
    for family in FAMILIES:
        for case in family.CASES:
            kind = re.search(r"kind='(\w+)'", case.id)
            key = family.__name__, case.operation.name, kind and kind[1]
            if case.operation.program is not None and not {ERROR, BITS} & set(case.checks) and key not in seen:
                seen.add(key)
                yield case


def run(candidate: OnStandIn, case: Case) -> Result:
    """Values, and where there are any gradients for cotangents of ones."""
    candidate.seed()
    result = candidate.run(case.operation, case.sample(), int(GRADIENT in case.checks))
    seeds = [
        numpy.ones(value.array.shape, value.array.dtype) if value.requires_grad and is_floating(value.array) else None
        for value in result.outputs
        if value.array is not None
    ]
    if all(seed is None for seed in seeds) or not any(case.sample().differentiable):
        return result
    candidate.seed()
    return candidate.run(case.operation, case.sample(), 1, seeds)


@pytest.mark.parametrize("case", list(programs()), ids=lambda case: case.id)
def test_gives_what_it_gives_on_the_cpu(case: Case) -> None:
    expected = run(load("refnet"), case)
    found = run(OnCpuDraws(refnet, "refnet:cupy=stand-in", "cuda"), case)
    assert {stage: raised.kind for stage, raised in found.raised.items()} == {
        stage: raised.kind for stage, raised in expected.raised.items()
    }
    mine, other = found.arrays(), expected.arrays()
    assert list(mine) == list(other)
    for key, array in other.items():
        if array is None or mine[key] is None:
            assert mine[key] is array, key
            continue
        assert mine[key].dtype == array.dtype, key
        if is_floating(array):
            a, b = mine[key].astype("float64"), array.astype("float64")
            near = TOLERANCE[array.dtype.name]  # of the largest number: what is left of sums that cancel is rounding
            largest = numpy.abs(b).max(initial=1.0)
            numpy.testing.assert_allclose(a, b, rtol=near, atol=near * largest, err_msg=str(key))
        else:
            numpy.testing.assert_array_equal(mine[key], array, err_msg=str(key))
