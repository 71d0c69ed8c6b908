"""The first real Fashion-MNIST images, from the sample that is packaged beside the engine (which is not imported)."""

import functools
import gzip
import importlib.util
from pathlib import Path

import numpy

from conformance.draw import Array, Draw, drawn

_HEADER = {"images": 16, "labels": 8}  # bytes: magic number, count, and for images the two sizes


@functools.cache
def _load(kind: str) -> Array:
    """All training "images" (N, 28, 28) or "labels" (N,) of the sample, uint8."""
    found = importlib.util.find_spec("refnet")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("the Fashion-MNIST sample comes with the package refnet, which is not installed")
    name = "train-images-idx3-ubyte.gz" if kind == "images" else "train-labels-idx1-ubyte.gz"
    path = Path(found.submodule_search_locations[0]) / "datasets" / "data" / "fashion-mnist" / name
    raw = numpy.frombuffer(gzip.decompress(path.read_bytes()), numpy.uint8)[_HEADER[kind] :]
    return raw.reshape(-1, 28, 28) if kind == "images" else raw


def fashion_images(count: int, start: int = 0) -> Draw:
    """Images start to start + count as (count, 1, 28, 28), grey values standardized to mean 0 and deviation 1."""

    def make(*_: object) -> Array:
        grey = _load("images")[start : start + count, None] / 255.0
        return (grey - 0.2860) / 0.3530  # mean and deviation over the 60,000 training images

    return drawn(f"fashion[{start}:{start + count}]", make).fixed()


def fashion_labels(count: int, start: int = 0) -> Draw:
    """The classes of the same images, int64."""
    return drawn(f"classes[{start}:{start + count}]", lambda *_: _load("labels")[start : start + count], "int64")
