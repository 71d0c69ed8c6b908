"""Timing rows again, each time in a fresh process, until the time is up.

`conform time` does it, as it made the table: the same rounds, the same check of the results. A process times only the
rows that are asked for, so what it says of a row must not hang on the rows before it (`timing/undisturbed.py`).
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from conformance.gate import snapshot
from conformance.gate.ratios import Key
from conformance.timing.row import titled

PAIRS = 100  # of a row in a process: short calls scatter the most, and cost the least
SECONDS_A_ROW = 3.0  # on average, in which as many pairs are taken as fit, twenty at least
LIMIT = 180.0  # seconds for all processes together


class Retiming:
    """A `sequential.Measure` of a program; `said` is told of each process before it starts."""

    def __init__(
        self, candidate: str, said: Callable[[int, float], None] = lambda rows, left: None, *, limit: float = LIMIT
    ) -> None:
        self.candidate, self.said, self.limit = candidate, said, limit
        self.spent, self.number = 0.0, 0
        self.longest_row = 0.0  # seconds a row, in the process that took the longest

    def __call__(self, keys: Sequence[Key]) -> Any | None:
        """A frame of timings, or None where another process would not end in time. ValueError where it fails."""
        left = self.limit - self.spent
        if left < self.longest_row * len(keys) or left <= 0:
            return None
        self.said(len(keys), left)
        self.number += 1
        began = time.monotonic()
        frame = self._timed(keys, left)
        took = time.monotonic() - began
        self.spent += took
        self.longest_row = max(self.longest_row, took / len(keys))
        return frame

    def _timed(self, keys: Sequence[Key], left: float) -> Any | None:
        with tempfile.TemporaryDirectory() as folder:
            try:
                ended = subprocess.run(
                    [*self.command(keys), "--out", folder], capture_output=True, text=True, timeout=left, check=False
                )
            except subprocess.TimeoutExpired:
                return None
            if ended.returncode not in (0, 1) or not Path(folder, snapshot.TIMINGS).exists():  # 1: wrong results
                raise ValueError(f"`conform time` failed when rows were timed again: {ended.stderr.strip()[-500:]}")
            return snapshot.timings(Path(folder))

    def command(self, keys: Sequence[Key]) -> list[str]:
        """The command line that times the rows, in the next process."""
        rows = [word for name, what, threads, _ in keys for word in ("--row", titled(name, what, threads))]
        threads = ",".join(str(number) for number in sorted({int(key[2]) for key in keys}))
        given = ["--candidate", self.candidate, *rows, "--threads", threads, "--seed", str(self.number)]
        effort = ["--pairs", str(PAIRS), "--seconds", str(SECONDS_A_ROW * len(keys)), "--no-rates"]
        return [sys.executable, "-m", "conformance", "time", *given, *effort]
