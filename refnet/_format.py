"""How a tensor prints: ``tensor([1.0000, 2.5000], dtype=refnet.float64, grad_fn=<MulBackward0>)``, as torch prints.

All numbers of a tensor are written in one way, in columns of one width: as integers with a point where all are whole,
else with `precision` digits, in scientific notation where the nonzero finite ones span more than three orders of
magnitude, exceed 1e8 or fall below 1e-4. More than `threshold` elements are summarised to `edgeitems` at each end.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy

from refnet import _dtype
from refnet._check import check
from refnet._device import to_numpy

Array = Any


@dataclass(frozen=True)
class PrintOptions:
    """What `set_printoptions` sets."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None  # None: decide by the numbers


_PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}
_options = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Change how tensors print: digits after the point, how many elements before summarising, how many at each end of
    a summary, characters per line. `profile` ("default", "short", "full") is applied first. sci_mode True or False
    forces scientific notation on or off, None lets the numbers decide.

    >>> import refnet
    >>> refnet.set_printoptions(precision=2)
    >>> refnet.tensor(3.14159)
    tensor(3.14)
    >>> refnet.set_printoptions(profile="default")
    """
    global _options
    check(
        profile is None or profile in _PROFILES,
        lambda: f"set_printoptions(): profile must be one of {', '.join(_PROFILES)}, got {profile!r}",
        ValueError,
    )
    base = _options if profile is None else _PROFILES[profile]
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    _options = replace(base, sci_mode=sci_mode, **changes)


def get_printoptions() -> dict[str, Any]:
    """The options in force, by name."""
    return asdict(_options)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """`set_printoptions` for the length of a ``with`` block."""
    global _options
    before = _options
    set_printoptions(**options)
    try:
        yield
    finally:
        _options = before


def format_tensor(tensor: Any) -> str:
    """The text of ``repr(tensor)``."""
    prefix = "tensor("
    prefix = "tensor("
    array = to_numpy(tensor._array)
    body = _body(array, len(prefix)) if array.size else "[]"
    return _with_notes(prefix + body, _notes(tensor), len(prefix))


def _notes(tensor: Any) -> list[str]:
    """What follows the numbers: device, size, dtype, history, each only where it does not go without saying."""
    notes = []
    if tensor.device.type != "cpu":
        index = tensor.device.index or 0
        notes.append(f"device='{tensor.device.type}:{index}'")
    default = _dtype.get_default_dtype()
    if tensor.numel() == 0:
        if tensor.ndim != 1:
            notes.append(f"size={tuple(tensor.shape)}")
        obvious: tuple[Any, ...] = (default,)  # no number shows that they would be integers
    else:
        obvious = (default, _dtype.int64, _dtype.bool_)
    if tensor.dtype not in obvious:
        notes.append(f"dtype={tensor.dtype!r}")
    if tensor.grad_fn is not None:
        notes.append(f"grad_fn=<{tensor.grad_fn.name()}>")
    elif tensor.requires_grad:
        notes.append("requires_grad=True")
    return notes


def _with_notes(text: str, notes: list[str], indent: int) -> str:
    """Append the notes, each on the last line if it fits there."""
    column = len(text) - text.rfind("\n") + 1
    for note in notes:
        if column + len(note) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + note
            column = indent + len(note)
        else:
            text += ", " + note
            column += len(note) + 2
    return text + ")"


def _body(array: Array, indent: int) -> str:
    if array.dtype in _dtype.HALF:
        array = array.astype(numpy.float32)
    summarised = array.size > _options.threshold
    write, width = _writer(_ends(array) if summarised else array)
    return _nested(array, indent, summarised, write, width)


def _ends(array: Array) -> Array:
    """The elements that a summary shows: the first and last few along every dimension."""
    k = _options.edgeitems
    for d, n in enumerate(array.shape):
        if n > 2 * k:
            array = numpy.take(array, [*range(k), *range(n - k, n)], axis=d)
    return array


def _writer(array: Array) -> tuple[Callable[[Any], str], int]:
    """How to write every number of the array, and the width of the column."""
    values = array.reshape(-1).tolist()
    if array.dtype.kind != "f":
        width = max(len(str(value)) for value in values)
        return (lambda value: str(value).rjust(width)), width
    counted = [value for value in values if math.isfinite(value) and value != 0]
    whole = all(value == math.ceil(value) for value in counted)
    scientific = bool(counted) and _is_scientific(counted)
    digits = _options.precision

    def text(value: float) -> str:
        if scientific:
            return f"{value:.{digits}e}"
        if whole:
            return f"{value:.0f}" + ("." if math.isfinite(value) else "")
        return f"{value:.{digits}f}"

    width = max((len(text(value)) for value in counted), default=1)
    return (lambda value: text(value).rjust(width)), width


def _is_scientific(counted: list[float]) -> bool:
    if _options.sci_mode is not None:
        return _options.sci_mode
    smallest, largest = min(map(abs, counted)), max(map(abs, counted))
    return largest / smallest > 1000 or largest > 1e8 or smallest < 1e-4


def _nested(array: Array, indent: int, summarised: bool, write: Callable[[Any], str], width: int) -> str:
    if array.ndim == 0:
        return write(array.item())
    k = _options.edgeitems
    cut = summarised and len(array) > 2 * k
    if array.ndim == 1:
        shown = array.tolist()
        if cut:
            texts = [*map(write, shown[:k]), " ...", *map(write, shown[-k:])]
        else:
            texts = [write(value) for value in shown]
        per_line = max(1, (_options.linewidth - indent) // (width + 2))
        lines = [", ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    rows = [*array[:k], None, *array[-k:]] if cut else list(array)
    texts = ["..." if row is None else _nested(row, indent + 1, summarised, write, width) for row in rows]
    return "[" + ("," + "\n" * int(array.ndim - 1) + " " * (indent + 1)).join(texts) + "]"
