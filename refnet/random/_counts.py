"""Counts by rejection: Poisson and binomial values, which take as many uniforms as chance wants.

Small means are counted out; larger ones come from W. Hormann's transformed rejection, which puts a hat of the form
(2a / (1/2 - |U|) + b) U + c over the distribution. The arithmetic is that of plain double (binomial values of a float32
tensor: partly float32) without contraction, each function that of the C library.

References: W. Hormann, "The transformed rejection method for generating Poisson random variables", Insurance:
Mathematics and Economics 12(1), 1993; "The generation of binomial random variates", J. Statistical Computation and
Simulation 46, 1993; L. Devroye, "Non-Uniform Random Variate Generation", 1986, p. 525 (counting out).
"""

import ctypes
import math
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy

from refnet._recording.active import opaque
from refnet.random.mt19937 import MT19937

Array = Any

_AHEAD = 1024  # uniforms made at a time
_INT64_MIN = -(1 << 63)
_TINY_MEAN = 10  # below, values are counted out


@contextmanager
def _one_by_one(engine: MT19937) -> Iterator[Iterator[float]]:
    """Uniforms on [0, 1) of 53 bits, made in advance; at the end the engine stands where the last one taken left it."""
    before, block = engine.state(), iter(())

    def endless() -> Iterator[float]:
        nonlocal before, block
        while True:
            before = engine.state()
            block = iter(((engine.words64(_AHEAD) & (1 << 53) - 1) * 2.0**-53).tolist())
            yield from block

    with engine.lock:
        try:
            yield endless()
        finally:
            unused = operator.length_hint(block)
            if unused:
                engine.restore(before)
                engine.words64(_AHEAD - unused)


# --- Poisson ------------------------------------------------------------------------------------------------------


@opaque
def poisson(engine: MT19937, rates: Array) -> Array:
    """A Poisson value for each of a one-dimensional array of rates >= 0, in float64.

    >>> poisson(MT19937(0), numpy.array([1.0, 5.0, 20.0]))
    array([ 2.,  6., 19.])
    """
    with _one_by_one(engine) as uniforms:
        return numpy.array([_poisson(rate, uniforms) for rate in rates.tolist()], numpy.float64)


