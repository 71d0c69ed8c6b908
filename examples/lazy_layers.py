"""Layers that find out their input size from the first batch."""

import refnet
from refnet import nn

model = nn.Sequential(
    nn.LazyConv2d(8, kernel_size=3),  # how many input channels? the first batch tells
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.LazyLinear(10),  # no need to work out 8 * 13 * 13 by hand
)
print("before:", [type(layer).__name__ for layer in model])
out = model(refnet.rand(4, 1, 28, 28))
print("after: ", [type(layer).__name__ for layer in model])

# After the first batch they are plain layers, the same as those with the sizes given.
assert type(model[0]) is nn.Conv2d and tuple(model[0].weight.shape) == (8, 1, 3, 3)
assert type(model[4]) is nn.Linear and tuple(model[4].weight.shape) == (10, 8 * 13 * 13)
assert tuple(out.shape) == (4, 10)

# Convolution is a matrix product over copied windows (im2col); so is a layer written with `unfold`.
images, layer = refnet.rand(2, 3, 6, 6), nn.Conv2d(3, 5, kernel_size=3, padding=1)
weight, bias = layer.parameters()
windows = nn.functional.unfold(images, kernel_size=3, padding=1)  # (N, C 3 3, 36): a column for each place
product = weight.view(5, -1) @ windows + bias.view(5, 1)  # (N, 5, 36)
assert refnet.allclose(product.view(2, 5, 6, 6), layer(images), atol=1e-6)

# Pooling takes the largest of each window, which the same copy shows.
windows = nn.functional.unfold(images, kernel_size=2, stride=2).view(2, 3, 4, 9)  # (N, C, window, place)
assert refnet.equal(windows.amax(2).view(2, 3, 3, 3), nn.MaxPool2d(2)(images))
print("im2col gives the same convolution and pooling")
