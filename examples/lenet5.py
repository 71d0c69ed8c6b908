"""LeNet-5 learns to tell clothes apart (Fashion-MNIST), with and without dropout.

By default on the 2,000 images that come with the package, for a few epochs: seconds. `--data FOLDER` takes the full
60,000 images from a folder (`--data auto` looks where Debian's package puts them), and `python -m refnet.train` does the
same with more options, checkpoints and a comparison with torch (`--against torch`).
"""

import argparse
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import refnet
from refnet.datasets import FashionMNIST
from refnet.models import lenet5_of
from refnet.train import Curves, Trainer, plot

parser = argparse.ArgumentParser(description="LeNet-5 on Fashion-MNIST, with and without dropout.")
parser.add_argument("folder", nargs="?", type=Path, help="where to put the figure (a temporary folder)")
parser.add_argument("--data", help="a folder with the full data, or 'auto'; the packaged sample if left out")
parser.add_argument("--epochs", type=int, default=3)
options = parser.parse_args()
folder = options.folder or Path(tempfile.mkdtemp())
folder.mkdir(parents=True, exist_ok=True)


def images(train: bool) -> tuple[Any, Any]:
    """Pixels from 0 to 1, (N, 1, 28, 28), and classes, as arrays."""
    if options.data is None:
        split = FashionMNIST.sample(train)
    else:
        split = FashionMNIST(None if options.data == "auto" else options.data, train)
    return (split.data.unsqueeze(1).float() / 255).numpy(), split.targets.numpy()


def curves_of(library: Any, dropout: float, epochs: int) -> Curves:
    """Train a LeNet-5 of a library's layers: Xavier-uniform weights, batch normalization, cross entropy (softmax in it)."""
    library.manual_seed(0)
    model = lenet5_of(library)(dropout=dropout)
    optimizer = library.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    trainer = Trainer(model, library.nn.CrossEntropyLoss(), optimizer, library=library)
    return trainer.fit(
        *train, *test, epochs=epochs, eval_every=1, batch_size=64, seed=0, patience=None, progress="quiet"
    )


train, test = images(train=True), images(train=False)
print(f"{len(train[0]):,} images for training, {len(test[0]):,} for testing")
runs = {name: curves_of(refnet, p, options.epochs) for name, p in (("dropout 0.3", 0.3), ("no dropout", 0.0))}
for name, run in runs.items():
    print(f"{name}: test accuracy by epoch {[round(value, 3) for value in run['test_accuracy']]}")
    assert run.last("test_accuracy") > 0.5  # guessing gets 0.1

# While training, dropout leaves out units: the training loss is higher than without.
assert runs["dropout 0.3"].last("loss") > runs["no dropout"].last("loss")
plot(runs, folder / "lenet5.png")

# The same program with torch's layers, from the same seed: the same weights, order of images and dropout masks, so the
# same curve but for rounding, which grows from step to step.
if options.data is None and find_spec("torch"):
    import torch

    torch.set_num_threads(1)
    theirs = curves_of(torch, 0.3, epochs=1)
    difference = abs(theirs["loss"][0] - runs["dropout 0.3"]["loss"][0])
    print(f"loss of the first epoch, this engine and torch: {difference:.1e} apart")
    assert difference < 1e-4
