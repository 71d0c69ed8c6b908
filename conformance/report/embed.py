"""Tables and programs as text inside a page: columns as arrays of numbers, everything compressed.

A page with 20,000 comparisons of 20 columns would be tens of megabytes as HTML. Here a table is a list of columns, a
column of words is its different words and a small integer for each row, a column of numbers is the numbers themselves;
`templates/report.js` unpacks them and makes HTML of the rows that are looked at.
"""

import base64
import gzip
import json
from dataclasses import dataclass, field
from typing import Any

import numpy

from conformance.draw import Array

LEVEL = 5  # of compression: beyond it the page shrinks by a few percent and takes several times as long

WORD, CODE, STATUS = "word", "code", "status"  # columns of words
NUMBER, COUNT, EXACT = "number", "count", "exact"  # columns of numbers: to three digits, whole, to the last digit
CHOICE, LEAST = "choice", "least"  # filters: one of the words, at least a number


@dataclass(frozen=True)
class Column:
    """How a column of a DataFrame is shown. One without a title is only seen where a row is opened."""

    name: str
    kind: str = WORD
    title: str = ""
    filter: str = ""
    narrow: bool = False  # whether a phone has room for it

    def packed(self, values: Any) -> dict[str, Any]:
        """For the page: what it is called and what is in it."""
        found: dict[str, Any] = {"name": self.name, "kind": self.kind, "title": self.title, "filter": self.filter}
        found["narrow"] = self.narrow
        if self.kind in (WORD, CODE, STATUS):
            codes, words = _coded(values)
            return found | {"words": words, "rows": _array(codes)}
        numbers = numpy.asarray(values, dtype=numpy.float64)
        return found | {"rows": _array(numbers if self.kind == EXACT else _single(numbers))}


def _single(numbers: Array) -> Array:
    """In half the bytes, where no number is too large for that."""
    with numpy.errstate(over="ignore"):
        found = numbers.astype(numpy.float32)
    return numbers if (numpy.isinf(found) & numpy.isfinite(numbers)).any() else found


def _coded(values: Any) -> tuple[Array, list[str]]:
    import pandas

    if isinstance(values.dtype, pandas.CategoricalDtype):
        return values.cat.codes.to_numpy(), [str(word) for word in values.cat.categories]
    codes, words = pandas.factorize(values, use_na_sentinel=False)
    return codes, [str(word) for word in words]


def _array(values: Array) -> dict[str, str]:
    """Numbers as little-endian bytes, codes in as few bytes as they need."""
    if values.dtype.kind in "iu":
        largest = int(values.max(initial=0))
        values = values.astype("<u1" if largest < 2**8 else "<u2" if largest < 2**16 else "<u4")
    kinds = {"u1": "Uint8Array", "u2": "Uint16Array", "u4": "Uint32Array", "f4": "Float32Array", "f8": "Float64Array"}
    little = values.astype(values.dtype.newbyteorder("<"))
    return {"type": kinds[values.dtype.str[1:]], "bytes": base64.b64encode(little.tobytes()).decode("ascii")}


@dataclass(frozen=True)
class Table:
    """A table of the page: the element it goes to, its columns, and what makes it its own."""

    id: str
    columns: tuple[Column, ...]
    frame: Any
    order: str = ""  # the column it is sorted by at first, "-" before it for descending
    options: dict[str, Any] = field(default_factory=dict)  # see templates/report.js

    def packed(self) -> dict[str, Any]:
        """For the page."""
        return {
            "id": self.id,
            "length": len(self.frame),
            "order": self.order,
            "columns": [column.packed(self.frame[column.name]) for column in self.columns],
            **self.options,
        }


def compressed(text: str) -> str:
    """Text as base64 of its gzip: what a <script> element holds without any character that ends it."""
    return base64.b64encode(gzip.compress(text.encode("utf-8"), LEVEL, mtime=0)).decode("ascii")


def tables(parts: list[Table]) -> str:
    """All tables of a page."""
    return compressed(json.dumps([part.packed() for part in parts], separators=(",", ":")))
