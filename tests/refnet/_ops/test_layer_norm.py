"""Layer norm of rows: accuracy where the mean is large, and gradients in blocks."""

import numpy as np
import pytest

import refnet
from refnet._ops import layer_norm as module
from refnet._ops.layer_norm import layer_norm
from refnet.autograd import gradcheck, gradgradcheck


def numbers(*shape, offset=0.0, seed=1):
    return refnet.tensor(np.random.default_rng(seed).standard_normal(shape) + offset, requires_grad=True)


def normalized(x, w=None, b=None, eps=0.1):
    return layer_norm(x, w, b, eps=eps, moments=np.empty((2, len(x))))


def test_derivatives_to_second_order() -> None:
    operands = numbers(4, 3), numbers(3, seed=2), numbers(3, seed=3)
    assert gradcheck(normalized, operands)
    assert gradgradcheck(normalized, operands)


@pytest.mark.parametrize(("kind", "offset", "within"), [("float64", 1e6, 1e-12), ("float32", 1e3, 3e-7)])
def test_a_large_mean_costs_nothing(kind, offset, within) -> None:
    x = numbers(3, 1000, offset=offset).detach().to(getattr(refnet, kind))
    wide = x.numpy().astype(np.longdouble)
    exact = wide - wide.mean(1, keepdims=True)
    exact /= exact.std(1, keepdims=True)
    np.testing.assert_allclose(normalized(x, eps=0.0).numpy(), exact, rtol=within, atol=within)


OFFSETS = [0.0, 0.5, 3.0, 1e4, np.linspace(-5, 50, 7)[:, None]]  # from a mean of nothing to one that is all there is


@pytest.mark.parametrize("offset", OFFSETS, ids=range(len(OFFSETS)))
def test_beside_the_definition(offset) -> None:
    x = np.random.default_rng(0).standard_normal((7, 40)) + offset
    w, b = np.random.default_rng(1).standard_normal((2, 40))
    found, exact = np.empty((2, 7)), np.empty((2, 7))
    out = layer_norm.forward(np, x, w, b, eps=1e-5, moments=found)
    expected = layer_norm.variants["by_steps"](np, x, w, b, eps=1e-5, moments=exact)
    np.testing.assert_allclose(out, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found, exact, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("offset", OFFSETS, ids=range(len(OFFSETS)))
def test_direct_gradients_are_the_rules_where_means_are_large(offset) -> None:
    operands = numbers(7, 40, offset=offset), numbers(40, seed=2), numbers(40, seed=3)
    out, g = normalized(*operands), numbers(7, 40, seed=4).detach()
    recorded = refnet.autograd.grad(out, operands, g, create_graph=True)
    direct = refnet.autograd.grad(out, operands, g)
    for theirs, ours in zip(recorded, direct, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=1e-9, atol=1e-9)


def test_blocks_of_rows_are_one_whole(monkeypatch) -> None:
    """Sums over rows, in as many blocks as there are rows, are those of one block."""

    def gradients():
        operands = numbers(7, 5), numbers(5, seed=2), numbers(5, seed=3)
        out = normalized(*operands)
        out.backward(numbers(7, 5, seed=4).detach())
        return [out.detach().numpy(), *(operand.grad.numpy() for operand in operands)]

    whole = gradients()
    monkeypatch.setattr(module, "_BLOCK", 1)
    for one, other in zip(whole, gradients(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-15)
