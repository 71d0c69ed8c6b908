"""Arguments and programs as Python source that needs nothing of conformance."""

import ast
import inspect
import types
from collections.abc import Callable
from typing import Any

from conformance.case import Named, Slot


class CannotWrite(ValueError):
    """Something has no source of its own; the message says what."""


def source(value: Any, named: Callable[[str], str]) -> str:
    """An argument as an expression: `x[0]` for array 0, `named` for attributes of the namespace."""
    if isinstance(value, Slot):
        return f"x[{value.index}]"
    if isinstance(value, Named):
        return named(value.name)
    if isinstance(value, list):
        return f"[{', '.join(source(item, named) for item in value)}]"
    if isinstance(value, tuple) and type(value) is tuple:
        return f"({', '.join(source(item, named) for item in value)}{',' if len(value) == 1 else ''})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {source(item, named)}' for key, item in value.items())}}}"
    if isinstance(value, slice):
        return f"slice({value.start!r}, {value.stop!r}, {value.step!r})"
    if isinstance(value, float | complex) and value - value != 0:
        return f"{type(value).__name__}({str(value)!r})"
    if value is Ellipsis:
        return "..."
    if isinstance(value, bool | int | float | complex | str | bytes | type(None)):
        return repr(value)
    raise CannotWrite(f"an argument is a {type(value).__module__}.{type(value).__qualname__}")


def arguments(args: tuple[Any, ...], kwargs: dict[str, Any], named: Callable[[str], str]) -> str:
    """What stands between the parentheses of the call."""
    parts = [source(value, named) for value in args]
    if all(name.isidentifier() for name in kwargs):
        return ", ".join([*parts, *(f"{name}={source(value, named)}" for name, value in kwargs.items())])
    return ", ".join([*parts, f"**{source(kwargs, named)}"])


def program(function: Any) -> tuple[str, str]:
    """(the program's name, its source with that of all it uses from its modules). CannotWrite where that is impossible."""
    written: dict[str, tuple[Any, str]] = {}
    imports: dict[str, str] = {}
    _write(function, written, imports)
    lines = "".join(f"{line}\n" for line in imports.values())
    return function.__name__, f"{lines}\n\n" + "\n\n".join(text for _, text in written.values())


def _write(item: Any, written: dict[str, tuple[Any, str]], imports: dict[str, str]) -> None:
    name = getattr(item, "__name__", "")
    if not isinstance(item, types.FunctionType | type) or not name.isidentifier():
        raise CannotWrite(f"its program is no plain function ({item!r})")
    if isinstance(item, types.FunctionType) and item.__closure__:
        raise CannotWrite(f"its program {item.__qualname__} is made by another function")
    if name in written:
        if written[name][0] is not item:
            raise CannotWrite(f"its program uses two things called {name}")
        return
    try:
        text = inspect.getsource(item)
        tree = ast.parse(text)
    except (OSError, TypeError, SyntaxError) as error:
        raise CannotWrite(f"its program {name} has no source of its own") from error
    written[name] = item, ""
    module = inspect.getmodule(item)
    for used in _names(tree):
        if module is not None and used in vars(module) and used != name:
            _use(used, vars(module)[used], module.__name__, written, imports)
    del written[name]  # what it uses stands above it
    written[name] = item, text.rstrip() + "\n"


def _use(name: str, value: Any, home: str, written: dict[str, tuple[Any, str]], imports: dict[str, str]) -> None:
    """Something that a program finds in its module."""
    if isinstance(value, types.ModuleType):
        if value.__name__.partition(".")[0] == "conformance":
            raise CannotWrite(f"its program uses the module {value.__name__}")
        imports[name] = f"import {value.__name__} as {name}" if value.__name__ != name else f"import {name}"
        return
    origin = getattr(value, "__module__", None) or ""
    own = origin.partition(".")[0] in ("conformance", home.partition(".")[0])
    if isinstance(value, types.FunctionType | type) and own:
        _write(value, written, imports)
        return
    if isinstance(value, types.FunctionType | types.BuiltinFunctionType | type) and hasattr(value, "__name__"):
        imports[name] = f"from {origin} import {value.__name__} as {name}"
        return
    if name not in written:
        written[name] = value, f"{name} = {source(value, _no_namespace)}\n"


def _no_namespace(name: str) -> str:
    raise CannotWrite(f"its program uses the constant {name}")


def _names(tree: ast.AST) -> list[str]:
    """The names that code uses when it runs: not those in annotations, in order of appearance."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    found = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    return list(dict.fromkeys(found))
