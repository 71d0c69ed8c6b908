"""Make the packaged sample from a folder with the four full files: the first images of each split.

``python -m refnet.datasets.make_sample /usr/share/datasets/fashion-mnist FOLDER``
"""

import sys
from pathlib import Path

from refnet.datasets.fashion_mnist import TEST, TRAIN, FashionMNIST
from refnet.datasets.idx import write_idx


def make_sample(source: Path, folder: Path) -> None:
    """Write the four files of the sample to `folder`, checked and cut from the full files in `source`."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in (TRAIN, TEST):
        full = FashionMNIST(source, train=split is TRAIN)
        write_idx(full.data[: split.sample_length].numpy(), folder / f"{split.images.name}.gz")
        labels = full.targets[: split.sample_length].numpy().astype("uint8")
        write_idx(labels, folder / f"{split.labels.name}.gz")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m refnet.datasets.make_sample SOURCE FOLDER")
    make_sample(Path(sys.argv[1]), Path(sys.argv[2]))
