"""In-place updates of bare arrays, the steps that optimizers are made of.

Each rounds where torch rounds: after every operation in float32 and float64; once an update, from float32, in the
half types. Numbers are taken in the array's type. Infinities and nan are data: steps run under `quiet()`.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy

from refnet._recording.active import active
from refnet._recording.array import Recorded, number_of
from refnet._tape import TensorBase

Array = Any


def quiet() -> Any:
    """A ``with`` block in which numpy does not warn."""
    return numpy.errstate(all="ignore")


def _update(kernel: Callable[..., None]) -> Callable[..., None]:
    """Run `kernel` on float32 copies where the target is of a half type."""

    @functools.wraps(kernel)
    def run(target: Array, *operands: Any, **numbers: Any) -> None:
        if not isinstance(target, numpy.ndarray):
            numbers = {name: _in_type_of(target, x) for name, x in numbers.items()}
        if target.itemsize > 2:
            kernel(target, *operands, **numbers)
            return
        wide = target.astype(numpy.float32)
        kernel(wide, *(x.astype(numpy.float32) for x in operands), **numbers)
        target[...] = wide

    return run


@_update
def add(target: Array, x: Array, *, alpha: float) -> None:
    """target <- target + alpha x"""
    target += x if type(alpha) is int and alpha == 1 else alpha * x  # a product with 1 is the number itself


@_update
def scale(target: Array, *, factor: float) -> None:
    """target <- factor target"""
    target *= factor


@_update
def lerp(target: Array, x: Array, *, weight: float) -> None:
    """target <- target + weight (x - target), computed from the nearer end"""
    if hasattr(weight, "dtype") and not isinstance(weight, numpy.generic):  # on a GPU, where there is no `if`
        near, far = target + weight * (x - target), x - (x - target) * (1 - weight)
        target[...] = numpy.where(weight < 0.5, near, far)  # cupy's, for its arrays
    elif abs(weight) < 0.5:
        target += weight * (x - target)
    else:
        target[...] = x - (x - target) * (1 - weight)


@_update
def add_product(target: Array, x: Array, y: Array, *, value: float) -> None:
    """target <- target + value x y"""
    product = value * x
    product *= y
    target += product


@_update
def add_quotient(target: Array, x: Array, y: Array, *, value: float) -> None:
    """target <- target + value x / y"""
    quotient = value * x
    quotient /= y
    target += quotient


@_update
def multiply(target: Array, x: Array) -> None:
    """target <- target x"""
    target *= x


@_update
def divide_by(target: Array, x: Array) -> None:
    """target <- target / x"""
    target /= x


@_update
def invert(target: Array) -> None:
    """target <- 1 / target"""
    numpy.reciprocal(target, out=target)


@_update
def root(target: Array) -> None:
    """target <- sqrt target"""
    numpy.sqrt(target, out=target)


@_update
def maximum(target: Array, x: Array) -> None:
    """target <- max(target, x)"""
    numpy.maximum(target, x, out=target)


@_update
def limit(target: Array, *, low: float, high: float) -> None:
    """target <- min(max(target, low), high)"""
    numpy.clip(target, low, high, out=target)


@_update
def sign(target: Array) -> None:
    """target <- the sign of target, 0 for NaN"""
    positive = target > 0
    numpy.subtract(positive, target < 0, out=target, dtype=target.dtype)


@_update
def divide(target: Array, *, divisor: float) -> None:
    """target <- target / divisor"""
    target /= divisor


@_update
def shift(target: Array, *, by: float) -> None:
    """target <- target + by"""
    target += by


def number(x: Any) -> Any:
    """A hyperparameter as a Python number; it may be given as a tensor of one element.

    One on a GPU stays there, as a 0-d array of float64, so that the host does not wait, and a graph that is captured
    reads the value of each replay.
    """
    if isinstance(x, TensorBase):
        array = x._array
        if isinstance(array, Recorded):
            return number_of(array)
        return array.item() if isinstance(array, numpy.ndarray) else array.reshape(()).astype("float64")
    if isinstance(x, Recorded):
        return number_of(x)
    return x.item() if isinstance(x, numpy.generic | numpy.ndarray) else x


def rate(lr: Any) -> Any:
    """A learning rate to compute with: as it is, unless it is a tensor on a GPU: then `number` of it."""
    if active.recorder is not None and isinstance(lr, TensorBase):
        return lr._array.reshape(())
    return number(lr) if isinstance(lr, TensorBase) and lr.device.type == "cuda" else lr


def _in_type_of(target: Array, x: Any) -> Any:
    """A number as it is; one on a GPU in the type that the target is computed in, as numbers are taken."""
    if not hasattr(x, "astype"):
        return x
    return x.astype(numpy.float32 if target.itemsize <= 2 else target.dtype)
