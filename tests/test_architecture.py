"""The promises of the layout: imports flow one way, the engine stands alone, the harness sees only public names."""

import ast
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ADAPTER = "conformance.candidates.refnet"

# From the ground up. A module imports from its own layer and from those above it in this list. A name stands for the
# module and all beneath it, unless a longer name says otherwise; "=name" stands for the module (a package's own
# `__init__`) alone.
LAYERS = (
    ("_recording.active",),  # what the rest of the engine asks whether it is being recorded
    ("_batch_last", "_check", "_threads", "_workspace"),
    ("_tape",),
    ("_device", "_dtype", "_gpu", "_memory", "_memory_format", "_precision", "_recording"),
    ("_kernels",),
    ("_ops", "random"),  # what draws arrays; what draws tensors comes later
    ("_engine", "_format", "_formats", "_inplace", "backends"),
    ("random.functions", "random.in_place", "=random"),
    ("tensor",),
    ("_lowrank", "autograd", "creation", "linalg", "masked", "signal", "special"),
    ("nn.parameter",),
    ("nn.functional", "nn.init", "nn.utils.rnn", "serialization"),
    ("nn.modules",),
    ("cuda", "nn.utils", "optim", "utils"),
    ("func",),
    ("=nn",),
    ("captured",),
    ("datasets",),
    ("models",),
    ("onnx",),
    ("=",),  # the package itself: torch's namespace, put together from all the above
    ("train",),  # a program on top of the namespace, which can be another library's
)

DYNAMIC = re.compile(r"^(?:importlib\.)?(?:import_module|__import__)\('([\w.]+)'")


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_of(path): path for package in ("refnet", "conformance") for path in (ROOT / package).rglob("*.py")}
ENGINE = sorted(name for name in FILES if name.partition(".")[0] == "refnet")
HARNESS = sorted(name for name in FILES if name.partition(".")[0] == "conformance")


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text(encoding="utf-8"), str(FILES[module]))


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING"


