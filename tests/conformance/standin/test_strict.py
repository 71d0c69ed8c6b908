"""Where the stand-in is strict: transfers, memory that nobody wrote, races, types, pinned memory that changes."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pytest

from conformance import standin
from conformance.standin.runtime.under_way import ChangedWhileCopied


@pytest.fixture
def cupy() -> Iterator[Any]:
    with standin.installed() as module:
        yield module


# --- transfers ----------------------------------------------------------------------------------------------------

READS: dict[str, Callable[[Any, Any], Any]] = {
    "ndarray.get": lambda cupy, a: a.get(),
    "ndarray.item": lambda cupy, a: a[0].item(),
    "ndarray.tolist": lambda cupy, a: a.tolist(),
    "bool": lambda cupy, a: bool(a[0]),
    "int": lambda cupy, a: int(a[0]),
    "float": lambda cupy, a: float(a[0]),
    "cupy.nonzero": lambda cupy, a: cupy.nonzero(a),
    "cupy.unique": lambda cupy, a: cupy.unique(a),
    "an index that is a mask": lambda cupy, a: a[a > 1],
}


@pytest.mark.parametrize("name", READS)
def test_a_read_is_counted_and_can_be_forbidden(cupy: Any, name: str) -> None:
    array = cupy.arange(3)
    with standin.counted() as seen:
        READS[name](cupy, array)
    assert dict(seen.reads) == {name: 1}
    with standin.forbidden():
        with pytest.raises(standin.HiddenTransfer, match=name.rpartition(".")[2]):
            READS[name](cupy, array)
        with standin.announced():
            READS[name](cupy, array)


@pytest.mark.parametrize(
    "compute",
    [
        lambda cupy, a: (a @ a).sum() / a.size,
        lambda cupy, a: cupy.where(a > 0, a, 0).max(axis=0),
        lambda cupy, a: a[cupy.arange(2), cupy.arange(2)],
        lambda cupy, a: cupy.zeros_like(a).astype("float64"),
        lambda cupy, a: cupy.linalg.inv(a),
    ],
)
def test_computing_transfers_nothing(cupy: Any, compute: Any) -> None:
    array = cupy.eye(2)
    with standin.counted() as seen, standin.forbidden(writes=True):
        compute(cupy, array)
    assert not seen.reads
    assert not seen.writes


def test_a_copy_to_the_device_is_counted_apart(cupy: Any) -> None:
    with standin.counted() as seen:
        cupy.asarray(numpy.ones(3))
        cupy.zeros(3)[[0, 1]] = 1.0
    assert not seen.reads
    assert sum(seen.writes.values()) == 2


# --- memory -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_new_memory_is_nan(cupy: Any, dtype: str) -> None:
    assert numpy.isnan(cupy.empty((3, 4), dtype).get()).all()
    used = cupy.ones(100, dtype)
    del used
    assert numpy.isnan(cupy.empty(100, dtype).get()).all()


def test_new_memory_of_integers_is_all_ones(cupy: Any) -> None:
    assert (cupy.empty(3, "int64").get() == -1).all()


def test_a_view_sees_what_is_written(cupy: Any) -> None:
    array = cupy.zeros((2, 3))
    array.T[0] = 1.0
    cupy.ndarray((2,), "float64", array.data + 16, (24,))[...] = 5.0
    assert array.get().tolist() == [[1.0, 0.0, 5.0], [1.0, 0.0, 5.0]]


def test_strides_go_backwards_too(cupy: Any) -> None:
    turned = cupy.arange(6).reshape(2, 3)[::-1, ::-2]
    again = cupy.ndarray(turned.shape, turned.dtype, turned.data, turned.strides)
    assert again.get().tolist() == [[5, 3], [2, 0]]


# --- what cupy does silently ---------------------------------------------------------------------------------------

SILENT: dict[str, Callable[[Any], Any]] = {
    "wraps": lambda cupy: cupy.arange(3)[cupy.asarray([3])],
    "wraps it": lambda cupy: cupy.arange(3).take(cupy.asarray([-4])),
    "wraps it around": lambda cupy: cupy.take_along_axis(cupy.eye(2), cupy.asarray([[2]]), 1),
    "names an element twice": lambda cupy: cupy.zeros(3).__setitem__(cupy.asarray([0, 0]), cupy.asarray([1.0, 2.0])),
    "repeats elements": lambda cupy: cupy.broadcast_to(cupy.zeros(1), (3,)).fill(1.0),
    "gives garbage": lambda cupy: cupy.linalg.inv(cupy.zeros((2, 2))),
    "numpy scalars": lambda cupy: cupy.zeros(3, "float32") * numpy.float64(2),
}


@pytest.mark.parametrize("message", SILENT)
def test_is_an_error_here(cupy: Any, message: str) -> None:
    with pytest.raises(standin.StandInError, match=message):
        SILENT[message](cupy)


def test_duplicates_that_agree_are_fine(cupy: Any) -> None:
    array = cupy.zeros(3)
    array[cupy.asarray([0, 0, 2])] = cupy.asarray([1.0, 1.0, 2.0])
    array[cupy.asarray([1, 1])] = 7.0
    assert array.get().tolist() == [1.0, 7.0, 2.0]


# --- types --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["O", "S3", "U2", "M8[s]", "longdouble", "V4", ">f4"])
def test_types_that_no_device_has(cupy: Any, dtype: str) -> None:
    with pytest.raises(ValueError, match="Unsupported dtype"):
        cupy.zeros(3, dtype)


def test_bfloat16_came_with_cupy_14() -> None:
    with standin.installed(14) as cupy:
        ones = cupy.ones(3, "bfloat16")
        assert (ones + 1).dtype == ones.dtype
        assert cupy.where(ones > 0, ones, 0).dtype == numpy.dtype("float32")  # it has no loop for it
        with pytest.raises(TypeError, match="bfloat16"):
            cupy.sort(ones)
    with standin.installed(13) as cupy:
        assert cupy.__version__.startswith("13.")
        with pytest.raises(ValueError, match="Unsupported dtype bfloat16"):
            cupy.ones(3, "bfloat16")


# --- pinned memory ------------------------------------------------------------------------------------------------


def pinned(values: Any) -> Any:
    found = sys.modules["cupyx"].empty_pinned(values.shape, values.dtype)
    found[...] = values
    return found


def test_pinned_memory_may_not_change_while_it_is_copied(cupy: Any) -> None:
    host, stream = pinned(numpy.arange(3.0)), cupy.cuda.Stream(non_blocking=True)
    with stream:
        array = cupy.empty(3)
    array.set(host, stream)
    host[0] = 9.0
    with pytest.raises(ChangedWhileCopied, match="24 bytes"):
        stream.synchronize()
    array.set(host, stream)
    stream.synchronize()
    host[0] = 1.0
    stream.synchronize()


def test_pinned_memory_is_there_after_a_synchronisation(cupy: Any) -> None:
    host, stream = pinned(numpy.zeros(3)), cupy.cuda.Stream(non_blocking=True)
    with stream:
        array = cupy.arange(3.0)
        array.get(stream, out=host, blocking=False)
    assert numpy.isnan(host).all()
    stream.synchronize()
    assert host.tolist() == [0.0, 1.0, 2.0]


# --- graphs -------------------------------------------------------------------------------------------------------


def test_a_captured_graph_computes_at_every_replay(cupy: Any) -> None:
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        x, total = cupy.ones(3), cupy.zeros(())
        (x * 2).sum()  # the pool has blocks for what follows
        stream.begin_capture()
        total += (x * 2).sum()
        graph = stream.end_capture()
        assert total.item() == 0.0
        for _ in range(3):
            graph.launch(stream)
        assert total.item() == 18.0
        x[...] = 0.0
        graph.launch(stream)
        assert total.item() == 18.0


def test_a_capture_may_not_read(cupy: Any) -> None:
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        x = cupy.ones(3)
        x.sum()
        stream.begin_capture()
        with pytest.raises(RuntimeError, match="makes the host wait"):
            x.sum().item()
        with pytest.raises(RuntimeError):
            stream.end_capture()


# --- the modules --------------------------------------------------------------------------------------------------


def test_it_leaves_no_trace() -> None:
    before = {name for name in sys.modules if name.partition(".")[0] in ("cupy", "cupyx")}
    with standin.installed() as cupy:
        assert sys.modules["cupy"] is cupy
        assert sys.modules["cupyx.scipy.special"].erf(cupy.zeros(1)).get().tolist() == [0.0]
    assert {name for name in sys.modules if name.partition(".")[0] in ("cupy", "cupyx")} == before


def test_it_does_not_replace_the_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", sys)
    with pytest.raises(RuntimeError, match="imported already"):
        standin.install()
