"""The tape: primitives, the graph they record, and the backward sweep. Of refnet it knows how arrays may lie, no more.

A `Primitive` is a forward kernel on bare arrays and one gradient rule per input. Calling it on tensors that require
gradients leaves a `Node`: edges to the nodes that made the inputs, and what the rules asked to keep. Every tensor
holds its node, every node its edges, and nothing points forward, so that a graph dies by reference count.

`run_backward` sweeps the nodes newest first. An input is always older than what was made from it, so a heap of
creation numbers is a topological order: no recursion, no dependency counts. Rules are written in Tensor algebra,
hence with `create_graph` they are recorded like any other computation, and gradients of every order come for free.
"""

import contextvars
import functools
import heapq
import inspect
import itertools
import threading
import types
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy

from refnet._batch_last import images, into_rows, lies_batch_last, row_major, rows

# --- modes, per thread --------------------------------------------------------------------------------------------


class _Mode(threading.local):
    """What a thread is doing: recording or not, which kernel variants it chose, and the context kernels run in."""

    grad = True
    inference = False
    kernels = True  # those for a GPU

    def __init__(self) -> None:
        self.variants: dict[Primitive, Callable[..., Any]] = {}
        # Kernels meet inf and nan as data, as torch's do. A context of the thread's own in which numpy does not warn
        # costs a tenth of `with numpy.errstate()` at every call, and leaves the user's settings alone.
        self.quiet = contextvars.copy_context()
        self.quiet.run(numpy.seterr, all="ignore")


mode = _Mode()


