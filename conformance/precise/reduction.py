"""Sums and their like, norms, softmax and its relatives, running sums."""

import math
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import accumulate
from operator import mul
from typing import Any

from conformance.precise import elementary as e
from conformance.precise.blocks import Blocks, NoFormError, Operand, fibres, operation, reduction
from conformance.precise.jet import Jet, exactly, jet, mean, mp, total
from conformance.precise.pointwise import absolute

Reduce = Callable[[Sequence[Jet]], Jet]


def _floating(dtype: str | None) -> None:
    """A floating dtype changes the result's type, not the number; another one does."""
    if dtype is not None and "float" not in dtype:
        raise NoFormError(f"a result of {dtype}")


@operation("sum")
def sum(input: Operand, dim: Any = None, keepdim: bool = False, dtype: str | None = None) -> Blocks:
    """The sum."""
    _floating(dtype)
    return reduction(total, input, dim)


@operation("mean")
def average(input: Operand, dim: Any = None, keepdim: bool = False, dtype: str | None = None) -> Blocks:
    """The sum over the number of terms."""
    _floating(dtype)
    return reduction(mean, input, dim)


@operation("prod")
def prod(input: Operand, dim: Any = None, keepdim: bool = False, dtype: str | None = None) -> Blocks:
    """The product."""
    _floating(dtype)
    return reduction(lambda x: reduce(mul, x, Jet(mp.one)), input, dim)


# --- variance -------------------------------------------------------------------------------------------------------


def _variance(correction: Any) -> Reduce:
    """sum (x - mean)^2 / (n - correction)."""

    def formula(x: Sequence[Jet]) -> Jet:
        centre = mean(x)
        deviations = [value - centre for value in x]
        return total(d * d for d in deviations) / jet(len(x) - exactly(correction))

    return formula


def _deviation(correction: Any) -> Reduce:
    variance = _variance(correction)
    return lambda x: e.sqrt(variance(x))


def _divisor(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """The `dim` and the correction that torch reads from (dim, unbiased, keepdim), (unbiased) or (dim, correction)."""
    rest = list(args)
    dim = kwargs.get("dim")
    unbiased = kwargs.get("unbiased", True)
    if rest and isinstance(rest[0], bool):
        unbiased = rest[0]
    elif rest:
        dim = rest[0]
        if len(rest) > 1:
            unbiased = rest[1]
    correction = kwargs.get("correction")
    return dim, (1 if unbiased else 0) if correction is None else correction


@operation("var")
def var(input: Operand, *args: Any, **kwargs: Any) -> Blocks:
    """The variance."""
    dim, correction = _divisor(args, kwargs)
    return reduction(_variance(correction), input, dim)


@operation("std")
def std(input: Operand, *args: Any, **kwargs: Any) -> Blocks:
    """The square root of the variance."""
    dim, correction = _divisor(args, kwargs)
    return reduction(_deviation(correction), input, dim)


@operation("var_mean")
def var_mean(input: Operand, *args: Any, **kwargs: Any) -> list[Blocks]:
    """The variance and the mean."""
    return [var(input, *args, **kwargs), reduction(mean, input, _divisor(args, kwargs)[0])]


@operation("std_mean")
def std_mean(input: Operand, *args: Any, **kwargs: Any) -> list[Blocks]:
    """The deviation and the mean."""
    return [std(input, *args, **kwargs), reduction(mean, input, _divisor(args, kwargs)[0])]


# --- norms ----------------------------------------------------------------------------------------------------------


def _norm(p: Any) -> Reduce:
    """(sum |x|^p)^(1/p)."""
    if p in (None, "fro"):
        p = 2
    if isinstance(p, str) or p == 0 or math.isinf(p):
        raise NoFormError(f"the norm of order {p}")
    order = exactly(p)

    def formula(x: Sequence[Jet]) -> Jet:
        if p == 1:
            return total(absolute(value) for value in x)
        if p == 2:
            return e.sqrt(total(value * value for value in x))
        return e.power(total(e.power(absolute(value), order) for value in x), mp.one / order)

    return formula


@operation("norm")
def norm(input: Operand, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: str | None = None) -> Blocks:
    """The norm of order p of the elements."""
    _floating(dtype)
    return reduction(_norm(p), input, dim)


@operation("linalg.vector_norm")
def vector_norm(x: Operand, ord: Any = 2, dim: Any = None, keepdim: bool = False, dtype: str | None = None) -> Blocks:
    """The norm of order `ord` of the elements."""
    return norm(x, ord, dim, keepdim, dtype)


# --- softmax --------------------------------------------------------------------------------------------------------


def _largest(x: Sequence[Jet]) -> Jet:
    """The largest value, as a constant."""
    return Jet(max(value.x for value in x))


def _excess(x: Sequence[Jet]) -> tuple[int, Jet]:
    """The place of the largest element m, and log(sum e^x) - m = log(1 + the other e^(x - m)), which log1p keeps."""
    first = max(range(len(x)), key=lambda i: x[i].x)
    return first, e.log1p(total(e.exp(value - x[first]) for i, value in enumerate(x) if i != first))


def log_sum_exp(x: Sequence[Jet]) -> Jet:
    """log sum e^x."""
    first, excess = _excess(x)
    return x[first] + excess


def log_softmax_of(x: Sequence[Jet]) -> list[Jet]:
    """x - log sum e^x; for the largest element this is small, and nothing cancels."""
    first, excess = _excess(x)
    return [-excess if i == first else value - x[first] - excess for i, value in enumerate(x)]


def softmax_of(x: Sequence[Jet]) -> list[Jet]:
    """e^x_i / sum e^x."""
    top = _largest(x)
    weights = [e.exp(value - top) for value in x]
    scale = 1 / total(weights)
    return [weight * scale for weight in weights]


@operation("logsumexp")
def logsumexp(input: Operand, dim: Any, keepdim: bool = False) -> Blocks:
    """log sum e^x."""
    return reduction(log_sum_exp, input, dim)


@operation("softmax")
def softmax(input: Operand, dim: Any, _stacklevel: int = 3, dtype: str | None = None) -> Blocks:
    """e^x over its sum along `dim`."""
    _floating(dtype)
    return fibres(softmax_of, input, dim)


@operation("softmin")
def softmin(input: Operand, dim: Any, _stacklevel: int = 3, dtype: str | None = None) -> Blocks:
    """softmax(-x)."""
    _floating(dtype)
    return fibres(lambda x: softmax_of([-value for value in x]), input, dim)


@operation("log_softmax")
def log_softmax(input: Operand, dim: Any, _stacklevel: int = 3, dtype: str | None = None) -> Blocks:
    """The logarithm of softmax."""
    _floating(dtype)
    return fibres(log_softmax_of, input, dim)


# --- running --------------------------------------------------------------------------------------------------------


@operation("cumsum")
def cumsum(input: Operand, dim: int, dtype: str | None = None) -> Blocks:
    """The sum of the elements up to here."""
    _floating(dtype)
    return fibres(lambda x: list(accumulate(x)), input, dim)


@operation("cumprod")
def cumprod(input: Operand, dim: int, dtype: str | None = None) -> Blocks:
    """The product of the elements up to here."""
    _floating(dtype)
    return fibres(lambda x: list(accumulate(x, mul)), input, dim)
