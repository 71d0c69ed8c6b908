"""The strong Wolfe line search: a step that lowers the loss enough, to where its slope is small enough.

Along x + t d the loss f(t) with slope f'(t) = g . d has to satisfy (Nocedal and Wright 2006, chapter 3)::

    f(t)    <= f(0) + c1 t f'(0)     the loss falls                    c1 = 1e-4
    |f'(t)| <= -c2 f'(0)             and hardly goes on falling        c2 = 0.9

First a bracket is found that has such a t inside, with ever longer steps; then the bracket is narrowed. Trial steps are
minima of the cubic through both ends.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

SUFFICIENT_DECREASE = 1e-4
CURVATURE = 0.9


class Point(NamedTuple):
    """Where a step leads: the step (a number or a 0-d tensor), the loss, the flat gradient, its slope along d."""

    step: Any
    loss: float
    gradient: Any
    slope: Any


def strong_wolfe(
    evaluate: Callable[[Any], Point], start: Point, step: Any, direction: Any, *, tolerance: float, most: int
) -> tuple[Point, int]:
    """A point that satisfies both conditions, or the best found, and how often the loss was evaluated.

    - evaluate: the point of a step. start: the point of step 0. step: the first to try.
    - tolerance: a bracket smaller than that is narrowed no further. most: iterations, in both phases together.
    """

    def rises(point: Point) -> Any:
        return point.loss > start.loss + SUFFICIENT_DECREASE * point.step * start.slope

    def flat(point: Point) -> Any:
        return abs(point.slope) <= -CURVATURE * start.slope

    previous, point = start, evaluate(step)
    evaluations, iterations = 1, 0
    bracket: list[Point] = []
    while iterations < most:
        if rises(point) or (iterations > 1 and point.loss >= previous.loss):
            bracket = [previous, point]
        elif flat(point):
            return point, evaluations
        elif point.slope >= 0:
            bracket = [previous, point]
        if bracket:
            break
        low, high = point.step + 0.01 * (point.step - previous.step), point.step * 10
        step = cubic_minimum(previous, point, low, high)
        previous, point = point, evaluate(step)
        evaluations += 1
        iterations += 1
    else:
        bracket = [start, point]

    lowest, highest = _order(bracket)
    extent = direction.abs().max()
    stalled = False
    while iterations < most:
        first, second = bracket[0].step, bracket[1].step
        if abs(second - first) * extent < tolerance:
            break
        step = cubic_minimum(bracket[0], bracket[1], min(first, second), max(first, second))
        step, stalled = _inside(step, min(first, second), max(first, second), stalled)
        point = evaluate(step)
        evaluations += 1
        iterations += 1
        if rises(point) or point.loss >= bracket[lowest].loss:
            bracket[highest] = point
            lowest, highest = _order(bracket)
            continue
        done = flat(point)
        if not done and point.slope * (bracket[highest].step - bracket[lowest].step) >= 0:
            bracket[highest] = bracket[lowest]
        bracket[lowest] = point
        if done:
            break
    return bracket[lowest], evaluations


def cubic_minimum(a: Point, b: Point, low: Any, high: Any) -> Any:
    """The step in [low, high] where the cubic with the losses and slopes of both points is smallest.

    With D = a' + b' - 3 (f_a - f_b) / (a - b) and R = sqrt(D^2 - a' b'), where a is the smaller step, that is
    b - (b - a) (b' + R - D) / (b' - a' + 2 R); where there is no minimum, the middle of the interval.
    """
    difference = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.step - b.step)
    squared = difference**2 - a.slope * b.slope
    if not squared >= 0:
        return (low + high) / 2.0
    if not a.step <= b.step:
        a, b = b, a
    root = squared.sqrt()
    ratio = (b.slope + root - difference) / (b.slope - a.slope + 2 * root)
    return min(max(b.step - (b.step - a.step) * ratio, low), high)


def _order(bracket: list[Point]) -> tuple[int, int]:
    """Which end of the bracket has the lower loss, and which the higher."""
    return (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)


def _inside(step: Any, low: Any, high: Any, stalled: bool) -> tuple[Any, bool]:
    """A step that is not again so near to an end of the bracket that it would hardly shrink; and whether it is near."""
    margin = 0.1 * (high - low)
    if not min(high - step, step - low) < margin:
        return step, False
    if not (stalled or step >= high or step <= low):
        return step, True
    return (high - margin if abs(step - high) < abs(step - low) else low + margin), False
