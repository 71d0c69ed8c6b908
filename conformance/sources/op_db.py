"""torch's own operator database as a source of cases.

The database (`op_db`) has an entry for every operation that torch tests, with a generator of samples, the dtypes and
gradients it supports, and calls that it must refuse. A case is one sample, called for instance

    nn.functional.conv2d([1,3,4], [3,3,2], [3], stride=(2,)) float32 op_db 7

the last words being where it stands in the database: the entry (left out where it is called like the operation) and
the number of the sample. Looking a case up draws the samples of its entry; listing cases draws those of all entries
that are asked for, one after the other. Nothing is kept but the samples of the last two entries.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from conformance.case import ERROR, GRADIENT, OUTPUT, Case, Operation
from conformance.draw import FLOATS, INTEGERS
from conformance.sources.op_names import Call, building, call_of
from conformance.sources.op_samples import (
    ERRORS,
    Drawn,
    DrawnArguments,
    accepted,
    draw,
    entries,
    has_objects,
    supports,
    text,
    unusable,
)

FAMILY = "op_db"
DTYPES = (*FLOATS, *INTEGERS, "bool")
DEFAULT_DTYPES = ("float32", "int64")  # the first that an entry knows
ACCEPTED = "torch runs this call without an error when it is made with copies of the arguments"
NO_SUCH_DTYPE = "the entry has no samples of this dtype"
NO_REAL_DTYPE = "the entry knows neither float32 nor int64 on the CPU"
_ID = re.compile(
    r"(?P<operation>[^(]+)\(.*\) (?P<dtype>\w+) (?P<refused>refused )?op_db (?:(?P<entry>\S+) )?(?P<index>\d+)"
)


class OpDb(Mapping[str, Case]):
    """The cases of the database by id. Any id can be looked up; listed are those of the operations and dtypes chosen.

    `operations` are patterns for names of operations, with or without their namespaces; empty means all. Without
    `dtypes` an entry is listed at float32, or at int64 where it knows integers only.
    """

    def __init__(self, operations: Sequence[str] = (), dtypes: Sequence[str] = ()) -> None:
        self.operations = tuple(operations)
        self.dtypes = tuple(dtypes)

    @property
    def listed(self) -> dict[str, Case]:
        """The chosen cases, in the order of the database."""
        return self._everything[0]

    @cached_property
    def _everything(self) -> tuple[dict[str, Case], list[tuple[str, str]]]:
        """The chosen cases, and the samples that cannot be cases."""
        cases: dict[str, Case] = {}
        others: list[tuple[str, str]] = []
        for entry, call, drawn_as in self._groups():
            for index, drawn in enumerate(draw(entry, drawn_as)):
                reason = unusable(drawn)
                if not reason and drawn_as == ERRORS and accepted(call.operation, drawn, call.swapped):
                    reason = ACCEPTED
                if reason:
                    others.append((f"{entry} {drawn_as} {index}", reason))
                else:
                    case = _case(entry, call, drawn_as, index, drawn)
                    cases[case.id] = case
        return cases, others

    def __getitem__(self, name: str) -> Case:
        if "_everything" in self.__dict__ and name in self.listed:
            return self.listed[name]
        found = _ID.fullmatch(name)
        if found is None:
            raise KeyError(name)
        entry = found["entry"] or found["operation"]
        drawn_as = ERRORS if found["refused"] else found["dtype"]
        if entry not in entries() or (drawn_as != ERRORS and drawn_as not in DTYPES):
            raise KeyError(name)
        call = call_of(entries()[entry])
        if isinstance(call, str):
            raise KeyError(name)
        samples = draw(entry, drawn_as)
        index = int(found["index"])
        if index >= len(samples) or unusable(samples[index]):
            raise KeyError(name)
        case = _case(entry, call, drawn_as, index, samples[index])
        if case.id != name:
            raise KeyError(name)
        return case

    def __iter__(self) -> Iterator[str]:
        return iter(self.listed)

    def __len__(self) -> int:
        return len(self.listed)

    def left_out(self) -> Iterator[tuple[str, str]]:
        """(entry or sample, reason): what the database has and the chosen cases have not."""
        for entry, info in entries().items():
            call = call_of(info)
            if isinstance(call, str):
                if not self.operations or _matches(entry, self.operations):
                    yield entry, call
            elif self._wanted(call):
                yield from ((f"{entry} {dtype}", NO_SUCH_DTYPE) for dtype in self.dtypes if not supports(info, dtype))
                if not self._dtypes(info):
                    yield entry, NO_REAL_DTYPE
        yield from self._everything[1]

    def _groups(self) -> Iterator[tuple[str, Call, str]]:
        """(entry, what it calls, dtype or ERRORS). Calls to be refused have dtypes of their own: float32 stands for all."""
        for entry, info in entries().items():
            call = call_of(info)
            if isinstance(call, str) or not self._wanted(call):
                continue
            yield from ((entry, call, dtype) for dtype in self._dtypes(info))
            if "float32" in (self.dtypes or DEFAULT_DTYPES) and info.error_inputs_func is not None:
                yield entry, call, ERRORS

    def _dtypes(self, info: Any) -> list[str]:
        if self.dtypes:
            return [dtype for dtype in self.dtypes if supports(info, dtype)]
        return [dtype for dtype in DEFAULT_DTYPES if supports(info, dtype)][:1]

    def _wanted(self, call: Call) -> bool:
        return not self.operations or _matches(call.operation.name, self.operations)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(part, pattern) for part in (name, name.rpartition(".")[2]) for pattern in patterns)


def _case(entry: str, call: Call, drawn_as: str, index: int, drawn: Drawn) -> Case:
    operation = call.operation
    label = f"op_db {index}" if entry == operation.name else f"op_db {entry} {index}"
    arguments = DrawnArguments(entry, drawn_as, index, call.swapped, text(drawn, call.swapped))
    if operation.program is None and has_objects(drawn):
        operation = Operation(operation.name, building(operation.name))
    if drawn_as == ERRORS:
        return Case(operation, arguments, "float32", frozenset({ERROR}), (), label=f"refused {label}", family=FAMILY)
    checks = {OUTPUT, GRADIENT} if drawn.differentiated else {OUTPUT}
    return Case(operation, arguments, drawn_as, frozenset(checks), (), label=label, family=FAMILY)


def left_out(operations: Sequence[str] = (), dtypes: Sequence[str] = ()) -> list[tuple[str, str]]:
    """What the database has and the cases have not, each with the reason."""
    return list(OpDb(operations, dtypes).left_out())