def is_grad_enabled() -> bool:
    """Whether operations of this thread are recorded."""
    return mode.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside `inference_mode`."""
    return mode.inference


def takes_kernels(xp: Any) -> bool:
    """Whether kernels for a GPU compute on arrays of the module `xp`, in this thread."""
    return xp is not numpy and mode.kernels


@contextmanager
def array_forms() -> Iterator[None]:
    """Compute everything by its array form inside a ``with`` block, in this thread, also on a GPU."""
    before, mode.kernels = mode.kernels, False
    try:
        yield
    finally:
        mode.kernels = before


# --- tensors as the tape sees them --------------------------------------------------------------------------------


_laying_out = threading.RLock()  # whoever asks for `_array` gets the same memory


class TensorBase:
    """What the tape needs of a tensor. `Tensor` subclasses it and registers itself with `tensor_class`."""

    _array: Any  # numpy or cupy; its shape and strides are the tensor's
    _batch_last: Any = None  # instead of `_array`: the same in a layout that nobody is to see (`_batch_last.py`)
    device: Any
    _requires_grad = False
    _node: "Node | None" = None  # the call that made it; None for a leaf
    _grad: Any = None
    _version_cell: list[int]  # counts in-place writes; shared by all views of one memory
    _base: "TensorBase | None" = None  # the tensor whose memory this is a view of
    _seen_version = 0  # a view's node is valid at this version of its base
    _made_without_grad = False  # a view made under no_grad
    _inference = False
    _hooks: "list[Hook] | None" = None  # of a leaf; a non-leaf's hooks are its node's
    _retain: "weakref.ref[Any] | None" = None
    _after_accumulate: "list[Hook] | None" = None
    _made_for: "TensorBase | None" = None  # of a gradient that nobody else has: the leaf that it goes to

    if not TYPE_CHECKING:  # a type checker is to know which attributes there are

        def __getattr__(self, name: str) -> Any:
            """`_array` of a tensor that holds its elements in the private layout: a copy, which it holds from now on."""
            if name == "_array":
                with _laying_out:
                    private = self._batch_last
                    if private is not None:
                        self._array = row_major(private)
                        self._batch_last = None
                        node = self._node
                        kept = node.saved if node is not None and node.batch_last else None  # a Primitive's: a dict
                        if kept is not None and kept.get("out") is private:
                            kept["out"] = self._array  # what is written there, `data` for one, is to be seen
                if "_array" in self.__dict__:  # made just now, here or by another thread
                    return self._array
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def _held(self) -> Any:
        """The elements in whatever layout they are held: for shape and dtype, and for who knows the private layout."""
        private = self._batch_last
        return self._array if private is None else private

    @property
    def shape(self) -> tuple[int, ...]:
        return self._held.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        raise NotImplementedError


_tensor_class: type[TensorBase] = TensorBase


def tensor_class(cls: type[TensorBase]) -> None:
    """Register the class that results are wrapped in."""
    global _tensor_class
    _tensor_class = cls


def wrap(array: Any, device: Any) -> Any:
    """A leaf tensor over `array`, without a copy."""
    tensor: Any = object.__new__(_tensor_class)
    tensor._array = array
    tensor.device = device
    tensor._version_cell = [0]
    if mode.inference:
        tensor._inference = True
    return tensor


def wrap_held(array: Any, device: Any) -> Any:
    """A leaf tensor over the result of an operation that knows the private layout, in which the array may lie."""
    if not lies_batch_last(array):
        return wrap(array, device)
    tensor: Any = object.__new__(_tensor_class)
    tensor._batch_last = array
    tensor.device = device
    tensor._version_cell = [0]
    if mode.inference:
        tensor._inference = True
    return tensor


Hook = Callable[[Any], Any]


def _no_views(view: TensorBase) -> None:
    """Stand in until `_inplace` is imported."""


refresh_view = _no_views  # `_inplace` sets it: gives a view of memory that was rewritten its new history


def edge_of(tensor: TensorBase) -> "Node | TensorBase | None":
    """Where a gradient for `tensor` goes: to its node, to itself (a leaf), or nowhere."""
    if tensor._base is not None and tensor._version_cell[0] != tensor._seen_version:
        refresh_view(tensor)
    if not tensor._requires_grad:
        return None
    return tensor if tensor._node is None else tensor._node


# --- the graph ----------------------------------------------------------------------------------------------------

_sequence = itertools.count()
_FLOATING = "fV"  # kinds of arrays that have gradients; bfloat16 is of kind V


class Node:
    """One recorded call; torch's `grad_fn`.

    `edges` has one entry per input: the node that made it, the leaf tensor itself, or None. `saved` maps what the
    rules ask for to its value. `versions` remembers, for each saved tensor, its version counter and what it said.
    """

    outputs = 1
    batch_last = False  # whether the call took the private layout
    hooks: list[Hook] | None = None
    posthooks: list[Callable[..., Any]] | None = None
    prehooks: list[Callable[..., Any]] | None = None
    retain: "weakref.ref[Any] | None" = None
    shape: tuple[int, ...] = ()  # of the result, as `kind`, the array's dtype, and `device`
    kind: Any = None
    device: Any = None

    def __init__(self, op: Any, edges: "tuple[Node | TensorBase | None, ...]", saved: Any) -> None:
        self.op = op
        self.seq = next(_sequence)
        self.edges = edges
        self.saved = saved
        self.versions: list[tuple[list[int], int, str]] = []

    def name(self) -> str:
        """The operation's name in torch's style: "TanhBackward0"."""
        op = self.op if self.op is not _output else self.edges[0].op  # type: ignore[union-attr]
        return "".join(part[:1].upper() + part[1:] for part in op.__name__.split("_")) + "Backward0"

    def __repr__(self) -> str:
        return f"<{self.name()}>"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """Where gradients go next, each with an output number, as in torch: a node, an `AccumulateGrad`, or None."""
        if self.op is _output:
            return self.edges[0].next_functions  # type: ignore[union-attr]
        return tuple(
            (AccumulateGrad(e), 0) if isinstance(e, TensorBase) else (e, e.saved if e and e.op is _output else 0)
            for e in self.edges
        )

    def register_hook(self, hook: Callable[..., Any]) -> "RemovableHandle":
        """Call ``hook(grad_inputs, grad_outputs)`` after this node ran; what it returns replaces grad_inputs."""
        if self.posthooks is None:
            self.posthooks = []
        return RemovableHandle(self.posthooks, hook)

    def register_prehook(self, hook: Callable[..., Any]) -> "RemovableHandle":
        """Call ``hook(grad_outputs)`` before this node runs; what it returns replaces grad_outputs."""
        if self.prehooks is None:
            self.prehooks = []
        return RemovableHandle(self.prehooks, hook)


class AccumulateGrad:
    """What `next_functions` shows for a leaf: the place where its gradient is added up."""

    next_functions = ()

    def __init__(self, variable: TensorBase) -> None:
        self.variable = variable

    def name(self) -> str:
        """The name torch prints."""
        return "struct torch::autograd::AccumulateGrad"

    def __repr__(self) -> str:
        return "<AccumulateGrad>"


class RemovableHandle:
    """Returned by every ``register_..._hook``: ``remove()``, or leaving a ``with`` block, takes the hook back."""

    def __init__(self, hooks: list[Any], hook: Any) -> None:
        self._hooks, self._hook = hooks, hook
        hooks.append(hook)

    def remove(self) -> None:
        """Take the hook back; a second call does nothing."""
        for position, hook in enumerate(self._hooks):
            if hook is self._hook:
                del self._hooks[position]
                return

    def __enter__(self) -> "RemovableHandle":
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


class _Output:
    """One output of a multi-output call: hands its gradient to the call's node under its position."""

    __name__ = "output"

    @staticmethod
    def pullback(node: Node, g: Any, edges: Any) -> list[Any]:
        return [g]


