"""Scales on disk: the same numbers come back, under a key of everything that they depend on."""

from pathlib import Path
from typing import Any

import numpy
import pytest

from conformance import scale_cache
from conformance.cases import args, normal, ops, positive
from conformance.oracle import Truth
from conformance.scale import Scale

SCALES = {
    ("output", "out"): Scale(
        numpy.float32([1e-7, 0]), numpy.float32([2e-7, 0]), numpy.float64([1e-60, 1]), {1: numpy.arange(3.0)}, 1e-8
    ),
    ("gradient", "0[1]"): Scale(numpy.zeros((2, 0)), numpy.zeros((2, 0)), numpy.zeros((2, 0))),
}


def never() -> Any:
    raise AssertionError("computed again")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONFORM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_was_computed_comes_back() -> None:
    scale_cache.cached(lambda: [b"key"], lambda: SCALES)
    found = scale_cache.cached(lambda: [b"key"], never)
    assert found.keys() == SCALES.keys()
    for key, scale in SCALES.items():
        for part in ("error", "conditioning", "arithmetic"):
            a, b = getattr(scale, part), getattr(found[key], part)
            assert a.dtype == b.dtype and a.shape == b.shape and (a == b).all()
        assert found[key].slope == scale.slope
        assert {k: v.tolist() for k, v in found[key].jumps.items()} == {k: v.tolist() for k, v in scale.jumps.items()}
    with pytest.raises(AssertionError, match="computed again"):
        scale_cache.cached(lambda: [b"another key"], never)


def test_a_broken_file_is_made_anew(folder: Path) -> None:
    scale_cache.cached(lambda: [b"key"], lambda: SCALES)
    (path,) = folder.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:100])
    assert scale_cache.cached(lambda: [b"key"], lambda: SCALES) is SCALES
    assert scale_cache.cached(lambda: [b"key"], never).keys() == SCALES.keys()


def test_it_can_be_turned_off(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("CONFORM_CACHE", "")
    assert scale_cache.cached(lambda: [b"key"], lambda: SCALES) is SCALES
    assert not folder.exists()


def test_cases_share_files_only_when_nothing_differs(folder: Path) -> None:
    def files(name: str, arguments: Any, dtype: str = "float32") -> int:
        (case,) = ops(name, [arguments], dtypes=[dtype])
        truth = Truth(case, case.sample())
        first = truth.scale(("output", "out"))
        again = Truth(case, case.sample()).scale(("output", "out"))
        assert (numpy.asarray(first.error) == numpy.asarray(again.error)).all()
        return len(list(folder.rglob("*.npz")))

    assert files("tanh", args(normal(5))) == 1
    assert files("tanh", args(normal(5))) == 1
    assert files("tanh", args(positive(5))) == 2
    assert files("tanh", args(normal(5)), "float64") == 3
    assert files("sin", args(normal(5))) == 4
