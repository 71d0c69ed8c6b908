"""Memory lent to another library by DLPack."""

from typing import Any

DLPACK_CUDA = 2  # kDLCUDA


class Lent:
    """What `__dlpack__` returns, where cupy has a capsule."""

    def __init__(self, array: Any) -> None:
        self.array = array
