"""Cases with torch's side already computed, so that a mutant costs only its own runs."""

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from conformance.candidates.protocol import Candidate
from conformance.case import Case
from conformance.comparison import _Comparison
from conformance.draw import Array
from conformance.oracle import Truth, reference_candidate
from conformance.prove.mutation.coverage import Recorder
from conformance.record import PASS, UNSUPPORTED, Record

Name = tuple[str, str]  # check, tensor


Judged = dict[Any, tuple[Array, Record]]  # by check and tensor: what a candidate gave, and what was said about it


@dataclass
class Baseline:
    """What the unharmed candidate gives on a case: how long it takes, which lines it executes, and its records."""

    seconds: float
    open: frozenset[Name] = frozenset()  # records that did not pass: these say nothing about a mutant
    lines: dict[str, frozenset[tuple[str, int]]] = field(default_factory=dict)  # by file
    judged: Judged = field(default_factory=dict)


class WarmCase:
    """A case whose truth is at hand: torch's results, the oracle's, and those of its expanded sample."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self._comparison = _Comparison(case, reference_candidate(), Truth(case, case.sample()))
        list(self._comparison.records())

    def records(self, candidate: Candidate, judged: Judged | None = None) -> Iterator[Record]:
        """The comparisons with a candidate, one by one. Bits that are in `judged` need no verdict again."""
        comparison = copy.copy(self._comparison)  # the truths are shared
        comparison.candidate, comparison.judged = candidate, dict(judged or {})
        yield from comparison.records()

    def measured(self, candidate: Candidate, recorder: Recorder) -> Baseline:
        """What the unharmed candidate does."""
        judged: Judged = {}
        comparison = copy.copy(self._comparison)
        comparison.candidate, comparison.judged = candidate, judged
        with recorder.on():
            records = list(comparison.records())
        lines = recorder.take()
        start = time.process_time()
        list(self.records(candidate, judged))
        passed = {key: pair for key, pair in judged.items() if pair[1].status == PASS}
        return Baseline(time.process_time() - start, left_open(records), lines, passed)


def notices(record: Record, baseline: Baseline) -> bool:
    """Whether a record says that something is wrong which was not wrong before."""
    suspicious = record.bad or record.status == UNSUPPORTED
    return suspicious and (record.check, record.tensor) not in baseline.open


def left_open(records: list[Record]) -> frozenset[Name]:
    """The names of records that did not pass."""
    return frozenset((record.check, record.tensor) for record in records if record.status != PASS)
