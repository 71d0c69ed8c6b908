"""refnet with work added to some of its functions: `slowed:refnet`, a candidate whose slowdown the gate has to see.

The work is real and the same in every call: multiplications of an array that stays in the cache. How much goes where is
told by $SLOWED, as JSON: {function: {shape of its first argument: units of work a call}}. `plan` makes it, so that rows
of the timing table become slower by given factors. A LeNet-5 step gets its share in the loss, which it calls once.
"""

import functools
import json
import os
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy

SLOWED = "SLOWED"
OF_LENET = "nn.functional.cross_entropy"
_BLOCK = numpy.ones(256)


def work(units: int) -> None:
    """So many units, about half a microsecond each."""
    for _ in range(units):
        numpy.multiply(_BLOCK, 1.0, out=_BLOCK)


def unit() -> float:
    """Seconds of a unit, usually."""
    times = []
    for _ in range(300):
        began = time.thread_time()
        work(300)
        times.append((time.thread_time() - began) / 300)
    return float(numpy.median(times))


def plan(rows: Iterable[tuple[str, str, float]], factor: float) -> dict[str, dict[str, int]]:
    """What makes calls of functions, (name, shape of the first argument, seconds of a call), slower by `factor`."""
    each = unit()
    found: dict[str, dict[str, int]] = {}
    for name, shape, seconds in rows:
        found.setdefault(name, {})[shape] = round((factor - 1) * seconds / each)
    return found


def refnet() -> Any:
    """refnet's namespace, slowed as $SLOWED says. For a process that does nothing else."""
    import refnet as namespace

    for name, units in json.loads(os.environ[SLOWED]).items():
        *path, last = name.split(".")
        owner = functools.reduce(getattr, path, namespace)
        setattr(owner, last, _slowed(getattr(owner, last), units))
    return namespace


def _slowed(function: Callable[..., Any], units: dict[str, int]) -> Callable[..., Any]:
    """The function with work for first arguments of these shapes."""

    @functools.wraps(function)
    def slowed(first: Any, *args: Any, **kwargs: Any) -> Any:
        work(units.get("x".join(map(str, first.shape)), 0))
        return function(first, *args, **kwargs)

    return slowed
