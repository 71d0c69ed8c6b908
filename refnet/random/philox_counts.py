"""Counts by rejection on a GPU: Poisson and binomial values, which take as many uniforms as chance wants.

Element i takes the words of thread i, one after the other. Each round computes all elements at once and then asks
whether any is still open: one transfer of a flag to the host a round.

Poisson values of rates below 64 and above 4000 are torch's rule, up to the last places of its exponential and logarithm:
below, the uniforms that can be multiplied into e^rate before it falls to 1; above, a rounded normal value. Between, torch
(curand) rejects with an inverse of the incomplete gamma function that is not reproduced here, and binomial values of
torch take words in an order that depends on the values drawn before: both have the right distribution, but other values.

References: W. Hormann, "The transformed rejection method for generating Poisson random variables", Insurance:
Mathematics and Economics 12(1), 1993; "The generation of binomial random variates", J. Statistical Computation and
Simulation 46, 1993; L. Devroye, "Non-Uniform Random Variate Generation", 1986, p. 525 (counting out).
"""

from collections.abc import Iterator
from typing import Any

import numpy

from refnet._ops._scipy import special
from refnet.random.philox import Philox, words
from refnet.random.philox_values import normal64, unit32

Array = Any

_POISSON_WORDS, _BINOMIAL_WORDS = 20, 42  # by which torch moves the offset, whatever a thread used
_COUNTED_BELOW, _NORMAL_ABOVE = 64, 4000
_TINY_MEAN = 10  # binomial values of a smaller mean are counted out


def _calls(engine: Philox, offset: Any, n: int) -> Iterator[Array]:
    """The four uniforms of each call of n threads, as (4, n) float32, without end."""
    while True:
        yield unit32(words(engine.xp, engine.key, offset, 1, n)[0]).T
        offset = offset + 4


# --- Poisson ------------------------------------------------------------------------------------------------------


def poisson(engine: Philox, rates: Array) -> Array:
    """A Poisson value for each of a one-dimensional array of rates >= 0, in float64."""
    xp, n = engine.xp, len(rates)
    if n == 0:
        return rates
    offset = engine.take(_POISSON_WORDS)
    z = normal64(xp, words(xp, engine.key, offset, 1, n)[0])[:, 0]
    values = xp.floor(xp.sqrt(rates) * z + rates + 0.5)
    small, middle = rates < _COUNTED_BELOW, (rates >= _COUNTED_BELOW) & (rates <= _NORMAL_ABOVE)
    if bool(middle.any()):
        values = xp.where(middle, _poisson_rejected(engine, offset, xp.where(middle, rates, _COUNTED_BELOW)), values)
    if bool(small.any()):
        values = xp.where(small, _poisson_counted(engine, offset, xp.where(small, rates, 0)), values)
    return values


def _poisson_counted(engine: Philox, offset: Any, rates: Array) -> Array:
    """How many uniforms can be multiplied into exp(rate), in float32, before the product falls to 1."""
    xp = engine.xp
    product, counts = xp.exp(rates.astype(numpy.float32)), xp.zeros(rates.shape, numpy.float64)
    for uniforms in _calls(engine, offset, len(rates)):
        for u in uniforms:
            product = product * u
            counts += product > 1
        if not bool((product > 1).any()):
            break
    return counts


def _poisson_rejected(engine: Philox, offset: Any, rates: Array) -> Array:
    """Hormann's rejection, from a hat (2a / (1/2 - |U|) + b) U + c over the distribution."""
    xp = engine.xp
    gammaln = special(xp).gammaln
    b = 0.931 + 2.53 * xp.sqrt(rates)
    a = -0.059 + 0.02483 * b
    log_inverse_alpha = xp.log(1.1239 + 1.1328 / (b - 3.4))
    v_r = 0.9277 - 3.6224 / (b - 2)
    values = xp.full(rates.shape, -1.0)
    for uniforms in _calls(engine, offset, len(rates)):
        for u, v in (uniforms[:2].astype(numpy.float64), uniforms[2:].astype(numpy.float64)):
            us = xp.maximum(0.5 - xp.abs(u - 0.5), 2.0**-34)
            k = xp.floor((2 * a / us + b) * (u - 0.5) + rates + 0.43)
            log_density = -rates + k * xp.log(rates) - gammaln(xp.maximum(k, 0) + 1)
            under = xp.log(v) + log_inverse_alpha - xp.log(a / (us * us) + b) <= log_density
            taken = ((us >= 0.07) & (v <= v_r)) | ((k >= 0) & ((us >= 0.013) | (v <= us)) & under)
            values = xp.where((values < 0) & taken, k, values)
        if not bool((values < 0).any()):
            break
    return values