def _poisson(rate: float, uniforms: Iterator[float]) -> float:
    if rate == 0:
        return 0
    if rate < _TINY_MEAN:
        return _poisson_counted(math.exp(-rate), uniforms)
    root, log_rate = math.sqrt(rate), math.log(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    log_inverse_alpha = math.log(1.1239 + 1.1328 / (b - 3.4))
    v_r = 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = next(uniforms) - 0.5, next(uniforms)
        us = 0.5 - abs(u)
        if us == 0:
            continue
        x = (2 * a / us + b) * u + rate + 0.43
        k = float(math.floor(x)) if math.isfinite(x) else x
        if us >= 0.07 and v <= v_r:
            return _to_int64(k)
        if k < 0 or (us < 0.013 and v > us):
            continue
        log_density = -rate + k * log_rate - _lgamma(k + 1)
        if _log(v) + log_inverse_alpha - math.log(a / (us * us) + b) <= log_density:
            return _to_int64(k)


def _to_int64(k: float) -> int:
    """As a C cast gives it: the smallest integer for what is beyond the range."""
    return int(k) if abs(k) < -_INT64_MIN else _INT64_MIN


def _poisson_counted(limit: float, uniforms: Iterator[float]) -> int:
    """How many uniforms can be multiplied before the product falls to exp(-rate)."""
    count, product = 0, 1.0
    for u in uniforms:
        product *= u
        if product <= limit:
            break
        count += 1
    return count


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


# --- binomial -----------------------------------------------------------------------------------------------------

_STIRLING = (  # log k! minus Stirling's formula, for k = 0 to 9, to the digits that torch keeps
    *(0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509, 0.0166446911898211),
    *(0.0138761288230707, 0.0118967099458917, 0.0104112652619720, 0.00925546218271273, 0.00833056343336287),
)


@opaque
def binomial(engine: MT19937, counts: Array, probabilities: Array) -> Array:
    """The successes in each of counts[i] trials of probability probabilities[i]; float32 or float64 arrays.

    >>> binomial(MT19937(0), numpy.array([10.0, 100.0]), numpy.array([0.3, 0.6]))
    array([ 6., 62.])
    """
    out = numpy.empty_like(counts)
    with _one_by_one(engine) as uniforms, numpy.errstate(all="ignore"):
        for i in range(len(counts)):
            out[i] = _binomial(counts[i], probabilities[i], uniforms)
    return out


def _binomial(n: Any, p: Any, uniforms: Iterator[float]) -> Any:
    """n and p are numpy scalars of the tensor's type, in which their products and differences are rounded."""
    if n <= 0 or p <= 0:
        return 0
    if p >= 1:
        return n
    if p <= 0.5:
        return (_binomial_rejected if n * p >= _TINY_MEAN else _binomial_counted)(n, p, uniforms)
    if p > 0.5:
        q = 1 - p
        return n - (_binomial_rejected if n * q >= _TINY_MEAN else _binomial_counted)(n, q, uniforms)
    return math.nan


def _binomial_counted(n: Any, p: Any, uniforms: Iterator[float]) -> Any:
    """How many waiting times between successes, geometric ones, fit into n trials."""
    log_q = _log1p(-p)
    trials, successes, limit = 0.0, 0, float(n)
    for u in uniforms:
        trials += math.ceil(math.log(u) / log_q) if u > 0 else math.inf
        if trials > limit:
            break
        successes += 1
    return n.dtype.type(successes)


def _binomial_rejected(n: Any, p: Any, uniforms: Iterator[float]) -> Any:
    kind = n.dtype.type
    deviation = float(numpy.sqrt(n * p * (1 - p)))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * float(p)
    c = float(n * p) + 0.5
    v_r = 0.92 - 4.2 / b
    odds = float(p / (1 - p))
    alpha = (2.83 + 5.1 / b) * deviation
    mode = float(numpy.floor((n + 1) * p))
    rest = float(n) - mode
    while True:
        u, v = next(uniforms) - 0.5, next(uniforms)
        us = 0.5 - abs(u)
        if us == 0:
            continue
        k = kind(math.floor((2 * a / us + b) * u + c))
        if k < 0 or k > n:
            continue
        if us >= 0.07 and v <= v_r:
            return k
        failures = float(n - k + 1)
        bound = (
            (mode + 0.5) * math.log((mode + 1) / (odds * (rest + 1)))
            + float(n + 1) * math.log((rest + 1) / failures)
            + (float(k) + 0.5) * math.log(odds * failures / float(k + 1))
            + _stirling(mode)
            + _stirling(rest)
            - _stirling(float(k))
            - _stirling(float(n - k))
        )
        if _log(v * alpha / (a / (us * us) + b)) <= bound:
            return k


def _stirling(k: float) -> float:
    """log k! - ((k + 1/2) log (k + 1) - (k + 1) + log sqrt(2 pi)), by a table or the first terms of its series."""
    if k < len(_STIRLING):
        return _STIRLING[int(k)]
    square = (k + 1) * (k + 1)
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1)


def _log1p(x: Any) -> float:
    """The C library's log1p in the precision of x, a numpy scalar."""
    return math.log1p(x) if x.dtype == numpy.float64 else _log1pf(float(x))


# --- functions of the C library that `math` does not give as they are -----------------------------------------------


def _from_libm(name: str, kind: Any, otherwise: Callable[[float], float]) -> Callable[[float], float]:
    """A function of one float from the C library in this process, or where it has none, `otherwise`."""
    try:
        function = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return otherwise
    function.restype, function.argtypes = kind, (kind,)
    return function  # type: ignore[no-any-return]


_lgamma = _from_libm("lgamma", ctypes.c_double, math.lgamma)  # Python's own is another approximation
_log1pf = _from_libm("log1pf", ctypes.c_float, lambda x: float(numpy.float32(math.log1p(x))))
