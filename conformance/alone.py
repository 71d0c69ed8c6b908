"""One comparison in a process of its own: a candidate that crashes, hangs or eats memory ends that process only.

The process is a fork, so that nothing is imported or drawn again: a comparison costs milliseconds more than without.
"""

import multiprocessing
import signal
import warnings
from functools import lru_cache
from multiprocessing.connection import Connection
from types import SimpleNamespace

import numpy

from conformance.candidates.functions import Functions
from conformance.candidates.protocol import Candidate
from conformance.case import OUTPUT, Case, args, ops
from conformance.draw import normal
from conformance.isolate import ending
from conformance.record import CRASH, HANG, OOM, Record
from conformance.worker import Answer, answer_on, whole


def compare_alone(case: Case, candidate: Candidate, timeout: float) -> list[Record]:
    """The records of a case as a run has them: CRASH, HANG or OOM where the process did not live to tell.

    Where a process cannot be forked (no POSIX system, an accelerator in use) the comparison is made in this one.
    """
    if "fork" not in multiprocessing.get_all_start_methods() or getattr(candidate, "device", "cpu") != "cpu":
        return _records(case, answer_on(case, candidate))
    _load()
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, case, candidate), daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads that the fork leaves behind: none of ours
        process.start()
    theirs.close()
    limit = max(timeout, case.timeout or 0.0)
    try:
        if not ours.poll(limit):
            process.kill()
            return [whole(case, HANG, "", f"no result after {limit:g} s")]
        return _records(case, ours.recv())
    except EOFError:
        process.join(5)
        status = OOM if process.exitcode == -signal.SIGKILL else CRASH
        return [whole(case, status, "", f"the process died: {ending(process.exitcode)}")]
    finally:
        ours.close()
        process.join(5)


@lru_cache(maxsize=1)
def _load() -> None:
    """Load torch and all that judges a failure here, once, and not in every fork: a failure that is no secret does it."""
    wrong = SimpleNamespace(exp=lambda x: numpy.exp(x) * x.dtype.type(1.5))
    (case,) = ops("exp", [args(normal(3))], checks={OUTPUT}, layouts=())
    answer_on(case, Functions(wrong, "wrong"))


def _answer(pipe: Connection, case: Case, candidate: Candidate) -> None:
    """The life of the process, which Ctrl-C ends without a word: the parent has it too, and says so."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    pipe.send(answer_on(case, candidate))


def _records(case: Case, answer: Answer) -> list[Record]:
    return [whole(case, *answer)] if isinstance(answer, tuple) else answer
