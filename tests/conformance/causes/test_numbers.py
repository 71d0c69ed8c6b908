"""Causes that show in the numbers alone: factors, orders, shapes, places."""

from typing import Any

import numpy
import pytest
import torch
from failing import cause

from conformance.case import args
from conformance.draw import normal

X = ("gradient", "0")


def edge(t: Any) -> Any:
    """The border of the last two dimensions off."""
    noise = numpy.random.default_rng(1).standard_normal(t.shape)
    inner = numpy.zeros(t.shape, bool)
    inner[..., 1:-1, 1:-1] = True
    return numpy.where(inner, t, noise)


def tail(t: Any, value: Any = 0.0) -> Any:
    return numpy.where(numpy.arange(t.size) < t.size // 8 * 8, t, value)


def row(t: Any) -> Any:
    t = t.copy()
    t[3] = numpy.random.default_rng(2).standard_normal(t[3].shape)
    return t


def stale(t: Any) -> Any:
    t = t.copy()
    t[4] = t[3]
    return t


T, F = "tanh", args(normal(7, 5))
VECTOR = args(normal(35))

ROWS = [
    (T, F, lambda t: 0 * t, "is zero"),
    (T, F, lambda t: -t, "has the opposite sign"),
    (T, F, abs, "is the absolute value of the truth"),
    (T, F, lambda t: 7 * t, "is 7 times the truth: not divided by the batch size 7"),
    (T, F, lambda t: t / 5, "is 1/5 times the truth: divided by the size 5 of dimension 1 of the input '0' once too often"),
    (T, F, lambda t: t * 35, "not divided by the number of elements 35"),
    (T, F, lambda t: t * 7 / 6, "n/(n - 1) with n = the batch size 7"),
    (T, F, lambda t: t * numpy.sqrt(4 / 5), "the root of (n - 1)/n with n = the size 5 of dimension 1"),
    (T, F, lambda t: t / numpy.log(2), "1/(ln 2)"),
    (T, F, lambda t: 2 * t, "is 2 times the truth"),
    (T, F, lambda t: 1.0123 * t, "is 1.0123 times the truth, a constant factor"),
    (T, F, lambda t: t + 0.25, "is the truth plus 0.25"),
    (T, args(normal(5, 5)), lambda t: t.T, "equals the truth transposed (dimensions 0 and 1 exchanged)"),
    (T, F, lambda t: t.T.reshape(t.shape), "dimensions 0 and 1 exchanged, read row by row"),
    (T, F, lambda t: t.T, "equals the truth transposed"),
    (T, args(normal(2, 3, 4)), lambda t: t.transpose(2, 0, 1), "with its dimensions in the order [2, 0, 1]"),
    (T, VECTOR, lambda t: numpy.roll(t, 1), "of the previous element along dimension 0 (shifted by one, or stale)"),
    (T, F, lambda t: numpy.concatenate([t[:, 1:], t[:, :1]], 1), "of the next element along dimension 1"),
    (T, VECTOR, lambda t: t[::-1], "equals the truth reversed along dimension 0"),
    (T, VECTOR, lambda t: numpy.random.default_rng(0).permutation(t), "has the right numbers in another order"),
    (T, VECTOR, tail, "is zero, but only in the last 3 of 35 elements, what a loop of width 4 or 8 or 16 or 32 leaves over"),
    (T, VECTOR, lambda t: tail(t, 2 * t), "is 2 times the truth, but only in the last 3 of 35 elements"),
    (T, VECTOR, lambda t: tail(t, numpy.arange(35) ** 0.5), "is wrong only in the last 3 of 35 elements"),
    (T, args(normal(3, 37)), lambda t: numpy.where(numpy.arange(37) < 32, t, numpy.cos(99 * t)), "is wrong only in the last 5 along dimension 1"),
    (T, args(normal(2, 3, 8, 8)), edge, "is wrong only in the border of dimension 2, 3"),
    (T, F, row, "is wrong only in index 3 of dimension 0"),
    (T, args(normal(4, 9)), lambda t: t * (1 + t.mean(1, keepdims=True)), "is the truth times a factor that is constant along dimension 1"),
    (T, args(normal(9, 3)), lambda t: t + t.mean(0), "is the truth plus an amount that is constant along dimension 0"),
    (T, args(normal(2, 3, 5)), lambda t: t + t.mean((0, 2), keepdims=True), "is the truth plus an amount that is constant along dimension 0, 2"),
    (T, F, stale, "of the previous element along dimension 0 (shifted by one, or stale), but only in index 4 of dimension 0"),
    ("sum", args(normal(3, 4), dim=1), lambda t: t.reshape(3, 1), "equals the result with keepdim=True"),
    (T, F, lambda t: t.reshape(7, 1, 5), "a dimension of size 1 is kept"),
    ("sum", args(normal(3, 4)), lambda t: 2 * t, "is 2 times the truth (told from 1 element only)"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "arguments", "numbers", "sentence"), ROWS)
def test_numbers(operation: str, arguments: Any, numbers: Any, sentence: str) -> None:
    assert sentence in cause(operation, arguments, numbers=numbers)


def test_gradients() -> None:
    row = args(normal(4, 3), normal(3))
    summed = cause("add", row, key=("gradient", "1"), numbers=lambda t: numpy.tile(t / 4, (4, 1)))
    assert "shape [4, 3], not [3]: its sum over dimension 0 is the truth" in summed
    ignored = cause("tanh", args(normal(9)), lambda x: torch.tanh(x.detach()) + Ones.apply(x), X)
    assert "cotangent of ones: the cotangent is ignored" in ignored


class Ones(torch.autograd.Function):
    """Zero, with the gradient of sum(tanh x) whatever the cotangent."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * 0

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 1 - torch.tanh(x) ** 2
