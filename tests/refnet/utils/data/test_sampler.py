"""Samplers: the same indices, and as many words drawn, as torch from the same seed."""

import re
from typing import Any

import pytest


def _own(t: Any) -> Any:
    return t.Generator().manual_seed(7)


def _twice(sampler: Any) -> Any:
    return [list(sampler), list(sampler), len(sampler)]


SCENARIOS = {
    "sequential": lambda t, d: _twice(d.SequentialSampler(range(5))),
    "random": lambda t, d: _twice(d.RandomSampler(range(100))),
    "random own generator": lambda t, d: _twice(d.RandomSampler(range(100), generator=_own(t))),
    "random of one": lambda t, d: _twice(d.RandomSampler(range(1))),
    "fewer": lambda t, d: _twice(d.RandomSampler(range(10), num_samples=3)),
    "more": lambda t, d: _twice(d.RandomSampler(range(10), num_samples=27)),
    "multiple": lambda t, d: _twice(d.RandomSampler(range(10), num_samples=20)),
    "replacement": lambda t, d: _twice(d.RandomSampler(range(10), replacement=True)),
    "replacement 32": lambda t, d: _twice(d.RandomSampler(range(10), True, 32, _own(t))),
    "replacement 100": lambda t, d: _twice(d.RandomSampler(range(7), replacement=True, num_samples=100)),
    "subset": lambda t, d: _twice(d.SubsetRandomSampler([7, 5, 3, 1])),
    "subset own": lambda t, d: _twice(d.SubsetRandomSampler("abcdefgh", generator=_own(t))),
    "weighted": lambda t, d: _twice(d.WeightedRandomSampler([0.1, 0.9, 0.4, 0.7, 3.0, 0.6], 50)),
    "weighted without": lambda t, d: _twice(
        d.WeightedRandomSampler([0.9, 0.4, 0.05, 0.2, 0.3, 0.1], 5, replacement=False)
    ),
    "weighted own": lambda t, d: _twice(d.WeightedRandomSampler(t.ones(9), 20, generator=_own(t))),
    "batches": lambda t, d: _twice(d.BatchSampler(d.SequentialSampler(range(10)), 3, False)),
    "full batches": lambda t, d: _twice(d.BatchSampler(range(10), batch_size=3, drop_last=True)),
    "exact batches": lambda t, d: _twice(d.BatchSampler(range(9), 3, True)),
    "batches of generator": lambda t, d: list(d.BatchSampler(iter(range(5)), 2, False)),
    "random batches": lambda t, d: _twice(d.BatchSampler(d.RandomSampler(range(10)), 4, False)),
    "interleaved": lambda t, d: list(zip(d.RandomSampler(range(5)), d.RandomSampler(range(5)), strict=True)),
    "attributes": lambda t, d: [
        (s := d.RandomSampler(range(4), True, 9)).replacement,
        s.num_samples,
        d.WeightedRandomSampler([1, 2], 3).weights,
    ],
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_same_as_torch(name: str, same: Any) -> None:
    same(lambda t: SCENARIOS[name](t, t.utils.data))


ERRORS = {
    "replacement": (lambda d: d.RandomSampler(range(3), replacement="yes"), "replacement=yes"),
    "empty source": (lambda d: d.RandomSampler([]), "num_samples=0"),
    "num_samples": (lambda d: d.RandomSampler(range(3), num_samples=-1), "positive integer value.*num_samples=-1"),
    "float samples": (lambda d: d.RandomSampler(range(3), num_samples=2.0), "num_samples=2.0"),
    "weighted samples": (lambda d: d.WeightedRandomSampler([1.0], True), "num_samples=True"),
    "weighted replacement": (lambda d: d.WeightedRandomSampler([1.0], 1, 1), "replacement=1"),
    "weights": (lambda d: d.WeightedRandomSampler([[1.0], [2.0]], 1), r"shape \(2, 1\)"),
    "too many": (lambda d: list(d.WeightedRandomSampler([1.0, 1.0], 3, False)), ""),
    "batch size": (lambda d: d.BatchSampler(range(3), 0, False), "positive integer value.*batch_size=0"),
    "bool batch size": (lambda d: d.BatchSampler(range(3), True, False), "batch_size=True"),
    "drop_last": (lambda d: d.BatchSampler(range(3), 1, 1), "drop_last=1"),
    "abstract": (lambda d: iter(d.Sampler()), ""),
    "no length": (lambda d: len(d.Sampler()), "has no len"),
    "batches of unknown length": (lambda d: len(d.BatchSampler(iter([1]), 1, False)), "has no len"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str, same_error: Any) -> None:
    scenario, message = ERRORS[name]
    assert re.search(message, same_error(lambda t: scenario(t.utils.data)))


def test_random_bool_counts_as_int(same: Any) -> None:
    same(lambda t: list(t.utils.data.RandomSampler(range(3), num_samples=True)))


def test_length_follows_the_source(same: Any) -> None:
    def scenario(t: Any) -> Any:
        source = [0]
        sampler = t.utils.data.RandomSampler(source)
        source.append(1)
        return len(sampler), list(sampler)

    same(scenario)
