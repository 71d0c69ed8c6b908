"""What the operations share that have their numbers from scipy.special: the library, and the type computed in.

scipy (and cupyx.scipy for arrays on a GPU) is imported at the first call of such an operation: importing it takes
longer than importing all of refnet.
"""

from importlib import import_module
from typing import Any

import numpy

from refnet._device import to_numpy

Array = Any


def special(xp: Any) -> Any:
    """scipy.special for the arrays of `xp`."""
    return import_module("scipy.special") if xp.__name__ == "numpy" else import_module("cupyx.scipy.special")


def airy(xp: Any, x: Array) -> Array:
    """Ai(x). cupyx.scipy.special has no Airy functions, so scipy computes it on the host for the GPU, too."""
    return xp.asarray(special(numpy).airy(to_numpy(x))[0])


def widened(xp: Any, x: Any) -> Any:
    """x as float64; what is expanded becomes row-major. A Python number stays one."""
    if not hasattr(x, "dtype"):
        return float(x)
    return x.astype(xp.float64, order="C" if 0 in x.strides else "K", copy=False)


def rounded(xp: Any, result: Any, *operands: Any) -> Array:
    """A float64 result in the type of the operands it was computed from, and in the memory order of the first of its shape."""
    arrays = [x for x in operands if hasattr(x, "dtype")]
    result = xp.asarray(result)
    out = result.astype(arrays[0].dtype, copy=False)
    first = next((x for x in arrays if x.shape == out.shape and 0 not in x.strides), None)
    if first is None or xp.empty_like(first, out.dtype).strides == out.strides:
        return out
    ordered = xp.empty_like(first, out.dtype)
    ordered[...] = out
    return ordered


def in_double(xp: Any, name: str, *operands: Any) -> Array:
    """A function of scipy.special of the operands, computed in float64 and rounded once to their type."""
    return rounded(xp, getattr(special(xp), name)(*(widened(xp, x) for x in operands)), *operands)
