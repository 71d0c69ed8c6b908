"""What the records of a run depend on: only runs that agree in it may be continued or merged."""

import hashlib
import importlib.util
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import gpus

if TYPE_CHECKING:
    from conformance.against import Against

_CODE = {".py", ".so", ".pyd", ".toml"}


def identity(candidate: str, device: str, extra: Iterable[str] = (), held: "Against | None" = None) -> dict[str, str]:
    """The candidate, its version and sources, the libraries under it, and the harness with its cases; on a GPU also the
    GPU, its driver and CUDA's packages, and `held`: what stands for the truth, where that is not torch on the CPU.

    Releases are named by their version; what may be edited between two runs, by a hash of its sources.
    """
    package = candidate.partition(":")[0].partition(".")[0]
    return {
        "candidate": candidate,
        "candidate version": installed(package),
        "candidate sources": "" if package == "torch" else _digest([package]),
        "device": device,
        "torch": installed("torch"),
        "numpy": installed("numpy"),
        "harness sources": _digest(["conformance", *extra]),
        **gpus.facts(device),
        **(held.facts() if held is not None else {}),
    }


def differences(left: dict[str, str], right: dict[str, str], names: tuple[str, str]) -> list[str]:
    """One line for everything in which two identities differ."""
    return [
        f"{key}: {left.get(key, '')!r} in {names[0]}, {right.get(key, '')!r} in {names[1]}"
        for key in {**left, **right}
        if left.get(key, "") != right.get(key, "")
    ]


def installed(package: str) -> str:
    """The version of an installed package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _digest(modules: Iterable[str]) -> str:
    """A short hash of the sources of packages and modules, without importing a package that has no parent."""
    digest = hashlib.sha256()
    for module in modules:
        for name, path in _sources(module):
            digest.update(f"{name}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources(module: str) -> Iterator[tuple[str, Path]]:
    """(name inside the package, path) of every file that a module or package consists of, in a fixed order."""
    try:
        spec = importlib.util.find_spec(module)
    except ImportError:  # whoever loads it will say so
        return
    if spec is None:
        return
    if spec.submodule_search_locations:
        for root in map(Path, spec.submodule_search_locations):
            files = sorted(path for path in root.rglob("*") if path.suffix in _CODE and path.is_file())
            yield from ((f"{module}/{path.relative_to(root).as_posix()}", path) for path in files)
    elif spec.origin is not None and Path(spec.origin).is_file():
        yield module, Path(spec.origin)
