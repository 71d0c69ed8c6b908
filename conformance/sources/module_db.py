"""torch's own module database as a source of cases.

The database (`module_db`) has an entry for every module that torch tests, with samples of what the module is made with
and what it is given. A case is one sample, in one of these ways:

    nn.Linear(10, 8)([4,10]) float32 module_db 0 train      results and gradients of inputs and parameters
    nn.Linear(10, 8)([4,10]) float32 module_db 0 eval       the same in evaluation mode
    nn.Linear(10, 8) float32 module_db 0 state              names, text, initial numbers, a round trip of the state
    nn.RNNCell(10, 20)([3,11], [3,20]) float32 module_db 0 refused

The state that a module computes with is drawn by the case: all zeros and ones would hide errors. An entry that is not
what this harness knows is left out with the reason: the database is internal to torch and changes between releases.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from conformance.candidates.torch import Torch
from conformance.case import BITS, ERROR, GRADIENT, OUTPUT, SECOND, Case, Operation, Program
from conformance.draw import FLOATS
from conformance.sources import module_programs
from conformance.sources.database import Database, LeftOut
from conformance.sources.module_samples import (
    EVAL,
    REFUSED,
    STATE,
    TRAIN,
    DrawnModule,
    ModuleArguments,
    draw,
    entries,
    name_of,
    shown,
    unusable,
)

FAMILY = "module_db"
DTYPES = FLOATS
NO_SUCH_DTYPE = "modules are tested at floating dtypes"
ACCEPTED = "torch runs this call without an error"
_ID = re.compile(r"(?P<entry>[\w.]+)\(.*\) (?P<dtype>\w+) module_db (?P<index>\d+) (?P<mode>train|eval|state|refused)")
_PROGRAMS: dict[str, Program] = {
    TRAIN: module_programs.forward,
    EVAL: module_programs.forward,
    STATE: module_programs.described,
    REFUSED: module_programs.refused,
}


class ModuleDb(Database):
    """The cases of the module database by id."""

    def collect(self) -> Iterator[Case | LeftOut]:
        return self.over_dtypes(entries(), DTYPES, NO_SUCH_DTYPE, self._of_entry)

    def find(self, name: str) -> Case | None:
        found = _ID.fullmatch(name)
        if found is None or found["entry"] not in entries() or found["dtype"] not in DTYPES:
            return None
        entry, dtype, mode, index = found["entry"], found["dtype"], found["mode"], int(found["index"])
        try:
            samples = draw(entry, dtype, TRAIN if mode == STATE else mode)
            return _case(entry, entries()[entry], dtype, mode, index, samples[index])
        except Exception:  # as above: there is no such case
            return None

    def _of_entry(self, entry: str, info: Any, dtype: str) -> Iterator[Case | LeftOut]:
        named = name_of(info.module_cls)
        if named != entry:
            yield entry, f"the entry's class is {named}"
            return
        promised = dtype in {str(known).removeprefix("torch.") for known in info.dtypes}
        made: set[str] = set()
        for mode in (TRAIN, EVAL):
            for index, drawn in enumerate(draw(entry, dtype, mode)):
                case = _case(entry, info, dtype, mode, index, drawn)
                reason = unusable(info.module_cls, drawn, dtype, mode)
                if not reason and not promised:
                    reason = _without_kernel(case)
                if reason:
                    yield f"{entry} {dtype} {mode} {index}", reason
                    continue
                yield case
                text = shown(drawn, called=False)
                if mode == TRAIN and text not in made:  # once for all samples that make the same module
                    made.add(text)
                    yield _case(entry, info, dtype, STATE, index, drawn)
        if dtype == "float32" and info.module_error_inputs_func is not None:
            for index, drawn in enumerate(draw(entry, dtype, REFUSED)):
                case = _case(entry, info, dtype, REFUSED, index, drawn)
                reason = unusable(info.module_cls, drawn, dtype, REFUSED)
                if not reason and not Torch().run(case.operation, case.sample()).raised:
                    reason = ACCEPTED
                yield (f"{entry} {dtype} {REFUSED} {index}", reason) if reason else case


def _without_kernel(case: Case) -> str:
    """Of a dtype that the entry does not promise: why torch cannot run the sample on the CPU; "" when it can."""
    raised = Torch().run(case.operation, case.sample()).raised.get(OUTPUT)
    return f"torch cannot run it at {case.dtype}: {raised.kind}: {raised.message}" if raised else ""


def _case(entry: str, info: Any, dtype: str, mode: str, index: int, drawn: DrawnModule) -> Case:
    arguments = ModuleArguments(entry, dtype, mode, index, shown(drawn, called=mode != STATE))
    case = Case(Operation(entry, _PROGRAMS[mode]), arguments, dtype, frozenset(), (), family=FAMILY)
    return replace(case, checks=_checks(info, mode, drawn), label=f"module_db {index} {mode}")


def _checks(info: Any, mode: str, drawn: DrawnModule) -> frozenset[str]:
    """The second order is that of training; where evaluation is no different, its results alone show that it is not.

    A linear cross-entropy made with `options` has no second order, whatever the entry says: torch's documentation does.
    """
    if mode == REFUSED:
        return frozenset({ERROR})
    if mode == STATE:
        return frozenset({BITS})
    if mode == EVAL and not info.train_and_eval_differ:
        return frozenset({OUTPUT})
    twice = mode == TRAIN and info.supports_gradgrad and drawn.made_with.kwargs.get("options") is None
    return frozenset({OUTPUT, GRADIENT, SECOND} if twice else {OUTPUT, GRADIENT})
