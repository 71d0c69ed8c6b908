"""The check of torch's own gradients: what it catches, what it calls invalid, and how far it sees."""

import math
from typing import Any

import numpy
import pytest

from conformance.cases import CHECKS, SECOND, args, normal, ops, uniform, values
from conformance.derivatives import AGREES, DISAGREES, INVALID, check_gradients, main, zero_or_tied
from conformance.differences import Line, extrapolate

FIRST = CHECKS - {SECOND}


def planted_tanh(fault: float, where: float = -math.inf) -> Any:
    """A program: tanh with a backward that is wrong by a relative `fault` wherever x > `where`."""

    def program(torch: Any, x: Any) -> Any:
        class Tanh(torch.autograd.Function):
            @staticmethod
            def forward(context: Any, x: Any) -> Any:
                context.save_for_backward(x)
                return x.tanh()

            @staticmethod
            def backward(context: Any, g: Any) -> Any:
                (x,) = context.saved_tensors
                return g * (1 - x.tanh() ** 2) * (1 + fault * (x > where))

        return Tanh.apply(x)

    return program


@pytest.mark.parametrize(
    ("fault", "where", "outcome"),
    [
        (0.0, -math.inf, AGREES),
        (1e-7, -math.inf, DISAGREES),
        (-1e-7, -math.inf, DISAGREES),
        (1e-8, -math.inf, DISAGREES),
        (1e-5, 1.0, DISAGREES),
        (1e-15, -math.inf, AGREES),
    ],
)
@pytest.mark.parametrize("size", [1, 17, 1023])
def test_a_planted_fault(fault: float, where: float, outcome: str, size: int) -> None:
    (case,) = ops(f"tanh{fault:g}", [args(normal(size, offset=0.5))], program=planted_tanh(fault, where), checks=FIRST)
    found = check_gradients(case)
    x = case.sample().arrays[0]
    assert found.outcome == (outcome if (x > where).any() else AGREES), found


def stopped(torch: Any, x: Any) -> Any:
    """A product of which autograd sees one factor only."""
    return x * x.detach()


def ignored(torch: Any, x: Any, y: Any) -> Any:
    """A result whose gradient does not reach the second input."""
    return x.exp() * y.detach().sin()


@pytest.mark.parametrize(
    ("name", "row", "program", "outcomes"),
    [
        ("stopped", args(normal(5)), stopped, [DISAGREES, DISAGREES]),
        ("ignored", args(normal(5), normal(5)), ignored, [AGREES, DISAGREES, AGREES, DISAGREES]),
        ("abs", args(values([0.0])), None, [AGREES, INVALID]),  # both sides cancel in the middle: torch's own rule
        ("relu", args(values([0.0])), None, [INVALID, INVALID]),
        ("relu", args(values([0.0, 1.0, -2.0])), None, [AGREES, AGREES]),  # the kink stays where it is
        ("amax", args(values([1.0, 1.0])), None, [AGREES, INVALID]),  # shared: the mean of both sides
        ("max", args(values([1.0, 1.0]), dim=0), None, [INVALID, INVALID]),
        ("floor", args(values([1.0])), None, [INVALID, AGREES]),
        ("floor", args(values([1.5])), None, [AGREES, AGREES]),
        ("log", args(values([1e-30, 1.0, 1e20])), None, [AGREES, AGREES]),
        ("reciprocal", args(values([1e-20, 3.0])), None, [AGREES, AGREES]),
        ("erfinv", args(uniform(9, low=-0.999, high=0.999)), None, [AGREES, AGREES]),
        ("nn.functional.prelu", args(normal(2, 3, 4), normal(3)), None, [AGREES] * 4),
        ("var", args(normal(50, offset=1000)), None, [AGREES, AGREES]),
        ("matmul", args(normal(4, 30), normal(30, 2)), None, [AGREES] * 4),
    ],
)
def test_outcomes(name: str, row: Any, program: Any, outcomes: list[str]) -> None:
    (case,) = ops(name, [row], program=program)
    found = check_gradients(case)
    assert [direction.outcome for direction in found.directions] == outcomes, found


def test_torch_multiplies_by_a_rounded_sixth() -> None:
    """Hardsigmoid's gradient at float64 has 1/6 at float32: off by 3e-8, known, and found without being told."""
    (case,) = ops("nn.functional.hardsigmoid", [args(values([0.5, -1.0, 2.0]))], checks=FIRST)
    found = check_gradients(case)
    assert found.outcome == DISAGREES and found.ok and "1/6" in found.directions[0].known
    gap = abs(found.directions[0].torch / found.directions[0].estimate - 1)
    assert math.isclose(gap, abs(float(numpy.float32(1) / numpy.float32(6)) * 6 - 1), rel_tol=1e-3)


def test_the_complex_step_is_a_second_opinion() -> None:
    (case,) = ops("tanh", [args(normal(17))], checks=FIRST)
    (found,) = check_gradients(case).directions
    assert found.method == "complex step" and found.error < 1e-15 * found.scale
    (case,) = ops("abs", [args(normal(17))], checks=FIRST)  # |x| of a complex number is another function
    assert check_gradients(case).directions[0].method == "differences"


def test_cases_without_gradients_have_nothing_to_check() -> None:
    cases = ops("relu", [args(normal(3))], checks=CHECKS - {"gradient", SECOND})
    cases += ops("eq", [args(normal(3), normal(3))])
    assert [check_gradients(case).outcome for case in cases] == ["", ""]


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (math.exp, 1.0),
        (lambda h: math.sin(50 * h), 50.0),
        (lambda h: 1e6 + 3 * h, 3.0),
        (lambda h: 1e-30 * math.expm1(h), 1e-30),
        (lambda h: math.atan(1e4 * h), 1e4),
        (lambda h: abs(h - 0.01) + abs(h + 0.003), 0.0),
        (lambda h: math.log(h + 0.01) if h > -0.01 else math.nan, 100.0),
    ],
)
def test_the_error_is_estimated(f: Any, slope: float) -> None:
    """The step is found, and the truth lies within ten times the error that is claimed, which is small."""
    found = Line(lambda h: numpy.array([f(h)]), scale=abs(slope)).central
    assert abs(found.value - slope) <= 10 * found.error
    assert found.error <= 1e-7 * max(abs(slope), 1.0)


def test_sides_differ_at_a_kink() -> None:
    line = Line(lambda h: numpy.array([math.exp(h) * (2 * h if h > 0 else h)]))
    assert abs(line.forward.value - 2) < 1e-8 and abs(line.backward.value - 1) < 1e-8
    assert line.forward.differs(line.backward)
    smooth = Line(lambda h: numpy.array([math.exp(h)]))
    assert not smooth.forward.differs(smooth.backward)


def test_roughness_is_measured() -> None:
    """A function computed through larger numbers is rougher than its size tells."""
    line = Line(lambda h: numpy.array([(1e6 + math.sin(0.7 * h)) - 1e6]))
    assert line.measured().central.error > 3 * line.central.error
    assert abs(line.measured().central.value - 0.7) < 10 * line.measured().central.error


def test_one_quotient_says_nothing() -> None:
    assert math.isinf(extrapolate([1.0], [0.0], 2).error)


def test_zero_or_tied() -> None:
    found = zero_or_tied(numpy.array([[0.0, 2.0], [-2.0, 3.0]]))
    assert found.tolist() == [[True, True], [True, False]]


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--ops", "tanh,nn.functional.hardsigmoid", "--rows", "2"]) == 0
    printed = capsys.readouterr().out
    assert "known: nn.functional.hardsigmoid" in printed and "pointwise" in printed
