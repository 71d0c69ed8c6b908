"""Which faults are found in a source, what they are called, and what is left alone."""

import ast
import textwrap

import pytest

from conformance.prove.mutation.mutants import read

# source, the faults as "operator 'old' -> 'new'", complete and in order
ROWS = [
    ("x = a + b", ["arithmetic 'a + b' -> 'a - b'"]),
    ("x = a @ b % c", ["arithmetic 'a @ b % c' -> 'a @ b // c'", "arithmetic 'a @ b' -> 'a * b'"]),
    ("x += y", ["arithmetic 'x += y' -> 'x -= y'", "removed 'x += y' -> 'pass'"]),
    ("x = -y", ["sign '-y' -> 'y'"]),
    ("x = y < 3", [
        "comparison 'y < 3' -> 'y <= 3'", "comparison 'y < 3' -> 'y >= 3'", "constant '3' -> '4'", "constant '3' -> '2'",
    ]),
    ("x = a and not b", [
        "logic 'a and (not b)' -> 'a or not b'", "logic 'a and (not b)' -> 'not b'", "logic 'a and (not b)' -> 'a'",
        "logic 'not b' -> 'b'",
    ]),
    ("x = 1 if y else 0.5", [
        "condition 'y' -> 'not y'", "constant '1' -> '2'", "constant '1' -> '0'",
        "constant '0.5' -> '0.5005'", "constant '0.5' -> '1.0'",
    ]),
    ("x = y is None or True", [
        "logic 'y is None or True' -> 'y is None and True'", "logic 'y is None or True' -> 'True'",
        "logic 'y is None or True' -> 'y is None'", "comparison 'y is None' -> 'y is not None'",
        "constant 'True' -> 'False'",
    ]),
    ("x = y[a:]", ["slice 'a:' -> 'a + 1:'", "slice 'a:' -> 'a - 1:'", "slice 'a:' -> 'a:-1'"]),
    ("f(a, b, k=c)", [
        "removed 'f(a, b, k=c)' -> 'pass'", "arguments 'f(a, b, k=c)' -> 'f(b, a, k=c)'", "keyword 'k=c' -> ''",
    ]),
    ("x = xp.maximum(a, b)", ["function 'xp.maximum(a, b)' -> 'xp.minimum(a, b)'"]),
    ("def f(x):\n    return x", ["sign 'return x' -> 'return -x'", "return 'return x' -> 'return None'"]),
]  # fmt: skip

SPARED = {
    "docstring": '"""Adds 1 + 1."""',
    "annotation": "def f(x: tuple[1, 2]) -> Literal[3]: ...",
    "annotated name": "x: Literal[3]",
    "error": "raise ValueError(f'{x + 1} is not {n - 1}', 3)",
    "text": "x = f'{1 + 1}' + 'abc'",
    "message": "check(ok, lambda: f'{n - 1}')".replace("check(ok", "x = check(ok"),
    "display": "class A:\n    def __repr__(self):\n        return self.name + str(1)",
    "names": "__all__ = [a + b]",
    "import": "from a import b",
    "guard of zip": "x = zip(a, strict=True)",
}


def names(tmp_path, source):
    """What the mutants of a source are called, without the file."""
    path = tmp_path / "module.py"
    path.write_text(textwrap.dedent(source) + "\n")
    return read(path, "module.py")


@pytest.mark.parametrize(("source", "wanted"), ROWS, ids=[row[0] for row in ROWS])
def test_faults(tmp_path, source, wanted):
    assert [mutant.id.partition(" ")[2] for mutant in names(tmp_path, source).mutants] == wanted


@pytest.mark.parametrize("source", SPARED.values(), ids=SPARED)
def test_spared(tmp_path, source):
    assert [mutant.id for mutant in names(tmp_path, source).mutants] == []


LAYERED = """
LIMIT = 3

class Layer:
    size = 5

    def forward(self, x, n=7):
        if x > n:
            x += 1
        return [y * 2 for y in x]

    rule = staticmethod(
        lambda g: g * 2
    )

def outer(x):
    def inner(y):
        return y / x
    return inner
"""


def test_places(tmp_path):
    """A fault knows the function and the lines that run it, and where its node stands."""
    found = {
        f"{m.operator} {m.old}": (m.function, m.first, m.last, m.line, m.column)
        for m in names(tmp_path, LAYERED).mutants
    }
    assert found["constant 3"] == ("<module>", 2, 2, 2, 9)
    assert found["constant 5"] == ("Layer", 5, 5, 5, 12)
    assert found["constant 7"] == ("Layer", 7, 8, 7, 28)
    assert found["comparison x > n"] == ("Layer.forward", 8, 8, 8, 12)
    assert found["removed x += 1"] == ("Layer.forward", 9, 9, 9, 13)
    assert found["arithmetic y * 2"] == ("Layer.forward", 10, 10, 10, 17)
    assert found["arithmetic g * 2"] == ("Layer.<lambda>", 13, 13, 13, 19)
    assert found["arithmetic y / x"] == ("outer.<locals>.inner", 18, 18, 18, 16)


def test_planted_and_taken_back(tmp_path):
    """Every mutant changes the tree to what its name says, and leaves it as it was."""
    source = names(tmp_path, LAYERED)
    before = ast.dump(source.tree, include_attributes=True)
    texts = set()
    for mutant in source.mutants:
        with source.planted(mutant) as tree:
            texts.add(ast.unparse(tree))
            compile(tree, "module.py", "exec")
        assert ast.dump(source.tree, include_attributes=True) == before, mutant.id
    assert len(texts) == len(source.mutants)
    assert len({mutant.id for mutant in source.mutants}) == len(source.mutants)
