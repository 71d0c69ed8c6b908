"""`[tool.conform]` of pyproject.toml: what the options are where the command line does not say it.

    [tool.conform]
    candidate = "mypackage.kernels"       # every command that has --candidate
    timeout = 20

    [tool.conform.run]                    # one command
    ops = ["conv*", "max_pool2d"]
    out = "build/conformance"

A key is an option without its dashes. Lists stand for values separated by commas, or for an option given several times.
The file is the pyproject.toml of the current folder, or of the nearest folder above it.
"""

import argparse
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

FILE = "pyproject.toml"


def find(folder: Path) -> Path | None:
    """The file that speaks for a folder; None where there is none."""
    return next((path for parent in (folder, *folder.parents) if (path := parent / FILE).is_file()), None)


def read(path: Path) -> dict[str, Any]:
    """Its table. ValueError where the file is no TOML."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("conform", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from None
    if not isinstance(table, dict):
        raise ValueError(f"{path}: [tool.conform] should be a table, got {table!r}")
    return table


def apply(top: argparse.ArgumentParser, table: Mapping[str, Any], where: str) -> None:
    """Make the table's values the defaults of the commands. ValueError for a key that no command has, or a wrong value."""
    commands = parsers(top)
    options = {name: _options(command) for name, command in commands.items()}
    everywhere = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    for key, value in everywhere.items():
        having = [name for name in commands if key in options[name]]
        if not having:
            _refuse(
                key, [*commands, *{known for found in options.values() for known in found}], f"{where} [tool.conform]"
            )
        for name in having:
            _set(commands[name], options[name][key], key, value, f"{where} [tool.conform]")
    for name, own in table.items():
        if not isinstance(own, Mapping):
            continue
        if name not in commands:
            _refuse(name, [*commands], f"{where} [tool.conform]")
        for key, value in own.items():
            place = f"{where} [tool.conform.{name}]"
            if key not in options[name]:
                _refuse(key, [*options[name]], place)
            _set(commands[name], options[name][key], key, value, place)


def parsers(top: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of the commands."""
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


class Repeated(argparse.Action):
    """An option that may be given several times; the first time, what stands in the configuration is forgotten."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, value: Any, option: str | None = None
    ) -> None:
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [value] if before is self.default else [*before, value])


def _options(command: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """The options that a table can set, by their long names."""
    return {
        word.removeprefix("--"): action
        for action in command._actions
        for word in action.option_strings
        if word.startswith("--") and action.dest != "help" and action.help != argparse.SUPPRESS
    }


def _set(command: argparse.ArgumentParser, action: argparse.Action, key: str, value: Any, place: str) -> None:
    if isinstance(action, argparse._StoreTrueAction | argparse._StoreFalseAction):
        if not isinstance(value, bool):
            raise ValueError(f"{place}: {key} should be true or false, got {value!r}")
        found: Any = action.const if value else not action.const
    elif isinstance(action, Repeated) or action.nargs == "+":
        found = [_converted(action, item, key, place) for item in (value if isinstance(value, list) else [value])]
    else:
        text = ",".join(map(str, value)) if isinstance(value, list) else value
        found = _converted(action, text, key, place)
    command.set_defaults(**{action.dest: found})


def _converted(action: argparse.Action, value: Any, key: str, place: str) -> Any:
    """The value as the command line would have it."""
    if isinstance(value, bool | dict | list):
        raise ValueError(f"{place}: {key} should be text or a number, got {value!r}")
    convert: Any = action.type or str
    try:
        found = convert(str(value))
    except (ValueError, argparse.ArgumentTypeError) as error:
        raise ValueError(f"{place}: {key} = {value!r}: {error}") from None
    if action.choices is not None and found not in action.choices:
        raise ValueError(f"{place}: {key} = {value!r}, but should be one of {', '.join(map(str, action.choices))}")
    return found


def _refuse(key: str, known: list[str], place: str) -> None:
    near = get_close_matches(key, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(set(known)))}"
    raise ValueError(f"{place} has an unknown key {key!r}; {hint}")
