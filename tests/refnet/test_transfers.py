"""When the host waits for the GPU: on the stand-in for cupy, where every read of the device is counted.

An operation that does not have to know a value on the host must not ask for it. Those that do are listed here, with how
often they may ask in the first of their cases, its gradient included; docs/gpu.md says so in words.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy
import pytest

import refnet
from conformance import standin
from conformance.candidates.refnet import OnStandIn
from conformance.case import ERROR, GRADIENT, Case
from conformance.cases import catalogue
from conformance.draw import Array, is_floating

READS = {
    # the shape of the result, or of what is computed on the way, depends on values
    "argwhere": 1,
    "bincount": 2,
    "masked_select": 2,
    "nn.functional.one_hot": 1,  # without a number of classes
    "nonzero": 1,
    "nonzero_static": 1,
    "unique": 1,
    "unique_consecutive": 1,
    "histc": 2,  # without limits
    "histogram": 5,
    "histogramdd": 8,
    # the result is a bool
    "allclose": 1,
    "equal": 1,
    # torch raises an error for values
    "cholesky": 2,
    "cholesky_inverse": 1,
    "linalg.cholesky_ex": 1,
    "linalg.inv_ex": 1,
    "linalg.eigvalsh": 1,
    "linalg.svdvals": 1,
    "linalg.matrix_rank": 1,
    "linalg.cond": 1,
    "norm": 1,  # the nuclear norm
    "inverse": 2,
    "linalg.cholesky": 2,
    "linalg.inv": 2,
    "linalg.lu_factor": 1,
    "linalg.solve": 7,
    "linalg.tensorinv": 2,
    "linalg.tensorsolve": 7,
    "nn.functional.gaussian_nll_loss": 1,
    # an algorithm goes another way for other values
    "linalg.solve_ex": 6,
    "linalg.det": 3,  # the gradient, as of the three after it: a singular matrix has another
    "linalg.slogdet": 2,
    "logdet": 2,
    "slogdet": 2,
    "matrix_exp": 2,
    **{f"special.chebyshev_polynomial_{kind}": 1 for kind in "tuvw"},  # how high the degrees go
    **{f"special.shifted_chebyshev_polynomial_{kind}": 1 for kind in "tuvw"},
    "special.hermite_polynomial_h": 1,
    "special.hermite_polynomial_he": 1,
    "special.laguerre_polynomial_l": 1,
    "special.legendre_polynomial_p": 1,
    # a number that is given as a tensor
    "nn.functional.elu": 1,
    "nn.functional.leaky_relu": 1,
    # computed on the host
    "special.airy_ai": 1,
}
PROGRAMS = (  # modules and optimizers, whose programs do not look at values themselves
    "transformer stack",
    "transformer layer",
    "recurrent layer",
    "attention layer",
    "batch norm layer",
    "lenet5",
    "layer of a loss",
    "optimizer closure",
    "schedule",
    "clip",
)
UPDATES = (
    "SGD",
    "Adam",
    "AdamW",
    "RMSprop",
    "Adagrad",
    "Adadelta",
    "Adamax",
    "Rprop",
    "ASGD",
    "NAdam",
    "RAdam",
    "Muon",
)


class Counting(OnStandIn):
    """refnet on the stand-in; counts what it reads between the inputs' way there and the results' way back."""

    def __init__(self) -> None:
        super().__init__(refnet, "refnet:cupy=stand-in", "cuda")
        self.reads = 0

    def _call(self, *args: Any) -> Any:
        with standin.counted() as seen:
            result = super()._call(*args)
        self.reads += seen.synchronisations
        return result

    def _gradients(self, *args: Any, **options: Any) -> Any:
        with standin.counted() as seen:
            result = super()._gradients(*args, **options)
        self.reads += seen.synchronisations
        return result


def reads_of(case: Case) -> int:
    """How often the host waits in a case and its gradient."""
    runner, sample = Counting(), case.sample()
    order = int(GRADIENT in case.checks)
    result = runner.run(case.operation, sample, order)
    assert not result.raised, result.raised
    seeds: Sequence[Array | None] = [
        numpy.ones(value.array.shape, value.array.dtype) if value.requires_grad and is_floating(value.array) else None
        for value in result.outputs
        if value.array is not None
    ]
    if any(seed is not None for seed in seeds):
        runner.reads = 0
        result = runner.run(case.operation, case.sample(), order, seeds)
        assert not result.raised, result.raised
    return runner.reads


@cache
def first_cases() -> dict[str, Case]:
    """The first case of each operation."""
    found: dict[str, Case] = {}
    for case in catalogue().values():
        if ERROR not in case.checks:
            found.setdefault(case.operation.name, case)
    return found


def test_only_the_listed_operations_wait() -> None:
    functions = {name: case for name, case in first_cases().items() if case.operation.program is None}
    found = {name: reads for name, case in functions.items() if (reads := reads_of(case))}
    assert set(found) == set(READS)
    assert not {name: reads for name, reads in found.items() if reads > READS[name]}


@pytest.mark.parametrize("name", PROGRAMS)
def test_modules_do_not_wait(name: str) -> None:
    assert reads_of(first_cases()[name]) == 0


@pytest.mark.parametrize("name", UPDATES)
def test_optimizers_do_not_wait(name: str) -> None:
    steps = [case for case in catalogue().values() if case.operation.name == "optimizer steps"]
    plain = next(case for case in steps if f"optimizer='{name}'" in case.id and "lr=values" not in case.id)
    assert reads_of(plain) == 0


def test_a_training_step_waits_once_for_the_loss_that_is_printed() -> None:
    with standin.installed():
        model = refnet.nn.Sequential(refnet.nn.Conv2d(1, 4, 3), refnet.nn.ReLU(), refnet.nn.Flatten()).to("cuda")
        head = refnet.nn.Linear(4 * 4 * 4, 3, device="cuda")
        optimizer = refnet.optim.AdamW([*model.parameters(), *head.parameters()])
        x, y = refnet.randn(5, 1, 6, 6, device="cuda"), refnet.tensor([0, 1, 2, 0, 1], device="cuda")
        with standin.counted() as seen:
            for _ in range(3):
                optimizer.zero_grad()
                loss = refnet.nn.functional.cross_entropy(head(model(x)), y)
                loss.backward()
                refnet.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
            assert numpy.isfinite(loss.item())
        assert seen.synchronisations == 1
