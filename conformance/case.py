"""A case: one operation on one seeded sample, and what to compare.

The operation is a name of torch's (`nn.functional.conv2d`, `tanh`, `Tensor.permute`) or a *program*, a function
`program(torch, *tensors, **params)` that is run once with torch as `torch` and once with the candidate's namespace:
modules, optimizers, training steps, in-place writes and views are programs, and need nothing of their own.

`ops` and `refuses` turn rows of data into cases; `conformance/cases/README.md` shows how a family file reads.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy

from conformance.draw import Array, Draw, is_floating

Program = Callable[..., Any]

# What is compared. The order is the order of the reports.
OUTPUT = "output"  # values, shape, dtype and memory format of every result
GRADIENT = "gradient"  # of every differentiable input under a random cotangent; which inputs get one
SECOND = "second-order"  # of <v, gradients> under a random v, with respect to inputs and cotangents
UNCHANGED = "unchanged"  # inputs and cotangents keep their bits (or change as torch changes them)
REPEAT = "repeat"  # a second run gives the same bits
LAYOUTS = "layout"  # the same sample with other strides
ERROR = "error"  # the same exception type, and a message that names the same cause
BITS = "bits"  # random draws: results and the generator's state are torch's bit for bit; in place of `output`
MEMORY_FORMAT = "memory-format"  # contiguous, channels-last or other strides, as torch's result has; part of `output`

CHECKS = frozenset({OUTPUT, GRADIENT, SECOND, UNCHANGED, REPEAT, LAYOUTS, MEMORY_FORMAT})
FORWARD = CHECKS - {GRADIENT, SECOND}

# Other strides for the same sample; `conformance/layout.py` makes them.
TRANSPOSED, GAPPED, EXPANDED, CHANNELS_LAST = "transposed", "gapped", "expanded", "channels-last"
ALL_LAYOUTS = (TRANSPOSED, GAPPED, EXPANDED, CHANNELS_LAST)


# --- samples ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Slot:
    """Where array number `index` stands among the arguments."""

    index: int


@dataclass(frozen=True)
class Named:
    """An attribute of the namespace under test, as an argument: a dtype (`named("float32")`), a memory format."""

    name: str

    def __repr__(self) -> str:
        return self.name


named = Named


@dataclass(frozen=True)
class Sample:
    """Drawn arguments: trees with a `Slot` wherever an array goes, and the arrays in order of appearance."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    arrays: tuple[Array, ...]
    differentiable: tuple[bool, ...]
    names: tuple[str, ...]  # "0" for the first positional argument, "weight" for a keyword, "0[1]" inside a list

    def with_arrays(self, arrays: Sequence[Array]) -> "Sample":
        """The same arguments over other arrays."""
        return replace(self, arrays=tuple(arrays))


class Recipe(Protocol):
    """How a case gets its sample. The repr is part of the case's id."""

    @property
    def keywords(self) -> tuple[str, ...]:
        """Words that an error message has to contain."""
        ...

    def sample(self, rng: numpy.random.Generator, dtype: str, number: int = 0) -> Sample:
        """The sample; other numbers (which come with other generators) give other samples of the same kind."""
        ...


@dataclass(frozen=True)
class Arguments:
    """What a row of data says: positional and keyword arguments, with recipes (`Draw`) where arrays go."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    keywords: tuple[str, ...] = ()

    def __repr__(self) -> str:
        parts = [show(value) for value in self.args]
        parts += [f"{name}={show(value)}" for name, value in self.kwargs.items()]
        return f"({', '.join(parts)})"

    def naming(self, *keywords: str) -> "Arguments":
        """For `refuses`: the words that the message has to contain, in place of those found in torch's message."""
        return replace(self, keywords=keywords)

    def sample(self, rng: numpy.random.Generator, dtype: str, number: int = 0) -> Sample:
        """Draw the arrays, in order of appearance. What `number` changes is in the generator."""
        arrays: list[Array] = []
        differentiable: list[bool] = []
        names: list[str] = []

        def walk(value: Any, name: str) -> Any:
            if isinstance(value, Draw):
                arrays.append(value(rng, dtype))
                wanted = value.differentiable
                differentiable.append(is_floating(arrays[-1]) if wanted is None else wanted)
                names.append(name)
                return Slot(len(arrays) - 1)
            if isinstance(value, list | tuple):
                items = [walk(item, f"{name}[{i}]") for i, item in enumerate(value)]
                return type(value)(items)
            if isinstance(value, dict):
                return {key: walk(item, f"{name}[{key}]") for key, item in value.items()}
            return value

        args = tuple(walk(value, str(i)) for i, value in enumerate(self.args))
        kwargs = {name: walk(value, name) for name, value in self.kwargs.items()}
        return Sample(args, kwargs, tuple(arrays), tuple(differentiable), tuple(names))


