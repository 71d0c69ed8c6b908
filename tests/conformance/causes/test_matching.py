"""No cause where there is none, and how strongly a guess explains."""

from typing import Any

import numpy
import pytest
from failing import cause, evidence

from conformance.case import args
from conformance.causes import likely_cause
from conformance.causes.evidence import Guess
from conformance.causes.matching import match
from conformance.draw import distinct, integers, normal, positive, tied, values

RUNNING = (normal(3).fixed(), positive(3).fixed())
OUT, X = ("output", "out"), ("gradient", "0")
CALLS: list[tuple[str, Any, tuple[str, str]]] = [
    ("tanh", args(normal(1)), OUT),
    ("tanh", args(normal(2)), X),
    ("tanh", args(normal(35)), OUT),
    ("round", args(normal(20, scale=9)), OUT),
    ("sum", args(normal(3, 4)), OUT),
    ("sum", args(normal(3, 4)), X),
    ("sum", args(normal(3, 4), dim=1), OUT),
    ("var", args(normal(5, 3), dim=0), OUT),
    ("matmul", args(normal(4, 4), normal(4, 4)), X),
    ("amax", args(tied(4, 9), 1), X),
    ("softmax", args(normal(4, 4), 1), OUT),
    ("argmax", args(distinct(4, 9), 1), OUT),
    ("eq", args(tied(4, 9), 0.0), OUT),
    ("sort", args(distinct(4, 9)), ("output", "out[1]")),
    ("nn.functional.mse_loss", args(normal(4, 3), normal(4, 3)), OUT),
    ("nn.functional.mse_loss", args(normal(4, 3), normal(4, 3)), X),
    ("nn.functional.cross_entropy", args(normal(5, 3), integers(5, high=3), label_smoothing=0.1), OUT),
    ("nn.functional.layer_norm", args(normal(4, 8), (8,)), X),
    ("nn.functional.batch_norm", args(normal(2, 3, 4), *RUNNING, training=True), OUT),
    ("nn.functional.batch_norm", args(normal(2, 3, 4), *RUNNING, training=True), ("output", "2 after")),
    ("nn.functional.conv2d", args(normal(2, 3, 6, 6), normal(4, 3, 3, 3), padding=1), OUT),
    ("nn.functional.max_pool2d", args(tied(1, 2, 6, 6), 2), X),
    ("log", args(values([0.5, 1e-40, 2.0])), OUT),
]


def wrong_numbers(t: Any, seed: int, how: str) -> Any:
    rng = numpy.random.default_rng(seed)
    noise = rng.standard_normal(t.shape)
    if how == "elsewhere":
        return noise * (float(numpy.abs(t).max()) + 1) + (rng.random(t.shape) < 0.5)
    if how == "noise of a percent":
        return t * (1 + 0.01 * noise) + 1e-6 * noise
    if how == "a few elements":
        return numpy.where(rng.random(t.shape) < 0.3, noise, t)
    raise ValueError(how)


@pytest.mark.parametrize("how", ["elsewhere", "noise of a percent", "a few elements"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("operation", "arguments", "key"), [row for row in CALLS if row[0] not in ("eq", "argmax", "sort")]
)
def test_wrong_numbers_have_no_cause(operation: str, arguments: Any, key: Any, dtype: str, how: str) -> None:
    for seed in range(2):
        failed = evidence(
            operation, arguments, key=key, numbers=lambda t, s=seed: wrong_numbers(t, s, how), dtype=dtype
        )
        if failed.wrong.any():
            assert likely_cause(failed) == ""


@pytest.mark.parametrize(("operation", "arguments", "key"), CALLS)
def test_rounding_noise_has_no_cause(operation: str, arguments: Any, key: Any) -> None:
    """Even where a bound so tight fails some elements."""

    def noisy(t: Any) -> Any:
        rng = numpy.random.default_rng(3)
        return t * (1 + 2.0**-20 * rng.uniform(-1, 1, t.shape)) if t.dtype.kind == "f" else t

    assert cause(operation, arguments, key=key, numbers=noisy) == ""


@pytest.mark.parametrize("operation", ["argmax", "eq", "sort"])
def test_wrong_integers_have_no_cause(operation: str) -> None:
    _, arguments, key = next(row for row in CALLS if row[0] == operation)

    def drawn(t: Any) -> Any:
        return numpy.random.default_rng(5).integers(0, 2 if t.dtype == bool else 9, t.shape)

    assert cause(operation, arguments, key=key, numbers=drawn) == ""


def test_one_element_is_said_so() -> None:
    failed = evidence("sum", args(normal(5)), numbers=lambda t: -t)
    assert match(Guess("", -failed.t), failed).elements == 1
    assert likely_cause(failed) == "has the opposite sign (told from 1 element only)"


def test_what_a_guess_chose_is_taken_off() -> None:
    failed = evidence("tanh", args(normal(2)), numbers=lambda t: 1.7 * t)
    free, fitted = Guess("", 1.7 * failed.t), Guess("", 1.7 * failed.t, bits=20.0)
    assert match(fitted, failed).bits == match(free, failed).bits - 20.0 > 0.0
