"""An example of a candidate, with a bug: a kernel's gradient that was copied without one of its parameters.

    conform run --candidate conformance.candidates.planted
    conform repro --candidate conformance.candidates.planted 'nn.functional.softplus(normal(0,4)[33], 2.0, 3.0) float32'

Plain functions over numpy arrays are all that a candidate needs, named as torch names them; `<name>_backward` gets the
cotangent first. The report says what is wrong here in its own words: read it before the functions.
"""

import numpy

from conformance.draw import Array


def softplus(x: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """log(1 + exp(beta x)) / beta, and x itself where beta x > threshold."""
    with numpy.errstate(over="ignore"):
        return numpy.where(x * beta > threshold, x, numpy.log1p(numpy.exp(x * beta)) / beta).astype(x.dtype)


def softplus_backward(g: Array, x: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """g sigma(beta x), sigma(z) = 1 / (1 + exp(-z)), and g itself where beta x > threshold."""
    with numpy.errstate(over="ignore"):
        return numpy.where(x * beta > threshold, g, g / (1 + numpy.exp(-x))).astype(x.dtype)
