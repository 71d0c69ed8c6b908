"""Algorithm variants, chosen by scope: ``with refnet.backends.conv.using("naive"): ...``.

Each name is a primitive; `variants` lists its algorithms and `using` picks one for this thread inside a ``with`` block.
"""

from refnet._ops.conv import conv as conv
from refnet._ops.conv import conv as conv1d
from refnet._ops.conv import conv as conv2d
from refnet._ops.conv import conv as conv3d
from refnet._ops.conv import conv_input as conv_input
from refnet._ops.conv import conv_weight as conv_weight

__all__ = ["conv", "conv1d", "conv2d", "conv3d", "conv_input", "conv_weight"]
