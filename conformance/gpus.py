"""The GPUs of this machine, as its tools tell them: nothing here starts a context or imports a library under test.

Names, driver and memory come from `nvidia-smi`, which belongs to the driver; versions from the packages' metadata.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import distributions
from typing import Any

CPU = "cpu"
CONTEXT_GIB = 2.0  # of GPU memory for a worker: two libraries' kernels, their pools, and a case
_FIELDS = ("name", "driver_version", "memory.total", "clocks.sm", "clocks.mem", "temperature.gpu", "power.draw")
_PACKAGES = ("cupy", "nvidia-cudnn", "nvidia-cublas", "nvidia-cuda-nvrtc", "nvidia-cuda-runtime")
_TIMEOUT = 20.0  # seconds: a driver that is being reset answers late

# What the driver says when a kernel has left a context that no call can use any more.
_LOST = (
    "device-side assert",
    "illegal memory access",
    "illegal instruction",
    "illegal address",
    "misaligned address",
    "unspecified launch failure",
    "launch timed out",
    "hardware stack error",
    "invalid program counter",
    "cudaerrorassert",
    "cudaerrorillegaladdress",
    "cudaerrorillegalinstruction",
    "cudaerrormisalignedaddress",
    "cudaerrorlaunchfailure",
    "cudaerrorlaunchtimeout",
    "cudaerrorhardwarestackerror",
    "cudaerrorinvalidpc",
)


@dataclass(frozen=True)
class Gpu:
    """A GPU at a moment."""

    name: str
    driver: str
    memory_mib: float
    sm_mhz: float
    memory_mhz: float
    celsius: float
    watts: float


def kind(device: str) -> str:
    """The kind of a device: "cuda" of "cuda:1"."""
    return device.partition(":")[0]


def is_gpu(device: str) -> bool:
    """Whether a device is a GPU."""
    return kind(device) == "cuda"


def lost(message: str) -> bool:
    """Whether an error says that the process has lost its GPU: every later call fails, whoever makes it.

    >>> lost("CUDA error: device-side assert triggered"), lost("CUDA out of memory")
    (True, False)
    """
    lower = message.lower()
    return any(words in lower for words in _LOST)


def found() -> list[Gpu]:
    """The GPUs that the driver tells of, with their clocks and temperatures now; none where there is no driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    if ended.returncode != 0:
        return []
    return [_gpu(line) for line in ended.stdout.splitlines() if line.count(",") == len(_FIELDS) - 1]


def _gpu(line: str) -> Gpu:
    """A line of nvidia-smi's table.

    >>> _gpu("NVIDIA T4, 550.54, 15360, 585, 405, 36, [N/A]")
    Gpu(name='NVIDIA T4', driver='550.54', memory_mib=15360.0, sm_mhz=585.0, memory_mhz=405.0, celsius=36.0, watts=nan)
    """
    name, driver, *numbers = (part.strip() for part in line.split(","))
    return Gpu(name, driver, *map(_number, numbers))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:  # what a GPU does not measure
        return float("nan")


@lru_cache(maxsize=1)
def first_seen() -> tuple[Gpu, ...]:
    """`found`, asked once: what does not change while a process runs."""
    return tuple(found())


def of_device(device: str) -> Gpu | None:
    """The GPU that a device names; None where the driver does not tell."""
    visible = first_seen()
    number = int(device.partition(":")[2] or 0)
    chosen = [part.strip() for part in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    if all(part.isdecimal() for part in chosen) and number < len(chosen):
        number = int(chosen[number])
    return visible[number] if number < len(visible) else None


def packages() -> dict[str, str]:
    """The versions of cupy and of CUDA's own packages, as far as they are installed as packages."""
    versions = {}
    for each in distributions():
        name = (each.metadata["Name"] or "").lower()
        if name.startswith(_PACKAGES) and name not in versions:
            versions[name] = each.version
    return dict(sorted(versions.items()))


def facts(device: str) -> dict[str, Any]:
    """What a result on this device hangs on, beside the versions that count on every device; nothing for the CPU."""
    if kind(device) == CPU:
        return {}
    gpu = of_device(device)
    return {
        "gpu": "unknown" if gpu is None else gpu.name,
        "driver": "unknown" if gpu is None else gpu.driver,
        **packages(),
    }


def workers(device: str, processors: int) -> int:
    """How many processes share a device by default: each has a context of its own, which takes the GPU's memory."""
    if kind(device) == CPU:
        return processors
    gpu = of_device(device)
    room = 4.0 if gpu is None or not gpu.memory_mib > 0 else gpu.memory_mib / 1024 / CONTEXT_GIB
    return max(1, min(processors, int(room)))
