"""Causes inside the computation: precision, formulas, special values, ties."""

import math
from typing import Any

import numpy
import pytest
import torch
from failing import cause

from conformance.case import args
from conformance.causes.precision import to_tf32, truncated_to_tf32
from conformance.draw import normal, positive, tied, values

F = torch.nn.functional
X, W, OUT = ("gradient", "0"), ("gradient", "1"), ("output", "out")
NAN, INF = math.nan, math.inf


def through(rounding: Any, function: Any) -> Any:
    """The function of rounded tensors."""

    def call(*tensors: Any) -> Any:
        return function(*[torch.from_numpy(rounding(t.detach().numpy())) for t in tensors])

    return call


def within(dtype: Any, function: Any) -> Any:
    """The function in another dtype, cast back."""
    return lambda *xs: function(*[x.to(dtype) for x in xs]).to(xs[0].dtype)


class InputsAtBfloat16(torch.autograd.Function):
    """A product that rounds whatever goes in, the cotangent too."""

    @staticmethod
    def forward(ctx: Any, x: Any, w: Any) -> Any:
        x, w = (a.bfloat16().float() for a in (x, w))
        ctx.save_for_backward(x, w)
        return x @ w

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        x, w = ctx.saved_tensors
        g = g.bfloat16().float()
        return g @ w.T, x.T @ g


class CotangentAtBfloat16(torch.autograd.Function):
    """A product that rounds the cotangent only."""

    @staticmethod
    def forward(ctx: Any, x: Any, w: Any) -> Any:
        ctx.save_for_backward(x, w)
        return x @ w

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        x, w = ctx.saved_tensors
        g = g.bfloat16().float()
        return g @ w.T, x.T @ g


PRODUCT = args(normal(5, 7), normal(7, 6))
PRECISION = [
    ("tanh", args(normal(33)), within(torch.float16, torch.tanh), OUT, "holds float16 numbers only: it was computed in float16"),
    ("tanh", args(normal(33)), within(torch.float16, torch.tanh), X, "holds float16 numbers only"),
    ("tanh", args(normal(33)), within(torch.bfloat16, torch.tanh), OUT, "holds bfloat16 numbers only"),
    ("tanh", args(normal(33)), lambda x: torch.tanh(x).half().float(), OUT, "equals the truth rounded to float16"),
    ("matmul", PRODUCT, through(to_tf32, torch.matmul), OUT, "inputs rounded to float16 or TF32"),
    ("matmul", args(normal(5, 7, scale=1e6), normal(7, 6)), through(to_tf32, torch.matmul), OUT, "inputs rounded to TF32 (10 bits)"),
    ("matmul", PRODUCT, through(truncated_to_tf32, torch.matmul), OUT, "inputs cut off to TF32 (10 bits)"),
    ("matmul", PRODUCT, InputsAtBfloat16.apply, OUT, "inputs rounded to bfloat16"),
    ("matmul", PRODUCT, CotangentAtBfloat16.apply, W, "cotangents rounded to bfloat16"),
    ("matmul", PRODUCT, InputsAtBfloat16.apply, X, "inputs rounded to bfloat16"),
]  # fmt: skip
DOUBLE = [
    ("matmul", PRODUCT, within(torch.float32, torch.matmul), OUT, "holds float32 numbers only"),
    ("sum", args(normal(33)), lambda x: x.float().double().sum(), OUT, "inputs rounded to float32"),
]


@pytest.mark.parametrize(("operation", "arguments", "fault", "key", "sentence"), PRECISION)
def test_precision(operation: str, arguments: Any, fault: Any, key: Any, sentence: str) -> None:
    assert sentence in cause(operation, arguments, fault, key)


@pytest.mark.parametrize(("operation", "arguments", "fault", "key", "sentence"), DOUBLE)
def test_float32_inside_float64(operation: str, arguments: Any, fault: Any, key: Any, sentence: str) -> None:
    assert sentence in cause(operation, arguments, fault, key, dtype="float64")


def normalised(x: Any, axes: Any, below: Any, mean: Any = None) -> Any:
    centre = x.mean(axes, keepdim=True) if mean is None else mean
    return (x - centre) / below((x - x.mean(axes, keepdim=True)).pow(2).mean(axes, keepdim=True))


