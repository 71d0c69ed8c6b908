"""DataLoader: batches of a dataset, in order or shuffled, in this thread or from workers.

The random draws are torch's, so that the same seed gives the same batches. ``iter(loader)`` draws one base seed from
the loader's generator (or the default one), whether or not anything needs it; `RandomSampler` draws the rest.
"""

import functools
import itertools
import math
import os
import queue
import random
import threading
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import numpy

from refnet._check import check
from refnet.random import Generator
from refnet.utils.data import _pin as pin
from refnet.utils.data._fetch import IterableFetcher, MapFetcher
from refnet.utils.data._worker import (
    Exhausted,
    Resume,
    WorkerError,
    WorkerGenerators,
    WorkerInfo,
    copy_of,
    work,
)
from refnet.utils.data.collate import default_collate, default_convert
from refnet.utils.data.dataset import IterableDataset
from refnet.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, draw_seed

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

T_co = TypeVar("T_co", covariant=True)
_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class _EndlessSampler(Sampler[None]):
    """None for ever: an iterable dataset is asked for the next sample, not for a certain one."""

    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)


class DataLoader(Generic[T_co]):
    """An iterable over batches of `dataset`.

    Args:
        dataset: map-style (``dataset[i]``) or an `IterableDataset`.
        batch_size: samples in a batch; None gives single samples, unbatched.
        shuffle: a new random order in every iteration.
        sampler: the order of indices; excludes `shuffle`.
        batch_sampler: the lists of indices; excludes `batch_size`, `shuffle`, `sampler` and `drop_last`.
        num_workers: threads that fetch batches ahead; 0 fetches in the calling thread.
        collate_fn: list of samples -> batch; `default_collate`, or unbatched `default_convert`.
        pin_memory: give the tensors of a batch in pinned memory, from which ``batch.to("cuda", non_blocking=True)``
            copies while the host goes on; their memory is used again when the copy is done. A warning without a GPU.
        drop_last: leave out a last batch that is not full.
        timeout: seconds to wait for a batch from the workers; 0 for ever.
        worker_init_fn: called in every worker with its id before anything is fetched.
        multiprocessing_context: checked as in torch; workers are threads in every case.
        generator: source of the base seed and of the shuffled order; None: the default generator.
        prefetch_factor: batches fetched ahead per worker; 2 if there are workers.
        persistent_workers: keep the workers, and their copies of the dataset, from one iteration to the next.
        pin_memory_device: accepted, without effect.
        in_order: give batches in the sampler's order, or (False) as the workers finish them.

    Workers are threads, where torch has processes. The same: order, errors (the original type, with the worker's
    traceback), `get_worker_info`, a copy of the dataset for each, and what refnet's functions draw in a worker.
    Different: the copy is shallow; and the global generators of Python and numpy are one for all threads, not seeded
    per worker: use those of ``get_worker_info().rng``.

    Raises ValueError for arguments that exclude each other or are out of range.

    >>> loader = DataLoader(range(5), batch_size=2)
    >>> list(loader)
    [tensor([0, 1]), tensor([2, 3]), tensor([4])]
    >>> len(loader)
    3
    """

    _iterator: "_WorkerIterator | None"
    _initialized = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler[Any] | Iterable[Any] | None = None,
        batch_sampler: Sampler[list[Any]] | Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: "BaseContext | str | None" = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self._iterable = isinstance(dataset, IterableDataset)
        if self._iterable:
            _check_unspecified(shuffle, sampler, batch_sampler)
        check(sampler is None or not shuffle, lambda: "sampler option is mutually exclusive with shuffle", ValueError)
        if batch_sampler is not None:
            check(
                batch_size == 1 and not shuffle and sampler is None and not drop_last,
                lambda: "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last",
                ValueError,
            )
            batch_size, drop_last = None, False
        else:
            check(
                batch_size is not None or not drop_last,
                lambda: "batch_size=None option disables auto-batching and is mutually exclusive with drop_last",
                ValueError,
            )
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if prefetch_factor is None and num_workers > 0 else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        if sampler is None:
            sampler = self._default_sampler(bool(shuffle), generator)
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self.persistent_workers = persistent_workers
        self._announced: int | None = None  # what len() said of an iterable dataset
        self._iterator = None
        self._initialized = True
        self.check_worker_number_rationality()

    def _default_sampler(self, shuffle: bool, generator: Generator | None) -> Sampler[Any]:
        if self._iterable:
            return _EndlessSampler()
        if shuffle:
            return RandomSampler(self.dataset, generator=generator)
        return SequentialSampler(self.dataset)

    def __setattr__(self, name: str, value: Any) -> None:
        check(
            not (self._initialized and name in _FIXED),
            lambda: f"{name} attribute should not be set after {type(self).__name__} is initialized",
            ValueError,
        )
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self) -> "BaseContext | None":
        """The context given, resolved from its name; without effect on threads."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: "BaseContext | str | None") -> None:
        self._context = None if context is None else _start_context(context, self.num_workers)

    def __iter__(self) -> "_Iterator":
        if self.num_workers == 0:
            return _Iterator(self)
        if self.persistent_workers and self._iterator is not None:
            self._iterator.restart(self)
            return self._iterator
        self.check_worker_number_rationality()
        iterator = _WorkerIterator(self)
        if self.persistent_workers:
            self._iterator = iterator
        return iterator

    def __len__(self) -> int:
        """The number of batches; for an iterable dataset an estimate from its own length."""
        if not self._iterable:
            return len(self.index_sampler)
        samples = self._announced = len(self.dataset)
        if self.batch_size is None:
            return samples
        return samples // self.batch_size if self.drop_last else math.ceil(samples / self.batch_size)

    @property
    def index_sampler(self) -> Any:
        """What says which samples to fetch next: the batch sampler, or the sampler without batching."""
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def make_fetcher(self) -> Callable[[Any], MapFetcher | IterableFetcher]:
        """A function from a dataset to its fetcher, which does not keep the loader alive."""
        kind = IterableFetcher if self._iterable else MapFetcher
        collate_fn = pin.Pinning(self.collate_fn) if self.pin_memory and pin.is_possible() else self.collate_fn
        return functools.partial(
            kind, batched=self.batch_sampler is not None, collate_fn=collate_fn, drop_last=self.drop_last
        )

    def check_worker_number_rationality(self) -> None:
        """Warn of more workers than this process may use processors."""
        available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if self.num_workers > available:
            warnings.warn(
                f"This DataLoader will create {self.num_workers} worker threads in total. Our suggested max number "
                f"of worker in current system is {available}, which is smaller than what this DataLoader is going to "
                "create. Please be aware that excessive worker creation might get DataLoader running slow, lower the "
                "worker number to avoid potential slowness if necessary.",
                stacklevel=3,
            )


def _check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool) -> None:
    check(
        num_workers >= 0,
        lambda: (
            "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing. "
            f"Got {num_workers}"
        ),
        ValueError,
    )
    check(timeout >= 0, lambda: f"timeout option should be non-negative, got {timeout}", ValueError)
    check(
        num_workers > 0 or prefetch_factor is None,
        lambda: (
            "prefetch_factor option could only be specified in multiprocessing. "
            "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
        ),
        ValueError,
    )
    check(
        prefetch_factor is None or prefetch_factor >= 0,
        lambda: f"prefetch_factor option should be non-negative, got {prefetch_factor}",
        ValueError,
    )
    check(
        num_workers > 0 or not persistent_workers,
        lambda: "persistent_workers option needs num_workers > 0",
        ValueError,
    )


def _start_context(context: Any, num_workers: int) -> "BaseContext":
    """The context that is given or named, checked as torch does."""
    import multiprocessing  # slow to import, and rarely asked for

    check(
        num_workers > 0,
        lambda: (
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), "
            f"but got num_workers={num_workers}"
        ),
        ValueError,
    )
    if isinstance(context, str):
        known = multiprocessing.get_all_start_methods()
        check(
            context in known,
            lambda: (
                f"multiprocessing_context option should specify a valid start method in {known!r}, "
                f"but got multiprocessing_context={context!r}"
            ),
            ValueError,
        )
        return multiprocessing.get_context(context)
    if isinstance(context, multiprocessing.context.BaseContext):
        return context
    raise TypeError(
        "multiprocessing_context option should be a valid context object or a string specifying the start method, "
        f"but got multiprocessing_context={context}"
    )


def _check_unspecified(shuffle: bool | None, sampler: Any, batch_sampler: Any) -> None:
    """An iterable dataset decides on its order itself."""
    got = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
    for name, value in got.items():
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
            )


class _Iterator:
    """One pass over a loader, in the calling thread."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        check(
            loader.timeout == 0 or loader.num_workers > 0,
            lambda: f"timeout needs num_workers > 0: got timeout={loader.timeout} with num_workers=0",
            AssertionError,
        )
        if loader.pin_memory and not pin.is_possible():
            warnings.warn(pin.NO_GPU, stacklevel=3)
        self._dataset = loader.dataset
        self._iterable = loader._iterable
        self._index_sampler = loader.index_sampler
        self._indices = iter(self._index_sampler)
        self._base_seed = draw_seed(loader.generator)
        self._announced = loader._announced
        self._given = 0
        self._start(loader)

    def _start(self, loader: DataLoader[Any]) -> None:
        self._fetcher = loader.make_fetcher()(self._dataset)

    def __iter__(self) -> Self:
        return self

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __next__(self) -> Any:
        batch = self._next()
        self._given += 1
        if self._announced is not None and self._given > self._announced:
            warnings.warn(
                f"Length of IterableDataset {self._dataset} was reported to be {self._announced} (when accessing "
                f"len(dataloader)), but {self._given} samples have been fetched. With workers, each one reads its own "
                "copy of the dataset: share the work out with get_worker_info().",
                stacklevel=2,
            )
        return batch

    def _next(self) -> Any:
        return self._fetcher.fetch(next(self._indices))


