"""Peak memory of a row, each library in a process of its own that holds nothing else.

    python -m conformance.timing.memory --candidate refnet --name 'LeNet-5 batch 256' --what step --threads 2

What counts is the highest resident size while the row runs, above what the process had when its library was imported:
neither Python nor the size of a library is the row's. Linux only: /proc tells it.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.gpus import CPU, is_gpu

if TYPE_CHECKING:
    from conformance.timing.row import Row

CALLS = 20  # growth from call to call shows in the peak
_MIB = 1024.0  # KiB
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def measured(
    candidate: str, name: str, what: str, threads: int, device: str = CPU, timeout: float = 300.0
) -> float | None:
    """MiB above import (on a GPU above the row's own arrays, on the GPU); None where it cannot be measured."""
    if not Path("/proc/self/status").exists():
        return None
    given = {"candidate": candidate, "name": name, "what": what, "threads": threads, "device": device}
    arguments = [f"--{option}={value}" for option, value in given.items()]
    command = [sys.executable, "-m", "conformance.timing.memory", *arguments]
    environment = os.environ | dict.fromkeys(ONE_THREAD, str(threads))
    try:
        ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=timeout)
    except subprocess.TimeoutExpired:
        return None
    if ended.returncode != 0:
        print(f"conform: the memory of {name} was not measured: {ended.stderr.strip()[-300:]}", file=sys.stderr)
        return None
    return float(json.loads(ended.stdout.splitlines()[-1])["mib"])


def resident(field: str) -> int:
    """A field of /proc/self/status in KiB: VmRSS now, VmHWM the peak."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def main() -> int:
    """Run the row and print its peak as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidate", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--what", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default=CPU)
    options = parser.parse_args()

    from conformance.candidates import load
    from conformance.timing import lenet, operations
    from conformance.timing.row import ready
    from conformance.timing.threads import limited

    candidate = load(options.candidate, options.device)
    rows = [*lenet.rows(), *operations.table()]
    row = next(row for row in rows if (row.name, row.what) == (options.name, options.what))
    row.sample()  # reads the images' file, whose unpacking is not the row's
    if is_gpu(options.device):
        return _on_gpu(row, candidate)
    before = _reset_peak()
    with limited(options.threads, [getattr(candidate, "torch", None)]):
        side = ready(row, candidate, "")
        with side.context():
            for _ in range(CALLS):
                side.call()
    print(json.dumps({"mib": round((resident("VmHWM") - before) / _MIB, 1)}))
    return 0


def _on_gpu(row: "Row", candidate: Any) -> int:
    """The peak of a GPU's memory, as the library's pool counts it."""
    from conformance.timing.gpu import peak_mib
    from conformance.timing.row import ready

    def run() -> None:
        side = ready(row, candidate, "")
        for _ in range(CALLS):
            side.call()

    try:
        mib = peak_mib(candidate.torch, run)
    except AttributeError as error:
        print(f"{candidate.name} does not tell what memory it takes on a GPU: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"mib": round(mib, 1)}))
    return 0


def _reset_peak() -> int:
    """Forget the peak so far, where the system allows it; returns what to count from."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return resident("VmHWM")
    return resident("VmRSS")


if __name__ == "__main__":
    sys.exit(main())
