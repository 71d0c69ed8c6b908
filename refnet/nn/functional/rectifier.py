"""Rectifiers with a slope that is learned or drawn, and piecewise linear or quadratic relatives of smooth functions."""

import math
from typing import Any

import numpy

from refnet import _dtype
from refnet._check import check
from refnet._device import cpu, to_numpy
from refnet._inplace import update
from refnet._ops import activation
from refnet._ops._args import expect_tensor, type_name
from refnet._ops.rectifier import hardshrink as hardshrink
from refnet._ops.rectifier import prelu as prelu
from refnet._tape import wrap
from refnet.nn.functional._arguments import expect_bool, expect_floating, number
from refnet.random import philox_draws
from refnet.random.distributions import unit
from refnet.random.generator import default_generator, philox_of


def _apply(function: Any, input: Any, inplace: bool, *args: Any, **options: Any) -> Any:
    return update(input, function, *args, **options) if inplace else function(input, *args, **options)


def rrelu(
    input: Any, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Any:
    """x where x > 0, else r x, with r drawn from [lower, upper) in training, and their mean otherwise.

    One draw for each x <= 0, in row-major order; on a GPU, one for each x (Xu et al. 2015).

    >>> import refnet
    >>> refnet.nn.functional.rrelu(refnet.tensor([-1.0, 2.0]), 0.1, 0.3)
    tensor([-0.2000,  2.0000])
    """
    expect_tensor(input, "rrelu")
    low, high = number(lower, "rrelu", "lower", 2), number(upper, "rrelu", "upper", 3)
    for name, bound in (("lower", low), ("upper", high)):
        check(
            math.isfinite(bound),
            lambda name=name, bound=bound: f"rrelu: {name} bound must be finite, got {bound}",  # type: ignore[misc]
        )
    check(
        low <= high,
        lambda: f"Lower bound should be less than or equal to the upper bound (rrelu: got {low} and {high})",
    )
    expect_bool(training, "rrelu", "training", 4)
    if not training:
        expect_floating(input, "rrelu", "leaky_relu_cpu")
        return _apply(activation.leaky_relu, input if inplace else input.contiguous(), inplace, slope=(low + high) / 2)
    check(
        input.is_floating_point() and (input.dtype is not _dtype.float16 or input.device is not cpu),
        lambda: f"\"rrelu_with_noise_out_cpu\" not implemented for '{type_name(input.dtype)}'",
        NotImplementedError,
    )
    noise = wrap(input.device.xp.asarray(_slopes(input._array, low, high)), input.device)
    if inplace:
        return update(input, activation.noisy_relu, noise)
    return activation.noisy_relu(input.contiguous(), noise)


def _slopes(x: Any, low: float, high: float) -> Any:
    """1 where x > 0, else a uniform draw: in float64, on the CPU between bounds of the type computed in."""
    engine = philox_of(x)
    if engine is not None and x.size:
        drawn = philox_draws.slopes(engine, x.size, x.dtype, low, high).reshape(x.shape)
        return engine.xp.where(x <= 0, drawn, x.dtype.type(1))
    x = to_numpy(x)
    kind = _dtype.opmath(x.dtype)
    a, b = float(kind.type(low)), float(kind.type(high))
    noise = numpy.ones(x.shape, x.dtype)
    drawn = x <= 0
    draws = unit(default_generator.engine, int(drawn.sum()), numpy.dtype(numpy.float64))
    noise[drawn] = (draws * (b - a) + a).astype(kind).astype(x.dtype)
    return noise


def rrelu_(input: Any, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Any:
    """`rrelu` in place."""
    return rrelu(input, lower, upper, training, inplace=True)


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """min(max(x + 3, 0), 6) / 6."""
    expect_floating(input, "hardsigmoid", "hardsigmoid_cpu")
    return _apply(activation.hardsigmoid, input, inplace)


def hardswish(input: Any, inplace: bool = False) -> Any:
    """x min(max(x + 3, 0), 6) / 6."""
    expect_floating(input, "hardswish", "hardswish_cpu")
    return _apply(activation.hardswish, input, inplace)


def softshrink(input: Any, lambd: float = 0.5) -> Any:
    """x moved by lambd towards 0, and 0 where |x| <= lambd."""
    expect_floating(input, "softshrink", "softshrink_check")
    limit = number(lambd, "softshrink", "lambd", 2)
    check(
        limit >= 0,
        lambda: (
            f"lambda must be in range [0, {_dtype.finfo(input.dtype).max:g}] for input dtype {type_name(input.dtype)}, "
            f"but found {limit:g}"
        ),
    )
    return activation.softshrink(input, limit=limit)
