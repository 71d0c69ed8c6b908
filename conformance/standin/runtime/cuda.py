"""The namespace `cupy.cuda` of the stand-in. `install` puts it, and its modules, into `sys.modules`."""

from types import ModuleType

from conformance.standin.runtime import capture as capture
from conformance.standin.runtime import cudart as runtime
from conformance.standin.runtime import devices as device
from conformance.standin.runtime import machine
from conformance.standin.runtime import memory as memory
from conformance.standin.runtime import pinned as pinned_memory
from conformance.standin.runtime import streams as stream
from conformance.standin.runtime.devices import Device as Device
from conformance.standin.runtime.devices import get_device_id as get_device_id
from conformance.standin.runtime.errors import CUDARuntimeError, OutOfMemoryError
from conformance.standin.runtime.memory import BaseMemory as BaseMemory
from conformance.standin.runtime.memory import Memory as Memory
from conformance.standin.runtime.memory import MemoryPointer as MemoryPointer
from conformance.standin.runtime.memory import MemoryPool as MemoryPool
from conformance.standin.runtime.memory import UnownedMemory as UnownedMemory
from conformance.standin.runtime.memory import alloc as alloc
from conformance.standin.runtime.memory import get_allocator as get_allocator
from conformance.standin.runtime.memory import set_allocator as set_allocator
from conformance.standin.runtime.memory import using_allocator as using_allocator
from conformance.standin.runtime.pinned import PinnedMemory as PinnedMemory
from conformance.standin.runtime.pinned import PinnedMemoryPointer as PinnedMemoryPointer
from conformance.standin.runtime.pinned import PinnedMemoryPool as PinnedMemoryPool
from conformance.standin.runtime.pinned import alloc_pinned_memory as alloc_pinned_memory
from conformance.standin.runtime.pinned import set_pinned_memory_allocator as set_pinned_memory_allocator
from conformance.standin.runtime.streams import Event as Event
from conformance.standin.runtime.streams import ExternalStream as ExternalStream
from conformance.standin.runtime.streams import Graph as Graph
from conformance.standin.runtime.streams import Stream as Stream
from conformance.standin.runtime.streams import get_current_stream as get_current_stream
from conformance.standin.runtime.streams import get_elapsed_time as get_elapsed_time

MODULES: dict[str, ModuleType] = {
    "runtime": runtime,
    "device": device,
    "memory": memory,
    "pinned_memory": pinned_memory,
    "stream": stream,
}


def is_available() -> bool:
    """Whether there is a GPU."""
    try:
        return machine.device_count() > 0
    except CUDARuntimeError:
        return False


__all__ = ["CUDARuntimeError", "OutOfMemoryError", "is_available"]
