"""Save and load: tensors, state dictionaries, and nested data around them, without pickle.

Two formats hold the same content and are told apart by their first bytes:

- ``.npz``: a zip archive of ``.npy`` arrays, which ``numpy.load`` opens;
- ``.safetensors``: a JSON header and raw data, which torch and others read and write.

What is not a tensor (dictionaries, lists, numbers, text) is one JSON document beside the arrays: the archive's member
``refnet.json``, or the entry ``refnet`` of the safetensors metadata. Values in it stand for themselves if JSON has
them; everything else is an object with one key that says what it is: {"tensor": name}, {"tuple": [...]}, {"dict":
[[key, value], ...]}. Reading it runs no code, so a file from anybody is safe to open.

Saving to a path is atomic: the bytes go to a temporary file in the same folder, through to the disk, and take the
name in one step. Whatever fails leaves the old file as it was. Loading checks everything before it returns.
"""

import base64
import math
import os
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy

from refnet import _dtype
from refnet._check import check
from refnet._device import device, to_numpy
from refnet._formats import Refused, npz, safetensors
from refnet._tape import TensorBase, wrap
from refnet.nn.parameter import Parameter
from refnet.tensor import Size

_VERSION = 1  # of the structure; a file with another one is refused


# --- the two functions --------------------------------------------------------------------------------------------


def save(obj: Any, f: str | os.PathLike[str] | BinaryIO, *, format: str | None = None) -> None:
    """Save `obj` to a path or a binary file object.

    `obj` is a tensor, number, string, bytes, None, dtype, device, Size, numpy array, or any nesting of dicts, lists
    and tuples of these: what `state_dict` of modules and optimizers gives. Tensors keep values, dtype, device,
    `requires_grad` and whether they are a Parameter. They are stored whole and contiguous: tensors that share memory
    come back apart, views do not carry what they look into along.

    `format` is "npz" or "safetensors"; for a path its suffix says so, a file object gets "npz" if left out.

    Raises ValueError for another suffix or format, TypeError that gives the place in `obj` of what cannot be saved,
    and OSError as writing does. A file that existed under the name is then unchanged.

    >>> import refnet, io
    >>> file = io.BytesIO()
    >>> save({"weight": refnet.ones(2), "epoch": 3}, file)
    >>> load(io.BytesIO(file.getvalue()))
    {'weight': tensor([1., 1.]), 'epoch': 3}
    """
    chosen = _format_of(f, format)
    writer = _Writer()
    document = {"version": _VERSION, "content": writer.encode(obj, ())}
    if chosen == "npz":
        content = npz.write(writer.arrays, document)
    else:  # "pt" says that names and layouts are torch's; some readers ask for it
        content = safetensors.write(writer.arrays, document, {"format": "pt"} if _is_flat(obj) else {})
    if isinstance(f, str | os.PathLike):
        _write_atomically(content, os.fspath(f))
    else:
        f.write(content)


def load(
    f: str | os.PathLike[str] | BinaryIO,
    map_location: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
) -> Any:
    """What `save` saved to a path or binary file object, which is read from its position to its end.

    A ``.npz`` that numpy wrote, or a ``.safetensors`` that torch or others wrote, gives a dict from name to tensor.

    - map_location: where tensors go: a device or its name; a dict from saved device to device; a function (tensor,
      saved device) -> tensor or None. None: the device each was saved from.
    - weights_only, mmap: accepted. Nothing but data is ever loaded, and it is always read whole.

    Raises FileNotFoundError, and RuntimeError that names the file and the reason for a file that is damaged,
    truncated, or of another kind.
    """
    check(
        map_location is None or callable(map_location) or isinstance(map_location, str | device | Mapping),
        lambda: (
            "load(): map_location should be a device, a string, a dict or a function, "
            f"got {type(map_location).__name__}"
        ),
        TypeError,
    )
    if isinstance(f, str | os.PathLike):
        name, content = os.fspath(f), Path(f).read_bytes()
    else:
        name, content = str(getattr(f, "name", "<file object>")), f.read()
        check(
            isinstance(content, bytes | bytearray),
            lambda: f"load(): expected a file object opened in binary mode, got text from {name}",
            TypeError,
        )
    try:
        return _parse(content, map_location)
    except Refused as reason:
        raise RuntimeError(f"load(): cannot read {name} ({len(content)} bytes): {reason}") from reason


def _format_of(f: Any, format: str | None) -> str:
    """The format that the argument or the suffix asks for, before anything is encoded or opened."""
    is_path = isinstance(f, str | os.PathLike)
    check(
        is_path or hasattr(f, "write"),
        lambda: f"save(): expected a path or a file object with write(), got {type(f).__name__}",
        TypeError,
    )
    known = "'npz' or 'safetensors'"
    if format is None and is_path:
        suffix = Path(os.fspath(f)).suffix
        check(
            suffix in (".npz", ".safetensors"),
            lambda: (
                f"save(): cannot tell the format of {os.fspath(f)!r} from suffix {suffix!r}; expected .npz or "
                f".safetensors, or format={known}. (torch's own .pt files are pickles, which refnet neither writes nor "
                "reads; torch reads .safetensors)"
            ),
            ValueError,
        )
        return suffix[1:]
    check(
        format in (None, "npz", "safetensors"),
        lambda: f"save(): format must be {known}, got {format!r}",
        ValueError,
    )
    return format or "npz"


