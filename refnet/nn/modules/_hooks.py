"""Hooks of a module's call: before and after forward, and around backward.

Backward hooks need to know when the gradients of a module's outputs and of its inputs are complete. Two identities
tell: one around the outputs, one around the inputs, each a node of the graph whose rule runs the hooks. A module's
inner nodes are all newer than the input identity and older than the output one, so the order is right.
"""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

from refnet._check import check
from refnet._recording.active import active, depend
from refnet._tape import RemovableHandle, TensorBase, edge_of, is_grad_enabled, record, wrap

Hook = Callable[..., Any]


class ForwardHook(NamedTuple):
    """A registered forward (pre-)hook and how it wants to be called."""

    function: Hook
    with_kwargs: bool
    always_call: bool = False


class HookLists:
    """The five lists of hooks that take part in a call; a module is one, and `everywhere` is another."""

    _forward_pre_hooks: list[ForwardHook]
    _forward_hooks: list[ForwardHook]
    _backward_pre_hooks: list[Hook]
    _backward_hooks: list[Hook]

    def _make_hook_lists(self) -> None:
        for name in ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks"):
            object.__setattr__(self, name, [])

    def _is_hooked(self) -> bool:
        return bool(self._forward_pre_hooks or self._forward_hooks or self._backward_hooks or self._backward_pre_hooks)


everywhere = HookLists()  # hooks of every module's call
everywhere._make_hook_lists()


def add_hook(hooks: list[Any], hook: Any, prepend: bool = False) -> RemovableHandle:
    """Put `hook` at the end of the list, or at its front; the handle takes it back."""
    handle = RemovableHandle(hooks, hook)
    if prepend:
        hooks.insert(0, hooks.pop())
    return handle


def _mode(module: Any) -> bool:
    return bool(module.training)