class _WorkerIterator(_Iterator):
    """One pass, or with persistent workers one after the other, over batches that threads fetch ahead.

    Batches are numbered in the sampler's order. `_waiting` has the ones that were asked for and not yet given:
    number -> worker. The workers are asked in turn, so which worker fetches which batch does not depend on speed.
    """

    def _start(self, loader: DataLoader[Any]) -> None:
        prefetch_factor = loader.prefetch_factor or 0
        check(
            prefetch_factor > 0,
            lambda: f"prefetch_factor must be greater than 0 to fetch with workers, got {prefetch_factor}",
            AssertionError,
        )
        self._workers = loader.num_workers
        self._ahead = loader.num_workers * prefetch_factor
        self._timeout = loader.timeout
        self._in_order = loader.in_order
        self._persistent = loader.persistent_workers
        self._done = threading.Event()
        self._results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._tasks: list[queue.SimpleQueue[Any]] = [queue.SimpleQueue() for _ in range(self._workers)]
        self._stop = weakref.finalize(self, _stop_workers, self._tasks, self._done)
        self._stop.atexit = False  # the threads are daemons
        for worker, tasks in enumerate(self._tasks):
            info = _worker_info(worker, loader, self._base_seed)
            threading.Thread(
                target=work,
                args=(loader.make_fetcher(), info, loader.worker_init_fn, tasks, self._results, self._done),
                name=f"DataLoader worker {worker}",
                daemon=True,
            ).start()
        self._epoch = 0
        self._begin()

    def _begin(self) -> None:
        """Forget the last pass, and ask for the first batches of a new one."""
        self._indices = iter(self._index_sampler)
        self._given = 0
        self._sent = self._next_number = 0
        self._waiting: dict[int, int] = {}
        self._arrived: dict[int, Any] = {}
        self._active = [True] * self._workers
        self._load = [0] * self._workers
        self._turns = itertools.cycle(range(self._workers))
        for _ in range(self._ahead):
            self._ask()

    def restart(self, loader: DataLoader[Any]) -> None:
        """A new pass with the same workers; batches of an unfinished one are dropped."""
        self._announced = loader._announced
        self._epoch += 1
        resume = Resume(self._epoch)
        for tasks in self._tasks:
            tasks.put(resume)
        ready = 0
        while ready < self._workers:
            ready += self._receive()[0] == resume
        self._begin()

    def _ask(self) -> None:
        """Hand the next index to the next worker that can take it."""
        try:
            index = next(self._indices)
        except StopIteration:
            return
        for worker in itertools.islice(self._turns, self._workers):
            room = self._load[worker] < self._ahead // max(1, sum(self._active))
            if self._active[worker] and (self._in_order or room):
                self._tasks[worker].put((self._sent, index))
                self._waiting[self._sent] = worker
                self._load[worker] += 1
                self._sent += 1
                return

    def _next(self) -> Any:
        while True:
            while self._next_number < self._sent and self._is_void(self._next_number):
                self._waiting.pop(self._next_number, None)
                self._next_number += 1
            if self._next_number == self._sent:
                if not self._persistent:
                    self._stop()
                raise StopIteration
            if self._next_number in self._arrived:
                self._next_number += 1
                return self._give(self._next_number - 1, self._arrived.pop(self._next_number - 1))
            number, answer = self._receive()
            if isinstance(answer, Exhausted):
                self._active[answer.worker] = False
                self._ask()
            elif number == self._next_number or not self._in_order:
                self._next_number += number == self._next_number
                return self._give(number, answer)
            else:
                self._arrived[number] = answer

    def _is_void(self, number: int) -> bool:
        """Whether batch `number` was given already, or will never come as its worker has run out of samples."""
        if number in self._arrived:
            return False
        return number not in self._waiting or not self._active[self._waiting[number]]

    def _give(self, number: int, answer: Any) -> Any:
        self._load[self._waiting.pop(number)] -= 1
        self._ask()
        if isinstance(answer, WorkerError):
            answer.reraise()
        return answer

    def _receive(self) -> tuple[Any, Any]:
        """The next answer of any worker; RuntimeError if none comes in time."""
        try:
            answer: tuple[Any, Any] = self._results.get(timeout=self._timeout or None)
        except queue.Empty:
            raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds") from None
        return answer


def _worker_info(worker: int, loader: DataLoader[Any], base_seed: int) -> WorkerInfo:
    seed = base_seed + worker
    generator = Generator()
    generator.manual_seed(seed)
    own = WorkerGenerators(random.Random(seed), generator, numpy.random.default_rng(seed))
    return WorkerInfo(worker, loader.num_workers, seed, copy_of(loader.dataset), own)


def _stop_workers(tasks: "list[queue.SimpleQueue[Any]]", done: threading.Event) -> None:
    done.set()
    for each in tasks:
        each.put(None)
