"""Memory that is used again: never while somebody still sees it, and never more of it than is allowed to lie idle."""

import gc
import threading

import numpy as np
import pytest

import refnet
from refnet import _workspace
from refnet._workspace import empty

SHAPE = (300, 1000)


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def fresh() -> np.ndarray:
    return empty(np, SHAPE, np.dtype("float32"))


def test_memory_of_a_dead_array_is_used_again() -> None:
    array = fresh()
    where = address(array)
    del array
    assert address(fresh()) == where


WATCHERS = {
    "view": lambda a: a[3:5],
    "view of a view": lambda a: a.reshape(-1)[::2][1:],
    "memoryview": memoryview,
    "tensor": lambda a: refnet.from_numpy(a)[1],
    "another type": lambda a: a.view("int32"),
    "bytes of it": lambda a: np.frombuffer(a, "uint8"),
    "strided": lambda a: np.lib.stride_tricks.as_strided(a, (2, 2), (4, 4)),
}


@pytest.mark.parametrize("watcher", WATCHERS)
def test_memory_that_somebody_sees_is_not(watcher: str) -> None:
    array = fresh()
    where = address(array)
    kept = WATCHERS[watcher](array)
    del array
    assert address(fresh()) != where
    del kept


def test_an_array_owns_what_it_shows_and_no_more() -> None:
    tensor = refnet.from_numpy(empty(np, (1001, 333), np.dtype("float32")))
    part = tensor[5:, 2:]
    assert part.storage_offset() == 5 * 333 + 2
    with pytest.raises(RuntimeError, match="out of bounds for storage of size"):
        part.as_strided((1001 * 333 + 1,), (1,), 0)


def test_small_arrays_are_numpys_own() -> None:
    assert empty(np, (10,), np.dtype("float32")).base is None


def test_idle_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_workspace, "_MOST", 4 << 20)
    _workspace._shelf.buffers.clear()
    for rows in range(300, 340):  # sizes that do not come again
        empty(np, (rows, 1000), np.dtype("float32"))
    assert sum(len(buffer) for buffer in _workspace._shelf.buffers) <= (4 << 20) + 2 * 340 * 4000


def test_training_does_not_grow() -> None:
    model = refnet.nn.Sequential(refnet.nn.Conv2d(1, 6, 5), refnet.nn.BatchNorm2d(6), refnet.nn.Tanh())
    x = refnet.randn(32, 1, 28, 28)

    def step() -> None:
        model(x).square().sum().backward()

    for _ in range(3):
        step()
    held = len(_workspace._shelf.buffers)
    for _ in range(10):
        step()
    gc.collect()
    assert len(_workspace._shelf.buffers) <= held


def test_threads_get_memory_of_their_own() -> None:
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(200):
            array = fresh()
            array[...] = number
            if not (array == number).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
