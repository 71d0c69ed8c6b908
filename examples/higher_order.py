"""Gradients of gradients, and when not to record any."""

import math

import refnet

# With create_graph=True the backward itself is recorded, so that its result can be differentiated again.
x = refnet.linspace(-3.0, 3.0, 7, dtype=refnet.float64, requires_grad=True)
y = x.sin()
(first,) = refnet.autograd.grad(y.sum(), x, create_graph=True)
(second,) = refnet.autograd.grad(first.sum(), x, create_graph=True)
(third,) = refnet.autograd.grad(second.sum(), x)
assert refnet.allclose(first, x.cos()) and refnet.allclose(third, -x.cos())
assert refnet.allclose(second, -x.sin())
print("sin'' = -sin:", [round(value, 4) for value in second.tolist()])

# Newton's method for a minimum: x <- x - f'(x) / f''(x). Here f(x) = x^4 - 2 x^2, from x = 2.
x = refnet.tensor(2.0, dtype=refnet.float64, requires_grad=True)
for step in range(10):
    f = x**4 - 2 * x**2
    (slope,) = refnet.autograd.grad(f, x, create_graph=True)
    (curvature,) = refnet.autograd.grad(slope, x)
    print(f"step {step}: x = {x.item():.12f}")
    with refnet.no_grad():
        x -= slope / curvature
print("Newton's method ends at", x.item())
assert math.isclose(x.item(), 1.0, abs_tol=1e-15)

# A backward frees the graph. Ask for `retain_graph` to run it twice, and for `retain_grad` to see an inner gradient.
a = refnet.tensor(3.0, requires_grad=True)
b = a * a
b.retain_grad()
c = b * 2
c.backward(retain_graph=True)
assert (a.grad.item(), b.grad.item()) == (12.0, 2.0)
c.backward()
assert a.grad.item() == 24.0  # added up
try:
    c.backward()
except RuntimeError as error:
    print("a third time:", str(error)[:56])

# Nothing is recorded without need: a study text's `using_config('enable_backprop', False)` is `no_grad`.
with refnet.no_grad():
    assert (a * a).grad_fn is None
    with refnet.enable_grad():
        assert (a * a).grad_fn is not None
with refnet.inference_mode():
    assert (a * a).is_inference()
