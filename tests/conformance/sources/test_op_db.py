"""torch's operator database as a source of cases: complete, stable, faithful, and able to catch a fault."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from conformance.candidates.torch import Torch
from conformance.case import ERROR, GRADIENT, OUTPUT, SECOND, Case
from conformance.cases import catalogue
from conformance.comparison import compare
from conformance.oracle import Truth
from conformance.sources import op_db, op_samples
from conformance.sources.op_db import DEFAULT_DTYPES, OpDb, left_out
from conformance.sources.op_samples import draw, entries, to_array, to_sample

ROOT = Path(__file__).resolve().parents[3]
# Sampling and torch's own deprecations warn; a case is judged by its records.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def functional() -> OpDb:
    return OpDb(["nn.functional.*"])


def named(listed: OpDb, *words: str) -> list[Case]:
    return [case for name, case in listed.listed.items() if all(word in name for word in words)]


# --- completeness --------------------------------------------------------------------------------------------------


def test_every_functional_name_has_cases(functional: OpDb) -> None:
    wanted = {info.name for info in entries().values() if info.name.startswith("nn.functional.")}
    assert len(wanted) == 99
    assert {case.operation.name for case in functional.listed.values()} == wanted


def test_every_sample_is_a_case_or_is_left_out_with_a_reason(functional: OpDb) -> None:
    """Counted by the database's own generators."""
    reasons = dict(functional.left_out())
    listed = Counter(case.arguments.entry for case in functional.listed.values() if ERROR not in case.checks)
    for entry, info in entries().items():
        if not entry.startswith("nn.functional.") or entry in reasons:
            continue
        dtype = next(name for name in DEFAULT_DTYPES if info.supports_dtype(getattr(torch, name), "cpu"))
        torch.manual_seed(0)  # some entries draw how many samples there are
        random.seed(0)
        count = sum(1 for _ in info.sample_inputs_func(info, "cpu", getattr(torch, dtype), False))
        without = sum(1 for name in reasons if name.startswith(f"{entry} {dtype} "))
        assert listed[entry] + without >= count, entry


@pytest.mark.parametrize("entry", ["empty_like", "to_sparse", "jiterator_unary", "randn"])
def test_entries_left_out_say_why(entry: str) -> None:
    reasons = dict(left_out([entry]))
    assert len(reasons[entry].split()) > 4


def test_nothing_is_dropped_without_a_reason() -> None:
    """Every entry of the database either has cases or a reason, whatever it is called in the namespace."""
    everything = OpDb()
    with_cases = {case.arguments.entry for case in everything.listed.values()}
    reasons = dict(everything.left_out())
    whole = {name for name in reasons if name in entries()}
    samples = {name.split()[0] for name in reasons}
    assert entries().keys() == with_cases | whole | samples
    assert not with_cases & whole
    assert all(reasons.values())


def test_programs_and_names_are_what_the_database_calls() -> None:
    """The first sample of every entry gives the same bits through our operation as through the database's own call."""
    torch_itself = Torch()
    differing = []
    for entry, case in first_cases().items():
        info = entries()[entry]
        drawn = draw(entry, case.dtype)[case.arguments.index]
        ours = torch_itself.run(case.operation, to_sample(drawn, case.arguments.swapped))
        torch.manual_seed(0)
        with torch.no_grad():
            theirs = info.op(
                *[copied(value) for value in drawn.args], **{k: copied(v) for k, v in drawn.kwargs.items()}
            )
        tensors = [value for value in flat(theirs) if isinstance(value, torch.Tensor) and value.layout is torch.strided]
        tensors = [torch.view_as_real(value) if value.is_complex() else value for value in tensors]
        arrays = [value.array for value in ours.outputs if value.array is not None]
        same = len(arrays) == len(tensors) and all(
            a.shape == tuple(t.shape)
            and (draws(entry) or np.array_equal(a, to_array(t), equal_nan=a.dtype.kind == "f"))
            for a, t in zip(arrays, tensors, strict=True)
        )
        if not same:
            differing.append(f"{entry}: {case.id}: {ours.raised}")
    assert not differing, "\n".join(differing)


def draws(entry: str) -> bool:
    """Entries whose database call sets a seed of its own."""
    return "wrapper_set_seed" in getattr(getattr(entries()[entry].op, "__code__", None), "co_names", ())


def first_cases() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for case in OpDb(
        ["nn.functional.*", "Tensor.*", "einsum", "where", "fft.fft", "polar", "*polygamma", "[TH]", "m[TH]"]
    ).listed.values():
        if ERROR not in case.checks:
            found.setdefault(case.arguments.entry, case)
    return found


def copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, list | tuple):
        return type(value)([copied(item) for item in value])
    return value


def flat(value: Any) -> list[Any]:
    return [part for item in value for part in flat(item)] if isinstance(value, list | tuple) else [value]


# --- identity ------------------------------------------------------------------------------------------------------


def test_ids_and_numbers_are_the_same_in_another_process(functional: OpDb) -> None:
    pattern = ["nn.functional.*norm", "nn.functional.dropout"]
    program = (
        "import json, warnings; warnings.simplefilter('ignore')\n"
        "from conformance.sources.op_db import OpDb\n"
        f"cases = list(OpDb({pattern!r}).listed.values())\n"
        "sums = [float(sum(a.sum() for a in cases[k].sample().arrays)) for k in (3, 40)]\n"
        "print(json.dumps([[case.id for case in cases], sums]))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    theirs, sums = json.loads(done.stdout)
    ours = OpDb(pattern).listed
    assert list(ours) == theirs
    cases = list(ours.values())
    assert [float(sum(a.sum() for a in cases[k].sample().arrays)) for k in (3, 40)] == sums


def test_a_case_can_be_looked_up_without_listing(functional: OpDb) -> None:
    names = list(functional)
    assert len(set(names)) == len(names)
    fresh = OpDb()
    for name in names[::211]:
        assert fresh[name] == functional[name]
    assert "_everything" not in fresh.__dict__
    for wrong in ("tanh([3]) float32", names[0] + "9999", names[0].replace("softmin", "soft"), ""):
        assert wrong not in fresh


def test_oracle_and_reference_draw_the_same_random_numbers(functional: OpDb) -> None:
    """Where they do not, anything is as far from the oracle as torch is, and nothing can be said."""
    for word in ("dropout(", "alpha_dropout", "fractional_max_pool", "rrelu", "_attention"):
        for case in [case for case in named(functional, word) if ERROR not in case.checks][::7]:
            truth = Truth(case, case.sample())
            for key, array in truth.references.items():
                assert array is None or np.allclose(array, truth.truths[key], rtol=1e-3, atol=1e-3, equal_nan=True), (
                    case.id
                )


def test_other_dtypes_on_request() -> None:
    for dtype in ("float64", "float16", "bfloat16"):
        case = next(iter(OpDb(["nn.functional.linear"], [dtype]).listed.values()))
        assert case.dtype == dtype
        assert {str(array.dtype) for array in case.sample().arrays} == {dtype}


# --- samples -------------------------------------------------------------------------------------------------------


def test_arrays_are_copies_of_torch_samples(functional: OpDb) -> None:
    """Numbers, strides and gradients of the samples, in memory of their own; a second look gives the same."""
    strided = 0
    for case in list(functional.listed.values())[::41]:
        drawn = draw(case.arguments.entry, case.arguments.drawn_as)[case.arguments.index]
        tensors = [v for v in flat([*drawn.args, *drawn.kwargs.values()]) if isinstance(v, torch.Tensor)]
        if case.arguments.swapped:
            tensors[:2] = tensors[1::-1]
        sample = case.sample()
        assert len(tensors) == len(sample.arrays)
        for tensor, array, wanted in zip(tensors, sample.arrays, sample.differentiable, strict=True):
            assert wanted == tensor.requires_grad
            assert np.array_equal(array, to_array(tensor), equal_nan=True)
            steps = tuple(stride // array.itemsize for stride in array.strides)
            assert array.size == 0 or tensor.is_contiguous() or steps == tensor.stride(), case.id
            strided += not tensor.is_contiguous()
            array[...] = 0  # reaches nobody else
        again = case.sample()
        assert all(np.array_equal(to_array(t), a, equal_nan=True) for t, a in zip(tensors, again.arrays, strict=True))


def test_strides_are_kept_where_tensors_overlap() -> None:
    tensor = torch.arange(3.0).expand(2, 3)
    array = to_array(tensor)
    assert array.tolist() == tensor.tolist()
    assert array.strides == (0, 4)
    assert to_array(torch.arange(12.0).view(3, 4).t()).strides == (4, 16)


def test_another_number_draws_other_values(functional: OpDb) -> None:
    case = named(functional, "nn.functional.linear(", " float32 op_db")[0]
    first, other = case.sample().arrays, case.sample(1).arrays
    assert [a.shape for a in first] == [a.shape for a in other]
    assert not np.array_equal(first[0], other[0])
    assert np.array_equal(case.sample(1).arrays[0], other[0])


# --- verdicts ------------------------------------------------------------------------------------------------------


class Planted(Torch):
    """torch with a function of its own in one place."""

    def __init__(self, name: str, function: Any) -> None:
        super().__init__("planted")
        self.place, self.function = name, function

    def resolve(self, name: str) -> Any:
        return self.function if name == self.place else super().resolve(name)


FAULTS = [
    ("nn.functional.gelu", lambda x, approximate="none": torch.nn.functional.gelu(x, approximate="tanh")),
    ("nn.functional.layer_norm", lambda x, shape, w=None, b=None, eps=1e-5: torch.nn.functional.layer_norm(x, shape, w, b, eps * 2)),
    ("nn.functional.linear", lambda x, w, b=None: torch.nn.functional.linear(x.half(), w.half(), b if b is None else b.half()).float()),
    ("nn.functional.mse_loss", lambda x, y, reduction="mean": torch.nn.functional.mse_loss(x.detach(), y, reduction=reduction)),
    ("nn.functional.avg_pool2d", lambda x, *a, **k: torch.nn.functional.avg_pool2d(x, *a, **(k | {"count_include_pad": False}))),
]  # fmt: skip


@pytest.mark.parametrize(("name", "fault"), FAULTS, ids=[name for name, _ in FAULTS])
def test_a_planted_fault_is_caught_and_torch_is_not(name: str, fault: Any) -> None:
    cases = [case for case in OpDb([name]).listed.values() if ERROR not in case.checks]
    caught = 0
    for case in cases:
        truth = Truth(case, case.sample())
        alarms = [record for record in compare(case, Torch(), truth) if record.status != "PASS"]
        assert not alarms, alarms
        caught += any(record.bad for record in compare(case, Planted(name, fault), truth))
    assert caught


def test_refusals(functional: OpDb) -> None:
    cases = named(functional, "nn.functional.group_norm", "refused")
    assert cases
    assert all(record.status == "PASS" for case in cases for record in compare(case, Torch()))
    accepting = Planted("nn.functional.group_norm", lambda x, *_, **__: x)
    assert any(record.bad for case in cases for record in compare(case, accepting))


def test_gradients_are_asked_for_where_torch_has_them(functional: OpDb) -> None:
    convolutions = named(functional, "nn.functional.conv2d(", "float32 op_db")
    assert all(case.checks - {SECOND} == {OUTPUT, GRADIENT} for case in convolutions)
    assert any(SECOND in case.checks for case in convolutions)  # of the small samples
    assert all(GRADIENT not in case.checks for case in named(functional, "nn.functional.one_hot("))


# --- another release of torch --------------------------------------------------------------------------------------


def broken(info: Any, *arguments: Any) -> Any:
    raise KeyError("there is no such sample any more")


ENTRY = {"name": "tanh", "variant_test_name": ""}
DTYPES = {"supported_dtypes": lambda device: {torch.float32}, "supported_backward_dtypes": lambda device: set()}
DOCTORED: list[tuple[str, Any, str]] = [
    ("no name", SimpleNamespace(op=torch.tanh), "AttributeError"),
    ("no dtypes", SimpleNamespace(**ENTRY), "AttributeError"),
    (
        "no samples",
        SimpleNamespace(**ENTRY, **DTYPES, supports_autograd=False, error_inputs_func=None, sample_inputs_func=broken),
        "KeyError",
    ),
]


@pytest.mark.parametrize(("doctored", "words"), [(i, w) for _, i, w in DOCTORED], ids=[name for name, *_ in DOCTORED])
def test_a_changed_entry_is_reported(monkeypatch: pytest.MonkeyPatch, doctored: Any, words: str) -> None:
    """And the entries beside it are listed as ever."""
    there = {"tanh": doctored, "sinh": entries()["sinh"]}
    draw.cache_clear()
    monkeypatch.setattr(op_samples, "entries", lambda: there)
    monkeypatch.setattr(op_db, "entries", lambda: there)
    found = OpDb()
    assert any(place == "tanh" and words in reason for place, reason in found.left_out())
    assert {case.operation.name for case in found.listed.values()} == {"sinh"}
    assert "tanh([3]) float32 op_db 0" not in found
    draw.cache_clear()


# --- the catalogue -------------------------------------------------------------------------------------------------


def test_the_catalogue_joins_sources() -> None:
    both = catalogue(sources=("own", "op_db"), operations=("nn.functional.silu",))
    own = catalogue()
    assert own.keys() <= both.keys()
    assert any(case.family == "op_db" for case in both.values())
    assert not any(case.family == "op_db" for case in own.values())
    with pytest.raises(ValueError, match="'opdb'; there are own, op_db"):
        catalogue(sources=("opdb",))
