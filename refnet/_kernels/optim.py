"""Steps of optimizers in one launch for many parameters."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy

from refnet._device import address
from refnet._kernels.launch import C_TYPES, MOST_BLOCKS, each, find, run

Array = Any

MOST = 56  # tensors a launch: what the arguments of a kernel have room for
CHUNK = 1024  # elements
ROLES = ("parameter", "gradient", "first", "second", "largest", "step")
TENSORS = numpy.dtype([(name, "int64", MOST) for name in (*ROLES, "size", "chunks")])


def together(tensors: Sequence[dict[str, Array]]) -> Iterator[list[dict[str, Array]]]:
    """The tensors, each given by its arrays in `ROLES`, in lists for a launch each: of one type, not too many."""
    by_type: dict[tuple[str, str], list[dict[str, Array]]] = {}
    for tensor in tensors:
        kinds = tensor["parameter"].dtype.char, tensor["step"].dtype.char if "step" in tensor else ""
        by_type.setdefault(kinds, []).append(tensor)
    for alike in by_type.values():
        for start in range(0, len(alike), MOST):
            yield alike[start : start + MOST]


def suits(parameter: Array, others: Sequence[Array]) -> bool:
    """Whether the kernels update a parameter whose gradient and state these are."""
    kind, shape = parameter.dtype, parameter.shape
    if kind.char not in C_TYPES or not parameter.flags.c_contiguous:
        return False
    return all(array.dtype == kind and array.shape == shape and array.flags.c_contiguous for array in others)


def _table(tensors: Sequence[dict[str, Array]]) -> tuple[Array, int]:
    """The addresses and sizes as a kernel takes them, and how many chunks there are."""
    table = numpy.zeros((), TENSORS)
    for role in tensors[0]:
        table[role][: len(tensors)] = [address(tensor[role]) for tensor in tensors]
    sizes = [tensor["parameter"].size for tensor in tensors]
    chunks = list(accumulate(-(-size // CHUNK) for size in sizes))
    table["size"][: len(tensors)] = sizes
    table["chunks"][: len(tensors)] = chunks
    return table, chunks[-1]


def _launch(xp: Any, name: str, tensors: Sequence[dict[str, Array]], *arguments: Any) -> None:
    table, chunks = _table(tensors)
    kernel = find(xp, "optim", name, tensors[0]["parameter"].dtype.char)
    if chunks:
        run(kernel, min(chunks, MOST_BLOCKS), table, len(tensors), *arguments)


def sgd(
    xp: Any,
    tensors: Sequence[dict[str, Array]],
    *,
    begins: bool,
    nesterov: bool,
    maximize: bool,
    lr: Any,
    momentum: float,
    dampening: float,
    weight_decay: float,
) -> None:
    """A step of SGD; `first` is the velocity, written but not read where the step `begins` it."""
    flags = (int(begins), int(nesterov), int(maximize))
    numbers = (*_rate(lr), float(momentum), float(1 - dampening), float(weight_decay))
    for some in together(tensors):
        _launch(xp, "sgd", some, *flags, *numbers)


def adam(
    xp: Any,
    tensors: Sequence[dict[str, Array]],
    *,
    steps: float | None,
    amsgrad: bool,
    decoupled: bool,
    maximize: bool,
    lr: Any,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
) -> None:
    """A step of Adam, the one of number `steps`; None where each tensor has a counter, `step`, on the GPU."""
    without = (0.0, 0.0) if steps is None else tuple(1 - beta**steps for beta in betas)
    numbers = (*_rate(lr), *map(float, (*betas, eps, weight_decay, *without)))
    for some in together(tensors):
        wide = 0
        if steps is None:
            wide = int(some[0]["step"].dtype == "float64")
            table, _ = _table(some)
            each(find(xp, "optim", "count_steps", some[0]["parameter"].dtype.char), len(some), table, len(some), wide)
        flags = (int(steps is None), wide, int(amsgrad), int(decoupled), int(maximize))
        _launch(xp, "adam", some, *flags, *numbers)


def _rate(lr: Any) -> tuple[float, Array | None]:
    """The learning rate as a number and no array, or as an array of float64 on the GPU."""
    return (0.0, lr) if hasattr(lr, "dtype") else (float(lr), None)
