"""What a recording notes, call by call, and what the passes over it leave."""

from collections.abc import Callable
from typing import Any

import numpy
import pytest

import refnet
from refnet._recording.active import active
from refnet._recording.array import Recorded, Unrecordable
from refnet._recording.notes import Otherwise, owner_of
from refnet._recording.program import Program
from refnet._recording.run import Run

Array = Any
pytestmark = pytest.mark.usefixtures("small_heap")


def on_arrays(function: Callable[..., Any], *inputs: Array) -> tuple[Program, Array, list[Array]]:
    """The program of a function of arrays, its result, and the arrays that it reads."""
    tensors = [refnet.from_numpy(x) for x in inputs]

    def step(*given: Any) -> Any:
        return refnet._tape.wrap(function(*[x._array for x in given]), given[0].device)

    run = Run(step, tuple(tensors))
    assert active.recorder is None
    return Program(run.recorder, run.kept), run.results._array, list(inputs)


def written(x: Array, y: Array) -> Array:
    out = numpy.zeros((4, 3), x.dtype)
    out[1:3] = x[:2]
    out[0, 0] = y[1, 2]
    out[3] += y[0] * 2
    return out


def in_order(x: Array, y: Array) -> Array:
    z = x.copy()
    z.sort(axis=0)
    return z.take(numpy.argsort(y[:, 0]), axis=0)


def reduced(x: Array, y: Array) -> Array:
    parts = [x.sum(0), y.max(axis=0), numpy.prod(x, axis=0), x.mean(0), y.std(axis=0), x.argmax(0), y.cumsum(0)[1]]
    return numpy.stack([numpy.asarray(part, x.dtype) for part in parts])


def at_places(x: Array, y: Array) -> Array:
    out = numpy.zeros_like(x)
    index = numpy.argmax(y, axis=1)
    numpy.add.at(out, index % 3, x)
    out[:, index[:1]] -= 1
    numpy.put_along_axis(out, index[:, None], 9, axis=1)
    return out


def numbers(x: Array, y: Array) -> Array:
    total = x.sum()
    total += y[0, 0]
    return numpy.full((2, 2), total) / numpy.sqrt(abs(total) + 1)


def scalars(x: Array, y: Array) -> Array:
    """A scalar's power is not the ufunc's in the last bit, and `+=` makes another scalar."""
    total = abs(x).sum()
    before = total
    total += y[0, 0] ** 2
    total **= 0.7
    return numpy.full((2,), total) * before ** (1 / 3.5) + abs(x[1, 1]) ** abs(y[2, 0])


def views(x: Array, y: Array) -> Array:
    flat = x.T.reshape(-1)
    first, second = numpy.split(numpy.broadcast_to(y[:, :1], x.shape).ravel(), [4])
    wide = numpy.ascontiguousarray(x.T).view(numpy.int32).astype(x.dtype, copy=False)
    return numpy.concatenate([flat, first, second, wide[0], *(row[:1] for row in x)])


def masked(x: Array, y: Array) -> Array:
    out = numpy.where(x > 0, x, y)
    numpy.maximum(out, 0.25, out=out, where=y > 0)
    out[y < 0] = -1
    numpy.copyto(out, 7, where=x > 1)
    return out


def multiple(x: Array, y: Array) -> Array:
    q, r = numpy.linalg.qr(x)
    whole, part = numpy.divmod(y, 0.5)
    fraction, exponent = numpy.frexp(x)
    return q @ r + whole * part + fraction + exponent


def whole_again(x: Array, y: Array) -> Array:
    out = numpy.empty_like(x)
    for row, own in zip(out, x, strict=True):
        row[...] = own
    out[...] = out[::-1] @ y.T @ y
    out **= 2
    return out


FUNCTIONS = [written, in_order, reduced, at_places, numbers, scalars, views, masked, multiple, whole_again]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_replays_have_the_bits_of_the_function(function: Callable[..., Any]) -> None:
    rng = numpy.random.default_rng(1)
    program, result, inputs = on_arrays(function, *rng.standard_normal((2, 3, 3)).astype(numpy.float32))
    assert result.tobytes() == function(*[x.copy() for x in inputs]).tobytes()
    for _ in range(3):
        for x in inputs:
            x[...] = rng.standard_normal(x.shape)
        program.spoil()
        program.replay()
        assert result.tobytes() == function(*[x.copy() for x in inputs]).tobytes()
    assert type(result) is numpy.ndarray


# --- passes -------------------------------------------------------------------------------------------------------


def names(program: Program) -> list[str]:
    return [call.name() for call in program.calls]


