"""How a kernel is found, compiled and launched.

A source is C++14 with templates over the element type; NVRTC compiles the instances of one type together, at their first
use. cupy 14 keeps what it compiled on disk, cupy 13 compiles templates anew in every process. Scalars go to a kernel as `long long` or `double`, pointers without a
shape, and None as a null pointer.
"""

import functools
import re
from pathlib import Path
from typing import Any

import numpy

Array = Any
Kernel = Any  # cupy.RawKernel

THREADS = 256  # a block: the power of two that the reductions in `common.cuh` count on
MOST_BLOCKS = 1 << 15
C_TYPES = {"f": "float", "d": "double"}  # by the character of the numpy type

_NULL = numpy.uintp(0)

OPTIONS = ("-std=c++14",)
_FOLDER = Path(__file__).parent
_KERNEL = re.compile(r"^(?:MAP\d\(|__global__ void )(\w+)", re.MULTILINE)  # by the macros of a family or in full


@functools.cache
def source(family: str) -> str:
    """The CUDA C of a family, with what all families share before it."""
    return "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in ("common.cuh", f"{family}.cu"))


@functools.cache
def names(family: str) -> tuple[str, ...]:
    """The names of a family's kernels."""
    return tuple(_KERNEL.findall((_FOLDER / f"{family}.cu").read_text(encoding="utf-8")))


@functools.cache
def families() -> tuple[str, ...]:
    """The names of all families."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.cu")))


@functools.cache
def _module(xp: Any, family: str, kind: str) -> Any:
    instances = tuple(f"{name}<{C_TYPES[kind]}>" for name in names(family))
    return xp.RawModule(code=source(family), options=OPTIONS, name_expressions=instances)


@functools.cache
def find(xp: Any, family: str, name: str, kind: str) -> Kernel:
    """The kernel of a name for a type, given by its character ("f", "d"); compiled at its first launch."""
    return _module(xp, family, kind).get_function(f"{name}<{C_TYPES[kind]}>")


def takes(*arrays: Array) -> bool:
    """Whether kernels read these arrays (None: left out): all of one type that they know, row by row in memory."""
    kind = None
    for array in arrays:
        if array is None:
            continue
        if kind is None:
            kind = array.dtype
            if kind.char not in C_TYPES:
                return False
        if array.dtype != kind or not array.flags.c_contiguous:
            return False
    return True


def dense(xp: Any, *arrays: Array) -> tuple[Array, ...] | None:
    """The arrays, row by row in memory, copied where they lie otherwise; None where their types are not what `takes` asks."""
    first = next(array for array in arrays if array is not None)
    if first.dtype.char not in C_TYPES or any(a is not None and a.dtype != first.dtype for a in arrays):
        return None
    return tuple(packed(xp, a) for a in arrays)


def packed(xp: Any, array: Array) -> Array:
    """The array row by row in memory: itself where it lies so, else a copy."""
    return array if array is None or array.flags.c_contiguous else xp.ascontiguousarray(array)


def blocks_for(count: int) -> int:
    """How many blocks share `count` elements, one for each thread where that is not too many."""
    return max(1, min(-(-count // THREADS), MOST_BLOCKS))


def each(kernel: Kernel, count: int, *arguments: Any) -> None:
    """Launch a kernel that strides over `count` elements; nothing is launched for none."""
    if count:
        run(kernel, blocks_for(count), *arguments)


def blocks(kernel: Kernel, count: int, *arguments: Any) -> None:
    """Launch a kernel that strides over `count` tasks of a block each."""
    if count:
        run(kernel, min(count, MOST_BLOCKS), *arguments)


def run(kernel: Kernel, grid: int, *arguments: Any) -> None:
    """Launch so many blocks. None is a null pointer: cupy 13 has none of its own, but takes the number 0 for one."""
    kernel((grid,), (THREADS,), tuple([_NULL if x is None else x for x in arguments]))