class Hooked(HookLists):
    """The hook methods of `Module`, and its call."""

    forward: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if active.recorder is not None:
            depend(self, _mode)
        if not self._is_hooked() and not everywhere._is_hooked():
            return self.forward(*args, **kwargs)
        return _Call(self, args, kwargs).run()

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before every forward.

        What it returns replaces the arguments: a value, or a tuple of them. With `with_kwargs` the call is
        ``hook(module, args, kwargs)`` and a pair (args, kwargs) replaces both. `prepend` puts it before the others.
        """
        return add_hook(self._forward_pre_hooks, ForwardHook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after every forward; what it returns replaces the output.

        With `with_kwargs` the call is ``hook(module, args, kwargs, output)``. With `always_call` the hook runs also
        when forward, or an earlier hook, raised; the output is then what there was of it.

        >>> import refnet
        >>> layer = refnet.nn.Identity()
        >>> handle = layer.register_forward_hook(lambda module, args, output: output * 2)
        >>> layer(refnet.ones(2))
        tensor([2., 2.])
        >>> handle.remove()
        >>> layer(refnet.ones(2))
        tensor([1., 1.])
        """
        return add_hook(self._forward_hooks, ForwardHook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` once the gradients of the outputs are known.

        `grad_output` is a tuple with an entry per output, None for what is no tensor. A tuple returned replaces it.
        """
        return add_hook(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` once the gradients of the inputs are known.

        Both are tuples with an entry per positional argument and per output, None for what is no tensor. A tuple
        returned replaces `grad_input` in what follows.
        """
        return add_hook(self._backward_hooks, hook, prepend)


def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, args)`` before every forward of every module."""
    return add_hook(everywhere._forward_pre_hooks, ForwardHook(hook, False))


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after every forward of every module."""
    return add_hook(everywhere._forward_hooks, ForwardHook(hook, with_kwargs, always_call))


def register_module_full_backward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` before the backward of every module."""
    return add_hook(everywhere._backward_pre_hooks, hook)


def register_module_full_backward_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` after the backward of every module."""
    return add_hook(everywhere._backward_hooks, hook)


class _Call:
    """One call of a hooked module."""

    def __init__(self, module: Hooked, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.module, self.args, self.kwargs = module, args, kwargs
        self.output: Any = None
        self.pending = [h for h in (*everywhere._forward_hooks, *module._forward_hooks) if h.always_call]

    def run(self) -> Any:
        try:
            self._before()
            backward = self._backward_hooks()
            if backward is not None:
                self.args = backward.around_inputs(self.args)
            self.output = self.module.forward(*self.args, **self.kwargs)
            self._after()
            return self.output if backward is None else backward.around_output(self.output)
        except Exception:
            self._run_pending()
            raise

    def _before(self) -> None:
        for hook in (*everywhere._forward_pre_hooks, *self.module._forward_pre_hooks):
            if hook.with_kwargs:
                replaced = hook.function(self.module, self.args, self.kwargs)
                if replaced is not None:
                    self.args, self.kwargs = _pair(replaced)
            else:
                replaced = hook.function(self.module, self.args)
                if replaced is not None:
                    self.args = replaced if isinstance(replaced, tuple) else (replaced,)

    def _after(self) -> None:
        for hook in (*everywhere._forward_hooks, *self.module._forward_hooks):
            self.pending = [h for h in self.pending if h is not hook]
            self._run_forward_hook(hook)

    def _run_forward_hook(self, hook: ForwardHook) -> None:
        kwargs = (self.kwargs,) if hook.with_kwargs else ()
        replaced = hook.function(self.module, self.args, *kwargs, self.output)
        if replaced is not None:
            self.output = replaced

    def _run_pending(self) -> None:
        """Run the always-called hooks that an exception kept from running; what they raise is only warned of."""
        for hook in self.pending:
            try:
                self._run_forward_hook(hook)
            except Exception as error:
                warnings.warn(
                    "module forward hook with ``always_call=True`` raised an exception that was silenced as another "
                    f"error was raised in forward: {error}",
                    stacklevel=4,
                )

    def _backward_hooks(self) -> "_BackwardHooks | None":
        module = self.module
        before = [*everywhere._backward_pre_hooks, *module._backward_pre_hooks]
        after = [*everywhere._backward_hooks, *module._backward_hooks]
        return _BackwardHooks(module, before, after) if before or after else None


def _pair(replaced: Any) -> Any:
    check(
        isinstance(replaced, tuple) and len(replaced) == 2,
        lambda: f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {replaced}.",
    )
    return replaced


class _BackwardHooks:
    """The backward hooks of one call, between its two identities."""

    def __init__(self, module: Hooked, before: list[Hook], after: list[Hook]) -> None:
        self.module, self.before, self.after = module, before, after
        self.blanks: tuple[Any, ...] = ()  # of each argument: shape, type and device, None for what is no tensor
        self.has_input_identity = False
        self.grad_outputs: tuple[Any, ...] | None = None  # between the output's identity and the input's

    def around_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments behind the identity that runs the backward hooks."""
        self.blanks = tuple(
            (x._array.shape, x._array.dtype, x.device) if isinstance(x, TensorBase) else None for x in args
        )
        args, self.has_input_identity = _identity(args, self._at_inputs)
        return args

    def around_output(self, output: Any) -> Any:
        """The output, a tensor or a tuple, behind the identity that runs the backward pre-hooks."""
        if isinstance(output, tuple):
            return _identity(output, self._at_outputs)[0]
        if not isinstance(output, TensorBase):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but received "
                f"{type(output)}",
                stacklevel=4,
            )
            return output
        return _identity((output,), self._at_outputs)[0][0]

    def _at_outputs(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.before:
            replaced = hook(self.module, grads)
            if replaced is not None:
                _check_count("Backward pre hook", "grad_output", replaced, grads)
                grads = replaced
        if self.has_input_identity:
            self.grad_outputs = grads
        else:
            self._without_inputs(grads)
        return grads

    def _without_inputs(self, grads: tuple[Any, ...]) -> None:
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs "
            "require gradients.",
            stacklevel=2,
        )
        for hook in self.after:
            replaced = hook(self.module, (None,) * len(self.blanks), grads)
            check(
                replaced is None or (isinstance(replaced, tuple) and all(g is None for g in replaced)),
                lambda: (
                    "Backward hook for Modules where no input requires gradient should always return None or "
                    "None for all gradients."
                ),
            )

    def _at_inputs(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        if self.grad_outputs is None:  # a gradient that did not come through the output, as in double backward
            return grads
        grads = tuple(  # torch's hooks see zeros for a tensor that got no gradient
            wrap(blank[2].xp.zeros(*blank[:2]), blank[2]) if g is None and blank is not None else g
            for g, blank in zip(grads, self.blanks, strict=True)
        )
        for hook in self.after:
            replaced = hook(self.module, grads, self.grad_outputs)
            if replaced is not None:
                _check_count("Backward hook", "grad_input", replaced, grads)
                grads = replaced
        self.grad_outputs = None
        return grads


def _check_count(hook: str, what: str, got: Any, expected: tuple[Any, ...]) -> None:
    check(
        len(got) == len(expected),
        lambda: f"{hook} returned an invalid number of {what}, got {len(got)}, but expected {len(expected)}",
    )


class _Identity:
    """The operation of an identity node: hands the gradients of `values` to `rule`, None where none came."""

    __name__ = "backward_hook_function"

    def __init__(self, rule: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> None:
        self.rule = rule

    def pullback(self, node: Any, g: tuple[Any, ...], edges: tuple[Any, ...]) -> tuple[Any, ...]:
        return self.rule(g)


def _differentiable(value: Any) -> bool:
    return isinstance(value, TensorBase) and edge_of(value) is not None


def _identity(values: tuple[Any, ...], rule: Any) -> tuple[tuple[Any, ...], bool]:
    """`values` with the differentiable tensors behind an identity node, and whether there are any."""
    if not is_grad_enabled() or not any(_differentiable(x) for x in values):
        return values, False
    aliases = tuple(_alias(x) if _differentiable(x) else None for x in values)
    edges = tuple(edge_of(x) if _differentiable(x) else None for x in values)
    record(_Identity(rule), edges, {}, aliases)
    passed = tuple(x if alias is None else alias for x, alias in zip(values, aliases, strict=True))
    return passed, True


def _alias(tensor: Any) -> Any:
    """The same memory and version counter under a new tensor."""
    alias = wrap(tensor._array, tensor.device)
    alias._version_cell = tensor._version_cell
    return alias
