"""What one DataLoader worker does, in a thread of its own.

A worker takes (task, index) from its queue, fetches, and puts (task, result) into the common queue. numpy releases
the interpreter's lock in its loops, so that workers run beside the training.
"""

import copy
import queue
import random
import threading
import traceback
from dataclasses import dataclass
from typing import Any

import numpy

from refnet.random import Generator, default_generator


@dataclass(frozen=True, slots=True)
class WorkerGenerators:
    """Random generators of one worker, seeded with its seed; Python's and numpy's global ones serve all threads."""

    random_generator: random.Random
    torch_generator: Generator
    numpy_generator: "numpy.random.Generator"  # quoted: this part of numpy loads when it is used


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What a worker is told about itself.

    - id: from 0 to num_workers - 1.
    - num_workers: how many there are.
    - seed: the loader's base seed plus id.
    - dataset: this worker's shallow copy of the dataset.
    - rng: this worker's own generators (`random_generator`, `torch_generator`, `numpy_generator`).
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: WorkerGenerators | None = None
    worker_method: str = "thread"


_current = threading.local()


def get_worker_info() -> WorkerInfo | None:
    """The `WorkerInfo` of the DataLoader worker that calls this, None outside a worker.

    >>> get_worker_info() is None
    True
    """
    info: WorkerInfo | None = getattr(_current, "info", None)
    return info


class WorkerError:
    """An exception and its traceback as text, to be raised again in the thread that waits for the result."""

    def __init__(self, error: Exception, where: str) -> None:
        self.kind = type(error)
        self.text = "".join(traceback.format_exception(error))
        self.where = where

    def reraise(self) -> None:
        """Raise an exception of the original type that carries the original traceback as its message."""
        message = f"Caught {self.kind.__name__} {self.where}.\nOriginal {self.text}"
        argument = _Verbatim(message) if issubclass(self.kind, KeyError) else message
        kind: Any = self.kind
        try:
            error = kind(message=argument) if getattr(kind, "message", None) else kind(argument)
        except Exception:  # a type whose constructor wants something else
            raise RuntimeError(message) from None
        raise error


class _Verbatim(str):
    """Text whose repr is itself: KeyError shows the repr of its argument, which would garble a traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True)
class Exhausted:
    """In place of data: this worker's iterable dataset has ended."""

    worker: int


@dataclass(frozen=True, slots=True)
class Resume:
    """In place of a task: start over with a new epoch; the worker answers with the same object."""

    epoch: int


def copy_of(dataset: Any) -> Any:
    """A shallow copy, so that what a worker sets on its dataset stays with it; the dataset itself if it has none."""
    try:
        return copy.copy(dataset)
    except (TypeError, copy.Error):
        return dataset


def work(
    fetcher_of: Any,
    info: WorkerInfo,
    init: Any,
    tasks: "queue.SimpleQueue[Any]",
    results: "queue.SimpleQueue[Any]",
    done: threading.Event,
) -> None:
    """The life of a worker: until None arrives, or `done` is set, answer every task.

    `fetcher_of(dataset)` makes what fetches an index; an error in it, or in `init`, is the answer to every task.
    """
    _current.info = info
    default_generator.use_own_stream(info.seed)
    where = f"in DataLoader worker thread {info.id}"
    exhausted = False
    fetcher: Any = None
    failed: WorkerError | None = None

    def start() -> None:
        nonlocal exhausted, fetcher, failed
        exhausted, failed = False, None
        try:
            fetcher = fetcher_of(info.dataset)
        except Exception as error:
            failed = WorkerError(error, where)

    def answer(index: Any) -> Any:
        nonlocal exhausted
        if failed is not None:
            return failed
        try:
            return fetcher.fetch(index)
        except StopIteration as end:
            exhausted = fetcher.iterable
            return Exhausted(info.id) if exhausted else WorkerError(end, where)
        except Exception as error:
            return WorkerError(error, where)

    try:
        if init is not None:
            init(info.id)
        start()
    except Exception as error:
        failed = WorkerError(error, where)
    while (task := tasks.get()) is not None:
        if isinstance(task, Resume):
            start()
            results.put((task, None))
        elif not (done.is_set() or exhausted):
            number, index = task
            results.put((number, answer(index)))
            del task, index  # an idle worker keeps no batch alive
