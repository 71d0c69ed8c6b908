"""Is a gradient right? Compare it with the difference quotient."""

from collections.abc import Callable
from typing import Any

import refnet


def numerical_diff(f: Callable[[Any], Any], x: Any, eps: float = 1e-4) -> Any:
    """Central difference: (f(x + eps) - f(x - eps)) / (2 eps), with an error of the order of eps^2."""
    return (f(x + eps) - f(x - eps)) / (2 * eps)


def f(x: Any) -> Any:
    """The square of the exponential of the square."""
    return ((x**2).exp()) ** 2


x = refnet.tensor(0.5, dtype=refnet.float64, requires_grad=True)
with refnet.no_grad():
    estimate = numerical_diff(f, x)
f(x).backward()
print("by differences:", estimate.item())
print("by backward:   ", x.grad.item())
assert abs(estimate.item() - x.grad.item()) < 1e-6

# `gradcheck` does so for every element of every input, `gradgradcheck` for the gradient's own gradient. Use float64.
inputs = (
    refnet.rand(2, 3, dtype=refnet.float64, requires_grad=True),
    refnet.rand(3, dtype=refnet.float64, requires_grad=True),
)
assert refnet.autograd.gradcheck(lambda a, b: (a * b).tanh(), inputs)
assert refnet.autograd.gradgradcheck(lambda a, b: (a * b).tanh(), inputs)


class WrongSine(refnet.autograd.Function):
    """sin, with a sign mistake in its backward."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, gy: Any) -> Any:
        (x,) = ctx.saved_tensors
        return -x.cos() * gy


# A mistake is found, and both gradients are shown.
try:
    refnet.autograd.gradcheck(WrongSine.apply, (refnet.ones(1, dtype=refnet.float64, requires_grad=True),))
except refnet.autograd.GradcheckError as error:
    print("found:", error)
else:
    raise SystemExit("the wrong gradient was not found")
