"""The recorder of a thread, and what the rest of the engine tells it. Outside a recording each costs one look."""

import functools
import threading
import weakref
from collections.abc import Callable
from typing import Any


class _Active(threading.local):
    recorder: Any = None  # a `notes.Recorder` while this thread records


active = _Active()


def opaque(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a recording note a call of `function` as one call, instead of those that it makes of numpy.

    For what draws random numbers: a replay calls it again, and it goes on with the stream of its generator. It returns
    a new array, no view of what it was given; or else it writes into its first argument, if that is an array.
    """

    @functools.wraps(function)
    def noted(*args: Any, **kwargs: Any) -> Any:
        recorder = active.recorder
        if recorder is None:
            return function(*args, **kwargs)
        return recorder.opaque(function, args, kwargs)

    return noted


def lasting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a recording know what a cached `function` returns: arrays that stay as they are.

    What makes them is not noted; and what is looked up in them is, which no bare array would tell.
    """

    @functools.wraps(function)
    def noted(*args: Any, **kwargs: Any) -> Any:
        recorder = active.recorder
        return function(*args, **kwargs) if recorder is None else recorder.constants_of(function, args, kwargs)

    return noted


def depend(owner: Any, value: Callable[[Any], Any]) -> None:
    """Say that what runs now depends on `value(owner)`, which no array holds: a learning rate, a mode.

    A replay is good for as long as it stays what it is when the step is done.
    """
    recorder = active.recorder
    if recorder is not None:
        recorder.depends[id(owner), value] = weakref.ref(owner)
