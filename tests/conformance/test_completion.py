"""What the shell is told when TAB is pressed, as argcomplete asks for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.completion import _COMPLETERS

pytest.importorskip("argcomplete")


@pytest.mark.parametrize(
    ("option", "prefix", "expected"),
    [
        ("ops", "max_pool", "max_pool2d"),
        ("ops", "tanh,nn.functional.max_pool", "tanh,nn.functional.max_pool2d"),
        ("dtype", "float32,b", "float32,bfloat16"),
        ("family", "", "pool"),
        ("candidate", "", "torch:mkldnn=off"),
        ("case", "", "tanh([7]) float32"),
        ("recipe", "", "lenet5"),
    ],
)
def test_words(option: str, prefix: str, expected: str) -> None:
    assert expected in _COMPLETERS[option](prefix=prefix)


def test_as_a_shell_asks(tmp_path: Path) -> None:
    line = "conform run --ops tanh,soft"
    answer = tmp_path / "answer"
    environment = os.environ | {
        "_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9",
    }  # fmt: skip
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-m", "conformance"], cwd=root, env=environment, check=True, timeout=60)
    assert {"tanh,softmax", "tanh,softplus"} <= set(answer.read_text(encoding="utf-8").split("\n"))
