"""``.safetensors``: a JSON header and raw data, as torch users exchange weights.

    8 bytes    n, the header's length, unsigned and little-endian
    n bytes    {"<name>": {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}, ..., "__metadata__": {..}}
    rest       the data, little-endian and row-major; the offsets count from here and leave no gap

The format has room for text only beside the arrays, so the document is JSON inside the metadata entry ``refnet``. It
also has no checksums. The document's envelope adds the CRC-32 of every array, with its type and shape, and the entry
``refnet.crc32`` that of the envelope; reading verifies them.
"""

import json
import math
import zlib
from typing import Any

import numpy

from refnet import _dtype
from refnet._check import check
from refnet._formats import Refused, parse_json

_CODES = {
    _dtype.float64: "F64",
    _dtype.float32: "F32",
    _dtype.float16: "F16",
    _dtype.bfloat16: "BF16",
    _dtype.int64: "I64",
    _dtype.int32: "I32",
    _dtype.int16: "I16",
    _dtype.int8: "I8",
    _dtype.uint8: "U8",
    _dtype.bool_: "BOOL",
}
_TYPES = {code: kind.numpy for kind, code in _CODES.items()}
_METADATA = "__metadata__"
_ENTRY = "refnet"
_ENTRY_CHECKSUM = "refnet.crc32"
_LONGEST_HEADER = 100_000_000  # bytes; the limit of the format's own library
_ALIGNMENT = 8


def is_safetensors(content: bytes) -> bool:
    """Whether the first bytes look like this format."""
    return len(content) > _ALIGNMENT and content[8:9] == b"{"


def write(arrays: dict[str, Any], document: Any, metadata: dict[str, str]) -> bytes:
    """The file of `arrays`, `document` and further `metadata`.

    Raises ValueError for an array called ``__metadata__``.
    """
    check(_METADATA not in arrays, lambda: f"save(): {_METADATA!r} is no name for an array here", ValueError)
    header: dict[str, Any] = {}
    checksums = {}
    blocks = []
    position = 0
    for name, array in sorted(arrays.items(), key=lambda item: -item[1].dtype.itemsize):  # keeps all aligned
        block = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        code, shape = _CODES[_dtype.from_numpy(array.dtype)], list(array.shape)
        header[name] = {"dtype": code, "shape": shape, "data_offsets": [position, position + len(block)]}
        checksums[name] = _checksum(code, shape, block)
        blocks.append(block)
        position += len(block)
    envelope = json.dumps({"document": document, "crc32": checksums}, allow_nan=False)
    own = {_ENTRY: envelope, _ENTRY_CHECKSUM: str(zlib.crc32(envelope.encode()))}
    text = json.dumps({_METADATA: {**metadata, **own}, **header}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    check(
        len(text) <= _LONGEST_HEADER,
        lambda: f"save(): a safetensors header holds {_LONGEST_HEADER} bytes, got {len(text)}; use .npz",
        ValueError,
    )
    return b"".join([len(text).to_bytes(8, "little"), text, *blocks])


def read(content: bytes) -> tuple[dict[str, Any], Any]:
    """The arrays and the document of a file; those that others wrote have no document."""
    length = int.from_bytes(content[:8], "little")
    start = 8 + length
    if length > _LONGEST_HEADER or start > len(content):
        raise Refused(f"its header should have {length} bytes, but {len(content) - 8} are left")
    header = parse_json(content[8:start], "its header")
    if not isinstance(header, dict):
        raise Refused("its header is no JSON object")
    document, checksums = _document(header.pop(_METADATA, None))
    position = 0
    arrays: dict[str, Any] = {}
    data = memoryview(content)[start:]
    for name, entry in sorted(header.items(), key=_begin):
        array = _array(name, entry, position, data)
        position += array.nbytes
        arrays[name] = array
        if checksums is not None and checksums.pop(name, None) != _checksum(
            entry["dtype"], entry["shape"], data[position - array.nbytes : position]
        ):
            raise Refused(f"array {name!r} is damaged: its CRC-32 is not the recorded one")
    if position != len(data):
        raise Refused(f"truncated or overlong: got {len(data)} bytes of data, expected {position}")
    if checksums:
        raise Refused(f"the arrays {', '.join(checksums)} are missing")
    return {name: arrays[name] for name in header}, document


def _checksum(code: str, shape: list[int], block: bytes | memoryview) -> int:
    return zlib.crc32(block, zlib.crc32(f"{code}{shape}".encode()))


def _document(metadata: Any) -> tuple[Any, dict[str, int] | None]:
    """The document and the checksums by array, from the metadata; None and None if others wrote the file."""
    if metadata is None:
        return None, None
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise Refused("its metadata is no JSON object of texts")
    if _ENTRY not in metadata and _ENTRY_CHECKSUM not in metadata:
        return None, None
    text = metadata.get(_ENTRY, "")
    if metadata.get(_ENTRY_CHECKSUM) != str(zlib.crc32(text.encode("utf-8", "surrogatepass"))):
        raise Refused(f"its metadata entry {_ENTRY!r} is damaged")
    envelope = parse_json(text, f"its metadata entry {_ENTRY!r}")
    if not isinstance(envelope, dict) or not isinstance(envelope.get("crc32"), dict):
        raise Refused(f"its metadata entry {_ENTRY!r} is malformed")
    return envelope.get("document"), envelope["crc32"]


def _begin(item: tuple[str, Any]) -> int:
    """Where an array's data begin; refuses an entry that is malformed."""
    name, entry = item
    if isinstance(entry, dict):
        offsets: Any = entry.get("data_offsets")
        if _are_sizes(offsets) and len(offsets) == 2 and _are_sizes(entry.get("shape")):
            return int(offsets[0])
    raise Refused(f"the header's entry of array {name!r} is malformed: {entry!r}")


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _array(name: str, entry: dict[str, Any], position: int, data: memoryview) -> Any:
    """A copy of one array, whose data must begin at `position`, where those before it end."""
    kind = _TYPES.get(str(entry.get("dtype")))
    if kind is None:
        raise Refused(f"array {name!r} has type {entry.get('dtype')!r}; supported are {', '.join(_TYPES)}")
    shape = entry["shape"]
    begin, end = entry["data_offsets"]
    size = math.prod(shape) * kind.itemsize
    if begin != position or end != begin + size:
        raise Refused(
            f"array {name!r} of {size} bytes should be at [{position}, {position + size}], the header has {[begin, end]}"
        )
    if end > len(data):
        raise Refused(f"truncated: array {name!r} ends at byte {end} of the data, but there are {len(data)}")
    if kind == numpy.bool_ and numpy.frombuffer(data[begin:end], numpy.uint8).max(initial=0) > 1:
        raise Refused(f"array {name!r} has a byte other than 0 and 1 as a bool")
    stored = numpy.frombuffer(data[begin:end], kind.newbyteorder("<"))
    return stored.astype(kind).reshape(shape)
