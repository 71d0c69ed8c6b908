"""GELU in float32 beside the definition: its error over all of the line, its slope, and what numbers like inf give."""

import math

import numpy as np
import pytest

import refnet
from refnet._ops.gelu import gelu, gelu_exact
from refnet.nn.functional import gelu as function

# from, to, error allowed as a share of P(x) where P(-x) counts (x < 0), or of 1
RANGES = [
    (-30.0, -5.0, 4e-3), (-5.0, -3.0, 1e-4), (-3.0, -1.0, 4e-6), (-1.0, 0.0, 6e-7), (0.0, 1.0, 3e-7), (1.0, 30.0, 3e-7),
]  # fmt: skip


@pytest.mark.parametrize(("low", "high", "share"), RANGES)
def test_beside_the_definition(low, high, share):
    x = np.linspace(low, high, 200_001).astype("float32")
    slope, exact_slope = np.empty_like(x), np.empty(x.shape)
    with np.errstate(all="ignore"):
        out = gelu.forward(np, x, slope=slope)
        exact = gelu_exact(np, x.astype("float64"), slope=exact_slope)
    normal = np.abs(exact) >= 2.0**-122  # below, 1 + e^-h overflows
    assert np.abs(out - exact)[~normal].max(initial=0) < 2.0**-122
    normal &= x != 0
    assert np.abs(out[normal] / exact[normal] - 1).max() < share
    assert np.abs(slope - exact_slope).max() < 5e-7


def test_infinite_and_large():
    x = np.array([math.inf, 3e38, 1e10, 40.0, -0.0, -40.0, -1e10, -3e38, -math.inf, math.nan], "float32")
    with np.errstate(all="ignore"):
        out = gelu.forward(np, x)
    np.testing.assert_array_equal(out[:4], x[:4])
    np.testing.assert_array_equal(out[4:8], 0)
    assert np.signbit(out[4]) and np.isnan(out[8:]).all()


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(
    "laid_out", [lambda x: x, lambda x: x.T, lambda x: x[::2, 1:], lambda x: x[0, 0]], ids=range(4)
)
def test_layouts_and_gradients(kind, laid_out):
    """The slope that forward leaves is the gradient that the recorded rule finds."""
    whole = refnet.tensor(np.random.default_rng(0).standard_normal((6, 4)).astype(kind), requires_grad=True)
    x = laid_out(whole)
    out = function(x)
    assert out.shape == x.shape and out.dtype is x.dtype
    (direct,) = refnet.autograd.grad(out.sum(), whole, retain_graph=True)
    (recorded,) = refnet.autograd.grad(out.sum(), whole, create_graph=True)
    within = 1e-12 if kind == "float64" else 3e-7
    np.testing.assert_allclose(direct.numpy(), recorded.detach().numpy(), rtol=within, atol=within)
