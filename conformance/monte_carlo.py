"""Monte-Carlo arithmetic: torch at float64 with every rounded result disturbed as if it had been rounded to less.

A result x of an operation that rounds becomes x (1 + u h), with h in [-1, 1] a hash of x: what one rounding to a type
of unit u does at most. Operations that add many terms (sums, products of matrices, convolutions, normalizations) also
see inputs disturbed by u sqrt(1 + log2 n), the error of adding n terms in a tree. What is exact (views, copies,
comparisons, maxima, indexing, sums and products of whole numbers) is left alone. Equal numbers are disturbed equally,
so ties and zeros survive.

The spread of a few such runs, M, is the error that legitimate implementations have: unlike torch's own error E, which
can be zero by luck for one input, it does not depend on how torch happened to round.
(D. S. Parker, "Monte Carlo arithmetic", 1997.)
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import ml_dtypes
import numpy
import torch
from torch._decomp import decomposition_table
from torch.utils._python_dispatch import TorchDispatchMode

from conformance.aten import ADDING, COMPOSITE, EXACT, MULTIPLYING, REDUCING, SUMMING
from conformance.candidates.torch import Oracle
from conformance.draw import Array
from conformance.moves import hashed
from conformance.scale import unit


def _exact(name: str, args: Any) -> bool:
    """Whether an aten operation rounds nothing. What it writes to makes no difference: `ceil_` is as exact as `ceil`."""
    plain = name.removesuffix("_")
    return name in EXACT or plain in EXACT or (plain in REDUCING and args[4] in ("amax", "amin"))


@lru_cache(maxsize=1024)
def _written(func: Any, name: str) -> frozenset[int]:
    """The positions of the arguments that an aten operation writes to. Of batch norm's its schema says nothing."""
    if "batch_norm" in name:
        return frozenset(range(1, len(func._schema.arguments)))
    infos = [argument.alias_info for argument in func._schema.arguments]
    return frozenset(i for i, info in enumerate(infos) if info is not None and info.is_write)


class Disturbed(TorchDispatchMode):  # type: ignore[misc]  # torch's class is not typed
    """Disturbs every float64 result as rounding to `dtype` might, and sums by more.

    Inside an operation the half types are computed at float32, as torch does: only its result is rounded to them.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: guarding each call against the compiler would first import it, 1.4 seconds in every process."""
        return False

    def __init__(self, dtype: Any, seed: int, amplitude: float, sequential: bool) -> None:
        super().__init__()
        self.seed, self.sequential = seed, sequential
        self.u = amplitude * unit(dtype)
        self.inner_u = min(self.u, amplitude * unit(numpy.float32))
        self.smallest = float(ml_dtypes.finfo(dtype).smallest_subnormal)
        half = unit(dtype) > unit(numpy.float32)
        self.inside = Disturbed(numpy.float32, seed, amplitude, sequential) if half else self

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.removeprefix("aten::")
        if _exact(name, args) or self._whole(name, args, kwargs or {}):
            return func(*args, **(kwargs or {}))
        if name in COMPOSITE and func in decomposition_table:
            with self.inside:
                result = decomposition_table[func](*args, **(kwargs or {}))
            return result if self.inside is self else self._rounded(result, self.u)
        u = self.u
        if any(part in name for part in SUMMING):
            terms = self.terms(name, args)
            # Torch's own convolutions add in the half type where oneDNN is off.
            at = self.u if self.sequential and "conv" in name else self.inner_u
            amplitude = at * math.sqrt(1 + math.log2(terms))  # the error of adding the terms in a tree
            kept = _written(func, name)  # what the operation writes to has to stay the tensor it is
            args = tuple(a if i in kept else self._disturb(a, amplitude) for i, a in enumerate(args))
            if self.sequential:
                u = max(u, self.inner_u * math.sqrt(terms) / 2)  # of adding them one after the other
        result = func(*args, **(kwargs or {}))
        if name.endswith("_") and not name.startswith("_"):
            if _rounds(result):
                result.copy_(self._disturb(result, u))
            return result
        return self._rounded(result, u)

    def _whole(self, name: str, args: Any, kwargs: Any) -> bool:
        """Whether whole numbers are added or multiplied that are too small to be rounded.

        Such counts are compared with other numbers: disturbed, they would lead where no implementation goes.
        """
        plain = name.removesuffix("_")
        if plain not in ADDING and plain not in MULTIPLYING:
            return False
        reach = 1.0  # what no partial result exceeds
        for value in (*args, *kwargs.values()):
            if isinstance(value, float) and not value.is_integer():
                return False
            if _rounds(value):
                array = value.detach().numpy(force=True)
                if not (array == numpy.rint(array)).all():
                    return False
                with numpy.errstate(over="ignore"):
                    reach *= float(numpy.sum(numpy.abs(array)) + 1 if plain in ADDING else _product(plain, array))
        return reach * self.inner_u <= 1

    def terms(self, name: str, args: Any) -> int:
        """How many terms a result of a summing operation may have: at least 2, at most all that goes in."""
        return max([2, *(int(a.numel()) for a in args if _rounds(a))])

    def _rounded(self, result: Any, u: float) -> Any:
        if isinstance(result, tuple | list):
            return type(result)([self._disturb(item, u) for item in result])
        return self._disturb(result, u)

    def _disturb(self, x: Any, u: float) -> Any:
        """x moved by up to u |x|, by half a subnormal step near zero; on numpy, which is faster on small tensors."""
        if not _rounds(x):
            return x
        if not self.u:
            return x.clone()  # a copy all the same: what is lost with it must show at amplitude 0
        array = x.detach().numpy(force=True)
        magnitude = numpy.asarray(numpy.abs(array))
        finite = numpy.where(magnitude < numpy.inf, magnitude, 0.0)
        step = numpy.maximum(finite * u, self.smallest / 2) * _noise(magnitude, self.seed)
        return torch.from_numpy(numpy.asarray(array + numpy.where(finite == 0, 0.0, step)))


def _product(name: str, array: Array) -> Any:
    """What a product of some of the numbers, or with one of them, does not exceed."""
    magnitude = numpy.maximum(numpy.abs(array), 1.0)
    return magnitude.max() if name == "mul" else magnitude.prod()


def _noise(array: Array, seed: int) -> Array:
    """Numbers in [-1, 1), a function of the magnitude and the seed."""
    return (hashed(array, seed) >> _11).astype(numpy.float64) * 2.0**-52 - 1.0


_11 = numpy.uint64(11)


def _rounds(x: Any) -> bool:
    real = isinstance(x, torch.Tensor) and x.dtype == torch.float64 and not x.is_meta
    return real and x.numel() > 0 and not x._is_zerotensor()


class MonteCarlo(Oracle):
    """The oracle, with the arithmetic of a dtype disturbed; `sequential` adds terms one after the other.

    `amplitude` 0 disturbs nothing: what is left is torch's decomposition of the operation.
    """

    def __init__(self, dtype: Any, seed: int, *, amplitude: float = 1.0, sequential: bool = False) -> None:
        super().__init__()
        self.mode = Disturbed(dtype, seed, amplitude, sequential)

    @contextmanager
    def context(self) -> Iterator[None]:
        with super().context(), self.mode:
            yield
