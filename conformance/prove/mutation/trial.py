"""One mutant on trial: a forked process that plants it and runs cases until one notices.

The parent has torch, the candidate and all truths in memory; a child costs a fork. What can happen to a child is part
of the result: it may run for ever (CPU time per case is limited, and the whole trial by the clock), eat memory (its
address space is limited) or die.
"""

import contextlib
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from conformance.candidates.protocol import Candidate, Result
from conformance.case import Operation, Sample

KILLED, SURVIVED, UNCOVERED, IDENTICAL = "killed", "survived", "not covered", "identical"
HANG, CRASH = "hang", "crash"
HARNESS = "harness"  # category of a death in the harness itself: noticed, but worth a look
CAUGHT = (KILLED, HANG, CRASH)

MEMORY = 2 << 30  # bytes of address space beyond what the parent has
LEAST_CPU = 3.0  # seconds a case may take at least
LEAST_WALL = 300.0  # seconds a trial may take at least


@dataclass
class Outcome:
    """What came of a trial, and who noticed."""

    status: str
    case: str = ""
    check: str = ""
    category: str = ""
    message: str = ""
    ran: int = 0  # cases
    how: str = ""  # swap or import
    seconds: float = 0.0


@dataclass
class Child:
    """A running trial."""

    pid: int
    pipe: int
    deadline: float
    began: float
    received: bytes = b""


def start(work: Callable[[], Iterator[Outcome | None]], limit: float) -> Child:
    """Fork a child that does `work` step by step, until one gives an outcome that is not SURVIVED.

    `limit` is the trial's time by the clock.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _live(writing, work)
    os.close(writing)
    now = time.monotonic()
    return Child(pid, reading, now + max(limit, LEAST_WALL), now)


def finished(children: Sequence[Child], timeout: float) -> list[tuple[Child, Outcome]]:
    """The children that have ended (or are overdue: they are killed), with what came of them."""
    ready, _, _ = select.select([child.pipe for child in children], [], [], timeout)
    done = []
    for child in children:
        ended = False
        if child.pipe in ready:
            data = os.read(child.pipe, 1 << 16)
            child.received += data
            ended = not data
        if not ended and time.monotonic() < child.deadline:
            continue
        if not ended:
            os.kill(child.pid, signal.SIGKILL)
        os.close(child.pipe)
        _, status = os.waitpid(child.pid, 0)
        outcome = _outcome(child, status, overdue=not ended)
        outcome.seconds = time.monotonic() - child.began
        done.append((child, outcome))
    return done


def _outcome(child: Child, status: int, overdue: bool) -> Outcome:
    if child.received:
        with contextlib.suppress(json.JSONDecodeError):
            return Outcome(**json.loads(child.received))
    if overdue:
        return Outcome(HANG, message="no end in sight by the clock")
    code = os.waitstatus_to_exitcode(status)
    return Outcome(CRASH, message=f"signal {-code}" if code < 0 else f"exit code {code}")


# --- in the child -------------------------------------------------------------------------------------------------


class _TooLong(BaseException):
    """A step has used up its CPU time. Not an Exception: a candidate that catches those must not catch this."""


@contextlib.contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """End the trial when the block takes more CPU time."""
    signal.setitimer(signal.ITIMER_PROF, max(LEAST_CPU, seconds))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)


class Limited:
    """A candidate whose runs have limited CPU time; what torch needs for its side of a case is not counted."""

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self.name, self.limits = candidate.name, candidate.limits
        self.seconds = LEAST_CPU

    def supports(self, operation: Operation, sample: Sample) -> str:
        return self.candidate.supports(operation, sample)

    def run(self, *args: Any, **kwargs: Any) -> Result:
        with cpu_limit(self.seconds):
            return self.candidate.run(*args, **kwargs)


def _live(pipe: int, work: Callable[[], Iterator[Outcome | None]]) -> None:
    """A child's life. It never returns: its exit runs nothing of the parent's."""
    ran = 0

    def send(outcome: Outcome) -> None:
        outcome.ran = ran
        os.write(pipe, json.dumps(asdict(outcome)).encode())
        os._exit(0)

    def too_long(*_: Any) -> None:
        raise _TooLong

    try:
        _confine()
        signal.signal(signal.SIGPROF, too_long)
        last = Outcome(SURVIVED)
        for found in work():
            if found is not None:
                last = found
                if found.status != SURVIVED:
                    break
            ran += 1
        send(last)
    except _TooLong:
        send(Outcome(HANG, message="too much CPU time"))
    except BaseException as error:  # whatever a mutant does must not become a second parent
        text = " ".join("".join(traceback.format_exception(error)[-2:]).split())
        send(Outcome(KILLED, category=HARNESS, check="run", message=text[-600:]))


def _confine() -> None:
    """No output, no more memory than a case can need, default signals."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
