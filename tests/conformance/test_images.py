"""The images that cases are made of are those of the packaged sample."""

import numpy

from conformance.images import fashion_images, fashion_labels
from refnet.datasets import FashionMNIST


def test_images_and_labels_are_the_samples_own() -> None:
    rng = numpy.random.default_rng(0)
    images, labels = fashion_images(5, start=3)(rng, "float64"), fashion_labels(5, start=3)(rng, "float64")
    sample = FashionMNIST.sample()
    assert images.shape == (5, 1, 28, 28) and labels.dtype == numpy.int64
    grey = numpy.rint((images[:, 0] * 0.3530 + 0.2860) * 255)
    assert (grey == sample.data[3:8].numpy()).all()
    assert (labels == sample.targets[3:8].numpy()).all()
