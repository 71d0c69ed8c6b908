"""``.npz``: a zip archive of ``.npy`` arrays, which ``numpy.load`` opens too.

The document is the member ``refnet.json``; its envelope lists all arrays with their types. bfloat16, which .npy has no
name for, is stored as its bits, uint16. Members carry a fixed date, so that the same content gives the same bytes, and
zip's checksums, which reading verifies.
"""

import io
import json
import struct
import zipfile
import zlib
from typing import Any

import numpy

from refnet._dtype import bfloat16, from_numpy
from refnet._formats import Refused, parse_json

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")  # with members, and without
_DOCUMENT = "refnet.json"
_SUFFIX = ".npy"


def write(arrays: dict[str, Any], document: Any) -> bytes:
    """The archive of `arrays` and `document`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        types = {name: from_numpy(array.dtype).name for name, array in arrays.items()}
        envelope = {"document": document, "arrays": types}
        archive.writestr(zipfile.ZipInfo(_DOCUMENT), json.dumps(envelope, allow_nan=False))
        for name, array in arrays.items():
            member = io.BytesIO()
            stored = array.view(numpy.uint16) if array.dtype == bfloat16.numpy else array
            numpy.lib.format.write_array(member, stored, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(name + _SUFFIX), member.getbuffer())
    return buffer.getvalue()


def read(content: bytes) -> tuple[dict[str, Any], Any]:
    """The arrays and the document of an archive; numpy's own archives have no document."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if len(set(names)) < len(names):
                raise Refused("a member of the zip archive occurs twice")
            members = {name: archive.read(name) for name in names}
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, RuntimeError) as reason:
        raise Refused(f"damaged or truncated zip archive ({reason})") from reason
    if any(name.endswith("data.pkl") for name in members):
        raise Refused("it is a torch pickle archive, which could run any code; save it from torch as .safetensors")
    document, types = _document(members.pop(_DOCUMENT, None))
    arrays = {}
    for member, data in members.items():
        if not member.endswith(_SUFFIX):
            raise Refused(f"it is a zip archive with a member {member!r}; expected {_SUFFIX} arrays only")
        name = member.removesuffix(_SUFFIX)
        array = _array(data, name)
        if types is not None and types.get(name) == bfloat16.name and array.dtype == numpy.uint16:
            array = array.view(bfloat16.numpy)
        try:
            kind = from_numpy(array.dtype)
        except TypeError as reason:
            raise Refused(f"array {name!r}: {reason}") from None
        if types is not None and types.pop(name, None) != kind.name:
            raise Refused(f"array {name!r} is not among the recorded ones, or not of its recorded type")
        arrays[name] = array
    if types:
        raise Refused(f"the arrays {', '.join(types)} are missing")
    return arrays, document


def _document(text: bytes | None) -> tuple[Any, dict[str, str] | None]:
    """The document, and the type of every array; None and None if numpy wrote the archive."""
    if text is None:
        return None, None
    envelope = parse_json(text, _DOCUMENT)
    if not isinstance(envelope, dict) or not isinstance(envelope.get("arrays"), dict):
        raise Refused(f"{_DOCUMENT} is malformed")
    return envelope.get("document"), envelope["arrays"]


def _array(data: bytes, name: str) -> Any:
    """The array of a .npy member, writable, contiguous and in native byte order."""
    stream = io.BytesIO(data)
    try:
        array = numpy.lib.format.read_array(stream, allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError) as reason:
        raise Refused(f"array {name!r}: {reason}") from reason
    if stream.tell() != len(data):
        raise Refused(f"array {name!r} has {len(data) - stream.tell()} bytes too many")
    return numpy.array(array, array.dtype.newbyteorder("="), order="C", copy=None)