def imports(module: str, node: ast.AST | None = None) -> Iterator[tuple[int, str]]:
    """(line, name) of all that is imported, inside functions and by `import_module("...")` too, but not for types only."""
    for child in ast.iter_child_nodes(node or tree_of(module)):
        if is_type_checking(child):
            continue
        if isinstance(child, ast.Import):
            yield from ((child.lineno, alias.name) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = child.module or ""
            if child.level:
                package = module.split(".") if FILES[module].name == "__init__.py" else module.split(".")[:-1]
                package = package[: len(package) - child.level + 1]
                base = ".".join([*package, *filter(None, [base])])
            yield from ((child.lineno, f"{base}.{alias.name}") for alias in child.names)
        elif isinstance(child, ast.Call) and (call := DYNAMIC.search(ast.unparse(child))):
            yield child.lineno, call[1]
        yield from imports(module, child)


def modules_imported(module: str) -> Iterator[tuple[int, str]]:
    """(line, module) for imports of modules of this repository: `from refnet import nn` is an import of refnet.nn."""
    for line, name in imports(module):
        while name:
            if name in FILES:
                if name != module:
                    yield line, name
                break
            name = name.rpartition(".")[0]


def layer_of(module: str) -> int:
    name = module.removeprefix("refnet").removeprefix(".")
    places = {entry: position for position, layer in enumerate(LAYERS) for entry in layer}
    if f"={name}" in places:
        return places[f"={name}"]
    while name not in places:
        assert name, f"{module} stands in no layer: add it to LAYERS in {Path(__file__).name}"
        name = name.rpartition(".")[0]
    return places[name]


def where(module: str, line: int) -> str:
    return f"{FILES[module].relative_to(ROOT)}:{line}"


def test_every_module_stands_in_a_layer() -> None:
    assert all(0 <= layer_of(module) < len(LAYERS) for module in ENGINE)


def test_engine_imports_flow_one_way() -> None:
    upwards = [
        f"{where(module, line)} imports {name}, which stands above it"
        for module in ENGINE
        for line, name in modules_imported(module)
        if name in ENGINE and layer_of(name) > layer_of(module)
    ]
    assert not upwards, "\n".join(upwards)


@pytest.mark.parametrize("modules", [ENGINE, HARNESS], ids=["refnet", "conformance"])
def test_no_import_cycles(modules: list[str]) -> None:
    """An import inside a function counts: it hides a cycle, it does not undo one."""
    graph = {module: sorted({name for _, name in modules_imported(module)} & set(modules)) for module in modules}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in done:
            for name in graph[module]:
                # A package's __init__ re-exports its modules; a module that names its own package means a sibling.
                if not module.startswith(f"{name}."):
                    visit(name, (*path, module))
            done.add(module)

    for module in modules:
        visit(module, ())


def test_engine_knows_neither_torch_nor_the_harness() -> None:
    found = [
        f"{where(module, line)} imports {name}"
        for module in ENGINE
        for line, name in imports(module)
        if name.partition(".")[0] in {"torch", "torchvision", "conformance"}
    ]
    assert not found, "\n".join(found)


def test_only_the_adapter_imports_the_engine() -> None:
    found = [
        f"{where(module, line)} imports {name}; only {ADAPTER} may"
        for module in HARNESS
        for line, name in imports(module)
        if name.partition(".")[0] == "refnet" and module != ADAPTER
    ]
    assert not found, "\n".join(found)


def test_the_adapter_uses_public_names_only() -> None:
    imported = [(line, name) for line, name in imports(ADAPTER) if name.partition(".")[0] == "refnet"]
    assert imported, f"{ADAPTER} imports nothing of refnet: this test looks at the wrong file"
    read = [
        (node.lineno, ast.unparse(node))
        for node in ast.walk(tree_of(ADAPTER))
        if isinstance(node, ast.Attribute) and ast.unparse(node).partition(".")[0] == "refnet"
    ]
    private = [f"{where(ADAPTER, line)}: {name}" for line, name in imported + read if re.search(r"\._(?!_)", name)]
    assert not private, "\n".join(private)


def run_python(program: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_engine_loads_little() -> None:
    """Of all that is installed, `import refnet` loads numpy and ml_dtypes."""
    program = (
        "import sys; from importlib.metadata import packages_distributions\n"
        "before = set(sys.modules)\n"
        "import refnet\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new & (packages_distributions().keys() | {'conformance', 'cupy'})))"
    )
    assert set(run_python(program).split()) - {"refnet"} <= {"numpy", "ml_dtypes"}


def test_the_engine_needs_no_torch() -> None:
    """`import refnet`, and every module of it, with torch made unimportable."""
    names = [name for name in ENGINE if not name.endswith("__main__")]
    run_python(
        f"import sys, importlib\nsys.modules['torch'] = None\nfor name in {names!r}: importlib.import_module(name)"
    )


def tracked() -> list[Path]:
    """The files of the repository, those not yet committed included; without git, all but hidden and built ones."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True
    )
    if listing.returncode == 0 and listing.stdout:
        paths = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    else:
        # Without a repository nothing tells what is ignored: look at the sources.
        paths = [path for folder in ("refnet", "conformance", "tests") for path in (ROOT / folder).rglob("*")]
        paths += [path for path in ROOT.glob("*") if not path.name.startswith(".")]
    return sorted(path for path in paths if path.is_file() and "__pycache__" not in path.parts)


def test_no_file_holds_a_path_of_one_machine() -> None:
    folders = {str(ROOT), str(ROOT.parent), str(Path.home()), tempfile.gettempdir()} - {"/", "/usr", "/usr/share"}
    here = "|".join(re.escape(folder) for folder in sorted(folders))
    pattern = re.compile(rf"(?<![\w.~$}}])(?:(?:{here})/|/(?:home|Users)/\w+/)")
    found = []
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content:
            for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
                if match := pattern.search(line):
                    found.append(f"{path.relative_to(ROOT)}:{number}: {match[0]}")
    assert not found, "\n".join(found)
