"""The coverage of torch's databases: every name in one state, and what is missing with its reason."""

from pathlib import Path

import pytest

from conformance.record import Record, to_frame
from conformance.report.coverage import (
    FAILING,
    KNOWN_DIFFERENCE,
    MISSING,
    NOT_CHOSEN,
    NOT_COMPARED,
    NOT_RUN,
    PASSING,
    by_namespace,
    covered,
    markdown,
)
from conformance.report.missing import load, reason_for
from conformance.run import Outcome
from conformance.sources.databases import DATABASES, Listed, database, left_out, names

# Importing the databases warns of torch's own deprecations.
pytestmark = pytest.mark.filterwarnings("ignore")


def record(operation: str, status: str, check: str = "output", message: str = "") -> Record:
    return Record(f"{operation}() float32", "optim_db", operation, "float32", check, "out", status, message=message)


RECORDS = [
    record("optim.SGD", "PASS"),
    record("optim.SGD", "UNSUPPORTED", "second-order", "torch has none"),
    record("optim.Adam", "PASS"),
    record("optim.Adam", "FAIL", "gradient"),
    record("optim.AdamW", "PASS"),
    record("optim.AdamW", "KNOWN"),
    record("optim.SparseAdam", "PASS", "error"),
    record("optim.Rprop", "PASS", "error"),
    record("optim.Muon", "UNSUPPORTED", "run", "there is no Muon"),
]
STATES = {
    "optim.SGD": PASSING,
    "optim.Adam": FAILING,
    "optim.AdamW": KNOWN_DIFFERENCE,
    "optim.SparseAdam": MISSING,  # that it refuses is no optimizer
    "optim.Rprop": NOT_RUN,  # there, but nothing that it computes was compared
    "optim.Muon": MISSING,
    "optim.ASGD": NOT_RUN,
}


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    found = Outcome("refnet", [], records=RECORDS, sources=("optim_db",))
    found.left_out = [("optim.ASGD", "the entry is not as expected: KeyError: 'lr'"), ("optim.ASGD float32 1", "other")]
    return found


def test_every_name_has_a_state(outcome: Outcome) -> None:
    table = covered(outcome, to_frame(RECORDS)).set_index("name")
    assert len(table) == 15
    assert {name: table["state"][name] for name in STATES} == STATES
    assert table["reason"]["optim.SparseAdam"].startswith("sparse tensors")
    assert table["reason"]["optim.ASGD"].startswith("the entry is not as expected: KeyError")
    assert table["reason"]["optim.Adagrad"] == NOT_CHOSEN
    assert table["not supported"]["optim.SGD"] == 1


def test_the_tables_add_up(outcome: Outcome) -> None:
    table = covered(outcome, to_frame(RECORDS))
    counts = by_namespace(table)
    assert list(counts.index) == ["optim", "all"]
    assert counts["names"]["all"] == 15
    assert counts["implemented"]["all"] + counts[MISSING]["all"] == 15
    states = [PASSING, KNOWN_DIFFERENCE, FAILING, NOT_COMPARED, NOT_RUN, MISSING]
    assert counts.loc["all", states].sum() == 15
    text = markdown(table)
    assert "- sparse tensors" in text
    assert "`optim.Adam`" in text.partition("Failing:")[2]


def test_names_of_all_databases() -> None:
    """Variants of an entry are one name; every name that has no cases says why."""
    found = [listed for source in DATABASES for listed in names(source)]
    assert len({(listed.source, listed.name) for listed in found}) == len(found)
    functional = [listed for listed in found if listed.namespace == "nn.functional"]
    assert len(functional) == 99
    assert sum(listed.source == "module_db" for listed in found) == 114
    assert all(listed.operations or listed.reason for listed in found)


def test_namespaces() -> None:
    assert Listed("op_db", "tanh", frozenset()).namespace == "torch"
    assert Listed("op_db", "linalg.solve", frozenset()).namespace == "linalg"
    assert Listed("module_db", "nn.Linear", frozenset()).namespace == "nn"


# --- what is left out ----------------------------------------------------------------------------------------------


def test_reasons_are_found_by_patterns() -> None:
    assert reason_for("fft.rfft").startswith("complex numbers")
    assert reason_for("nn.functional.conv2d") == ""
    assert all(pattern and len(reason.split()) > 4 for pattern, reason in load())


@pytest.mark.parametrize("text", ['[[missing]]\nnames = ["a"]', '[[missing]]\nreason = "b"', "[[missing]]\nnames = []"])
def test_an_entry_without_names_or_reason_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "missing.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="every entry has names and a reason"):
        load(path)


def test_databases_by_name() -> None:
    assert database("optim_db", ("optim.Muon",)) is database("optim_db", ("optim.Muon",))
    assert dict(left_out(["own", "optim_db"], ["optim.SparseAdam"], []))["optim.SparseAdam"]
    with pytest.raises(ValueError, match="no database is called 'opdb'"):
        database("opdb")
