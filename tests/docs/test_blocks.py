"""Every code block of the documentation runs, and gives what the page says.

The blocks of a page share a folder and the names they define, from top to bottom:

- `python`: executed. With `>>>` it is a doctest; else a `text` block right behind it is what it prints.
- any with `save=NAME`: saved as a file of that name beside the page's other blocks.
- `console`: the lines after `$ ` are commands of the shell, each with what it writes to its standard output.
- any other with `no-run: why` in its info string is left alone; there is no other way to leave one alone.

In what is expected `...` stands for anything. Blocks of directives, `{...}`, are Sphinx's.
"""

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
INCLUDED = "conformance/cases/README.md"  # a page includes it whole
PAGES = [*sorted(path.relative_to(ROOT).as_posix() for path in DOCS.rglob("*.md")), INCLUDED]
FENCE = re.compile(
    r"^(?P<mark>```+)(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=mark)[ ]*\n(?P<after>\n?)", re.MULTILINE | re.DOTALL
)
LIKE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
MOST_LEFT_ALONE = 4
# What the installed command is.
CONFORM = """\
import os, sys
os.cpu_count = lambda: 1  # one worker: tests run side by side already
from conformance.cli import main

if __name__ == "__main__":
    sys.exit(main())
"""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    line: int  # of the page, of its first line
    language: str
    options: str
    body: str

    @property
    def left_alone(self) -> bool:
        """Whether it says that and why it must not run."""
        return re.match(r"no-run: \w+", self.options) is not None


def blocks(page: str) -> list[Block]:
    """The fenced blocks, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        language, _, options = match["info"].strip().partition(" ")
        found.append(Block(text.count("\n", 0, match.start()) + 2, language, options, match["body"]))
    return found


def same(expected: str, got: str, where: str) -> None:
    """Compare under `LIKE`."""
    assert doctest.OutputChecker().check_output(expected, got, LIKE), f"{where}\nexpected:\n{expected}\ngot:\n{got}"


def run_doctest(block: Block, page: str, names: dict[str, Any]) -> None:
    test = doctest.DocTestParser().get_doctest(block.body, {}, page, page, block.line - 1)
    test.globs = names
    said = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=LIKE, verbose=False)
    runner.run(test, out=said.write, clear_globs=False)
    assert not runner.failures, said.getvalue()


def run_python(block: Block, page: str, names: dict[str, Any]) -> str:
    said = io.StringIO()
    code = compile("\n" * (block.line - 1) + block.body, page, "exec")
    with contextlib.redirect_stdout(said):
        exec(code, names)
    return said.getvalue()


def run_console(block: Block, page: str, folder: Path, environment: dict[str, str]) -> None:
    parts = re.split(r"^\$ ", block.body, flags=re.MULTILINE)
    assert not parts[0].strip(), f"{page}:{block.line} begins with something that is no command"
    for part in parts[1:]:
        command, expected = re.fullmatch(r"((?:[^\n]*\\\n)*[^\n]*)\n(.*)", part, re.DOTALL).groups()
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
        )
        same(expected, done.stdout, f"{page}:{block.line}: {command}\n{done.stderr[-2000:]}")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """As after `pip install`: the packages, `python` and `conform` among the commands; scales are kept for this test alone."""
    folder = tmp_path_factory.mktemp("installed")
    command = folder / "conform"
    command.write_text(f"#!{sys.executable}\n{CONFORM}", encoding="utf-8")
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
    for each in (command, python):
        each.chmod(0o755)
    return os.environ | {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "CONFORM_CACHE": str(folder / "scales"),
        "COLUMNS": "120",
    }


@pytest.mark.parametrize("page", PAGES)
def test_blocks_run(page: str, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    names: dict[str, Any] = {"__name__": "page"}
    printed: str | None = None
    for block in blocks(page):
        where = f"{page}:{block.line}"
        if block.left_alone or block.language.startswith("{"):
            printed = None
            continue
        if block.language == "text":
            assert printed is not None, f"{where}: a text block with no python block before it"
            same(block.body, printed, where)
            printed = None
            continue
        printed = None
        if block.language == "console":
            run_console(block, page, tmp_path, environment)
        elif block.options.startswith("save="):
            (tmp_path / block.options.removeprefix("save=")).write_text(block.body, encoding="utf-8")
        elif block.language == "python" and ">>>" in block.body:
            run_doctest(block, page, names)
        elif block.language == "python" and not block.options:
            printed = run_python(block, page, names)
        else:
            pytest.fail(f"{where}: nothing is known of a block {block.language!r} {block.options!r}")
    for name in set(sys.modules) - before:  # a page's own modules must not be another's
        if str(getattr(sys.modules[name], "__file__", "") or "").startswith(str(tmp_path)):
            del sys.modules[name]


def test_few_blocks_are_left_alone() -> None:
    left = [f"{page}:{block.line}" for page in PAGES for block in blocks(page) if block.left_alone]
    assert len(left) <= MOST_LEFT_ALONE, left


def test_no_block_hides() -> None:
    """What the pattern of a block does not see is not run: a fence that is indented, or of tildes."""
    for page in PAGES:
        text = FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))
        assert not re.search(r"^\s*(```|~~~)|^( {4}|\t)\S", text, re.MULTILINE), f"{page} has a block that is not run"


def test_contributing_shows_an_operation_of_the_engine() -> None:
    """The operation in CONTRIBUTING.md, which a page includes, stands in the engine as it is shown, and so do its imports."""
    shown = [match["body"] for match in FENCE.finditer((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))]
    operation = {line for line in shown[0].splitlines() if line}
    source = (ROOT / "refnet/_ops/exponential.py").read_text(encoding="utf-8")
    assert operation <= set(source.splitlines()), operation - set(source.splitlines())
    imports = [line.split("  # ") for line in shown[1].splitlines() if line.startswith("from ")]
    assert imports
    for line, file in imports:
        assert line in (ROOT / file.partition(",")[0]).read_text(encoding="utf-8").splitlines(), (line, file)
