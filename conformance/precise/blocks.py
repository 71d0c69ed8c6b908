"""How an operation falls into blocks: which elements of its arguments each part of a result reads.

An argument is an `Operand`: an array of the flat indices of its elements, which broadcasting, transposing and slicing
carry along. A result is `Blocks`: a grid of independent blocks, each a formula from the jets it reads to the elements
it writes. An element and its derivatives need only the blocks that touch it.

The table is filled by functions with torch's signatures; each returns a `Blocks`, or one for each of its results.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy

from conformance.case import Sample, substitute
from conformance.draw import Array
from conformance.precise.jet import Formula, Jet


class NoFormError(Exception):
    """These arguments have no high-precision form here."""


@dataclass(frozen=True)
class Operand:
    """Array number `number` of the sample, or a part of it: `places` are flat indices of its elements."""

    number: int
    places: Array
    whole: bool = False  # integers or booleans
    array: Array = None

    @property
    def shape(self) -> tuple[int, ...]:
        found: tuple[int, ...] = self.places.shape
        return found

    def with_places(self, places: Array) -> "Operand":
        """Other elements of the same array."""
        return Operand(self.number, places, self.whole, self.array)


@dataclass(frozen=True)
class Blocks:
    """One result. `formula` takes a list of jets for each operand and returns the list of jets it writes."""

    operands: tuple[Operand, ...]  # places: (grid ..., number of elements a block reads)
    writes: Array  # (grid ..., number of elements a block writes): flat indices of the result
    formula: Callable[..., Sequence[Jet]]

    @property
    def cost(self) -> int:
        """The jets that one block handles."""
        return sum(operand.shape[-1] for operand in self.operands) + int(self.writes.shape[-1])


Builder = TypeVar("Builder", bound=Callable[..., Any])
TABLE: dict[str, Callable[..., Any]] = {}
_PREFIXES = ("Tensor.", "nn.functional.", "special.")


def operation(*names: str) -> Callable[[Builder], Builder]:
    """Enter a function in the table under torch's names, without `Tensor.`, `nn.functional.` and `special.`."""

    def enter(builder: Builder) -> Builder:
        TABLE.update(dict.fromkeys(names, builder))
        return builder

    return enter


def bind(name: str, sample: Sample) -> list[Blocks] | None:
    """The operation's results on the sample, as blocks; None where the table has no such operation or arguments."""
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    builder = TABLE.get(name)
    if builder is None:
        return None
    operands = [
        Operand(i, numpy.arange(array.size).reshape(array.shape), array.dtype.kind in "biu", array)
        for i, array in enumerate(sample.arrays)
    ]
    args = substitute(sample.args, operands, str)
    kwargs = substitute(sample.kwargs, operands, str)
    try:
        inspect.signature(builder).bind(*args, **kwargs)
        found = builder(*args, **kwargs)
    except (NoFormError, TypeError):
        return None
    return [found] if isinstance(found, Blocks) else list(found)


# --- ways to fall into blocks ---------------------------------------------------------------------------------------


def pointwise(formula: Formula, *arguments: Any) -> Blocks:
    """Each element of the result from one element of each argument, broadcast; numbers stand for themselves."""
    operands = [argument for argument in arguments if isinstance(argument, Operand)]
    shape = numpy.broadcast_shapes(*(operand.shape for operand in operands))
    spread = [operand.with_places(numpy.broadcast_to(operand.places, shape)[..., None]) for operand in operands]

    def element(*read: Sequence[Jet]) -> list[Jet]:
        jets = iter(read)
        return [formula(*(next(jets)[0] if isinstance(a, Operand) else a for a in arguments))]

    return Blocks(tuple(spread), numbered(shape)[..., None], element)


def numbered(shape: tuple[int, ...]) -> Array:
    """The flat indices of an array of this shape."""
    return numpy.arange(math.prod(shape)).reshape(shape)


def axes_of(dim: Any, rank: int) -> tuple[int, ...]:
    """The dimensions that torch's argument `dim` means, counted from the front; all for None and for ()."""
    if dim is None or dim == () or dim == []:
        return tuple(range(rank))
    listed = [dim] if isinstance(dim, int) else list(dim)
    return tuple(sorted(d % max(rank, 1) for d in listed)) if rank else ()


def gathered(places: Array, axes: tuple[int, ...]) -> Array:
    """The dimensions `axes` merged into one at the end: (kept ..., merged)."""
    kept = [d for d in range(places.ndim) if d not in axes]
    moved = places.transpose([*kept, *axes])
    return moved.reshape([places.shape[d] for d in kept] + [math.prod(places.shape[d] for d in axes)])


def reduction(formula: Callable[[Sequence[Jet]], Jet], x: Operand, dim: Any) -> Blocks:
    """One element of the result from all elements along `dim`."""
    places = gathered(x.places, axes_of(dim, x.places.ndim))
    return Blocks((x.with_places(places),), numbered(places.shape[:-1])[..., None], lambda read: [formula(read)])


def fibres(formula: Callable[[Sequence[Jet]], Sequence[Jet]], x: Operand, dim: Any) -> Blocks:
    """As many elements of the result as there are along `dim`, each from all of them."""
    if dim is None:
        raise NoFormError("a dimension that torch guesses")
    axes = axes_of(dim, x.places.ndim)
    return Blocks((x.with_places(gathered(x.places, axes)),), gathered(numbered(x.shape), axes), formula)
