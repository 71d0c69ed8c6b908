"""A candidate of plain functions, each of which is wrong in its own way; `mended` says in which operations no longer."""

import os
import time

import numpy

mended: set[str] = set()  # a test mends a function, and its script has to notice


def _crooked(name, right, wrong):
    def function(x, *args, **kwargs):
        return (right if name in mended else wrong)(x, *args, **kwargs)

    return function


def _writes(x):
    x *= 2
    return numpy.square(x / 2)


def _raises(x):
    raise ValueError("no idea")


def _memory(x):
    return numpy.ones((2**40, 32))[0, : len(x)] * x  # 256 TiB


exp = _crooked("exp", numpy.exp, lambda x: numpy.where(x > 1, numpy.exp(x) * numpy.float32(1.001), numpy.exp(x)))
tanh = _crooked("tanh", numpy.tanh, lambda x: "a string")
cos = _crooked("cos", numpy.cos, lambda x: numpy.full_like(x, numpy.nan))
erf = _crooked("erf", lambda x: x, lambda x: x.astype("float64"))
square = _crooked("square", numpy.square, _writes)
sinh = _crooked("sinh", numpy.sinh, _raises)
expm1 = _crooked("expm1", numpy.expm1, lambda x: os._exit(3))
asinh = _crooked("asinh", numpy.arcsinh, lambda x: time.sleep(600))
atan = _crooked("atan", numpy.arctan, _memory)
clone = _crooked("clone", numpy.copy, lambda x: x)
sin = _crooked("sin", numpy.sin, numpy.sin)


def sin_backward(g, x):
    return g * numpy.cos(x) * numpy.float32(1 if "sin" in mended else 1.01)
