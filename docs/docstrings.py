"""The directive `reference`: a public module, from its docstrings.

    .. reference:: refnet.nn.functional

Docstrings of this project are plain text with formulas laid out by hand, not reStructuredText: prose is escaped, what is
indented or aligned stays as it was written, `code` becomes code. Operations are objects (primitives) as often as
functions; both are callables with a signature, and shown so.
"""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

SECTION = re.compile(r"(?P<title>[A-Z][a-z]+)\n-{3,}\n(?P<body>.*)", re.DOTALL)
CODE = re.compile(r"(`+)(?P<code>[^`]+?)\1")
ALIGNED = re.compile(r"\S {2,}\S|^\s*[=+-]{3,}\s*$", re.MULTILINE)


class Reference(SphinxDirective):
    """The names of a module, each with its signature and docstring."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Parse what the module's docstrings make."""
        name = self.arguments[0]
        lines = list(module(name, import_module(name)))
        box = nodes.container()
        self.state.nested_parse(StringList(lines, source=f"docstrings of {name}"), self.content_offset, box)
        return box.children


def module(name: str, found: ModuleType) -> Iterator[str]:
    """A module as reStructuredText: its own docstring, then its public names in order."""
    yield f".. py:module:: {name}"
    package, _, last = name.rpartition(".")
    if package and not isinstance(getattr(import_module(package), last, None), ModuleType):
        yield "   :no-index:"  # the package has a function of that name: `refnet.tensor`
    yield ""
    yield from text(found.__doc__ or "")
    for member, value in sorted(public(found).items(), key=lambda item: item[0].lower()):
        yield ""
        yield from entry("class" if inspect.isclass(value) else "function", f"{name}.{member}", value)


def public(found: ModuleType) -> dict[str, Any]:
    """The callables that a module offers: those in `__all__`, or else without underscore and from its own package.

    A module of the harness that is one file offers what it defines; those of the engine also give others' names.
    """
    package = found.__name__.partition(".")[0]
    names = getattr(found, "__all__", None) or [name for name in vars(found) if not name.startswith("_")]
    if package == "conformance" and not hasattr(found, "__path__"):
        names = [name for name in names if getattr(getattr(found, name), "__module__", "") == found.__name__]
    return {
        name: value
        for name in names
        if callable(value := getattr(found, name))
        and (getattr(value, "__module__", None) or type(value).__module__).partition(".")[0] == package
    }


def entry(kind: str, name: str, value: Any) -> Iterator[str]:
    """One name: its signature, its docstring, and of a class its own methods that have one."""
    module_name, _, short = name.rpartition(".")
    yield f".. py:{kind}:: {short}{signature(value, bound=kind == 'method')}"
    if kind != "method":
        yield f"   :module: {module_name}"
    yield ""
    for line in text(documentation(value)):
        yield f"   {line}".rstrip()
    yield ""
    if kind == "class":
        for member, method in methods(value):
            for line in entry("method", f"{name}.{member}", method):
                yield f"   {line}".rstrip()


def methods(value: type) -> Iterator[tuple[str, Any]]:
    """The methods that a class itself defines and documents."""
    for member, found in vars(value).items():
        function = getattr(found, "__func__", found)  # of class methods and static ones
        if not member.startswith("_") and callable(function) and documentation(function):
            yield member, function


def documentation(value: Any) -> str:
    """The docstring of the object itself: none that its class or a base only lends it."""
    own = inspect.getdoc(value) or ""
    lent = (
        [inspect.getdoc(type(value))] if not inspect.isclass(value) else [inspect.getdoc(b) for b in value.__mro__[1:]]
    )
    return "" if own in lent else own


def signature(value: Any, *, bound: bool) -> str:
    """`(input, dim=None, *, keepdim=False)`: names and defaults; types stand in the source."""
    try:
        parameters = list(inspect.signature(value).parameters.values())
    except (TypeError, ValueError):
        return "(...)"
    shown = [
        parameter.replace(annotation=parameter.empty, default=plain(parameter.default)) for parameter in parameters
    ]
    if shown and (shown[0].name == "xp" or (bound and shown[0].name in ("self", "cls"))):
        del shown[0]  # a caller does not give it: a primitive finds the array module by itself
    return str(inspect.Signature(shown))


class Written:
    """A default that is shown as these characters."""

    def __init__(self, characters: str) -> None:
        self.characters = characters

    def __repr__(self) -> str:
        return self.characters


def plain(default: Any) -> Any:
    """A default as a reader would write it; `...` for an object that has no such form."""
    if default is inspect.Parameter.empty:
        return default
    if inspect.isclass(default) or inspect.isfunction(default):
        return Written(default.__name__)
    return Written("...") if re.search(r"[<>{\n]", repr(default)) else Written(repr(default))


# --- docstrings as reStructuredText ---------------------------------------------------------------------------------


def text(docstring: str) -> Iterator[str]:
    """A docstring's paragraphs, each followed by an empty line."""
    defining = False
    for block in re.split(r"\n\s*\n", inspect.cleandoc(docstring).strip("\n")):
        section = SECTION.fullmatch(block)
        if section:
            yield from (f".. rubric:: {section['title']}", "")
            defining, block = True, section["body"]
        yield from paragraph(block, defining=defining)
        yield ""


def paragraph(block: str, *, defining: bool) -> Iterator[str]:
    """Prose, a list, definitions; or, where the layout says something, the characters as they are."""
    lines = block.split("\n")
    indented = any(line.startswith(" ") for line in lines)
    if lines[0].startswith("- "):
        yield from (re.sub(r"^(\s*- )?(.*)", lambda m: (m[1] or "") + escaped(m[2]), line) for line in lines)
    elif defining and indented and not lines[0].startswith(" "):
        yield from (re.sub(r"^(\s*)(.*)", lambda m: m[1] + escaped(m[2]), line) for line in lines)
    elif lines[0].startswith(">>>"):
        yield from (".. code-block:: pycon", "", *(f"    {line}" for line in lines))
    elif indented or ALIGNED.search(block):
        yield from ("::", "", *(f"    {line}" for line in lines))
    else:
        yield from escaped(block).split("\n")


def escaped(prose: str) -> str:
    """Prose in which only `code` is marked up."""
    parts, end = [], 0
    for match in CODE.finditer(prose):
        parts += [quoted(prose[end : match.start()]), f"\\ ``{match['code'].strip()}``\\ "]
        end = match.end()
    return "".join([*parts, quoted(prose[end:])])


def quoted(prose: str) -> str:
    """Characters that reStructuredText would read as markup, quoted; so is the point of "1." that would begin a list."""
    return re.sub(r"^(\w+)([.)])(?= )", r"\1\\\2", re.sub(r"([\\*|_`:\[\]])", r"\\\1", prose))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("reference", Reference)
    return {"parallel_read_safe": True}
