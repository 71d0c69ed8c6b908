"""The program that a recording becomes: the calls that are needed, on as little memory as they need.

Passes over the calls, in this order:

1. parts for several threads are put in a row where there is one thread;
2. calls whose operands never change are left out: their results stay in memory (`_constant`);
3. calls are left out whose results nobody reads (`_needed`);
4. conditions on values come before everything that they do not need (`_conditions_first`);
5. what lives at different times is put into the same memory (`memory.plan`), which then stays in the cache;
6. each call is bound to its arrays, with the place of its result among them.

None of them changes what a call that remains computes.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy

from refnet import _threads
from refnet._check import check
from refnet._recording import memory
from refnet._recording.notes import Call, Otherwise, Recorder, Shared, owner_of, same

Array = Any
Calls = list[Call | Shared]


class Program:
    """The calls of a recording, ready to be made again.

    - recorder: of the run. kept: fresh owners, by id, that somebody looks at: results.
    - as_noted: make every call that was noted, where it was made, without any of the passes.
    - calls: what is left of those that were noted. noted: how many that were.
    """

    def __init__(self, recorder: Recorder, kept: dict[int, Array], *, as_noted: bool = False) -> None:
        calls = _in_a_row(recorder.calls)
        self.noted = _count(calls)
        self.engines = engines_of(calls)
        changing, settled = set(recorder.fresh), set[int]()
        if not as_noted:
            changing = _changing(calls, recorder, kept)
            calls, settled = _without_constants(calls, changing)
            calls = _conditions_first(_needed(calls, recorder, kept), recorder)
        self.calls = calls
        self._undone, self._rewound = _before_conditions(calls, recorder)
        own = {
            id(o): o
            for o in (*_owners(_flat(self.calls), "reads"), *_owners(_flat(self.calls), "writes"))
            if id(o) in recorder.fresh and id(o) in changing and id(o) not in settled
        }
        movable = {name: o for name, o in own.items() if name not in kept and not as_noted}
        self.plan = memory.plan(self.calls, movable)
        self._rubbish = [self.plan.block, *(o for name, o in own.items() if name not in self.plan.places)]
        self._steps = [self._bound(call) for call in self.calls]

    def __len__(self) -> int:
        return _count(self.calls)

    def replay(self) -> None:
        """Make the calls. Raises `Otherwise`, with everything as it was before, where a condition on values is not what it was."""
        before = [(array, array.copy("K")) for array in self._undone]
        states = [(engine, engine.state()) for engine in self._rewound]
        try:
            for step in self._steps:
                step()
        except Otherwise:
            for array, values in before:
                numpy.copyto(array, values)
            for engine, state in states:
                engine.restore(state)
            raise

    def spoil(self) -> None:
        """Fill the memory that every replay writes anew with rubbish, to show what reads it before that."""
        for owner in self._rubbish:
            if owner.flags.writeable:
                owner[...] = numpy.frombuffer(b"\xa5" * owner.itemsize, owner.dtype)[0]

    def _bound(self, call: Call | Shared) -> Callable[[], Any]:
        if isinstance(call, Shared):
            parts = [[self._bound(own) for own in part] for part in call.parts]
            return functools.partial(_threads.share, _Parts(parts), len(parts), worth=call.worth, product=call.product)
        moved = self.plan.moved
        args, kwargs, writes = moved(call.args), moved(call.kwargs), moved(call.writes)
        if not call.into:
            return functools.partial(call.function, *args, **kwargs)
        return functools.partial(_into, writes, call.function, args, kwargs)


class _Parts:
    """The parts of a piece of work: part i by its number."""

    def __init__(self, parts: list[list[Callable[[], Any]]]) -> None:
        self.parts = parts

    def __call__(self, number: int) -> None:
        for step in self.parts[number]:
            step()


def _into(targets: tuple[Array, ...], function: Callable[..., Any], args: Any, kwargs: Any) -> None:
    """Call a function that has no ``out=``, and copy what it returns to where it is read."""
    found = function(*args, **kwargs)
    if len(targets) == 1 and not isinstance(found, list | tuple):
        found = (found,)
    for target, result in zip(targets, found, strict=True):
        check(
            numpy.shape(result) == target.shape,
            lambda target=target, result=result: (  # type: ignore[misc]
                f"captured step: a result had shape {list(target.shape)} when it was recorded, and now has "
                f"{list(numpy.shape(result))}"
            ),
        )
        target[...] = result


# --- passes -------------------------------------------------------------------------------------------------------


def _in_a_row(calls: Calls) -> Calls:
    """The calls with parts for several threads one after the other, where one thread would do them so anyway."""
    result: Calls = []
    for call in calls:
        if isinstance(call, Shared):
            call.parts = [_in_a_row(part) for part in call.parts]
            alone = _threads.get_num_threads() < 2 or (len(call.parts) < call.worth and not call.product)
            result += [own for part in call.parts for own in part] if alone else [call]
        else:
            result.append(call)
    return result


def _flat(calls: Calls) -> Iterable[Call]:
    for call in calls:
        if isinstance(call, Shared):
            for part in call.parts:
                yield from _flat(part)
        else:
            yield call


def _count(calls: Calls) -> int:
    return sum(1 for _ in _flat(calls))


def _owners(calls: Iterable[Any], which: str) -> Iterable[Array]:
    return (owner_of(array) for call in calls for array in getattr(call, which))


def engines_of(calls: Calls) -> list[Any]:
    """The streams of random numbers that the calls draw from."""
    found: dict[int, Any] = {}
    for call in _flat(calls):
        for value in call.args if call.kept else ():
            engine = getattr(value, "engine", value)
            if hasattr(engine, "restore"):
                found[id(engine)] = engine
    return list(found.values())


def _changing(calls: Calls, recorder: Recorder, kept: dict[int, Array]) -> set[int]:
    """The owners whose contents may differ from replay to replay: what lasting memory flows into, and draws, and results."""
    same = {id(owner_of(call.literal)) for call in _flat(calls) if call.literal is not None} | recorder.constants.keys()
    facts = [
        (
            call,
            {id(o) for o in _owners([call], "reads")} - same,
            {id(o) for o in _owners([call], "writes")},
        )
        for call in calls
    ]
    changing = set(kept)
    before = -1
    while len(changing) != before:
        before = len(changing)
        for call, reads, writes in facts:
            if (
                call.kept
                or not changing.isdisjoint(reads | writes)
                or any(o not in recorder.fresh for o in reads | writes)
            ):
                changing |= writes
    return changing


def _without_constants(calls: Calls, changing: set[int]) -> tuple[Calls, set[int]]:
    """The calls without those that write the same every time; and the owners that keep what those wrote.

    A call that writes into memory which does not change is left out. So are the first calls on memory that does, as
    the zeros around a padded image, where those after them write the whole of what they write, and all before
    the first look at it: then the first calls' elements are as they were left.
    """
    events: dict[int, list[tuple[Any, bool, bool]]] = {}  # of an owner: call, reads it, writes it
    for call in calls:
        reads, writes = ({id(o) for o in _owners([call], which)} for which in ("reads", "writes"))
        for owner in reads | writes:
            events.setdefault(owner, []).append((call, owner in reads or not call.whole, owner in writes))
    constant = {
        id(call)
        for call in calls
        if call.writes and not call.kept and all(id(o) not in changing for o in _owners([call], "writes"))
    }
    settled: set[int] = set()
    for owner, happened in events.items():
        if owner not in changing:
            continue
        first = 0
        while first < len(happened) and _is_fill(happened[first][0], owner):
            first += 1
        rest = happened[first:]
        filled = 0
        while filled < len(rest) and rest[filled][2] and not rest[filled][1]:
            filled += 1
        if first and not any(written for _, _, written in rest[filled:]):
            settled.add(owner)
            constant |= {id(call) for call, _, _ in happened[:first]}
    return [call for call in calls if id(call) not in constant], settled


def _is_fill(call: Call | Shared, owner: int) -> bool:
    """Whether a call writes constants into one owner, and does nothing else."""
    return (
        isinstance(call, Call) and call.literal is not None and all(id(o) == owner for o in _owners([call], "writes"))
    )


def _needed(calls: Calls, recorder: Recorder, kept: dict[int, Array]) -> Calls:
    """The calls that write lasting memory, results, or what such a call reads."""
    live = set(kept)
    needed: Calls = []
    for call in reversed(calls):
        owners = [owner_of(array) for array in call.writes]
        if not (call.kept or any(id(o) in live or id(o) not in recorder.fresh for o in owners)):
            continue
        needed.append(call)
        if call.whole and isinstance(call, Call):
            live -= {id(o) for o, array in zip(owners, call.writes, strict=True) if array.size == o.size}
        live |= {id(o) for o in _owners([call], "reads")}
        if not call.whole:
            live |= {id(o) for o in owners}
    needed.reverse()
    return needed


def _conditions_first(calls: Calls, recorder: Recorder) -> Calls:
    """The calls with each condition on values, and what it is computed by, in front, where nothing that it reads changes.

    Where it fails there, nothing has been written yet: labels, for example, are looked at before the forward.
    """
    for condition in [call for call in calls if isinstance(call, Call) and call.function is same]:
        last = calls.index(condition)
        moved = _computing(calls[: last + 1], recorder)
        if moved:
            calls = [calls[i] for i in moved] + [call for i, call in enumerate(calls) if i not in moved]
    return calls


def _computing(calls: Calls, recorder: Recorder) -> list[int]:
    """The places of the calls that the last one needs; none where these cannot come before all others."""
    places, wanted = [len(calls) - 1], {id(o) for o in _owners(calls[-1:], "reads")}
    for i in range(len(calls) - 2, -1, -1):
        call = calls[i]
        writes = {id(o) for o in _owners([call], "writes")}
        if writes.isdisjoint(wanted):
            continue
        if call.kept or not writes <= recorder.fresh.keys():
            return []
        places.append(i)
        wanted |= {id(o) for o in _owners([call], "reads")}
    places.reverse()
    own = {i: {id(o) for o in _owners([calls[i]], "writes")} for i in places}
    for k, call in enumerate(calls):
        if k in own:
            continue
        touched = {id(o) for which in ("reads", "writes") for o in _owners([call], which)}
        if any(k < i and not touched.isdisjoint(writes) for i, writes in own.items()):
            return []  # it needs that memory as it is before
    return places


def _before_conditions(calls: Calls, recorder: Recorder) -> tuple[list[Array], list[Any]]:
    """The lasting memory that is written, and the streams that are drawn from, before the last condition on values."""
    last = max((i for i, call in enumerate(calls) if any(c.function is same for c in _flat([call]))), default=-1)
    before = calls[: last + 1]
    written = {id(o): o for o in _owners(_flat(before), "writes") if id(o) in recorder.lasting}
    return list(written.values()), engines_of(before)
