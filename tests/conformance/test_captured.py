"""Every operation of the catalogue as a captured step: replayed bit for bit on numbers that it never saw, or refused."""

from collections import Counter
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

import refnet
from conformance.candidates.refnet import Refnet
from conformance.captured import DIFFERENT, REFUSED, REPLAYED, UNFIT, Outcome, capture, first_cases, refused
from conformance.case import Case, args, ops
from conformance.cases import catalogue
from conformance.draw import normal

PARTS = 8


@cache
def cases() -> list[Case]:
    return first_cases(catalogue().values())


@pytest.fixture(scope="module", autouse=True)
def _catalogue() -> None:
    """The catalogue, which then is no part of the small heap."""
    cases()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("small_heap")
@pytest.mark.parametrize("part", range(PARTS))
def test_operations(part: int) -> None:
    candidate = Refnet(refnet, "refnet")
    outcomes = [(case, capture(candidate, case)) for case in cases()[part::PARTS]]
    counts = Counter(outcome.what for _, outcome in outcomes)
    print(", ".join(f"{what}: {count}" for what, count in counts.items()))
    wrong = [f"{case.id}: {outcome.why}" for case, outcome in outcomes if outcome.what == DIFFERENT]
    assert not wrong, "\n".join(wrong)
    newly = [
        f"{case.id}: {outcome.why}"
        for case, outcome in outcomes
        if outcome.what == REFUSED and case.operation.name not in refused()
    ]
    assert not newly, "\n".join(newly)
    stale = [case.id for case, outcome in outcomes if outcome.what == REPLAYED and case.operation.name in refused()]
    assert not stale, f"replayed by now; take them out of conformance/captured.toml: {stale}"


def test_the_list_of_refusals_does_not_grow() -> None:
    names = {case.operation.name for case in cases()}
    assert refused().keys() <= names
    assert len(refused()) <= 65, "print the counts of `test_operations`, and change this number where that is meant"
    assert len(names) >= 740


def doubled(torch: Any, x: Any) -> Any:
    return x * 2


def summed(torch: Any, x: Any) -> Any:
    return [x.sum().item()]


def frozen(step: Any, *inputs: Any, warmup: int = 3) -> Any:
    """A captured step that always returns what it returned first."""
    results: list[Any] = []

    def call(*inputs: Any) -> Any:
        if not results:
            results.append([x.clone() for x in step(*inputs)])
        return results[0]

    return call


@pytest.mark.parametrize(
    ("program", "capturing", "what"),
    [
        (doubled, refnet.captured_step, REPLAYED),
        (doubled, frozen, DIFFERENT),
        (summed, refnet.captured_step, UNFIT),
    ],
)
def test_outcomes(program: Any, capturing: Any, what: str) -> None:
    candidate = Refnet(refnet, "refnet")
    candidate.torch = SimpleNamespace(**{**vars(refnet), "captured_step": capturing})
    (case,) = ops("program", [args(normal(3))], program=program)
    found = capture(candidate, case)
    assert isinstance(found, Outcome) and found.what == what, found
