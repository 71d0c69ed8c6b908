"""torch's optimizer database as a source of cases: complete, stable, and able to catch a fault."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import refnet
from conformance.candidates.torch import Torch
from conformance.case import ERROR, Case
from conformance.comparison import compare
from conformance.sources import op_names, optim_samples
from conformance.sources.optim_db import OptimDb
from conformance.sources.optim_samples import draw, entries

# torch's own deprecations warn; a case is judged by its records.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def listed() -> OptimDb:
    return OptimDb(["optim.SGD", "optim.AdamW", "optim.Muon", "optim.SparseAdam"])


def of(listed: OptimDb, entry: str, kind: str) -> list[Case]:
    return [case for case in listed.listed.values() if case.operation.name == entry and case.id.endswith(f" {kind}")]


def test_every_sample_is_a_case_or_is_left_out_with_a_reason(listed: OptimDb) -> None:
    assert len(entries()) == 15
    for entry in ("optim.SGD", "optim.AdamW", "optim.Muon"):
        for kind in ("steps", "refused", "captured"):
            without = [place for place, _ in listed.left_out() if place.startswith(f"{entry} float32 {kind}")]
            assert len(of(listed, entry, kind)) + len(without) == len(draw(entry, "float32", kind)), (entry, kind)
    assert dict(listed.left_out())["optim.SparseAdam"] == op_names.SPARSE
    assert all(ERROR in case.checks for case in of(listed, "optim.SparseAdam", "refused"))
    assert not of(listed, "optim.SparseAdam", "steps")


def test_options_for_graphs_are_to_be_refused(listed: OptimDb) -> None:
    cases = of(listed, "optim.AdamW", "captured")
    assert len(cases) > 3
    assert all(ERROR in case.checks for case in cases)
    assert any("foreach=True" in case.id for case in of(listed, "optim.AdamW", "steps"))


def test_a_case_can_be_looked_up_without_listing(listed: OptimDb) -> None:
    names = list(listed)
    assert len(set(names)) == len(names)
    fresh = OptimDb()
    for name in names[::7]:
        assert fresh[name] == listed[name]
        first, again = listed[name].sample(), fresh[name].sample()
        assert all(np.array_equal(a, b) for a, b in zip(first.arrays, again.arrays, strict=True))
    assert "_everything" not in fresh.__dict__
    for wrong in (names[0].replace("optim.", "optima."), names[0].replace("db 0", "db 999"), names[0] + "x", ""):
        assert wrong not in fresh


# --- verdicts ------------------------------------------------------------------------------------------------------


class Planted(Torch):
    """torch with an optimizer of its own in one place."""

    def __init__(self, place: str, optimizer: Any) -> None:
        super().__init__("planted")
        self.place, self.optimizer = place, optimizer

    def resolve(self, name: str) -> Any:
        return self.optimizer if name == self.place else super().resolve(name)


class Coupled(torch.optim.AdamW):
    """Decays the gradient, not the weight."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = False


class Forgetful(torch.optim.SGD):
    """Starts afresh where it should go on."""

    def load_state_dict(self, state: Any) -> None:
        super().load_state_dict(state | {"state": {}})


class Obliging(torch.optim.AdamW):
    """Takes options that it cannot follow."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__([torch.zeros(1, requires_grad=True)])


FAULTS: list[tuple[str, str, Any]] = [
    ("optim.AdamW", "steps", Coupled),
    ("optim.SGD", "resumed", Forgetful),
    ("optim.AdamW", "refused", Obliging),
    ("optim.AdamW", "captured", Obliging),
]


@pytest.mark.parametrize(("entry", "kind", "fault"), FAULTS, ids=[f"{kind} {f.__name__}" for _, kind, f in FAULTS])
def test_a_planted_fault_is_caught_and_torch_is_not(listed: OptimDb, entry: str, kind: str, fault: Any) -> None:
    caught = 0
    for case in of(listed, entry, kind):
        alarms = [record for record in compare(case, Torch()) if record.status != "PASS"]
        assert not alarms, alarms
        caught += any(record.bad for record in compare(case, Planted(entry, fault)))
    assert caught


# --- states of the other library -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "RAdam", "Adafactor"])
def test_torch_loads_refnets_state_and_goes_on(name: str) -> None:
    """The reverse of the cases `resumed`: torch after refnet's steps ends where torch by itself does."""
    rng = np.random.default_rng(0)
    start, gradients = rng.standard_normal((3, 4)), rng.standard_normal((6, 3, 4))

    def walked(library: Any, made: Any, parameter: Any, numbers: range) -> None:
        for number in numbers:
            parameter.grad = library.tensor(gradients[number])
            made.step()

    def begun(library: Any) -> tuple[Any, Any]:
        parameter = library.tensor(start, requires_grad=True)
        return getattr(library.optim, name)([parameter], lr=0.1), parameter

    expected, whole = begun(torch)
    walked(torch, expected, whole, range(6))
    half, mine = begun(refnet)
    walked(refnet, half, mine, range(3))
    resumed, parameter = begun(torch)
    with torch.no_grad():
        parameter.copy_(torch.tensor(mine.detach().numpy()))
    resumed.load_state_dict(converted(half.state_dict()))
    walked(torch, resumed, parameter, range(3, 6))
    assert list(resumed.state_dict()["param_groups"][0]) == list(expected.state_dict()["param_groups"][0])
    np.testing.assert_allclose(parameter.detach().numpy(), whole.detach().numpy(), rtol=1e-6)


def converted(tree: Any) -> Any:
    """refnet's tensors as torch's."""
    if isinstance(tree, refnet.Tensor):
        return torch.tensor(tree.detach().numpy())
    if isinstance(tree, dict):
        return {key: converted(value) for key, value in tree.items()}
    return [converted(item) for item in tree] if isinstance(tree, list) else tree


# --- another release of torch --------------------------------------------------------------------------------------


def broken(*arguments: Any) -> Any:
    raise KeyError("there is no such sample any more")


DOCTORED: list[tuple[str, Any, str]] = [
    ("raises", SimpleNamespace(optim_cls=torch.optim.SGD, optim_inputs_func=broken), "AttributeError"),
    (
        "no samples",
        SimpleNamespace(
            optim_cls=torch.optim.SGD,
            optim_inputs_func=broken,
            only_supports_sparse_grads=False,
            step_requires_closure=False,
        ),
        "KeyError",
    ),
    ("no class", SimpleNamespace(), "AttributeError"),
    ("other class", SimpleNamespace(optim_cls=dict), "not in torch.optim"),
]


@pytest.mark.parametrize(("doctored", "words"), [(i, w) for _, i, w in DOCTORED], ids=[name for name, *_ in DOCTORED])
def test_a_changed_entry_is_reported(monkeypatch: pytest.MonkeyPatch, doctored: Any, words: str) -> None:
    there = {"optim.SGD": doctored, "optim.Muon": entries()["optim.Muon"]}
    draw.cache_clear()
    monkeypatch.setattr(optim_samples, "entries", lambda: there)
    monkeypatch.setattr("conformance.sources.optim_db.entries", lambda: there)
    found = OptimDb()
    assert any(place == "optim.SGD" and words in reason for place, reason in found.left_out())
    assert {case.operation.name for case in found.listed.values()} == {"optim.Muon"}
    assert "optim.SGD() float32 optim_db 0 steps" not in found
    draw.cache_clear()