def biased_running(x: Any, mean: Any, var: Any, training: bool) -> Any:
    """The running variance takes the biased one."""
    y = F.batch_norm(x, mean, var.clone(), training=True)
    var.mul_(0.9).add_(0.1 * x.var((0, 2), correction=0).detach())
    return y


LAYER = args(normal(4, 8), (8,), positive(8), normal(8), eps=1e-2)
BATCH = args(normal(4, 3, 5), normal(3).fixed(), positive(3).fixed(), training=True)
FORMULAS = [
    (
        "nn.functional.layer_norm", LAYER, lambda x, n, w, b, eps: normalised(x, -1, lambda v: v.sqrt() + eps) * w + b,
        OUT, "eps outside the root: (x - mean)/(sqrt(var) + eps)",
    ),
    (
        "nn.functional.layer_norm", LAYER, lambda x, n, w, b, eps: normalised(x, -1, lambda v: (v * 8 / 7 + eps).sqrt()) * w + b,
        OUT, "with the unbiased variance (divided by n - 1)",
    ),
    (
        "nn.functional.layer_norm", LAYER, lambda x, n, w, b, eps: normalised(x, -1, lambda v: (v * 8 / 7 + eps).sqrt()) * w + b,
        X, "the gradient with the unbiased variance",
    ),
    (
        "nn.functional.layer_norm", LAYER, lambda x, n, w, b, eps: normalised(x, -1, lambda v: (v + eps).sqrt(), 0.0) * w + b,
        OUT, "without subtracting the mean",
    ),
    (
        "nn.functional.layer_norm", LAYER, lambda x, n, w, b, eps: (normalised(x, -1, lambda v: (v + eps).sqrt()) + b) * w,
        OUT, "the bias added before the weight is multiplied",
    ),
    (
        "nn.functional.batch_norm", BATCH, lambda x, *_, training: normalised(x, (0,), lambda v: (v + 1e-5).sqrt()),
        OUT, "with mean and variance over dimension 0",
    ),
    (
        "nn.functional.group_norm", args(normal(2, 4, 6), 2, eps=0.1), lambda x, g, eps: normalised(x.reshape(2, 2, 12), -1, lambda v: v.sqrt() + eps).reshape(x.shape),
        OUT, "eps outside the root",
    ),
    (
        "nn.functional.batch_norm", BATCH, lambda x, *_, training: normalised(x, (0, 2), lambda v: v.sqrt() + 1e-3),
        OUT, "times a factor that is constant along dimension 0, 2",
    ),
    ("nn.functional.batch_norm", BATCH, biased_running, ("output", "2 after"), "the running variance with the biased variance"),
    ("softmax", args(values([[1.0, 2.0, 200.0], [0.0, 1.0, 300.0], [1.0, 1.0, 1.0]]), 1), lambda x, d: x.exp() / x.exp().sum(d, keepdim=True), OUT, "without subtracting the maximum"),
    ("log1p", args(normal(20, scale=1e-5)), lambda x: torch.log(1 + x), OUT, "equals log(1 + x) written out"),
    ("expm1", args(normal(20, scale=1e-5)), lambda x: torch.exp(x) - 1, OUT, "equals exp(x) - 1 written out"),
    ("remainder", args(normal(20, scale=9), 4.0), torch.fmod, OUT, "the sign of the dividend (fmod)"),
    ("log_softmax", args(values([[0.0, 200.0], [300.0, 0.0], [1.0, 2.0]]), 1), lambda x, d: torch.softmax(x, d).log(), OUT, "log of the softmax"),
    ("logcumsumexp", args(values([1.0, 2.0, 200.0, 3.0]), 0), lambda x, d: x.exp().cumsum(d).log(), OUT, "log cumsum exp(x), unshifted"),
    ("pow", args(values([1.5, -2.0, 3.0]), 3.0), lambda x, y: (x.log() * y).exp(), OUT, "equals exp(y log x)"),
    ("nn.functional.gelu", args(normal(20)), lambda x: x * torch.sigmoid(1.702 * x), OUT, "equals x sigmoid(1.702 x)"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "arguments", "fault", "key", "sentence"), FORMULAS)
def test_formulas(operation: str, arguments: Any, fault: Any, key: Any, sentence: str) -> None:
    assert sentence in cause(operation, arguments, fault, key)


