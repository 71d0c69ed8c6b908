"""What a run was made on."""

import platform
from pathlib import Path
from typing import Any

from conformance import gpus
from conformance.case import BITS
from conformance.identity import installed
from conformance.record import PASS, UNSUPPORTED
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
        **machine(),
        "parts": outcome.parts,
        "random streams": _streams(outcome),
    }


def _streams(outcome: Outcome) -> str:
    """How the installed torch draws random numbers, as the cases that compare draws found it."""
    found = {r.status: r.message for r in outcome.records if r.check == BITS and (r.status == PASS or r.tensor)}
    return found.get(PASS) or found.get(UNSUPPORTED) or "no random draw was compared"


def machine() -> dict[str, Any]:
    """The processor, the system and the versions under any run on this machine."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "packages": {name: installed(name) for name in PACKAGES},
        **_gpus(),
    }


def _gpus() -> dict[str, Any]:
    """The GPUs with their driver, and the packages that use them; nothing on a machine without one."""
    found = gpus.first_seen()
    if not found:
        return {}
    return {
        "gpus": [f"{gpu.name}, {gpu.memory_mib / 1024:.0f} GiB, driver {gpu.driver}" for gpu in found],
        "gpu packages": gpus.packages(),
    }


def _processor() -> str:
    """The processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