_output = _Output()


def record(op: Any, edges: tuple[Any, ...], saved: Any, outputs: Any) -> Node:
    """Make the node of a call and hang it on the call's result, a tensor or a tuple of tensors."""
    node = Node(op, edges, saved)
    attach(node, outputs)
    return node


def attach(node: Node, outputs: Any) -> None:
    """Make `node` the history of the call's result. Each of several outputs (None: no gradient) gets a node of its own."""
    if not isinstance(outputs, tuple):
        array = outputs._held
        node.shape, node.kind, node.device = array.shape, array.dtype, outputs.device
        outputs._node, outputs._requires_grad = node, True
        return
    node.outputs = len(outputs)
    for position, out in enumerate(outputs):
        if out is not None and out._held.dtype.kind in _FLOATING:
            attach(Node(_output, (node,), position), out)


def rewrap(array: Any, node: Node, position: int | None = None) -> Any:
    """A saved output of `node` as the tensor it was, given its position if there are several."""
    tensor = wrap_held(array, node.device) if node.batch_last else wrap(array, node.device)
    if position is None:
        tensor._node, tensor._requires_grad = node, True
    elif array.dtype.kind in _FLOATING:
        attach(Node(_output, (node,), position), tensor)
    return tensor


# --- primitives ---------------------------------------------------------------------------------------------------


def different_devices(name: str, devices: list[Any]) -> RuntimeError:
    """torch's error for arguments of the function `name` that are on these devices."""
    first, second, *_ = dict.fromkeys(devices)
    return RuntimeError(
        f"Expected all tensors to be on the same device, but found at least two devices, {first} and {second}! "
        f"(when checking the arguments of {name.lstrip('_')})"
    )