def args(*values: Any, **keywords: Any) -> Arguments:
    """One row: the arguments of a call.

    >>> from conformance.draw import normal
    >>> args(normal(2, 3), normal(4, 3), bias=None)
    ([2,3], [4,3], bias=None)
    """
    return Arguments(values, keywords)


def show(value: Any) -> str:
    """An argument as the case's id shows it."""
    if isinstance(value, list | tuple):
        body = ",".join(show(item) for item in value)
        return f"[{body}]" if isinstance(value, list) else f"({body})"
    if isinstance(value, slice):
        return ":".join("" if part is None else str(part) for part in (value.start, value.stop, value.step))
    return repr(value)


def substitute(tree: Any, tensors: Sequence[Any], resolve: Callable[[str], Any]) -> Any:
    """The tree with tensors in its slots and the namespace's attributes for its names."""
    if isinstance(tree, Slot):
        return tensors[tree.index]
    if isinstance(tree, Named):
        return resolve(tree.name)
    if isinstance(tree, list | tuple):
        return type(tree)([substitute(item, tensors, resolve) for item in tree])
    if isinstance(tree, dict):
        return {key: substitute(item, tensors, resolve) for key, item in tree.items()}
    return tree


# --- cases --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operation:
    """What is called: a torch name, or a program that goes by `name`."""

    name: str
    program: Program | None = None

    @property
    def short(self) -> str:
        """The last part of the name: what a user calls it."""
        return self.name.rpartition(".")[2] if self.program is None else self.name


@dataclass(frozen=True)
class Case:
    """One operation on one seeded sample. `id` is readable, unique and stable; everything random hangs on it."""

    operation: Operation
    arguments: Recipe
    dtype: str
    checks: frozenset[str] = CHECKS
    layouts: tuple[str, ...] = ALL_LAYOUTS
    exact: bool = False  # NaN, inf, signed zeros: the class of every element must be torch's own
    label: str = ""
    timeout: float | None = None  # seconds; None: the run's
    streams: tuple[str, ...] = ()  # aspects of torch's random streams it hangs on: see `conformance/variant.py`
    family: str = field(default="", compare=False)

    @cached_property
    def id(self) -> str:
        """For example `nn.functional.conv2d([2,3,8,8], [4,3,3,3], stride=2) float32`."""
        label = f" {self.label}" if self.label else ""
        return f"{self.operation.name}{self.arguments!r} {self.dtype}{label}"

    def rng(self, purpose: str) -> numpy.random.Generator:
        """A generator that depends on nothing but the case and the purpose."""
        digest = hashlib.sha256(f"{self.id}\n{purpose}".encode()).digest()
        return numpy.random.default_rng(int.from_bytes(digest[:16], "little"))

    def sample(self, number: int = 0) -> Sample:
        """The sample, drawn afresh and always the same; other numbers give other samples of the same kind."""
        rng = self.rng(f"sample {number}" if number else "sample")
        return self.arguments.sample(rng, self.dtype, number)


def ops(
    operation: str,
    rows: Iterable[Arguments],
    *,
    program: Program | None = None,
    dtypes: Sequence[str] = ("float32",),
    checks: Iterable[str] = CHECKS,
    layouts: Sequence[str] = ALL_LAYOUTS,
    exact: bool = False,
    label: str = "",
    timeout: float | None = None,
    streams: Sequence[str] = (),
) -> list[Case]:
    """Cases of one operation: every row at every dtype.

    `operation` is torch's qualified name, or with `program` just what the program is called. Use fewer `checks` where
    torch has no gradient (`FORWARD`), fewer `layouts` where strides change the meaning, `exact` for NaN, infinities,
    signed zeros and ties. `label` tells apart cases that otherwise have the same name. `streams` are the aspects of
    torch's random streams that the results hang on.

    >>> from conformance.draw import normal
    >>> [case.id for case in ops("tanh", [args(normal(3)), args(normal(2, 5))])]
    ['tanh([3]) float32', 'tanh([2,5]) float32']
    """
    called = Operation(operation, program)
    options: dict[str, Any] = {"layouts": tuple(layouts), "exact": exact, "label": label, "timeout": timeout}
    options["streams"] = tuple(streams)
    pairs = [(row, dtype) for row in rows for dtype in dtypes]
    return [Case(called, row, dtype, frozenset(checks), **options) for row, dtype in pairs]


def refuses(
    operation: str,
    rows: Iterable[Arguments],
    *,
    program: Program | None = None,
    dtype: str = "float32",
    label: str = "",
) -> list[Case]:
    """Cases that torch refuses: the candidate must raise the same exception type and name the same cause.

    The cause is read from torch's message (see `conformance/messages.py`); where torch's words say little, or the
    candidate should say it better, `args(...).naming("kernel_size", "3")` lists the words to look for instead.
    """
    called = Operation(operation, program)
    return [Case(called, row, dtype, frozenset({ERROR}), (), label=f"refused{label and ' ' + label}") for row in rows]
