"""Scales kept on disk: they belong to a case, not to a candidate, and take most of the time of a hard case.

A file per case under `$CONFORM_CACHE` (default `~/.cache/conformance`; empty turns the cache off), named by a hash of
everything that the scales depend on: the case and its numbers, torch's build and the processor, and the sources of the
harness that make them. Nothing is ever stale; what is not used any more can be deleted at any time.
"""

import hashlib
import inspect
import io
import os
import platform
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy

from conformance.scale import Scale

Scales = dict[tuple[str, str], Scale]
_PARTS = ("error", "conditioning", "arithmetic")


def folder() -> Path | None:
    """Where the files are; None when the cache is off."""
    chosen = os.environ.get("CONFORM_CACHE")
    if chosen is not None:
        return Path(chosen) if chosen else None
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "conformance"


def cached(key: Callable[[], Iterable[bytes]], compute: Callable[[], Scales]) -> Scales:
    """What `compute` gives, from disk where it was computed before under the same key."""
    where = folder()
    if where is None:
        return compute()
    digest = hashlib.sha256(_surroundings())
    for part in key():
        digest.update(part)
    name = digest.hexdigest()
    path = where / name[:2] / f"{name[2:40]}.npz"
    found = _read(path)
    if found is None:
        found = compute()
        _write(path, found)
    return found


def _read(path: Path) -> Scales | None:
    """None when there is no such file, or it cannot be read: then it is made anew."""
    try:
        with numpy.load(io.BytesIO(path.read_bytes())) as stored:
            arrays: dict[str, Any] = dict(stored)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None
    found: Scales = {}
    for number, label in enumerate(arrays.get("keys", [])):
        check, _, tensor = str(label).partition("\n")
        jumps = dict(zip(arrays[f"{number} places"].tolist(), arrays[f"{number} values"], strict=True))
        slope = float(arrays[f"{number} slope"])
        error, conditioning, arithmetic = (arrays[f"{number} {part}"] for part in _PARTS)
        found[(check, tensor)] = Scale(error, conditioning, arithmetic, jumps, slope)
    return found


def _write(path: Path, scales: Scales) -> None:
    """Atomically; a disk that is full or read-only only costs time."""
    arrays: dict[str, Any] = {"keys": numpy.asarray(["\n".join(key) for key in scales])}
    for number, scale in enumerate(scales.values()):
        arrays |= {f"{number} {part}": numpy.asarray(getattr(scale, part)) for part in _PARTS}
        arrays[f"{number} slope"] = numpy.asarray(scale.slope)
        arrays[f"{number} places"] = numpy.asarray(list(scale.jumps), dtype=numpy.int64)
        arrays[f"{number} values"] = numpy.asarray(list(scale.jumps.values()), dtype=numpy.float64)
    buffer = io.BytesIO()
    numpy.savez(buffer, **arrays)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(buffer.getvalue())
        os.replace(temporary, path)
    except OSError:
        return


@lru_cache(maxsize=1)
def _surroundings() -> bytes:
    """Torch's build, the processor, and the sources of what makes the scales."""
    from importlib.metadata import version

    from conformance.candidates.torch import build

    parts = [version("numpy"), build(), platform.machine(), platform.processor()]
    here = Path(__file__).parent
    names = (
        "aten.py",
        "case.py",
        "draw.py",
        "monte_carlo.py",
        "moves.py",
        "oracle.py",
        "probing.py",
        "scale.py",
        "scale_cache.py",
    )
    sources = [*(here / name for name in names), *sorted((here / "candidates").glob("*.py"))]
    parts += [path.read_text(encoding="utf-8") for path in sources]
    return "\n".join(parts).encode()


def source_of(program: Any) -> str:
    """The source of a program's whole module: a program calls helpers beside it. "" for no program."""
    return "".join(_lines(program)) if program is not None else ""


def _lines(program: Any) -> Iterator[str]:
    try:
        yield _module_source(inspect.getsourcefile(program) or "")
    except (OSError, TypeError):
        yield repr(program)


@lru_cache(maxsize=64)
def _module_source(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")
