"""Put a mutant into a running package: new code for the functions it changes, or a fresh import.

Most mutants change the body of a function that nobody has called yet. Giving the live function objects their new
`__code__` then is as good as importing the package anew, and a thousand times faster. A mutant of code that the import
itself ran (module level, class bodies, defaults, functions called by decorators) needs the fresh import.
"""

import ast
import gc
import importlib.machinery
import importlib.util
import re
import sys
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Key = tuple[str, int, tuple[Any, ...]]
_COMPREHENSION = re.compile(r"(\.<locals>)?\.?<(listcomp|setcomp|dictcomp|genexpr)>$")


@dataclass(frozen=True)
class Module:
    """A source file and the name it is imported under."""

    name: str
    path: Path

    @property
    def package(self) -> str:
        """The top-level package."""
        return self.name.partition(".")[0]


def module_of(path: Path) -> Module:
    """The module that a file is: its folder and those above belong to the package as far as they have `__init__.py`."""
    parts = [] if path.stem == "__init__" else [path.stem]
    folder = path.resolve().parent
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    return Module(".".join(parts), path.resolve())


def function_name(code: types.CodeType) -> str:
    """The function that runs this code: a comprehension belongs to the function around it."""
    name = code.co_qualname
    while (shorter := _COMPREHENSION.sub("", name)) != name:
        name = shorter
    return name or "<module>"


# --- which code differs -------------------------------------------------------------------------------------------


def _nested(code: types.CodeType) -> list[types.CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]


def _own(code: types.CodeType) -> tuple[Any, ...]:
    """What a piece of code does by itself; where it stands in the file does not matter."""
    constants = tuple((type(c), repr(c)) for c in code.co_consts if not isinstance(c, types.CodeType))
    return (
        code.co_code,
        constants,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_flags,
        (code.co_argcount, code.co_kwonlyargcount, code.co_posonlyargcount),
        code.co_exceptiontable,
        len(_nested(code)),
    )


@dataclass(frozen=True)
class Change:
    """A piece of code before and after. `itself` is False where only a function inside it has changed."""

    before: types.CodeType
    after: types.CodeType
    itself: bool


def changes(before: types.CodeType, after: types.CodeType) -> list[Change]:
    """Every piece of code that differs, innermost first; empty when the mutant compiles to what was there.

    The last one is the module: it holds the code of its functions.
    """
    itself = _own(before) != _own(after)
    inner: list[Change] = []
    if not itself:
        for left, right in zip(_nested(before), _nested(after), strict=True):
            inner += changes(left, right)
    elif len(_nested(before)) == len(_nested(after)):
        for left, right in zip(_nested(before), _nested(after), strict=True):
            if left.co_name == right.co_name:
                inner += changes(left, right)
    return [*inner, Change(before, after, itself)] if itself or inner else []


def key_of(code: types.CodeType) -> Key:
    """What tells one function of a file from all others: its name and the place of every instruction."""
    return code.co_qualname, code.co_firstlineno, tuple(code.co_positions())


class LiveFunctions:
    """The function objects of a file, by the place of their code: found once, in the process that others fork from."""

    def __init__(self, path: Path) -> None:
        self.by_key: dict[Key, list[types.FunctionType]] = {}
        file = str(path)
        for found in gc.get_objects():
            if type(found) is types.FunctionType and found.__code__.co_filename == file:
                self.by_key.setdefault(key_of(found.__code__), []).append(found)

    def of(self, code: types.CodeType) -> list[types.FunctionType]:
        """The functions that run this code now."""
        return self.by_key.get(key_of(code), [])


def swap(found: Sequence[Change], live: LiveFunctions, ran_at_import: frozenset[str]) -> bool:
    """Give live functions their new code; False, and nothing done, where only a fresh import will do.

    `ran_at_import` names the functions that the import has run: what they made is there already.
    """
    functions = [change for change in found if change.before.co_flags & 0x1]  # optimized: no module, no class body
    if not any(live.of(change.before) for change in functions):
        return False
    for change in found:
        if change.itself and (change not in functions or function_name(change.before) in ran_at_import):
            return False
        if any(f.__code__.co_freevars != change.after.co_freevars for f in live.of(change.before)):
            return False
    for change in functions:
        for function in live.of(change.before):
            function.__code__ = change.after
    return True


# --- a fresh import -----------------------------------------------------------------------------------------------


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads one module from code that is given."""

    def __init__(self, name: str, path: str, code: types.CodeType) -> None:
        super().__init__(name, path)
        self.code = code

    def get_code(self, fullname: str) -> types.CodeType:
        return self.code


class _Finder:
    """Finds one module, and leaves all others to those after it."""

    def __init__(self, module: Module, code: types.CodeType) -> None:
        self.module, self.code = module, code

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != self.module.name:
            return None
        file = str(self.module.path)
        places = [str(self.module.path.parent)] if self.module.path.stem == "__init__" else None
        return importlib.util.spec_from_file_location(
            name, file, loader=_Loader(name, file, self.code), submodule_search_locations=places
        )


def forget(package: str) -> None:
    """Drop a package from the imported modules, so that the next import starts afresh."""
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]


def import_with(module: Module, code: types.CodeType) -> None:
    """Import the module's package afresh, with this code in the module's place."""
    forget(module.package)
    sys.meta_path.insert(0, _Finder(module, code))
    importlib.import_module(module.name)


def compiled(tree: ast.Module, path: Path) -> types.CodeType:
    """The code of a tree, as the import of its file makes it."""
    return compile(tree, str(path), "exec", dont_inherit=True)


def all_codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """The code and every piece of code in it."""
    yield code
    for inner in _nested(code):
        yield from all_codes(inner)