def _is_flat(obj: Any) -> bool:
    """Whether this is a state dictionary: a mapping from names to tensors only."""
    return isinstance(obj, dict) and all(
        isinstance(key, str) and isinstance(value, TensorBase) for key, value in obj.items()
    )


def _write_atomically(content: bytes, path: str) -> None:
    """Replace the file at `path` in one step, or leave it as it is."""
    target = Path(os.path.realpath(path))  # through a symbolic link, as plain writing goes
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            os.chmod(temporary, target.stat().st_mode & 0o7777)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power failure, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- structure <-> JSON -------------------------------------------------------------------------------------------


class _Writer:
    """Turns an object into a JSON value, and collects its arrays under unique names."""

    def __init__(self) -> None:
        self.arrays: dict[str, Any] = {}
        self._open: set[int] = set()  # the containers around the current value

    def encode(self, value: Any, path: tuple[Any, ...]) -> Any:
        """The JSON value of what stands at `path` (the keys from the outside in)."""
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, TensorBase):
            return self._encode_tensor(value, path)
        if isinstance(value, numpy.ndarray):
            return {"array": self._add(_checked_array(value, path), path)}
        if isinstance(value, numpy.generic):
            return {"scalar": self._add(_checked_array(numpy.asarray(value), path), path)}
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else {"float": repr(float(value))}
        if isinstance(value, bytes):
            return {"bytes": base64.b64encode(value).decode("ascii")}
        if isinstance(value, _dtype.dtype):
            return {"dtype": value.name}
        if isinstance(value, device):
            return {"device": str(value)}
        if isinstance(value, dict | list | tuple):
            return self._encode_container(value, path)
        raise TypeError(
            f"save(): {_where(path)} is a {type(value).__name__}; expected tensors, numbers, strings, and dicts, "
            f"lists and tuples of them{' (for a module save its state_dict())' if hasattr(value, 'state_dict') else ''}"
        )

    def _encode_container(self, value: Any, path: tuple[Any, ...]) -> Any:
        check(id(value) not in self._open, lambda: f"save(): {_where(path)} contains itself", ValueError)
        check(
            type(value) in _CONTAINERS,
            lambda: (
                f"save(): {_where(path)} is a {type(value).__name__}, whose type would be lost; "
                "expected a plain dict, OrderedDict, list or tuple"
            ),
            TypeError,
        )
        self._open.add(id(value))
        try:
            if isinstance(value, dict):
                return self._encode_dict(value, path)
            items = [self.encode(item, (*path, i)) for i, item in enumerate(value)]
            return {_CONTAINERS[type(value)]: items}
        finally:
            self._open.discard(id(value))

    def _encode_dict(self, value: dict[Any, Any], path: tuple[Any, ...]) -> Any:
        items = []
        for key, item in value.items():
            if key is not None and not isinstance(key, str | int | float | bool | bytes | tuple):
                raise TypeError(
                    f"save(): {_where(path)} has a key of type {type(key).__name__}; "
                    "expected strings, numbers, or tuples of them"
                )
            items.append([self.encode(key, (*path, key)), self.encode(item, (*path, key))])
        encoded = {_CONTAINERS[type(value)]: items}
        metadata = getattr(value, "_metadata", None)  # the module versions that state_dict() attaches
        if metadata is not None:
            encoded["metadata"] = self.encode(metadata, (*path, "_metadata"))
        return encoded

    def _encode_tensor(self, tensor: Any, path: tuple[Any, ...]) -> Any:
        encoded: dict[str, Any] = {"tensor": self._add(to_numpy(tensor._array), path)}
        if tensor.device.type != "cpu":
            encoded["device"] = str(tensor.device)
        if isinstance(tensor, Parameter):
            encoded["parameter"] = True
        if tensor.requires_grad:
            encoded["requires_grad"] = True
        return encoded

    def _add(self, array: Any, path: tuple[Any, ...]) -> str:
        """Keep an array under its dotted path, made unique."""
        dotted = ".".join(str(key) for key in path) or "tensor"
        base = dotted.replace("\0", "~").encode("utf-8", "replace").decode()  # what every format takes as a name
        name, copies = base, 1
        while name in self.arrays:
            copies += 1
            name = f"{base}~{copies}"
        self.arrays[name] = numpy.ascontiguousarray(array).reshape(array.shape)
        return name


_CONTAINERS: dict[type, str] = {
    dict: "dict",
    OrderedDict: "ordered_dict",
    list: "list",
    tuple: "tuple",
    Size: "size",
}


def _where(path: tuple[Any, ...]) -> str:
    """The place of a value, as one would write it: obj['state'][0]."""
    return "obj" + "".join(f"[{key!r}]" for key in path)


