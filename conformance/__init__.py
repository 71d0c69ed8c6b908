"""conformance: is this implementation torch? Element by element, with no guessed tolerance.

`conform run --candidate refnet` compares everything. `assert_conforms` is for anybody's pytest, `judge` returns the
verdict it rests on.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.api import assert_conforms as assert_conforms
    from conformance.api import judge as judge
    from conformance.case import Case as Case
    from conformance.verdict import Verdict as Verdict

_PUBLIC = {"assert_conforms": "api", "judge": "api", "Case": "case", "Verdict": "verdict"}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    """Public names are imported at first use: every pytest run loads this package with the plugin."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return __all__
