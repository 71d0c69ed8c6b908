"""Datasets of real images: what the examples and the comparison train on."""

from refnet.datasets.fashion_mnist import FashionMNIST as FashionMNIST

__all__ = ["FashionMNIST"]
