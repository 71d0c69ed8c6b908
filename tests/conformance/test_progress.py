"""What is said while a run goes on."""

from typing import Any

from conformance.case import args, ops
from conformance.draw import normal
from conformance.known import Difference
from conformance.progress import NAMED, Progress
from conformance.record import FAIL, PASS, Record

CASES = ops("tanh", [args(normal(n)) for n in range(1, NAMED + 6)])


def record(case: Any, status: str) -> Record:
    return Record(case.id, "family", "tanh", "float32", "gradient", "0", status, message="far off\nand more")


def test_failing_cases_are_named_until_there_are_too_many(capsys: Any) -> None:
    listed = [Difference("mine", CASES[0].id, "gradient", "so it is")]
    with Progress(len(CASES), terminal=False, known=listed) as progress:
        for case in CASES:
            progress(case, [record(case, PASS), record(case, FAIL)])
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "FAIL tanh([2]) float32: gradient of input 0: far off"
    assert len(said) == NAMED + 1 and said[-1].startswith("more cases fail")
    assert progress.bad == len(CASES) - 1, "a listed difference is none"


def test_a_terminal_has_a_bar(capsys: Any) -> None:
    with Progress(len(CASES), done=1, terminal=True) as progress:
        progress(CASES[0], [record(CASES[0], PASS)])
    assert progress.done == 2 and capsys.readouterr().out == ""
