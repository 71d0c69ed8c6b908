"""Recording one run of a function on tensors."""

import gc
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy

from refnet._recording.active import active
from refnet._recording.array import Recorded, Unrecordable, bare
from refnet._recording.creators import noting_creators
from refnet._recording.notes import Recorder, owner_of
from refnet._tape import TensorBase

Array = Any


class Run:
    """What one run of a function showed: its calls, what it returned, and the tensors that it met or left behind.

    - depends: what else it depends on, as functions of objects, with the values after the run.
    - met: lasting tensors, each with the array that it had and the value of its version counter before the run.
    """

    def __init__(self, function: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
        self.recorder = Recorder()
        self.met: list[tuple[weakref.ref[Any], Array, int]] = []
        self._met: set[int] = set()
        self._tensors: list[weakref.ref[Any]] = []
        with noting_creators(), self._noting_tensors():
            active.recorder = self.recorder
            try:
                self.results = function(*inputs)
                for tensor in self.left_behind():
                    _ = tensor._array  # once shown, a tensor is no longer written where it was held
            finally:
                active.recorder = None
        gc.collect()  # a cycle would make what nobody sees any more look as if it were a result
        owners = [(value, owner()) for (_, value), owner in self.recorder.depends.items()]
        self.depends = [(value, owner, value(owner)) for value, owner in owners if owner is not None]
        self._looked_at = [array for array in (seen() for seen in self.recorder.seen) if array is not None]
        self.recorder.seen.clear()
        fresh = self.recorder.fresh
        self.kept = {id(owner): owner for owner in map(owner_of, self.visible()) if id(owner) in fresh}

    def left_behind(self) -> list[Any]:
        """The tensors made by the run that are still there."""
        found = [tensor() for tensor in self._tensors]
        return [tensor for tensor in found if tensor is not None]

    def visible(self) -> list[Array]:
        """The arrays over fresh memory that somebody looks at: those of tensors that the run left behind, and others."""
        arrays = [bare(array) for array in self._looked_at]
        for tensor in self.left_behind():
            arrays += [vars(tensor)[name] for name in ("_array", "_batch_last") if vars(tensor).get(name) is not None]
        return [array for array in arrays if id(owner_of(array)) in self.recorder.fresh]

    @contextmanager
    def _noting_tensors(self) -> Iterator[None]:
        """Let tensors give their arrays Recorded in this thread, and take them bare; no kernel sees any other array.

        A tensor's array is an attribute like any other. For the time of the recording it is a property, so that
        nothing in the engine has to ask whether there is one.
        """
        recorder = self.recorder

        def get(tensor: Any) -> Any:
            array = vars(tensor).get("_array")
            if array is None:
                raise AttributeError("_array")
            if active.recorder is not recorder or not isinstance(array, numpy.ndarray):
                return array
            if not recorder.known(array):
                recorder.last(array)
            if id(tensor) not in self._met and id(owner_of(array)) in recorder.lasting:
                self._met.add(id(tensor))
                self.met.append((weakref.ref(tensor), array, tensor._version_cell[0]))
            return array.view(Recorded)

        def put(tensor: Any, array: Any) -> None:
            if active.recorder is recorder and isinstance(array, numpy.ndarray):
                if not isinstance(array, Recorded) and not recorder.known(array):
                    raise Unrecordable(
                        f"a captured step made a tensor of memory that its recording did not see being made: {array.dtype} of "
                        f"shape {list(array.shape)}. Arrays that come from elsewhere (numpy, a library, a file) belong to "
                        "the inputs of the step"
                    )
                self._tensors.append(weakref.ref(tensor))
            vars(tensor)["_array"] = bare(array)

        def get_batch_last(tensor: Any) -> Any:
            array = vars(tensor).get("_batch_last")
            if array is None or active.recorder is not recorder:
                return array
            if not recorder.known(array):  # made before the recording: from now on it is as it would be shown
                vars(tensor).update(_array=array.copy("C"), _batch_last=None)
                return None
            return array.view(Recorded)

        def put_batch_last(tensor: Any, array: Any) -> None:
            if array is not None and active.recorder is recorder:
                self._tensors.append(weakref.ref(tensor))
            vars(tensor)["_batch_last"] = bare(array)

        TensorBase._array = property(get, put)
        TensorBase._batch_last = property(get_batch_last, put_batch_last)
        try:
            yield
        finally:
            del TensorBase._array
            TensorBase._batch_last = None
