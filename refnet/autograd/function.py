"""`Function`: an operation with a forward and a backward of the user's own."""

from typing import Any

from refnet import _tape
from refnet._check import check
from refnet._tape import TensorBase


class FunctionCtx:
    """What `forward` leaves for `backward`: saved tensors, marks, and any attribute the user sets."""

    saved: tuple[Any, ...] = ()
    needs_input_grad: tuple[bool, ...] = ()
    _not_differentiable: tuple[Any, ...] = ()
    _dirty: tuple[Any, ...] = ()
    _materialize = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors (or None) for `backward`, where `saved_tensors` gives them back. Call it once, in forward."""
        for t in tensors:
            check(
                t is None or isinstance(t, TensorBase),
                lambda t=t: f"save_for_backward can only save variables, but argument is of type {type(t).__name__}",  # type: ignore[misc]
                TypeError,
            )
        self.saved = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Say which inputs `forward` wrote in place; they must be among the outputs."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say which outputs have no gradient."""
        self._not_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros (True, the default) or None for outputs that got no gradient."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors kept by `save_for_backward`, after a check that nobody wrote into them."""
        return self.saved


class _FunctionNode(_tape.Node):
    """The node of one `Function` call.

    `saved` lists what was kept: a tensor or None, or (array, position) for an output of the call, which as a tensor
    would close a cycle. `kinds` tells shape, dtype and device of each differentiable output.
    """

    __slots__ = ("ctx", "kinds", "single")

    ctx: Any
    kinds: list[Any]
    single: bool


class _FunctionOp:
    """What the tape needs of a Function class: a name and a pullback."""

    def __init__(self, function: "type[Function]") -> None:
        self.function = function
        self.__name__ = function.__name__

    def pullback(self, node: Any, g: Any, edges: tuple[Any, ...]) -> list[Any]:
        """Run the user's backward and line its results up with the edges."""
        cotangents = list(g) if isinstance(g, tuple) else [g]
        ctx = node.ctx
        if ctx._materialize:
            cotangents = [
                _zeros(*kind) if c is None and kind is not None else c
                for c, kind in zip(cotangents, node.kinds, strict=True)
            ]
        ctx.saved = tuple([_unpack(node, kept) for kept in node.saved])
        try:
            results = self.function.backward(ctx, *cotangents)
        finally:
            del ctx.saved  # the graph's tensors belong to the node, which frees them
        results = results if isinstance(results, tuple) else (results,)
        expected = len(node.edges)
        extra = results[expected:]
        check(
            len(results) >= expected and all(r is None for r in extra),
            lambda: (
                f"function {self.__name__} returned an incorrect number of gradients (expected {expected}, got {len(results)})"
            ),
        )
        for r in results:
            check(
                r is None or isinstance(r, TensorBase),
                lambda r=r: f"expected Variable or None (got {type(r).__name__}) from the backward of {self.__name__}",  # type: ignore[misc]
                TypeError,
            )
        return list(results[:expected])


def _zeros(shape: tuple[int, ...], dtype: Any, device: Any) -> Any:
    return _tape.wrap(device.xp.zeros(shape, dtype.numpy), device)


def _unpack(node: Any, kept: Any) -> Any:
    if not isinstance(kept, tuple):
        return kept
    array, position = kept
    node.device = node.kinds[position][2]
    return _tape.rewrap(array, node, None if node.single else position)


class Function:
    """Subclass it with two static methods and call ``apply``.

    ``forward(ctx, *args)`` computes, unrecorded, and may keep tensors with ``ctx.save_for_backward``;
    ``backward(ctx, *grad_outputs)`` returns one gradient (or None) per argument of forward. A separate
    ``setup_context(ctx, inputs, output)`` may do the saving, then forward takes no ctx. Written in Tensor algebra, a
    backward can be differentiated again; ``ctx.needs_input_grad`` tells which arguments want a gradient.

    >>> import refnet
    >>> class Square(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return 2 * x * g
    >>> x = refnet.tensor(3.0, requires_grad=True)
    >>> Square.apply(x).backward()
    >>> x.grad
    tensor(6.)
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs, tensors or a tuple of them, from the arguments."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep what backward needs, when forward takes no ctx."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Turn the gradients of the outputs into those of the arguments."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward "
            "mode AD."
        )

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run forward and leave a node on the outputs if any tensor argument requires a gradient."""
        ctx: Any = FunctionCtx()
        edges = tuple([_tape.edge_of(a) if isinstance(a, TensorBase) else None for a in args])
        ctx.needs_input_grad = tuple([edge is not None for edge in edges])
        with _tape.set_grad(False):
            if cls.setup_context is Function.setup_context:
                outputs = cls.forward(ctx, *args)
            else:
                outputs = cls.forward(*args)
                cls.setup_context(ctx, args, outputs)
        if _tape.mode.grad and any(ctx.needs_input_grad):
            many = isinstance(outputs, tuple)
            made = tuple([_fresh(out, args, ctx) for out in (outputs if many else (outputs,))])
            _record(cls, ctx, edges, made if many else made[0], outputs if many else (outputs,))
            return made if many else made[0]
        return outputs

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refused: torch calls Functions by ``apply``."""
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function "
            f"with static forward method: {type(self).__name__}.apply(...)"
        )


def _fresh(out: Any, args: tuple[Any, ...], ctx: Any) -> Any:
    """An output as a tensor that may get a node: an input returned as it is becomes a view of its own, unless dirty."""
    if isinstance(out, TensorBase) and any(out is a for a in args) and not any(out is d for d in ctx._dirty):
        return out.detach()  # type: ignore[attr-defined]
    if isinstance(out, TensorBase) and any(out is d for d in ctx._dirty):
        out._version_cell[0] += 1
    return out


def _record(cls: "type[Function]", ctx: Any, edges: tuple[Any, ...], made: Any, returned: tuple[Any, ...]) -> None:
    """Hang a node on the differentiable outputs and move what ctx saved into it."""
    outputs = made if isinstance(made, tuple) else (made,)
    marked = [
        out if isinstance(out, TensorBase) and not any(out is n for n in ctx._not_differentiable) else None
        for out in outputs
    ]
    if all(out is None for out in marked):
        return
    node = _FunctionNode(_FunctionOp(cls), edges, None)
    node.ctx = ctx
    node.single = not isinstance(made, tuple)
    node.kinds = [None if out is None else (out._array.shape, out.dtype, out.device) for out in marked]
    node.saved = []
    for t in ctx.saved:
        position = next((i for i, out in enumerate(returned) if out is t and marked[i] is t), None)
        node.saved.append(t if position is None else (t._array, position))
        if t is not None:
            node.versions.append((t._version_cell, t._version_cell[0], "a saved tensor"))
    _tape.attach(node, marked[0] if node.single else tuple(marked))
    ctx.saved = ()
