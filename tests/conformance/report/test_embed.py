"""Tables inside a page: what goes in comes out."""

import base64
import gzip
import json
from typing import Any

import numpy
import pandas
import pytest

from conformance.report.embed import COUNT, EXACT, NUMBER, WORD, Column, Table, tables

TYPES = {"Uint8Array": "<u1", "Uint16Array": "<u2", "Uint32Array": "<u4", "Float32Array": "<f4", "Float64Array": "<f8"}


def unpacked(text: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(text)))


def values(column: dict[str, Any]) -> list[Any]:
    numbers = numpy.frombuffer(base64.b64decode(column["rows"]["bytes"]), TYPES[column["rows"]["type"]])
    return [column["words"][code] for code in numbers] if "words" in column else numbers.tolist()


@pytest.mark.parametrize(
    ("kind", "given", "packed_as"),
    [
        (WORD, ["a", "</script>", "a"], "Uint8Array"),
        (WORD, [str(i) for i in range(300)], "Uint16Array"),
        (WORD, [str(i) for i in range(70_000)], "Uint32Array"),
        (COUNT, [1, 2, 3], "Float32Array"),
        (NUMBER, [1.5, 1e300], "Float64Array"),
        (EXACT, [0.1, numpy.inf], "Float64Array"),
    ],
)
def test_columns(kind: str, given: list[Any], packed_as: str) -> None:
    frame = pandas.DataFrame({"x": given})
    (found,) = unpacked(tables([Table("t", (Column("x", kind),), frame)]))
    assert found["length"] == len(given)
    assert values(found["columns"][0]) == given
    assert found["columns"][0]["rows"]["type"] == packed_as


def test_categories_and_numbers_that_are_missing() -> None:
    frame = pandas.DataFrame({"word": pandas.Categorical(["b", "a", "b"]), "number": [1.0, numpy.nan, 2.0]})
    (found,) = unpacked(tables([Table("t", (Column("word"), Column("number", NUMBER)), frame)]))
    assert values(found["columns"][0]) == ["b", "a", "b"]
    numpy.testing.assert_array_equal(values(found["columns"][1]), [1.0, numpy.nan, 2.0])
