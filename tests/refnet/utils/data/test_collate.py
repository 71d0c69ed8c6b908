"""default_collate and default_convert, each scenario in torch and in refnet."""

import collections
import re
import types
from typing import Any

import numpy as np
import pytest

Point = collections.namedtuple("Point", "x y")

COLLATE: dict[str, Any] = {
    "ints": lambda t: [1, 2, 3],
    "floats": lambda t: [1.0, float("nan")][:1],
    "bools": lambda t: [True, False],
    "int then float": lambda t: [1, 2.5],
    "float then int": lambda t: [2.5, 1],
    "text": lambda t: ["a", "bc"],
    "bytes": lambda t: [b"a", b""],
    "tensors": lambda t: [t.ones(2, 3), t.zeros(2, 3)],
    "0-d tensors": lambda t: [t.tensor(1), t.tensor(2)],
    "arrays": lambda t: [np.ones((2, 1), np.float32), np.zeros((2, 1), np.float32)],
    "0-d arrays": lambda t: [np.array(1.5), np.array(2.5)],
    "int arrays": lambda t: [np.array([1, 2], np.int16)],
    "numpy float32": lambda t: [np.float32(1.5), np.float32(2)],
    "numpy float64": lambda t: [np.float64(1.5), np.float64(2)],
    "numpy float16": lambda t: [np.float16(1.5)],
    "numpy int32": lambda t: [np.int32(1), np.int32(2)],
    "numpy uint8": lambda t: [np.uint8(200)],
    "numpy bool": lambda t: [np.bool_(True), np.bool_(False)],
    "tuples": lambda t: [(1, "a", t.ones(1)), (2, "b", t.zeros(1))],
    "lists": lambda t: [[1, 2.0], [3, 4.0]],
    "dicts": lambda t: [{"a": 1, "b": [t.ones(1)]}, {"a": 2, "b": [t.ones(1)], "c": 3}],
    "ordered": lambda t: [collections.OrderedDict(b=1, a=2)],
    "defaultdict": lambda t: [collections.defaultdict(list, a=1)],
    "proxy": lambda t: [types.MappingProxyType({"a": 1}), {"a": 2}],
    "counter": lambda t: [collections.Counter("aab")],
    "named tuples": lambda t: [Point(1, 2.0), Point(3, 4.0)],
    "ranges": lambda t: [range(2), range(2, 4)],
    "deques": lambda t: [collections.deque([1, 2]), collections.deque([3, 4])],
    "nested": lambda t: [{"a": (Point(1, {"z": "s"}), [2])}, {"a": (Point(3, {"z": "t"}), [4])}],
    "empty lists": lambda t: [[], []],
}
CONVERT: dict[str, Any] = {
    "int": lambda t: 3,
    "text": lambda t: "abc",
    "none": lambda t: None,
    "tensor": lambda t: t.ones(2),
    "array": lambda t: np.arange(3, dtype=np.int32),
    "text array": lambda t: np.array(["a", "b"]),
    "object array": lambda t: np.array([None, 1], object),
    "numpy float32": lambda t: np.float32(1.5),
    "numpy float64": lambda t: np.float64(1.5),
    "numpy bool": lambda t: np.bool_(True),
    "numpy text": lambda t: np.str_("a"),
    "tuple": lambda t: (np.ones(1), 2),
    "list": lambda t: [np.ones(1), [np.zeros(2)]],
    "dict": lambda t: {"a": np.ones(1), 1: "x"},
    "proxy": lambda t: types.MappingProxyType({"a": np.ones(1)}),
    "named tuple": lambda t: Point(np.ones(1), 0),
    "range": lambda t: range(3),
    "deque": lambda t: collections.deque([np.ones(1)]),
}


@pytest.mark.parametrize("name", COLLATE)
def test_collate(name: str, same: Any) -> None:
    same(lambda t: t.utils.data.default_collate(COLLATE[name](t)))


@pytest.mark.parametrize("name", CONVERT)
def test_convert(name: str, same: Any) -> None:
    same(lambda t: t.utils.data.default_convert(CONVERT[name](t)))


def test_inputs_are_unchanged(same: Any) -> None:
    def scenario(t: Any) -> Any:
        batch = [{"a": [1]}, {"a": [2]}]
        t.utils.data.default_collate(batch)
        converted = [np.ones(1)]
        t.utils.data.default_convert(converted)
        return batch, converted

    same(scenario)


ERRORS: dict[str, tuple[Any, str]] = {
    "object": (lambda t: [object()], "batch must contain tensors.*<class 'object'>"),
    "none": (lambda t: [None], "<class 'NoneType'>"),
    "text array": (lambda t: [np.array(["a"])], "found <U1"),
    "object array": (lambda t: [np.array([None])], "found object"),
    "list sizes": (lambda t: [[1], [1, 2]], r"equal size, got sizes \[1, 2\]"),
    "tensor sizes": (lambda t: [t.ones(2), t.ones(3)], "equal size"),
    "missing key": (lambda t: [{"a": 1}, {"b": 1}], "a"),
    "empty": (lambda t: [], ""),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str, same_error: Any) -> None:
    make, message = ERRORS[name]
    assert re.search(message, same_error(lambda t: t.utils.data.default_collate(make(t))))


def test_collate_by_type(same: Any) -> None:
    """The map of functions, as torch documents it for `collate`."""

    def scenario(t: Any) -> Any:
        collate = t.utils.data._utils.collate.collate if t.__name__ == "torch" else t.utils.data.collate.collate
        functions = {int: lambda batch, *, collate_fn_map: sum(batch), (str, bytes): lambda b, *, collate_fn_map: b[0]}
        return collate([(1, "a", True), (2, "b", True)], collate_fn_map=functions)

    same(scenario)
