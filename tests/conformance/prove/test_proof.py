"""The short form of the proof: every subject in its first regime; `make prove` tries them all."""

import warnings
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from conformance import judging
from conformance.case import args
from conformance.prove import tables, trial
from conformance.prove.regimes import REGIMES
from conformance.prove.subject import Overlay, Subject, variant
from conformance.prove.subjects import subjects
from conformance.prove.subjects.softmax import SUBJECTS as SOFTMAX
from conformance.prove.trial import TORCH, VERDICT, Trial, trials

SUBJECTS = subjects()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    torch.set_num_threads(threads)


def test_there_is_enough_to_prove_it_with() -> None:
    faults = {(s.family, s.operation, name) for s in SUBJECTS for name in s.faults}
    legitimate = {(s.family, s.operation, name) for s in SUBJECTS for name in s.legitimate}
    assert len(faults) >= 150 and len(legitimate) >= 120
    assert {regime for s in SUBJECTS for regime in s.regimes} == set(REGIMES)
    excused = [reason for s in SUBJECTS for reason in s.below_rounding.values()]
    assert all(excused) and len(excused) <= 5


@pytest.fixture
def verdict_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the time of a trial goes into why a fault fails, and what fixed tolerances say: neither is asked here."""
    monkeypatch.setattr(judging, "_cause", lambda *_: "")
    monkeypatch.setattr(trial, "_pairs", lambda *_: [])


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda s: f"{s.family}-{s.operation}")
def test_legitimate_ones_pass_and_faults_are_caught(
    subject: Subject, verdict_alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault may need another regime than the first: they are gone through until it is caught."""
    first = list(trials(subject, subject.regimes[:1], hurry=True))
    wrongly = [(t.implementation, t.case, t.worst) for t in first if not t.fault and t.flagged[VERDICT]]
    assert not wrongly
    missed = set(subject.faults) - {t.implementation for t in first if t.flagged[VERDICT]} - set(subject.below_rounding)
    monkeypatch.setattr(trial, "TORCH", ())  # its settings have passed
    for name in missed:
        alone = replace(subject, legitimate={}, faults={name: subject.faults[name]})
        assert any(t.flagged[VERDICT] for t in trials(alone, subject.regimes[1:], hurry=True)), f"{name} is not caught"


def test_every_torch_variant_is_among_the_legitimate() -> None:
    (subject,) = SOFTMAX[:1]
    names = {t.implementation for t in trials(subject, ("normal",), hurry=True) if not t.fault}
    assert names == {*TORCH, *subject.legitimate}


def test_an_overlay_replaces_one_name() -> None:
    changed = Overlay(torch, "nn.functional.relu", len)
    assert changed.nn.functional.relu is len and changed.nn.functional.gelu is torch.nn.functional.gelu
    assert changed.tensor is torch.tensor and torch.nn.functional.relu is not len


def test_a_variant_is_torch_but_for_one_name() -> None:
    subject = Subject("tanh", lambda make: [args(make(3))])
    candidate = variant(subject, "mine", lambda torch, x: x + 1)
    assert candidate.resolve("tanh")(torch.zeros(1)).item() == 1 and candidate.resolve("sin") is torch.sin


def test_tables_count_outputs_and_implementations() -> None:
    def trial(name: str, fault: bool, flagged: int, case: str, below: str = "") -> Trial:
        rules = dict.fromkeys(tables.RULE_NAMES, flagged)
        return Trial("family", "op", name, fault, below, case, "normal", 3, rules, "output out: bound, z = 9", "", "")

    frame = tables.frame_of(
        [
            trial("good", False, 0, "a"),
            trial("good", False, 1, "b"),
            trial("found", True, 2, "a"),
            trial("lost", True, 0, "a"),
            trial("small", True, 0, "a", "half a rounding"),
        ]
    )
    wrongly, missed = tables.failures(frame)
    assert list(wrongly["case"]) == ["b"] and list(missed["implementation"]) == ["lost"]
    text = tables.summary(frame)
    for part in ("1 legitimate implementations with 6 outputs", "3 planted faults", "| lost", "half a rounding"):
        assert part in text
