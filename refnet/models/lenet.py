"""LeNet-5 for 28 x 28 grey images, with batch normalization and dropout (after LeCun et al. 1998)."""

from typing import Any, ClassVar

from refnet import nn
from refnet._check import check

POOLS = {"avg": "AvgPool2d", "max": "MaxPool2d"}


class _LeNet5:
    """What makes a Module a LeNet-5, written once for every library with torch's names: `nn` is its ``nn``."""

    nn: ClassVar[Any]

    def __init__(
        self,
        *,
        pool: str = "avg",
        dropout: float = 0.3,
        batch_norm: bool = True,
        classes: int = 10,
        features: int = 120,
    ) -> None:
        super().__init__()
        check(pool in POOLS, lambda: f"LeNet5(): expected pool to be 'avg' or 'max', got {pool!r}", ValueError)
        nn = self.nn
        self.conv1 = nn.Conv2d(1, 6, kernel_size=5, padding=2)
        self.norm1 = nn.BatchNorm2d(6) if batch_norm else nn.Identity()
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.norm2 = nn.BatchNorm2d(16) if batch_norm else nn.Identity()
        self.conv3 = nn.Conv2d(16, features, kernel_size=5)
        self.norm3 = nn.BatchNorm2d(features) if batch_norm else nn.Identity()
        self.pool = getattr(nn, POOLS[pool])(kernel_size=2)
        self.fc1 = nn.Linear(features, 84)
        self.dropout = nn.Dropout(dropout)
        self.fc2 = nn.Linear(84, classes)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew, and set the biases to zero."""
        for layer in (self.conv1, self.conv2, self.conv3, self.fc1, self.fc2):
            self.nn.init.xavier_uniform_(layer.weight)
            self.nn.init.zeros_(layer.bias)

    def forward(self, input: Any) -> Any:
        """Logits (N, classes) of images (N, 1, 28, 28)."""
        x = self.pool(self.norm1(self.conv1(input)).tanh())
        x = self.pool(self.norm2(self.conv2(x)).tanh())
        x = self.norm3(self.conv3(x)).tanh().flatten(1)
        x = self.dropout(self.fc1(x)).tanh()
        return self.fc2(x)


class LeNet5(_LeNet5, nn.Module):
    """Three convolutions and two fully connected layers, with tanh between them.

    ====================  =================  ===============================================================
    layer                 result             note
    ====================  =================  ===============================================================
    input                 (N, 1, 28, 28)
    conv1 5x5, norm1      (N, 6, 28, 28)     padding 2 makes the 32 x 32 input of 1998
    tanh, pool 2x2        (N, 6, 14, 14)
    conv2 5x5, norm2      (N, 16, 10, 10)    every map sees all six maps, unlike in 1998
    tanh, pool 2x2        (N, 16, 5, 5)
    conv3 5x5, norm3      (N, 120, 1, 1)
    tanh, flatten         (N, 120)
    fc1, dropout, tanh    (N, 84)            dropping before tanh zeroes the same units as after: tanh(0) = 0
    fc2                   (N, classes)       logits: the softmax is part of the loss, `cross_entropy`
    ====================  =================  ===============================================================

    Weights of convolutions and fully connected layers are Xavier-uniform (Glorot and Bengio 2010), which suits tanh;
    their biases start at zero. Batch normalization subtracts the mean, so that the biases of the convolutions before it
    have no effect and a gradient of zero; they are kept, as in the original network.

    - pool: "avg" or "max". dropout: the probability of a zero; 0 turns it off.
    - batch_norm: whether norm1 to norm3 normalize; without it they are identities.
    - classes: the number of outputs. features: the maps of conv3; 120, or the 128 of some texts.

    Raises ValueError for another `pool`.

    >>> import refnet
    >>> model = LeNet5(pool="max").eval()
    >>> tuple(model(refnet.zeros(2, 1, 28, 28)).shape)
    (2, 10)
    >>> sum(p.numel() for p in model.parameters())
    61990
    """

    nn: ClassVar[Any] = nn


def lenet5_of(library: Any) -> Any:
    """The class `LeNet5` made of the layers of another library with torch's names.

    The two draw the same initial weights from the same seed.

    >>> import refnet
    >>> lenet5_of(refnet)(pool="max").pool
    MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
    """
    return type("LeNet5", (_LeNet5, library.nn.Module), {"nn": library.nn, "__module__": __name__})
