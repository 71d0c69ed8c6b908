"""What cupy has no call for, on the stand-in for cupy, against numpy's call."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pytest

from conformance import standin
from refnet._ops import _arrays

RNG = numpy.random.default_rng(0)
MASK = numpy.array([[True, False, True], [False, True, True]])


@pytest.fixture
def cupy() -> Iterator[Any]:
    with standin.installed():
        import cupy

        yield cupy


def on_device(cupy: Any, key: Any) -> Any:
    """A key of numpy's, with its arrays on the device."""
    parts = tuple(cupy.asarray(part) if isinstance(part, numpy.ndarray) else part for part in key)
    return parts if len(parts) > 1 else parts[0]


KEYS: list[tuple[tuple[int, ...], tuple[Any, ...]]] = [
    ((5,), (numpy.array([4, 0, 4, 4, 1]),)),
    ((5,), (numpy.array([[-1, 0], [4, -5]]),)),
    ((5, 3), (numpy.array([2, 2, 0]),)),
    ((3, 5), (slice(None), numpy.array([[2, 2], [0, 4]]))),
    ((3, 5), (slice(1, None), numpy.array([2, 2, 0]))),
    ((3, 5), (numpy.array([0, 2, 0]), numpy.array([1, 1, 1]))),
    ((4, 2, 3), (numpy.array([[1], [1]]), slice(None), numpy.array([0, 0]))),
    ((5,), (numpy.zeros(0, int),)),
    ((6,), (RNG.integers(0, 6, 100),)),
]
COMBINED = [
    ("add", "float32"),
    ("add", "float64"),
    ("add", "int64"),
    ("add", "int32"),
    ("add", "uint8"),
    ("multiply", "float64"),
    ("maximum", "float32"),
    ("minimum", "int64"),
    ("logical_or", "bool"),
    ("logical_and", "bool"),
]


@pytest.mark.parametrize(("name", "kind"), COMBINED)
@pytest.mark.parametrize("fortran", [False, True])
@pytest.mark.parametrize(("shape", "key"), KEYS)
def test_combine_at(
    cupy: Any, shape: tuple[int, ...], key: tuple[Any, ...], fortran: bool, name: str, kind: str
) -> None:
    start = numpy.asarray(RNG.integers(-3, 4, shape).astype(kind), order="F" if fortran else "C")
    places = start[key if len(key) > 1 else key[0]]
    values = RNG.integers(1, 4, places.shape).astype(kind)
    expected, out, given = start.copy(order="K"), cupy.asarray(start), cupy.asarray(values)
    getattr(numpy, name).at(expected, key if len(key) > 1 else key[0], values)
    with standin.forbidden():
        _arrays.combine_at(cupy, getattr(cupy, name), out, on_device(cupy, key), given)
    numpy.testing.assert_allclose(out.get(), expected, rtol=1e-6)
    assert out.dtype == kind


def test_combine_at_of_a_number_and_of_values_that_wrap(cupy: Any) -> None:
    index, most = numpy.array([1, 1, 0]), numpy.iinfo("int64").max
    out = cupy.full(2, most)
    _arrays.combine_at(cupy, cupy.add, out, cupy.asarray(index), 1)
    assert out.get().tolist() == [-most - 1, -most]


def test_sums_are_the_same_bits_for_any_order_of_other_places(cupy: Any) -> None:
    values = RNG.normal(size=64).astype("float32")
    alone, beside = cupy.zeros(3, "float32"), cupy.zeros(3, "float32")
    index = numpy.full(64, 1)
    _arrays.combine_at(cupy, cupy.add, alone, cupy.asarray(index), cupy.asarray(values))
    mixed, places = numpy.zeros(128, "float32"), numpy.full(128, 2)
    mixed[::2], places[::2] = values, 1
    _arrays.combine_at(cupy, cupy.add, beside, cupy.asarray(places), cupy.asarray(mixed))
    assert alone.get()[1] == beside.get()[1] != 0


