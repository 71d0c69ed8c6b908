"""The schedule: every case once, neighbours together, nobody idle while there is work."""

import pytest

from conformance.cases import Case, args, normal, ops
from conformance.schedule import Schedule


def cases(*counts: int) -> list[Case]:
    """`counts[i]` cases of operation number i."""
    return [case for i, n in enumerate(counts) for case in ops(f"op{i}", [args(normal(k + 1)) for k in range(n)])]


@pytest.mark.parametrize("counts", [(1,), (10, 1, 1, 9, 40), (100,), (3,) * 30, ()])
@pytest.mark.parametrize("pace", [(1,), (1, 1), (9, 1), (0, 1), (1, 7, 2)])
def test_every_case_is_given_once(counts: tuple[int, ...], pace: tuple[int, ...]) -> None:
    """`pace`: how many cases each worker does in turn; one that does none loses all it has to the others."""
    given = cases(*counts)
    schedule = Schedule(given, len(pace))
    done: list[Case] = []
    while schedule:
        for worker, count in enumerate(pace):
            done += [case for _ in range(count) if (case := schedule.next(worker))]
    assert sorted(case.id for case in done) == sorted(case.id for case in given)
    assert [schedule.next(worker) for worker in range(len(pace))] == [None] * len(pace)


def test_what_is_stolen_keeps_operations_together() -> None:
    schedule = Schedule(cases(6, 6, 6, 6), 2)
    assert [case.operation.name for case in schedule.queues[0]] == ["op0"] * 6 + ["op1"] * 6
    for _ in range(12):
        schedule.next(1)
    stolen = schedule.next(1)
    assert stolen is not None and stolen.operation.name == "op1"
    assert {case.operation.name for case in schedule.queues[0]} == {"op0"}
    assert [case.operation.name for case in schedule.queues[1]] == ["op1"] * 5


def test_long_cases_come_first_and_apart() -> None:
    long = [
        case for i, seconds in enumerate((100.0, 300.0, 200.0)) for case in ops(f"long{i}", [args()], timeout=seconds)
    ]
    schedule = Schedule([*cases(10), *long], 2)
    firsts = [schedule.next(0), schedule.next(1), schedule.next(0)]
    assert [case.timeout for case in firsts if case] == [300.0, 200.0, 100.0]


def test_what_a_dead_worker_had_is_given_back() -> None:
    given = cases(4)
    schedule = Schedule(given, 1)
    taken = [case for _ in range(3) if (case := schedule.next(0))]
    schedule.give_back(0, taken[1:])
    assert [schedule.next(0) for _ in range(3)] == given[1:]
