"""Arguments and programs as Python source that needs nothing of conformance."""

import ast
import dataclasses
import inspect
import sys
import textwrap
import types
from collections.abc import Callable, Container
from functools import cache
from itertools import count
from typing import Any

from conformance.case import Named, Slot

Names = Callable[[str], str]  # how an attribute of the namespace is written


class CannotWrite(ValueError):
    """Something has no source of its own; the message says what."""


def no_namespace(name: str) -> str:
    """For what stands outside of the call, where there is no namespace yet."""
    raise CannotWrite(f"its program uses the constant {name}")


class Sources:
    """What a call needs: expressions for its arguments, and above them the definitions that these use.

    A function is written as its module has it, with everything that it uses from there. One that another function
    made becomes the result of a function again, called with what its variables held.
    """

    def __init__(self, taken: Container[str] = ()) -> None:
        """`taken`: names that the script has for itself."""
        self.taken = taken
        self.defined: dict[str, tuple[Any, str]] = {}  # by name: what it is, and its source
        self.imports: dict[str, str] = {}

    @property
    def text(self) -> str:
        """The definitions, each below what it uses; empty where there are none."""
        parts = ["\n".join(self.imports.values())] if self.imports else []
        return "\n\n\n".join([*parts, *(text.strip("\n") for _, text in self.defined.values())])

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any], named: Names) -> str:
        """What stands between the parentheses of the call."""
        parts = [self.expression(value, named) for value in args]
        if all(name.isidentifier() for name in kwargs):
            return ", ".join([*parts, *(f"{name}={self.expression(value, named)}" for name, value in kwargs.items())])
        return ", ".join([*parts, f"**{self.expression(kwargs, named)}"])

    def expression(self, value: Any, named: Names = no_namespace) -> str:
        """A value: `x[0]` for array 0, `named` for attributes of the namespace."""
        if isinstance(value, Slot):
            return f"x[{value.index}]"
        if isinstance(value, Named):
            return named(value.name)
        if isinstance(value, list):
            return f"[{self._listed(value, named)}]"
        if isinstance(value, tuple) and type(value) is tuple:
            return f"({self._listed(value, named)}{',' if len(value) == 1 else ''})"
        if isinstance(value, set | frozenset):
            return f"{type(value).__name__}([{self._listed(sorted(value), named)}])"
        if isinstance(value, dict):
            return f"{{{', '.join(f'{key!r}: {self.expression(item, named)}' for key, item in value.items())}}}"
        if isinstance(value, slice | range):
            return f"{type(value).__name__}({value.start!r}, {value.stop!r}, {value.step!r})"
        if isinstance(value, float | complex) and value - value != 0:
            return f"{type(value).__name__}({str(value)!r})"
        if value is Ellipsis:
            return "..."
        if isinstance(value, bool | int | float | complex | str | bytes | type(None)):
            return repr(value)
        if isinstance(value, types.FunctionType):
            return self.define(value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
            return f"{self.define(type(value))}({self.arguments((), fields, named)})"
        raise CannotWrite(f"an argument is a {type(value).__module__}.{type(value).__qualname__}")

    def _listed(self, values: Any, named: Names) -> str:
        return ", ".join(self.expression(item, named) for item in values)

    # --- definitions ---

    def define(self, item: Any) -> str:
        """The name under which a function or a class stands in the script, with all that it uses."""
        if not isinstance(item, types.FunctionType | type):
            raise CannotWrite(f"its program is no plain function ({item!r})")
        known = next((name for name, (there, _) in self.defined.items() if there is item), None)
        if known is not None:
            return known
        plain = inspect.unwrap(item) if isinstance(item, types.FunctionType) else item  # the decorator is in its source
        text = _lambda(plain) if plain.__name__ == "<lambda>" else _definition(plain)
        cells = plain.__closure__ or () if isinstance(plain, types.FunctionType) else ()
        if plain.__name__ == "<lambda>" or cells:
            return self._made(item, plain, text, [cell.cell_contents for cell in cells])
        name: str = plain.__name__
        if name in self.defined or name in self.taken:
            raise CannotWrite(f"its program uses two things called {name}")
        self.defined[name] = item, ""  # it may use itself
        self._uses(text, plain)
        del self.defined[name]  # what it uses stands above it
        self.defined[name] = item, text
        return name

    def _made(self, item: Any, plain: Any, text: str, values: list[Any]) -> str:
        """A lambda, or a function with variables of the one around it."""
        base = "function" if plain.__name__ == "<lambda>" else plain.__name__
        names = (f"{base}_{i}" if i else base for i in count())
        name = next(name for name in names if name not in self.defined and name not in self.taken)
        if any(value is item for value in values):
            raise CannotWrite(f"its program {plain.__qualname__} is made by another function and calls itself")
        self.defined[name] = item, ""  # the name is taken
        given = ", ".join(map(self.expression, values))
        self._uses(text, plain)
        del self.defined[name]
        if plain.__name__ == "<lambda>":
            text = f"def {base}{text}"
        if values:
            inner = textwrap.indent(text.strip("\n"), "    ")
            outer = f"def make_{name}({', '.join(plain.__code__.co_freevars)}):\n{inner}\n\n    return {base}\n\n\n"
            text = f"{outer}{name} = make_{name}({given})"
        elif name != base:
            text = text.replace(f"def {base}(", f"def {name}(", 1)
        self.defined[name] = item, text
        return name

    def _uses(self, text: str, item: Any) -> None:
        """Everything that a source finds in its module."""
        module = inspect.getmodule(item)
        tree = ast.parse(f"def function{text}" if text.startswith("(") else text)
        for used in _names(tree):
            if module is not None and used in vars(module) and used != item.__name__:
                self._use(used, vars(module)[used], module.__name__)

    def _use(self, name: str, value: Any, home: str) -> None:
        if isinstance(value, types.ModuleType):
            if value.__name__.partition(".")[0] == "conformance":
                raise CannotWrite(f"its program uses the module {value.__name__}")
            self.imports[name] = f"import {value.__name__} as {name}" if value.__name__ != name else f"import {name}"
            return
        origin = getattr(value, "__module__", None) or ""
        own = origin.partition(".")[0] in ("conformance", home.partition(".")[0])
        if isinstance(value, types.FunctionType | type) and own:
            written = self.define(value)
            if written != name and name not in self.defined:
                self.defined[name] = value, f"{name} = {written}"
            return
        if isinstance(value, types.FunctionType | types.BuiltinFunctionType | type) and hasattr(value, "__name__"):
            self.imports[name] = f"from {origin} import {value.__name__} as {name}"
            return
        if name in self.taken:
            raise CannotWrite(f"its program uses two things called {name}")
        if name not in self.defined:
            self.defined[name] = value, f"{name} = {self.expression(value)}"


@cache
def _definition(item: Any) -> str:
    """The source of a function or a class, as it stands at the left edge."""
    try:
        text = textwrap.dedent(inspect.getsource(item))
        ast.parse(text)
    except (OSError, TypeError, SyntaxError) as error:
        raise CannotWrite(f"its program {item.__name__} has no source of its own") from error
    return text.rstrip() + "\n"


@cache
def _lambda(item: types.FunctionType) -> str:
    """The parameters and the body of a lambda, as those of a function: `(x, y):` and a return."""
    code = item.__code__
    places = [(line, column) for line, _, column, _ in code.co_positions() if line and column]
    for node in _lambdas(item.__module__):
        body = node.body
        ends = (body.end_lineno or body.lineno, body.end_col_offset or body.col_offset)
        inside = all((body.lineno, body.col_offset) <= place <= ends for place in places)
        if node.lineno == code.co_firstlineno and places and inside:
            return f"({ast.unparse(node.args)}):\n    return {ast.unparse(body)}\n"
    raise CannotWrite(f"its program is a lambda whose source is not found in {item.__module__}")


@cache
def _lambdas(module: str) -> list[ast.Lambda]:
    """All lambdas of a module."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (KeyError, OSError, TypeError, SyntaxError) as error:
        raise CannotWrite(f"its program is a lambda of {module}, which has no source") from error
    return [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]


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
