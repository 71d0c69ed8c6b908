"""Datasets and random_split, each scenario in torch and in refnet."""

from typing import Any

import pytest


def _iterable(t: Any, *values: int) -> Any:
    class Stream(t.utils.data.IterableDataset):  # type: ignore[misc]
        def __iter__(self) -> Any:
            return iter(values)

        def __len__(self) -> int:
            return len(values)

    return Stream()


def _pairs(t: Any) -> Any:
    return t.utils.data.TensorDataset(t.arange(12).reshape(6, 2), t.arange(6.0))


def _batched(t: Any, values: list[int], wrong: bool = False) -> Any:
    class Batched(t.utils.data.Dataset):  # type: ignore[misc]
        def __getitem__(self, index: int) -> int:
            return values[index]

        def __getitems__(self, indices: list[int]) -> list[int]:
            return [values[i] * 100 for i in indices][: 1 if wrong else None]

        def __len__(self) -> int:
            return len(values)

    return Batched()


SCENARIOS = {
    "tensors": lambda t: [len(_pairs(t)), _pairs(t)[4], _pairs(t)[-1], _pairs(t)[1:3], _pairs(t)[[0, 5]]],
    "no tensors": lambda t: t.utils.data.TensorDataset().tensors,
    "concat": lambda t: (
        [(d := t.utils.data.ConcatDataset([[1, 2], [], [3]]))[i] for i in (0, 1, 2, -1, -3)]
        + [len(d), d.cumulative_sizes]
    ),
    "sum": lambda t: [(d := _pairs(t) + _pairs(t))[7], len(d), type(d).__name__],
    "sum of streams": lambda t: [list(d := _iterable(t, 1, 2) + _iterable(t, 3)), len(d), type(d).__name__],
    "chain": lambda t: list(t.utils.data.ChainDataset([_iterable(t, 1), _iterable(t), _iterable(t, 2, 3)])),
    "stack tuple": lambda t: [(d := t.utils.data.StackDataset([1, 2], "ab"))[1], len(d), d.__getitems__([1, 0])],
    "stack dict": lambda t: [(d := t.utils.data.StackDataset(x=[1, 2], y="ab"))[0], len(d), d.__getitems__([1, 0])],
    "stack batched": lambda t: t.utils.data.StackDataset(x=_batched(t, [1, 2]), y="ab").__getitems__([1, 0]),
    "subset": lambda t: [
        (s := t.utils.data.Subset(_pairs(t), [5, 0, 2]))[0],
        s[[0, 2]],
        len(s),
        s.__getitems__([2, 1]),
    ],
    "subset batched": lambda t: t.utils.data.Subset(_batched(t, [7, 8, 9]), [2, 0]).__getitems__([0, 1]),
    "nested subset": lambda t: t.utils.data.Subset(t.utils.data.Subset("abcdef", [5, 3, 1]), [2, 0]).__getitems__(
        [0, 1]
    ),
    "generic": lambda t: t.utils.data.Dataset[int] is not None,
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_same_as_torch(name: str, same: Any) -> None:
    same(SCENARIOS[name])


ERRORS = {
    "getitem": (lambda t: t.utils.data.Dataset()[0], "__getitem__"),
    "sizes": (lambda t: t.utils.data.TensorDataset(t.ones(2), t.ones(3)), r"Size mismatch between tensors.*\[2, 3\]"),
    "index": (lambda t: _pairs(t)[6], "6"),
    "concat nothing": (lambda t: t.utils.data.ConcatDataset([]), "should not be an empty iterable"),
    "concat stream": (lambda t: t.utils.data.ConcatDataset([_iterable(t)]), "does not support IterableDataset"),
    "concat low": (lambda t: t.utils.data.ConcatDataset([[1]])[-2], "absolute value of index"),
    "concat high": (lambda t: t.utils.data.ConcatDataset([[1]])[1], ""),
    "chain list": (lambda t: list(t.utils.data.ChainDataset([[1]])), "only supports IterableDataset, got list"),
    "chain length": (lambda t: len(t.utils.data.ChainDataset([[1]])), "only supports IterableDataset"),
    "stack nothing": (lambda t: t.utils.data.StackDataset(), "At least one dataset"),
    "stack both": (lambda t: t.utils.data.StackDataset([1], a=[1]), "positional and keyword"),
    "stack sizes": (lambda t: t.utils.data.StackDataset([1], [1, 2]), r"lengths are \[1, 2\]"),
    "stack sizes by name": (lambda t: t.utils.data.StackDataset(a=[1], b=[]), r"lengths are \[1, 0\]"),
    "stack short": (
        lambda t: t.utils.data.StackDataset(_batched(t, [1, 2], wrong=True)).__getitems__([0, 1]),
        "Expected 2, got 1",
    ),
    "stack short by name": (
        lambda t: t.utils.data.StackDataset(a=_batched(t, [1, 2], wrong=True)).__getitems__([0, 1]),
        "Expected 2, got 1",
    ),
    "subset override": (
        lambda t: type("Half", (t.utils.data.Subset,), {"__getitem__": lambda self, i: i})([1], [0]),
        "Half overrides __getitem__ but not __getitems__",
    ),
    "split sum": (lambda t: t.utils.data.random_split(range(5), [2, 2]), "Sum of input lengths.*Got 4 for 5"),
    "split fraction": (lambda t: t.utils.data.random_split(range(5), [1.5, -0.5]), "Fraction at index 0"),
    "length": (lambda t: len(t.utils.data.Dataset()), "has no len"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str, same_error: Any) -> None:
    import re

    scenario, message = ERRORS[name]
    assert re.search(message, same_error(scenario))


SPLITS: list[Any] = [
    [3, 7],
    [10],
    [0, 10],
    [0.3, 0.3, 0.4],
    [0.25, 0.75],
    [0.34, 0.33, 0.33],
    [0.05, 0.95],
    [1.0, 0.0],
]


@pytest.mark.parametrize("lengths", SPLITS, ids=str)
@pytest.mark.parametrize("own", [True, False])
def test_random_split(lengths: Any, own: bool, same: Any) -> None:
    def scenario(t: Any) -> Any:
        options = {"generator": t.Generator().manual_seed(42)} if own else {}
        return [list(part.indices) for part in t.utils.data.random_split(range(10), lengths, **options)]

    same(scenario)
