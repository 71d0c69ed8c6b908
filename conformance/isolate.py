"""Worker processes that may crash or hang without taking the run with them.

Each worker gets one case at a time beyond the one it is at, so that it never waits for the parent; a worker that dies
or overruns its time is replaced, the case it was at gets a record that says so, and the run goes on.
"""

import faulthandler
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from conformance.case import Case
from conformance.record import CRASH, HANG, Record

AHEAD = 4  # cases handed to a worker beyond the one it is at
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def work(pipe: Connection, candidate: str, device: str, extra: tuple[str, ...]) -> None:
    """A worker's life: load the candidate, then compare case after case until told to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    faulthandler.enable()
    import torch

    torch.set_num_threads(1)
    from conformance.candidates import load
    from conformance.cases import catalogue
    from conformance.comparison import compare

    cases = catalogue(extra)
    loaded = load(candidate, device)
    pipe.send(None)  # ready
    while (name := pipe.recv()) is not None:
        pipe.send(compare(cases[name], loaded))


@dataclass
class _Worker:
    process: Any
    pipe: Connection
    ready: bool = False
    queue: deque[Case] = field(default_factory=deque)  # the first is the one it is at
    since: float = field(default_factory=time.monotonic)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Children inherit one BLAS thread each; the parent's environment stays as it was."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class Workers:
    """A pool of workers; `run` yields every case with its records, in the order they finish."""

    def __init__(self, count: int, candidate: str, device: str, extra: tuple[str, ...], timeout: float) -> None:
        self.count, self.timeout = count, timeout
        self.arguments = (candidate, device, extra)
        self.start_timeout = 120.0

    def run(self, cases: list[Case]) -> Iterator[tuple[Case, list[Record]]]:
        """Every case once. RuntimeError when workers cannot even start."""
        pending = deque(cases)
        workers = [self._start() for _ in range(min(self.count, max(len(cases), 1)))]
        try:
            while pending or any(worker.queue for worker in workers):
                for worker in workers:
                    self._feed(worker, pending)
                ready = wait([worker.pipe for worker in workers], timeout=0.2)
                for position, worker in enumerate(workers):
                    if worker.pipe in ready:
                        finished, alive = self._receive(worker)
                    else:
                        finished, alive = self._overdue(worker)
                    if finished is not None:
                        yield finished
                    if not alive:
                        pending.extendleft(reversed(worker.queue))
                        workers[position] = self._start()
        finally:
            for worker in workers:
                self._stop(worker)

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(theirs, *self.arguments), daemon=True)
        with _one_thread():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def _feed(self, worker: _Worker, pending: deque[Case]) -> None:
        while worker.ready and pending and len(worker.queue) <= AHEAD:
            if not worker.queue:
                worker.since = time.monotonic()
            case = pending.popleft()
            worker.queue.append(case)
            try:
                worker.pipe.send(case.id)
            except OSError:  # it has died: `_receive` will find out
                return

    def _receive(self, worker: _Worker) -> tuple[tuple[Case, list[Record]] | None, bool]:
        """A message from a worker: (what it finished, whether it lives)."""
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(5)
            if not worker.ready:
                raise RuntimeError(
                    f"a worker ended with exit code {worker.process.exitcode} before its first case; its own message "
                    "stands above"
                ) from None
            return self._lost(worker, CRASH, f"the worker died: {_ending(worker.process.exitcode)}"), False
        worker.since = time.monotonic()
        if message is None:
            worker.ready = True
            return None, True
        return (worker.queue.popleft(), message), True

    def _overdue(self, worker: _Worker) -> tuple[tuple[Case, list[Record]] | None, bool]:
        """Kill a worker that has been at its case for too long."""
        waited = time.monotonic() - worker.since
        if not worker.ready:
            if waited > self.start_timeout:
                raise RuntimeError(f"a worker was not ready after {waited:.0f} s")
            return None, True
        if not worker.queue:
            return None, True
        limit = max(worker.queue[0].timeout or 0.0, self.timeout)
        if waited <= limit:
            return None, True
        worker.process.kill()
        worker.process.join(5)
        return self._lost(worker, HANG, f"no result after {limit:g} s"), False

    def _lost(self, worker: _Worker, status: str, message: str) -> tuple[Case, list[Record]] | None:
        if not worker.queue:
            return None
        case = worker.queue.popleft()
        return case, [Record(case.id, case.family, case.operation.name, case.dtype, "run", "", status, message=message)]

    @staticmethod
    def _stop(worker: _Worker) -> None:
        if worker.process.is_alive() and not worker.queue and worker.ready:
            try:
                worker.pipe.send(None)
                worker.process.join(2)
            except OSError:
                pass
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join(5)
        worker.pipe.close()


def _ending(code: int | None) -> str:
    """An exit code in words."""
    if code is not None and code < 0:
        return f"signal {-code} ({signal.Signals(-code).name})"
    return f"exit code {code}"
