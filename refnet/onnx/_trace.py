"""A run of a model, noted call by call.

Calls are noted on two levels. A function of `nn.functional` that ONNX has as one operator (a pool, a normalization, an
LSTM) is noted as itself; all else is noted as the primitives it consists of. What runs inside a noted call is not noted.

While a trace is on, the noted functions run other code: a function's ``__code__`` is exchanged, so that every reference
to it (in a class body, a table, the user's module) leads to the recorder, and `Primitive.__call__` is replaced, past
which `Pointwise` then takes no shortcut. When no trace is on nothing of this exists, and it costs nothing.

A value is known by its array: `detach()` and `.data` make another tensor over the same one, and a kernel's parameter
(the mask of `masked_fill`) is handed over as the bare array of a tensor. An array seen for the first time as an
argument is a constant of the model.
"""

import inspect
import threading
import types
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy

from refnet import _inplace, _tape
from refnet._ops._pointwise import Pointwise
from refnet._tape import Primitive, TensorBase
from refnet.nn.modules.module import Module, register_module_forward_hook, register_module_forward_pre_hook
from refnet.onnx._errors import OnnxExporterError, TracerWarning, UnsupportedOperatorError
from refnet.tensor import Tensor

Array = Any


class Ref(NamedTuple):
    """Stands for a tensor or array among the arguments of a call."""

    number: int  # of the value in `Trace.values`


@dataclass
class Value:
    """A tensor of the run."""

    array: Array
    origin: str  # "input", "state" (a parameter or buffer), "constant" or "result"
    name: str  # of an input or of state


@dataclass
class Call:
    """A noted call: arguments by name, with `Ref` in place of tensors and arrays, and the numbers of its results."""

    name: str
    module: str  # the dotted path of the module that called it, "" for the model itself
    arguments: dict[str, Any]
    results: tuple[int | None, ...]

    def where(self) -> str:
        """The operation and its place, for a message."""
        return f"{self.name} (in module {self.module!r})" if self.module else f"{self.name} (in the model's forward)"


@dataclass
class Trace:
    """A run: its values, its calls in order, and what it returned, with `Ref` in place of tensors."""

    values: list[Value] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    output: Any = None


class _Place(NamedTuple):
    number: int
    cell: list[int] | None  # the version counter of the tensor, to notice that it was written since
    version: int


