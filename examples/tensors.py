"""Tensors: an array that remembers where it came from.

A study text calls this class `Variable`. It wraps an array, carries a gradient and a name, and stands in arithmetic
beside numbers and arrays, on either side.
"""

import numpy as np

import refnet

# The constructor is strict: arrays only, and the error names what it got. (Silent conversion hides mistakes.)
try:
    refnet.Tensor(1)
except TypeError as error:
    print(error)
    assert "not int" in str(error)

# `tensor` copies and converts; `as_tensor` converts, and shares the memory of what is an array already.
assert refnet.tensor(1).item() == 1
data = np.array([1.0, 2.0, 3.0])
shared = refnet.as_tensor(data)
data[0] = 10.0
assert shared[0].item() == 10.0

# What it looks like: a name, a length, a shape, a dtype, a place, and no gradient yet.
x = refnet.Tensor(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), requires_grad=True, name="x")
print(x)
assert (x.name, len(x), tuple(x.shape), x.dtype, x.device.type) == ("x", 2, (2, 3), refnet.float64, "cpu")
assert x.grad is None and x.grad_fn is None  # nothing computed x: it is a leaf

# A result of no dimensions stays a tensor, of the same dtype. (In numpy, the square of a 0-d array is a number.)
scalar = refnet.tensor(3.0, dtype=refnet.float32)
square = scalar**2
assert isinstance(square, refnet.Tensor) and square.ndim == 0 and square.dtype == refnet.float32
print("0-d squared:", square)

# Numbers and arrays stand on either side of every operator.
ones = np.ones(3)
for left, right in [
    (x + 1, 1 + x),
    (x * 2, 2 * x),
    (x + ones, ones + x),
    (1 - x, -(x - 1)),
    (x @ ones, (x * ones).sum(1)),
]:
    assert isinstance(left, refnet.Tensor) and refnet.equal(left, right)
assert refnet.equal(2 / (x / 2), 4 / x) and (2**scalar).item() == 8 and (7 // scalar).item() == 2
assert (x > 3).tolist() == [[False, False, False], [True, True, True]]

# Broadcasting repeats an operand, so its gradient is the sum over the repetitions.
row = refnet.tensor([1.0, 1.0, 1.0], dtype=refnet.float64, requires_grad=True)
(x * row).sum().backward()
print("gradient of a broadcast row:", row.grad)
assert row.grad is not None and row.grad.tolist() == [5.0, 7.0, 9.0]  # the column sums of x

# Gradients add up from one backward to the next; clear them in between (a study text: `cleargrad`).
(x * row).sum().backward()
assert row.grad.tolist() == [10.0, 14.0, 18.0]
row.grad = None
