"""`cupy.cuda.runtime`: the functions and constants of the CUDA runtime that the engine uses."""

# ruff: noqa: N815, N816  # the names are those of the runtime

from typing import Any, NamedTuple

from conformance.standin.runtime import machine, memory, order, pinned
from conformance.standin.runtime.devices import Device
from conformance.standin.runtime.errors import INSUFFICIENT_DRIVER, INVALID_DEVICE
from conformance.standin.runtime.errors import CUDARuntimeError as CUDARuntimeError

is_hip = False
cudaErrorInsufficientDriver = INSUFFICIENT_DRIVER
cudaErrorInvalidDevice = INVALID_DEVICE
errorMemoryAllocation = 2

memcpyHostToHost, memcpyHostToDevice, memcpyDeviceToHost, memcpyDeviceToDevice, memcpyDefault = range(5)
memoryTypeUnregistered, memoryTypeHost, memoryTypeDevice, memoryTypeManaged = range(4)
streamDefault, streamNonBlocking = 0, 1
streamLegacy, streamPerThread = 1, 2
streamCaptureModeGlobal, streamCaptureModeThreadLocal, streamCaptureModeRelaxed = range(3)
streamCaptureStatusNone, streamCaptureStatusActive, streamCaptureStatusInvalidated = range(3)
eventDefault, eventBlockingSync, eventDisableTiming, eventInterprocess = 0, 1, 2, 4


def getDeviceCount() -> int:
    """The number of GPUs."""
    return machine.device_count()


def getDevice() -> int:
    """The current GPU."""
    machine.device_count()
    return machine.current_device()


def setDevice(device: int) -> None:
    """Make a GPU current."""
    machine.set_current_device(int(device))


def driverGetVersion() -> int:
    """The CUDA version of the driver; 0 without one."""
    return machine.DRIVER_VERSION if machine.has_driver() else 0


def runtimeGetVersion() -> int:
    """The CUDA version of the runtime."""
    return machine.RUNTIME_VERSION


def deviceSynchronize() -> None:
    """Wait for everything on the current GPU."""
    Device().synchronize()


def memGetInfo() -> tuple[int, int]:
    """Free and total bytes of the current GPU."""
    return machine.mem_info()


def getDeviceProperties(device: int) -> dict[str, Any]:
    """What is known of a GPU."""
    if not 0 <= device < machine.device_count():
        raise CUDARuntimeError(INVALID_DEVICE)
    return {
        "name": machine.NAME,
        "totalGlobalMem": machine.MEMORY,
        "major": machine.CAPABILITY[0],
        "minor": machine.CAPABILITY[1],
        "multiProcessorCount": 108,
        "warpSize": 32,
        "maxThreadsPerBlock": 1024,
        "maxThreadsPerMultiProcessor": 2048,
        "regsPerMultiprocessor": 65536,
        "sharedMemPerBlock": 49152,
        "sharedMemPerBlockOptin": 166912,
        "sharedMemPerMultiprocessor": 167936,
        "l2CacheSize": 41943040,
        "integrated": 0,
        "isMultiGpuBoard": 0,
        "pciBusID": device,
        "pciDeviceID": 0,
        "pciDomainID": 0,
        "uuid": bytes(15) + bytes([device]),
    }


def deviceCanAccessPeer(device: int, peer: int) -> int:
    """Whether one GPU can read another's memory: no, so that nothing relies on it."""
    machine.device_count()
    return int(device == peer)


class PointerAttributes(NamedTuple):
    """Where an address lies."""

    device: int
    devicePointer: int
    hostPointer: int
    type: int


def pointerGetAttributes(ptr: int) -> PointerAttributes:
    """What kind of memory an address is in; device memory is not looked up here."""
    machine.device_count()
    if pinned.is_pinned(ptr):
        return PointerAttributes(machine.current_device(), ptr, ptr, memoryTypeHost)
    return PointerAttributes(-2, 0, 0, memoryTypeUnregistered)


def streamSynchronize(stream: int) -> None:
    """Wait for a stream."""
    order.synchronize(int(stream))


def memsetAsync(ptr: int, value: int, size: int, stream: int) -> None:
    """Fill device memory."""
    target = memory.UnownedMemory(ptr, size, None)
    memory.MemoryPointer(target, 0).memset_async(value, size)
