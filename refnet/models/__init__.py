"""Models that are compared with torch from the same seed."""

from refnet.models.lenet import LeNet5 as LeNet5
from refnet.models.lenet import lenet5_of as lenet5_of
from refnet.models.mlp import MLP as MLP

__all__ = ["MLP", "LeNet5", "lenet5_of"]
