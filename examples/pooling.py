"""Pooling: the largest of each window, or the mean; and back, through the stored winners."""

import refnet
from refnet.nn import functional as F

# A ramp: 4 x 4 values that grow row by row. The largest of every 2 x 2 window stands in its lower right corner.
ramp = refnet.arange(16, dtype=refnet.float64).view(1, 1, 4, 4).requires_grad_()
pooled, winners = F.max_pool2d(ramp, 2, return_indices=True)
print("maxima: ", pooled.flatten().tolist())
print("winners:", winners.flatten().tolist())  # where they stood, counted through the rows
assert pooled.tolist() == [[[[5.0, 7.0], [13.0, 15.0]]]] and winners.tolist() == [[[[5, 7], [13, 15]]]]

means = F.avg_pool2d(ramp, 2)
print("means:  ", means.flatten().tolist())
assert means.tolist() == [[[[2.5, 4.5], [10.5, 12.5]]]]

# Unpooling puts each maximum back in its place, with zeros elsewhere.
restored = F.max_unpool2d(pooled, winners, 2)
print(restored[0, 0])
assert restored.sum().item() == pooled.sum().item() and restored[0, 0, 1, 1].item() == 5.0

# That is the backward of max pooling as well: the gradient goes to the winners alone.
gradient = refnet.tensor([[[[1.0, 2.0], [3.0, 4.0]]]], dtype=refnet.float64)
pooled.backward(gradient)
assert refnet.equal(ramp.grad, F.max_unpool2d(gradient, winners, 2))

# The backward of the mean shares the gradient evenly.
ramp.grad = None
means.backward(gradient)
assert ramp.grad is not None and ramp.grad[0, 0, :2, :2].tolist() == [[0.25, 0.25], [0.25, 0.25]]

# Several equal maxima: the first wins, and takes the whole gradient.
flat = refnet.ones(1, 1, 2, 2, requires_grad=True)
F.max_pool2d(flat, 2).backward(refnet.ones(1, 1, 1, 1))
assert flat.grad is not None and flat.grad.flatten().tolist() == [1.0, 0.0, 0.0, 0.0]
