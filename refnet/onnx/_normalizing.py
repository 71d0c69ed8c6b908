"""Normalizations in evaluation mode: by stored statistics, or by those of a sample."""

from typing import Any

import numpy

from refnet._dtype import finfo
from refnet.onnx._graph import Graph, Operand
from refnet.onnx._table import translates


def _or_constant(g: Graph, value: Any, fill: float, shape: Any, dtype: Any) -> str:
    name: str = g.constant(numpy.full(shape, fill), dtype) if value is None else value.name
    return name


@translates("nn.functional.batch_norm")
def _batch_norm(
    g: Graph,
    out: Operand,
    input: Operand,
    running_mean: Any,
    running_var: Any,
    weight: Any,
    bias: Any,
    training: bool,
    momentum: Any,
    eps: float,
) -> str:
    channels = (g.static(input.shape[1], "the number of channels"),)
    scale = _or_constant(g, weight, 1, channels, input.dtype)
    shift = _or_constant(g, bias, 0, channels, input.dtype)
    if not training and running_mean is not None:
        moments = [running_mean.name, running_var.name]
        return g.node("BatchNormalization", [input.name, scale, shift, *moments], epsilon=float(eps))
    axes = g.integers([0, *range(2, input.rank)])
    normal = _standardized(g, input.name, axes, eps, input.dtype)
    along = [1, *channels, *(1,) * (input.rank - 2)]
    scaled = g.node("Mul", [normal, g.reshape(scale, along)])
    return g.node("Add", [scaled, g.reshape(shift, along)])


def _standardized(g: Graph, x: str, axes: str, eps: float, dtype: Any) -> str:
    """(x - mean) / sqrt(variance + eps)"""
    centred = g.node("Sub", [x, g.node("ReduceMean", [x, axes], keepdims=1)])
    variance = g.node("ReduceMean", [g.node("Mul", [centred, centred]), axes], keepdims=1)
    deviation = g.node("Sqrt", [g.node("Add", [variance, g.constant(eps, dtype)])])
    return g.node("Div", [centred, deviation])


@translates("nn.functional.instance_norm")
def _instance_norm(
    g: Graph,
    out: Operand,
    input: Operand,
    running_mean: Any,
    running_var: Any,
    weight: Any,
    bias: Any,
    use_input_stats: bool,
    momentum: Any,
    eps: float,
) -> str:
    if not use_input_stats:
        return _batch_norm(g, out, input, running_mean, running_var, weight, bias, False, momentum, eps)
    channels = (g.static(input.shape[1], "the number of channels"),)
    scale = _or_constant(g, weight, 1, channels, input.dtype)
    shift = _or_constant(g, bias, 0, channels, input.dtype)
    return g.node("InstanceNormalization", [input.name, scale, shift], epsilon=float(eps))


@translates("nn.functional.group_norm")
def _group_norm(g: Graph, out: Operand, input: Operand, num_groups: int, weight: Any, bias: Any, eps: float) -> str:
    """A group is a row of (N, G, elements): that row's instance norm, then the channels' scale and shift."""
    channels = g.static(input.shape[1], "the number of channels")
    rows = g.node("Reshape", [input.name, g.integers([0, num_groups, -1])])
    ones, zeros = g.constant(numpy.ones(num_groups), input.dtype), g.constant(numpy.zeros(num_groups), input.dtype)
    normal = g.node("InstanceNormalization", [rows, ones, zeros], epsilon=float(eps))
    name = g.reshape(normal, input.shape)
    along = [1, channels, *(1,) * (input.rank - 2)]
    if weight is not None:
        name = g.node("Mul", [name, g.reshape(weight.name, along)])
    if bias is not None:
        name = g.node("Add", [name, g.reshape(bias.name, along)])
    return name


@translates("nn.functional.layer_norm")
def _layer_norm(
    g: Graph, out: Operand, input: Operand, normalized_shape: Any, weight: Any, bias: Any, eps: float
) -> str:
    shape = g.static(normalized_shape, "normalized_shape")
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    scale = _or_constant(g, weight, 1, shape, input.dtype)
    shift = "" if bias is None else bias.name
    return g.node("LayerNormalization", [input.name, scale, shift], axis=-len(shape), epsilon=float(eps))


@translates("nn.functional.rms_norm")
def _rms_norm(g: Graph, out: Operand, input: Operand, normalized_shape: Any, weight: Any, eps: Any) -> str:
    shape = g.static(normalized_shape, "normalized_shape")
    dims = 1 if isinstance(shape, int) else len(shape)
    axes = g.integers(range(-dims, 0))
    square = g.node("ReduceMean", [g.node("Mul", [input.name, input.name]), axes], keepdims=1)
    added = g.node("Add", [square, g.constant(finfo(input.dtype).eps if eps is None else eps, input.dtype)])
    normal = g.node("Div", [input.name, g.node("Sqrt", [added])])
    return normal if weight is None else g.node("Mul", [normal, weight.name])
