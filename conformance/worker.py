"""A worker process: it compares case after case, and nothing that happens in one may end it or spoil the next."""

import faulthandler
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from conformance import against
from conformance.against import Against
from conformance.candidates.protocol import Candidate
from conformance.case import Case
from conformance.gpus import CPU, kind, lost
from conformance.record import CRASH, FAIL, OOM, UNSUPPORTED, Record

GIB = 2**30
_NO_MEMORY = ("can't allocate memory", "MemoryError", "std::bad_alloc", "CUDA out of memory")


Answer = list[Record] | tuple[str, str, str]  # the records of a case, or its (status, category, message) as a whole


@dataclass(frozen=True)
class Last:
    """The answer of a worker that ends with it: it cannot use its GPU any more."""

    answer: Answer


class CannotStart(RuntimeError):
    """A worker could not load the candidate or the cases: there is nothing to run."""


def work(
    pipe: Connection,
    candidate: str,
    held: Against,
    extra: tuple[str, ...],
    sources: tuple[str, ...],
    memory: float | None,
    checks: tuple[str, ...] = (),
) -> None:
    """A worker's life: load the candidate, then compare case after case until told to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    faulthandler.enable()
    warnings.simplefilter("ignore")  # cases provoke them by the hundred, on both sides
    try:
        import torch

        torch.set_num_threads(1)
        from conformance.candidates import load
        from conformance.cases import catalogue

        cases = catalogue(extra, sources=sources)
        against.use(held)
        sides = _loaded(lambda: load(candidate, held.device), lambda: held.sides.reference, lambda: held.sides.oracle)
        if kind(held.device) == CPU or memory is not None:  # a GPU's driver reserves more addresses than there are
            _limit_memory(memory)
    except Exception as error:  # whatever it is, a worker that cannot start says why
        pipe.send(CannotStart(why(error)))
        return
    pipe.send(None)  # ready
    try:
        while (name := pipe.recv()) is not None:
            answer = answer_on(cases[name], sides[0], checks)
            last = not _usable(sides)
            pipe.send(Last(answer) if last else answer)
            if last:
                break
    except (EOFError, BrokenPipeError):  # the parent has gone
        pass
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)  # taking torch down in an orderly way takes longer than many a run


def _loaded(*sides: Callable[[], Candidate]) -> list[Candidate]:
    """What the run needs; a ValueError names everything that is missing, not the first alone."""
    found, missing = [], []
    for load in sides:
        try:
            found.append(load())
        except ValueError as error:
            missing.append(str(error))
    if missing:
        raise ValueError("\n".join(dict.fromkeys(missing)))
    return found


def _usable(sides: Sequence[Any]) -> bool:
    """Whether the GPUs still answer; their memory goes back on the way. On the CPU there is nothing to ask."""
    for side in sides:
        if not getattr(side, "on_gpu", False):
            continue
        try:
            side.synchronize()
            side.release()
        except Exception as error:
            if lost(f"{type(error).__name__}: {error}"):
                return False
    return True


def answer_on(case: Case, candidate: Candidate, checks: Sequence[str] = ()) -> Answer:
    """The records of a case, or of these checks of it, whatever happens in it short of the end of the process."""
    from conformance.comparison import GpuLost, ReferenceLost, compare

    try:
        return [_out_of_memory(record) for record in compare(case, candidate, checks=checks)]
    except MemoryError as error:
        return OOM, "exception", f"MemoryError: {error}"
    except ReferenceLost as error:
        return UNSUPPORTED, "", str(error)
    except GpuLost as error:
        return CRASH, "exception", f"the process lost its GPU: {error}"
    except Exception:
        return FAIL, "harness", f"the harness itself failed:\n{traceback.format_exc()}"


def whole(case: Case, status: str, category: str, message: str) -> Record:
    """A record on a case as a whole, where no comparison came about."""
    return Record(
        case.id, case.family, case.operation.name, case.dtype, "run", "", status, category=category, message=message
    )


def why(error: Exception) -> str:
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


def _limit_memory(gib: float | None) -> None:
    """Allocations beyond `gib` fail from now on, as they do on a machine that has no more; 0: no limit.

    None leaves a tenth of the machine's memory (or of the container's) to everything else, where the system tells it:
    a candidate that asks for more gets its MemoryError, before Linux kills some process of its own choice. The limit is
    on private writable memory (RLIMIT_DATA): libraries and reserved addresses do not count.
    """
    status = Path("/proc/self/status")
    if gib == 0 or (gib is None and not status.exists()):
        return
    if not status.exists():
        raise ValueError("a limit on memory needs Linux")
    import resource

    used = _kilobytes(status, "VmData") * 1024
    limit = int(gib * GIB) if gib is not None else _machine_memory() * 9 // 10
    if limit <= used:
        if gib is None:  # an accelerator's driver reserves more than there is
            return
        raise ValueError(f"a worker takes {used / GIB:.2f} GiB before its first case: a limit of {gib:g} is too small")
    resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))


def _machine_memory() -> int:
    """Bytes that the machine has, or that its container may take."""
    found = _kilobytes(Path("/proc/meminfo"), "MemTotal") * 1024
    limits = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
    texts = [path.read_text(encoding="utf-8").strip() for path in limits if path.exists()]
    return min([found, *(int(text) for text in texts if text.isdecimal())])


def _kilobytes(path: Path, name: str) -> int:
    """A field of one of Linux's tables."""
    for line in path.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0])
    raise ValueError(f"{path} has no {name}")
