"""Signals: the windows they are weighted by, under torch.signal's names."""

from refnet.signal import windows as windows

__all__ = ["windows"]