class Primitive:
    """A forward on bare arrays, and one gradient rule per input, in Tensor algebra.

    The kernel's first argument is the array module; then come the inputs, positional (each a tensor, a Python number
    or None); parameters are keyword-only. A rule's argument names say what to save: `g` (always first), the name of
    an input, `<input>_shape`, `out`, a parameter, or `**p` for all parameters. A tensor is saved only if an input
    whose rule needs it requires a gradient.

    A kernel that returns a tuple has several outputs; its rules get a tuple `g`, None where no gradient came.
    """

    turns_images = False  # whether images (N, C, H, W) may be given as (H, C, W, N): what is computed is the same,
    per_channel = 0  # beside other operands of at most so many dimensions: 1 where they are (C,)

    def __init__(self, forward: Callable[..., Any]) -> None:
        self.forward = forward
        self.__name__ = forward.__name__
        self.__doc__ = forward.__doc__
        self.__module__ = forward.__module__
        self.__wrapped__ = forward  # doctest and inspect look here
        kinds = inspect.signature(forward).parameters.values()
        self.inputs = tuple(p.name for p in kinds if p.kind is p.POSITIONAL_OR_KEYWORD)[1:]  # after xp
        self.params = tuple(p.name for p in kinds if p.kind is p.KEYWORD_ONLY)
        self.defaults = {p.name: p.default for p in kinds if p.kind is p.KEYWORD_ONLY and p.default is not p.empty}
        self.variants: dict[str, Callable[..., Any]] = {"default": forward}
        self.rules: dict[int, tuple[Callable[..., Any], tuple[str, ...], bool]] = {}
        self.kernels: dict[int, tuple[Callable[..., Any], tuple[str, ...]]] = {}
        self.joint: tuple[Callable[..., Any], tuple[str, ...]] | None = None
        self.gpu: Callable[..., Any] | None = None
        self.gpu_joint: tuple[Callable[..., Any], tuple[str, ...]] | None = None
        self.kernel_batch_last: Callable[..., Any] | None = None
        self.joint_batch_last: tuple[Callable[..., Any], tuple[str, ...]] | None = None
        self._plans: dict[tuple[bool, ...], tuple[tuple[int, ...], tuple[int, ...], bool]] = {}

    def vjp(self, **rules: Callable[..., Any]) -> None:
        """Give the gradient rule of each named input."""
        for name, rule in rules.items():
            parameters = list(inspect.signature(rule).parameters.values())[1:]
            takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
            needs = tuple(p.name for p in parameters if p.kind is not p.VAR_KEYWORD)
            self.rules[self.inputs.index(name)] = rule, needs, takes_all

    def direct(self, **kernels: Callable[..., Any]) -> None:
        """Give the rule of each named input a second time, on bare arrays: a kernel ``(xp, g, ...)`` of what `vjp` saves.

        It is the fast path of a backward that is not recorded: one kernel, instead of a rule's several operations.
        """
        for name, kernel in kernels.items():
            self.kernels[self.inputs.index(name)] = kernel, self._needs_of(kernel)

    def directly(self, kernel: Callable[..., Any]) -> Callable[..., Any]:
        """As `direct`, one kernel ``(xp, g, wanted, ...)`` for all inputs: it returns a gradient, or None, for each.

        `wanted` has a bool per input; an input that no rule of a wanted one asks for is None.
        """
        self.joint = kernel, self._needs_of(kernel)[1:]
        return kernel

    def on_gpu(self, kernel: Callable[..., Any]) -> Callable[..., Any]:
        """Give the forward a second time, for arrays that are not numpy's: a kernel with the array form's arguments.

        It is what "default" means there, and returns NotImplemented for what it does not handle, which the array form
        then computes. ``using("array")`` computes everything by the array form.
        """
        self.gpu = kernel
        self.variants["array"] = functools.partial(self.forward)
        return kernel

    def directly_on_gpu(self, kernel: Callable[..., Any]) -> Callable[..., Any]:
        """As `directly`, for arrays that are not numpy's; NotImplemented, again, for what it does not handle.

        Every gradient is an array of its own, so that a leaf can keep it, which saves the launch of a copy.
        """
        self.gpu_joint = kernel, self._needs_of(kernel)[1:]
        self.variants.setdefault("array", functools.partial(self.forward))
        return kernel

    def batch_last(self, kernel: Callable[..., Any]) -> Callable[..., Any]:
        """Give the forward once more, for images that lie batch last (`_batch_last.py`), or that should from here on.

        It gets the operands in whatever layout they are held, and returns NotImplemented where it is not the better way.
        ``using("row_major")`` never asks it.
        """
        self.kernel_batch_last = kernel
        self.variants["row_major"] = functools.partial(self.forward)
        return kernel

    def directly_batch_last(self, kernel: Callable[..., Any]) -> Callable[..., Any]:
        """As `directly`, for a call whose forward was by the kernel of `batch_last`."""
        self.joint_batch_last = kernel, self._needs_of(kernel)[1:]
        return kernel

    def _takes_kernels(self) -> bool:
        """Whether arrays that are not numpy's go to the kernels for a GPU: unless another variant was chosen."""
        return mode.kernels and mode.variants.get(self, self.forward) is self.forward

    def _needs_of(self, kernel: Callable[..., Any]) -> tuple[str, ...]:
        return tuple(inspect.signature(kernel).parameters)[2:]

    def variant(self, kernel: Callable[..., Any]) -> Callable[..., Any]:
        """Register another algorithm for the same forward, under its own name less the primitive's."""
        self.variants[kernel.__name__.removeprefix(self.__name__ + "_")] = kernel
        return kernel

    @contextmanager
    def using(self, variant: str) -> Iterator[None]:
        """Run this primitive by the named variant inside a ``with`` block, in this thread.

        Raises ValueError that lists the variants for a name that is none of them.
        """
        if variant not in self.variants:
            raise ValueError(f"{self.__name__} has no variant {variant!r}; it has {', '.join(self.variants)}")
        before = dict(mode.variants)
        mode.variants[self] = self.variants[variant]
        try:
            yield
        finally:
            mode.variants = before

    def __repr__(self) -> str:
        return f"<primitive {self.__name__}>"

    def __get__(self, tensor: Any, owner: Any = None) -> Callable[..., Any]:
        """A primitive in the body of the Tensor class is a method, as a function is."""
        return self if tensor is None else types.MethodType(self, tensor)

    def __call__(self, *inputs: Any, **params: Any) -> Any:
        device = self.device_of(inputs)
        out: Any
        batch_last = False
        if (self.turns_images and getattr(inputs[0], "_batch_last", None) is not None) or self.kernel_batch_last:
            result = self._run_batch_last(device.xp, inputs, params)
            batch_last = result is not NotImplemented
        if batch_last:
            out = wrap_held(result, device)
        else:
            result = self.run(device.xp, inputs, params)
            if isinstance(result, tuple):
                out = tuple([None if array is None else wrap(array, device) for array in result])
            else:
                out = wrap(result, device)
        if mode.grad:
            node = self._record(inputs, params, out)
            if batch_last and node is not None:
                node.batch_last = True
        return out

    def _run_batch_last(self, xp: Any, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The forward in the private layout; NotImplemented where it is not to be."""
        if xp is not numpy or mode.variants.get(self, self.forward) is not self.forward:
            return NotImplemented
        if self.kernel_batch_last is not None:
            return mode.quiet.run(self.kernel_batch_last, xp, *map(_held_of, inputs), **params)
        first = inputs[0]._batch_last
        if first is None or first.dtype.kind != "f" or first.itemsize < 4:
            return NotImplemented
        if any(isinstance(value, numpy.ndarray) and value.ndim == 4 for value in params.values()):
            return NotImplemented  # they are not turned
        turned = []
        for x in inputs:
            array = x
            if isinstance(x, TensorBase):
                array = x._batch_last
                if array is not None and array.shape == first.shape:
                    array = rows(array)
                else:
                    array = x._array
                    if array.ndim > self.per_channel:
                        return NotImplemented
                if array.dtype is not first.dtype:
                    return NotImplemented
            elif x is not None:
                return NotImplemented
            turned.append(array)
        result = mode.quiet.run(self.forward, xp, *turned, **params)
        return images(result)

    def run(self, xp: Any, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Compute the forward: from tensors (and numbers) to bare arrays."""
        arrays = [x._array if isinstance(x, TensorBase) else x for x in inputs]
        return self.compute(xp, arrays, params)

    def compute(self, xp: Any, arrays: list[Any], params: dict[str, Any]) -> Any:
        """Run the chosen variant on bare arrays; a 0-d result stays an array."""
        if self.gpu is not None and xp is not numpy and self._takes_kernels():
            result = mode.quiet.run(self.gpu, xp, *arrays, **params)
            if result is not NotImplemented:
                return result
        forward = mode.variants.get(self, self.forward) if mode.variants else self.forward
        result = mode.quiet.run(forward, xp, *arrays, **params)
        return result if isinstance(result, (xp.ndarray, tuple)) else xp.asarray(result)

    def device_of(self, inputs: tuple[Any, ...]) -> Any:
        """The one device of the tensors among `inputs`; torch's errors for none or for two."""
        device = None
        for x in inputs:
            if isinstance(x, TensorBase) and x.device is not device:
                if device is None:
                    device = x.device
                else:
                    device = self._settle_devices(inputs)
                    break
        if device is None:
            got = type(inputs[0]).__name__ if inputs else "nothing"
            raise TypeError(f"{self.__name__}(): argument 'input' (position 1) must be Tensor, not {got}")
        return device

    def _settle_devices(self, inputs: tuple[Any, ...]) -> Any:
        raise different_devices(self.__name__, [x.device for x in inputs if isinstance(x, TensorBase)])

    def _record(self, inputs: tuple[Any, ...], params: dict[str, Any], out: Any) -> Node | None:
        """The node of the call, hung on its result; None where no gradient is wanted."""
        if len(inputs) == 1 and not inputs[0]._requires_grad and inputs[0]._base is None:  # the one input is a tensor
            return None
        edges: list[Any] = []
        for position, x in enumerate(inputs):
            concerned = isinstance(x, TensorBase) and (x._requires_grad or x._base is not None)
            edges.append(edge_of(x) if concerned and position in self.rules else None)
        if edges.count(None) == len(edges):
            return None
        several = isinstance(out, tuple)
        if (out[0] if several else out)._held.dtype.kind not in _FLOATING:
            return None
        missing = len(self.inputs) - len(inputs)
        if missing:  # optional ones left out
            inputs += (None,) * missing
            edges += (None,) * missing
        wanted = tuple([edge is not None for edge in edges])
        plan = self._plans.get(wanted)
        if plan is None:
            plan = self._plans[wanted] = self._plan(wanted)
        saved_inputs, saved_shapes, saves_out = plan
        saved = {**self.defaults, **params}
        node = record(self, tuple(edges), saved, out)
        versions = node.versions
        for position in saved_inputs:
            name, x = self.inputs[position], inputs[position]
            saved[name] = x
            if isinstance(x, TensorBase):
                if x._inference:
                    raise RuntimeError(
                        "Inference tensors cannot be saved for backward. To work around you can make a clone to get "
                        f"a normal tensor and use it in autograd. (input {name!r} of {self.__name__})"
                    )
                versions.append((x._version_cell, x._version_cell[0], name))
        for position in saved_shapes:
            saved[self.inputs[position] + "_shape"] = inputs[position]._held.shape
        if saves_out:  # the arrays, not the tensors: a node that held its own output would be a cycle
            outputs = out if several else (out,)
            saved["out"] = tuple([x._array for x in outputs]) if several else out._held
            node.device = outputs[0].device
            for x in outputs:
                versions.append((x._version_cell, x._version_cell[0], "out"))
        return node

    def _plan(self, wanted: tuple[bool, ...]) -> tuple[tuple[int, ...], tuple[int, ...], bool]:
        """What to save when the inputs marked in `wanted` need a gradient: inputs, shapes, the result."""
        names = {n for i, rule in self.rules.items() if wanted[i] for n in rule[1]}
        inputs = tuple(i for i, name in enumerate(self.inputs) if name in names)
        shapes = tuple(i for i, name in enumerate(self.inputs) if name + "_shape" in names)
        return inputs, shapes, "out" in names

    def pullback(self, node: Node, g: Any, edges: tuple[Any, ...]) -> list[Any]:
        """The gradient for each of the `edges` of `node` that is not None, given that of its result."""
        if (self.kernels or self.joint or self.gpu_joint) and not mode.grad:
            found = self._pull_arrays(node, g, edges)
            if found is not None:
                return found
        saved = node.saved
        if "out" in saved:
            out = saved["out"]
            if isinstance(out, tuple):
                out = tuple([rewrap(array, node, position) for position, array in enumerate(out)])
            else:
                out = rewrap(out, node)
            saved = {**saved, "out": out}
        gradients: list[Any] = []
        for position, edge in enumerate(edges):
            if edge is None:
                gradients.append(None)
                continue
            rule, needs, takes_all = self.rules[position]
            rest = {n: saved[n] for n in self.params if n not in needs} if takes_all else {}
            gradients.append(rule(g, *[saved[n] for n in needs], **rest))
        return gradients

    def _pull_arrays(self, node: Node, g: Any, edges: tuple[Any, ...]) -> list[Any] | None:
        """The gradients by the kernels on bare arrays; None where an input that needs a gradient has none."""
        if isinstance(g, tuple):
            return None
        if node.batch_last and self.joint_batch_last is not None:
            kernel, needs = self.joint_batch_last
            wanted = tuple([edge is not None for edge in edges])
            found = mode.quiet.run(kernel, g.device.xp, g._held, wanted, *[_held_of(node.saved.get(n)) for n in needs])
            return [wrap_held(x, g.device) if want else None for x, want in zip(found, wanted, strict=False)]
        turned, device = node.batch_last, g.device
        array, read, give = (into_rows(g._held), _turned, _turned_back) if turned else (g._array, _bare, wrap)
        if array.dtype.kind != "f" or array.itemsize < 4:
            return None  # half types round after every operation
        xp, saved = device.xp, node.saved
        if self.gpu_joint is not None and xp is not numpy and self._takes_kernels():
            kernel, needs = self.gpu_joint
            wanted = tuple([edge is not None for edge in edges])
            found = mode.quiet.run(kernel, xp, array, wanted, *[_bare(saved.get(n)) for n in needs])
            if found is not NotImplemented:
                shares = [wrap(x, device) if want else None for x, want in zip(found, wanted, strict=False)]
                for share, edge in zip(shares, edges, strict=False) if node.posthooks is None else ():
                    if share is not None and isinstance(edge, TensorBase):
                        share._made_for = edge
                return shares
        if self.joint is not None:
            kernel, needs = self.joint
            wanted = tuple([edge is not None for edge in edges])
            found = mode.quiet.run(kernel, xp, array, wanted, *[read(saved.get(n)) for n in needs])
            return [give(x, device) if want else None for x, want in zip(found, wanted, strict=False)]
        if not self.kernels:
            return None
        gradients: list[Any] = []
        for position, edge in enumerate(edges):
            if edge is None:
                gradients.append(None)
                continue
            if position not in self.kernels:
                return None
            kernel, needs = self.kernels[position]
            share = mode.quiet.run(kernel, xp, array, *[read(saved[n]) for n in needs])
            gradients.append(give(share if isinstance(share, xp.ndarray) else xp.asarray(share), device))
        return gradients


def _held_of(value: Any) -> Any:
    return value._held if isinstance(value, TensorBase) else value


def _turned(value: Any) -> Any:
    """What was saved, images as rows."""
    value = _held_of(value)
    return into_rows(value) if isinstance(value, numpy.ndarray) and value.ndim == 4 else value


def _turned_back(found: Any, device: Any) -> Any:
    """The gradient that was found, images in the private layout."""
    return wrap_held(images(found) if found.ndim == 4 else found, device)


def _bare(value: Any) -> Any:
    return value._array if isinstance(value, TensorBase) else value


class View(Primitive):
    """A primitive whose result shares the memory of its first input, as views do."""

    def __call__(self, *inputs: Any, **params: Any) -> Any:
        out = super().__call__(*inputs, **params)
        mark_view(out, inputs[0])
        return out


def mark_view(out: Any, of: TensorBase) -> None:
    """Make `out` a view of the tensor `of`: one version counter, one base."""
    out._version_cell = of._version_cell
    out._base = of if of._base is None else of._base
    out._seen_version = of._version_cell[0]
    out._inference = of._inference
    out._made_without_grad = not mode.grad or of._made_without_grad


# --- backward -----------------------------------------------------------------------------------------------------


class set_grad:
    """Record, or not, inside a ``with`` block."""

    __slots__ = ("_before", "_recording")

    def __init__(self, recording: bool) -> None:
        self._recording = recording

    def __enter__(self) -> None:
        self._before = mode.grad
        mode.grad = self._recording

    def __exit__(self, *_: object) -> None:
        mode.grad = self._before


def run_backward(
    roots: Sequence[tuple[Any, Any]],
    *,
    captures: "Sequence[Any] | None" = None,
    accumulate: "Sequence[Any] | None" = None,
    create_graph: bool = False,
    retain_graph: bool | None = None,
) -> list[Any]:
    """Send the gradients of `roots`, pairs (edge, gradient), through the graph.

    Without `captures`, every leaf's gradient is added to its `grad`, or only those of the tensors in `accumulate`.
    With `captures` (tensors), nothing is accumulated and their gradients are returned, None where the roots do not
    depend on them. Nodes that lead to nothing wanted are not visited.
    """
    keep = create_graph if retain_graph is None else retain_graph
    targets = captures if captures is not None else accumulate
    useful = None if targets is None else _useful([edge for edge, _ in roots], [edge_of(t) for t in targets])
    captured: dict[Any, Any] = {} if targets is None else {id(edge_of(t)): None for t in targets}
    pending: dict[Node, Any] = {}
    leaves: dict[int, tuple[Any, Any]] = {}
    heap: list[tuple[int, Node]] = []

    def send(edge: Any, g: Any) -> None:
        if isinstance(edge, Node):
            if edge in pending:
                pending[edge] = pending[edge] + g
            else:
                pending[edge] = g
                heapq.heappush(heap, (-edge.seq, edge))
        else:
            before = leaves.get(id(edge))
            leaves[id(edge)] = (edge, g if before is None else before[1] + g)

    with set_grad(create_graph):
        for edge, g in roots:
            if useful is None or id(edge) in useful:
                send(edge, g)
        while heap:
            node = heapq.heappop(heap)[1]
            g = pending.pop(node)
            if node.outputs == 1:
                if node.hooks:
                    g = _run_hooks(node.hooks, g)
                if node.retain is not None:
                    _retain(node.retain, g)
                if id(node) in captured:
                    captured[id(node)] = g
            edges = node.edges
            if useful is not None:
                edges = tuple([edge if id(edge) in useful else None for edge in edges])
                if edges.count(None) == len(edges):
                    continue
            for edge, share in zip(edges, _pull(node, g, edges), strict=False):
                if edge is None or share is None:
                    continue
                if node.op is _output:
                    _deposit(pending, heap, node, share)
                else:
                    send(edge, _fit(share, edge, node))
            if not keep and node.versions:
                node.saved = None
        for tensor, g in leaves.values():
            g = _run_hooks(tensor._hooks, g)
            if id(tensor) in captured:
                captured[id(tensor)] = g
            if captures is None:
                _accumulate(tensor, g, create_graph)
        if captures is None and accumulate is not None:
            for tensor in accumulate:
                if tensor._node is not None and captured[id(edge_of(tensor))] is not None:
                    _accumulate(tensor, captured[id(edge_of(tensor))], create_graph)
    found = [] if captures is None else [captured[id(edge_of(t))] for t in captures]
    for g in found:
        if g is not None and g._made_for is not None:
            g._made_for = None  # the caller has it now
    return found


FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)


