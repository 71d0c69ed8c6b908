"""numpy's functions that make arrays, while a step is recorded.

numpy hands a function that takes arrays to the arrays (`Recorded`); one that makes them from sizes and numbers has no array
to ask. So for the time of a recording these names of the module `numpy` stand for functions that note what they made, in
the thread that records; in all others they do what they always do.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy

from refnet._recording.active import active
from refnet._recording.array import Recorded, bare, refuse
from refnet._recording.notes import Recorder, arrays_in, owner_of

Array = Any

_FROM_SIZES = ("arange", "empty", "eye", "identity", "indices", "ones", "tri", "zeros")
_FROM_VALUES = (
    "array",
    "asanyarray",
    "asarray",
    "ascontiguousarray",
    "asfortranarray",
    "frombuffer",
    "fromiter",
    "full",
)
_LIKE = ("empty_like", "full_like", "ones_like", "zeros_like", "linspace")  # handed over only for Recorded arguments
_UNFILLED = {"empty", "empty_like"}
_CONVERTING = {"array", "asanyarray", "asarray", "ascontiguousarray", "asfortranarray"}

_lock = threading.RLock()


@contextmanager
def noting_creators() -> Iterator[None]:
    """A ``with`` block in which numpy's creating functions tell the recorder of their thread what they made."""
    with _lock:
        names = (*_FROM_SIZES, *_FROM_VALUES, *_LIKE)
        before = {name: getattr(numpy, name) for name in names}
        for name in names:
            setattr(numpy, name, _noting(name, before[name]))
        try:
            yield
        finally:
            for name, function in before.items():
                setattr(numpy, name, function)


def _noting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def noting(*args: Any, **kwargs: Any) -> Any:
        recorder = active.recorder
        if recorder is None or recorder.paused:
            return function(*args, **kwargs)
        return _created(recorder, name, function, args, kwargs)

    return noting


def _created(recorder: Recorder, name: str, function: Any, args: Any, kwargs: Any) -> Any:
    operands, options = bare(args), bare(kwargs)
    result = function(*operands, **options)
    if not isinstance(result, numpy.ndarray):
        return result
    sources = list(arrays_in((args, kwargs)))
    recorded = [x for x in sources if isinstance(x, Recorded)]
    if recorded and name in _FROM_SIZES:
        refuse(f"`{name}` makes an array whose size is one")
    if name == "frombuffer":  # memory that has only just been taken (`_workspace`), or somebody else's
        return recorder.made(result) if isinstance(args[0], memoryview) else result
    if any(owner_of(result) is owner_of(x) for x in sources):
        return result.view(Recorded) if recorded else result
    if recorded and name not in _UNFILLED | {"full", "full_like", "ones_like", "zeros_like"}:
        if name in _CONVERTING and args and args[0] is recorded[0]:
            return recorder.copied(recorded[0], result)
        made = recorder.made(result)
        recorder.note(function, operands, options, (operands, options), (result,), into=True)
        return made
    made = recorder.made(result)
    if name in _UNFILLED:
        return made
    if name in ("full", "full_like"):
        value = args[1] if len(args) > 1 else kwargs["fill_value"]
        if isinstance(value, numpy.ndarray):
            recorder.note(numpy.copyto, (result, bare(value)), {"casting": "unsafe"}, value, (result,))
            return made
    if sources and name in _CONVERTING:  # a constant that came from elsewhere: told apart by where it lies
        recorder.note(numpy.copyto, (result, *operands[:1]), {"casting": "unsafe"}, operands, (result,))
        return made
    literal = result.copy()
    recorder.note(numpy.copyto, (result, literal), {}, (), (result,), literal=literal)
    return made
