"""Running: workers that die, hang or take too much; the same records in any order; selection, shards, the ledger."""

import random
from pathlib import Path
from typing import Any

import pytest

from conformance import known
from conformance.isolate import Workers
from conformance.record import COLUMNS, CRASH, FAIL, HANG, KNOWN, OOM, PASS, Record
from conformance.run import Selection, Shard, run, select
from conformance.worker import CannotStart

DISASTERS = {  # what they end in: status and category
    "sin": (CRASH, ""),
    "cos": (HANG, ""),
    "asinh": (OOM, ""),
    "atan": (FAIL, "harness"),
    "sinh": (OOM, "exception"),
    "square": (OOM, "exception"),
}


def evidence(records: list[Record]) -> list[list[str]]:
    """All that two runs must agree in: everything but the time."""
    return [[repr(getattr(record, column)) for column in COLUMNS if column != "seconds"] for record in records]


def test_a_run_survives_whatever_a_case_does() -> None:
    """Every case gets its record, and the cases behind it, in the same worker or in the next, are none the worse."""
    chosen = Selection(operations=("linear", "tanh", *DISASTERS), families=("few_cases",), dtypes=("float32",))
    cases = select(chosen, ["few_cases"])
    outcome = run("misbehaving:everything", cases, workers=2, timeout=6, memory=4, extra=["few_cases"])
    endings = {case.operation.name: [r for r in outcome.records if r.case == case.id] for case in cases}
    assert outcome.complete
    assert {name: (endings[name][0].status, endings[name][0].category) for name in DISASTERS} == DISASTERS
    assert all(len(endings[name]) == 1 for name in DISASTERS)
    assert "exit code 3" in endings["sin"][0].message
    assert "no result after 6 s" in endings["cos"][0].message
    assert "SIGKILL" in endings["asinh"][0].message
    assert "Traceback" in endings["atan"][0].message and "supports() itself is broken" in endings["atan"][0].message
    assert {record.status for record in endings["tanh"] + endings["nn.functional.linear"]} == {PASS}


CROOKED = {  # plain functions, each wrong in its own way: check, status, category, and what the message says
    "exp": ("output", FAIL, "bound", "farther from the oracle"),
    "tanh": ("output", FAIL, "exception", "returned a str, but should return arrays"),
    "cos": ("output", FAIL, "non-finite", "torch"),
    "erf": ("output", FAIL, "dtype", "dtype float64, but should be float32"),
    "square": ("unchanged", FAIL, "mutated-input", "elements changed"),
    "sinh": ("output", FAIL, "exception", "ValueError: no idea"),
    "expm1": ("run", CRASH, "", "exit code 3"),
    "asinh": ("run", HANG, "", "no result after"),
    "atan": ("output", OOM, "exception", "MemoryError"),
    "clone": ("unchanged", FAIL, "aliased-input", "shares memory with input 0"),
    "sin": ("gradient", FAIL, "", "farther from the oracle"),
}


def test_no_row_is_lost_whatever_a_function_does() -> None:
    chosen = Selection(families=("crooked_cases",))
    cases = select(chosen, ["crooked_cases"])
    outcome = run("crooked", cases, workers=1, timeout=8, memory=8, extra=["crooked_cases"])
    assert outcome.complete and {record.case for record in outcome.records} == {case.id for case in cases}
    for name, (check, status, category, said) in CROOKED.items():
        (case,) = (case for case in cases if case.operation.name == name and "refused" not in case.id)
        wrong = [r for r in outcome.records if r.case == case.id and r.bad]
        found = next((r for r in wrong if r.check == check), None)
        assert found is not None and found.status == status and said in found.message, (name, wrong)
        assert not category or found.category == category, (name, found)


def test_records_do_not_depend_on_order_or_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFORM_CACHE", "")  # nothing that one run found may help the next
    chosen = Selection(operations=("tanh", "linear", "dropout", "softmax"))
    cases = [case for case in select(chosen) if not case.timeout][::8]
    shuffled = cases.copy()
    random.Random(0).shuffle(shuffled)
    with Workers(1, "refnet") as one, Workers(2, "refnet") as two:
        first, second, third = [
            {case.id: evidence(records) for case, records in pool.run(order)}
            for pool, order in ((one, cases), (two, shuffled), (one, shuffled[::-1]))
        ]
    assert len(first) == len(cases) >= 8
    assert first == second == third