def _pull(node: Node, g: Any, edges: tuple[Any, ...]) -> Iterable[Any]:
    """Run one node's rules for the edges that are not None, between its own hooks.

    Before that it is checked that what was saved is still what it was.
    """
    if node.saved is None:
        raise RuntimeError(FREED)
    for cell, version, name in node.versions:
        if cell[0] != version:
            raise RuntimeError(
                "one of the variables needed for gradient computation has been modified by an inplace operation: "
                f"{name!r} of {node.name()}, of shape {list(node.shape)} in the result, is at version {cell[0]}; "
                f"expected version {version} instead. Hint: enable anomaly detection to find the operation that "
                "failed to compute its gradient, with torch.autograd.set_detect_anomaly(True)."
            )
    for hook in tuple(node.prehooks) if node.prehooks else ():
        replaced = hook(g if isinstance(g, tuple) else (g,))
        if replaced is not None:
            g = replaced if node.outputs > 1 or not isinstance(replaced, tuple) else replaced[0]
    shares = node.op.pullback(node, tuple(g) if isinstance(g, list) else g, edges)
    for hook in tuple(node.posthooks) if node.posthooks else ():
        replaced = hook(tuple(shares), g if isinstance(g, tuple) else (g,))
        if replaced is not None:
            shares = replaced if isinstance(replaced, tuple) else (replaced,)
    return shares  # type: ignore[no-any-return]


