"""torch's module database as a source of cases: complete, stable, faithful, and able to catch a fault."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from conformance.candidates.torch import Torch
from conformance.case import BITS, ERROR, GRADIENT, OUTPUT, SECOND, Case
from conformance.cases import catalogue
from conformance.comparison import compare
from conformance.sources import module_samples
from conformance.sources.module_db import ModuleDb
from conformance.sources.module_samples import draw, entries

# Sampling and torch's own deprecations warn; a case is judged by its records.
pytestmark = pytest.mark.filterwarnings("ignore")

SMALL = ("nn.Linear", "nn.BatchNorm1d", "nn.LazyConv1d", "nn.RNNCell", "nn.GroupNorm", "nn.Embedding")


@pytest.fixture(scope="module")
def small() -> ModuleDb:
    return ModuleDb(SMALL)


def of(listed: ModuleDb, entry: str, mode: str) -> list[Case]:
    return [case for case in listed.listed.values() if case.operation.name == entry and case.id.endswith(f" {mode}")]


# --- completeness --------------------------------------------------------------------------------------------------


def test_every_sample_is_a_case_or_is_left_out_with_a_reason(small: ModuleDb) -> None:
    """Of entries with few samples; those of all would take a minute."""
    assert len(entries()) == 114
    for entry in SMALL:
        for mode in ("train", "eval", "refused"):
            if mode == "refused" and entries()[entry].module_error_inputs_func is None:
                continue
            without = [place for place, _ in small.left_out() if place.startswith(f"{entry} float32 {mode}")]
            assert len(of(small, entry, mode)) + len(without) == len(draw(entry, "float32", mode)), (entry, mode)


def test_checks(small: ModuleDb) -> None:
    """Second order in training; evaluation with gradients where it differs; random draws bit for bit."""
    assert of(small, "nn.BatchNorm1d", "train")[0].checks == {OUTPUT, GRADIENT, SECOND}
    assert of(small, "nn.BatchNorm1d", "eval")[0].checks == {OUTPUT, GRADIENT}
    assert of(small, "nn.Linear", "eval")[0].checks == {OUTPUT}
    assert of(small, "nn.Linear", "state")[0].checks == {BITS}
    assert of(small, "nn.BatchNorm1d", "refused")[0].checks == {ERROR}


def test_a_module_is_described_once(small: ModuleDb) -> None:
    """Two samples of RNNCell are made with the same arguments and given others."""
    made = [case.arguments.shown for case in of(small, "nn.RNNCell", "state")]
    assert made
    assert len(made) == len(set(made))


def test_packed_sequences_are_among_the_samples() -> None:
    assert any(
        isinstance(value, torch.nn.utils.rnn.PackedSequence)
        for drawn in draw("nn.GRU", "float32", "train")
        if drawn.given is not None
        for value in drawn.given.args
    )


# --- identity ------------------------------------------------------------------------------------------------------


def test_a_case_can_be_looked_up_without_listing(small: ModuleDb) -> None:
    names = list(small)
    assert len(set(names)) == len(names)
    fresh = ModuleDb()
    for name in names[::13]:
        assert fresh[name] == small[name]
        first, again = small[name].sample(), fresh[name].sample()
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(first.arrays, again.arrays, strict=True))
    assert "_everything" not in fresh.__dict__
    for wrong in (names[0].replace("nn.", "mm."), names[0].replace("db 0", "db 999"), names[0] + "x", ""):
        assert wrong not in fresh


def test_another_number_draws_other_values(small: ModuleDb) -> None:
    case = of(small, "nn.Linear", "train")[0]
    assert [a.shape for a in case.sample().arrays] == [a.shape for a in case.sample(1).arrays]
    assert not np.array_equal(case.sample().arrays[0], case.sample(1).arrays[0])


def test_the_state_is_stirred(small: ModuleDb) -> None:
    """Weights of one and variances of one would hide errors; a variance stays positive."""
    case = of(small, "nn.BatchNorm1d", "train")[0]
    arrays = dict(zip(case.sample().names, case.sample().arrays, strict=True))
    assert len(set(arrays["parameter weight"].tolist())) > 1
    assert arrays["buffer running_var"].min() > 0.5
    assert arrays["buffer num_batches_tracked"] == 0


# --- verdicts ------------------------------------------------------------------------------------------------------


class Planted(Torch):
    """torch with a module of its own in one place."""

    def __init__(self, place: str, module: Any) -> None:
        super().__init__("planted")
        self.place, self.module = place, module

    def resolve(self, name: str) -> Any:
        return self.module if name == self.place else super().resolve(name)


class Unbiased(torch.nn.BatchNorm1d):
    """Forgets the factor of Bessel's correction in the running variance."""

    def forward(self, x: Any) -> Any:
        if self.training and self.running_var is not None:
            dims = [0, 2] if x.dim() == 3 else [0]
            self.running_var.lerp_(x.detach().var(dims, unbiased=False), self.momentum or 0.1)
            return torch.nn.functional.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)
        return super().forward(x)


