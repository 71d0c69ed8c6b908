"""How a command line could go on, for the shell (by argcomplete, which speaks bash, zsh, fish and others)."""

import argparse
from typing import Any

from conformance.config import parsers

CANDIDATES = ("refnet", "torch", "torch:threads=2", "torch:mkldnn=off", "torch:channels-last", "torch:compile")


def complete(top: argparse.ArgumentParser) -> None:
    """Print the possible words and end the process; do nothing where argcomplete is missing."""
    try:
        import argcomplete
    except ImportError:
        return
    for command in parsers(top).values():
        for action in command._actions:
            words = _COMPLETERS.get(action.dest)
            if words is not None:
                action.completer = words  # type: ignore[attr-defined]  # argcomplete looks for it
    argcomplete.autocomplete(top)


def _candidates(**_: Any) -> tuple[str, ...]:
    """What is shipped; a module of one's own has any name."""
    return CANDIDATES


def _operations(*, prefix: str, **_: Any) -> list[str]:
    """The last of several patterns separated by commas: a name, or the last part of one."""
    before, comma = prefix.rpartition(",")[:2]
    names = {name for case in _cases() for name in (case.operation.name, case.operation.short)}
    return [f"{before}{comma}{name}" for name in sorted(names)]


def _dtypes(*, prefix: str, **_: Any) -> list[str]:
    before, comma = prefix.rpartition(",")[:2]
    return [f"{before}{comma}{name}" for name in sorted({case.dtype for case in _cases()})]


def _families(**_: Any) -> list[str]:
    from conformance.cases import families

    return list(families())


def _ids(**_: Any) -> list[str]:
    return [case.id for case in _cases()]


def _recipes(**_: Any) -> list[str]:
    from conformance.trajectory.recipes import RECIPES

    return list(RECIPES)


def _cases() -> Any:
    from conformance.cases import catalogue

    return catalogue().values()


_COMPLETERS: dict[str, Any] = {
    "candidate": _candidates,
    "ops": _operations,
    "dtype": _dtypes,
    "family": _families,
    "case": _ids,
    "recipe": _recipes,
}
