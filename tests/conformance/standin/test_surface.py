"""The stand-in has what cupy has: the record of the real one's names and arguments, and nothing beyond it."""

import importlib.util
import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conformance import standin
from conformance.standin import surface
from conformance.standin.ndarray import ndarray

RECORD = surface.load()
ROOT = Path(__file__).resolve().parents[3]
NOT_YET = {"cstruct", "dump", "dumps", "tofile", "toDlpack"}


def test_record_names_two_releases() -> None:
    assert [version.partition(".")[0] for version in RECORD["versions"]] == ["13", "14"]
    assert surface.PATH.stat().st_size < 150_000


@pytest.mark.parametrize("name", [name for name in RECORD["ndarray"] if not name.startswith("__")])
def test_methods_take_what_cupys_take(name: str) -> None:
    recorded = RECORD["ndarray"][name]
    mine = getattr(ndarray, name, None)
    if mine is None:
        assert name in NOT_YET, f"ndarray.{name} is in cupy, but not in the stand-in"
        return
    if not isinstance(recorded, dict):
        return
    parameters = list(inspect.signature(mine).parameters.values())[1:]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        assert recorded["positional"] == -1
        parameters = [p for p in parameters if p.kind is not p.VAR_POSITIONAL]
    else:
        assert len(parameters) == recorded["positional"]
    if recorded["keywords"]:
        assert {p.name for p in parameters} <= set(recorded["keywords"])


def test_no_method_beyond_cupys() -> None:
    mine = {name for name in vars(ndarray) if not name.startswith("_")}
    assert mine <= RECORD["ndarray"].keys()


@pytest.mark.parametrize("module", ["cupy", "cupy.linalg", "cupyx.scipy.special"])
def test_ufuncs_are_cupys(module: str) -> None:
    """Loops and numbers of arguments, wherever numpy or scipy has a function of the name."""
    with standin.installed():
        found = sys.modules[module]
        for name, entry in RECORD["modules"][module].items():
            if isinstance(entry, dict):
                try:
                    function: Any = getattr(found, name)
                except standin.StandInError:
                    continue
                assert (function.nin, function.nout, function.types) == (entry["nin"], entry["nout"], entry["types"]), (
                    name
                )


def test_what_cupy_lacks_is_missing() -> None:
    with standin.installed() as cupy, pytest.raises(AttributeError, match="errstate.*in both of cupy 13"):
        cupy.errstate()


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "message"),
    [
        ("sum", ([1.0],), {"where": True}, "unexpected keyword argument 'where'"),
        ("sum", ([1.0], None, None, None, False, 0), {}, "takes 5 positional arguments but 6 were given"),
        ("sum", ([1.0],), {"a": [1.0]}, "multiple values for argument 'a'"),
        ("take_along_axis", ([1.0],), {}, "missing 2 required"),
        ("sort", ([1.0],), {"stable": True}, "unexpected keyword argument 'stable'"),
    ],
)
def test_calls_that_cupy_refuses(name: str, args: Any, kwargs: Any, message: str) -> None:
    with standin.installed() as cupy, pytest.raises(TypeError, match=message):
        getattr(cupy, name)(*args, **kwargs)


@pytest.mark.skipif(importlib.util.find_spec("cupy") is None, reason="cupy is not installed")
def test_record_is_of_the_installed_cupy(tmp_path: Path) -> None:
    """What the record allows, the cupy that is installed has."""
    path = tmp_path / "surface.json"
    subprocess.run([sys.executable, str(surface.PATH.with_name("surface.py")), str(path)], check=True, cwd=ROOT)
    real = json.loads(path.read_text())
    for module, names in RECORD["modules"].items():
        assert names.keys() <= real["modules"][module].keys()
    assert RECORD["ndarray"].keys() <= real["ndarray"].keys()
