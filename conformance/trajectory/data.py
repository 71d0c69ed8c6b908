"""What the recipes train on: images of clothing, or short sequences drawn by numpy. No library under test is asked."""

import functools
import gzip
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy

from conformance.draw import Array

SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist
SAMPLE, FASHION_MNIST = "sample", "fashion-mnist"
IMAGES = (SAMPLE, FASHION_MNIST)
_HEADER = {"images": 16, "labels": 8}  # bytes: magic number, count, and for images the two sizes
_FILES = {
    ("train", "images"): "train-images-idx3-ubyte.gz",
    ("train", "labels"): "train-labels-idx1-ubyte.gz",
    ("test", "images"): "t10k-images-idx3-ubyte.gz",
    ("test", "labels"): "t10k-labels-idx1-ubyte.gz",
}


@dataclass(frozen=True)
class Data:
    """Training and test examples: float32 or int64 inputs, int64 labels."""

    name: str
    inputs: Array
    labels: Array
    test_inputs: Array
    test_labels: Array


@functools.cache
def images(name: str) -> Data:
    """Fashion-MNIST, (N, 1, 28, 28) standardized: the `sample` packaged beside the engine, or all 70,000 images.

    Raises ValueError where there are none.
    """
    folder = _packaged() if name == SAMPLE else SYSTEM_FOLDER
    missing = [file for file in _FILES.values() if not (folder / file).is_file()]
    if missing:
        raise ValueError(f"--data {name} needs {', '.join(missing)} in {folder}")

    def read(split: str) -> tuple[Array, Array]:
        raw = {
            kind: numpy.frombuffer(gzip.decompress((folder / _FILES[split, kind]).read_bytes()), numpy.uint8)[header:]
            for kind, header in _HEADER.items()
        }
        grey = raw["images"].reshape(-1, 1, 28, 28) / numpy.float32(255)
        # The mean and the deviation over the 60,000 training images.
        return (grey - numpy.float32(0.2860)) / numpy.float32(0.3530), raw["labels"].astype(numpy.int64)

    return Data(name, *read("train"), *read("test"))


def _packaged() -> Path:
    found = importlib.util.find_spec("refnet")  # found, not imported
    if found is None or not found.submodule_search_locations:
        raise ValueError("the Fashion-MNIST sample comes with the package refnet, which is not installed")
    return Path(found.submodule_search_locations[0]) / "datasets" / "data" / "fashion-mnist"


@functools.cache
def signals(count: int = 1300, test: int = 300, *, length: int = 12, features: int = 8, classes: int = 4) -> Data:
    """Sequences (N, length, features) of noise in which feature c rises with time; c is the class."""
    rng = numpy.random.default_rng(20)
    labels = rng.integers(0, classes, count + test)
    inputs = rng.normal(size=(count + test, length, features))
    inputs[numpy.arange(count + test), :, labels] += numpy.linspace(0.0, 1.5, length)
    return _split("signals", inputs.astype(numpy.float32), labels, count)


@functools.cache
def tokens(count: int = 1300, test: int = 300, *, length: int = 12, words: int = 30, classes: int = 3) -> Data:
    """Sequences (N, length) of words; the class is the kind of word (word modulo classes) that is most frequent."""
    rng = numpy.random.default_rng(21)
    inputs = rng.integers(0, words, (count + test, length))
    kinds = (inputs[..., None] % classes == numpy.arange(classes)).sum(1)  # (N, classes)
    return _split("tokens", inputs, kinds.argmax(1), count)


def _split(name: str, inputs: Array, labels: Array, count: int) -> Data:
    labels = labels.astype(numpy.int64)
    return Data(name, inputs[:count], labels[:count], inputs[count:], labels[count:])
