"""Functions with a forward and a backward, and the graph they leave behind.

The chain rule, once by hand through three functions, then by the engine, and last through a chain of 20,000 steps.
"""

from typing import Any

import numpy as np

import refnet


class Square(refnet.autograd.Function):
    """y = x^2, dy/dx = 2 x"""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)  # what the backward will need
        return x * x

    @staticmethod
    def backward(ctx: Any, gy: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * x * gy


class Exp(refnet.autograd.Function):
    """y = exp(x), dy/dx = y"""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, gy: Any) -> Any:
        (y,) = ctx.saved_tensors
        return y * gy


# y = square(exp(square(x)))
x = refnet.Tensor(np.array(0.5), requires_grad=True)
a = Square.apply(x)
b = Exp.apply(a)
y = Square.apply(b)
print("value:", y.item())
assert y.item() == 1.648721270700128

# Every result knows the call that made it (a study text: `creator`), and that call knows those before it.
print("made by:", y.grad_fn)
assert y.grad_fn.next_functions[0][0] is b.grad_fn
assert b.grad_fn.next_functions[0][0] is a.grad_fn

# Backward follows these links. It starts from dy/dy = 1, of y's own dtype.
y.backward()
print("gradient:", x.grad)
assert x.grad.item() == 3.297442541400256 and x.grad.dtype == y.dtype

# The same from the engine's own operations.
x.grad = None
(((x**2).exp()) ** 2).backward()
assert abs(x.grad.item() - 3.297442541400256) < 1e-15

# The engine's backward is a loop, not a recursion: no chain is too deep for it, and none is too deep to be freed.
x = refnet.tensor(1.0, dtype=refnet.float64, requires_grad=True)
y = x
for _ in range(20_000):
    y = y + 1e-4
y.backward()
print("20,000 steps deep:", round(y.item(), 9), x.grad)
assert x.grad.item() == 1.0
