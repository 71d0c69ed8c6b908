"""The table of translations: from a noted call to ONNX operators.

A translation is a function ``(graph, out, **arguments)``. `out` is the call's first result, whose dtype and shape are
known from the run; arguments are those of the call, tensors as `Operand`. It returns the name of the result, or a tuple
of names where there are several; None in it for one that cannot be had.
"""

from collections.abc import Callable
from typing import Any, TypeVar

Translation = Callable[..., Any]
F = TypeVar("F", bound=Translation)

TRANSLATIONS: dict[str, Translation] = {}


def translates(*names: str) -> Callable[[F], F]:
    """Register a translation for the named primitives or functions ("nn.functional.linear")."""

    def register(translation: F) -> F:
        for name in names:
            TRANSLATIONS[name] = translation
        return translation

    return register
