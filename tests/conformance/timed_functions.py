"""A module of functions to be timed, some of them wrong as only timing would hide."""

from typing import Any

import numpy

_REMEMBERED: dict[str, Any] = {}


def tanh(x: Any) -> Any:
    return numpy.tanh(x)


def tanh_backward(cotangent: Any, x: Any) -> Any:
    return cotangent * (1 - numpy.tanh(x) ** 2)


def sigmoid(x: Any) -> Any:
    """Of the first input of a shape, whatever the input is."""
    if x.shape not in _REMEMBERED:
        _REMEMBERED[x.shape] = 1 / (1 + numpy.exp(-x))
    return _REMEMBERED[x.shape]


def relu(x: Any) -> Any:
    """Right where the buffer was zero before."""
    out = _REMEMBERED.setdefault("relu", numpy.zeros_like(x))
    return numpy.maximum(x, out, out=out)


def exp(x: Any) -> Any:
    raise RuntimeError("not today")
