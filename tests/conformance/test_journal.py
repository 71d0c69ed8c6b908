"""The journal: what was written comes back, a torn line is nothing, and another run's journal is refused."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest

from conformance.journal import Header, Journal, beside, read
from conformance.record import COLUMNS, FAIL, PASS, Record

HEADER = Header({"candidate": "mine", "torch": "2.0"}, {"--ops": ("tanh",)}, ("tanh([3]) float32", "tanh([5]) float32"))
PLAIN = Record("tanh([3]) float32", "pointwise", "tanh", "float32", "output", "out", PASS)
FULL = replace(
    PLAIN, status=FAIL, message='two\nlines, "quoted" \u00e4\u2028', index="[0, 1]", candidate=math.inf, torch=-0.0,
    oracle=0.1 + 0.2, z=float(numpy.float64(1e300)), failing=numpy.int64(3), identical=True, seconds=0.25,
)  # fmt: skip


def fields(records: list[Record]) -> list[list[str]]:
    """Every field; NaN is equal to itself, -0.0 is not 0.0."""
    return [[repr(getattr(record, column)) for column in COLUMNS] for record in records]


def written(path: Path) -> None:
    with Journal(path, HEADER) as journal:
        journal.add(PLAIN.case, [PLAIN, FULL])
        journal.add("tanh([5]) float32", [replace(PLAIN, case="tanh([5]) float32")])


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    path = beside(tmp_path / "deep" / "latest")
    assert path.name == "latest.journal"
    written(path)
    header, done, whole = read(path)
    assert header.identity == HEADER.identity and header.cases == HEADER.cases and whole == path.stat().st_size
    assert list(done) == list(HEADER.cases)
    assert fields(done[PLAIN.case]) == fields([PLAIN, replace(FULL, failing=3)])


def test_every_case_is_on_disk_at_once(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", HEADER) as journal:
        journal.add(PLAIN.case, [PLAIN])
        assert list(read(tmp_path / "j")[1]) == [PLAIN.case]


@pytest.mark.parametrize("torn", [b"{", b'{"case":"tanh([5]) float32","records":[]}', b"\xff\x00"])
def test_a_torn_last_line_is_ignored(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "j"
    with Journal(path, HEADER) as journal:
        journal.add(PLAIN.case, [PLAIN])
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + torn)
    with Journal(path, HEADER, resume=True) as journal:
        assert list(journal.done) == [PLAIN.case] and path.stat().st_size == size
        journal.add("tanh([5]) float32", [replace(PLAIN, case="tanh([5]) float32")])
    assert list(read(path)[1]) == list(HEADER.cases)


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (
            replace(HEADER, identity={"candidate": "mine", "torch": "2.1"}),
            ["torch", "'2.0' in the journal", "'2.1' in"],
        ),
        (replace(HEADER, choice={"--ops": ("sum",)}), ["--ops", "tanh", "sum"]),
        (replace(HEADER, identity={**HEADER.identity, "device": "cuda"}), ["device", "'' in the journal", "'cuda'"]),
    ],
)
def test_another_runs_journal_is_refused(tmp_path: Path, now: Header, words: list[str]) -> None:
    written(tmp_path / "j")
    before = (tmp_path / "j").read_bytes()
    with pytest.raises(ValueError, match="another run") as error:
        Journal(tmp_path / "j", now, resume=True)
    assert all(word in str(error.value) for word in words)
    assert (tmp_path / "j").read_bytes() == before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no journal"),
        (b"", "before it began"),
        (b'{"format":1', "before it began"),
        (b'{"format":99,"identity":{},"choice":{},"cases":[]}\n', "format 99"),
        (b'{"format":1,"identity":{},"choice":{},"cases":[]}\nnonsense\n{}\n', "line 2"),
    ],
)
def test_what_cannot_be_continued(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "j").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        Journal(tmp_path / "j", HEADER, resume=True)


def test_a_journal_without_cases_leaves_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", HEADER):
        pass
    assert not any(tmp_path.iterdir())


def test_numbers_of_numpy_are_written_as_numbers(tmp_path: Path) -> None:
    odd: Any = {"z": numpy.float32(0.5), "elements": numpy.int32(7), "probed": numpy.bool_(True)}
    with Journal(tmp_path / "j", HEADER) as journal:
        journal.add(PLAIN.case, [replace(PLAIN, **odd)])
    (found,) = read(tmp_path / "j")[1][PLAIN.case]
    assert (found.z, found.elements, found.probed) == (0.5, 7, True)
