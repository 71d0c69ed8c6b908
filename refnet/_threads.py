"""A few persistent threads that share the work of one large operation.

numpy lets other threads run while it computes, so parts of a large array can be worked on at once. `share` hands out the
parts. What the parts are never depends on the number of threads, and neither do results. Inside, BLAS keeps to one
thread: its own threads and these would fight over the same cores.

The team is made when it is first needed, again after a fork, and serves one operation at a time: a call from inside a
part, or while another thread has the team, does its work alone.
"""

import contextvars
import os
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy

from refnet._check import check
from refnet._recording.active import active

Work = Callable[[int], object]


def _cores() -> int:
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Member:
    """A thread that waits for work. Two locks hand over and back; a queue would cost three times as much."""

    def __init__(self) -> None:
        self.begin, self.end = threading.Lock(), threading.Lock()
        self.begin.acquire()
        self.end.acquire()
        self.task: Callable[[], None] | None = None
        self.error: BaseException | None = None
        threading.Thread(target=self._serve, name="refnet worker", daemon=True).start()

    def _serve(self) -> None:
        quiet = contextvars.copy_context()  # kernels meet inf and nan as data: numpy is not to warn
        quiet.run(numpy.seterr, all="ignore")
        while True:
            self.begin.acquire()
            task = self.task
            if task is None:
                return
            try:
                quiet.run(task)
            except BaseException as error:
                self.error = error
            finally:
                self.task = task = None
                self.end.release()


class _Team:
    """The members beside the calling thread, and who may use them."""

    def __init__(self) -> None:
        self.size = _cores()
        self.members: list[_Member] = []
        self.free = threading.Lock()

    def resize(self, size: int) -> None:
        with self.free:
            self.size = size
            for member in self.members:
                member.begin.release()  # with no task: it ends
            self.members = []

    def run(self, work: Work, count: int) -> None:
        """work(0) to work(count - 1), each once, by whoever is free."""
        while len(self.members) < self.size - 1:
            self.members.append(_Member())
        left = iter(range(count))  # next() on it is one step of the interpreter, so no two threads get the same number

        def task() -> None:
            for number in left:
                work(number)

        helpers = self.members[: count - 1]
        rested = False
        try:
            for member in helpers:
                member.task = task
                member.begin.release()
            try:
                task()
            finally:
                for member in helpers:
                    member.end.acquire()
                rested = True
        finally:
            if not rested:  # Ctrl-C while waiting: who still works is not known, and nobody is asked again
                self.members = []
            errors = [member.error for member in helpers if member.error is not None]
            for member in helpers:
                member.error = None
        if errors:
            raise errors[0]


_team = _Team()


def _forget() -> None:
    """In the child of a fork: the parent's threads are not there."""
    size = _team.size
    _team.__init__()  # type: ignore[misc]  # the object stays, as modules hold it
    _team.size = size


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def share(work: Work, count: int, *, worth: int = 2, product: bool = False) -> None:
    """Call ``work(i)`` for every i below `count`, by several threads; they must not write to the same memory.

    Handing over and back takes 40 us: fewer parts than are `worth` that are computed here, one after the other. So is a
    single `product`, for which BLAS would use threads of its own, but without those: they spin for a while after each
    call. An exception of one part is raised once all have stopped.
    """
    if active.recorder is not None:
        active.recorder.share(work, count, worth, product)
        return
    if (count < worth and not product) or _team.size < 2 or not _team.free.acquire(blocking=False):
        for number in range(count):
            work(number)
        return
    try:
        before = [(library, library.get_num_threads()) for library in _blas()]
        for library, _ in before:
            library.set_num_threads(1)
        try:
            _team.run(work, count)
        finally:
            for library, threads in before:
                library.set_num_threads(threads)
    finally:
        _team.free.release()


def share_slices(work: Callable[[slice], object], count: int, at_once: int) -> None:
    """Call ``work(some)`` with slices of range(count), of about `at_once` each, by several threads, as `share` does.

    There is one slice or an even number of them, alike in length, so that two threads end together.
    """
    parts = -(-count // max(1, at_once))
    parts += parts % 2 if parts > 1 else 0
    step = -(-count // max(1, parts))
    slices = [slice(start, min(start + step, count)) for start in range(0, count, max(1, step))]
    share(lambda part: work(slices[part]), len(slices))


@cache
def _blas() -> tuple[Any, ...]:
    """The BLAS libraries that numpy has loaded."""
    from threadpoolctl import ThreadpoolController

    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)


def set_num_threads(n: int) -> None:
    """Use `n` threads in operations on large arrays, here and in BLAS. RuntimeError unless n is positive.

    >>> import refnet
    >>> before = refnet.get_num_threads()
    >>> refnet.set_num_threads(1)
    >>> refnet.get_num_threads()
    1
    >>> refnet.set_num_threads(before)
    """
    check(type(n) is int, lambda: f"set_num_threads expects an int, but got {type(n).__name__}", TypeError)
    check(n > 0, lambda: f"set_num_threads expects a positive integer, got {n}")
    _team.resize(n)
    for library in _blas():
        library.set_num_threads(n)


def get_num_threads() -> int:
    """How many threads operations on large arrays use: at first OMP_NUM_THREADS, or the cores of this process."""
    return _team.size
