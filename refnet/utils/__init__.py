"""Tools around training: `refnet.utils.data`, and `refnet.utils.flops`, which counts multiply-accumulates."""

from refnet.utils import data as data
from refnet.utils import flops as flops

__all__ = ["data", "flops"]
