"""Attention and transformers: properties that do not need torch (the rest are cases of conformance)."""

import math

import numpy as np
import pytest

import refnet
from refnet import nn

F = nn.functional


def numbers(*shape, seed=0):
    return refnet.tensor(np.random.default_rng(seed).standard_normal(shape))


def by_hand(q, k, v):
    """softmax(q k^T / sqrt(D)) v for one head, in numpy."""
    scores = q @ k.T / math.sqrt(q.shape[1])
    weights = np.exp(scores - scores.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True) @ v


def test_scaled_dot_product_by_hand() -> None:
    q, k, v = numbers(3, 4), numbers(5, 4, seed=1), numbers(5, 2, seed=2)
    found = F.scaled_dot_product_attention(q, k, v)
    np.testing.assert_allclose(found.numpy(), by_hand(q.numpy(), k.numpy(), v.numpy()), rtol=1e-12)


def test_a_query_that_sees_nothing_gets_zeros_and_no_gradient() -> None:
    q, k, v = (numbers(2, 4, seed=s).requires_grad_() for s in range(3))
    mask = refnet.tensor([[False, False], [True, False]])
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    out.sum().backward()
    assert out[0].tolist() == [0.0] * 4
    assert q.grad[0].tolist() == [0.0] * 4
    assert bool(refnet.isfinite(k.grad).all())


def test_later_positions_do_not_change_causal_results() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, dtype=refnet.float64)
    x = numbers(1, 6, 8)
    changed = x.clone()
    changed[0, 4:] = 3.0
    mask = nn.Transformer.generate_square_subsequent_mask(6, dtype=refnet.float64)
    first, second = (layer(inputs, src_mask=mask, is_causal=True) for inputs in (x, changed))
    np.testing.assert_allclose(first[0, :4].detach().numpy(), second[0, :4].detach().numpy(), rtol=1e-12)
    assert float((first[0, 4:] - second[0, 4:]).abs().max()) > 1e-3


@pytest.mark.parametrize("batch_first", [False, True])
def test_a_batch_is_its_samples_one_by_one(batch_first) -> None:
    attention = nn.MultiheadAttention(6, 3, batch_first=batch_first, dtype=refnet.float64)
    x = numbers(4, 4, 6)  # as many samples as positions: an exchange of the two would go through
    samples = x if batch_first else x.transpose(0, 1)
    out, weights = attention(x, x, x)
    for n in range(4):
        one, weight = attention(samples[n], samples[n], samples[n])
        whole = out[n] if batch_first else out[:, n]
        np.testing.assert_allclose(whole.detach().numpy(), one.detach().numpy(), rtol=1e-12)
        np.testing.assert_allclose(weights[n].detach().numpy(), weight.detach().numpy(), rtol=1e-12)


def test_layers_of_a_stack_start_alike_and_are_separate() -> None:
    with pytest.warns(UserWarning, match="enable_nested_tensor"):
        stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 2)
    first, second = (layer.linear1.weight for layer in stack.layers)
    assert first is not second
    assert bool((first == second).all())
