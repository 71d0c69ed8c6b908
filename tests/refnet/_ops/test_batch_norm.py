"""Batch norm's two ways, of few numbers and of many, and its walk over parts of the batch."""

import numpy as np
import pytest

import refnet
from refnet._ops import batch_norm as module
from refnet.nn.functional import batch_norm


def results(kind: str, affine: bool) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    dtype = getattr(refnet, kind)
    x, w, b = (refnet.tensor(rng.normal(3, 2, shape), dtype=dtype) for shape in ((6, 3, 5, 4), (3,), (3,)))
    mean, variance = refnet.zeros(3, dtype=dtype), refnet.ones(3, dtype=dtype)
    operands = [x, w, b] if affine else [x]
    for operand in operands:
        operand.requires_grad_()
    out = batch_norm(x, mean, variance, *operands[1:], training=True)
    out.backward(refnet.tensor(rng.normal(size=x.shape), dtype=dtype))
    return [each.numpy() for each in (out.detach(), mean, variance, *(operand.grad for operand in operands))]


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(("kind", "within"), [("float64", 1e-13), ("float32", 3e-6)])
@pytest.mark.parametrize("block", [1, 1 << 18])
def test_many_numbers_are_normalized_as_few(monkeypatch, kind, within, affine, block) -> None:
    few = results(kind, affine)
    monkeypatch.setattr(module, "_SMALL", 0)
    monkeypatch.setattr(module, "_BLOCK", block)
    for one, other in zip(few, results(kind, affine), strict=True):
        np.testing.assert_allclose(one, other, rtol=within, atol=within)
