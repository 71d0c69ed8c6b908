"""What a captured step returns, on any device."""

from collections.abc import Iterator
from typing import Any

from refnet._check import check
from refnet._tape import TensorBase


def tensors_in(results: Any) -> Iterator[Any]:
    """The tensors in a nesting of results, in order."""
    if isinstance(results, TensorBase):
        yield results
    for value in (
        results.values() if isinstance(results, dict) else results if isinstance(results, list | tuple) else ()
    ):
        yield from tensors_in(value)


def without_history(results: Any) -> Any:
    """The same nesting, its tensors detached."""
    if isinstance(results, TensorBase):
        return results.detach()  # type: ignore[attr-defined]
    if isinstance(results, dict):
        return {key: without_history(value) for key, value in results.items()}
    if isinstance(results, tuple) and hasattr(results, "_fields"):
        return type(results)(*map(without_history, results))
    if isinstance(results, list | tuple):
        return type(results)(map(without_history, results))
    check(
        results is None,
        lambda: (
            f"a captured step returns tensors, or nothing; got {type(results).__name__}, which no replay would change"
        ),
        TypeError,
    )
    return None
