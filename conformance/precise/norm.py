"""Normalization: one block for each channel, or each normalized row."""

import math
from collections.abc import Sequence
from typing import Any

import numpy

from conformance.precise import elementary as e
from conformance.precise.blocks import Blocks, Operand, gathered, numbered, operation
from conformance.precise.jet import Jet, exactly, mean


def _normalized(x: Sequence[Jet], eps: Any) -> list[Jet]:
    """(x - mean) / sqrt(variance + eps)."""
    centre = mean(x)
    deviations = [value - centre for value in x]
    scale = 1 / e.sqrt(mean([d * d for d in deviations]) + eps)
    return [d * scale for d in deviations]


def _one_for_all(operand: Operand) -> Operand:
    """A number for each channel: (C, 1)."""
    return operand.with_places(operand.places[:, None])


@operation("batch_norm")
def batch_norm(
    input: Operand,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Blocks:
    """Each channel with its own mean and variance (in training) or the running ones, times a weight, plus a bias."""
    axes = tuple(d for d in range(input.places.ndim) if d != 1)
    given = [operand for operand in (running_mean, running_var) if operand is not None and not training]
    extra = [operand for operand in (weight, bias) if operand is not None]

    def formula(x: Sequence[Jet], *rest: Sequence[Jet]) -> list[Jet]:
        numbers = [part[0] for part in rest]
        if given:
            centre, variance = numbers.pop(0), numbers.pop(0)
            scale = 1 / e.sqrt(variance + exactly(float(eps)))
            found = [(value - centre) * scale for value in x]
        else:
            found = _normalized(x, exactly(float(eps)))
        if weight is not None:
            factor = numbers.pop(0)
            found = [value * factor for value in found]
        return [value + numbers[0] for value in found] if bias is not None else found

    rows = input.with_places(gathered(input.places, axes))
    others = [_one_for_all(operand) for operand in (*given, *extra)]
    return Blocks((rows, *others), gathered(numbered(input.shape), axes), formula)


@operation("layer_norm")
def layer_norm(
    input: Operand, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Blocks:
    """Each row over the last dimensions, times a weight, plus a bias."""
    size = math.prod(normalized_shape)
    rows = input.places.reshape(-1, size)
    extra = [operand for operand in (weight, bias) if operand is not None]
    spread = [operand.with_places(numpy.broadcast_to(operand.places.reshape(-1), rows.shape)) for operand in extra]

    def formula(x: Sequence[Jet], *rest: Sequence[Jet]) -> list[Jet]:
        found = _normalized(x, exactly(float(eps)))
        if weight is not None:
            found = [value * factor for value, factor in zip(found, rest[0], strict=True)]
        if bias is not None:
            found = [value + offset for value, offset in zip(found, rest[-1], strict=True)]
        return found

    return Blocks((input.with_places(rows), *spread), numbered(rows.shape), formula)
