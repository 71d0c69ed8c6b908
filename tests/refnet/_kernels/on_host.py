"""numpy as the kernels see an array module: arrays that a kernel may take, in memory with guards before and behind.

What lies in the guards is no number, so that reading them shows in a result, and writing to them shows here.
"""

import itertools
import math
from typing import Any

import numpy as np
import pytest

from conformance.standin import kernels

Array = Any

_GUARD = 512  # bytes on either side
_PATTERN = 0xFF  # a nan in every floating type, -1 in integers

needs_compiler = pytest.mark.skipif(kernels.compiler() is None, reason="the kernels run on the host by g++: not found")


class HostArray(np.ndarray):
    """An array whose values a kernel of the stand-in reads."""

    @property
    def _host(self) -> Array:
        return self.view(np.ndarray)


class HostModule:
    """numpy with `RawModule`; what it makes is guarded."""

    ndarray = np.ndarray
    RawModule = kernels.RawModule

    def __init__(self) -> None:
        self.made: list[Array] = []  # the memory of every array, guards included

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def empty(self, shape: Any, dtype: Any = "float64") -> Array:
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        dtype = np.dtype(dtype)
        count = math.prod(shape) * dtype.itemsize
        memory = np.full(count + 2 * _GUARD, _PATTERN, "uint8")
        self.made.append(memory)
        return memory[_GUARD : _GUARD + count].view(dtype).reshape(shape).view(HostArray)

    def zeros(self, shape: Any, dtype: Any = "float64") -> Array:
        out = self.empty(shape, dtype)
        out[...] = 0
        return out

    def ascontiguousarray(self, x: Array) -> Array:
        return self.array(x)

    def empty_like(self, x: Array) -> Array:
        return self.empty(x.shape, x.dtype)

    def array(self, values: Any, dtype: Any = None) -> Array:
        """A guarded copy."""
        values = np.asarray(values, dtype)
        out = self.empty(values.shape, values.dtype)
        out[...] = values
        return out

    def matmul(self, x: Array, y: Array) -> Array:
        return self.array(np.matmul(x, y))

    def check_guards(self) -> None:
        """Fail where a kernel wrote beside an array."""
        for memory in self.made:
            around = np.concatenate([memory[:_GUARD], memory[-_GUARD:]])
            assert (around == _PATTERN).all(), f"written beside an array of {memory.size - 2 * _GUARD} bytes"


ORDERS = {
    "as numbered": (range, range),
    "last first": (kernels.reversed_order, kernels.reversed_order),
    "shuffled": (kernels.shuffled(1), kernels.shuffled(2)),
}


def everywhere(call: Any) -> Any:
    """What `call(xp)` gives, by kernels run in every order, with guards around all arrays: the bits must agree."""
    found: dict[str, Any] = {}
    for name, (blocks, threads) in ORDERS.items():
        xp = HostModule()
        with kernels.order(blocks, threads):
            found[name] = call(xp)
        xp.check_guards()
    for (first, a), (second, b) in itertools.combinations(found.items(), 2):
        for x, y in zip(_arrays(a), _arrays(b), strict=True):
            assert x.tobytes() == y.tobytes(), f"run {first}: {x}; run {second}: {y}"
    return found["as numbered"]


def _arrays(result: Any) -> list[Array]:
    results = result if isinstance(result, list | tuple) else [result]
    return [x for x in results if x is not None]


def drawn(*shape: int, dtype: str = "float64", seed: int = 0) -> Array:
    """Normal numbers."""
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def assert_close(ours: Any, theirs: Any, ulps: float, scale: float | None = None) -> None:
    """Equal but for so many ulp of the largest magnitude of the result (or of `scale`); nan and infinities in place."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape, (
        f"{ours.dtype}{ours.shape} {theirs.dtype}{theirs.shape}"
    )
    finite = np.isfinite(theirs)
    np.testing.assert_array_equal(np.where(finite, 0, ours), np.where(finite, 0, theirs))
    if finite.any():
        size = np.abs(theirs[finite]).max() if scale is None else scale
        error = np.abs(ours[finite].astype("float64") - theirs[finite].astype("float64")).max()
        limit = ulps * np.finfo(theirs.dtype).eps * max(size, np.finfo(theirs.dtype).tiny)
        assert error <= limit, f"off by {error:.3g}, {error / limit * ulps:.3g} ulp of {size:.3g}; allowed {ulps}"
