"""The surface of cupy: which names it has, which arguments they take, for which types its ufuncs have loops.

``python -m conformance.standin.surface RECORD.json`` records it from the cupy of the interpreter it runs on: an import
is enough, a GPU is not needed. Several records given after ``--merge`` make the one that is committed,
`surface.json`: what all of them have. The stand-in allows that and nothing else, so that what works on it exists in
each of the releases it names.

What a signature cannot tell (methods compiled by Cython) is found by asking: a call with thirty arguments says how
many there may be, a call with an unknown keyword says that it is one.
"""

import functools
import inspect
import json
import re
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("surface.json")

MODULES = (
    "cupy",
    "cupy.exceptions",
    "cupy.fft",
    "cupy.lib.stride_tricks",
    "cupy.linalg",
    "cupy.random",
    "cupyx",
    "cupyx.scipy.linalg",
    "cupyx.scipy.special",
)

_KEYWORDS = (
    "a", "a_max", "a_min", "arr", "axes", "axis", "axis1", "axis2", "b", "blocking", "casting", "choices", "condition", "copy",
    "correction", "ddof", "decimals", "dtype", "fid", "fill_value", "format", "indices", "initial", "keepdims",
    "kind", "kth", "max", "max_version", "min", "mode", "newshape", "offset", "order", "out", "refcheck", "repeats",
    "shape", "side", "slices", "sorter", "stable", "stream", "subok", "type", "v", "value", "values", "where",
)  # fmt: skip

Record = dict[str, Any]


def record() -> Record:
    """What the installed cupy has."""
    cupy = import_module("cupy")
    return {
        "versions": [cupy.__version__],
        "modules": {name: _module(import_module(name)) for name in MODULES},
        "ndarray": _methods(cupy),
        "ufunc": sorted(name for name in dir(cupy.add) if not name.startswith("_")),
    }


def _module(module: Any) -> Record:
    """Name -> how it may be called: a list of parameters, a table of ufunc loops, a constant's repr, or its kind."""
    return {name: _entry(getattr(module, name)) for name in sorted(dir(module)) if not name.startswith("_")}


def _entry(value: Any) -> Any:
    if inspect.ismodule(value):
        return "module"
    if hasattr(value, "types") and hasattr(value, "nin") and not inspect.isclass(value):
        return {"nin": value.nin, "nout": value.nout, "types": _loops(value)}
    if inspect.isclass(value):
        return "class"
    if callable(value):
        try:
            return [_parameter(p) for p in inspect.signature(value).parameters.values()]
        except (TypeError, ValueError):
            return "callable"
    return "constant"


def _loops(function: Any) -> list[str]:
    """The loops in the order they are looked through; "E" is bfloat16."""
    return list(dict.fromkeys(function.types))


def _parameter(parameter: inspect.Parameter) -> str:
    """``a``, ``axis=None``, ``*, dtype=None``, as it reads in a signature."""
    marks = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**", "KEYWORD_ONLY": "*,"}
    text = marks.get(parameter.kind.name, "") + parameter.name
    if parameter.default is parameter.empty:
        return text
    default = parameter.default
    shown = default.__name__ if inspect.isclass(default) else repr(default)
    return f"{text}={shown}"


def _methods(cupy: Any) -> Record:
    """The attributes of an array; a method's greatest number of arguments and its keywords."""
    kind = cupy.ndarray
    found: Record = {}
    for name in sorted(dir(kind)):
        value = getattr(kind, name)
        if name.startswith("_") and name not in dir(object) and callable(value):
            if name.startswith("__"):
                found[name] = "special"
        elif not name.startswith("_"):
            found[name] = _arguments(cupy, name) if callable(value) else "attribute"
    return found