SPECIAL = [
    ("exp", values([1.0, 100.0, -2.0, 200.0]), lambda t: numpy.where(t > 1e30, NAN, t), "is NaN where the truth is infinite"),
    ("exp", values([1.0, 100.0, -2.0, 200.0]), lambda t: numpy.minimum(t, numpy.finfo("float32").max), "is the largest float32"),
    ("sqrt", values([1.0, -1.0, 4.0]), lambda t: numpy.nan_to_num(t), "is zero where the truth is NaN"),
    ("sum", values([1.5, NAN, 4.25]), lambda t: 5.75, "with zero in place of the NaNs of the input '0' (told from 1 element only)"),
    ("amax", values([1.5, NAN, 4.25]), lambda t: 4.25, "with zero in place of the NaNs"),
    ("neg", values([1.0, 0.0, 0.0]), lambda t: t + 0.0, "is +0, not -0: only the sign of zeros differs"),
    ("mul", values([1e-40, 1.0, 2e-39]), lambda t: numpy.where(abs(t) < 1e-38, 0.0, t), "results are flushed"),
    ("log", values([1e-40, 1.0, 2e-39]), lambda t: numpy.where(t < -80, -INF, t), "subnormal inputs taken as zeros"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "x", "numbers", "sentence"), SPECIAL)
def test_special_values(operation: str, x: Any, numbers: Any, sentence: str) -> None:
    arguments = args(x, 1.0) if operation == "mul" else args(x)
    assert sentence in cause(operation, arguments, numbers=numbers)


class Last(torch.autograd.Function):
    """max along the last dimension whose gradient goes to the last winner, or is shared evenly."""

    @staticmethod
    def forward(ctx: Any, x: Any, how: str) -> Any:
        best = x.amax(-1)
        ctx.save_for_backward(x, best)
        ctx.how = how
        return best, x.argmax(-1)

    @staticmethod
    def backward(ctx: Any, g: Any, _: Any) -> Any:
        x, best = ctx.saved_tensors
        won = (x == best[..., None]).float()
        if ctx.how == "last":
            won = won * (won.flip(-1).cumsum(-1).flip(-1) == 1)
        return g[..., None] * won / won.sum(-1, keepdim=True), None


def kinked(x: Any) -> Any:
    """relu whose derivative at 0 is 1."""
    return torch.where(x >= 0, x, 0 * x)


LEVELS = tied(6, 9)
TIES = [
    ("max", args(LEVELS, -1), lambda x, _: Last.apply(x, "last"), X, "the last of equal values as the winner of a tie"),
    ("max", args(LEVELS, -1), lambda x, _: Last.apply(x, "even"), X, "shares the gradient evenly among equal values"),
    ("amax", args(LEVELS, -1), lambda x, d: x.max(d).values, X, "the first of equal values as the winner of a tie"),
    ("amin", args(LEVELS, -1), lambda x, d: x.min(d).values, X, "the first of equal values as the winner of a tie"),
    ("argmax", args(LEVELS, -1), lambda x, d: x.shape[-1] - 1 - x.flip(-1).argmax(-1), OUT, "the last of equal values as the winner"),
    ("argmin", args(LEVELS, -1), lambda x, d: x.shape[-1] - 1 - x.flip(-1).argmin(-1), OUT, "the last of equal values as the winner"),
    ("argsort", args(LEVELS, dim=-1, stable=True), lambda x, dim, stable: x.shape[-1] - 1 - x.flip(-1).argsort(dim=-1, stable=True), OUT, "the last of equal values in front"),
    ("relu", args(tied(40)), lambda x: torch.maximum(x, torch.zeros_like(x)), X, "a little above and below (a kink)"),
    ("relu", args(tied(40)), kinked, X, "the input '0' a little above its value"),
    ("maximum", args(tied(30), tied(30)), lambda x, y: torch.where(x >= y, x, y), X, "the input '0' a little above its value"),
    ("round", args(values([0.5, 1.5, 2.5, -0.5, -2.5, 3.2, 4.5, 6.5])), lambda x: torch.floor(x + 0.5), OUT, "equals floor(x + 1/2)"),
    ("round", args(values([0.5, 1.5, 2.5, -0.5, -2.5, 3.2, 4.5, 6.5])), lambda x: torch.sign(x) * torch.floor(x.abs() + 0.5), OUT, "farther from zero (halves rounded away)"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "arguments", "fault", "key", "sentence"), TIES)
def test_ties(operation: str, arguments: Any, fault: Any, key: Any, sentence: str) -> None:
    assert sentence in cause(operation, arguments, fault, key)
