"""Convolution as its definition reads, in seven loops, and as a matrix product (im2col + GEMM)."""

from itertools import product

import refnet
from refnet.nn.functional import conv2d
from refnet.utils import flops

refnet.manual_seed(0)
images, kernels, stride, pad = refnet.rand(2, 3, 7, 6), refnet.rand(4, 3, 3, 3), 2, 1

# The size of the output, for each of the two dimensions: (in - k + 2 pad) // stride + 1
(b, ic, ih, iw), (oc, _, kh, kw) = images.shape, kernels.shape
oh, ow = ((size - k + 2 * pad) // stride + 1 for size, k in ((ih, kh), (iw, kw)))
print("output:", (b, oc, oh, ow))

# Seven loops: batch, output row, output column, output channel, input channel, kernel row, kernel column.
padded = refnet.nn.functional.pad(images, (pad, pad, pad, pad)).numpy()
out, w, macs = refnet.zeros(b, oc, oh, ow), kernels.numpy(), 0
for n, i, j, o, c, u, v in product(*map(range, (b, oh, ow, oc, ic, kh, kw))):
    out[n, o, i, j] += padded[n, c, i * stride + u, j * stride + v] * w[o, c, u, v]
    macs += 1  # a multiply-accumulate

# So their number is kw kh ic oc ow oh b, and that is what the counter finds.
with flops.MacCounter() as counter:
    fast = conv2d(images, kernels, stride=stride, padding=pad)
print("multiply-accumulates:", counter.total)
assert counter.total == macs == kw * kh * ic * oc * ow * oh * b

# The engine has the loops and im2col as variants of the operation, chosen by scope. All agree.
results = {"seven loops": out, "fast": fast}
for variant in ("naive", "im2col"):
    with refnet.backends.conv2d.using(variant):
        results[variant] = conv2d(images, kernels, stride=stride, padding=pad)
for name, result in results.items():
    print(f"{name:12} {result[0, 0, 0].tolist()}")
    assert tuple(result.shape) == (b, oc, oh, ow) and refnet.allclose(result, fast, rtol=1e-5)

# A whole network: LeNet-5 on one image.
with flops.MacCounter() as counter, refnet.no_grad():
    refnet.models.LeNet5().eval()(refnet.zeros(1, 1, 28, 28))
print("LeNet-5:", counter.counts)
