"""The IDX format: every element type round-trips, and damaged files are named with what was wrong."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from refnet.datasets.idx import format_idx, parse_idx, read_idx, write_idx

TYPES = {0x08: np.uint8, 0x09: np.int8, 0x0B: np.int16, 0x0C: np.int32, 0x0D: np.float32, 0x0E: np.float64}


@pytest.mark.parametrize("code", TYPES)
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3), (2, 0, 4), (2, 3, 4, 5)])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_round_trip(tmp_path: Path, code: int, shape: tuple[int, ...], suffix: str) -> None:
    array = np.random.default_rng(0).uniform(-100, 100, shape).astype(TYPES[code])
    path = tmp_path / ("array" + suffix)
    write_idx(array, path)
    back = read_idx(path)
    assert back.dtype == array.dtype and back.dtype.isnative and back.flags.writeable
    np.testing.assert_array_equal(back, array)
    header = read_bytes(path)[: 4 + 4 * len(shape)]
    assert header == bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


def read_bytes(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content


def test_big_endian_input_and_strides() -> None:
    array = np.arange(6, dtype=">i4").reshape(2, 3).T
    np.testing.assert_array_equal(parse_idx(format_idx(array)), array)


def test_compressed_bytes_depend_on_the_array_only(tmp_path: Path) -> None:
    first, second = tmp_path / "a.gz", tmp_path / "other.gz"
    for path in (first, second):
        write_idx(np.arange(100, dtype=np.uint8), path)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[3] == 0 and first.read_bytes()[4:8] == bytes(4)  # no name, no time


GOOD = format_idx(np.arange(12, dtype=np.int16).reshape(3, 4))
DAMAGED = [
    (b"", "truncated IDX header: got 0 bytes, expected at least 4"),
    (GOOD[:7], "truncated IDX header: got 7 bytes, expected 12 for 2 dimensions"),
    (GOOD[:-1], r"truncated IDX file: got 35 bytes, expected 36 for int16 of shape \[3, 4\]"),
    (GOOD + b"\0", r"overlong IDX file: got 37 bytes, expected 36 for int16 of shape \[3, 4\]"),
    (b"\1" + GOOD[1:], "not an IDX file: it starts with 01000b02"),
    (b"\0\0\x0a" + GOOD[3:], "not an IDX file: it starts with 00000a02"),
    (b"<!DOCTYPE html>", "not an IDX file"),
    (gzip.compress(GOOD, mtime=0)[:-9], "damaged gzip file"),
    (b"\x1f\x8b" + GOOD, "damaged gzip file"),
    (gzip.compress(GOOD, mtime=0)[:-8] + bytes(8), "damaged gzip file"),
]


@pytest.mark.parametrize(("content", "message"), DAMAGED)
def test_damage_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "broken-file"
    path.write_bytes(content)
    with pytest.raises(RuntimeError, match=message) as caught:
        read_idx(path)
    assert "broken-file" in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_idx(tmp_path / "nowhere")


@pytest.mark.parametrize("kind", [np.int64, np.float16, np.bool_, np.complex64])
def test_unknown_element_types_are_refused(kind: type) -> None:
    with pytest.raises(TypeError, match=f"got {np.dtype(kind)}"):
        format_idx(np.zeros(2, kind))
