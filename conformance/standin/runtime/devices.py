"""`cupy.cuda.Device`: the GPU that the calls of a thread go to."""

import threading
from typing import Any, Self

from conformance.standin.runtime import capture, machine, order

_ATTRIBUTES = {
    "ComputeCapabilityMajor": machine.CAPABILITY[0],
    "ComputeCapabilityMinor": machine.CAPABILITY[1],
    "MaxThreadsPerBlock": 1024,
    "MaxThreadsPerMultiProcessor": 2048,
    "MultiProcessorCount": 108,
    "WarpSize": 32,
}


class Device:
    """A GPU by its index, the current one without; a ``with`` block makes it current."""

    def __init__(self, device: Any = None) -> None:
        self.id = machine.current_device() if device is None else int(device)
        self._before = threading.local()

    def __int__(self) -> int:
        return self.id

    def __enter__(self) -> Self:
        self._before.__dict__.setdefault("stack", []).append(machine.current_device())
        machine.set_current_device(self.id)
        return self

    def __exit__(self, *_: object) -> None:
        machine.set_current_device(self._before.stack.pop())

    def use(self) -> Self:
        """Make it current."""
        machine.set_current_device(self.id)
        return self

    def synchronize(self) -> None:
        """Let the host wait for everything on it."""
        capture.refuse_sync("Device.synchronize")
        order.synchronize()

    @property
    def compute_capability(self) -> str:
        """Major and minor number without a dot: "80"."""
        machine.device_count()
        return "{}{}".format(*machine.CAPABILITY)

    @property
    def attributes(self) -> dict[str, int]:
        """What the runtime says of the device."""
        return dict(_ATTRIBUTES)

    @property
    def mem_info(self) -> tuple[int, int]:
        """Free and total bytes."""
        with self:
            return machine.mem_info()

    @property
    def pci_bus_id(self) -> str:
        """Where it is plugged in."""
        return f"0000:{self.id:02X}:00.0"

    def __eq__(self, other: object) -> bool:
        return self.id == other.id if isinstance(other, Device) else NotImplemented

    def __lt__(self, other: "Device") -> bool:
        return self.id < other.id

    def __hash__(self) -> int:
        return self.id

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"


def get_device_id() -> int:
    """The index of the current GPU."""
    machine.device_count()
    return machine.current_device()
