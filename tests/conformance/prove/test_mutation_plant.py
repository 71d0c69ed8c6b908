"""Planting a mutant: new code for live functions where that is enough, a fresh import where it is not."""

import ast
import importlib
import subprocess
import sys
import textwrap

import pytest

from conformance.prove.mutation import plant
from conformance.prove.mutation.coverage import Recorder
from conformance.prove.mutation.mutants import read

SOURCE = '''
"""A module with every kind of function."""

import functools

LIMIT = 10


def doubled(x):
    return x * 2


def at_import(x):
    return x + 1


TABLE = [at_import(n) for n in range(3)]
RULES = {"left": lambda g: g * 3, "right": lambda g: g * 5}


def scaled(by):
    def inner(x):
        return x / by
    return inner


halved = scaled(2)


class Layer:
    size = 4

    @property
    def area(self):
        return self.size ** 2

    @staticmethod
    def clipped(x, low=0):
        return [y - low for y in x if y > low]


def raised():
    def later(x):
        return x @ x
    return later
'''

# the fault as "old" of the mutant, an expression over the module, its value before and after, how it is planted
ROWS = [
    ("arithmetic 'x * 2'", "m.doubled(3)", "6", "1.5", True),
    ("arithmetic 'g * 3'", "m.RULES['left'](6)", "18", "2.0", True),
    ("arithmetic 'g * 5'", "m.RULES['right'](10)", "50", "2.0", True),
    ("arithmetic 'x / by'", "m.halved(6)", "3.0", "12", True),  # made by `scaled` at import, which stays as it is
    ("arithmetic 'self.size ** 2'", "m.Layer().area", "16", "8", True),
    ("arithmetic 'y - low'", "m.Layer.clipped([3], 1)", "[2]", "[4]", True),
    ("constant '10' -> '11'", "m.LIMIT", "10", "11", False),
    ("constant '4' -> '5'", "m.Layer().area", "16", "25", False),
    ("constant '0' -> '1'", "m.Layer.clipped([1, 3])", "[1, 3]", "[2]", False),
    ("arithmetic 'x + 1'", "m.TABLE", "[1, 2, 3]", "[-1, 0, 1]", False),
    ("arithmetic 'x @ x'", "m.raised()(3)", "TypeError", "9", True),
]  # fmt: skip


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The module, imported with its lines recorded; forgotten afterwards."""
    (tmp_path / "mutated_package").mkdir()
    (tmp_path / "mutated_package" / "__init__.py").write_text("")
    path = tmp_path / "mutated_package" / "sample.py"
    path.write_text(textwrap.dedent(SOURCE))
    monkeypatch.syspath_prepend(str(tmp_path))
    before = list(sys.meta_path)
    recorder = Recorder([path])
    with recorder.on():
        loaded = importlib.import_module("mutated_package.sample")
    yield loaded, path, recorder.take()[str(path)]
    sys.meta_path[:] = before
    plant.forget("mutated_package")


def value(m, expression):
    """What an expression over the module gives, or the name of its error."""
    try:
        return repr(eval(expression, {"m": m}))
    except Exception as error:
        return type(error).__name__


@pytest.mark.parametrize(("fault", "expression", "before", "after", "in_place"), ROWS, ids=[row[0] for row in ROWS])
def test_planted(module, fault, expression, before, after, in_place):
    loaded, path, ran = module
    source = read(path)
    mutant = next(m for m in source.mutants if f"{m.operator} {m.old!r} -> {m.new!r}".startswith(fault))
    found = plant.module_of(path)
    assert found.name == "mutated_package.sample"
    original = plant.compiled(source.tree, path)
    with source.planted(mutant) as tree:
        code = plant.compiled(tree, path)
    live = plant.LiveFunctions(path)
    assert value(loaded, expression) == before
    changes = plant.changes(original, code)
    swapped = plant.swap(changes, live, frozenset(function for function, _ in ran))
    if not swapped:
        assert value(loaded, expression) == before
        plant.import_with(found, code)
        loaded = sys.modules["mutated_package.sample"]
    assert value(loaded, expression) == after
    assert swapped == in_place


def test_the_same_code_is_no_change(module):
    """A mutant that compiles to what was there: x + (1 - 1) folded, or a comment's line moved."""
    _, path, _ = module
    tree = ast.parse(path.read_text())
    assert plant.changes(plant.compiled(tree, path), plant.compiled(tree, path)) == []
    moved = ast.increment_lineno(ast.parse(path.read_text()), 3)
    assert plant.changes(plant.compiled(tree, path), plant.compiled(moved, path)) == []


def test_lines_by_function(module):
    """What an import runs, and what a call runs; comprehensions belong to the function around them."""
    loaded, path, ran = module
    assert {"at_import", "scaled", "Layer", "<module>"} <= {function for function, _ in ran}
    assert "doubled" not in {function for function, _ in ran}
    recorder = Recorder([path])
    with recorder.on():
        loaded.Layer.clipped([1, 2])
        loaded.RULES["right"](1)
    names = {function for function, _ in recorder.take()[str(path)]}
    assert names == {"Layer.clipped", "<lambda>"}
    assert recorder.take() == {}


def test_the_command_lists_mutants():
    """`--list` starts no process and loads no torch."""
    command = [sys.executable, "-m", "conformance.prove.mutation", "--list", "--files", "refnet/_ops/softmax.py"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert all(line.startswith("refnet/_ops/softmax.py:") for line in found.stdout.splitlines())
    refused = subprocess.run([*command, "--files", "none/*.py"], capture_output=True, text=True)
    assert refused.returncode == 2
    assert "no target file matches 'none/*.py'" in refused.stderr