def _deposit(pending: dict[Node, Any], heap: list[tuple[int, Node]], output: Node, g: Any) -> None:
    """Put the gradient of one output of a multi-output call in its place."""
    call: Any = output.edges[0]
    if call not in pending:
        pending[call] = [None] * call.outputs
        heapq.heappush(heap, (-call.seq, call))
    before = pending[call][output.saved]  # an output and its `rewrap` are two nodes
    pending[call][output.saved] = g if before is None else before + g


def _fit(g: Any, edge: Any, node: Node) -> Any:
    """Undo broadcasting and dtype promotion, once, here, for every rule."""
    array = g._held
    shape, kind = (edge.shape, edge.kind) if isinstance(edge, Node) else (edge._array.shape, edge._array.dtype)
    if array.shape != shape:
        if not _broadcasts(shape, array.shape):
            raise RuntimeError(
                f"Function {node.name()} returned an invalid gradient: got shape {list(g.shape)}, "
                f"but expected a shape compatible with {list(shape)}"
            )
        g = g.sum_to_size(shape)
    if array.dtype != kind:
        g = g.to(wrap(numpy.empty(0, kind), g.device).dtype)
    return g


def _broadcasts(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    if len(small) > len(large):
        return False
    pairs = zip(reversed(small), reversed(large), strict=False)
    return all(s in (1, n) for s, n in pairs)


def _run_hooks(hooks: list[Hook] | None, g: Any) -> Any:
    for hook in tuple(hooks or ()):
        replaced = hook(g)
        if replaced is not None:
            if not isinstance(replaced, TensorBase):
                raise TypeError(f"hook must return None or a Tensor, got {type(replaced).__name__}")
            if replaced.shape != g.shape or replaced.dtype is not g.dtype:
                raise RuntimeError(
                    f"hook has changed the gradient: got {replaced.dtype} of shape {list(replaced.shape)}, "
                    f"expected {g.dtype} of shape {list(g.shape)}"
                )
            g = replaced
    return g


def _retain(reference: "weakref.ref[Any]", g: Any) -> None:
    tensor = reference()
    if tensor is not None:
        tensor._grad = g if tensor._grad is None else tensor._grad + g


def _accumulate(tensor: Any, g: Any, create_graph: bool) -> None:
    """Add to a leaf's `grad`: in place, as torch does, unless the sum itself is to be differentiated.

    The first gradient is copied, in the leaf's memory layout, because a rule may hand the same memory to several
    inputs (the sum's rule does); not so one that was made for this leaf.
    """
    if tensor._grad is None:
        tensor._grad = g if create_graph else _own(g, tensor)
    elif create_graph:
        tensor._grad = tensor._grad + g
    else:
        tensor._grad.add_(g)
    for hook in tuple(tensor._after_accumulate or ()):
        hook(tensor)


def _own(g: Any, tensor: Any) -> Any:
    if g._made_for is tensor and tensor._hooks is None and g._array.strides == tensor._array.strides:
        g._made_for = None
        return g
    array = tensor.device.xp.empty_like(tensor._array)
    array[...] = g._array
    return wrap(array, tensor.device)


def _age(node: Node) -> int:
    return node.seq


def _useful(roots: list[Any], targets: list[Any]) -> set[int]:
    """The ids of the targets and of every node between `roots` and a target."""
    seen: dict[int, Any] = {}
    stack = [edge for edge in roots if edge is not None]
    while stack:
        edge = stack.pop()
        if id(edge) not in seen:
            seen[id(edge)] = edge
            if isinstance(edge, Node):
                stack.extend(e for e in edge.edges if e is not None)
    useful = {id(t) for t in targets if t is not None}
    nodes = [edge for edge in seen.values() if isinstance(edge, Node)]
    nodes.sort(key=_age)
    for node in nodes:
        for edge in node.edges:
            if edge is not None and id(edge) in useful:
                useful.add(id(node))
                break
    return useful
