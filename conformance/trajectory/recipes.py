"""Models and data that are trained, each written once against a namespace like torch's.

Weights are what the library's own modules and `nn.init` draw after `manual_seed`: nothing is copied between libraries.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conformance.trajectory import data
from conformance.trajectory.data import Data


@dataclass(frozen=True)
class Recipe:
    """A model to train: `model(torch)` builds it, `data(name)` gives what it trains on."""

    name: str
    title: str
    model: Callable[[Any], Any]
    data: Callable[[str], Data]
    images: bool = False  # (N, C, H, W) inputs, which may lie channels last


def lenet5(torch: Any, *, dropout: float = 0.3, batch_norm: bool = True, pool: str = "avg") -> Any:
    """LeNet-5 for 28 x 28 images, Xavier-uniform weights and zero biases, as refnet.models.LeNet5 is built."""
    nn = torch.nn

    class LeNet5(torch.nn.Module):  # type: ignore[misc]  # the library is not known before it runs
        """Three convolutions and two fully connected layers, tanh between them."""

        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(1, 6, kernel_size=5, padding=2)
            self.norm1 = nn.BatchNorm2d(6) if batch_norm else nn.Identity()
            self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
            self.norm2 = nn.BatchNorm2d(16) if batch_norm else nn.Identity()
            self.conv3 = nn.Conv2d(16, 120, kernel_size=5)
            self.norm3 = nn.BatchNorm2d(120) if batch_norm else nn.Identity()
            self.pool = nn.AvgPool2d(kernel_size=2) if pool == "avg" else nn.MaxPool2d(kernel_size=2)
            self.fc1 = nn.Linear(120, 84)
            self.dropout = nn.Dropout(dropout)
            self.fc2 = nn.Linear(84, 10)
            for layer in (self.conv1, self.conv2, self.conv3, self.fc1, self.fc2):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

        def forward(self, x: Any) -> Any:
            x = self.pool(self.norm1(self.conv1(x)).tanh())
            x = self.pool(self.norm2(self.conv2(x)).tanh())
            x = self.norm3(self.conv3(x)).tanh().flatten(1)
            return self.fc2(self.dropout(self.fc1(x)).tanh())

    return LeNet5()


def mlp(torch: Any, *, dropout: float = 0.2, batch_norm: bool = True, activation: str = "ReLU") -> Any:
    """Two hidden layers of 64 units on images; default initialization."""
    nn = torch.nn
    layers = [nn.Flatten()]
    for inner in (784, 64):
        layers += [nn.Linear(inner, 64), *([nn.BatchNorm1d(64)] if batch_norm else [])]
        layers += [getattr(nn, activation)(), *([nn.Dropout(dropout)] if dropout else [])]
    return nn.Sequential(*layers, nn.Linear(64, 10))


def lstm(torch: Any) -> Any:
    """Two layers of 32 LSTM cells with dropout between them; the last step's output is classified."""
    nn = torch.nn

    class Classifier(torch.nn.Module):  # type: ignore[misc]
        """LSTM, then a linear layer."""

        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(8, 32, num_layers=2, batch_first=True, dropout=0.2)
            self.head = nn.Linear(32, 4)

        def forward(self, x: Any) -> Any:
            out, _ = self.lstm(x)
            return self.head(out[:, -1])

    return Classifier()


def attention(torch: Any) -> Any:
    """Embeddings of words and positions, one block of self-attention with layer norm, the mean, a linear layer."""
    nn = torch.nn

    class Classifier(torch.nn.Module):  # type: ignore[misc]
        """The attention half of a transformer's encoder layer, normalized first."""

        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(30, 32)
            self.positions = nn.Embedding(12, 32)
            self.norm1 = nn.LayerNorm(32)
            self.attention = nn.MultiheadAttention(32, 4, dropout=0.1, batch_first=True)
            self.dropout = nn.Dropout(0.1)
            self.norm2 = nn.LayerNorm(32)
            self.head = nn.Linear(32, 3)

        def forward(self, x: Any) -> Any:
            x = self.words(x) + self.positions(torch.arange(x.shape[1], device=x.device))
            y = self.norm1(x)
            attended, _ = self.attention(y, y, y)
            x = x + self.dropout(attended)
            return self.head(self.norm2(x).mean(1))

    return Classifier()


def with_host_masks(torch: Any, model: Any) -> Any:
    """The model with dropout masks drawn on the CPU, from float32 numbers at every precision.

    A GPU's generator draws another stream than the CPU's, and others for float64 than for float32: torch at float64
    could not follow. Dropout inside recurrent and attention layers, which draw their own masks, is turned off.
    """

    class HostDropout(torch.nn.Module):  # type: ignore[misc]
        """x mask / (1 - p) in training."""

        def __init__(self, p: float) -> None:
            super().__init__()
            self.p = p

        def forward(self, x: Any) -> Any:
            if not self.training:
                return x
            keep = torch.rand(x.shape, dtype=torch.float32, device="cpu") >= self.p
            return x * keep.to(x.dtype).to(x.device) / (1 - self.p)

    def replace(module: Any) -> None:
        if isinstance(getattr(module, "dropout", None), float):
            module.dropout = 0.0
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.Dropout):
                setattr(module, name, HostDropout(child.p))
            else:
                replace(child)

    replace(model)
    return model


def _sequences(make: Callable[[], Data]) -> Callable[[str], Data]:
    return lambda name: make()  # sequences are drawn: there is one kind


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("mlp", "MLP with batch norm and dropout", mlp, data.images),
        Recipe("mlp-plain", "MLP", lambda torch: mlp(torch, dropout=0, batch_norm=False), data.images),
        Recipe("lenet5", "LeNet-5 with batch norm and dropout", lenet5, data.images, images=True),
        Recipe("lenet5-no-dropout", "LeNet-5 with batch norm", lambda t: lenet5(t, dropout=0.0), data.images, True),
        Recipe("lenet5-no-norm", "LeNet-5 with dropout", lambda t: lenet5(t, batch_norm=False), data.images, True),
        Recipe(
            "lenet5-plain",
            "LeNet-5 without batch norm and dropout",
            lambda torch: lenet5(torch, dropout=0.0, batch_norm=False),
            data.images,
            images=True,
        ),
        Recipe("lenet5-max", "LeNet-5 with max pooling", lambda t: lenet5(t, pool="max"), data.images, True),
        Recipe("lstm", "LSTM classifier", lstm, _sequences(data.signals)),
        Recipe("attention", "embedding + attention classifier", attention, _sequences(data.tokens)),
    )
}
