"""Pooling layers: printed form and result beside torch's."""

import numpy as np
import pytest
import torch

import refnet

LAYERS = [
    ("MaxPool{}d", (2,), {}),
    ("MaxPool{}d", (3, 2, 1, 1, False, True), {}),
    ("MaxPool{}d", (2,), {"return_indices": True, "dilation": 2}),
    ("AvgPool{}d", (2,), {}),
    ("AvgPool{}d", (3, 2, 1, True, False), {}),
    ("LPPool{}d", (2, 3), {"stride": 2, "ceil_mode": True}),
    ("AdaptiveAvgPool{}d", (3,), {}),
    ("AdaptiveMaxPool{}d", (2,), {"return_indices": True}),
]


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize(("kind", "arguments", "options"), LAYERS, ids=str)
def test_layer_is_torchs(n, kind, arguments, options):
    x = np.random.default_rng(0).random((2, 3, 7, 6, 5)[: n + 2]).astype("float32")
    found = []
    for library in (torch, refnet):
        layer = getattr(library.nn, kind.format(n))(*arguments, **options)
        out = layer(library.tensor(x))
        found.append((repr(layer), [t.numpy() for t in (out if isinstance(out, tuple) else (out,))]))
    assert found[1][0] == found[0][0]
    for ours, theirs in zip(found[1][1], found[0][1], strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_unpool_undoes_pool(n):
    """The maxima come back to their places, zeros elsewhere, also at a size the kernel leaves open."""
    x = refnet.tensor(np.random.default_rng(0).random((2, 3, 7, 5, 7)[: n + 2]).astype("float32"))
    pool = getattr(refnet.nn, f"MaxPool{n}d")(2, return_indices=True)
    unpool = getattr(refnet.nn, f"MaxUnpool{n}d")(2)
    out, indices = pool(x)
    back = unpool(out, indices, output_size=x.shape)
    assert back.shape == x.shape
    kept = back.numpy() != 0
    assert kept.sum() == out.numel()
    np.testing.assert_array_equal(back.numpy()[kept], x.numpy()[kept])