@pytest.mark.parametrize(
    ("function", "left"),
    [
        (lambda x: numpy.exp(x) + numpy.arange(3.0) * 2, ["exp", "add"]),  # constants are computed once
        (lambda x: (numpy.sin(x), numpy.cos(x))[1], ["cos"]),  # nobody looks at the sine
        (lambda x: numpy.zeros(3) + x, ["add"]),
        (lambda x: numpy.add(x, 1, out=numpy.zeros(3)), ["add"]),  # zeros that are written over
        (lambda x: x[::-1][:2].reshape(2, 1).T * 2, ["multiply"]),  # views are no calls
        (lambda x: x.copy().astype(x.dtype, copy=False) + 1, ["copyto", "add"]),
    ],
)
def test_calls_that_are_left(function: Callable[..., Any], left: list[str]) -> None:
    assert names(on_arrays(function, numpy.ones(3))[0]) == left


def test_zeros_around_an_image_are_written_once() -> None:
    def padded(x: Array) -> Array:
        out = numpy.zeros((4, 4))
        out[1:3, 1:3] = x
        return out @ out

    program, result, (x,) = on_arrays(padded, numpy.ones((2, 2)))
    assert names(program) == ["copyto", "matmul"]
    x[...] = [[1, 2], [3, 4]]
    program.spoil()
    program.replay()
    assert (result == padded(x)).all()


def test_zeros_that_are_added_to_are_written_every_time() -> None:
    def added(x: Array) -> Array:
        out = numpy.zeros(3)
        out += x
        return out * 2

    program, result, _ = on_arrays(added, numpy.ones(3))
    program.replay()
    assert (result == 2).all() and names(program) == ["copyto", "add", "multiply"]


def test_memory_is_used_again() -> None:
    def chain(x: Array) -> Array:
        for _ in range(20):
            x = numpy.sin(x)
        return x

    program, result, (x,) = on_arrays(chain, numpy.ones(1000))
    assert program.plan.block.nbytes <= 2 * 8064
    x[...] = numpy.arange(1000)
    program.replay()
    assert (result == chain(x)).all()


# --- arrays -------------------------------------------------------------------------------------------------------


def test_outside_a_recording_an_array_is_as_any_other() -> None:
    kept: list[Any] = []

    def keep(x: Array) -> Array:
        kept.append(x)
        return x + 1

    on_arrays(keep, numpy.arange(3.0))
    (x,) = kept
    assert type(x) is Recorded
    assert type(x + 1) is type(numpy.concatenate([x, x])) is type(x[1:]) is type(x.sum(keepdims=True)) is numpy.ndarray
    assert float(x[1]) == 1 and x.tolist() == [0, 1, 2] and x.item(2) == 2 and bool(x.any()) and len(list(x)) == 3
    x[0] = 5
    assert repr(x) == "array([5., 1., 2.])" and str(x) == "[5. 1. 2.]" and x.sum() == 8


def test_numpy_is_itself_after_an_error() -> None:
    before = {name: getattr(numpy, name) for name in ("empty", "zeros", "asarray", "arange")}
    with pytest.raises(ZeroDivisionError):
        on_arrays(lambda x: x / (1 // 0), numpy.ones(2))
    assert before == {name: getattr(numpy, name) for name in before}
    assert active.recorder is None and "_array" not in vars(refnet._tape.TensorBase)


def test_other_threads_are_not_recorded() -> None:
    import threading

    found: list[Any] = []

    def elsewhere() -> None:
        found.append(numpy.zeros(2) + refnet.ones(2)._array)

    def step(x: Array) -> Array:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        return x + 1

    program, _, _ = on_arrays(step, numpy.ones(2))
    assert type(found[0]) is numpy.ndarray and names(program) == ["add"]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * float(x[0]),
        lambda x: x * x.item(0),
        lambda x: numpy.asarray(x.tolist()),
        lambda x: x[x > 0],
        lambda x: numpy.unique(x),
        lambda x: numpy.nonzero(x)[0],
        lambda x: numpy.where(x > 0)[0],
        lambda x: numpy.repeat(x, x.astype(int)),
        lambda x: numpy.bincount(x.astype(int)),
        lambda x: numpy.asarray([f"{x[0]:.3f}"] and x),
        lambda x: x + numpy.asarray(x.flat[0]),
        lambda x: x if 1.0 in x else x + 1,
    ],
)
def test_values_that_leave_are_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(Unrecordable, match="cannot depend on the values of a tensor"):
        on_arrays(function, numpy.ones(3))


def test_values_of_constants_may_leave() -> None:
    program, result, _ = on_arrays(
        lambda x: x * float(numpy.arange(3.0)[2]) + numpy.nonzero(numpy.eye(3)[1])[0], numpy.ones(3)
    )
    assert names(program) == ["multiply", "add"] and (result == 3).all()


def test_conditions_are_watched() -> None:
    program, _, (x,) = on_arrays(lambda x: x + 1 if x.sum() > 2 else x - 1, numpy.ones(3))
    program.replay()
    x[...] = -1
    with pytest.raises(Otherwise, match="was True when it was recorded; it is now False"):
        program.replay()


def test_owners() -> None:
    x = numpy.arange(12.0)
    windows = numpy.lib.stride_tricks.as_strided(x[2:], (3, 2), (16, 8))
    assert owner_of(windows[1:].T) is x and owner_of(x.view(Recorded)[1:]) is x and owner_of(x.copy()) is not x