class Renamed(torch.nn.Linear):
    """Prints its size in another way."""

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}"


class Doubled(torch.nn.Linear):
    """Starts with other numbers, from the same draws."""

    def reset_parameters(self) -> None:
        super().reset_parameters()
        with torch.no_grad():
            self.weight.mul_(2)


class Detached(torch.nn.Linear):
    """Gives its bias no gradient."""

    def forward(self, x: Any) -> Any:
        return torch.nn.functional.linear(x, self.weight, None if self.bias is None else self.bias.detach())


class Tolerant(torch.nn.BatchNorm1d):
    """Refuses nothing."""

    def forward(self, x: Any) -> Any:
        return x


FAULTS: list[tuple[str, str, Any]] = [
    ("nn.BatchNorm1d", "train", Unbiased),
    ("nn.BatchNorm1d", "refused", Tolerant),
    ("nn.Linear", "state", Renamed),
    ("nn.Linear", "state", Doubled),
    ("nn.Linear", "train", Detached),
]


@pytest.mark.parametrize(("entry", "mode", "fault"), FAULTS, ids=[fault.__name__ for _, _, fault in FAULTS])
def test_a_planted_fault_is_caught_and_torch_is_not(small: ModuleDb, entry: str, mode: str, fault: Any) -> None:
    caught = 0
    for case in of(small, entry, mode):
        alarms = [record for record in compare(case, Torch()) if record.status != "PASS"]
        assert not alarms, alarms
        caught += any(record.bad for record in compare(case, Planted(entry, fault)))
    assert caught


# --- another release of torch --------------------------------------------------------------------------------------


def broken(info: Any, **arguments: Any) -> Any:
    raise KeyError("there is no such sample any more")


def unknown(info: Any, **arguments: Any) -> Any:
    return [SimpleNamespace(constructor=SimpleNamespace(args=(), kwargs={}))]


def exotic(info: Any, **arguments: Any) -> Any:
    part = SimpleNamespace(args=(object(),), kwargs={})
    return [SimpleNamespace(constructor_input=part, forward_input=part)]


DOCTORED: list[tuple[str, Any, str]] = [
    ("raises", SimpleNamespace(module_cls=torch.nn.Tanh, module_inputs_func=broken, dtypes=()), "KeyError"),
    ("changed", SimpleNamespace(module_cls=torch.nn.Tanh, module_inputs_func=unknown, dtypes=()), "AttributeError"),
    ("no class", SimpleNamespace(module_inputs_func=unknown), "AttributeError"),
    ("other class", SimpleNamespace(module_cls=dict, module_inputs_func=unknown), "not in torch.nn"),
    (
        "exotic",
        SimpleNamespace(
            module_cls=torch.nn.Tanh,
            module_inputs_func=exotic,
            dtypes=(torch.float32,),
            module_error_inputs_func=None,
            train_and_eval_differ=False,
            supports_gradgrad=True,
        ),
        "an argument is a builtins.object",
    ),
]


@pytest.mark.parametrize(("doctored", "words"), [(i, w) for _, i, w in DOCTORED], ids=[name for name, *_ in DOCTORED])
def test_a_changed_entry_is_reported(monkeypatch: pytest.MonkeyPatch, doctored: Any, words: str) -> None:
    """And the entries beside it are listed as ever."""
    there = {"nn.Tanh": doctored, "nn.Linear": entries()["nn.Linear"]}
    with_doctored(monkeypatch, lambda: there)
    listed = ModuleDb()
    assert any(place.startswith("nn.Tanh") and words in reason for place, reason in listed.left_out())
    assert {case.operation.name for case in listed.listed.values()} == {"nn.Linear"}
    assert "nn.Tanh()([2]) float32 module_db 0 train" not in listed
    draw.cache_clear()


def with_doctored(monkeypatch: pytest.MonkeyPatch, found: Callable[[], dict[str, Any]]) -> None:
    draw.cache_clear()
    monkeypatch.setattr(module_samples, "entries", found)
    monkeypatch.setattr("conformance.sources.module_db.entries", found)


# --- the catalogue -------------------------------------------------------------------------------------------------


def test_the_catalogue_joins_sources() -> None:
    both = catalogue(sources=("module_db", "optim_db"), operations=("nn.Tanh", "optim.SGD"))
    assert {case.family for case in both.values()} == {"module_db", "optim_db"}
