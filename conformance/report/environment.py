"""What a run was made on."""

import platform
from pathlib import Path
from typing import Any

from conformance.identity import installed
from conformance.run import Outcome

PACKAGES = ("refnet", "torch", "numpy", "ml_dtypes", "pandas")


def environment(outcome: Outcome) -> dict[str, Any]:
    """Versions, processor, threads and time of a run."""
    return {
        "candidate": outcome.candidate,
        "identity": outcome.identity,
        "cases": len(outcome.cases),
        "complete": outcome.complete,
        "sources": list(outcome.sources),
        "extra cases": list(outcome.extra),
        "checks": list(outcome.checks),
        "shard": None if outcome.shard is None else str(outcome.shard),
        "seconds": round(outcome.seconds, 1),
        "workers": outcome.workers,
        "threads a worker": 1,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "packages": {name: installed(name) for name in PACKAGES},
        "parts": outcome.parts,
    }


def _processor() -> str:
    """The processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
