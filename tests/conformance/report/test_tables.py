"""Tables of records, against counts by hand."""

from pathlib import Path

import pandas
import pytest

from conformance.record import CRASH, FAIL, KNOWN, PASS, UNSUPPORTED, Record, to_frame
from conformance.report import tables


def record(operation: str, check: str, status: str, **more: object) -> Record:
    found = Record(f"{operation}([3])", "family", operation, "float32", check, "out", status)
    for name, value in more.items():
        setattr(found, name, value)
    return found


RECORDS = [
    record("exp", "output", PASS, z=1.0, rms_z=1.0, torch_rms_z=2.0, seconds=0.5),
    record("exp", "gradient", PASS, z=3.0, rms_z=2.0, torch_rms_z=1.0),
    record("exp", "layout gapped", PASS, z=0.0, rms_z=0.0, torch_rms_z=0.0, identical=True),
    record("exp", "output", FAIL, z=50.0, index="[1]", category="bound", cause="is zero (told from 1 element only)"),
    record("exp", "gradient", FAIL, z=50.0, index="[2]", category="bound", cause="is zero"),
    record("tanh", "output", PASS, z=2.0, rms_z=1.0, torch_rms_z=1.2, seconds=0.25),
    record("tanh", "second-order", KNOWN, message="meant"),
    record("tanh", "second-order", UNSUPPORTED, message="absent"),
    record("tanh", "run", CRASH, message="exit status 11\nand a trace"),
]
FRAME = to_frame(RECORDS)


def rows(table: pandas.DataFrame, *columns: str) -> list[tuple[object, ...]]:
    return list(table[list(columns)].itertuples(index=False, name=None))


def test_by_operation() -> None:
    table = tables.by_operation(FRAME)
    columns = ("operation", "cases", "passed", "failed", "known", "unsupported")
    assert rows(table, *columns) == [("exp", 1, 3, 2, 0, 0), ("tanh", 1, 1, 1, 1, 1)]
    assert rows(table, *tables.KINDS) == [(2, 2, 0, 1, 0), (1, 0, 2, 0, 0)]
    assert rows(table, "closer", "tied", "farther", "rms z") == [(1, 0, 1, 1.5), (0, 1, 0, 1.0)]
    assert rows(table, "widest z", "seconds") == [(3.0, 0.5), (2.0, 0.25)]


def test_by_check() -> None:
    table = tables.by_check(FRAME).set_index("check")
    assert table.loc["output", ["comparisons", "passed", "failed"]].tolist() == [3, 2, 1]
    assert table["comparisons"].sum() == len(RECORDS)


def test_by_family() -> None:
    columns = ("family", "tensors", "closer", "tied", "farther")
    assert rows(tables.by_family(FRAME), *columns) == [("family", 3, 1, 1, 1)]


def test_failures_that_look_alike_are_one_group() -> None:
    columns = ("operation", "what", "likely cause", "failures", "checks")
    assert rows(tables.groups(FRAME), *columns) == [
        ("exp", "bound", "is zero", 2, "gradient, output"),
        ("tanh", "CRASH", "exit status 11", 1, "run"),
    ]


@pytest.mark.parametrize(("status", "reason"), [(KNOWN, "meant"), (UNSUPPORTED, "absent")])
def test_reasons(status: str, reason: str) -> None:
    assert rows(tables.reasons(FRAME, status), "operation", "reason", "comparisons") == [("tanh", reason, 1)]


def test_slowest() -> None:
    assert rows(tables.slowest(FRAME), "operation", "seconds") == [("exp", 0.5), ("tanh", 0.25)]


@pytest.mark.parametrize(
    "table", [tables.by_operation, tables.by_check, tables.by_family, tables.groups, tables.slowest]
)
def test_a_run_without_records_has_empty_tables(table: object) -> None:
    assert callable(table)
    assert len(table(to_frame([]))) == 0


def test_tables_are_written_three_times(tmp_path: Path) -> None:
    made = tables.write(FRAME, tmp_path / "tables")
    assert {path.suffix for path in made} == {".csv", ".parquet", ".md"}
    for name, table in tables.ALL.items():
        expected = table(FRAME)
        pandas.testing.assert_frame_equal(
            pandas.read_parquet(tmp_path / "tables" / f"{name}.parquet"), expected.reset_index(drop=True)
        )
        assert len(pandas.read_csv(tmp_path / "tables" / f"{name}.csv")) == len(expected)
    assert "| exp " in (tmp_path / "tables" / "operations.md").read_text()
