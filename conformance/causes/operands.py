"""Causes among the inputs: transposed, mirrored, exchanged, misread, left out, counted twice.

The oracle is run on a changed input x' = T x, where T is linear. The gradient of that input then is T^T of the gradient
at x'.
"""

from collections.abc import Callable, Iterator
from itertools import combinations

import numpy

from conformance.causes.evidence import Evidence, Guess
from conformance.draw import Array, is_floating

Turn = Callable[[Array], Array]
FIRST = 3  # inputs that are looked at one by one
WIDTHS = (4, 8, 16, 32)


def changed(evidence: Evidence, place: int, turn: Turn, back: Turn, how: str) -> Iterator[Guess]:
    """The result with one input turned; `back` is T^T."""
    name = evidence.sample.names[place]
    value = evidence.with_array(place, numpy.ascontiguousarray(turn(evidence.sample.arrays[place])))
    if value is not None:
        own = evidence.derivative and evidence.tensor == name
        yield Guess(f"equals the result with the input {name!r} {how}", back(value) if own else value, 1.0)


def turned(evidence: Evidence) -> Iterator[Guess]:
    """Square operands transposed, kernels mirrored, masks inverted, memory read in the other order."""
    for place, array in enumerate(evidence.sample.arrays[:FIRST]):
        if array.dtype == bool:
            yield from changed(evidence, place, numpy.logical_not, _same, "inverted")
            continue
        if array.ndim >= 2 and array.shape[-1] == array.shape[-2] > 1:
            yield from changed(evidence, place, _last_two, _last_two, "transposed")
        elif array.ndim > 2 and array.shape[0] == array.shape[1] > 1:
            yield from changed(evidence, place, _first_two, _first_two, "with dimensions 0 and 1 exchanged")
        if "conv" in evidence.operation and place == 1 and array.ndim > 2 and max(array.shape[2:]) > 1:
            yield from changed(evidence, place, _mirrored, _mirrored, "mirrored")
        if array.ndim >= 2 and min(array.shape[-2:]) > 1:
            yield from changed(evidence, place, _by_column, _by_row, "read column by column as if they were rows")
            yield from changed(evidence, place, _by_row, _by_column, "read row by row as if they were columns")


def _same(x: Array) -> Array:
    return x


def _last_two(x: Array) -> Array:
    return numpy.swapaxes(x, -1, -2)


def _first_two(x: Array) -> Array:
    return numpy.swapaxes(x, 0, 1)


def _mirrored(x: Array) -> Array:
    return numpy.flip(x, tuple(range(2, x.ndim)))


def _by_column(x: Array) -> Array:
    return _last_two(x).reshape(x.shape)


def _by_row(x: Array) -> Array:
    return _last_two(x.reshape(_last_two(x).shape))


def exchanged(evidence: Evidence) -> Iterator[Guess]:
    """Two inputs of one shape in each other's place."""
    names, arrays = evidence.sample.names, evidence.sample.arrays
    for i, j in combinations(range(min(FIRST, len(arrays))), 2):
        if arrays[i].shape == arrays[j].shape and arrays[i].dtype == arrays[j].dtype and arrays[i].size:
            swapped = list(arrays)
            swapped[i], swapped[j] = arrays[j], arrays[i]
            value = evidence.rerun(evidence.sample.with_arrays(swapped))
            if value is not None:
                yield Guess(f"equals the result with {names[i]!r} and {names[j]!r} exchanged", value, 1.0)


def counted(evidence: Evidence) -> Iterator[Guess]:
    """An input that is left out, counted twice, subtracted; the end of its rows left out."""
    for place, array in enumerate(evidence.sample.arrays[: FIRST + 1]):
        if not is_floating(array) or not array.size:
            continue
        for number, how in ((0.0, "as zeros"), (2.0, "doubled"), (-1.0, "negated")):
            scale = _scaled(number)
            yield from changed(evidence, place, scale, scale, how)
        if array.ndim and place < 2:
            length = array.shape[-1]
            for count in sorted({1, *(length % width for width in WIDTHS if length > width)} - {0, length}):
                cut = _without_last(count)
                rest = "element" if count == 1 else f"{count} elements"
                yield from changed(evidence, place, cut, cut, f"without the last {rest} along its last dimension")


def _scaled(number: float) -> Turn:
    return lambda x: (x.astype(numpy.float64) * number).astype(x.dtype)


def _without_last(count: int) -> Turn:
    def cut(x: Array) -> Array:
        x = x.copy()
        x[..., x.shape[-1] - count :] = 0
        return x

    return cut


def one_sample(evidence: Evidence) -> Iterator[Guess]:
    """A derivative that sums over the batch, with one sample of it: everything of the batch's length is cut."""
    arrays = evidence.sample.arrays
    if not evidence.derivative or evidence.moved is None or not arrays or not arrays[0].ndim or arrays[0].shape[0] < 2:
        return
    batch = arrays[0].shape[0]
    for row, which in ((0, "first"), (batch - 1, "last")):

        def only(array: Array, row: int = row) -> Array:
            if array.ndim == 0 or array.shape[0] != batch or not is_floating(array):
                return array
            kept = numpy.zeros_like(array)
            kept[row] = array[row]
            return kept

        value = evidence.moved(only)
        if value is not None:
            yield Guess(
                f"equals the gradient of the {which} sample alone: the sum over the batch is missing", value, 1.0
            )


def shifted(evidence: Evidence) -> Iterator[Guess]:
    """For windows: the image moved by one, zeros moved in."""
    arrays = evidence.sample.arrays
    if not any(kind in evidence.operation for kind in ("conv", "pool", "fold")) or not arrays or arrays[0].ndim < 3:
        return
    dims = tuple(range(-1, -arrays[0].ndim + 1, -1))
    for axes in (dims, *((dim,) for dim in dims if len(dims) > 1)):
        for step in (1, -1):
            shown = ", ".join(str(arrays[0].ndim + axis) for axis in sorted(axes))
            how = f"moved by {step:+d} along dimension {shown}"
            yield from changed(evidence, 0, _moved(axes, step), _moved(axes, -step), how)


def _moved(axes: tuple[int, ...], step: int) -> Turn:
    def turn(x: Array) -> Array:
        x = numpy.roll(x, (step,) * len(axes), axes)
        for axis in axes:
            border = [slice(None)] * x.ndim
            border[axis] = slice(0, 1) if step > 0 else slice(-1, None)
            x[tuple(border)] = 0
        return x

    return turn
