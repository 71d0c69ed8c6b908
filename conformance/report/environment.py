"""What a run was made on."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from conformance.run import Outcome

PACKAGES = ("refnet", "torch", "numpy", "ml_dtypes", "pandas")


def environment(outcome: Outcome) -> dict[str, Any]:
    """Versions, processor, threads and time of a run."""
    return {
        "candidate": outcome.candidate,
        "cases": len(outcome.cases),
        "complete": outcome.complete,
        "seconds": round(outcome.seconds, 1),
        "workers": outcome.workers,
        "threads a worker": 1,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """The processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
