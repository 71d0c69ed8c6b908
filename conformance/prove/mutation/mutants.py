"""The mutants of a source file: every place where a small fault can be planted, in a fixed order, each with a name.

Not mutated: docstrings and other texts, annotations, what an error says (everything a `raise` makes, the message of a
`check(condition, message)`, formatted text), `__repr__` and its kin, imports, and lists of names such as `__all__`.
"""

import ast
import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from conformance.prove.mutation.operators import Replacement, name_of_call, replacements

SHOWN = 60  # characters of code that a mutant's name shows
_DISPLAY = frozenset({"__repr__", "__str__", "__format__", "extra_repr", "__dir__", "__doc__"})
_NAME_LISTS = frozenset({"__all__", "__slots__", "__version__"})
_GUARDS = frozenset({"check", "warn"})  # called with a condition or nothing first, and then with what to say


@dataclass(frozen=True)
class Slot:
    """Where a node hangs in the tree."""

    parent: ast.AST
    field: str
    index: int | None = None

    def put(self, node: ast.AST) -> None:
        """Hang another node there."""
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


@dataclass(frozen=True)
class Mutant:
    """One fault. A case executes it when, in the function `function`, it executes one of the lines `first` to `last`."""

    file: str
    line: int
    column: int  # from 1
    operator: str
    old: str
    new: str
    function: str  # qualified, as in tracebacks; "<module>" outside
    first: int
    last: int
    near: str  # the function whose cases are likely to notice: `function`, or the one whose default this is
    number: int = 1  # above 1 for the second fault of the same name
    slot: Slot = field(compare=False, repr=False, default=Slot(ast.Pass(), ""))
    original: ast.AST = field(compare=False, repr=False, default_factory=ast.Pass)
    replacement: ast.AST = field(compare=False, repr=False, default_factory=ast.Pass)

    @property
    def id(self) -> str:
        """`file:line:column operator 'old' -> 'new'`."""
        again = f" #{self.number}" if self.number > 1 else ""
        return f"{self.file}:{self.line}:{self.column} {self.operator} {self.old!r} -> {self.new!r}{again}"


