"""DataLoader: batches, draws, conflicts of arguments, and workers, each scenario in torch and in refnet."""

import gc
import re
import threading
import time
import warnings
from typing import Any

import pytest

import refnet
from refnet.utils.data import DataLoader, IterableDataset, get_worker_info

pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),  # on a machine with one processor
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch forks beside this suite's threads
]


def _data(t: Any, n: int = 10) -> Any:
    return t.utils.data.TensorDataset(t.arange(n * 2).reshape(n, 2), t.arange(n))


def _stream(t: Any, n: int = 7, announced: int | None = None) -> Any:
    class Stream(t.utils.data.IterableDataset):  # type: ignore[misc]
        def __iter__(self) -> Any:
            return iter(range(n))

    if announced is not None:
        Stream.__len__ = lambda self: announced  # type: ignore[attr-defined]
    return Stream()


def _twice(loader: Any) -> Any:
    return [list(loader), list(loader)]


def _loader(t: Any, *args: Any, **options: Any) -> Any:
    return t.utils.data.DataLoader(*args, **options)


SCENARIOS: dict[str, Any] = {
    "default": lambda t: _twice(_loader(t, _data(t))),
    "batches": lambda t: [_twice(loader := _loader(t, _data(t), 3)), len(loader)],
    "drop_last": lambda t: [_twice(loader := _loader(t, _data(t), 3, drop_last=True)), len(loader)],
    "shuffle": lambda t: _twice(_loader(t, _data(t, 50), 8, True)),
    "shuffle with generator": lambda t: _twice(
        _loader(t, _data(t, 50), 8, shuffle=True, generator=t.Generator().manual_seed(3))
    ),
    "unbatched": lambda t: [list(loader := _loader(t, _data(t), None)), len(loader), loader.batch_sampler],
    "unbatched shuffle": lambda t: list(_loader(t, range(9), batch_size=None, shuffle=True)),
    "sampler": lambda t: [_twice(loader := _loader(t, _data(t), 2, sampler=[5, 3, 1])), len(loader)],
    "sampler of keys": lambda t: list(_loader(t, {"a": 1, "b": 2}, sampler=["b", "a"])),
    "weighted": lambda t: _twice(
        _loader(t, _data(t), 4, sampler=t.utils.data.WeightedRandomSampler([1.0, 2.0, 3.0], 9))
    ),
    "batch_sampler": lambda t: [
        _twice(loader := _loader(t, _data(t), batch_sampler=[[1, 2], [3], [4, 5, 6]])),
        len(loader),
        loader.batch_size,
        loader.drop_last,
    ],
    "collate_fn": lambda t: list(_loader(t, range(5), 2, collate_fn=lambda batch: sum(batch))),
    "list of dicts": lambda t: list(_loader(t, [{"x": i, "n": str(i)} for i in range(3)], 2)),
    "stream": lambda t: _twice(_loader(t, _stream(t), 3)),
    "stream drop_last": lambda t: _twice(_loader(t, _stream(t), 3, drop_last=True)),
    "stream unbatched": lambda t: _twice(_loader(t, _stream(t), None)),
    "stream with length": lambda t: [len(loader := _loader(t, _stream(t, 7, 7), 3)), list(loader)],
    "stream length drop_last": lambda t: len(_loader(t, _stream(t, 7, 7), 3, drop_last=True)),
    "stream length unbatched": lambda t: len(_loader(t, _stream(t, 7, 7), None)),
    "stream longer than announced": lambda t: [len(loader := _loader(t, _stream(t, 5, 2))), list(loader)],
    "stream no shuffle": lambda t: list(_loader(t, _stream(t), 3, shuffle=False)),
    "empty": lambda t: [_twice(loader := _loader(t, [])), len(loader)],
    "subset and split": lambda t: [list(_loader(t, p, 3)) for p in t.utils.data.random_split(_data(t), [4, 6])],
    "half a pass": lambda t: [next(iter(loader := _loader(t, _data(t), 4, True))), list(loader)],
    "two passes at once": lambda t: [
        (loader := _loader(t, _data(t), 4, True)),
        list(zip(loader, loader, strict=True)),
    ][1],
    "iterator": lambda t: [len(it := iter(_loader(t, _data(t), 4))), it is iter(it), next(it), len(it)],
    "attributes": lambda t: (
        [
            getattr(loader := _loader(t, _data(t), 4, True), name)
            for name in (
                *("batch_size", "num_workers", "pin_memory", "drop_last", "timeout", "worker_init_fn", "generator"),
                *("prefetch_factor", "persistent_workers", "multiprocessing_context", "pin_memory_device", "in_order"),
            )
        ]
        + [type(loader.sampler).__name__, type(loader.batch_sampler).__name__, loader.collate_fn.__name__]
    ),
    "workers' attributes": lambda t: [
        (loader := _loader(t, [1], num_workers=1)).prefetch_factor,
        _loader(t, [1], num_workers=1, prefetch_factor=5).prefetch_factor,
        loader.timeout,
    ],
    "too many workers": lambda t: len(_loader(t, [1], num_workers=10_000)),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_same_as_torch(name: str, same: Any) -> None:
    same(SCENARIOS[name])


WITH_WORKERS: dict[str, Any] = {
    "order": lambda t, w: _twice(_loader(t, _data(t, 23), 4, num_workers=w)),
    "shuffle": lambda t, w: _twice(_loader(t, _data(t, 23), 4, True, num_workers=w)),
    "generator": lambda t, w: _twice(
        _loader(t, _data(t, 23), 4, True, num_workers=w, generator=t.Generator().manual_seed(3))
    ),
    "persistent": lambda t, w: _twice(_loader(t, _data(t, 23), 4, True, num_workers=w, persistent_workers=True)),
    "interrupted persistent": lambda t, w: [
        next(iter(loader := _loader(t, _data(t, 23), 4, True, num_workers=w, persistent_workers=True))),
        list(loader),
    ],
    "prefetch": lambda t, w: list(_loader(t, _data(t), 3, num_workers=w, prefetch_factor=1)),
    "unbatched": lambda t, w: list(_loader(t, _data(t), None, num_workers=w)),
    "stream": lambda t, w: _twice(_loader(t, _stream(t), 3, num_workers=w)),
    "persistent stream": lambda t, w: _twice(_loader(t, _stream(t), 3, num_workers=w, persistent_workers=True)),
    "stream unbatched": lambda t, w: list(_loader(t, _stream(t), None, num_workers=w)),
    "stream drop_last": lambda t, w: list(_loader(t, _stream(t), 3, drop_last=True, num_workers=w)),
    "more workers than batches": lambda t, w: list(_loader(t, _data(t, 2), 2, num_workers=w)),
    "timeout in time": lambda t, w: list(_loader(t, _data(t), 3, num_workers=w, timeout=60)),
    "shared stream": lambda t, w: list(_loader(t, _shared(t), 2, num_workers=w)),
    "stream shared by init": lambda t, w: list(_loader(t, _bounded(t), 2, num_workers=w, worker_init_fn=_share(t))),
    "empty": lambda t, w: list(_loader(t, [], num_workers=w)),
    "draws in workers": lambda t, w: _twice(
        _loader(t, range(9), 2, num_workers=w, collate_fn=lambda batch: (batch, t.rand(2), t.randperm(5)))
    ),
    "draws in persistent workers": lambda t, w: _twice(
        _loader(t, range(9), 2, num_workers=w, persistent_workers=True, collate_fn=lambda batch: t.rand(2))
    ),
    "seeds in workers": lambda t, w: list(
        _loader(t, range(3), num_workers=w, collate_fn=lambda batch: t.initial_seed())
    ),
}


def _shared(t: Any) -> Any:
    """A stream that reads its worker's share: the pattern of torch's documentation."""

    class Shared(t.utils.data.IterableDataset):  # type: ignore[misc]
        def __iter__(self) -> Any:
            info = t.utils.data.get_worker_info()
            return iter(range(info.id, 11, info.num_workers))

    return Shared()


def _bounded(t: Any) -> Any:
    class Bounded(t.utils.data.IterableDataset):  # type: ignore[misc]
        start, end = 0, 11

        def __iter__(self) -> Any:
            return iter(range(self.start, self.end))

    return Bounded()


def _share(t: Any) -> Any:
    def share(worker: int) -> None:
        info = t.utils.data.get_worker_info()
        size = -(-(info.dataset.end - info.dataset.start) // info.num_workers)
        info.dataset.start = worker * size
        info.dataset.end = min(info.dataset.start + size, info.dataset.end)

    return share


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", WITH_WORKERS)
def test_workers_same_as_torch(name: str, workers: int, same: Any) -> None:
    same(lambda t: WITH_WORKERS[name](t, workers))


ERRORS: dict[str, tuple[Any, str]] = {
    "workers": (lambda t: _loader(t, [1], num_workers=-1), "num_workers option should be non-negative"),
    "timeout": (lambda t: _loader(t, [1], timeout=-1), "timeout option should be non-negative"),
    "timeout alone": (lambda t: iter(_loader(t, [1], timeout=1)), "timeout needs num_workers > 0|"),
    "prefetch alone": (lambda t: _loader(t, [1], prefetch_factor=2), "prefetch_factor option could only be"),
    "prefetch": (lambda t: _loader(t, [1], num_workers=1, prefetch_factor=-1), "should be non-negative, got -1"),
    "persistent alone": (lambda t: _loader(t, [1], persistent_workers=True), "needs num_workers > 0"),
    "stream shuffle": (lambda t: _loader(t, _stream(t), shuffle=True), "unspecified shuffle option.*shuffle=True"),
    "stream sampler": (lambda t: _loader(t, _stream(t), sampler=[1]), r"unspecified sampler option.*\[1\]"),
    "stream batch_sampler": (lambda t: _loader(t, _stream(t), batch_sampler=[[1]]), "unspecified batch_sampler"),
    "stream length": (lambda t: len(_loader(t, _stream(t))), "has no len"),
    "sampler and shuffle": (lambda t: _loader(t, [1], shuffle=True, sampler=[0]), "exclusive with shuffle"),
    "batch_sampler and size": (lambda t: _loader(t, [1], 2, batch_sampler=[[0]]), "mutually exclusive"),
    "batch_sampler and shuffle": (lambda t: _loader(t, [1], shuffle=True, batch_sampler=[[0]]), "exclusive"),
    "batch_sampler and sampler": (lambda t: _loader(t, [1], sampler=[0], batch_sampler=[[0]]), "exclusive"),
    "batch_sampler and drop": (lambda t: _loader(t, [1], drop_last=True, batch_sampler=[[0]]), "exclusive"),
    "unbatched drop_last": (lambda t: _loader(t, [1], None, drop_last=True), "disables auto-batching"),
    "batch size": (lambda t: _loader(t, [1], 0), "batch_size=0"),
    "shuffle nothing": (lambda t: _loader(t, [], shuffle=True), "num_samples=0"),
    "context alone": (lambda t: _loader(t, [1], multiprocessing_context="fork"), "num_workers=0"),
    "context name": (lambda t: _loader(t, [1], num_workers=1, multiprocessing_context="x"), "'x'"),
    "context type": (lambda t: _loader(t, [1], num_workers=1, multiprocessing_context=5), "=5"),
    "set later": (lambda t: setattr(_loader(t, [1]), "batch_size", 2), "batch_size attribute should not be set"),
    "set dataset": (lambda t: setattr(_loader(t, [1]), "dataset", []), "dataset attribute should not be set"),
    "sampler length": (lambda t: len(_loader(t, [1], sampler=iter([0]))), "has no len"),
    "no items": (lambda t: list(_loader(t, t.utils.data.Dataset(), sampler=[0])), "__getitem__"),
    "index": (lambda t: list(_loader(t, [1], sampler=[3])), "out of range"),
    "exhausted": (lambda t: [next(it := iter(_loader(t, [1]))), next(it)], ""),
    "collate": (lambda t: list(_loader(t, [None])), "NoneType"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str, same_error: Any) -> None:
    scenario, message = ERRORS[name]
    assert re.search(message, same_error(scenario))


def test_no_prefetch() -> None:
    """As in torch, an error of the iterator and not of the loader."""
    with pytest.raises(AssertionError, match="prefetch_factor must be greater than 0 .* got 0"):
        iter(DataLoader([1], num_workers=1, prefetch_factor=0))


class TwoArguments(Exception):
    def __init__(self, a: Any, b: Any) -> None:
        super().__init__(a, b)


class WithMessage(Exception):
    message = "?"

    def __init__(self, message: str) -> None:
        super().__init__(message)


def _failing(error: Any) -> Any:
    def fail(batch: Any) -> Any:
        if 2 in batch:
            raise error
        return batch

    return fail


@pytest.mark.parametrize(
    "error",
    [ValueError("bad image"), KeyError("k"), OSError(2, "gone"), TwoArguments(1, 2), WithMessage("m")],
    ids=repr,
)
def test_worker_errors(error: Exception, torch: Any) -> None:
    """The type, the original text and the place are in the error; the next batch is still there."""
    found = []
    for t in (torch, refnet):
        batches = iter(_loader(t, range(6), 2, num_workers=2, collate_fn=_failing(error)))
        assert next(batches) == [0, 1]
        with pytest.raises(Exception) as caught:
            next(batches)
        text = str(caught.value)
        assert f"Caught {type(error).__name__} in DataLoader worker" in text
        assert "Original Traceback (most recent call last)" in text and "in fail\n" in text
        found.append(caught.type)
        assert list(batches) == [[4, 5]]
    assert found[0] is found[1]


def test_error_in_worker_init(same_error: Any) -> None:
    def fail(worker: int) -> None:
        raise LookupError(f"no licence for {worker}")

    message = same_error(lambda t: list(_loader(t, range(4), num_workers=1, worker_init_fn=fail)))
    assert "no licence for 0" in message and "Caught LookupError" in message


def test_timeout() -> None:
    release = threading.Event()
    loader = DataLoader([0], num_workers=1, timeout=0.05, collate_fn=lambda batch: release.wait(10))
    try:
        with pytest.raises(RuntimeError, match="DataLoader timed out after 0.05 seconds"):
            next(iter(loader))
    finally:
        release.set()


def test_order_is_kept_when_the_first_is_slow() -> None:
    def slow_first(batch: list[int]) -> list[int]:
        time.sleep(0.05 if batch[0] == 0 else 0)
        return batch

    assert list(DataLoader(range(6), 2, num_workers=2, collate_fn=slow_first)) == [[0, 1], [2, 3], [4, 5]]
    mixed = list(DataLoader(range(6), 2, num_workers=2, collate_fn=slow_first, in_order=False))
    assert sorted(mixed) == [[0, 1], [2, 3], [4, 5]] and mixed[0] != [0, 1]


def test_worker_info() -> None:
    seen: dict[int, Any] = {}

    class Watched(IterableDataset[int]):
        def __iter__(self) -> Any:
            info = get_worker_info()
            assert info is not None
            seen[info.id] = info
            return iter([info.id])

    dataset = Watched()
    refnet.manual_seed(5)
    loader = DataLoader(dataset, batch_size=None, num_workers=2)
    assert sorted(loader) == [0, 1]
    assert get_worker_info() is None
    first, second = seen[0], seen[1]
    assert (first.num_workers, second.seed - first.seed) == (2, 1)
    assert type(first.dataset) is Watched and first.dataset is not dataset and first.dataset is not second.dataset
    assert first.rng.torch_generator.initial_seed() == first.seed
    assert first.rng.random_generator.random() != second.rng.random_generator.random()


def test_worker_draws_leave_the_main_stream_alone() -> None:
    refnet.manual_seed(3)
    refnet.empty((), dtype=refnet.int64).random_()  # the base seed
    expected = refnet.rand(4).tolist()
    refnet.manual_seed(3)
    list(DataLoader(range(20), num_workers=2, collate_fn=lambda batch: refnet.rand(100)))
    assert refnet.rand(4).tolist() == expected


def test_worker_seed_is_that_of_torch(torch: Any) -> None:
    seeds = []
    for t in (torch, refnet):
        t.manual_seed(11)
        loader = _loader(
            t, range(2), None, num_workers=2, collate_fn=lambda x, t=t: t.utils.data.get_worker_info().seed
        )
        seeds.append(list(loader))
    assert seeds[0] == seeds[1]


def test_workers_end(torch: Any) -> None:
    """Threads end with the iterator, whether it was used up or dropped."""
    before = set(threading.enumerate())  # those of another test's loader may end while this one runs
    list(DataLoader(range(8), num_workers=2))
    next(iter(DataLoader(range(8), num_workers=2)))
    loader = DataLoader(range(8), num_workers=2, persistent_workers=True)
    for _ in range(3):
        list(loader)
    assert len(set(threading.enumerate()) - before) >= 2
    del loader
    gc.collect()
    for _ in range(500):
        left = set(threading.enumerate()) - before
        if not left:
            return
        time.sleep(0.02)
    pytest.fail(f"worker threads are left: {left}")


def test_pin_memory_is_announced_as_without_effect() -> None:
    with pytest.warns(UserWarning, match="no accelerator is found"):
        assert len(list(DataLoader([1, 2], pin_memory=True))) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(DataLoader([1, 2]))
