"""Encodings of class indices."""

from refnet._ops.index import one_hot as one_hot

__all__ = ["one_hot"]
