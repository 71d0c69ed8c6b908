"""The clock that other programs do not move, and the heap that is as it will stay."""

import ctypes
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conformance.candidates import load
from conformance.timing import run, undisturbed
from conformance.timing.run import Bench
from conformance.timing.undisturbed import SCHEDULED, Undisturbed

told = pytest.mark.skipif(not SCHEDULED.exists(), reason="the system does not tell how long threads wait")


def test_waiting_for_a_processor_is_taken_off(tmp_path: Path) -> None:
    """A second on the clock, of which the thread waited a quarter."""
    file = tmp_path / "schedstat"
    file.write_text("700000000 1000000000 12\n", encoding="utf-8")
    clock = Undisturbed(file)
    before, began = clock(), time.perf_counter()
    file.write_text("950000000 1250000000 14\n", encoding="utf-8")
    assert clock() - before == pytest.approx(time.perf_counter() - began - 0.25, abs=0.05)
    with pytest.raises(OSError, match="nothing"):
        Undisturbed(tmp_path / "nothing")


@told
def test_sleep_counts() -> None:
    clock = Undisturbed()
    began = clock()
    time.sleep(0.05)
    assert clock() - began > 0.04


def test_which_clock_tells_the_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where threads share the work, only the time of the day is all of theirs."""
    torch = load("torch")
    bench = Bench(torch, torch, 1)  # type: ignore[arg-type]
    assert bench.clock_for(1) is bench.alone and bench.clock_for(2) is time.perf_counter
    given = Bench(torch, torch, 1, clock=time.monotonic)  # type: ignore[arg-type]
    assert given.clock_for(1) is given.clock_for(2) is time.monotonic

    def untold() -> Undisturbed:
        return Undisturbed(tmp_path / "nothing")

    monkeypatch.setattr(run, "Undisturbed", untold)
    assert Bench(torch, torch, 1).clock_for(1) is time.perf_counter  # type: ignore[arg-type]


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="the C library is not glibc")
def test_a_settled_heap_keeps_blocks() -> None:
    """Before, a block of 8 MiB comes straight from the system; afterwards it does not."""
    program = """
import ctypes, numpy
from conformance.timing.undisturbed import settle_heap
class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks rest0 rest1 rest2 rest3 rest4 rest5".split()]
info = ctypes.CDLL(None).mallinfo2
info.restype = Info
def straight():
    before = info().hblks
    block = numpy.empty(8 << 20, numpy.uint8)
    return info().hblks - before
first = straight()
settle_heap()
print(first, straight())
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["1", "0"]
    assert undisturbed.LARGEST < 32 << 20
