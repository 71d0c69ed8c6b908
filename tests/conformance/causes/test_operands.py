"""Causes among the inputs: transposed, exchanged, misread, left out, counted twice."""

from typing import Any

import pytest
import torch
from failing import cause

from conformance.case import args
from conformance.draw import booleans, normal, positive

F = torch.nn.functional
X, W, B, OUT = ("gradient", "0"), ("gradient", "1"), ("gradient", "2"), ("output", "out")
SQUARE = args(normal(4, 5), normal(5, 5))
LINEAR = args(normal(4, 5), normal(3, 5), normal(3))
CONV = args(normal(2, 3, 6, 6), normal(4, 3, 3, 3))


class OneSample(torch.autograd.Function):
    """A linear layer that forgets to sum its gradients over the batch."""

    @staticmethod
    def forward(ctx: Any, x: Any, w: Any, b: Any) -> Any:
        ctx.save_for_backward(x, w)
        return x @ w.T + b

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        x, w = ctx.saved_tensors
        return g @ w, g[-1:].T @ x[-1:], g[0]


def one_sided(x: Any, w: Any, padding: int) -> Any:
    """All padding above and to the left."""
    return F.conv2d(F.pad(x, (2 * padding, 0) * 2), w)


ROWS = [
    ("nn.functional.linear", SQUARE, lambda x, w: x @ w, OUT, "the input '1' transposed"),
    ("nn.functional.linear", SQUARE, lambda x, w: x @ w, W, "equals the truth transposed"),
    ("nn.functional.linear", SQUARE, lambda x, w: x @ w, X, "the input '1' transposed"),
    ("nn.functional.conv2d", CONV, lambda x, w: F.conv2d(x, w.flip(2, 3)), OUT, "the input '1' mirrored"),
    ("nn.functional.conv2d", CONV, lambda x, w: F.conv2d(x, w.flip(2, 3)), W, "the input '1' mirrored"),
    ("matmul", args(normal(4, 5), normal(5, 3)), lambda x, w: x @ w.T.reshape(5, 3), OUT, "'1' read column by column as if they were rows"),
    ("matmul", args(normal(4, 5), normal(5, 3)), lambda x, w: x @ w.reshape(3, 5).T, OUT, "'1' read row by row as if they were columns"),
    ("atan2", args(normal(9), normal(9)), lambda x, y: torch.atan2(y, x), OUT, "with '0' and '1' exchanged"),
    ("where", args(booleans(9), normal(9), normal(9)), lambda m, x, y: torch.where(~m, x, y), W, "the input '0' inverted"),
    ("nn.functional.linear", LINEAR, lambda x, w, b: F.linear(x, w, 2 * b), OUT, "the input '2' doubled"),
    ("nn.functional.linear", LINEAR, OneSample.apply, W, "the gradient of the last sample alone"),
    ("nn.functional.linear", LINEAR, OneSample.apply, B, "the gradient of the first sample alone"),
    ("addmm", args(normal(4, 3), normal(4, 5), normal(5, 3)), lambda c, a, b: a @ b - c, OUT, "beta=-1, not 1"),
    ("addmm", args(normal(4, 3), normal(4, 5), normal(5, 3), beta=2, alpha=3), lambda c, a, b, beta, alpha: alpha * c + beta * (a @ b), OUT, "with beta and alpha exchanged"),
    ("sum", args(normal(3, 19), dim=1), lambda x, dim: x[:, :16].sum(dim), OUT, "the input '0' without the last 3 elements along its last dimension"),
    ("matmul", args(normal(3, 9), normal(9, 4)), lambda x, w: x[:, :8] @ w[:8], OUT, "'0' without the last element"),
    ("nn.functional.conv2d", args(normal(1, 2, 6, 6), normal(3, 2, 3, 3), padding=1), one_sided, OUT, "previous element along both of the last two dimensions"),
    ("nn.functional.avg_pool2d", args(normal(1, 2, 7, 7), 3, 3), lambda x, k, s: F.avg_pool2d(x[..., 1:, 1:], k, s), OUT, "the input '0' moved by -1 along dimension 2, 3"),
    ("tanh", args(normal(9)), lambda x: x, OUT, "equals the input '0', unchanged"),
    ("mul", args(positive(9), 0.25), lambda x, a: x, OUT, "equals the input '0', unchanged"),
    ("sub", args(normal(9), normal(9)), lambda x, y: y * y - x * x, OUT, ""),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "arguments", "fault", "key", "sentence"), ROWS)
def test_operands(operation: str, arguments: Any, fault: Any, key: Any, sentence: str) -> None:
    found = cause(operation, arguments, fault, key)
    assert sentence in found if sentence else not found
