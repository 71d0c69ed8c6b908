"""The modules `cupy` and `cupyx` of the stand-in, made from the recorded surface.

A name that cupy has is an attribute here: a function or ufunc by numpy's or scipy's of the same name, or the stand-in's
own where cupy behaves otherwise. A name that cupy does not have raises AttributeError. A name that cupy has and the
stand-in not yet raises StandInError, which says so.
"""

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy

from conformance.standin import casting, creation, facts, indexing, numerics, sorting, surface
from conformance.standin.functions import Function
from conformance.standin.names import StandInError, provide
from conformance.standin.ndarray import ndarray
from conformance.standin.runtime import capture, core, cuda, memory, pinned
from conformance.standin.ufuncs import ufunc

_LIBRARIES = {
    "cupy": "numpy",
    "cupy.fft": "numpy.fft",
    "cupy.lib.stride_tricks": "numpy.lib.stride_tricks",
    "cupy.linalg": "numpy.linalg",
    "cupyx.scipy.linalg": "scipy.linalg",
    "cupyx.scipy.special": "scipy.special",
}
_OWN = {
    name: getattr(module, name)
    for module, names in (
        (
            creation,
            "array asarray asanyarray ascontiguousarray asfortranarray asnumpy copy copyto empty zeros ones full",
        ),
        (creation, "empty_like zeros_like ones_like full_like arange from_dlpack where clip"),
        (indexing, "take take_along_axis put"),
        (sorting, "sort argsort lexsort"),
    )
    for name in names.split()
}


class Module(ModuleType):
    """A module of the stand-in; its names are made at their first use."""

    def __init__(self, name: str) -> None:
        super().__init__(name, f"The stand-in for {name}, on numpy.")
        self.__path__: list[str] = []
        self._recorded: dict[str, Any] = surface.load()["modules"].get(name, {})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        found = _make(self.__name__, name, self._recorded)
        setattr(self, name, found)
        return found

    def __dir__(self) -> list[str]:
        return sorted(self._recorded)


def _make(module: str, name: str, recorded: dict[str, Any]) -> Any:
    special = _special(module, name)
    if special is not None:
        return special
    entry = recorded.get(name)
    if entry is None:
        versions = " and ".join(surface.load()["versions"])
        raise AttributeError(f"module {module!r} has no attribute {name!r} (in both of cupy {versions})")
    if entry == "module":
        return import_module(f"{module}.{name}")
    library = import_module(_LIBRARIES[module]) if module in _LIBRARIES else None
    replacement = numerics.FUNCTIONS.get(name) if module != "cupy.fft" else None
    original = replacement or getattr(library, name, None)
    if original is None:
        raise StandInError(f"{module}.{name} is in cupy, but not yet in the stand-in")
    if isinstance(entry, dict):
        return ufunc(name, original, entry["nin"], entry["nout"], entry["types"])
    if name in facts.METADATA or not isinstance(entry, list):
        return _about_types(original) if callable(original) and not isinstance(original, type) else original
    return Function(f"{module}.{name}", entry, original)


def _special(module: str, name: str) -> Any:
    """What is not made from the record."""
    if module == "cupy":
        if name == "ndarray":
            return ndarray
        if name == "ufunc":
            return ufunc
        if name in _OWN:
            return _OWN[name]
        if name == "matmul":
            return Function("cupy.matmul", ["a", "b", "out=None"], numpy.matmul)
        if name == "_where":
            return ufunc("where", numpy.where, 3, 1, [f"?{c}{c}->{c}" for c in "?bBhHiIlLqQefdFD"])
        if name == "_clip":
            return ufunc("clip", numerics.clip, 3, 1, [f"{c}{c}{c}->{c}" for c in "?bBhHiIlLqQefd"])
        if name in ("cuda", "linalg", "fft", "lib", "exceptions", "random"):
            return import_module(f"cupy.{name}")
        if name in ("RawKernel", "RawModule", "ElementwiseKernel", "ReductionKernel", "fuse"):
            return getattr(import_module("conformance.standin.kernels"), name)
        if name == "get_array_module":
            return get_array_module
        if name == "get_default_memory_pool":
            return lambda: memory.default_pool
        if name == "get_default_pinned_memory_pool":
            return lambda: pinned.default_pool
    if module == "cupy.lib.stride_tricks" and name == "as_strided":
        return creation.as_strided
    if module == "cupyx":
        if name in ("scatter_add", "scatter_max", "scatter_min"):
            return getattr(ndarray, name)
        if name in ("empty_pinned", "zeros_pinned"):
            return getattr(pinned, name)
        if name == "rsqrt":
            return ufunc("rsqrt", lambda x: 1 / numpy.sqrt(x), 1, 1, ["e->e", "f->f", "d->d"])
        if name in ("errstate", "seterr", "geterr"):
            return getattr(numerics, name)
    return None


def _about_types(function: Any) -> Any:
    """A function about types and shapes: a device array stands for its own."""

    @functools.wraps(function)
    def about(*args: Any, **kwargs: Any) -> Any:
        return function(*[a._host if type(a) is ndarray else a for a in args], **kwargs)

    return about


def get_array_module(*args: Any) -> Any:
    """cupy if one of them is on a device, else numpy."""
    return cupy() if any(type(a) is ndarray for a in args) else numpy


@functools.cache
def cupy() -> Any:
    """The module `cupy` of the stand-in."""
    return _modules()["cupy"]


@functools.cache
def _modules() -> dict[str, ModuleType]:
    made: dict[str, ModuleType] = {name: Module(name) for name in surface.MODULES}
    for name in ("cupy.lib", "cupyx.scipy"):
        made[name] = Module(name)
    made["cupy._core"] = core
    made["cupy.cuda"] = cuda
    for name, module in cuda.MODULES.items():
        made[f"cupy.cuda.{name}"] = module
    for name, module in made.items():
        parent, _, last = name.rpartition(".")
        if parent and isinstance(made.get(parent), Module):
            setattr(made[parent], last, module)
    return made


def install(release: int = 14) -> None:
    """Put the stand-in into `sys.modules` as cupy and cupyx; RuntimeError where the real one is imported already.

    `release`, 13 or 14, is what it says it is; as 13 it has no bfloat16.
    """
    found = sys.modules.get("cupy")
    if found is not None and found is not cupy():
        raise RuntimeError(
            f"cupy is imported already, from {getattr(found, '__file__', '?')}: the stand-in cannot replace it"
        )
    _be(release)
    capture.forget_kernels()
    sys.modules.update(_modules())


def _be(release: int) -> None:
    versions = surface.load()["versions"]
    cupy().__version__ = next(v for v in versions if v.startswith(f"{release}."))
    casting.allowed.clear()
    if release >= 14:
        casting.allowed.add(casting.BFLOAT16)


def uninstall() -> None:
    """Take it out again."""
    for name, module in _modules().items():
        if sys.modules.get(name) is module:
            del sys.modules[name]


@contextmanager
def installed(release: int = 14) -> Iterator[Any]:
    """The stand-in as cupy inside a ``with`` block."""
    before = int(cupy().__version__.partition(".")[0]) if sys.modules.get("cupy") is cupy() else 0
    install(release)
    try:
        yield cupy()
    finally:
        if before:
            _be(before)
        else:
            uninstall()


provide(cupy(), _getitem=indexing.getitem, _setitem=indexing.setitem, _scatter=indexing.scatter, _sort=sorting.in_place)
