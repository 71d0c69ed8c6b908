"""Max pooling by maxima beside max pooling by winners: values, ranks, and where gradients go."""

import itertools
import math

import numpy as np
import pytest
import torch

import refnet
from refnet._ops import max_pool
from refnet._ops.pool import pooled_size
from refnet.nn.functional import max_pool2d

inf, nan = math.inf, math.nan
NAMES = ("kernel", "stride", "padding", "dilation", "places")

# sizes, kernel, stride, padding, dilation
GEOMETRIES = [
    ((9,), (3,), (2,), (1,), (1,)),
    ((8, 8), (2, 2), (2, 2), (0, 0), (1, 1)),
    ((9, 7), (3, 3), (2, 2), (0, 0), (1, 1)),
    ((9, 7), (3, 2), (1, 3), (1, 1), (2, 1)),
    ((6, 5), (1, 4), (2, 1), (0, 2), (1, 1)),
    ((4, 5, 6), (2, 3, 2), (1, 2, 2), (1, 0, 1), (1, 1, 2)),
    ((20, 20), (17, 16), (1, 2), (0, 0), (1, 1)),  # more kernel positions than a byte has values
]


def numbers(kind, *shape):
    rng = np.random.default_rng(0)
    return {
        "drawn": rng.standard_normal(shape),
        "ties": rng.integers(0, 3, shape).astype("float64"),
        "nan": np.where(rng.random(shape) < 0.2, nan, rng.standard_normal(shape)),
        "lowest": np.where(rng.random(shape) < 0.8, -inf, rng.standard_normal(shape)),
    }[kind]


@pytest.mark.parametrize("kind", ["drawn", "ties", "nan", "lowest"])
@pytest.mark.parametrize("row", GEOMETRIES, ids=str)
def test_maxima_are_those_of_the_winners(row, kind):
    sizes, *given = row
    geometry = dict(zip(NAMES, (*given, tuple(map(pooled_size, sizes, *given, itertools.repeat(False)))), strict=True))
    x = numbers(kind, 2, 3, *sizes).astype("float32")
    found = []
    for kernel in (max_pool.window_maxima.forward, max_pool.window_maxima_by_winners):
        ranks = np.empty((2, 3, *geometry["places"]), "int64")
        found.append((kernel(np, x, ranks=ranks, **geometry), ranks))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])


@pytest.mark.parametrize("block", [1, 1 << 19])
def test_planes_in_blocks(monkeypatch, block):
    monkeypatch.setattr(max_pool, "_BLOCK", block)
    x = refnet.tensor(numbers("ties", 5, 2, 7, 6), requires_grad=True)
    theirs = torch.tensor(x.detach().numpy(), requires_grad=True)
    g = np.random.default_rng(1).standard_normal((5, 2, 3, 2))
    max_pool2d(x, 3, 2).backward(refnet.tensor(g))
    torch.nn.functional.max_pool2d(theirs, 3, 2).backward(torch.tensor(g))
    np.testing.assert_allclose(x.grad.numpy(), theirs.grad.numpy(), rtol=1e-15)


def test_what_is_written_over_after_pooling_is_not_needed_again():
    """The result may be rectified in place; so may the input, whose elements the gradient does not look at."""
    x = refnet.tensor(numbers("drawn", 1, 1, 4, 4), requires_grad=True)
    out = max_pool2d(x * 1, 2)
    out.relu_()
    out.sum().backward()
    assert x.grad.sum() == (out > 0).sum()


def test_half_types_and_integers():
    x = refnet.tensor(numbers("drawn", 1, 2, 6, 6))
    for kind in (refnet.float16, refnet.bfloat16):
        half = x.to(kind)
        out = max_pool2d(half, 3, 2, 1)
        assert out.dtype is kind
        assert (out.float() == max_pool2d(half.float(), 3, 2, 1)).all()
    whole = (x * 10).long()
    assert (max_pool2d(whole, 2) == max_pool2d(whole, 2, return_indices=True)[0]).all()
