"""Batch normalization by kernels against the array form."""

from typing import Any

import numpy as np
import pytest
from on_host import HostModule, assert_close, drawn, everywhere, needs_compiler

from refnet._kernels import batch_norm as kernels
from refnet._ops import batch_norm as op

pytestmark = needs_compiler

SHAPES = [(4, 3), (3, 6, 28, 28), (8, 16, 10), (2, 1, 3, 4, 5), (2, 2, 70, 70), (2, 60)]


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scaled", [True, False])
def test_training(shape: tuple[int, ...], kind: str, scaled: bool) -> None:
    x, g = 2 * drawn(*shape, dtype=kind) + 5, drawn(*shape, dtype=kind, seed=1)
    w, b = (drawn(shape[1], dtype=kind, seed=s) if scaled else None for s in (2, 3))
    moments = np.empty((2, shape[1]))
    expected = op.batch_norm.forward(np, x, w, b, eps=1e-5, moments=moments)

    def forward(xp: HostModule) -> list[Any]:
        found = xp.empty((2, shape[1]))
        scales = [None if s is None else xp.array(s) for s in (w, b)]
        return [kernels.batch_norm(xp, xp.array(x), *scales, eps=1e-5, moments=found), found]

    out, found = everywhere(forward)
    assert_close(out, expected, 8)
    wide = x.astype("float64").swapaxes(0, 1).reshape(shape[1], -1)
    np.testing.assert_allclose(found, [wide.mean(1), wide.var(1)], rtol=1e-12)

    def backward(xp: HostModule) -> Any:
        scale = None if w is None else xp.array(w)
        return kernels.batch_norm_gradients(
            xp, xp.array(g), (True, True, True), xp.array(x), scale, 1e-5, xp.array(moments)
        )

    reference = op.batch_norm_gradients(np, g, (True, True, True), x, w, 1e-5, moments)
    cancelled = np.abs(x).max() / wide.std(1).min()  # what a rounding of x - mean is multiplied by
    for ours, theirs, terms in zip(everywhere(backward), reference, (1, x.size, x.size), strict=True):
        assert_close(ours, theirs, 16, scale=max(np.abs(theirs).max(), (terms / shape[1]) ** 0.5) * cancelled)


def test_the_mean_is_far_larger_than_the_deviation() -> None:
    x = (1e4 + drawn(4, 3, 50)).astype("float32")
    wide = x.astype("float64").swapaxes(0, 1).reshape(3, -1)
    np.testing.assert_allclose(everywhere(lambda xp: _moments(xp, x)), [wide.mean(1), wide.var(1)], rtol=1e-12)


def test_large_numbers_of_float64_do_not_cancel() -> None:
    x = 1e9 + drawn(4, 2, 3000)
    wide = x.swapaxes(0, 1).reshape(2, -1)
    np.testing.assert_allclose(everywhere(lambda xp: _moments(xp, x)), [wide.mean(1), wide.var(1)], rtol=1e-8)


def _moments(xp: HostModule, x: Any) -> Any:
    found = xp.empty((2, x.shape[1]))
    kernels.batch_norm(xp, xp.array(x), eps=1e-5, moments=found)
    return found


def test_a_channel_with_nan_does_not_touch_the_others() -> None:
    x = drawn(4, 3, 5)
    x[1, 1, 2], x[0, 2, 0] = np.nan, np.inf
    out = everywhere(lambda xp: kernels.batch_norm(xp, xp.array(x), eps=1e-5, moments=xp.empty((2, 3))))
    assert np.isfinite(out[:, 0]).all() and np.isnan(out[:, 1]).all() and np.isnan(out[:, 2]).all()


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_evaluation(kind: str) -> None:
    x, w, b, mean = drawn(4, 3, 5, dtype=kind), *(drawn(3, dtype=kind, seed=s) for s in (1, 2, 3))
    variance = mean * mean
    expected = op.normalize_by.forward(np, x, w, b, mean=mean, variance=variance, eps=1e-5)
    out = everywhere(
        lambda xp: kernels.normalize_by(
            xp, xp.array(x), xp.array(w), xp.array(b), mean=xp.array(mean), variance=xp.array(variance), eps=1e-5
        )
    )
    assert_close(out, expected, 4)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_running_statistics(kind: str) -> None:
    mean, variance, moments = drawn(5, dtype=kind), drawn(5, dtype=kind, seed=1), drawn(2, 5, seed=2)

    def move(xp: HostModule) -> list[Any]:
        found = xp.array(mean), xp.array(variance)
        assert kernels.move_statistics(xp, *found, xp.array(moments), momentum=0.1, unbiased=1.25)
        return list(found)

    ours = everywhere(move)
    assert_close(ours[0], (0.9 * mean.astype("float64") + 0.1 * moments[0]).astype(kind), 1)
    assert_close(ours[1], (0.9 * variance.astype("float64") + 0.1 * 1.25 * moments[1]).astype(kind), 1)
