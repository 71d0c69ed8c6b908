"""Random values on a GPU by one kernel a draw; their array forms are in `random/philox_words` and `philox_values`.

In float32 the kernels use the fast logarithm, sine, tangent and exponential of the GPU where torch's do.
"""

from typing import Any

import numpy

from refnet._kernels.launch import each, find

Array = Any

DRAW = numpy.dtype(
    [(name, "int64") for name in ("n", "threads", "vector")] + [("seed", "uint64"), ("offset", "uint64")]
)

_WORD = {"f": numpy.uint32, "d": numpy.uint64}


def has_kernels(xp: Any) -> bool:
    """Whether an array module has kernels at all."""
    return bool(xp.__name__ != "numpy")


class Draw:
    """One launch: n values for `threads` threads as torch counts them, from an offset of a seed's stream.

    - seed, offset: ints, or 0-d arrays of uint64, which the kernel reads when it runs;
    - vector: how many neighbours a thread takes at a time, 1 where it strides.
    """

    def __init__(self, xp: Any, seed: Any, offset: Any, n: int, threads: int, vector: int = 1) -> None:
        self.xp, self.n = xp, n
        fixed = [number if isinstance(number, int) else 0 for number in (seed, offset)]
        self._read = [None if isinstance(number, int) else number for number in (seed, offset)]
        self._numbers = numpy.array((n, threads, vector, *fixed), DRAW)

    def _launch(self, name: str, kind: str, dtype: Any, *numbers: float) -> Array:
        out = self.xp.empty(self.n, dtype)
        kernel = find(self.xp, "philox", name, kind)
        each(kernel, -(-self.n // 2), out, self._numbers, *self._read, *map(float, numbers))
        return out

    def words(self, kind: str) -> Array:
        """Whole words: of 32 bits for kind "f", of 64 for "d"; uint32 or uint64."""
        return self._launch("words", kind, _WORD[kind])

    def uniform(self, kind: str, first: float = 0.0, span: float = 1.0, last: float = 2.0) -> Array:
        """u span + first with u in (0, 1], rounded once; what is `last` becomes `first`."""
        return self._launch("uniform", kind, kind, first, span, last)

    def normal(self, kind: str, mean: float = 0.0, std: float = 1.0) -> Array:
        """Normal values."""
        return self._launch("normal", kind, kind, mean, std)

    def dropout(self, kind: str, kept: float, scale: float) -> Array:
        """`scale` with probability `kept`, else 0, by a u of float32."""
        return self._launch("dropout", kind, kind, kept, scale)

    def islands(self, keys: Array, values: Array) -> None:
        """Shuffle, in place, the int64 values of equal neighbours among n uint64 keys."""
        each(find(self.xp, "philox", "islands", "f"), self.n, keys, values, self._numbers, *self._read)


def function(xp: Any, name: str, x: Array) -> Array:
    """The logarithm, exponential or tangent of float32 or float64 values, by a kernel of this name."""
    out = xp.empty(x.shape, x.dtype)
    each(find(xp, "philox", name, x.dtype.char), x.size, xp.ascontiguousarray(x), out, x.size)
    return out


def multiply_add(xp: Any, x: Array, scale: float, shift: float) -> Array:
    """x scale + shift with one rounding."""
    out = xp.empty(x.shape, x.dtype)
    each(find(xp, "philox", "multiply_add", x.dtype.char), x.size, xp.ascontiguousarray(x), out, x.size, scale, shift)
    return out
