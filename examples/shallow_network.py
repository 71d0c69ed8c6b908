"""A shallow convolutional network: convolution, sigmoid, max pooling, fully connected, sigmoid.

Two images, a pair of trousers and a boot, with targets 1 and 0. The loss is 0.5 (y - p)^2; plain SGD with a learning
rate of 0.01 steps after each sample. (The study text's loss falls from 0.1837 to 0.1006 in 100 epochs, on two samples of
its own and from random weights of its own; how far it falls depends on these.)
"""

from itertools import pairwise

import refnet
from refnet import nn
from refnet.datasets import FashionMNIST

clothes = FashionMNIST.sample()
classes = clothes.targets.tolist()
samples = [classes.index(clothes.class_to_idx[name]) for name in ("Trouser", "Ankle boot")]
images = clothes.data[samples].unsqueeze(1).float() / 255  # (2, 1, 28, 28)
targets = refnet.tensor([[1.0], [0.0]])

refnet.manual_seed(0)
network = nn.Sequential(
    nn.Conv2d(1, 4, kernel_size=3),  # (N, 4, 26, 26)
    nn.Sigmoid(),
    nn.MaxPool2d(2),  # (N, 4, 13, 13)
    nn.Flatten(),
    nn.Linear(4 * 13 * 13, 1),
    nn.Sigmoid(),
)
optimizer = refnet.optim.SGD(network.parameters(), lr=0.01)

losses = []
for epoch in range(100):
    total = 0.0
    for image, target in zip(images, targets, strict=True):
        optimizer.zero_grad()
        loss = 0.5 * ((target - network(image.unsqueeze(0))) ** 2).sum()
        loss.backward()
        optimizer.step()
        total += loss.item()
    losses.append(total / len(images))
    if epoch % 20 == 0:
        print(f"epoch {epoch}: loss {losses[-1]:.4f}")
print(f"after 100 epochs: loss {losses[-1]:.4f}")
assert all(later < earlier for earlier, later in pairwise(losses))  # it falls every epoch
