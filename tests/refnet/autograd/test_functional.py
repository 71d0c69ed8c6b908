"""Jacobians, Hessians and products against torch; gradcheck finds what is wrong."""

import numpy as np
import pytest
import torch

import refnet


def run(library, build):
    """`build(library, make)` with float64 leaves made from lists."""
    return build(library, lambda v: library.tensor(v, dtype=library.float64))


def flat(value):
    """Nested tuples of tensors as a list of arrays."""
    if isinstance(value, tuple | list):
        return [a for item in value for a in flat(item)]
    return [value.detach().numpy()]


def two(x, y):
    return (x**2 * y).sum(0), x.exp() * y.sum()


PROGRAMS = {
    "jacobian": lambda L, t: L.autograd.functional.jacobian(lambda x: x.exp().outer(x), t([0.5, 1.0, 2.0])),
    "jacobian of two": lambda L, t: L.autograd.functional.jacobian(two, (t([[1.0, 2.0]]), t([[3.0, -1.0]]))),
    "hessian": lambda L, t: L.autograd.functional.hessian(
        lambda x: (x.tanh() ** 3).sum(), t([[0.5, 1.0], [2.0, -1.0]])
    ),
    "hessian of two": lambda L, t: L.autograd.functional.hessian(
        lambda x, y: (x * y.exp()).sum(), (t([1.0, 2.0]), t([0.5, -0.5]))
    ),
    "vjp": lambda L, t: L.autograd.functional.vjp(
        two, (t([[1.0, 2.0]]), t([[3.0, -1.0]])), (t([1.0, 2.0]), t([[1.0, 0.5]]))
    ),
    "jvp": lambda L, t: L.autograd.functional.jvp(
        two, (t([[1.0, 2.0]]), t([[3.0, -1.0]])), (t([[1.0, 2.0]]), t([[1.0, 0.5]]))
    ),
    "hvp": lambda L, t: L.autograd.functional.hvp(lambda x: (x**3).prod(), t([1.0, 2.0]), t([3.0, 4.0])),
    "vhp": lambda L, t: L.autograd.functional.vhp(lambda x: (x**3).prod(), t([1.0, 2.0]), t([3.0, 4.0])),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_against_torch(name):
    ours, theirs = flat(run(refnet, PROGRAMS[name])), flat(run(torch, PROGRAMS[name]))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15)


def test_create_graph_links_to_the_input():
    x = refnet.tensor([1.0, 2.0], requires_grad=True)
    j = refnet.autograd.functional.jacobian(lambda v: v**3, x, create_graph=True)
    j.sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]


class WrongTanh(refnet.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        out = x.tanh()
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx, g):
        (out,) = ctx.saved_tensors
        return g * (1 - out * out) * 1.01


@pytest.mark.parametrize("fast_mode", [False, True])
def test_gradcheck_finds_a_wrong_rule(fast_mode):
    x = refnet.tensor([0.5, -1.0], dtype=refnet.float64, requires_grad=True)
    assert refnet.autograd.gradcheck(lambda x: x.tanh(), x, fast_mode=fast_mode)
    with pytest.raises(refnet.autograd.GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"):
        refnet.autograd.gradcheck(WrongTanh.apply, x, fast_mode=fast_mode)
    assert not refnet.autograd.gradcheck(WrongTanh.apply, x, fast_mode=fast_mode, raise_exception=False)


def test_gradgradcheck_finds_a_wrong_second_derivative():
    class Detached(refnet.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x.detach() ** 2

    x = refnet.tensor([0.5, -1.0], dtype=refnet.float64, requires_grad=True)
    assert refnet.autograd.gradcheck(Detached.apply, x)
    with pytest.raises(refnet.autograd.GradcheckError):
        refnet.autograd.gradgradcheck(Detached.apply, x)


def test_gradcheck_needs_an_input_that_requires_grad():
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        refnet.autograd.gradcheck(lambda x: x, refnet.zeros(2))
