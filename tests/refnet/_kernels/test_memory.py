"""No kernel touches memory beside its arrays, and every kernel is run by these tests."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import calls
import pytest
from on_host import HostModule, everywhere, needs_compiler

from conformance.standin import kernels as host
from refnet._kernels import launch

pytestmark = needs_compiler
ROOT = Path(__file__).resolve().parents[3]

#: what would go wrong on a GPU, and go unnoticed there: a source, a change of it, and the side where memory ends
BESIDE = [
    ("common.cuh", "i < (n); i +=", "i <= (n); i +=", "behind"),
    ("pool.cu", "if (y < 0 || y >= w.size[1])", "if (y >= w.size[1])", "before"),
]


def run_on_fenced_memory(side: str, changed: tuple[str, str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The calls in a process of their own, with a source changed."""
    program = f"import runpy, sys; sys.argv = ['calls', {side!r}]\n"
    if changed is not None:
        program += (
            "from pathlib import Path; read = Path.read_text\n"
            f"Path.read_text = lambda self, **k: read(self, **k).replace(*{changed[1:]!r}) if self.name == {changed[0]!r} "
            "else read(self, **k)\n"
        )
    program += f"runpy.run_path({str(Path(__file__).with_name('calls.py'))!r}, run_name='__main__')\n"
    paths = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
        cwd=ROOT,
    )


@pytest.mark.parametrize("side", ["behind", "before"])
def test_no_kernel_leaves_its_arrays(side: str) -> None:
    done = run_on_fenced_memory(side)
    assert done.returncode == 0, f"exit status {done.returncode}: {done.stderr[-2000:]}"


@pytest.mark.parametrize("fault", BESIDE, ids=[source for source, *_ in BESIDE])
def test_a_kernel_that_does_is_caught(fault: tuple[str, str, str, str]) -> None:
    assert fault[1] in launch._FOLDER.joinpath(fault[0]).read_text(encoding="utf-8")
    done = run_on_fenced_memory(fault[3], fault[:3])
    assert done.returncode == -signal.SIGSEGV, f"exit status {done.returncode}: {done.stderr[-2000:]}"


def test_every_kernel_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """But those of the random streams, which have tests of their own."""
    run: set[str] = set()
    launched = host.RawKernel.__call__

    def noted(self: Any, *args: Any, **options: Any) -> None:
        run.add(self.name.partition("<")[0])
        launched(self, *args, **options)

    monkeypatch.setattr(host.RawKernel, "__call__", noted)
    for _ in calls.results(HostModule(), "float32"):
        pass
    assert run == {name for family in launch.families() if family != "philox" for name in launch.names(family)}


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("name", calls.CALLS)
def test_no_order_of_blocks_or_threads_matters(name: str, kind: str) -> None:
    everywhere(lambda xp: _flat(calls.CALLS[name](xp, kind)))


def _flat(results: Any) -> list[Any]:
    lists = [result if isinstance(result, list) else [result] for result in results]
    return [array for found in lists for array in found if hasattr(array, "tobytes")]