class Recorder:
    """Builds a `Trace` of the calls of one thread."""

    def __init__(self, paths: Mapping[int, str]) -> None:
        self.trace = Trace()
        self.thread = threading.get_ident()
        self.paths = paths  # of the model's modules, by identity
        self.modules: list[str] = []  # that are being called, the innermost last
        self.inside = 0  # of how many noted calls
        self._places: dict[int, _Place] = {}
        self._held: list[Array] = []  # what has a place, so that no other array gets its identity

    @property
    def active(self) -> bool:
        """Whether a call made now is to be noted."""
        return not self.inside and threading.get_ident() == self.thread

    def add(self, value: Any, origin: str, name: str = "") -> int:
        """Make a tensor or an array a value of the trace."""
        tensor = isinstance(value, TensorBase)
        array = value._array if tensor else value
        number = len(self.trace.values)
        self.trace.values.append(Value(array.copy() if origin == "constant" else array, origin, name))
        self.bind(value, number)
        return number

    def bind(self, value: Any, number: int) -> None:
        """Let the value `number` be what `value` now holds."""
        tensor = isinstance(value, TensorBase)
        array = value._array if tensor else value
        cell = value._version_cell if tensor else None
        self._places[id(array)] = _Place(number, cell, cell[0] if cell else 0)
        self._held.append(array)

    def forget(self, value: TensorBase) -> None:
        """Let what `value` now holds be a constant."""
        self._places.pop(id(value._array), None)

    def ref(self, value: Any) -> Ref:
        """The value that a tensor or array is."""
        tensor = isinstance(value, TensorBase)
        place = self._places.get(id(value._array if tensor else value))
        if place is None:
            return Ref(self.add(value, "constant"))
        if place.cell is not None and place.cell[0] != place.version:
            raise UnsupportedOperatorError(
                f"a tensor of shape {list(value.shape)} was written in place through a view, or by an operation that "
                f"cannot be exported (in module {self.module!r}); write the model without in-place operations"
            )
        return Ref(place.number)

    def origin(self, tensor: TensorBase) -> str:
        """Where a tensor comes from; "" if it was not seen before."""
        place = self._places.get(id(tensor._array))
        return "" if place is None else self.trace.values[place.number].origin

    @property
    def module(self) -> str:
        """The path of the module that runs."""
        return self.modules[-1] if self.modules else ""

    def refs(self, value: Any) -> Any:
        """`value` with every tensor and array in it as a `Ref`."""
        if isinstance(value, TensorBase) or hasattr(value, "__array_interface__"):
            return value.item() if isinstance(value, numpy.generic) else self.ref(value)
        if isinstance(value, dict):
            return {key: self.refs(item) for key, item in value.items()}
        if isinstance(value, slice):
            return slice(*[self.refs(item) for item in (value.start, value.stop, value.step)])
        if isinstance(value, list | tuple):
            return tuple([self.refs(item) for item in value])
        return value

    def note(self, name: str, arguments: dict[str, Any], run: Callable[[], Any]) -> Any:
        """Run a call and note it."""
        given = {key: self.refs(value) for key, value in arguments.items()}
        self.inside += 1
        try:
            result = run()
        finally:
            self.inside -= 1
        outputs = result if isinstance(result, tuple) else (result,)
        numbers = tuple([None if out is None else self.add(out, "result") for out in outputs])
        self.trace.calls.append(Call(name, self.module, given, numbers))
        return result


# --- the patch points -----------------------------------------------------------------------------------------------


def _redirected(*args: Any, _recorder: Any, **kwargs: Any) -> Any:
    return _recorder(*args, **kwargs)


@contextmanager
def _redirect(function: types.FunctionType, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    """Inside, every call of `function` goes to ``make(original)``, by whatever reference it is called."""
    code, defaults, keyword_defaults = function.__code__, function.__defaults__, function.__kwdefaults__
    original = types.FunctionType(code, function.__globals__, function.__name__, defaults, function.__closure__)
    original.__kwdefaults__ = keyword_defaults
    function.__code__, function.__defaults__ = _redirected.__code__, None
    function.__kwdefaults__ = {"_recorder": make(original)}
    try:
        yield
    finally:
        function.__code__, function.__defaults__, function.__kwdefaults__ = code, defaults, keyword_defaults


@contextmanager
def _noted_primitives(recorder: Recorder) -> Iterator[None]:
    original = Primitive.__call__

    def call(self: Primitive, *inputs: Any, **params: Any) -> Any:
        if not recorder.active:
            return original(self, *inputs, **params)
        named = {"arrays": inputs} if _is_variadic(self) else dict(zip(self.inputs, inputs, strict=False))
        arguments = {**self.defaults, **named, **params}
        return recorder.note(self.__name__.lstrip("_"), arguments, lambda: original(self, *inputs, **params))

    Primitive.__call__ = call  # type: ignore[method-assign]
    Pointwise.straight = False
    try:
        yield
    finally:
        Primitive.__call__ = original  # type: ignore[method-assign]
        Pointwise.straight = True


def _is_variadic(primitive: Primitive) -> bool:
    return any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(primitive.forward).parameters.values())


