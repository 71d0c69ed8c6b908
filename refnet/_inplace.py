"""Writing into tensors in place, and what that does to the graph.

An in-place operation is the out-of-place one, followed by a write into the same memory, a tick of the version counter
that all views share, and a new history for whoever looks at that memory:

- a tensor that is no view simply takes the history of the result;
- a view hands it to its base, whose new node says "the old base, with this region replaced"; the view itself, and
  every other view of that base, gets its history from the base when it is next used (`refresh_view`).
"""

from collections.abc import Callable
from typing import Any

from refnet import _dtype, _tape
from refnet._check import check
from refnet._ops.index import overwrite, replace, take
from refnet._ops.shape import view_index
from refnet._tape import TensorBase


def in_place(function: Callable[..., Any]) -> Callable[..., Any]:
    """The in-place method of a function: `add_` from `add`."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return update(self, function, *args, **kwargs)

    method.__name__ = method.__qualname__ = f"{function.__name__}_"
    method.__doc__ = f"In place: self becomes {function.__name__}(self, ...); returns self."
    return method


def update(self: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """self <- function(self, ...), in self's memory. The result must have self's shape and a type self can hold."""
    name = function.__name__
    check_writable(self, name)
    recording = _tape.mode.grad and (
        self.requires_grad or any(isinstance(a, TensorBase) and a.requires_grad for a in (*args, *kwargs.values()))  # type: ignore[attr-defined]
    )
    result = function(_as_it_was(self) if recording else self, *args, **kwargs)
    check(
        result.shape == self.shape,
        lambda: (
            f"{name}_(): output with shape {list(self.shape)} doesn't match the broadcast shape {list(result.shape)}"
        ),
    )
    check(
        _dtype.can_cast(result.dtype, self.dtype),
        lambda: f"{name}_(): result type {result.dtype} can't be cast to the desired output type {self.dtype}",
    )
    if result.device is not self.device:
        raise _tape.different_devices(name, [result.device, self.device])
    result = result.to(self.dtype)
    self._array[...] = result._array
    self._version_cell[0] += 1
    if recording:
        _take_history(self, result)
    return self


def fill(self: Any, values: Any, name: str) -> Any:
    """Overwrite the whole of self with bare values that depend on no tensor (random draws, constants); returns self.

    values: what `self._array[...] =` takes, or a function that writes them into the array it is given.
    """
    check_writable(self, name)
    recording = _tape.mode.grad and self.requires_grad
    past = _tape.edge_of(self) if recording else None
    _ = self.device.xp  # of several GPUs, the write runs on this one
    if callable(values):
        values(self._array)
    else:
        self._array[...] = values
    self._version_cell[0] += 1
    if recording:  # what was overwritten gets a gradient of zeros
        filled = self.detach()
        _tape.record(overwrite, (past, None), {}, filled)
        _take_history(self, filled)
    return self


def check_writable(self: Any, name: str) -> None:
    """Raise torch's error where self must not be written in place."""
    check(
        not self._inference or _tape.mode.inference,
        lambda: (
            f"{name}_(): Inplace update to inference tensor outside InferenceMode is not allowed. You can make a clone "
            "to get a normal tensor before doing inplace update."
        ),
    )
    array = self._array
    if 0 in array.strides:
        check(
            all(s != 0 or n <= 1 for n, s in zip(array.shape, array.strides, strict=True)) or array.size == 0,
            lambda: (
                "unsupported operation: more than one element of the written-to tensor refers to a single memory "
                "location. Please clone() the tensor before performing the operation."
            ),
        )
    if not _tape.mode.grad:
        return
    base = self._base
    if base is None:
        check(
            not (self._requires_grad and self._node is None),
            lambda: "a leaf Variable that requires grad is being used in an in-place operation.",
        )
    elif base._requires_grad:
        check(
            not self._made_without_grad,
            lambda: (
                f"A view was created in no_grad mode and is being modified inplace ({name}_) with grad mode enabled. "
                "Given that this use case is ambiguous and error-prone, it is forbidden."
            ),
        )
        check(
            base._node is not None,
            lambda: "a view of a leaf Variable that requires grad is being used in an in-place operation.",
        )


def _as_it_was(self: Any) -> Any:
    """Self before the write, as a tensor of its own that the new node may save."""
    _tape.edge_of(self)
    before = _tape.wrap(self._array.copy(), self.device)
    before._node, before._requires_grad = self._node, self._requires_grad
    return before


def _take_history(self: Any, result: Any) -> None:
    node = result._node
    if node is None:
        return
    node.versions = [
        (self._version_cell, self._version_cell[0], what) if cell is result._version_cell else (cell, version, what)
        for cell, version, what in node.versions
    ]
    base = self._base
    if base is None:
        self._node, self._requires_grad = node, True
    else:
        edges = (_tape.edge_of(base), node)
        _tape.record(replace, edges, {"index": view_index(base, self)}, base)


def refresh_view(view: Any) -> None:
    """Give a view of memory that was written since it was made the history of its base."""
    view._seen_version = view._version_cell[0]
    base = view._base
    if base._requires_grad and not view._made_without_grad:
        saved = {"index": view_index(base, view), "x_shape": base.shape}
        _tape.record(take, (_tape.edge_of(base),), saved, view)


_tape.refresh_view = refresh_view