# --- binomial -----------------------------------------------------------------------------------------------------


def binomial(engine: Philox, counts: Array, probabilities: Array) -> Array:
    """The successes in each of counts[i] trials of probability probabilities[i]; one-dimensional, float32 or float64."""
    xp, kind = engine.xp, counts.dtype
    if len(counts) == 0:
        return counts
    offset = engine.take(_BINOMIAL_WORDS)
    n, p = counts.astype(numpy.float64), probabilities.astype(numpy.float64)
    rare = xp.minimum(p, 1 - p)  # of successes and failures, the rarer
    drawn = (n > 0) & (rare > 0)
    counted = drawn & (n * rare < _TINY_MEAN)
    rejected = drawn & ~counted
    events = xp.zeros(n.shape, numpy.float64)
    if bool(counted.any()):
        some = _binomial_counted(engine, offset, xp.where(counted, n, 0), xp.where(counted, rare, 0.5))
        events = xp.where(counted, some, events)
    if bool(rejected.any()):
        many = _binomial_rejected(engine, offset, xp.where(rejected, n, 40), xp.where(rejected, rare, 0.5))
        events = xp.where(rejected, many, events)
    values = xp.where(p > 0.5, n - events, events)
    values = xp.where((n <= 0) | (p <= 0), 0, values)
    return xp.where(xp.isnan(p), numpy.nan, values).astype(kind)


def _binomial_counted(engine: Philox, offset: Any, n: Array, p: Array) -> Array:
    """How many waiting times between successes, geometric ones, fit into n trials."""
    xp = engine.xp
    log_q = xp.log1p(-p)
    trials, successes = xp.zeros(n.shape, numpy.float64), xp.zeros(n.shape, numpy.float64)
    for uniforms in _calls(engine, offset, len(n)):
        for u in uniforms.astype(numpy.float64):
            trials = trials + xp.maximum(xp.ceil(xp.log(u) / log_q), 1)
            successes += trials <= n
        if not bool((trials <= n).any()):
            break
    return successes


def _binomial_rejected(engine: Philox, offset: Any, n: Array, p: Array) -> Array:
    """Hormann's rejection, by the logarithm of the probability at k over that at the mode m."""
    xp = engine.xp
    gammaln = special(xp).gammaln
    deviation = xp.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    v_r = 0.92 - 4.2 / b
    alpha = (2.83 + 5.1 / b) * deviation
    log_odds = xp.log(p / (1 - p))
    m = xp.floor((n + 1) * p)
    log_mode = gammaln(m + 1) + gammaln(n - m + 1)
    values = xp.full(n.shape, -1.0)
    for uniforms in _calls(engine, offset, len(n)):
        for u, v in (uniforms[:2].astype(numpy.float64), uniforms[2:].astype(numpy.float64)):
            us = xp.maximum(0.5 - xp.abs(u - 0.5), 2.0**-34)
            k = xp.floor((2 * a / us + b) * (u - 0.5) + n * p + 0.5)
            inside = (k >= 0) & (k <= n)
            at = xp.clip(k, 0, n)
            log_ratio = log_mode - gammaln(at + 1) - gammaln(n - at + 1) + (at - m) * log_odds
            under = xp.log(v * alpha / (a / (us * us) + b)) <= log_ratio
            taken = inside & (((us >= 0.07) & (v <= v_r)) | under)
            values = xp.where((values < 0) & taken, k, values)
        if not bool((values < 0).any()):
            break
    return values