def _noted(recorder: Recorder, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The recorder's version of a function, for `_redirect`."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(original)

        def call(*args: Any, **kwargs: Any) -> Any:
            if not recorder.active:
                return original(*args, **kwargs)
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            return recorder.note(name, dict(bound.arguments), lambda: original(*args, **kwargs))

        return call

    return make


def _following_writes(recorder: Recorder) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`_inplace.update`, after which the tensor stands for the result of the out-of-place function."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(target: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            if not recorder.active:
                return original(target, function, *args, **kwargs)
            results = []

            def kept(*a: Any, **k: Any) -> Any:
                results.append(function(*a, **k))
                return results[-1]

            kept.__name__ = function.__name__
            original(target, kept, *args, **kwargs)
            if results[-1].dtype is target.dtype:  # other views of this memory keep the old version: they are refused
                recorder.bind(target, recorder.ref(results[-1]).number)
            return target

        return call

    return make


def _following_copies(recorder: Recorder) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`_inplace._as_it_was`, whose result is the value that is about to be overwritten."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(target: Any) -> Any:
            before = original(target)
            if recorder.active:
                recorder.bind(before, recorder.ref(target).number)
            return before

        return call

    return make


def _following_fills(recorder: Recorder) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`_inplace.fill`, after which the tensor is a constant."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(target: Any, values: Any, name: str) -> Any:
            original(target, values, name)
            if recorder.active:
                recorder.forget(target)
            return target

        return call

    return make


def _noticed_reads(recorder: Recorder) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A method that gives a tensor's values to Python, with a warning where they depend on the inputs."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(tensor: Any, *args: Any, **kwargs: Any) -> Any:
            if recorder.active and recorder.origin(tensor) in ("input", "result"):
                place = f"module {recorder.module!r}" if recorder.module else "the model's forward"
                warnings.warn(
                    f"{original.__name__}() reads the values of a tensor of shape {list(tensor.shape)} in {place}: what "
                    "the model does with them is not exported, and may be wrong for other inputs",
                    TracerWarning,
                    stacklevel=3,
                )
            return original(tensor, *args, **kwargs)

        return call

    return make


@contextmanager
def _following_modules(recorder: Recorder) -> Iterator[None]:
    def enter(module: Any, args: Any) -> None:
        recorder.modules.append(recorder.paths.get(id(module), type(module).__name__))

    def leave(module: Any, args: Any, result: Any) -> None:
        recorder.modules.pop()

    with register_module_forward_pre_hook(enter), register_module_forward_hook(leave):
        yield


def record(
    model: Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    inputs: list[tuple[str, Any]],
    functions: Mapping[str, types.FunctionType],
) -> Trace:
    """Run ``model(*args, **kwargs)`` and note its calls.

    inputs: the tensors among the arguments, with names. functions: those to note as themselves, by the name to note.
    """
    recorder = Recorder({id(module): path for path, module in model.named_modules()})
    for name, tensor in inputs:
        recorder.add(tensor, "input", name)
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        recorder.add(tensor, "state", name)
    with ExitStack() as stack:
        stack.enter_context(_tape.set_grad(True))  # without gradients an encoder would branch on its padding mask
        stack.enter_context(_noted_primitives(recorder))
        stack.enter_context(_redirect(_function(_inplace.update), _following_writes(recorder)))
        stack.enter_context(_redirect(_function(_inplace._as_it_was), _following_copies(recorder)))
        stack.enter_context(_redirect(_function(_inplace.fill), _following_fills(recorder)))
        for reader in (Tensor.item, Tensor.tolist, Tensor.numpy):
            stack.enter_context(_redirect(_function(reader), _noticed_reads(recorder)))
        for name, function in functions.items():
            stack.enter_context(_redirect(_function(function), _noted(recorder, name)))
        stack.enter_context(_following_modules(recorder))
        output = model(*args, **kwargs)
        recorder.trace.output = recorder.refs(output)
    return recorder.trace


def _function(function: Any) -> types.FunctionType:
    if not isinstance(function, types.FunctionType) or function.__closure__:
        raise OnnxExporterError(f"{function!r} is no plain function and cannot be traced")
    return function
