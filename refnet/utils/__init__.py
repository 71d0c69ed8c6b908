"""Tools around training: `refnet.utils.data`."""

from refnet.utils import data as data

__all__ = ["data"]
