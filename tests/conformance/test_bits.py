"""Draws that differ in one thing: what is said about it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from conformance.bits import first_difference
from conformance.candidates.torch import Torch
from conformance.cases import BITS, MEMORY_FORMAT, Case, args, normal, ops
from conformance.cases.random import LIKE
from conformance.comparison import compare
from conformance.prove.subject import Overlay
from conformance.record import FAIL, PASS, UNSUPPORTED, Record
from conformance.report.environment import environment
from conformance.run import Outcome
from conformance.variant import INTEGERS, REFERENCE, variants

CHECKS = {BITS, MEMORY_FORMAT}


def drawn(torch: Any, x: Any) -> dict[str, Any]:
    """Two sequences of draws with the state after each of them."""
    generator = torch.Generator().manual_seed(3)
    first = {"uniform": torch.rand(4), "integers": torch.randint(9, (3, 2), generator=generator)}
    states = {"state": generator.get_state()}
    return {"first": first, **states, "second": torch.rand(2), "count": 3, "x": x.mul_(2)}


CASE = ops("drawn", [args(normal(2).fixed())], program=drawn, checks=CHECKS)[0]


class Other(Torch):
    """torch with one name replaced."""

    def __init__(self, name: str, value: Any) -> None:
        super().__init__("other")
        self.torch = Overlay(torch, name, value)


def extra_word(*size: Any) -> Any:
    torch.rand(1)
    return torch.rand(*size)


def last_bit(*size: Any) -> Any:
    made = torch.rand(*size)
    made[-1] += 2**-24
    return made


def taking_back(*size: Any) -> Any:
    """Values of a stream that is left where it was."""
    with torch.random.fork_rng(devices=[]):
        return torch.rand(*size)


def of_default(*arguments: Any, generator: Any) -> Any:
    return torch.randint(*arguments)


FAULTS: list[tuple[str, Callable[..., Any], str, str, str]] = [
    ("rand", extra_word, "out.first.uniform", "words", "by generator, 8 words were taken since the seed, in torch 6"),
    ("rand", last_bit, "out.first.uniform", "bits", "the same words were taken: only the values differ"),
    ("rand", taking_back, "out.second", "words", "by generator, 0 words were taken since the seed, in torch 6"),
    ("rand", lambda *size: torch.rand(*size).double(), "out.first.uniform", "dtype", "dtype float64, but should be"),
    ("rand", lambda n: torch.rand(n, 1), "out.first.uniform", "shape", "shape [4, 1], but should be [4]"),
    ("rand", lambda *size: 0.5, "out.first.uniform", "value", "0.5, but should be a tensor"),
    ("rand", lambda *size: torch.rand(*size).requires_grad_(), "out.first.uniform", "value", "requires_grad is True"),
    ("randint", of_default, "out.first.integers", "words", "by out.state, 0 words were taken since the seed, in torch 6"),
    (
        "randint",
        lambda high, size, generator: torch.randint(high, size, generator=generator).t().contiguous().t(),
        "out.first.integers",
        "layout",
        "but should be contiguous",
    ),
]  # fmt: skip


def only(case: Case, candidate: Any) -> Record:
    (record,) = compare(case, candidate)
    return record


@pytest.mark.parametrize(("name", "fault", "tensor", "category", "message"), FAULTS)
def test_the_first_difference_is_named(
    name: str, fault: Callable[..., Any], tensor: str, category: str, message: str
) -> None:
    record = only(CASE, Other(name, fault))
    assert (record.status, record.check, record.category) == (FAIL, BITS, category), record
    assert record.tensor == tensor and message in record.message, record.message


def test_bits_and_words_are_said_with_the_place() -> None:
    record = only(CASE, Other("rand", last_bit))
    assert record.index == "[3]" and record.candidate == record.torch + 2**-24 and record.failing == 1
    assert f"{record.torch:.4f}"[:6] in record.message


def test_torch_passes_and_the_record_names_its_streams() -> None:
    record = only(CASE, Torch())
    assert (record.status, record.grade, record.identical) == (PASS, "exact", True)
    assert record.message.startswith(f"torch draws {REFERENCE}") and record.elements > 5056


def test_a_value_that_waits_or_an_input_left_otherwise_is_a_difference() -> None:
    first, second = (Torch().run(CASE.operation, CASE.sample()) for _ in range(2))
    assert first_difference(first, second, CASE.sample().names) is None
    changed = replace(second, after=tuple(a + 1 for a in second.after))
    found = first_difference(first, changed, CASE.sample().names)
    assert found is not None and found.tensor == "0 after"
    shorter = replace(second, outputs=second.outputs[:-1], after=(), stream=None)
    found = first_difference(replace(first, after=(), stream=None), shorter, ())
    assert found is not None and "6 results, in torch 5" in found.message
    renamed = replace(second, outputs=[replace(second.outputs[0], name="other"), *second.outputs[1:]])
    found = first_difference(first, renamed, ())
    assert found is not None and "stands where torch has other" in found.message


def test_another_variant_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cases that hang on an aspect which torch draws otherwise are UNSUPPORTED, with the reason; others are compared."""
    older = {**variants(torch), INTEGERS: "two words from 2^32 on (older torch)"}
    monkeypatch.setattr("conformance.variant.variants", lambda namespace: older)
    monkeypatch.setattr("conformance.comparison.variants", lambda namespace: older)
    candidate = Other("randint", lambda high, size, generator=None: torch.randint(high, size, generator=generator) * 0)
    hanging = replace(CASE, streams=(INTEGERS,))
    record = only(hanging, candidate)
    assert record.status == UNSUPPORTED and "integers two words from 2^32 on (older torch)" in record.message
    assert only(CASE, candidate).status == FAIL  # it does not say that it hangs on them
    assert only(hanging, Torch()).status == PASS  # what draws alike is compared
    outcome = Outcome("refnet", [hanging], [record])
    assert environment(outcome)["random streams"] == record.message
    outcome.records.append(only(CASE, Torch()))
    assert "except integers" in environment(outcome)["random streams"]
    assert environment(Outcome("refnet", []))["random streams"] == "no random draw was compared"


def test_what_is_missing_is_unsupported() -> None:
    class Bare(Torch):
        def __init__(self) -> None:
            super().__init__("bare")
            self.torch = Overlay(torch, "Generator", None)

        def _unsupported(self, error: Exception) -> str:
            return "no generators here"

    assert only(CASE, Bare()).message == "no generators here"


def test_a_call_without_a_program_is_compared_too() -> None:
    (case,) = ops("rand", [args(5)], checks=CHECKS)
    assert only(case, Torch()).status == PASS
    (case,) = ops("bernoulli", [args(LIKE.to("float32"), p=0.5)], checks=CHECKS)
    assert only(case, Torch()).status == PASS