@pytest.mark.parametrize(("shape", "key"), KEYS)
def test_assign_at_leaves_the_last(cupy: Any, shape: tuple[int, ...], key: tuple[Any, ...]) -> None:
    start = RNG.normal(size=shape)
    simple = key if len(key) > 1 else key[0]
    values = RNG.normal(size=start[simple].shape)
    expected, out = start.copy(), cupy.asarray(start)
    expected[simple] = values
    with standin.forbidden():
        _arrays.assign_at(cupy, out, on_device(cupy, key), cupy.asarray(values))
    assert (out.get() == expected).all()


@pytest.mark.parametrize("n", [0, 1, 2, 7, 8, 33])
@pytest.mark.parametrize("name", ["maximum", "minimum", "logaddexp"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_accumulate(cupy: Any, n: int, name: str, axis: int) -> None:
    x = RNG.normal(size=(n, 3) if axis == 0 else (3, n))
    if name != "logaddexp" and n > 5:
        x.flat[n // 2] = numpy.nan
    with standin.forbidden():
        found = _arrays.accumulate(cupy, getattr(cupy, name), cupy.asarray(x), axis)
    numpy.testing.assert_allclose(found.get(), getattr(numpy, name).accumulate(x, axis=axis), rtol=1e-14)


@pytest.mark.parametrize("mask", [MASK, MASK[:, 0], MASK & False])
def test_fill_where(cupy: Any, mask: Any) -> None:
    out, expected = cupy.zeros((2, 3)), numpy.zeros((2, 3))
    expected[mask] = 2.0
    with standin.forbidden():
        _arrays.fill_where(cupy, out, cupy.asarray(mask), 2.0)
    assert (out.get() == expected).all()


def test_counts_and_unraveled(cupy: Any) -> None:
    positions = RNG.integers(0, 24, 50)
    with standin.forbidden():
        given = cupy.asarray(positions)
        counted = _arrays.counts(cupy, given, 30)
        key = _arrays.unraveled(cupy, given, (2, 3, 4))
    assert (counted.get() == numpy.bincount(positions, minlength=30)).all()
    assert all((k.get() == e).all() for k, e in zip(key, numpy.unravel_index(positions, (2, 3, 4)), strict=True))


REGULAR = RNG.normal(size=(2, 3, 3)) + 4 * numpy.eye(3)
SINGULAR = numpy.array([[1.0, 2.0], [2.0, 4.0]])
FAILING: list[Callable[[Any], Any]] = [
    lambda xp: _arrays.solve(xp, xp.asarray(SINGULAR), xp.ones((2, 1))),
    lambda xp: xp.linalg.inv(xp.asarray(SINGULAR)),
    lambda xp: xp.linalg.cholesky(xp.asarray(-SINGULAR)),
]


@pytest.mark.parametrize("call", FAILING)
def test_errors_raised(cupy: Any, call: Callable[[Any], Any]) -> None:
    for xp in (numpy, cupy):
        with pytest.raises(numpy.linalg.LinAlgError), _arrays.errors_raised(xp):
            call(xp)


def test_solve_broadcasts_and_the_determinant_is_that_of_numpy(cupy: Any) -> None:
    b = RNG.normal(size=(3, 2))
    found = _arrays.solve(cupy, cupy.asarray(REGULAR), cupy.asarray(b))
    numpy.testing.assert_allclose(found.get(), numpy.linalg.solve(REGULAR, b))
    found = _arrays.determinant(cupy, cupy.asarray(REGULAR))
    numpy.testing.assert_allclose(found.get(), numpy.linalg.det(REGULAR))


@pytest.mark.parametrize("given", [2.5, True, 7])
def test_a_number_becomes_an_array_without_a_copy_from_the_host(cupy: Any, given: Any) -> None:
    with standin.forbidden(writes=True):
        made = _arrays.as_array(cupy, given, "float32")
    assert made.ndim == 0 and made.dtype == "float32" and made.get() == numpy.float32(given)


@pytest.mark.parametrize("counts", [[2, 0, 3, 1], [0, 0], []])
def test_repeated(cupy: Any, counts: list[int]) -> None:
    expected = numpy.repeat(numpy.arange(len(counts)), counts)
    given = cupy.asarray(numpy.array(counts, int))
    with standin.forbidden():
        found = _arrays.repeated(cupy, given, sum(counts))
    assert (found.get() == expected).all()
    assert (_arrays.repeated(cupy, given).get() == expected).all()