def test_workers_that_cannot_start_say_why() -> None:
    cases = select(Selection(operations=("tanh",)))[:1]
    with Workers(1, "torch", memory=0.01) as workers, pytest.raises(CannotStart, match=r"limit of 0\.01 is too small"):
        list(workers.run(cases))


def test_ctrl_c_leaves_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = select(Selection(operations=("tanh",)))[:2]
    record = Record(cases[0].id, "pointwise", "tanh", "float32", "output", "out", PASS)

    def interrupted(*_: Any) -> Any:
        yield cases[0], [record]
        raise KeyboardInterrupt

    monkeypatch.setattr(Workers, "run", interrupted)
    outcome = run("torch", cases)
    assert outcome.records == [record] and not outcome.complete


def test_selection() -> None:
    chosen = select(Selection(operations=("tan*",), dtypes=("float64",)))
    assert chosen and {case.dtype for case in chosen} == {"float64"}
    assert {case.operation.name for case in chosen} >= {"tan", "tanh"}
    everything = select(Selection())
    assert len({case.id for case in everything}) == len(everything) > 3000
    both = select(Selection(words=("tanh", "FLOAT64")))
    assert both and all("tanh" in case.id and "float64" in case.id for case in both)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_shards_are_balanced_parts_of_the_whole(count: int) -> None:
    everything = [case.id for case in select(Selection())]
    shards = [[case.id for case in select(Selection(shard=Shard(i + 1, count)))] for i in range(count)]
    assert sorted(id for shard in shards for id in shard) == sorted(everything)
    fair = len(everything) / count
    assert all(abs(len(shard) - fair) < 4 * fair**0.5 for shard in shards)


def test_a_case_stays_in_its_shard_whatever_else_is_chosen() -> None:
    narrow = select(Selection(operations=("tanh",), shard=Shard(2, 3)))
    wide = {case.id for case in select(Selection(shard=Shard(2, 3)))}
    assert narrow and all(case.id in wide for case in narrow)


def entry(case: str, check: str = "*") -> known.Difference:
    return known.Difference("refnet", case, check, "meant")


def record(status: str) -> Record:
    return Record("op([3]) float32", "family", "op", "float32", "gradient", "0", status)


def test_known_differences() -> None:
    (listed,) = known.apply([record(FAIL)], "refnet", [entry("op([3])*", "gradient")])
    assert listed.status == KNOWN and listed.message.startswith("meant")
    assert [r.status for r in known.apply([record(FAIL)], "other", [entry("op*")])] == [FAIL]
    assert [r.status for r in known.apply([record(FAIL)], "refnet", [entry("op[4]*")])] == [FAIL]


def test_a_known_difference_that_no_longer_differs_fails() -> None:
    passed, stale = known.apply([record(PASS)], "refnet", [entry("op*")])
    assert passed.status == PASS and stale.status == FAIL and "does not differ any more" in stale.message


def test_a_known_difference_is_stale_only_when_all_its_cases_ran() -> None:
    (passed,) = known.apply([record(PASS)], "refnet", [entry("op*")], not_run=["op([5]) float32"])
    assert passed.status == PASS
    assert len(known.apply([record(PASS)], "refnet", [entry("op*")], not_run=["other([5]) float32"])) == 2


def test_the_ledger_applies_twice_as_once() -> None:
    """Records of a part of the whole went through it before they are merged."""
    once = known.apply([record(FAIL)], "refnet", [entry("op*")])
    assert known.apply(once, "refnet", [entry("op*")]) == once
    (unlisted,) = known.apply(once, "refnet", [])
    assert unlisted.status == FAIL and "no longer listed" in unlisted.message


def test_a_difference_without_a_reason_is_refused(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.toml"
    ledger.write_text('[[difference]]\ncase = "op*"\n', encoding="utf-8")
    with pytest.raises(ValueError, match="reason"):
        known.load(ledger)
