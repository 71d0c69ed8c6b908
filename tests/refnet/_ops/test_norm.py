"""The kernel under RMS norm: derivatives of both outputs to second order."""

import numpy as np
import pytest

import refnet
from refnet._ops.norm import to_unit_mean_square
from refnet.autograd import gradcheck, gradgradcheck


def numbers(*shape, offset=0.0):
    values = np.random.default_rng(1).standard_normal(shape) + offset
    return refnet.tensor(values, requires_grad=True)


@pytest.mark.parametrize("dims", [(1,), (0, 2)], ids=str)
def test_derivatives_of_both_outputs(dims) -> None:
    x = numbers(2, 4, 3)

    def both(x):
        return to_unit_mean_square(x, dims=dims, eps=0.1)

    assert gradcheck(both, (x,))
    assert gradgradcheck(both, (x,))


def test_an_output_that_is_used_twice_gets_both_gradients() -> None:
    """z times a weight: with create_graph the gradient of the weight is z again, as another tensor."""
    x, w = numbers(2, 5), numbers(5)

    def weighted(x, w):
        return to_unit_mean_square(x, dims=(1,), eps=0.1)[0] * w

    assert gradgradcheck(weighted, (x, w))
