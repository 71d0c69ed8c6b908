"""A pool of worker processes, any of which may crash or hang without taking the run with it.

Each worker gets one case at a time and a few beyond the one it is at, so that it never waits for the parent; a worker
that dies or overruns its time is replaced, the case it was at gets a record that says so, and the run goes on.
"""

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Self

from conformance import gpus
from conformance.against import Against
from conformance.case import Case
from conformance.record import CRASH, HANG, OOM, Record
from conformance.schedule import Schedule
from conformance.worker import CannotStart, Last, whole, work

AHEAD = 2  # cases handed to a worker beyond the one it is at
START_TIMEOUT = 120.0  # seconds until a worker has to be ready
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")

Finished = tuple[Case, list[Record]]


@dataclass
class _Worker:
    process: Any
    pipe: Connection
    ready: bool = False
    queue: deque[Case] = field(default_factory=deque)  # the first is the one it is at
    since: float = field(default_factory=time.monotonic)


@contextmanager
def one_thread() -> Iterator[None]:
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
    """A pool of workers, started by the first `run` at the latest, kept until it is closed (it is a context manager)."""

    def __init__(
        self,
        count: int | None,
        candidate: str,
        held: Against | None = None,
        extra: Sequence[str] = (),
        timeout: float = 60.0,
        *,
        sources: Sequence[str] = ("own",),
        memory: float | None = None,
        checks: Sequence[str] = (),
    ) -> None:
        """`count` None means one worker a processor, or fewer where they share a GPU; `timeout` is in seconds a case,
        `memory` in GiB a worker. With `checks`, nothing else is compared.
        """
        held = held or Against()
        self.count, self.timeout = count or gpus.workers(held.device, os.cpu_count() or 1), timeout
        self.arguments = (candidate, held, tuple(extra), tuple(sources), memory, tuple(checks))
        self.workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def run(self, cases: Sequence[Case]) -> Iterator[Finished]:
        """Every case once, with its records, in the order they finish. CannotStart when the workers cannot."""
        self.start(len(cases))
        schedule = Schedule(cases, max(len(self.workers), 1))
        while schedule or any(worker.queue for worker in self.workers):
            for position, worker in enumerate(self.workers):
                self._feed(position, worker, schedule)
            ready = wait([worker.pipe for worker in self.workers], timeout=0.2)
            for position, worker in enumerate(self.workers):
                finished, alive = self._receive(worker) if worker.pipe in ready else self._overdue(worker)
                if not alive:
                    schedule.give_back(position, worker.queue)
                    worker.pipe.close()
                    self.workers[position] = self._start()
                if finished is not None:
                    yield finished

    def start(self, cases: int | None = None) -> None:
        """Start the workers that so many cases can use, without waiting for them; None: all."""
        wanted = self.count if cases is None else min(self.count, cases)
        while len(self.workers) < wanted:
            self.workers.append(self._start())

    def close(self) -> None:
        """Stop the workers; one that is at a case, or not yet ready for any, is killed."""
        for worker in self.workers:
            if worker.ready and not worker.queue:
                with suppress(OSError):
                    worker.pipe.send(None)
            else:
                worker.process.kill()
        for worker in self.workers:
            worker.process.join(5)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join(5)
            worker.pipe.close()
        self.workers.clear()

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(theirs, *self.arguments), daemon=True)
        with one_thread():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def _feed(self, position: int, worker: _Worker, schedule: Schedule) -> None:
        while worker.ready and len(worker.queue) <= AHEAD and not any(case.timeout for case in worker.queue):
            case = schedule.next(position)
            if case is None:
                return
            if not worker.queue:
                worker.since = time.monotonic()
            worker.queue.append(case)
            try:
                worker.pipe.send(case.id)
            except OSError:  # it has died: `_receive` will find out
                return

    def _receive(self, worker: _Worker) -> tuple[Finished | None, bool]:
        """A message from a worker: (what it finished, whether it lives)."""
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(5)
            code = worker.process.exitcode
            if not worker.ready:
                raise CannotStart(
                    f"a worker ended before its first case ({ending(code)}); its own message stands above"
                ) from None
            if code == -signal.SIGKILL:  # nobody here sent it: Linux kills so when memory is short
                return self._lost(worker, OOM, f"the worker was killed ({ending(code)}): memory ran out?"), False
            return self._lost(worker, CRASH, f"the worker died: {ending(code)}"), False
        worker.since = time.monotonic()
        if isinstance(message, CannotStart):
            raise message
        if message is None:
            worker.ready = True
            return None, True
        case, alive = worker.queue.popleft(), not isinstance(message, Last)
        answer = message.answer if isinstance(message, Last) else message
        return (case, [whole(case, *answer)] if isinstance(answer, tuple) else answer), alive

    def _overdue(self, worker: _Worker) -> tuple[Finished | None, bool]:
        """Kill a worker that has been at its case for too long."""
        waited = time.monotonic() - worker.since
        if not worker.ready:
            if waited > START_TIMEOUT:
                raise CannotStart(f"a worker was not ready after {waited:.0f} s")
            return None, True
        if not worker.queue:
            return None, True
        limit = max(worker.queue[0].timeout or 0.0, self.timeout)
        if waited <= limit:
            return None, True
        worker.process.kill()
        worker.process.join(5)
        return self._lost(worker, HANG, f"no result after {limit:g} s"), False

    def _lost(self, worker: _Worker, status: str, message: str) -> Finished | None:
        if not worker.queue:
            return None
        case = worker.queue.popleft()
        return case, [whole(case, status, "", message)]


def ending(code: int | None) -> str:
    """An exit code in words."""
    if code is not None and code < 0:
        return f"signal {-code} ({signal.Signals(-code).name})"
    return f"exit code {code}"