def _arguments(cupy: Any, name: str) -> Any:
    """Ask a method; on memory that is not there, so that nothing can be computed."""
    memory = cupy.cuda.UnownedMemory(4096, 4096, None, 0)
    method = getattr(cupy.ndarray((4, 4), "float32", cupy.cuda.MemoryPointer(memory, 0)), name)
    message = _complaint(method, *[object()] * 30)
    most = re.search(r"(?:at most|exactly|takes) (\d+|no)", message)
    count = (0 if most[1] == "no" else int(most[1])) if most else -1  # -1: any number
    count -= "31 given" in message  # counted with the array itself
    return {"positional": count, "keywords": [k for k in _KEYWORDS if _takes(method, k)]}


def _takes(method: Any, keyword: str) -> bool:
    message = _complaint(method, **{keyword: object()})
    return "unexpected keyword" not in message and "keyword arguments" not in message


def _complaint(method: Any, *args: Any, **kwargs: Any) -> str:
    try:
        method(*args, **kwargs)
    except Exception as error:
        return str(error) if isinstance(error, TypeError) else ""
    return ""


def merge(records: Iterable[Record]) -> Record:
    """What all records have: names in all; parameters and loops in all."""
    return functools.reduce(_both, records)


def _both(a: Record, b: Record) -> Record:
    return {
        "versions": a["versions"] + b["versions"],
        "modules": {
            name: {k: _common(entry, b["modules"][name][k]) for k, entry in names.items() if k in b["modules"][name]}
            for name, names in a["modules"].items()
        },
        "ndarray": {k: _common(entry, b["ndarray"][k]) for k, entry in a["ndarray"].items() if k in b["ndarray"]},
        "ufunc": sorted(set(a["ufunc"]) & set(b["ufunc"])),
    }


def _common(a: Any, b: Any) -> Any:
    """What two descriptions of one name share; the first where they are of different kinds."""
    if isinstance(a, list) and isinstance(b, list):
        names = {_name(p) for p in b}
        return [p for p in a if _name(p) in names]
    if isinstance(a, dict) and isinstance(b, dict):
        if "types" in a and "types" in b:
            return {**a, "types": _common_loops(a["types"], b["types"])}
        if "keywords" in a and "keywords" in b:
            shared = [k for k in a["keywords"] if k in b["keywords"]]
            return {"positional": min(a["positional"], b["positional"]), "keywords": shared}
    return a


def _common_loops(a: list[str], b: list[str]) -> list[str]:
    """The loops of both, and bfloat16's, which only the newer release has, in the newer one's order."""
    newer, older = (a, b) if any("E" in loop for loop in a) else (b, a)
    return [loop for loop in newer if loop in older or "E" in loop]


def _name(parameter: str) -> str:
    return parameter.partition("=")[0]


@functools.cache
def load() -> Record:
    """The committed record."""
    found: Record = json.loads(PATH.read_text())
    return found


def main(arguments: list[str]) -> None:
    """Write one record, or merge several into `surface.json`."""
    if arguments and arguments[0] == "--merge":
        merged = merge(json.loads(Path(name).read_text()) for name in arguments[1:])
        PATH.write_text(dumps(merged))
    else:
        Path(arguments[0]).write_text(dumps(record()))


def dumps(found: Record) -> str:
    """A record as text: a line for each name."""
    sections = []
    for key, value in found.items():
        if key == "modules":
            modules = [f'  "{name}": {_lines(names, "   ")}' for name, names in value.items()]
            sections.append('"modules": {\n' + ",\n".join(modules) + "\n }")
        elif isinstance(value, dict):
            sections.append(f'"{key}": {_lines(value, "  ")}')
        else:
            sections.append(f'"{key}": {json.dumps(value)}')
    return "{\n " + ",\n ".join(sections) + "\n}\n"


def _lines(names: Record, indent: str) -> str:
    rows = [f"{indent}{json.dumps(name)}: {json.dumps(entry)}" for name, entry in names.items()]
    return "{\n" + ",\n".join(rows) + "\n" + indent[:-1] + "}"


if __name__ == "__main__":
    main(sys.argv[1:])
