"""`refnet:cupy=stand-in`: refnet's GPU path as a candidate, on a machine without a GPU."""

import sys
from functools import cache
from typing import Any

import numpy
import pytest

from conformance import record
from conformance.candidates import load
from conformance.candidates import refnet as adapter
from conformance.case import CHECKS, FORWARD, Case, args, ops, refuses
from conformance.cases import catalogue
from conformance.comparison import compare
from conformance.draw import integers, is_floating, normal

CANDIDATE = "refnet:cupy=stand-in"

CASES = [
    *ops("tanh", [args(normal(3, 4))], dtypes=["float32", "float64", "float16", "bfloat16"]),
    *ops("nn.functional.conv2d", [args(normal(2, 3, 6, 6), normal(4, 3, 3, 3), normal(4), padding=1)]),
    *ops("nn.functional.cross_entropy", [args(normal(5, 3), integers(5, high=3))]),
    *ops("matmul", [args(normal(2, 3, 4), normal(4, 5))]),
    *ops("sort", [args(normal(4, 5), 0)]),
    *ops("Tensor.permute", [args(normal(2, 3, 4), (2, 0, 1))]),
    *refuses("matmul", [args(normal(2, 3), normal(2, 3))]),
]


def failures(case: Case) -> list[str]:
    records = compare(case, load(CANDIDATE))
    return [f"{found.check}: {found.message}" for found in records if found.status != record.PASS]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_conforms(case: Case) -> None:
    assert not failures(case)


def mixing(torch: Any, x: Any) -> Any:
    """A program that relies on what only numpy does: it hands a device array to numpy."""
    return torch.from_numpy(numpy.asarray(x._array) if hasattr(x, "_array") else x.numpy())


def missing(torch: Any, x: Any) -> Any:
    """A program that asks cupy for what it does not have."""
    return torch.from_numpy(x._array.device and sys.modules["cupy"].nditer) if hasattr(x, "_array") else x


@pytest.mark.parametrize(
    ("program", "words"), [(mixing, "Implicit conversion"), (missing, "module 'cupy' has no attribute 'nditer'")]
)
def test_what_a_gpu_would_refuse_is_a_failure(program: Any, words: str) -> None:
    """A failure, and not a word about something that refnet does not have."""
    (case,) = ops(program.__name__, [args(normal(3).fixed())], program=program, checks=FORWARD & CHECKS)
    records = compare(case, load(CANDIDATE))
    assert {found.status for found in records} == {record.FAIL}
    assert words in records[0].message


def test_an_operation_that_waits_must_be_on_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    (case,) = ops("nonzero", [args(normal(3))], checks=FORWARD)
    assert not failures(case)
    monkeypatch.setattr(adapter, "waiting", dict)
    assert any("HiddenTransfer" in failure for failure in failures(case))


@pytest.mark.parametrize("name", sorted(adapter.waiting()))
def test_what_is_on_the_list_waits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of its cases does, or its gradient; otherwise it is to be taken off `waiting.toml`."""
    candidate = load(CANDIDATE)
    cases = [case for case in own() if case.operation.name == name and case.operation.program is None]
    assert cases, f"there is no case of {name}"
    with monkeypatch.context() as patched:
        patched.setattr(adapter, "waiting", dict)
        assert any(waits(candidate, case) for case in cases), f"no case of {name} waits"


def waits(candidate: Any, case: Case) -> bool:
    forward = candidate.run(case.operation, case.sample())
    raised = list(forward.raised.values())
    if not raised and any(case.sample().differentiable):
        seeds = [ones(value.array) for value in forward.outputs if value.array is not None]
        raised = list(candidate.run(case.operation, case.sample(), 1, seeds).raised.values())
    return any(found.kind == "HiddenTransfer" for found in raised)


def ones(array: Any) -> Any:
    return numpy.ones(array.shape, array.dtype) if is_floating(array) else None


@cache
def own() -> list[Case]:
    return list(catalogue().values())


def test_it_is_there_only_while_it_runs() -> None:
    before = {name for name in sys.modules if name.partition(".")[0] in ("cupy", "cupyx")}
    candidate = load(CANDIDATE)
    assert candidate.run(CASES[0].operation, CASES[0].sample()).outputs[0].array is not None
    assert {name for name in sys.modules if name.partition(".")[0] in ("cupy", "cupyx")} == before


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ValueError, match="there are refnet and refnet:cupy=stand-in"):
        load("refnet:cupy=other")
