"""Names for a constant factor: the sizes of the sample, its numbers, the constants of formulas."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from conformance.case import Sample
from conformance.causes.signatures import signature

CONSTANTS = {
    "ln 2": math.log(2.0),
    "ln 10": math.log(10.0),
    "pi": math.pi,
    "sqrt(2)": math.sqrt(2.0),
    "sqrt(2 pi)": math.sqrt(2.0 * math.pi),
    "sqrt(pi)": math.sqrt(math.pi),
}
DISTINCT = 1000  # beyond it n/(n - 1) is hardly told from (n + 1)/n in float32
PLAIN = (-1.0, 2.0, 0.5, 3.0, 1 / 3, 4.0, 0.25, -2.0, -0.5)


@dataclass(frozen=True)
class Named:
    """A factor and what it may mean."""

    value: float
    meaning: str = ""


def factors(sample: Sample, shape: tuple[int, ...], operation: str = "") -> list[Named]:
    """Factors that would mean something for the sample and a tensor of this shape; the likelier first."""
    found = list(_of_sizes(sample, shape)) + list(_of_parameters(sample, operation))
    for name, value in CONSTANTS.items():
        found += [Named(value, name), Named(1 / value, f"1/({name})" if " " in name else f"1/{name}")]
    found += [Named(value) for value in PLAIN]
    return [named for named in found if named.value not in (0.0, 1.0) and math.isfinite(named.value)]


def _sizes(sample: Sample, shape: tuple[int, ...]) -> dict[int, str]:
    """Every size of the sample with the first thing it is."""
    found: dict[int, str] = {}

    def add(size: int, meaning: str) -> None:
        if size > 1:
            found.setdefault(size, meaning)

    for place, (name, array) in enumerate(zip(sample.names, sample.arrays, strict=True)):
        if place == 0 and array.ndim > 1:
            add(array.shape[0], f"the batch size {array.shape[0]}")
        for dim, size in enumerate(array.shape):
            add(size, f"the size {size} of dimension {dim} of the input {name!r}")
        add(array.size, f"the number of elements {array.size} of the input {name!r}")
        if array.ndim > 2:
            plane = math.prod(array.shape[2:])
            add(plane, f"the {plane} positions of a channel of the input {name!r}")
            add(plane * array.shape[0], f"batch times positions {plane * array.shape[0]} of the input {name!r}")
            row = math.prod(array.shape[1:])
            add(row, f"the {row} elements of a sample of the input {name!r}")
    for dim, size in enumerate(shape):
        add(size, f"the size {size} of its own dimension {dim}")
    add(math.prod(shape), f"its own number of elements {math.prod(shape)}")
    return found


def _of_sizes(sample: Sample, shape: tuple[int, ...]) -> Iterator[Named]:
    sizes = _sizes(sample, shape)
    for n, meaning in sizes.items():
        perhaps = "perhaps " if n <= 4 else ""  # small factors come from many places
        yield Named(float(n), f"{perhaps}not divided by {meaning}")
        yield Named(1.0 / n, f"{perhaps}divided by {meaning} once too often")
    for n, meaning in sizes.items():
        if n != 4:  # a factor 2 is mostly just that
            yield Named(math.sqrt(n), f"the root of {meaning}")
            yield Named(1.0 / math.sqrt(n), f"1 over the root of {meaning}")
        if n == 2 or n > DISTINCT:
            continue
        yield Named(n / (n - 1), f"n/(n - 1) with n = {meaning}: divided by n - 1 in place of n")
        yield Named((n - 1) / n, f"(n - 1)/n with n = {meaning}: divided by n in place of n - 1")
        yield Named(math.sqrt(n / (n - 1)), f"the root of n/(n - 1) with n = {meaning}: n - 1 in place of n")
        yield Named(math.sqrt((n - 1) / n), f"the root of (n - 1)/n with n = {meaning}: n in place of n - 1")


def _of_parameters(sample: Sample, operation: str) -> Iterator[Named]:
    for name, value in _numbers(sample, operation):
        if not value or not math.isfinite(value):
            continue
        yield Named(value, f"times {name} = {value:g} once too often, or not divided by it")
        yield Named(1 / value, f"divided by {name} = {value:g} once too often, or not multiplied with it")
        yield Named(value * value, f"the square of {name} = {value:g}")
        yield Named(1 / value**2, f"1 over the square of {name} = {value:g}")
        if 0 < value < 1:
            yield Named((1 - value) ** 2, f"(1 - {name}) squared with {name} = {value:g}")
            yield Named(1 - value, f"1 - {name} with {name} = {value:g}")
            yield Named(1 / (1 - value), f"1/(1 - {name}) with {name} = {value:g}")
            yield Named(value / (1 - value), f"{name}/(1 - {name}) with {name} = {value:g}")
            yield Named((1 - value) / value, f"(1 - {name})/{name} with {name} = {value:g}")


def _numbers(sample: Sample, operation: str) -> Iterator[tuple[str, float]]:
    """The plain numbers among the arguments, with the name of each; sizes per dimension as their product."""
    names = [name for name, _, by_position in signature(operation) if by_position]
    names += [f"argument {i}" for i in range(len(names), len(sample.args))]
    given = [*zip(names, sample.args, strict=False), *sample.kwargs.items()]
    for name, value in given:
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield name, value
        elif isinstance(value, tuple | list) and all(isinstance(item, int) for item in value):
            yield name, math.prod(value)
