"""Multiply-accumulates are half of the floating-point operations that torch counts."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import refnet
from refnet.utils.flops import MacCounter

# name: (function of the library, shapes of its inputs)
PROGRAMS: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "mm": (lambda t, x, y: t.mm(x, y), [(2, 3), (3, 4)]),
    "addmm": (lambda t, b, x, y: t.addmm(b, x, y), [(4,), (2, 3), (3, 4)]),
    "bmm": (lambda t, x, y: t.bmm(x, y), [(5, 2, 3), (5, 3, 4)]),
    "matmul of stacks": (lambda t, x, y: x @ y, [(5, 1, 2, 3), (7, 3, 4)]),
    "matmul of a stack and a matrix": (lambda t, x, y: x @ y, [(5, 2, 3), (3, 4)]),
    "linear": (lambda t, x, w, b: t.nn.functional.linear(x, w, b), [(6, 3), (4, 3), (4,)]),
    "linear of a sequence": (lambda t, x, w: t.nn.functional.linear(x, w), [(2, 6, 3), (4, 3)]),
    "conv1d": (lambda t, x, w: t.nn.functional.conv1d(x, w, stride=2), [(2, 3, 9), (4, 3, 3)]),
    "conv2d": (lambda t, x, w: t.nn.functional.conv2d(x, w, padding=1), [(2, 3, 5, 6), (4, 3, 3, 2)]),
    "conv3d": (lambda t, x, w: t.nn.functional.conv3d(x, w), [(1, 2, 4, 4, 4), (3, 2, 2, 3, 2)]),
    "conv2d of groups": (lambda t, x, w: t.nn.functional.conv2d(x, w, groups=2), [(2, 4, 5, 5), (6, 2, 3, 3)]),
    "conv2d with dilation": (lambda t, x, w: t.nn.functional.conv2d(x, w, dilation=2), [(2, 3, 7, 7), (4, 3, 3, 3)]),
    "conv2d that covers": (lambda t, x, w: t.nn.functional.conv2d(x, w), [(2, 3, 5, 5), (4, 3, 5, 5)]),
    "conv_transpose2d": (
        lambda t, x, w: t.nn.functional.conv_transpose2d(x, w, stride=2),
        [(2, 3, 4, 5), (3, 4, 3, 3)],
    ),
    "a network": (
        lambda t, x, w, v: t.nn.functional.linear(t.nn.functional.conv2d(x, w).relu().flatten(1), v),
        [(2, 1, 6, 6), (3, 1, 3, 3), (5, 48)],
    ),
    "nothing to multiply": (lambda t, x: t.tanh(x).sum(), [(3, 4)]),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_is_half_of_torchs_count(name: str) -> None:
    function, shapes = PROGRAMS[name]
    with FlopCounterMode(display=False) as theirs:
        function(torch, *(torch.ones(shape) for shape in shapes))
    with MacCounter() as ours:
        function(refnet, *(refnet.ones(shape) for shape in shapes))
    assert 2 * ours.total == theirs.get_total_flops(), ours.counts


def test_counts_only_inside_and_adds_up() -> None:
    x = refnet.ones(2, 3)
    counter = MacCounter()
    x @ x.T
    for _ in range(2):
        with counter:
            x @ x.T
    x @ x.T
    assert counter.counts == {"matrix_product": 24}


def test_leaves_the_chosen_algorithm_and_the_result_alone() -> None:
    x, w = refnet.rand(1, 2, 4, 4), refnet.rand(3, 2, 3, 3)
    for variant in ("naive", "im2col"):
        with refnet.backends.conv2d.using(variant):
            expected = refnet.conv2d(x, w)
            with MacCounter() as outer, MacCounter() as inner:
                got = refnet.conv2d(x, w)
            assert refnet.equal(refnet.conv2d(x, w), expected)
        assert refnet.equal(got, expected)
        assert outer.total == inner.total == 3 * 3 * 2 * 3 * 2 * 2


def test_an_error_inside_ends_the_count() -> None:
    x = refnet.ones(2, 3)
    counter = MacCounter()
    with pytest.raises(RuntimeError), counter:
        x @ x
    x @ x.T
    assert counter.total == 0
