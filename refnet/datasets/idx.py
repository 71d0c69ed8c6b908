"""The IDX format: n-dimensional arrays as MNIST and its successors store them.

    byte   0-1      zero
    byte   2        element type: 08 uint8, 09 int8, 0B int16, 0C int32, 0D float32, 0E float64
    byte   3        n, the number of dimensions
    next   4 n      the sizes, each an unsigned 32-bit integer
    rest            the elements in row-major order

Everything is big-endian. Files are often gzip-compressed; that is seen from their content, not from their name.
"""

import gzip
import io
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy

from refnet._check import check

GZIP_MAGIC = b"\x1f\x8b"
_TYPE_OF_CODE = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_CODE_OF_TYPE = {numpy.dtype(name).newbyteorder("="): code for code, name in _TYPE_OF_CODE.items()}


def read_idx(path: str | os.PathLike[str]) -> Any:
    """The array stored in an IDX file, plain or gzip-compressed, in native byte order.

    Raises FileNotFoundError for a missing file, and RuntimeError that names the file, what was found and what was
    expected for one that is truncated, too long, or not IDX.
    """
    return parse_idx(read_bytes(path), str(path))


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The content of a file, decompressed if it is gzip; RuntimeError if the compressed stream is damaged."""
    content = Path(path).read_bytes()
    if not content.startswith(GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as reason:
        raise RuntimeError(
            f"{path}: damaged gzip file of {len(content)} bytes; expected a complete gzip stream ({reason})"
        ) from reason


def parse_idx(content: bytes, name: str = "<bytes>") -> Any:
    """The array that uncompressed IDX `content` describes; `name` is what errors call it.

    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]))
    array([7, 8, 9], dtype=uint8)
    >>> parse_idx(b"GIF89a", "cat.gif")
    Traceback (most recent call last):
    RuntimeError: cat.gif: not an IDX file: it starts with 47494638, expected 0000 and an element type of 08 to 0e
    """
    check(len(content) >= 4, lambda: f"{name}: truncated IDX header: got {len(content)} bytes, expected at least 4")
    code, ndim = content[2], content[3]
    check(
        content[:2] == b"\0\0" and code in _TYPE_OF_CODE,
        lambda: (
            f"{name}: not an IDX file: it starts with {content[:4].hex()}, "
            "expected 0000 and an element type of 08 to 0e"
        ),
    )
    start = 4 + 4 * ndim
    check(
        len(content) >= start,
        lambda: f"{name}: truncated IDX header: got {len(content)} bytes, expected {start} for {ndim} dimensions",
    )
    shape = struct.unpack(f">{ndim}I", content[4:start])
    kind = numpy.dtype(_TYPE_OF_CODE[code])
    expected = start + math.prod(shape) * kind.itemsize
    check(
        len(content) == expected,
        lambda: (
            f"{name}: {'truncated' if len(content) < expected else 'overlong'} IDX file: got {len(content)} "
            f"bytes, expected {expected} for {kind.newbyteorder('=')} of shape {list(shape)}"
        ),
    )
    return numpy.frombuffer(content, kind, offset=start).reshape(shape).astype(kind.newbyteorder("="))


def format_idx(array: Any) -> bytes:
    """The uncompressed IDX form of an array.

    Raises TypeError for an element type that IDX does not have, ValueError for more than 255 dimensions or a size
    beyond 32 bits.

    >>> format_idx(numpy.array([7, 8, 9], numpy.uint8)).hex()
    '0000080100000003070809'
    """
    array = numpy.asarray(array)
    code = _CODE_OF_TYPE.get(array.dtype.newbyteorder("="))
    check(
        code is not None,
        lambda: f"format_idx(): IDX stores {', '.join(map(str, _CODE_OF_TYPE))}; got {array.dtype}",
        TypeError,
    )
    check(
        array.ndim < 256 and all(size < 2**32 for size in array.shape),
        lambda: f"format_idx(): IDX holds at most 255 sizes below 2**32, got shape {list(array.shape)}",
        ValueError,
    )
    header = bytes([0, 0, code or 0, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    data: bytes = array.astype(array.dtype.newbyteorder(">")).tobytes()
    return header + data


def write_idx(array: Any, path: str | os.PathLike[str]) -> None:
    """Store an array as IDX, gzip-compressed if `path` ends in ``.gz``.

    The compressed form carries neither a time nor a file name, so that the same array gives the same bytes.
    """
    content = format_idx(array)
    if str(path).endswith(".gz"):
        buffer = io.BytesIO()
        with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as stream:
            stream.write(content)
        content = buffer.getvalue()
    Path(path).write_bytes(content)
