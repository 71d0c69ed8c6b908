"""The errors of a CUDA runtime, as cupy raises them: by status number, with the runtime's name and sentence."""

_SENTENCES = {
    1: ("cudaErrorInvalidValue", "invalid argument"),
    2: ("cudaErrorMemoryAllocation", "out of memory"),
    35: ("cudaErrorInsufficientDriver", "CUDA driver version is insufficient for CUDA runtime version"),
    100: ("cudaErrorNoDevice", "no CUDA-capable device is detected"),
    101: ("cudaErrorInvalidDevice", "invalid device ordinal"),
    400: ("cudaErrorInvalidResourceHandle", "invalid resource handle"),
    600: ("cudaErrorNotReady", "device not ready"),
    900: ("cudaErrorStreamCaptureUnsupported", "operation not permitted when stream is capturing"),
    901: ("cudaErrorStreamCaptureInvalidated", "operation failed due to a previous error during capture"),
    905: (
        "cudaErrorStreamCaptureImplicit",
        "operation would make the legacy stream depend on a capturing blocking stream",
    ),
    907: ("cudaErrorCapturedEvent", "operation not permitted on an event last recorded in a capturing stream"),
}

INVALID_VALUE = 1
MEMORY_ALLOCATION = 2
INSUFFICIENT_DRIVER = 35
NO_DEVICE = 100
INVALID_DEVICE = 101
INVALID_HANDLE = 400
CAPTURE_UNSUPPORTED = 900
CAPTURE_INVALIDATED = 901
CAPTURED_EVENT = 907


class CUDARuntimeError(RuntimeError):
    """A call of the runtime that failed; `why` is what the stand-in knows beyond the runtime's own sentence."""

    def __init__(self, status: int, why: str = "") -> None:
        self.status = status
        name, sentence = _SENTENCES[status]
        super().__init__(f"{name}: {sentence}" + (f" ({why})" if why else ""))

    def __reduce__(self) -> tuple[type, tuple[int]]:
        return type(self), (self.status,)


class OutOfMemoryError(MemoryError):
    """A pool that may not, or cannot, get more memory."""

    def __init__(self, size: int, total: int, limit: int = 0) -> None:
        end = f" (allocated so far: {total:,} bytes" + (f", limit set to: {limit:,} bytes)." if limit else ").")
        super().__init__(f"Out of memory allocating {size:,} bytes{end}")


class UnorderedAccess(RuntimeError):
    """Two streams touch one memory, at least one of them writing, and nothing says which comes first.

    On a GPU this is a race that mostly goes well. The stand-in knows what is ordered and raises.
    """
