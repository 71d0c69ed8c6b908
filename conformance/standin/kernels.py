"""`RawModule` and `RawKernel` on the host: the CUDA C that a GPU would run, compiled by g++ and run on arrays.

A small header, `kernels.h`, gives g++ the words of CUDA C. Threads of a block are coroutines, so that barriers and shared
memory do what they do on a GPU, and blocks and threads run in an order that a test can choose (`order`): what depends on
it is a bug. Undefined arithmetic and indices outside an array of the kernel's own stop the process; what lies around the
arrays of the caller is for `fenced`, which puts a page behind, or before, each of them that nobody may touch.

Stricter than cupy, which checks no argument: a pointer to another type, a number of another width or a structure of
another size is a TypeError here, and garbage on a GPU.

What was compiled is kept in the user's cache folder, by a hash of all that went into it.
"""

import ctypes
import functools
import hashlib
import math
import mmap
import os
import random
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy

from conformance.standin.runtime import capture

Array = Any
Order = Callable[[int], Sequence[int]]

_HEADER = Path(__file__).with_name("kernels.h")
_FLAGS = (
    "-std=gnu++17",  # cupy's standard is C++17 at most; the header needs it
    "-O1",
    "-fPIC",
    "-shared",
    "-w",
    "-ffp-contract=off",
    "-fsanitize=bounds,signed-integer-overflow,shift,integer-divide-by-zero",
    "-fsanitize-undefined-trap-on-error",
)
_MOST_THREADS = 1024  # a block, on every GPU
_MOST_BLOCKS = (2**31 - 1, 65535, 65535)


class _Settings(threading.local):
    def __init__(self) -> None:
        self.blocks: Order = range
        self.threads: Order = range


_settings = _Settings()
_lock = threading.RLock()  # the coroutines of a library have one scheduler


def reversed_order(count: int) -> Sequence[int]:
    """Last things first."""
    return range(count - 1, -1, -1)


def shuffled(seed: int) -> Order:
    """A random order, the same for the same seed."""

    def order(count: int) -> Sequence[int]:
        places = list(range(count))
        random.Random(seed).shuffle(places)
        return places

    return order


@contextmanager
def order(blocks: Order = range, threads: Order = range) -> Iterator[None]:
    """Run blocks, and the threads of a block between barriers, in this order inside a ``with`` block."""
    before = _settings.blocks, _settings.threads
    _settings.blocks, _settings.threads = blocks, threads
    try:
        yield
    finally:
        _settings.blocks, _settings.threads = before


def compiler() -> str | None:
    """The path of g++, None where there is none."""
    return shutil.which("g++")


class RawModule:
    """Kernels of one source, by name: templates need their instances in `name_expressions`, as with cupy."""

    def __init__(
        self,
        *,
        code: str | None = None,
        path: str | None = None,
        options: tuple[str, ...] = (),
        backend: str = "nvrtc",
        translate_cucomplex: bool = False,
        enable_cooperative_groups: bool = False,
        name_expressions: Sequence[str] | None = None,
        jitify: bool = False,
    ) -> None:
        if code is None or path is not None:
            raise NotImplementedError("RawModule(): the stand-in compiles source only; pass code=, not path=")
        if translate_cucomplex or enable_cooperative_groups or jitify or backend != "nvrtc":
            raise NotImplementedError("RawModule(): the stand-in has none of cupy's options but name_expressions")
        self.code = code
        self.options = options
        self.name_expressions = tuple(name_expressions or ())

    def get_function(self, name: str) -> "RawKernel":
        """The kernel of this name, or of this entry of `name_expressions`."""
        if self.name_expressions and name not in self.name_expressions:
            raise ValueError(f"{name!r} is none of the name_expressions {', '.join(self.name_expressions)}")
        return RawKernel(self.code, name, self.options, _instances=self.name_expressions or (name,))


class RawKernel:
    """One kernel: called with a grid, a block and the arguments."""

    def __init__(
        self,
        code: str,
        name: str,
        options: tuple[str, ...] = (),
        backend: str = "nvrtc",
        *,
        _instances: tuple[str, ...] = (),
    ) -> None:
        self.code = code
        self.name = name
        self.options = options
        self._instances = _instances or (name,)

    def __call__(self, grid: Sequence[int], block: Sequence[int], args: Sequence[Any], *, shared_mem: int = 0) -> None:
        if shared_mem:
            raise NotImplementedError(f"{self.name}: the stand-in has no dynamic shared memory, got {shared_mem} bytes")
        sizes = [*grid, *(1,) * (3 - len(grid)), *block, *(1,) * (3 - len(block))]
        _check_sizes(self.name, sizes)
        library = _library(self.code, self.options, self._instances)
        run, signature = _entry(library, self._instances.index(self.name))
        expected = [kind.replace("!", "*") for kind in signature]
        if len(expected) != len(args):
            raise TypeError(f"{self.name} takes {len(expected)} arguments, got {len(args)}")
        held = [_argument(self.name, n, x, kind) for n, (x, kind) in enumerate(zip(args, expected, strict=True))]
        capture.load(self.name, self.code, self.options)
        blocks = _permutation(_settings.blocks, sizes[0] * sizes[1] * sizes[2])
        threads = _permutation(_settings.threads, sizes[3] * sizes[4] * sizes[5])

        def operation() -> None:
            pointers = (ctypes.c_void_p * len(held))(*(ctypes.addressof(x) for x in held))
            with _lock:
                error = run(pointers, (ctypes.c_uint * 6)(*sizes), blocks, threads)
            if error:
                raise RuntimeError(f"{self.name}: {error.decode()}")

        arrays = [(kind[0], x.data) for x, kind in zip(args, signature, strict=True) if device_array(x) is not None]
        memories = [(kind, data.mem) for kind, data in arrays if hasattr(data, "mem")]  # else numpy's, of a test
        capture.submit(
            operation,
            reads=[memory for kind, memory in memories if kind == "*"],
            writes=[memory for kind, memory in memories if kind == "!"],
        )


