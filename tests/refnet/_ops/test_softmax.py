"""softmax, its logarithm and cross-entropy of rows of every length, beside their definitions in float64."""

import numpy as np
import pytest

import refnet
from refnet._ops.loss import cross_entropy
from refnet._ops.softmax import _log_softmax, _softmax
from refnet.nn import functional as F

# rows that are turned round, beside those that are too long or too few for it; enough elements to look at first
SHAPES = [(40, 1), (40, 10), (17, 16), (16, 16), (40, 17), (3, 7), (70, 300), (2, 9000), (2000, 10)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [1, 30])
def test_beside_the_definition(shape, scale):
    x = scale * np.random.default_rng(0).standard_normal(shape).astype("float32")
    wide = x.astype("float64")
    wide -= wide.max(1, keepdims=True)
    logarithm = wide - np.log(np.exp(wide).sum(1, keepdims=True))
    found = _softmax.forward(np, x, dim=1), _log_softmax.forward(np, x, dim=1)
    assert all(each.flags.c_contiguous and each.dtype == "float32" for each in found)
    np.testing.assert_allclose(found[0], np.exp(logarithm), rtol=5e-6, atol=1e-37)
    np.testing.assert_allclose(found[1], logarithm, rtol=3e-7, atol=1e-6)


@pytest.mark.parametrize("variant", ["default", "composite"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("shape", [(40, 10), (3, 7), (20, 900), (4, 5, 6)])
def test_every_backward_of_cross_entropy(variant, reduction, shape):
    """What forward leaves for the gradient serves a second backward, and says what the recorded rule says."""
    rng = np.random.default_rng(1)
    x = refnet.tensor(rng.standard_normal(shape).astype("float32"), requires_grad=True)
    target = refnet.tensor(rng.integers(0, shape[1], (shape[0], *shape[2:])))
    with cross_entropy.using(variant):
        loss = F.cross_entropy(x, target, reduction=reduction).sum()
        with refnet.no_grad():
            assert refnet.equal(F.cross_entropy(x, target, reduction=reduction).sum(), loss)
        first, second = (refnet.autograd.grad(loss, x, retain_graph=True)[0].numpy() for _ in range(2))
        (recorded,) = refnet.autograd.grad(loss, x, create_graph=True)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, recorded.detach().numpy(), rtol=2e-6, atol=1e-7)