@dataclass(frozen=True)
class Source:
    """A file with its tree and its mutants."""

    file: str
    text: str
    tree: ast.Module = field(repr=False)
    mutants: tuple[Mutant, ...] = field(repr=False)

    @property
    def digest(self) -> str:
        """What tells whether the file has changed."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @contextmanager
    def planted(self, mutant: Mutant) -> Iterator[ast.Module]:
        """The tree with the mutant in it, for the time of the block."""
        mutant.slot.put(mutant.replacement)
        try:
            yield self.tree
        finally:
            mutant.slot.put(mutant.original)


def read(path: Path, name: str = "") -> Source:
    """The source file and its mutants, in order of appearance."""
    text = path.read_text(encoding="utf-8")
    file = name or path.as_posix()
    tree = ast.parse(text, file)
    found: list[Mutant] = []
    names: Counter[str] = Counter()
    for place, replacement in _Finder().places(tree):
        node = place.node
        mutant = Mutant(
            file,
            getattr(node, "lineno", 0),
            getattr(node, "col_offset", 0) + 1,
            replacement.operator,
            _shown(replacement.old),
            _shown(replacement.new),
            place.function,
            place.first,
            place.last,
            place.near,
            1,
            place.slot,
            node,
            replacement.node,
        )
        names[mutant.id] += 1
        if names[mutant.id] > 1:
            mutant = replace(mutant, number=names[mutant.id])
        found.append(mutant)
    found.sort(key=lambda mutant: mutant.line)
    return Source(file, text, tree, tuple(found))


def _shown(code: str) -> str:
    one_line = " ".join(code.split())
    return one_line if len(one_line) <= SHOWN else one_line[: SHOWN - 3] + "..."


@dataclass(frozen=True)
class _Place:
    node: ast.AST
    slot: Slot
    function: str
    first: int
    last: int
    near: str


class _Finder:
    """Walks a tree and knows at every node which function runs it, on which lines."""

    def __init__(self) -> None:
        self.owner = ""  # the function whose signature is being looked at
        self.scope: list[str] = []  # as in qualified names: "Linear", "forward", "<locals>", "<lambda>"

    @property
    def function(self) -> str:
        names = self.scope[:-1] if self.scope and self.scope[-1] == "<locals>" else self.scope
        return ".".join(names) or "<module>"

    def places(self, tree: ast.Module) -> Iterator[tuple[_Place, Replacement]]:
        for position, statement in enumerate(tree.body):
            yield from self.statement(statement, Slot(tree, "body", position))

    # --- statements -------------------------------------------------------------------------------------------

    def statement(self, node: ast.AST, slot: Slot) -> Iterator[tuple[_Place, Replacement]]:
        """The faults of a statement and of everything in it."""
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Raise | ast.Assert | ast.Global | ast.Nonlocal):
            return
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from self.definition(node)
            return
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id in _NAME_LISTS for t in node.targets):
            return
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # a docstring, or `...`
        first, last = _span(node)
        if not self.scope:
            self.owner = _called_on(node)
        yield from self.here(node, slot, first, last)
        for name, index, child in _children(node):
            if name == "annotation":
                continue
            if isinstance(child, ast.stmt):
                yield from self.statement(child, Slot(node, name, index))
            elif isinstance(child, ast.ExceptHandler | ast.match_case):
                for i, inner in enumerate(child.body):
                    yield from self.statement(inner, Slot(child, "body", i))
            elif isinstance(child, ast.withitem):
                yield from self.expression(child.context_expr, Slot(child, "context_expr"), first, last)
            else:
                yield from self.expression(child, Slot(node, name, index), first, last)

    def definition(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    ) -> Iterator[tuple[_Place, Replacement]]:
        """Decorators and defaults run where the definition stands, the body in a scope of its own."""
        if node.name in _DISPLAY:
            return
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        last = node.body[0].lineno
        for position, decorator in enumerate(node.decorator_list):
            yield from self.expression(decorator, Slot(node, "decorator_list", position), first, last)
        if isinstance(node, ast.ClassDef):
            for position, keyword in enumerate(node.keywords):
                yield from self.expression(keyword.value, Slot(node.keywords[position], "value"), first, last)
            inner = [node.name]
        else:
            self.owner = ".".join([*self.scope, node.name])
            for name in ("defaults", "kw_defaults"):
                for position, default in enumerate(getattr(node.args, name)):
                    if default is not None:
                        yield from self.expression(default, Slot(node.args, name, position), first, last)
            self.owner = ""
            inner = [node.name, "<locals>"]
        self.scope += inner
        for position, statement in enumerate(node.body):
            yield from self.statement(statement, Slot(node, "body", position))
        del self.scope[-len(inner) :]

    # --- expressions ------------------------------------------------------------------------------------------

    def expression(self, node: ast.AST, slot: Slot, first: int, last: int) -> Iterator[tuple[_Place, Replacement]]:
        """The faults of an expression that runs with the lines `first` to `last`."""
        if isinstance(node, ast.JoinedStr) or _says(node):
            return
        if isinstance(node, ast.Lambda):
            first, last = node.body.lineno, node.body.end_lineno or node.body.lineno
            self.scope += ["<lambda>", "<locals>"]
            yield from self.here(node, slot, first, last)
            yield from self.expression(node.body, Slot(node, "body"), first, last)
            del self.scope[-2:]
            return
        yield from self.here(node, slot, first, last)
        guard = isinstance(node, ast.Call) and name_of_call(node) in _GUARDS
        for name, index, child in _children(node):
            if guard and name == "args" and index:
                continue  # what the error says, and its type
            if isinstance(child, ast.keyword):
                if child.arg != "strict":
                    yield from self.expression(child.value, Slot(child, "value"), first, last)
            elif isinstance(child, ast.comprehension):
                yield from self.comprehension(child, first, last)
            elif isinstance(child, ast.expr):
                yield from self.expression(child, Slot(node, name, index), first, last)

    def comprehension(self, node: ast.comprehension, first: int, last: int) -> Iterator[tuple[_Place, Replacement]]:
        yield from self.expression(node.iter, Slot(node, "iter"), first, last)
        for position, test in enumerate(node.ifs):
            yield from self.expression(test, Slot(node, "ifs", position), first, last)

    def here(self, node: ast.AST, slot: Slot, first: int, last: int) -> Iterator[tuple[_Place, Replacement]]:
        for replacement in replacements(node):
            if isinstance(node, ast.Expr) and _reports(node):
                continue
            if _reports_condition(node) and replacement.operator == "arguments":
                continue
            yield _Place(node, slot, self.function, first, last, self.owner or self.function), replacement


def _called_on(node: ast.AST) -> str:
    """The name `f` in a statement `f.method(...)`: what the statement is about."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        value = node.value.func.value
        return value.id if isinstance(value, ast.Name) else ""
    return ""


def _span(node: ast.AST) -> tuple[int, int]:
    """The lines a statement runs on before any statement inside it does."""
    first: int = node.lineno  # type: ignore[attr-defined]  # statements have lines
    body = getattr(node, "body", None)
    if isinstance(body, list) and body:
        return first, max(first, body[0].lineno - 1)
    return first, getattr(node, "end_lineno", None) or first


def _children(node: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            yield name, None, value
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, ast.AST):
                    yield name, index, item


def _says(node: ast.AST) -> bool:
    """Whether this is a function that makes a text: `lambda: f"..."`."""
    return isinstance(node, ast.Lambda) and (
        isinstance(node.body, ast.JoinedStr)
        or (isinstance(node.body, ast.Constant) and isinstance(node.body.value, str))
    )


def _reports_condition(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and name_of_call(node) in _GUARDS


def _reports(node: ast.Expr) -> bool:
    return isinstance(node.value, ast.Call) and name_of_call(node.value) == "warn"
