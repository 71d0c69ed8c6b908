"""Every assumption about cupy holds on the stand-in, and those about shapes and names on a real cupy that is there."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from conformance import standin
from conformance.standin.assumptions import ASSUMPTIONS, Assumption

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("assumption", ASSUMPTIONS, ids=lambda assumption: assumption.name)
def test_holds_on_the_stand_in(assumption: Assumption) -> None:
    with standin.installed() as cupy:
        assumption.check(cupy)


def test_each_says_what_it_assumes() -> None:
    statements = [assumption.statement for assumption in ASSUMPTIONS]
    assert all(statements)
    assert len(set(statements)) == len(statements)


@pytest.mark.skipif(importlib.util.find_spec("cupy") is None, reason="cupy is not installed")
def test_hold_on_the_real_cupy() -> None:
    """In a process of its own: on a machine without a GPU those that need none, all on one with a GPU."""
    cupy_there = "import cupy; print(cupy.cuda.is_available())"
    gpu = subprocess.run([sys.executable, "-c", cupy_there], capture_output=True, text=True).stdout.strip() == "True"
    command = [sys.executable, "-m", "conformance.standin.assumptions", *([] if gpu else ["--metadata"])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