def _checked_array(array: Any, path: tuple[Any, ...]) -> Any:
    """`array` in native byte order, if it has an element type that tensors have."""
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    try:
        _dtype.from_numpy(native.dtype)
    except TypeError as reason:
        raise TypeError(f"save(): {_where(path)}: {reason}") from None
    return native


class _Reader:
    """Turns the JSON value back into the object; refuses what does not fit."""

    def __init__(self, arrays: dict[str, Any], map_location: Any) -> None:
        self.arrays = arrays
        self.map_location = map_location

    def decode(self, value: Any) -> Any:
        """The object that a JSON value stands for."""
        if not isinstance(value, dict):
            if isinstance(value, list):
                raise Refused("its structure is malformed: a bare list")
            return value
        kind = next(iter(value), None)
        decoder = _DECODERS.get(kind or "")
        if decoder is None:
            raise Refused(f"its structure has an unknown kind {kind!r}")
        return decoder(self, value)

    def array(self, name: Any) -> Any:
        """The array called `name`."""
        if not isinstance(name, str) or name not in self.arrays:
            raise Refused(f"the array {name!r} is missing")
        return self.arrays[name]

    def tensor(self, value: dict[str, Any]) -> Any:
        """A tensor on its device, as `map_location` has it."""
        saved = str(value.get("device", "cpu"))
        tensor = _place(self.array(value["tensor"]), saved, self.map_location)
        requires_grad = bool(value.get("requires_grad", False))
        if value.get("parameter"):
            return Parameter(tensor, requires_grad)
        return tensor.requires_grad_() if requires_grad else tensor

    def items(self, value: list[Any]) -> list[Any]:
        """The items of a list, tuple or Size."""
        return [self.decode(item) for item in value]

    def mapping(self, value: dict[str, Any], kind: str) -> Any:
        """A dict or OrderedDict, with the metadata that was attached to it."""
        pairs = [(self.decode(key), self.decode(item)) for key, item in value[kind]]
        if kind == "dict":
            return dict(pairs)
        ordered = OrderedDict(pairs)
        if "metadata" in value:
            ordered._metadata = self.decode(value["metadata"])  # type: ignore[attr-defined]
        return ordered


_DECODERS: dict[str, Callable[[_Reader, dict[str, Any]], Any]] = {
    "tensor": _Reader.tensor,
    "array": lambda reader, value: reader.array(value["array"]),
    "scalar": lambda reader, value: reader.array(value["scalar"])[()],
    "float": lambda reader, value: float(value["float"]),
    "bytes": lambda reader, value: base64.b64decode(value["bytes"], validate=True),
    "dtype": lambda reader, value: _dtype.by_name(value["dtype"]),
    "device": lambda reader, value: device(value["device"]),
    "size": lambda reader, value: Size(reader.items(value["size"])),
    "list": lambda reader, value: reader.items(value["list"]),
    "tuple": lambda reader, value: tuple(reader.items(value["tuple"])),
    "dict": lambda reader, value: reader.mapping(value, "dict"),
    "ordered_dict": lambda reader, value: reader.mapping(value, "ordered_dict"),
}


def _place(array: Any, saved: str, map_location: Any) -> Any:
    """The tensor of an array, on the device that `map_location` gives for the one it was saved from."""
    tensor = wrap(array, device("cpu"))
    target = saved
    if callable(map_location):
        placed = map_location(tensor, saved)
        if placed is not None:
            return placed
    elif isinstance(map_location, Mapping):
        target = map_location.get(saved, saved)
    elif map_location is not None:
        target = map_location
    try:
        return tensor.to(device(target))
    except RuntimeError as reason:
        raise RuntimeError(
            f"load(): a tensor saved from device {saved!r} cannot go to {str(target)!r}: {str(reason).rstrip('.')}. "
            "map_location='cpu' loads everything into host memory"
        ) from reason


# --- bytes --------------------------------------------------------------------------------------------------------


def _parse(content: bytes, map_location: Any) -> Any:
    """The object in the bytes of a file; `Refused` with the reason otherwise."""
    if not content:
        raise Refused("it is empty")
    if content.startswith(npz.MAGIC):
        arrays, document = npz.read(content)
    elif safetensors.is_safetensors(content):
        arrays, document = safetensors.read(content)
    elif content.startswith(b"\x80"):
        raise Refused("it is a pickle, which could run any code; save it as .safetensors or .npz")
    else:
        raise Refused(f"it is neither .npz nor .safetensors: it starts with {content[:8]!r}")
    reader = _Reader(arrays, map_location)
    if document is None:
        return {name: _place(array, "cpu", map_location) for name, array in arrays.items()}
    if not isinstance(document, dict) or document.get("version") != _VERSION or "content" not in document:
        version = document.get("version") if isinstance(document, dict) else None
        raise Refused(f"its structure has version {version!r}, expected {_VERSION}")
    try:
        return reader.decode(document["content"])
    except (KeyError, TypeError, ValueError, RecursionError) as reason:
        raise Refused(f"its structure is malformed: {reason!r}") from reason
