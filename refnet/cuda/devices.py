"""Which GPUs there are, which one is current, and what they can do."""

import collections
from typing import Any, Self

from refnet import _gpu
from refnet._device import gpu_index


def is_available() -> bool:
    """Whether a GPU can be used: cupy is installed, and a driver and a GPU answer. Never raises.

    >>> isinstance(is_available(), bool)
    True
    """
    return _gpu.count() > 0


def device_count() -> int:
    """The number of GPUs; 0 where cupy, a driver or a GPU is missing."""
    return _gpu.count()


def init() -> None:
    """Load cupy now rather than at the first use of a GPU; RuntimeError that says what is missing."""
    _gpu.cupy()


def is_initialized() -> bool:
    """Whether cupy has been loaded and answers."""
    return _gpu.is_loaded()


def present(device: Any) -> int:
    """The number of a GPU that is there, given as for `gpu_index`. RuntimeError for another."""
    index = gpu_index(device)
    _gpu.check_index(index)
    return index


def current_device() -> int:
    """The number of the current GPU, which "cuda" without one means. RuntimeError without a GPU."""
    _gpu.cupy()
    return _gpu.current()


def set_device(device: Any) -> None:
    """Make a GPU current; a negative number changes nothing. In most programs a ``with device(...)`` is clearer."""
    if isinstance(device, int) and device < 0:
        return
    _gpu.set_current(gpu_index(device))


class device:
    """Another current GPU inside a ``with`` block; None, or a negative number, for no change.

    >>> import refnet
    >>> with refnet.cuda.device(0):
    ...     refnet.zeros(2, device="cuda").device
    device(type='cuda', index=0)
    """

    def __init__(self, device: Any) -> None:
        self.idx = -1 if device is None or (isinstance(device, int) and device < 0) else gpu_index(device)
        self._before: list[int] = []

    def __enter__(self) -> Self:
        self._before.append(_gpu.current())
        if self.idx >= 0:
            _gpu.set_current(self.idx)
        return self

    def __exit__(self, *_: object) -> None:
        before = self._before.pop()
        if self.idx >= 0:
            _gpu.set_current(before)


class device_of(device):
    """The GPU of a tensor as the current one inside a ``with`` block; no change for a tensor elsewhere."""

    def __init__(self, obj: Any) -> None:
        super().__init__(obj.get_device() if obj.is_cuda else None)


Properties = collections.namedtuple(
    "Properties",
    (
        "name",
        "major",
        "minor",
        "total_memory",
        "multi_processor_count",
        "warp_size",
        "max_threads_per_multi_processor",
        "regs_per_multiprocessor",
        "shared_memory_per_block",
        "shared_memory_per_block_optin",
        "shared_memory_per_multiprocessor",
        "L2_cache_size",
        "is_integrated",
        "is_multi_gpu_board",
        "pci_bus_id",
        "pci_device_id",
        "pci_domain_id",
        "uuid",
    ),
)


def get_device_properties(device: Any = None) -> Any:
    """What the driver says of a GPU, under torch's names: name, total_memory (bytes), multi_processor_count, ..."""
    index = present(device)
    found = _gpu.cupy().cuda.runtime.getDeviceProperties(index)
    return Properties(
        name=found["name"].decode(),
        major=found["major"],
        minor=found["minor"],
        total_memory=found["totalGlobalMem"],
        multi_processor_count=found["multiProcessorCount"],
        warp_size=found["warpSize"],
        max_threads_per_multi_processor=found["maxThreadsPerMultiProcessor"],
        regs_per_multiprocessor=found["regsPerMultiprocessor"],
        shared_memory_per_block=found["sharedMemPerBlock"],
        shared_memory_per_block_optin=found["sharedMemPerBlockOptin"],
        shared_memory_per_multiprocessor=found["sharedMemPerMultiprocessor"],
        L2_cache_size=found["l2CacheSize"],
        is_integrated=found["integrated"],
        is_multi_gpu_board=found["isMultiGpuBoard"],
        pci_bus_id=found["pciBusID"],
        pci_device_id=found["pciDeviceID"],
        pci_domain_id=found["pciDomainID"],
        uuid=found["uuid"].hex(),
    )


def get_device_name(device: Any = None) -> str:
    """The name of a GPU."""
    return str(get_device_properties(device).name)


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """Its compute capability, major and minor."""
    found = get_device_properties(device)
    return int(found.major), int(found.minor)


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether tensors on the current GPU may be bfloat16, which takes cupy 14; without emulation, a GPU since Ampere."""
    if not is_available():
        return False
    new_enough = int(_gpu.cupy().__version__.partition(".")[0]) >= 14
    return new_enough and (including_emulation or get_device_capability() >= (8, 0))


def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    """Whether one GPU can read the memory of another directly."""
    return bool(_gpu.cupy().cuda.runtime.deviceCanAccessPeer(present(device), present(peer_device)))


def synchronize(device: Any = None) -> None:
    """Wait until everything queued on a GPU is done, on all its streams."""
    with _gpu.cupy().cuda.Device(present(device)) as there:
        there.synchronize()
