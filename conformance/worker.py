"""A worker process: it compares case after case, and nothing that happens in one may end it or spoil the next."""

import faulthandler
import os
import signal
import sys
import threading
import traceback
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path

from conformance.case import Case
from conformance.record import FAIL, OOM, Record

GIB = 2**30
_NO_MEMORY = ("can't allocate memory", "MemoryError", "std::bad_alloc", "CUDA out of memory")


Answer = list[Record] | tuple[str, str, str]  # the records of a case, or its (status, category, message) as a whole


class CannotStart(RuntimeError):
    """A worker could not load the candidate or the cases: there is nothing to run."""


def work(
    pipe: Connection,
    candidate: str,
    device: str,
    extra: tuple[str, ...],
    sources: tuple[str, ...],
    memory: float | None,
) -> None:
    """A worker's life: load the candidate, then compare case after case until told to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    faulthandler.enable()
    try:
        import torch

        torch.set_num_threads(1)
        from conformance.candidates import load
        from conformance.cases import catalogue
        from conformance.comparison import compare

        cases = catalogue(extra, sources=sources)
        loaded = load(candidate, device)
        if memory is not None:
            _limit_memory(memory)
    except Exception as error:  # whatever it is, a worker that cannot start says why
        pipe.send(CannotStart(_why(error)))
        return
    pipe.send(None)  # ready
    try:
        while (name := pipe.recv()) is not None:
            answer: Answer
            try:
                answer = [_out_of_memory(record) for record in compare(cases[name], loaded)]
            except MemoryError as error:
                answer = (OOM, "exception", f"MemoryError: {error}")
            except Exception:
                answer = (FAIL, "harness", f"the harness itself failed:\n{traceback.format_exc()}")
            pipe.send(answer)
    except (EOFError, BrokenPipeError):  # the parent has gone
        pass
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)  # taking torch down in an orderly way takes longer than many a run


def whole(case: Case, status: str, category: str, message: str) -> Record:
    """A record on a case as a whole, where no comparison came about."""
    return Record(
        case.id, case.family, case.operation.name, case.dtype, "run", "", status, category=category, message=message
    )


def _why(error: Exception) -> str:
    """What the user has to know: usage errors in one line, others with their traceback."""
    if isinstance(error, ValueError | ImportError | AttributeError):
        return str(error)
    return "".join(traceback.format_exception(error))


def _out_of_memory(record: Record) -> Record:
    """torch reports a failed allocation as a RuntimeError like any other: that is not a wrong answer."""
    if record.status == FAIL and any(words in record.message for words in _NO_MEMORY):
        record.status = OOM
    return record


def _end_with_parent() -> None:
    """A parent that is killed cannot stop its workers, and one that hangs in a case would stay for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _limit_memory(gib: float) -> None:
    """Allocations beyond `gib` fail from now on, as they do on a machine that has no more.

    The limit is on private writable memory (RLIMIT_DATA): libraries and reserved addresses do not count.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        raise ValueError("a limit on memory needs Linux")
    import resource

    fields = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines() if ":" in line)
    used = int(fields["VmData"].split()[0]) * 1024
    if gib * GIB <= used:
        raise ValueError(f"a worker takes {used / GIB:.2f} GiB before its first case: a limit of {gib:g} is too small")
    resource.setrlimit(resource.RLIMIT_DATA, (int(gib * GIB), resource.RLIM_INFINITY))
