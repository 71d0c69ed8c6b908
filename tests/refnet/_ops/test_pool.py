"""Pools: output sizes, windows, winners and the adjoints of means, against loops and torch."""

import itertools
import math

import numpy as np
import pytest
import torch
from beside_torch import check_gradients, check_same

import refnet
from refnet._ops import pool

inf, nan = math.inf, math.nan


def drawn(*shape):
    return np.random.default_rng(0).standard_normal(shape)


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_output_sizes(ceil_mode):
    """Every small geometry that torch takes."""
    for size, kernel, stride, dilation in itertools.product(range(1, 8), range(1, 4), range(1, 5), range(1, 3)):
        for padding in range(kernel // 2 + 1):
            if size + 2 * padding >= dilation * (kernel - 1) + 1:
                expected = torch.nn.functional.max_pool1d(
                    torch.zeros(1, 1, size), kernel, stride, padding, dilation, ceil_mode
                ).shape[2]
                got = pool.pooled_size(size, kernel, stride, padding, dilation, ceil_mode)
                assert got == expected, (size, kernel, stride, padding, dilation)


def test_adaptive_windows_cover_without_gaps():
    for size, places in itertools.product(range(1, 20), range(1, 20)):
        bounds = pool.adaptive_bounds(size, places)
        assert bounds[0].start == 0
        assert bounds[-1].stop == size
        assert all(a.start < a.stop and b.start <= a.stop for a, b in itertools.pairwise([*bounds, bounds[-1]]))


WINNERS = [
    ([1.0, 3.0, 3.0, 2.0], 4, [1]),  # the first of equals
    ([nan, 1.0, nan, 2.0], 4, [2]),  # the last nan
    ([nan, inf, 1.0, 2.0], 2, [0, 3]),
    ([-inf, -inf, -inf, 0.0], 2, [0, 3]),
    ([-0.0, 0.0, 0.0, -0.0], 2, [0, 2]),
]


@pytest.mark.parametrize(("line", "kernel", "expected"), WINNERS, ids=str)
def test_winners(line, kernel, expected):
    places = (len(line) // kernel,)
    x = np.array([line])
    assert pool.winners(np, x, (kernel,), (kernel,), (0,), (1,), places).tolist() == [expected]
    assert pool.adaptive_winners(np, x, places).tolist() == [expected]


def test_gradient_of_ties_and_nan():
    """The winner alone takes the gradient, as in torch."""
    plane = [[1.0, 1.0, nan, 2.0], [1.0, 1.0, nan, 3.0], [-inf, -inf, inf, inf], [-inf, -inf, nan, inf]]
    found = []
    for library in (torch, refnet):
        x = library.tensor([[plane]], requires_grad=True)
        library.nn.functional.max_pool2d(x, 2).backward(library.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
        found.append(x.grad.tolist())
    assert found[0] == found[1]


@pytest.mark.parametrize("count_padding", [False, True])
def test_divisors_count(count_padding):
    """By putting ones in: the sum of a window's elements is their number."""
    sizes, kernel, stride, padding = (5, 6), (3, 2), (2, 3), (1, 1)
    places = tuple(map(pool.pooled_size, sizes, kernel, stride, padding, (1, 1), (True, True)))
    ones = np.zeros((20, 20))
    low = 0 if count_padding else 1
    ones[low : 5 + 2 - low, low : 6 + 2 - low] = 1
    count = pool.divisors(np, sizes, kernel, stride, padding, places, count_padding)
    for i, j in itertools.product(*map(range, places)):
        assert count[i, j] == ones[2 * i : 2 * i + 3, 3 * j : 3 * j + 2].sum()


def test_means_and_shares_are_adjoint():
    x = drawn(2, 5, 6)
    p = {"kernel": (3, 2), "stride": (2, 1), "padding": (1, 0), "places": (3, 5), "divisor": 4}
    g = drawn(2, 3, 5)
    out, share = pool.window_mean.forward(np, x, **p), pool.window_share.forward(np, g, shape=x.shape, **p)
    assert np.vdot(out, g) == pytest.approx(np.vdot(x, share))
    for places in ((2, 4), (5, 3), (1, 1), (5, 6), (7, 8), (1, 2)):
        g = drawn(2, *places)
        out = pool.adaptive_mean.forward(np, x, places=places)
        share = pool.adaptive_share.forward(np, g, shape=x.shape, places=places)
        assert np.vdot(out, g) == pytest.approx(np.vdot(x, share))


def test_equal_blocks_are_adaptive_windows():
    """The fast way of equal blocks gives the means of the windows."""
    x = drawn(2, 6, 8, 4)
    for places in ((3, 2, 4), (1, 1, 1), (6, 8, 4), (2, 4, 1)):
        out = pool.adaptive_mean.forward(np, x, places=places)
        expected = torch.nn.functional.adaptive_avg_pool3d(torch.tensor(x), places).numpy()
        np.testing.assert_allclose(out, expected, rtol=1e-13, atol=1e-15)


def test_mean_of_many_equal_numbers():
    """Pairwise sums, in whatever order the memory lies."""
    x = np.full((1, 64, 128, 2), 0.1, "float32").transpose(0, 3, 1, 2)
    np.testing.assert_allclose(pool.adaptive_mean.forward(np, x, places=(1, 1)), 0.1, rtol=5e-7)


GRADIENTS = [
    (lambda t, x: t.nn.functional.max_pool2d(x, 3, 2, 1, ceil_mode=True), (2, 2, 6, 7)),
    (lambda t, x: t.nn.functional.max_pool1d(x, 2, 1, dilation=3), (2, 9)),
    (lambda t, x: t.nn.functional.max_pool3d(x, 2, 1, 1), (1, 2, 3, 4, 3)),
    (lambda t, x: t.nn.functional.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False), (2, 2, 6, 7)),
    (lambda t, x: t.nn.functional.avg_pool3d(x, 2, divisor_override=3), (1, 2, 4, 4, 4)),
    (lambda t, x: t.nn.functional.adaptive_avg_pool2d(x, (3, 4)), (2, 2, 6, 7)),
    (lambda t, x: t.nn.functional.adaptive_max_pool2d(x, (4, 2)), (2, 2, 6, 7)),
    (lambda t, x: t.nn.functional.lp_pool2d(x.abs() + 0.5, 3, 2), (2, 2, 6, 7)),
    (
        lambda t, x: t.nn.functional.max_unpool2d(*t.nn.functional.max_pool2d(x, 2, return_indices=True), 2),
        (1, 2, 4, 6),
    ),
]


@pytest.mark.parametrize("number", range(len(GRADIENTS)))
def test_gradients_beside_torch(number):
    function, shape = GRADIENTS[number]
    check_gradients(function, drawn(*shape))


def names(library):
    return {"x": library.arange(72.0).reshape(1, 2, 6, 6)}


SAME = [
    "F.max_pool2d(x, 2)",
    "F.max_pool2d(x, 3, 2, 1, return_indices=True)",
    "F.max_pool2d(x, (2, 3), ceil_mode=True)",
    "F.max_pool2d(x.long(), 4)",
    "F.max_pool2d(x.to(memory_format=torch.channels_last), 2)",
    "F.max_pool2d(x, 2, padding=2)",
    "F.max_pool2d(x, 7)",
    "F.max_pool2d(x, 2, stride=0)",
    "F.max_pool2d(x, (2, 2, 2))",
    "F.max_pool2d(x[0, 0], 2)",
    "F.avg_pool2d(x, 4, 2, 2)",
    "F.avg_pool2d(x, 2, divisor_override=0)",
    "F.avg_pool2d(x, 2, padding=2)",
    "F.adaptive_avg_pool2d(x, (None, 2))",
    "F.adaptive_avg_pool2d(x, (1, 2, 3))",
    "F.adaptive_avg_pool2d(x.long(), 2)",
    "F.adaptive_max_pool2d(x, 4, return_indices=True)",
    "F.lp_pool2d(x, 2, 3)",
]


@pytest.mark.parametrize("source", SAME)
def test_same_as_torch(source):
    check_same(source, names, message=False)
