"""torch's own optimizer database as a source of cases.

The database (`optim_db`) has an entry for every optimizer that torch tests, with samples of its options. A case is one
sample, in one of these ways:

    optim.Adam(lr=0.01) float32 optim_db 1 steps        parameters and state after several steps on given gradients
    optim.Adam(lr=0.01) float32 optim_db 1 resumed      the last of them, from the state that torch saved on the way
    optim.Adam(params=[[2,3]], lr=0.01, betas=(1.0,0.0)) float32 optim_db 6 refused
    optim.Adam(params=[[2,3]], capturable=True) float32 optim_db 0 captured     options for CUDA graphs: refused here

After the samples of an entry come its options `foreach`, `differentiable` and `fused`, as far as it has them. What is
compared covers the whole state_dict, names and kinds included: what loads the one loads the other.
"""

import re
from collections.abc import Iterator
from typing import Any

from conformance.candidates.torch import Torch
from conformance.case import ERROR, OUTPUT, UNCHANGED, Case, Operation, Program
from conformance.draw import FLOATS, HALVES
from conformance.sources import optim_programs
from conformance.sources.database import Database, LeftOut
from conformance.sources.op_names import SPARSE
from conformance.sources.op_samples import CannotUse
from conformance.sources.optim_samples import (
    CAPTURED,
    REFUSED,
    RESUMED,
    STEPS,
    DrawnOptimizer,
    OptimizerArguments,
    draw,
    entries,
    name_of,
    shown,
)

FAMILY = "optim_db"
DTYPES = FLOATS
NO_SUCH_DTYPE = "optimizers are tested at floating dtypes"
ROUGH = "where its search goes and when it stops hangs on comparisons that rounding decides at this dtype"
ACCEPTED = "torch runs this call without an error"
_ID = re.compile(
    r"(?P<entry>[\w.]+)\(.*\) (?P<dtype>\w+) optim_db (?P<index>\d+) (?P<kind>steps|resumed|refused|captured)"
)
_PROGRAMS: dict[str, Program] = {
    STEPS: optim_programs.steps,
    RESUMED: optim_programs.resumed,
    REFUSED: optim_programs.refused,
    CAPTURED: optim_programs.refused,
}
_CHECKS = {STEPS: {OUTPUT, UNCHANGED}, RESUMED: {OUTPUT}}  # a loaded state goes on in the memory it was loaded from


class OptimDb(Database):
    """The cases of the optimizer database by id."""

    def collect(self) -> Iterator[Case | LeftOut]:
        return self.over_dtypes(entries(), DTYPES, NO_SUCH_DTYPE, self._of_entry)

    def find(self, name: str) -> Case | None:
        found = _ID.fullmatch(name)
        if found is None or found["entry"] not in entries() or found["dtype"] not in DTYPES:
            return None
        entry, dtype, kind, index = found["entry"], found["dtype"], found["kind"], int(found["index"])
        try:
            return _case(entry, dtype, kind, index, draw(entry, dtype, STEPS if kind == RESUMED else kind)[index])
        except Exception:  # as above: there is no such case
            return None

    def _of_entry(self, entry: str, info: Any, dtype: str) -> Iterator[Case | LeftOut]:
        name_of(info.optim_cls)
        if info.only_supports_sparse_grads:
            yield entry, SPARSE
        elif info.step_requires_closure and dtype in HALVES:
            yield f"{entry} {dtype}", ROUGH
        else:
            for kind in (STEPS, RESUMED):
                for index, drawn in enumerate(draw(entry, dtype, STEPS)):
                    yield _checked(_case(entry, dtype, kind, index, drawn), f"{entry} {dtype} {kind} {index}")
        if dtype == "float32":
            for kind in (REFUSED, CAPTURED):
                for index, drawn in enumerate(draw(entry, dtype, kind)):
                    yield _checked(_case(entry, dtype, kind, index, drawn), f"{entry} {dtype} {kind} {index}")


def _checked(case: Case, place: str) -> Case | LeftOut:
    """The case, if torch does with it what it is there for."""
    try:
        sample = case.sample()
    except CannotUse as cannot:
        return place, str(cannot)
    raised = Torch().run(case.operation, sample).raised.get(OUTPUT)
    if ERROR in case.checks:
        return case if raised else (place, ACCEPTED)
    return (place, f"torch cannot run it: {raised.kind}: {raised.message}") if raised else case


def _case(entry: str, dtype: str, kind: str, index: int, drawn: DrawnOptimizer) -> Case:
    arguments = OptimizerArguments(entry, dtype, kind, index, shown(drawn), (drawn.cause,) if drawn.cause else ())
    checks = frozenset({ERROR} if kind in (REFUSED, CAPTURED) else _CHECKS[kind])
    operation = Operation(entry, _PROGRAMS[kind])
    return Case(operation, arguments, dtype, checks, (), label=f"optim_db {index} {kind}", family=FAMILY)
