"""`cupy._core`: the setting for how products of matrices may round. The stand-in always computes in full."""

from typing import Any

import numpy

_TYPES = {"e": 1, "f": 1, "d": 1}  # COMPUTE_TYPE_DEFAULT


def set_compute_type(dtype: Any, compute_type: int) -> None:
    """Let cuBLAS compute products of a type in another."""
    _TYPES[numpy.dtype(dtype).char] = int(compute_type)


def get_compute_type(dtype: Any) -> int:
    """What was set."""
    return _TYPES[numpy.dtype(dtype).char]
