"""Where methods and operators of arrays find the functions of the stand-in's `cupy`, and its own error."""

from typing import Any


class StandInError(RuntimeError):
    """Something that cupy does without complaint, and otherwise than numpy: what follows would be wrong numbers."""


_names: dict[str, Any] = {}
_namespace: list[Any] = []


def provide(namespace: Any, **private: Any) -> None:
    """Say where the functions of `cupy` are, which methods and operators call: `modules` does, which comes later."""
    _namespace[:] = [namespace]
    _names.update(private)


def named(name: str) -> Any:
    """A function of the stand-in's `cupy`, by its qualified name; AttributeError for one that is not there."""
    found = _names.get(name)
    if found is None:
        found = _namespace[0]
        for part in name.split("."):
            found = getattr(found, part)
        _names[name] = found
    return found
