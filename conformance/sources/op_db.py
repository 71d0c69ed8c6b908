"""torch's own operator database as a source of cases.

The database (`op_db`) has an entry for every operation that torch tests, with a generator of samples, the dtypes and
gradients it supports, and calls that it must refuse. A case is one sample, called for instance

    nn.functional.conv2d([1,3,4], [3,3,2], [3], stride=(2,)) float32 op_db 7

the last words being where it stands in the database: the entry (left out where it is called like the operation) and
the number of the sample. Looking a case up draws the samples of its entry; listing cases draws those of all entries
that are asked for, one after the other. Nothing is kept but the samples of the last two entries.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from conformance.case import ERROR, GRADIENT, OUTPUT, SECOND, Case, Operation
from conformance.draw import FLOATS, INTEGERS
from conformance.sources.database import Database, LeftOut, because
from conformance.sources.op_names import CHOOSING, Call, building, call_of, selecting
from conformance.sources.op_samples import (
    ERRORS,
    Drawn,
    DrawnArguments,
    accepted,
    differentiates_twice,
    draw,
    entries,
    has_equals,
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


class OpDb(Database):
    """The cases of the operator database by id. Without `dtypes` an entry is listed at float32, or at int64 where it
    knows integers only.
    """

    def __init__(self, operations: Sequence[str] = (), dtypes: Sequence[str] = ()) -> None:
        super().__init__(operations, dtypes)
        self.dtypes = tuple(dtypes)

    def collect(self) -> Iterator[Case | LeftOut]:
        for entry, info in entries().items():
            try:
                yield from self._of_entry(entry, info)
            except Exception as error:  # the database is torch's own affair
                if self.wanted(entry):
                    yield entry, because(error)

    def find(self, name: str) -> Case | None:
        found = _ID.fullmatch(name)
        if found is None:
            return None
        entry = found["entry"] or found["operation"]
        drawn_as = ERRORS if found["refused"] else found["dtype"]
        if entry not in entries() or (drawn_as != ERRORS and drawn_as not in DTYPES):
            return None
        try:
            call = call_of(entries()[entry])
            samples = draw(entry, drawn_as)
        except Exception:  # as above: there is no such case
            return None
        index = int(found["index"])
        if isinstance(call, str) or index >= len(samples) or unusable(samples[index]):
            return None
        return _case(entry, call, drawn_as, index, samples[index])

    def _of_entry(self, entry: str, info: Any) -> Iterator[Case | LeftOut]:
        call = call_of(info)
        if isinstance(call, str):
            if self.wanted(entry):
                yield entry, call
            return
        if not self.wanted(call.operation.name):
            return
        yield from ((f"{entry} {dtype}", NO_SUCH_DTYPE) for dtype in self.dtypes if not supports(info, dtype))
        if not self._dtypes(info):
            yield entry, NO_REAL_DTYPE
        for drawn_as in self._kinds(info):
            for index, drawn in enumerate(draw(entry, drawn_as)):
                reason = unusable(drawn)
                if not reason and drawn_as == ERRORS and accepted(call.operation, drawn, call.swapped):
                    reason = ACCEPTED
                yield (f"{entry} {drawn_as} {index}", reason) if reason else _case(entry, call, drawn_as, index, drawn)

    def _kinds(self, info: Any) -> Iterator[str]:
        """Dtypes, and ERRORS. Calls to be refused have dtypes of their own: float32 stands for all."""
        yield from self._dtypes(info)
        if "float32" in (self.dtypes or DEFAULT_DTYPES) and info.error_inputs_func is not None:
            yield ERRORS

    def _dtypes(self, info: Any) -> list[str]:
        if self.dtypes:
            return [dtype for dtype in self.dtypes if supports(info, dtype)]
        return [dtype for dtype in DEFAULT_DTYPES if supports(info, dtype)][:1]


def _case(entry: str, call: Call, drawn_as: str, index: int, drawn: Drawn) -> Case:
    operation = call.operation
    label = f"op_db {index}" if entry == operation.name else f"op_db {entry} {index}"
    arguments = DrawnArguments(entry, drawn_as, index, call.swapped, text(drawn, call.swapped))
    if operation.program is None and has_objects(drawn):
        operation = Operation(operation.name, building(operation.name))
    if drawn.select is not None:
        operation = selecting(operation, drawn.select)
    if drawn_as == ERRORS:
        return Case(operation, arguments, "float32", frozenset({ERROR}), (), label=f"refused {label}", family=FAMILY)
    smooth = drawn.differentiated and not (entry in CHOOSING and has_equals(drawn))
    checks = {OUTPUT, GRADIENT} if smooth else {OUTPUT}  # of equal numbers, torch does not say which gets the gradient
    if smooth and differentiates_twice(entries()[entry], drawn_as, drawn):
        checks.add(SECOND)
    return Case(operation, arguments, drawn_as, frozenset(checks), (), label=label, family=FAMILY)


def left_out(operations: Sequence[str] = (), dtypes: Sequence[str] = ()) -> list[tuple[str, str]]:
    """What the database has and the cases have not, each with the reason."""
    return OpDb(operations, dtypes).left_out()
