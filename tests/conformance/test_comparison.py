"""Every planted fault is caught, in the right check and category; torch itself passes the same case."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from planted import (
    OverwritesCotangent,
    Planted,
    biased_running_variance,
    dropped_tail,
    first_wins,
    gradient_constant,
    half_inside,
    ignores_strides,
    leaks,
    nan_lost,
    never_the_same,
    overwrites_gaps,
    overwrites_input,
    raises,
    scaled_gradient,
)

from conformance.candidates.functions import Functions
from conformance.candidates.torch import ChannelsLast, Torch
from conformance.cases import (
    FLOATS,
    Arguments,
    Case,
    args,
    away_from,
    named,
    normal,
    ops,
    positive,
    refuses,
    special,
    tied,
)
from conformance.comparison import compare
from conformance.record import FAIL, OOM, PASS, UNSUPPORTED, Record, is_of

X = normal(17)
IMAGES = normal(2, 3, 4, 5)
BATCH_NORM = args(normal(6, 3), normal(3).fixed(), positive(3).fixed(), training=True)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def found(records: list[Record]) -> set[tuple[str, str, str]]:
    return {(r.status, r.check, r.category) for r in records if r.status != PASS}


# operation, arguments, the fault, what must be found: check, category
FAULTS: list[tuple[str, Arguments, Callable[..., Any], str, str]] = [
    ("tanh", args(X), scaled_gradient, "gradient", "bound"),
    ("tanh", args(X), half_inside, "output", "bound"),
    ("tanh", args(X), dropped_tail, "output", "bound"),
    ("tanh", args(X), overwrites_input, "unchanged", "mutated-input"),
    ("tanh", args(X), overwrites_gaps, "layout gapped unchanged", "mutated-input"),
    ("exp", args(X), OverwritesCotangent.apply, "unchanged", "mutated-input"),
    ("tanh", args(X), never_the_same, "repeat", "nondeterministic"),
    ("tanh", args(X), ignores_strides, "layout gapped", "non-finite"),
    ("tanh", args(X), lambda x: torch.tanh(x).double(), "output", "dtype"),
    ("tanh", args(X), lambda x: torch.tanh(x)[None], "output", "shape"),
    ("tanh", args(X), lambda x: (torch.tanh(x),), "output", "shape"),
    ("tanh", args(X), lambda x: torch.tanh(x).detach(), "output", "missing-gradient"),
    ("tanh", args(X), raises(RuntimeError("no kernel image")), "output", "exception"),
    ("Tensor.detach", args(X), lambda x: x * 1, "output", "extra-gradient"),
    ("sin", args(X), gradient_constant, "second-order", "bound"),
    ("add", args(normal(3, 4), normal(4)), lambda x, y: x + y.detach(), "gradient", "missing-gradient"),
    ("relu", args(away_from(17)), leaks, "output", "structural-zero"),
    ("argmax", args(X), lambda x: torch.argmin(x), "output", "integer"),
    ("tanh", args(IMAGES), lambda x: torch.tanh(x).contiguous(), "layout channels-last", "layout"),
    ("nn.functional.batch_norm", BATCH_NORM, biased_running_variance, "output", "bound"),
]


@pytest.mark.parametrize(("name", "arguments", "fault", "check", "category"), FAULTS)
def test_faults_are_caught(
    name: str, arguments: Arguments, fault: Callable[..., Any], check: str, category: str
) -> None:
    (case,) = ops(name, [arguments])
    assert found(compare(case, Torch())) == set()
    records = compare(case, Planted(**{name.replace(".", "__"): fault}))
    assert (FAIL, check, category) in found(records)


@pytest.mark.parametrize("fault", [torch.tanh, scaled_gradient, half_inside, overwrites_gaps, ignores_strides])
def test_chosen_checks_give_the_same_records_as_all(fault: Callable[..., Any]) -> None:
    (case,) = ops("tanh", [args(X)])
    candidate = Planted(tanh=fault)
    every = compare(case, candidate)
    for checks in (("output",), ("gradient", "repeat"), ("layout",), ("second-order",), ("unchanged",), ("error",)):
        chosen = compare(case, candidate, checks=checks)
        wanted = [record for record in every if is_of(record.check, checks)]
        assert [repr(replace(r, seconds=0)) for r in chosen] == [repr(replace(r, seconds=0)) for r in wanted], checks


@pytest.mark.parametrize(
    ("name", "arguments", "fault", "check", "category"),
    [
        ("relu", args(special()), nan_lost, "output", "non-finite"),
        ("neg", args(special()), lambda x: 0 - x, "output", "non-finite"),  # 0 - 0 is +0
        ("maximum", args(tied(33), tied(33)), first_wins, "gradient", "bound"),
    ],
)
def test_exact_semantics(name: str, arguments: Arguments, fault: Callable[..., Any], check: str, category: str) -> None:
    (case,) = ops(name, [arguments], exact=True)
    assert found(compare(case, Torch())) == set()
    categories = {c for status, where, c in found(compare(case, Planted(**{name: fault}))) if where == check}
    assert categories & {category, "structural-zero"}


def test_evidence_of_a_failure() -> None:
    (case,) = ops("tanh", [args(X)])
    records = compare(case, Planted(tanh=scaled_gradient))
    worst = next(r for r in records if r.check == "gradient")
    assert worst.tensor == "0" and worst.index and worst.elements == 17 and worst.failing > 0
    assert abs(worst.candidate / worst.oracle - 1.001) < 1e-5
    assert worst.torch != worst.candidate and worst.z > 8 and abs(worst.candidate - worst.oracle) > worst.allowed > 0
    assert [r.status for r in records if r.check == "output"] == [PASS]
    assert records[0].seconds > 0


SHAPES = args(normal(3, 4), normal(5))


@pytest.mark.parametrize(
    ("fault", "category"),
    [
        (lambda x, y: x, "exception"),
        (
            raises(ValueError("The size of tensor a (4) must match the size of tensor b (5) at dimension 1")),
            "exception",
        ),
        (raises(RuntimeError("add: bad input")), "message"),
        (raises(RuntimeError("add: cannot match size 4 with size 6 in dimension 1")), "message"),
    ],
)
def test_wrong_refusals(fault: Callable[..., Any], category: str) -> None:
    (case,) = refuses("add", [SHAPES])
    assert found(compare(case, Torch())) == set()
    assert found(compare(case, Planted(add=fault))) == {(FAIL, "error", category)}


def test_a_refusal_in_other_words_passes() -> None:
    (case,) = refuses("add", [SHAPES])
    said = raises(RuntimeError("add: size 4 and size 5 do not broadcast (dimension 1 of [3, 4] and [5])"))
    assert found(compare(case, Planted(add=said))) == set()


def test_a_case_that_torch_accepts_is_no_refusal() -> None:
    (case,) = refuses("add", [args(normal(3), normal(3))])
    assert found(compare(case, Torch())) == {(FAIL, "error", "case")}


def test_a_case_that_torch_cannot_run_fails_as_a_case() -> None:
    (case,) = ops("add", [SHAPES])
    assert found(compare(case, Torch())) == {(FAIL, "run", "case")}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (raises(MemoryError("no room")), (OOM, "output", "exception")),
        (raises(NotImplementedError("tanh is not there yet")), (UNSUPPORTED, "output", "")),
    ],
)
def test_other_endings(fault: Callable[..., Any], expected: tuple[str, str, str]) -> None:
    (case,) = ops("tanh", [args(X)])
    assert found(compare(case, Planted(tanh=fault))) == {expected}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("candidate", [Torch(), ChannelsLast()], ids=lambda c: c.name)
def test_torch_passes_at_every_dtype(dtype: str, candidate: Torch) -> None:
    cases: list[Case] = [
        *ops("nn.functional.conv2d", [args(normal(2, 3, 6, 6), normal(4, 3, 3, 3), normal(4))], dtypes=(dtype,)),
        *ops("nn.functional.softmax", [args(normal(5, 17), dim=1)], dtypes=(dtype,)),
    ]
    for case in cases:
        assert found(compare(case, candidate)) == set()


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_wrong_factor_is_caught_at_every_dtype(dtype: str) -> None:
    (case,) = ops("tanh", [args(X)], dtypes=(dtype,))
    off = 1 + 64 * {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}[dtype]
    assert (FAIL, "output", "bound") in found(compare(case, Planted(tanh=lambda x: torch.tanh(x) * off)))


class Kernels:
    """A module of plain functions over numpy arrays."""

    @staticmethod
    def square(x: Any) -> Any:
        return x * x

    @staticmethod
    def square_backward(g: Any, x: Any) -> Any:
        return 2 * g * x

    @staticmethod
    def neg(x: Any) -> Any:
        return -x


def test_functions_over_arrays() -> None:
    kernels = Functions(Kernels, "kernels")
    (square,) = ops("square", [args(X)])
    assert found(compare(square, kernels)) == {(UNSUPPORTED, "second-order", "")}
    (neg,) = ops("neg", [args(X)])
    endings = found(compare(neg, kernels))
    assert endings and {status for status, _, _ in endings} == {UNSUPPORTED}
    (tanh,) = ops("tanh", [args(X)])
    assert found(compare(tanh, kernels)) == {(UNSUPPORTED, "run", "")}


def test_a_short_name_means_one_thing() -> None:
    """torch.norm and torch.linalg.norm take other arguments: a function does one of them."""
    kernels = Functions(SimpleNamespace(norm=None, masked_var=None, relu=None), "kernels")
    there = {"norm", "masked.var", "relu", "nn.functional.relu"}
    for name in ("norm", "linalg.norm", "masked.norm", "var", "masked.var", "relu", "nn.functional.relu"):
        (case,) = ops(name, [args(X)])
        assert (kernels.supports(case.operation, case.sample()) == "") == (name in there), name


def test_a_result_has_memory_of_its_own_where_torchs_has() -> None:
    """A namespace is asked as functions are. What comes back as it is because it is stored in another order is no view."""
    (clone,) = ops("clone", [args(X)], layouts=())
    assert found(compare(clone, Planted(clone=lambda x: x.view_as(x)))) == {(FAIL, "unchanged", "aliased-input")}
    (view,) = ops("Tensor.contiguous", [args(X)])
    assert found(compare(view, Torch())) == set()
    (stored,) = ops("Tensor.contiguous", [args(normal(2, 3, 4, 5), memory_format=named("channels_last"))])
    assert found(compare(stored, ChannelsLast())) == set()


def test_a_second_derivative_of_zero_may_be_there_or_not() -> None:
    """torch leaves out the second derivative of a linear function; zeros are as good, other numbers are not."""
    (case,) = ops("neg", [args(X)])
    assert found(compare(case, Planted(neg=lambda x: -x + 0 * x * x))) == set()
    assert (FAIL, "second-order", "structural-zero") in found(
        compare(case, Planted(neg=lambda x: -x + 1e-3 * (x - x.detach()) ** 2))
    )


def program_with_numbers(torch: Any, x: Any) -> Any:
    return {"shape": tuple(x.shape), "sum": float(x.sum()), "twice": x * 2}


def test_programs_and_plain_values() -> None:
    (case,) = ops("numbers", [args(normal(3, 4).fixed())], program=program_with_numbers)
    records = compare(case, Torch())
    assert found(records) == set()
    assert {"out.sum", "out.twice"} <= {r.tensor for r in records}
    assert all(math.isnan(r.seconds) for r in records[1:])