def _check_sizes(name: str, sizes: list[int]) -> None:
    grid, block = sizes[:3], sizes[3:]
    threads = block[0] * block[1] * block[2]
    if min(sizes) < 1 or threads > _MOST_THREADS or any(n > most for n, most in zip(grid, _MOST_BLOCKS, strict=True)):
        raise ValueError(
            f"{name}: CUDA launches no grid of {grid} blocks of {block} threads (CUDA_ERROR_INVALID_VALUE)"
        )


@functools.lru_cache(maxsize=256)
def _permutation(order: Order, count: int) -> Any:
    return (ctypes.c_uint * count)(*order(count))


# --- arguments ----------------------------------------------------------------------------------------------------------


def device_array(x: Any) -> Array | None:
    """The numpy array that holds the values of an array of the stand-in; None for what is no array."""
    host = getattr(x, "_host", None)
    return host if isinstance(host, numpy.ndarray) else None


def _argument(name: str, position: int, x: Any, expected: str) -> Any:
    """An argument as C has it, in an object of ctypes."""

    def wrong(got: str) -> TypeError:
        return TypeError(f"{name}: argument {position} must be {expected!r}, got {got}")

    array = device_array(x)
    if array is not None:
        kind = f"*{array.dtype.kind}{array.dtype.itemsize}"
        if kind != expected:
            raise wrong(f"an array of {array.dtype} ({kind!r})")
        return ctypes.c_void_p(array.__array_interface__["data"][0])
    if x is None:
        raise wrong("None, for which cupy 13 passes nothing; a null pointer is numpy.uintp(0)")
    if expected.startswith("*") and isinstance(x, numpy.uintp) and x == 0:
        return ctypes.c_void_p(0)
    if isinstance(x, numpy.ndarray):
        if x.size != 1:
            raise TypeError(
                f"{name}: argument {position} is a numpy.ndarray of shape {x.shape}; only one value is passed"
            )
        value = x
    else:
        value = numpy.asarray(x)
    letter = "s" if value.dtype.kind == "V" else value.dtype.kind
    kind = f"{letter}{value.dtype.itemsize}"
    if kind != expected:
        raise wrong(f"{type(x).__name__} ({kind!r})")
    return ctypes.create_string_buffer(value.tobytes(), value.dtype.itemsize)


# --- compiling ----------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1024)
def _entry(library: Any, number: int) -> tuple[Any, tuple[str, ...]]:
    """The launcher of an instance, and the types that its kernel takes."""
    run = library[f"launch_{number}"]
    run.restype = ctypes.c_char_p
    signature = library[f"signature_{number}"]
    signature.restype = ctypes.c_char_p
    return run, tuple(signature().decode().split())


@functools.lru_cache(maxsize=256)
def _library(code: str, options: tuple[str, ...], instances: tuple[str, ...]) -> Any:
    launchers = "\n".join(
        f'extern "C" const char* launch_{n}(void** a, const unsigned* s, const unsigned* b, const unsigned* t) '
        f"{{ return host::launch(&{name}, a, s, b, t); }}\n"
        f'extern "C" const char* signature_{n}() {{ return host::signature(&{name}); }}'
        for n, name in enumerate(instances)
    )
    definitions = tuple(option for option in options if option.startswith("-D"))
    return ctypes.CDLL(str(_compiled(f"{_HEADER.read_text(encoding='utf-8')}\n{code}\n{launchers}\n", definitions)))


def _compiled(text: str, definitions: tuple[str, ...]) -> Path:
    """The shared library of a text, from the cache or made now."""
    found = compiler()
    if found is None:
        raise RuntimeError("a kernel on the host needs g++, which is not installed")
    flags = (*_FLAGS, *definitions)
    key = hashlib.sha256("\0".join((found, *flags, text)).encode()).hexdigest()[:32]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "conformance" / "kernels"
    library = folder / f"{key}.so"
    if library.exists():
        return library
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # a home that cannot be written to
        folder = Path(tempfile.mkdtemp(prefix="kernels-"))
        library = folder / f"{key}.so"
    with tempfile.TemporaryDirectory(dir=folder) as place:
        source, made = Path(place, "kernels.cpp"), Path(place, "kernels.so")
        source.write_text(text, encoding="utf-8")
        done = subprocess.run([found, *flags, str(source), "-o", str(made)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"g++ does not compile the kernels:\n{done.stderr}")
        made.replace(library)
    return library


# --- memory with a fence ------------------------------------------------------------------------------------------------


def fenced(shape: tuple[int, ...], dtype: Any, before: bool = False) -> Array:
    """An array that nobody may read or write beyond: the process ends (SIGSEGV) where the next byte is touched.

    It ends where a page begins that is not accessible, or begins (`before`) where such a page ends. The memory is not
    given back: for a process of a test's own.
    """
    dtype = numpy.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    pages = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = mmap.mmap(-1, pages + 2 * mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for fence in (start, start + mmap.PAGESIZE + pages):
        if ctypes.CDLL(None).mprotect(ctypes.c_void_p(fence), ctypes.c_size_t(mmap.PAGESIZE), 0):
            raise OSError("mprotect() refused a page that nobody may touch")
    first = mmap.PAGESIZE + (0 if before else pages - size)
    return numpy.ndarray(shape, dtype, memory, first)
