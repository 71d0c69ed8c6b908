"""One scenario run in torch and in refnet: results, warnings and draws must be the same."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import refnet

Scenario = Callable[[ModuleType], Any]


def plain(value: Any) -> Any:
    """Tensors as (dtype, nested lists), containers as (kind, items): comparable across libraries."""
    if isinstance(value, np.ndarray):
        return ("ndarray", str(value.dtype), value.tolist())
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        return ("tensor", str(value.dtype).split(".")[-1], tuple(value.shape), value.tolist())
    if isinstance(value, Mapping):
        return (type(value).__name__, [(key, plain(item)) for key, item in value.items()])
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return value if isinstance(value, range) else (type(value).__name__, [plain(item) for item in value])
    return value


def outcome(scenario: Scenario, library: ModuleType) -> Any:
    """What a scenario gives: its value, its warnings' categories, and what the default generator gives next."""
    library.manual_seed(1234)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = plain(scenario(library))
    categories = [w.category for w in caught if w.category is not DeprecationWarning]  # of forking, in torch only
    return value, categories, library.rand(3, dtype=library.float64).tolist()


@pytest.fixture(scope="session")
def torch() -> Any:
    return pytest.importorskip("torch")


@pytest.fixture
def same(torch: Any) -> Callable[[Scenario], Any]:
    """A function that runs a scenario in both libraries, compares, and returns the value."""

    def compare(scenario: Scenario) -> Any:
        ours, theirs = outcome(scenario, refnet), outcome(scenario, torch)
        assert ours == theirs
        return ours[0]

    return compare


@pytest.fixture
def same_error(torch: Any) -> Callable[[Scenario], str]:
    """A function that runs a scenario that fails in both libraries alike, and returns refnet's message."""

    def compare(scenario: Scenario) -> str:
        with pytest.raises(Exception) as theirs:
            scenario(torch)
        with pytest.raises(theirs.type) as ours:
            scenario(refnet)
        assert ours.type is theirs.type
        return str(ours.value)

    return compare
