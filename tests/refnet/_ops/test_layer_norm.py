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
