"""Algorithm variants, chosen by scope: ``with refnet.backends.conv.using("naive"): ...``.

Most names are primitives; `variants` lists the algorithms of one and `using` picks one for this thread inside a ``with``
block. On a GPU the default is a kernel, where an operation has one, and "array" the form in arrays that it stands beside;
inside ``with array_forms():`` that is taken for every operation and for the steps of optimizers. `cuda` and `cudnn` have
torch's switches for precision on a GPU: ``refnet.backends.cuda.matmul.allow_tf32``.
"""

from refnet._ops.conv import conv as conv
from refnet._ops.conv import conv as conv1d
from refnet._ops.conv import conv as conv2d
from refnet._ops.conv import conv as conv3d
from refnet._ops.conv import conv_input as conv_input
from refnet._ops.conv import conv_weight as conv_weight
from refnet._precision import cuda as cuda
from refnet._precision import cudnn as cudnn
from refnet._tape import array_forms as array_forms

__all__ = ["array_forms", "conv", "conv1d", "conv2d", "conv3d", "conv_input", "conv_weight", "cuda", "cudnn"]
