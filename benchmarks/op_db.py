"""How fast the harness judges the samples that torch ships, and whether its memory stays flat in their number.

    python benchmarks/op_db.py [--candidate torch] [--ops 'nn.functional.*'] [--dtype float32] [--workers 2] [--warm]

Runs the command line on a quarter, a half and all of the cases, start-up included, and prints for each: seconds (also
of processor time), comparisons a second, and the peak of resident memory in the parent and in its largest worker.
Scales are computed afresh, without the cache on disk, unless `--warm`.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

SHARES = ("1/4", "1/2", "1/1")
POLL = 0.05  # seconds between looks at the processes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidate", default="torch")
    parser.add_argument("--ops", default="nn.functional.*")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--workers", default="2")
    parser.add_argument("--warm", action="store_true", help="use the cache of scales on disk")
    options = parser.parse_args()
    arguments = ["--source", "op_db", "--candidate", options.candidate, "--ops", options.ops, "--dtype", options.dtype]
    arguments += ["--workers", options.workers]
    environment = os.environ | ({} if options.warm else {"CONFORM_CACHE": ""})
    print(f"conform run {' '.join(arguments)}")
    print(
        f"{'cases':>7} {'records':>8} {'failed':>7} {'seconds':>8} {'CPU s':>7} {'records/s':>10}  peak MiB: parent, worker"
    )
    status = 0
    for share in SHARES:
        status = max(status, measure([*arguments, "--shard", share], environment))
    return status


def measure(arguments: list[str], environment: dict[str, str]) -> int:
    """One run, as one line of the table; 0 when nothing failed, else what the command line returned."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report"
        began, cpu = time.monotonic(), processor_seconds()
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "conformance", "run", *arguments, "--out", str(out)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        peaks: dict[int, int] = {}
        watching = threading.Thread(target=watch, args=(process, peaks), daemon=True)
        watching.start()
        output = process.communicate()[0]
        watching.join()
        seconds, cpu = time.monotonic() - began, processor_seconds() - cpu
        if not (out / "records.parquet").exists():
            print(output, end="")
            return process.returncode or 2
        import pandas

        frame = pandas.read_parquet(out / "records.parquet", columns=["case", "status"])
    parent = peaks.pop(process.pid, 0) / 1024
    worker = max(peaks.values(), default=0) / 1024
    failed = len(frame) - int((frame["status"] == "PASS").sum())
    print(
        f"{frame['case'].nunique():7} {len(frame):8} {failed:7} {seconds:8.1f} {cpu:7.1f} {len(frame) / seconds:10.0f}"
        f"  {parent:.0f}, {worker:.0f}",
        flush=True,
    )
    return process.returncode


def processor_seconds() -> float:
    """What all finished child processes have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def watch(process: "subprocess.Popen[str]", peaks: dict[int, int]) -> None:
    """The peak of resident memory of a process and its children, by process id, in KiB, until it ends."""
    while process.poll() is None:
        for identifier in (process.pid, *children(process.pid)):
            peaks[identifier] = max(peaks.get(identifier, 0), peak_memory(identifier))
        time.sleep(POLL)


def children(parent: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{parent}/task").iterdir())
        return [int(word) for task in tasks for word in (task / "children").read_text().split()]
    except OSError:  # it has just ended
        return []


def peak_memory(identifier: int) -> int:
    """VmHWM in KiB; 0 for a process that is gone."""
    try:
        lines = Path(f"/proc/{identifier}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


if __name__ == "__main__":
    sys.exit(main())
